"""datav status"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def status(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Datasets; by default all.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if a dataset is not clean, or not pushed.")
    ] = False,
) -> None:
    """Compare the data on disk with its manifests, and these with git.

    clean: as the manifest says. modified: not. deleted: not on disk, but stored. missing: neither on disk nor
    stored here. conflicted: a merge left conflicts. untracked: git does not know the manifest.
    not pushed: the default remote did not have it when it was last asked; nothing is asked now.
    """
    from datav.repo.status import status as compare
    from datav.report.status import status_json, status_text

    output = terminal()
    with opened(output) as repository:
        result = compare(repository, paths or [])
    output.show(status_text(result, output.style, verbose=output.verbose), status_json(result))
    if exit_code and not (result.is_clean and result.is_pushed):
        raise typer.Exit(1)
