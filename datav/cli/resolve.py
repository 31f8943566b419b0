"""datav resolve"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datav.cli.columns import parse_columns
from datav.cli.context import opened, terminal
from datav.errors import UsageError

if TYPE_CHECKING:
    from datav.formats.conflict import Given, Side


def resolve(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A dataset, or a file in one.")],
    ours: Annotated[bool, typer.Option("--ours", help="Take our version.")] = False,
    theirs: Annotated[bool, typer.Option("--theirs", help="Take their version.")] = False,
    base: Annotated[bool, typer.Option("--base", help="Take what both began with.")] = False,
    file: Annotated[
        Path | None,
        typer.Option("--with", metavar="FILE", help="An edited sheet, or the resolved file itself."),
    ] = None,
    row: Annotated[
        str | None, typer.Option("--row", metavar="KEY=VALUE,...", help="Only of rows with this key.")
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="Only of this column.")
    ] = None,
    value: Annotated[
        str | None, typer.Option("--value", metavar="TEXT", help="Take this value, for one cell.")
    ] = None,
) -> None:
    """Decide conflicts of a merge; when none is left, finish the merge of the dataset and stage it.

    Without a choice it merges again: what git left unmerged, or by rules that were changed.
    Exit status: 0 nothing is left, 1 some conflicts are, 2 error.
    """
    from datav.repo.resolve import Choice
    from datav.repo.resolve import resolve as resolve_dataset
    from datav.report.conflicts_text import resolved_text
    from datav.report.merge_json import resolved_json

    output = terminal()
    take = _choose(ours=ours, theirs=theirs, base=base, value=value, is_file=file is not None)
    cells = _parse_row(row) if row is not None else {}
    place = output.here / file if file is not None else None
    with opened(output) as repository:
        result = resolve_dataset(repository, path, Choice(take, cells, column, place))
    output.show(resolved_text(result, output.style), resolved_json(result))
    if result.open:
        raise typer.Exit(1)


def _choose(
    *, ours: bool, theirs: bool, base: bool, value: str | None, is_file: bool
) -> "Side | Given | None":
    from datav.formats.conflict import Given

    if sum((ours, theirs, base, value is not None, is_file)) > 1:
        raise UsageError("--ours, --theirs, --base, --value and --with are different choices: take one")
    if value is not None:
        return Given(value)
    return "ours" if ours else "theirs" if theirs else "base" if base else None


def _parse_row(text: str) -> dict[str, str]:
    cells = {}
    for part in parse_columns(text):
        name, equals, cell = part.partition("=")
        if not equals:
            raise UsageError(
                f"--row {part} names no value", hint="`--row id=7`, or `--row year=2024,code=AT`"
            )
        cells[name] = cell
    return cells
