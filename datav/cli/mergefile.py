"""datav merge-file"""

import sys
from typing import Annotated

import typer

from datav.cli.columns import parse_columns
from datav.cli.context import terminal
from datav.cli.outputs import is_standard_output


def merge_file(
    base: Annotated[str, typer.Argument(metavar="BASE", help="What both sides began with; may be empty.")],
    ours: Annotated[str, typer.Argument(metavar="OURS", help="Our version: its order, its way of writing.")],
    theirs: Annotated[str, typer.Argument(metavar="THEIRS", help="Their version.")],
    key: Annotated[
        str | None, typer.Option("--key", metavar="A,B", help="Columns that identify a row; '' for none.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="Write there, may be OURS; `-`: standard output."),
    ] = None,
) -> None:
    """Merge three versions of a table by row and cell; where cells conflict OUT has ours.

    Exit status: 0 merged, 1 conflicts, 2 error.
    """
    from datav.repo.mergefile import merge_file as merge
    from datav.report.mergefile import merge_file_json, merge_file_text

    output = terminal()
    stream = sys.stdout.buffer if out is not None and is_standard_output(output.here / out) else None
    columns = None if key is None else parse_columns(key)
    result = merge(output.here, (base, ours, theirs), key=columns, output=out, stream=stream)
    if stream is None:
        output.show(merge_file_text(result, output.style, verbose=output.verbose), merge_file_json(result))
    if result.items:
        raise typer.Exit(1)
