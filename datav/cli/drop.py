"""datav drop"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def drop(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Datasets, or directories above some.")],
    remote: Annotated[
        str | None, typer.Option("--remote", metavar="NAME", help="Which must have it, not the default one.")
    ] = None,
    keep_current: Annotated[
        bool, typer.Option("--keep-current", help="Keep what the manifests on disk name.")
    ] = False,
    only_user: Annotated[
        bool,
        typer.Option("--only-user", help="No other repository has data in this store, which lies elsewhere."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> None:
    """Free the space that datasets take in the local store, once a remote was seen to have all of it.

    The files on disk stay; what other datasets need stays, too.
    """
    from datav.repo.drop import drop as drop_datasets
    from datav.report.drop import drop_json, drop_text

    output = terminal()
    with opened(output) as repository:
        result = drop_datasets(
            repository,
            paths,
            remote=remote,
            keep_current=keep_current,
            dry_run=dry_run,
            is_only_user=only_user,
        )
    output.show(drop_text(result, output.style), drop_json(result))
