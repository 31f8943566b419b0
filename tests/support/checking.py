"""Tables as rules see them, without a repository: `TableSubject` of a file's bytes or of a table of Arrow.

checks = check(text_subject("a.csv", b"id\n1\n"), column("id", not_null=True))
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from datav.checks.expectations import Checks, check_expectations
from datav.checks.subject import Subject
from datav.errors import UnknownDatasetError
from datav.formats.manifest import ColumnInfo
from datav.profiles.profile import TableProfile
from datav.settings.checks import CheckSettings, ColumnChecks
from datav.storage.scratch import Scratch
from datav.tables.cellbatches import read_cells
from datav.tables.opening import open_table
from datav.tables.rules import TableRules
from datav.tables.source import NotATable
from datav.tables.version import TableVersion
from tests.support.profiling import Bytes, profile_bytes

NOW = datetime(2026, 7, 1, tzinfo=UTC)


@dataclass
class TableSubject:
    """One table; implements datav.checks.subject.Subject.

    Args:
        reads: how often its rows were read.
    """

    path: str
    data: bytes
    key: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    may_read: bool = True
    reads: int = 0

    @cached_property
    def version(self) -> TableVersion:
        found = open_table(self._name, Bytes(self.data), Scratch(), TableRules())
        assert not isinstance(found, NotATable), found.reason
        return found

    @property
    def _name(self) -> str:
        return self.path if "." in self.path else f"{self.path}.csv"

    @property
    def format(self) -> str:
        return self.version.format

    @property
    def encoding(self) -> str | None:
        return getattr(self.version, "encoding", None)

    @cached_property
    def profile(self) -> TableProfile:
        return profile_bytes(self._name, self.data)

    @cached_property
    def columns(self) -> tuple[ColumnInfo, ...]:
        if self.format == "jsonl":
            return tuple(
                ColumnInfo(each.name, each.type) for each in self.profile.columns if "[]" not in each.name
            )
        if self.format in ("csv", "tsv"):
            return tuple(ColumnInfo(each.name, each.type) for each in self.profile.columns)
        return tuple(self.version.columns)

    @property
    def row_count(self) -> int:
        return self.profile.rows

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        assert self.may_read, f"rows were read: {columns}"
        self.reads += 1
        with ThreadPoolExecutor(1) as executor:
            for batch in read_cells(self.version, columns, executor, self._json_kinds):
                # Small ones, so that what is added up is.
                yield from (batch.slice(at, 3) for at in range(0, batch.num_rows, 3))

    def is_key_unique(self, columns: Sequence[str]) -> tuple[bool, tuple[str, ...]]:
        rows = [
            # As text: all NaN are one, and lists are no keys of a dict.
            tuple(str(row[name]) for name in columns)
            for batch in self.batches(columns)
            for row in batch.to_pylist()
        ]
        repeated = [row for row in dict.fromkeys(rows) if rows.count(row) > 1]
        return not repeated, tuple(f"{'+'.join(columns)}={row}" for row in repeated)

    @property
    def _json_kinds(self) -> Mapping[str, str]:
        kinds = {}
        for each in self.profile.columns:
            if each.kind == "number" and each.numbers.count == each.count - each.nulls:
                kinds[each.name] = "integer" if each.numbers.ranks.points.dtype.kind == "i" else "float"
            elif each.kind == "boolean":
                kinds[each.name] = "boolean"
        return kinds


class Tables:
    """The other tables, by path."""

    def __init__(self, *subjects: Subject) -> None:
        self._subjects = {subject.path: subject for subject in subjects}

    def find(self, table: str) -> Subject:
        if table not in self._subjects:
            raise UnknownDatasetError(f"no {table}")
        return self._subjects[table]


def csv_subject(text: str | bytes, path: str = "t.csv", **options: Any) -> TableSubject:
    return TableSubject(path, text.encode() if isinstance(text, str) else text, **options)


def parquet_subject(
    table: pa.Table | Mapping[str, Any], path: str = "t.parquet", **options: Any
) -> TableSubject:
    out = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), out)
    return TableSubject(path, out.getvalue(), **options)


def column_rule(name: str = "x", line: int = 7, **promised: Any) -> CheckSettings:
    """Return rules that promise something of one column."""
    names = {"one_of": "in", "fresh_s": "fresh"}
    lines = {names.get(each, each): line for each in promised if each != "warn"}
    return CheckSettings("*", column_checks=(ColumnChecks(name, lines=lines, **promised),))


def table_rule(line: int = 3, **promised: Any) -> CheckSettings:
    """Return rules that promise something of a table."""
    lines = dict.fromkeys(promised, line)
    if "sql" in promised:
        lines |= {f"sql.{each}": line for each in promised["sql"]}
    return CheckSettings("*", lines=lines, **promised)


def check(
    subject: Subject, *rules: CheckSettings, others: Sequence[Subject] = (), base: Subject | None = None
) -> Checks:
    return check_expectations(subject, rules, Tables(*others), base, NOW)
