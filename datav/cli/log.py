"""datav log"""

import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from datav.cli.columns import parse_columns
from datav.cli.context import opened, terminal
from datav.errors import UsageError

if TYPE_CHECKING:
    from datav.repo.log import RowQuery


def log(
    path: Annotated[str | None, typer.Argument(metavar="PATH", help="A dataset; by default all.")] = None,
    rev: Annotated[str, typer.Option("--rev", metavar="REV", help="Where to begin.")] = "HEAD",
    limit: Annotated[
        int | None, typer.Option("-n", "--limit", metavar="N", min=1, help="At most so many commits.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="CONDITION", help="Only commits that changed a row that meets it."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="A,B", help="Columns that identify a row; '' for none.")
    ] = None,
) -> None:
    """Show the commits that changed a dataset, and how: + rows added. - removed. ~ changed."""
    from datav.repo.log import Log, iter_log
    from datav.report.log import entry_text, log_json, nothing_text

    output = terminal()
    query = _query(path, where, key)
    with opened(output) as repository:
        entries = []
        for entry in iter_log(repository, path, rev=rev, limit=limit, rows=query):
            entries.append(entry)
            if not output.as_json:
                # As they are found: who is shown the newest one need not wait for the oldest.
                output.show(entry_text(entry, output.style, shutil.get_terminal_size().columns), {})
        asked = repository.relative(path) if path is not None else None
    if output.as_json:
        output.show("", log_json(Log(asked, rev, tuple(entries))))
    elif not entries:
        output.show(nothing_text(has_path=asked is not None, has_condition=where is not None), {})


def _query(path: str | None, where: str | None, key: str | None) -> "RowQuery | None":
    """What is wanted of rows; None without a path, for then only manifests are read."""
    from datav.repo.log import RowQuery

    if path is None:
        if where is not None or key is not None:
            raise UsageError(
                "`--where` and `--key` need a dataset", hint='as in `datav log data.csv --where "id = 42"`'
            )
        return None
    condition = None
    if where is not None:
        from datav.tables.predicate import parse_predicate

        condition = parse_predicate(where)
    return RowQuery(condition, None if key is None else parse_columns(key))
