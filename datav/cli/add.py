"""datav add"""

from typing import Annotated

import typer

from datav.cli.columns import parse_columns
from datav.cli.context import opened, terminal


def add(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Files, directories, patterns.")],
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="A,B", help="Columns that identify a row; '' for none."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
    no_stage: Annotated[bool, typer.Option("--no-stage", help="Leave git's index alone.")] = False,
) -> None:
    """Store data as it lies on disk, and stage its manifests in git."""
    from datav.repo.add import add as add_paths
    from datav.report.add import add_json, add_text, add_warnings

    output = terminal()
    with opened(output) as repository:
        columns = None if key is None else parse_columns(key)
        result = add_paths(repository, paths, key=columns, dry_run=dry_run, stage=not no_stage)
    output.warn(add_warnings(result))
    output.show(add_text(result, output.style, output.elapsed_s), add_json(result, output.elapsed_s))
