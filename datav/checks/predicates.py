"""`sql`: predicates that hold for every row, asked of DuckDB.

A predicate comes from a file of the repository, whose author need not be trusted: DuckDB has no file system,
no network and no extensions, and its settings are locked.  What is asked has to be one expression over the
columns of the table; there is no other table, and no query inside.  Its memory is limited, but for the texts
that a predicate makes, which DuckDB does not count: functions that make long ones of short ones are refused.

As a CHECK of SQL: a row of which a predicate is null keeps it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow

from datav.checks.cells import take_cells
from datav.checks.finding import Finding
from datav.checks.promises import KEPT, MOST_EXAMPLES, Promise, counted, listed, name, shown
from datav.checks.scanning import Batch
from datav.errors import UsageError
from datav.relpath import one_line
from datav.tables.arrays import integers
from datav.tables.cellvalues import cell_text, cell_values
from datav.tables.typenames import type_name

_TABLE = "data"

_AMPLIFIERS = frozenset(
    {"array_resize", "bar", "bitstring", "format", "generate_series", "list_resize", "lpad", "printf"}
    | {"range", "repeat", "rpad"}
)
# Nothing but time.
_SLEEPERS = frozenset({"sleep_ms"})

# One batch is some MB; a predicate that needs more is an attack, or one that would not end either.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "512MB",
    "max_temp_directory_size": "0KB",
    "threads": "1",
    "lock_configuration": "true",
}

# What DuckDB adds: where in a query that nobody wrote, and columns among which are ours.
_ASIDE = re.compile(r"\n\nLINE |\nCandidate bindings: ")

_HINT = "a predicate is one expression over the columns of the table, such as `price >= 0`"

# What is longer nobody reads; parsers end at a depth of their own.
_LONGEST = 2**14
_LONGEST_REASON = 300


# Any, here and below: neither pyarrow nor DuckDB has types that mypy could see.
class Database:
    """DuckDB without a world around it; used from one thread, and closed."""

    def __init__(self, origin: str) -> None:
        """Open it.

        Args:
            origin: of the first predicate.

        Raises:
            UsageError: DuckDB is not installed.
        """
        try:
            import duckdb
        except ImportError as exc:
            raise UsageError(
                f"{origin}: predicates in SQL need DuckDB, which is not installed",
                hint="run `pip install 'datav[sql]'`",
            ) from exc
        self._errors = (duckdb.Error, pyarrow.ArrowException)
        self._of_cells = (
            duckdb.ConversionException,
            duckdb.InvalidInputException,
            duckdb.OutOfRangeException,
        )
        self._connection = duckdb.connect(":memory:", config=_CONFIG)

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()

    def find_names(self, promise: Promise, text: str) -> frozenset[str]:
        """Return the names in a predicate that stand for columns, and maybe some others.

        Raises:
            UsageError: it is not one expression.
        """
        if len(text) > _LONGEST:
            raise _refused(promise, f"the predicate is longer than {_LONGEST} characters")
        with self._asking(promise):
            ((answer,),) = self.ask("SELECT json_serialize_sql(?)", [f"SELECT (\n{text}\n)"])
        tree = json.loads(answer)
        if tree.get("error"):
            raise _refused(promise, str(tree.get("error_message", "it is no SQL")))
        names: set[str] = set()
        nodes = list(_nodes(tree))
        if sum("select_list" in node for node in nodes) != 1 or not _is_bare(tree):
            raise _refused(promise, "it is more than one expression")
        for node in nodes:
            if node.get("class") == "STAR":
                raise _refused(promise, "it has a star")
            if str(node.get("function_name", "")).lower() in _AMPLIFIERS | _SLEEPERS:
                raise _refused(promise, f"the function {node['function_name']} is not allowed")
            if node.get("class") == "COLUMN_REF":
                names.update(map(str, node.get("column_names", ())))
        return frozenset(names)

    def check_type(self, promise: Promise, text: str, rows: Any, columns: Sequence[str]) -> None:
        """Look at what a predicate is of a table.

        Args:
            rows: of the columns that it uses, and their numbers.
            columns: all that there are.

        Raises:
            UsageError: it speaks of what is not there, or is neither true nor false.
        """
        try:
            with self._asking(promise), self._showing(rows):
                ((_, kind, *_),) = self.ask(f"DESCRIBE SELECT (\n{text}\n) FROM {_TABLE}")
        except UsageError as error:
            # A column of text where numbers are meant may well be the reason.
            own = ", ".join(f"`{name(each.name)}` {type_name(each.type)}" for each in list(rows.schema)[:-1])
            rest = [column for column in columns if column not in rows.column_names]
            more = f"; there are also {listed(rest)}" if rest else ""
            error.hint = f"{_HINT}; it is asked of {own}{more}"
            raise
        if kind != "BOOLEAN":
            raise _refused(promise, f"it is {kind}, and neither true nor false")

    def find_broken(self, promise: Promise, text: str, rows: Any, most: int) -> tuple[int, list[int]]:
        """Return for how many rows a predicate is false, and the numbers of some of them.

        Args:
            rows: a table that has their numbers in a column of this name: _NUMBER.

        Raises:
            Unanswerable: a cell of these rows is not what it takes.
            UsageError: it cannot be worked out.
        """
        where = f"FROM {_TABLE} WHERE NOT (\n{text}\n)"
        with self._asking(promise), self._showing(rows):
            try:
                ((count,),) = self.ask(f"SELECT count(*) {where}")
                found = self.ask(f"SELECT {_NUMBER} {where} LIMIT {most}") if count and most else []
            except self._of_cells as exc:
                raise Unanswerable(_brief(str(exc))) from exc
        return count, [number for (number,) in found]

    def ask(self, query: str, values: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of an answer."""
        found: list[tuple[Any, ...]] = self._connection.execute(query, list(values)).fetchall()
        return found

    @contextmanager
    def _showing(self, rows: Any) -> Iterator[None]:
        self._connection.register(_TABLE, rows)
        try:
            yield
        finally:
            self._connection.unregister(_TABLE)

    @contextmanager
    def _asking(self, promise: Promise) -> Iterator[None]:
        try:
            yield
        except self._errors as exc:
            raise _refused(promise, str(exc)) from exc


