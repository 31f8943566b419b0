"""Tables as rules see them: datasets, files in a dataset, and files that git tracks."""

import json
import secrets
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow

from datav.errors import TableError
from datav.formats.entry import Content, Entry, Kind
from datav.formats.manifest import ColumnInfo, Manifest, TableInfo
from datav.profiles.columns import ColumnSketch
from datav.profiles.partitions import FORMATS, plan_table
from datav.profiles.profile import TableProfile
from datav.relpath import show_path
from datav.repo.checkversions import CheckedVersion, Opened, TrackedFile
from datav.repo.diffdatasets import key_of
from datav.repo.difffiles import is_named_like_table
from datav.repo.difftables import table_rules
from datav.repo.profilefolders import full_path
from datav.repo.profiling import VersionAt
from datav.settings import TableSettings
from datav.store.lazytree import read_below
from datav.tables.cellbatches import read_cells
from datav.tables.naming import unique_names
from datav.tables.opening import open_table
from datav.tables.recordmap import KeyFacts
from datav.tables.remembering import Memory
from datav.tables.repeatedkeys import find_repeated_keys, show_repeated_keys
from datav.tables.source import NotATable, RandomAccess
from datav.tables.text import TextVersion
from datav.tables.textfacts import find_key_facts
from datav.tables.version import TableVersion

_TEXTS = ("csv", "tsv", "jsonl")


@dataclass(frozen=True, slots=True)
class TablePart:
    """One file of a table."""

    path: bytes
    """From the root of the repository; its extension tells what it claims to be."""
    open: Callable[[], RandomAccess]
    values: Mapping[str, str | None] = field(default_factory=dict)
    """Of the columns that the names of directories are."""


@dataclass
class SubjectAt:
    """One version of one table; implements datav.checks.subject.Subject."""

    opened: Opened
    raw_path: bytes
    content: Content | None
    """None of a file that git tracks."""
    info: TableInfo | None
    """What the manifest says of this very content."""
    users: Manifest | None
    """Whose key and `[meta]` count."""
    find_profile: Callable[[], TableProfile]
    find_parts: Callable[[], Sequence[TablePart]]

    @property
    def path(self) -> str:
        return show_path(self.raw_path)

    @property
    def format(self) -> str:
        if self.info is not None:
            return self.info.format
        first = self._parts[0]
        named = FORMATS.get(b"." + first.path.rpartition(b".")[2].lower())
        return named if named is not None and len(self._parts) > 1 else self._first.format

    @cached_property
    def columns(self) -> tuple[ColumnInfo, ...]:
        info = self.info
        if info is not None and info.format != "jsonl" and not info.more_columns:
            names = unique_names([column.name for column in info.columns])
            return tuple(ColumnInfo(name, each.type) for name, each in zip(names, info.columns, strict=True))
        found = self.profile.columns
        if self.format in _TEXTS or not any(map(_is_nested, found)):
            return tuple(ColumnInfo(each.name, each.type) for each in found if "[]" not in each.name)
        kept = (ColumnInfo(name, "text") for name in self._parts[0].values)
        return (*self._first.columns, *kept)

    @property
    def key(self) -> tuple[str, ...]:
        own = key_of(self.users) if self.users is not None else None
        return own or (self._rules.key if self._rules is not None and self._rules.key else ())

    @property
    def encoding(self) -> str | None:
        if self.info is not None:
            return self.info.encoding
        return getattr(self._first, "encoding", None)

    @cached_property
    def meta(self) -> Mapping[str, Any]:
        text = self.users.meta if self.users is not None else ""
        found = tomllib.loads(text).get("meta", {}) if text else {}
        return found if isinstance(found, dict) else {}

    @property
    def row_count(self) -> int:
        return self.profile.rows

    @cached_property
    def profile(self) -> TableProfile:
        return self.find_profile()

    # Any: pyarrow has no types of its own that mypy could see.
    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        executor = self.opened.repository.executor
        for part in self._parts:
            version = self._version(part)
            stored = [name for name in columns if name not in part.values]
            kinds = self._json_kinds if version.format == "jsonl" else None
            for batch in read_cells(version, stored, executor, kinds):
                yield batch if not part.values else _with_values(batch, columns, part.values)

    def is_key_unique(self, columns: Sequence[str]) -> tuple[bool, tuple[str, ...]]:
        facts = self._key_facts(columns)
        if not len(facts.repeated):
            return True, ()
        executor = self.opened.repository.executor
        return False, show_repeated_keys(self._parted(), columns, facts, executor)

    def _key_facts(self, columns: Sequence[str]) -> KeyFacts:
        """Return what is known of keys, remembered or found now."""
        executor, content = self.opened.repository.executor, self.content
        if len(self._parts) == 1 and not self._parts[0].values and isinstance(self._first, TextVersion):
            numbers = [column.name for column in self._first.columns]
            wanted = [numbers.index(name) for name in columns]
            identity = content.id if content is not None else None
            found = find_key_facts(self._first, wanted, identity, self.opened.cache, executor)
            if found is not None:
                return found
        memory = self._memory
        known = memory.read_keys([json.dumps(list(columns))]) if memory is not None else None
        if known is None:
            known = find_repeated_keys(
                self._parted(), columns, secrets.randbits(64), self.opened.scratch, executor
            )
            if memory is not None:
                memory.write_keys([json.dumps(list(columns))], known)
        return known

    @property
    def _memory(self) -> Memory | None:
        if self.content is None:
            return None
        reading = self.opened.profiler.name(self.raw_path, self.content)
        return Memory(self.opened.cache, self.content.id, b"keys " + reading.encode())

    @property
    def _rules(self) -> TableSettings | None:
        return self.opened.rules(self.raw_path)

    @cached_property
    def _parts(self) -> Sequence[TablePart]:
        return self.find_parts()

    @cached_property
    def _first(self) -> TableVersion:
        return self._version(self._parts[0])

    def _version(self, part: TablePart) -> TableVersion:
        rules = self.opened.rules(part.path)
        name = part.path.rpartition(b"/")[2].decode("utf-8", "surrogateescape")
        found = open_table(name, part.open(), self.opened.scratch, table_rules(rules))
        if isinstance(found, NotATable):
            raise TableError(f"{show_path(part.path)} {found.reason}")
        return found

    def _parted(self) -> Iterator[tuple[str, TableVersion, Mapping[str, str | None]]]:
        for part in self._parts:
            # A file that is all of the table needs no name.
            inside = b"" if part.path == self.raw_path else part.path.removeprefix(self.raw_path + b"/")
            yield show_path(inside), self._version(part), part.values

    @cached_property
    def _json_kinds(self) -> Mapping[str, str]:
        """What all cells of the columns of JSON Lines are."""
        kinds = {}
        for column in self.profile.columns:
            filled = column.count - column.nulls
            if column.kind == "number" and column.numbers.count == filled:
                is_float = column.numbers.ranks.points.dtype == np.float64
                kinds[column.name] = "float" if is_float else "integer"
            elif column.kind == "boolean":
                kinds[column.name] = "boolean"
        return kinds


