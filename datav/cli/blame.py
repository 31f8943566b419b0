"""datav blame"""

import shutil
import sys
from typing import Annotated

import typer

from datav.cli.columns import parse_columns
from datav.cli.context import opened, terminal

DEFAULT_LIMIT = 50


def blame(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A dataset that is a table.")],
    rev: Annotated[str, typer.Argument(metavar="REV", help="Of which version.")] = "HEAD",
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="NAME", help="Only changes of the cells of this column count."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="A,B", help="Columns that identify a row; '' for none.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", metavar="CONDITION", help="Only rows that meet it.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Show at most so many rows.")
    ] = DEFAULT_LIMIT,
    everything: Annotated[bool, typer.Option("--all", help="Show all rows.")] = False,
) -> None:
    """Show for each row of a table the commit that last changed it, or added it.

    ? it, or a commit before it whose version cannot be read.
    """
    from datav.repo.blame import blame as find_makers
    from datav.report.blame import blame_json, blame_text, unread_lines
    from datav.tables.predicate import parse_predicate

    output = terminal()
    condition = parse_predicate(where) if where is not None else None
    with opened(output) as repository:
        result = find_makers(
            repository,
            path,
            rev,
            key=None if key is None else parse_columns(key),
            column=column,
            where=condition,
            limit=None if everything else limit,
        )
    # What is piped is read by a program, or searched: a row that is cut is not found.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    text = blame_text(result, output.style, width)
    output.show(text, blame_json(result))
    output.warn(unread_lines(result))
