"""datav ls"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def ls(
    spec: Annotated[
        str | None,
        typer.Argument(metavar="[REV:][PATH]", help="A dataset, a path in one, or a directory above some."),
    ] = None,
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="All that is below, too.")] = False,
) -> None:
    """List datasets, or what is in one, in the work tree or at a revision.  Needs no data on disk."""
    from datav.repo.listing import list_datasets_at, list_path
    from datav.report.listing import listing_json, listing_text

    output = terminal()
    with opened(output) as repository:
        found = (
            list_datasets_at(repository) if spec is None else list_path(repository, spec, recursive=recursive)
        )
    output.show(listing_text(found, output.style), listing_json(found))