def _is_nested(column: ColumnSketch) -> bool:
    """Whether a column may be a part of another, by its name."""
    return column.kind == "list" or "." in column.name or "[]" in column.name


def _with_values(batch: Any, columns: Sequence[str], values: Mapping[str, str | None]) -> Any:
    arrays = [
        pyarrow.repeat(pyarrow.scalar(values[name], pyarrow.large_string()), batch.num_rows)
        if name in values
        else batch.column(name)
        for name in columns
    ]
    return pyarrow.RecordBatch.from_arrays(arrays, names=list(columns))


def subject_of(version: CheckedVersion) -> SubjectAt:
    """Return a dataset as a table: a file, or a directory whose files are one."""
    path = bytes(version.dataset.path)

    def parts() -> Sequence[TablePart]:
        if version.is_directory:
            return _parts_of(version)
        return [TablePart(path, partial(version.open, b"", version.content))]

    return SubjectAt(
        version.opened,
        path,
        version.content,
        version.table_info,
        version.manifest,
        partial(_table_of, version),
        parts,
    )


def _table_of(version: CheckedVersion) -> TableProfile:
    profile = version.profile
    if profile.table is None:
        why = profile.folder.no_table if profile.folder is not None else None
        raise TableError(f"{version.dataset} is no table{f': {why}' if why else ''}")
    return profile.table


def _parts_of(version: CheckedVersion) -> Sequence[TablePart]:
    profiler = version.opened.profiler
    files = {entry.path: entry for entry in list_files(version)}

    def opener(path: bytes) -> Callable[[], RandomAccess]:
        return partial(version.open, path, files[path].content)

    def columns_of(path: bytes) -> Sequence[ColumnInfo] | NotATable:
        return profiler.columns(full_path(version.at, path), opener(path)())

    entries = [(entry.path, entry.kind, entry.size) for entry in files.values()]
    plan = plan_table(entries, columns_of, profiler.executor)
    if plan is None or plan.reason is not None:
        why = "it has no tables" if plan is None else plan.reason
        raise TableError(f"{version.dataset} is no table: {why}")
    names = [key.name for key in plan.keys]
    return [
        TablePart(
            full_path(version.at, part.path),
            opener(part.path),
            dict(zip(names, part.values, strict=True)),
        )
        for part in plan.parts
    ]


def list_files(version: CheckedVersion) -> list[Entry]:
    """Return the files of a directory, by path; links and empty directories left out."""
    found = read_below(version.opened.keeper, version.content, b"")
    return [entry for entry in found if entry.path and entry.kind <= Kind.EXECUTABLE]


def subject_in(version: CheckedVersion, entry: Entry) -> SubjectAt:
    """Return a file in a directory as a table; key and `[meta]` are those of the dataset."""
    path = full_path(version.at, entry.path)
    opener = partial(version.open, entry.path, entry.content)
    at = VersionAt(path, entry.content, False, version.opened.keeper, lambda _, __: opener())
    return SubjectAt(
        version.opened,
        path,
        entry.content,
        None,
        version.manifest,
        partial(_profile_of_file, version.opened, at),
        lambda: [TablePart(path, opener)],
    )


def _profile_of_file(opened: Opened, at: VersionAt) -> TableProfile:
    found = opened.profiler.file(at.path, at.open(b"", at.content), at.content, at.reader)
    return _table_or_why(at.path, found.profile.table if found.profile is not None else None, found.reason)


def tracked_subject(opened: Opened, file: TrackedFile) -> SubjectAt:
    """Return a file that git tracks as a table."""
    path = bytes(file.path)

    def find_profile() -> TableProfile:
        made = opened.profiler.file(path, file.open())
        return _table_or_why(path, made.profile.table if made.profile is not None else None, made.reason)

    return SubjectAt(opened, path, None, None, None, find_profile, lambda: [TablePart(path, file.open)])


def _table_or_why(path: bytes, table: TableProfile | None, reason: str | None) -> TableProfile:
    if table is None:
        claim = reason or ("cannot be read as a table" if is_named_like_table(path) else "is no table")
        raise TableError(f"{show_path(path)} {claim}")
    return table