_NUMBER = "datav_row_number"


class Unanswerable(Exception):
    """A predicate has no answer for some row: a cast of a cell that is no number, say."""


class PredicateScan:
    """A scan: rows for which a predicate is false.

    Args:
        columns: of the table, in order.
        key: columns that tell rows apart, for people.

    Raises:
        UsageError: the predicate is not one expression; or, while rows are read, it does not fit the columns.
    """

    def __init__(
        self, database: Database, promise: Promise, text: str, columns: Sequence[str], key: Sequence[str]
    ) -> None:
        self._database, self._promise, self._text = database, promise, text
        self._all_columns = columns
        self._used = _used_columns(database.find_names(promise, text), columns) or tuple(columns[:1])
        self.columns = tuple(dict.fromkeys((*key, *self._used)))
        self._is_checked = False
        self._rows = self._broken = 0
        self._examples: list[str] = []
        self._unanswered = ""

    def add(self, batch: Batch) -> None:
        if not batch.rows or self._unanswered:
            return
        arrays = [batch.cells(column).typed for column in self._used]
        rows = pyarrow.table([*arrays, integers(np.arange(batch.rows))], names=[*self._used, _NUMBER])
        if not self._is_checked:
            self._database.check_type(self._promise, self._text, rows, self._all_columns)
            self._is_checked = True
        most = MOST_EXAMPLES - len(self._examples)
        try:
            count, places = self._database.find_broken(self._promise, self._text, rows, most)
        except Unanswerable as exc:
            self._unanswered = str(exc)
            return
        self._rows += batch.rows
        self._broken += count
        if places:
            self._examples += _shown_rows(batch, self.columns, places)

    def findings(self) -> tuple[Finding, ...]:
        text = one_line(" ".join(self._text.split()))
        told = text if len(text) <= 80 else f"{text[:79]}…"
        if self._unanswered:
            return self._promise.broken(
                f"`{told}` has no answer for some row: {self._unanswered}",
                measure=self._promise.rule,
                value=None,
                limit=0,
            )
        if not self._broken:
            return KEPT
        first = f": {self._examples[0]}" if self._examples else ""
        verb = "does" if self._rows == 1 else "do"
        return self._promise.broken(
            f"{self._broken:,} of {counted(self._rows, 'row')} {verb} not keep `{told}`{first}",
            measure=self._promise.rule,
            value=self._broken,
            limit=0,
            examples=self._examples,
        )


def _used_columns(names: frozenset[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a predicate may mean; to SQL capitals are as good as others."""
    folded = {each.lower() for each in names}
    exact = {column.lower() for column in columns if column in names}
    return tuple(
        column
        for column in columns
        if column in names or (column.lower() in folded and column.lower() not in exact)
    )


def _shown_rows(batch: Batch, columns: Sequence[str], places: list[int]) -> list[str]:
    chosen = np.array(places, np.int64)
    texts = [
        [_shown_cell(value) for value in cell_values(take_cells(batch.cells(column).plain, chosen))]
        for column in columns
    ]
    names = [name(column) for column in columns]
    return [" ".join(map("{}={}".format, names, row)) for row in zip(*texts, strict=True)]


def _shown_cell(value: object) -> str:
    if value is None:
        return "null"
    return shown(value) if isinstance(value, bool | int | float) else shown(cell_text(value))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects in JSON."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _is_bare(tree: Any) -> bool:
    """Whether a query is of one expression, from nowhere and of nothing else."""
    statements = tree.get("statements", [])
    if len(statements) != 1:
        return False
    query = statements[0].get("node", {})
    extra = ("where_clause", "group_expressions", "having", "sample", "qualify", "modifiers")
    return (
        query.get("type") == "SELECT_NODE"
        and len(query.get("select_list", ())) == 1
        and query.get("from_table", {}).get("type") == "EMPTY"
        and not any(query.get(each) for each in extra)
    )


def _refused(promise: Promise, reason: str) -> UsageError:
    return UsageError(f"{promise.origin}: `{promise.rule}`: {_brief(reason)}", hint=_HINT)


def _brief(reason: str) -> str:
    """Return what DuckDB says on one line."""
    told = one_line(" ".join(_ASIDE.split(reason)[0].split()))
    return told if len(told) <= _LONGEST_REASON else f"{told[: _LONGEST_REASON - 1]}…"
