"""Which files of a directory are one table, of which each is a part.

Table files of one format with the same columns are one table, wherever in the directory they lie.
Directories named `KEY=VALUE`, as Hive, Spark and pyarrow write them, are columns of it.  Names are looked at
first, and columns only of what could be one table by its names.  What is hidden, or kept by a writer for
itself such as `_SUCCESS`, is no part.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import pyarrow

from datav.formats.entry import Kind
from datav.formats.manifest import ColumnInfo
from datav.profiles.columns import ColumnSketch
from datav.profiles.folders import find_extension
from datav.profiles.frequent import Frequent
from datav.profiles.ranks import Ranks
from datav.profiles.sketching import sketch_cells
from datav.relpath import one_line, show_path
from datav.tables.batches import in_order
from datav.tables.celltypes import column_types
from datav.tables.source import NotATable

FORMATS = {
    b".parquet": "parquet",
    b".pq": "parquet",
    b".arrow": "arrow",
    b".arrows": "arrow",
    b".feather": "arrow",
    b".csv": "csv",
    b".psv": "csv",
    b".tsv": "tsv",
    b".tab": "tsv",
    b".jsonl": "jsonl",
    b".ndjson": "jsonl",
}
"""What files of these extensions claim to be; texts may be packed besides, with `.gz` or `.zst`."""

_TEXTS = ("csv", "tsv", "jsonl")
_TYPED = ("parquet", "arrow")
_PACKED = (b".gz", b".zst")

# What pyarrow and Hive call a directory of rows whose key is null.
_NULLS = ("__HIVE_DEFAULT_PARTITION__", "")

# Of such a table files stay behind that are no part of its newest version; only its own log tells them apart.
_LOGS = ((b"_delta_log", "Delta Lake"), (b".hoodie", "Hudi"), (b".metadata.json", "Iceberg"))

# Footers and heads that are read beside the one that is looked at.
_AHEAD = 8

_NAMES_SHOWN = 3
_LONGEST_NAME = 60


class Part(NamedTuple):
    """One file of a table."""

    path: bytes
    values: tuple[str | None, ...]
    """Of the plan's `keys`, as the directories on its way say; None is a null."""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """The table files of a directory, and whether they are one table."""

    format: str
    """`parquet`, `arrow`, `csv`, `tsv` or `jsonl`, as the names have it; empty if there are several."""
    keys: tuple[ColumnInfo, ...]
    """Columns that are in the names of directories, and not in the files."""
    parts: tuple[Part, ...]
    """In the order of the directory; empty if they are not one table."""
    reason: str | None
    """Why they are not one table, for people: one printable line without a full stop, fit to follow a colon;
    None if they are."""


def plan_table(
    entries: Iterable[tuple[bytes, int, int]],
    columns_of: Callable[[bytes], Sequence[ColumnInfo] | NotATable],
    executor: Executor,
) -> TablePlan | None:
    """Return which files of a directory are one table; None if no file is named like one.

    Args:
        entries: path, `Kind` and size of each, as the tree of the directory lists them.
        columns_of: reads the columns of one file, in a thread of the executor; their types count where the
            format has types.

    Raises:
        What `columns_of` raises.

    Cost: one call of `columns_of` for each file, until two differ; none if their names tell already.
    """
    files, log = _find_files(entries)
    if not files:
        return None
    formats = Counter(form for _, form in files)
    if log is not None:
        return _no_table(formats, f"{log} has written it, whose log alone tells which files count")
    if len(formats) > 1:
        listed = ", ".join(f"{count} {form}" for form, count in sorted(formats.items()))
        return _no_table(formats, f"its tables are of several formats: {listed}")
    found = _partition([path for path, _ in files])
    if isinstance(found, str):
        return _no_table(formats, found)
    (form,) = formats
    jobs = (partial(columns_of, part.path) for part in found.parts)
    columns = in_order(executor, jobs, _AHEAD)
    checked = _compare_parts(found.parts, columns, form)
    if isinstance(checked, str):
        return _no_table(formats, checked)
    return _without_keys(replace(found, format=form), checked)


def constant_column(column: ColumnInfo, value: str | None, rows: int) -> ColumnSketch:
    """Return the sketch of a column of a part whose every row has the same value.

    Args:
        column: one of the plan's `keys`.
        value: that of the part.

    Cost: that of one row.
    """
    cells = pyarrow.array([(value or "").encode("utf-8", "backslashreplace")] * min(rows, 1), "large_binary")
    return _repeat(sketch_cells(column.name, column.type, cells), rows)


# Names


def _find_files(entries: Iterable[tuple[bytes, int, int]]) -> tuple[list[tuple[bytes, str]], str | None]:
    """Return the files that are named like tables, with their formats, and who else keeps a log of them."""
    files = []
    log = None
    for path, kind, size in entries:
        log = log or next((keeper for mark, keeper in _LOGS if mark in path and _is_log(path, mark)), None)
        if kind > Kind.EXECUTABLE:
            continue
        form = _format_of(path)
        # A text without a byte is a part without rows, as Spark writes them.
        if form is not None and (size or form not in _TEXTS) and not _is_hidden(path):
            files.append((path, form))
    return files, log


def _is_log(path: bytes, mark: bytes) -> bool:
    if mark.endswith(b".json"):
        return path.endswith(mark) and path.split(b"/")[-2:-1] == [b"metadata"]
    return mark in path.split(b"/")[:-1]


def _format_of(path: bytes) -> str | None:
    extension = find_extension(path[path.rfind(b"/") + 1 :])
    stem, dot, last = extension.rpartition(b".")
    if dot + last in _PACKED:
        form = FORMATS.get(stem)
        return form if form in _TEXTS else None
    return FORMATS.get(extension)


def _is_hidden(path: bytes) -> bool:
    """As Spark and pyarrow have it; a key may begin with an underscore all the same."""
    return any(
        part.startswith(b".") or (part.startswith(b"_") and b"=" not in part) for part in path.split(b"/")
    )


def _partition(paths: Sequence[bytes]) -> TablePlan | str:
    """Return the parts with the values of their keys, or why that cannot be."""
    names: tuple[str, ...] | None = None
    parts = []
    for path in paths:
        pairs = list(_pairs_of(path))
        values = dict(pairs)
        if len(values) < len(pairs):
            return f"{_shown(path)} has one key twice in its directories"
        if names is None:
            names = tuple(values)
        if values.keys() != set(names):
            places = _directories(names), _directories(values)
            return f"{_shown(paths[0])} lies in {places[0]} and {_shown(path)} in {places[1]}"
        parts.append(Part(path, tuple(values[name] for name in names)))
    names = names or ()
    kinds = column_types(len(names), ([value or "" for value in part.values] for part in parts))
    keys = tuple(ColumnInfo(name, kind) for name, kind in zip(names, kinds, strict=True))
    return TablePlan("", keys, tuple(parts), None)


def _pairs_of(path: bytes) -> Iterator[tuple[str, str | None]]:
    for directory in path.split(b"/")[:-1]:
        key, equals, value = directory.partition(b"=")
        if key and equals:
            text = _decode(value)
            yield _decode(key), None if text in _NULLS else text


def _decode(escaped: bytes) -> str:
    return unquote_to_bytes(escaped).decode("utf-8", "backslashreplace")


# Columns


def _compare_parts(
    parts: Sequence[Part], columns: Iterable[Sequence[ColumnInfo] | NotATable], form: str
) -> set[str] | str:
    """Return the names of the columns of all parts, or why they are not one table."""
    first: Counter[str] | None = None
    families: dict[str, tuple[str | None, ColumnInfo, bytes]] = {}
    everything: set[str] = set()
    for part, found in zip(parts, columns, strict=True):
        if isinstance(found, NotATable):
            return f"{_shown(part.path)} {found.reason}"
        names = Counter(column.name for column in found)
        first = names if first is None else first
        if not _are_alike(first, names, form):
            return _tell_names(parts[0].path, first, part.path, names)
        everything |= names.keys()
        for column in found if form in _TYPED else ():
            family = _family(column.type)
            known, other, path = families.get(column.name, (None, column, part.path))
            if known is None:
                families[column.name] = family, column, part.path
            elif family not in (known, None):
                return (
                    f"{_quoted(column.name)} is {other.type} in {_shown(path)} and {column.type} in "
                    f"{_shown(part.path)}"
                )
    return everything


def _are_alike(first: Counter[str], names: Counter[str], form: str) -> bool:
    if form == "jsonl":
        # A line of JSON may leave out what is null, and only some lines were looked at.
        return 2 * len(first.keys() & names.keys()) >= len(first.keys() | names.keys())
    return first == names


def _family(kind: str) -> str | None:
    """Return what values of a type have in common with those of others; None of the type of nulls."""
    if kind.startswith("dictionary<"):
        return _family(kind.removeprefix("dictionary<").removesuffix(">"))
    if kind == "null":
        return None
    if kind in ("string", "large_string", "string_view"):
        return "text"
    if kind.startswith(("int", "uint", "float", "decimal")):
        return "number"
    if kind.startswith(("date", "timestamp")):
        return "time"
    if kind.startswith(("time32", "time64")):
        return "clock"
    if kind.startswith(("binary", "large_binary", "fixed_size_binary")):
        return "binary"
    return kind


def _tell_names(path: bytes, names: Counter[str], other_path: bytes, other_names: Counter[str]) -> str:
    more, less = list(names - other_names), list(other_names - names)
    if more and less:
        return f"{_shown(path)} has {_listed(more)} and {_shown(other_path)} has {_listed(less)}"
    if more:
        return f"{_shown(path)} has {_listed(more)} and {_shown(other_path)} has not"
    return f"{_shown(other_path)} has {_listed(less)} and {_shown(path)} has not"


def _without_keys(plan: TablePlan, columns: set[str]) -> TablePlan:
    """Some writers leave the keys in the files, where they have their types."""
    kept = [number for number, key in enumerate(plan.keys) if key.name not in columns]
    if len(kept) == len(plan.keys):
        return plan
    parts = (Part(part.path, tuple(part.values[number] for number in kept)) for part in plan.parts)
    return replace(plan, keys=tuple(plan.keys[number] for number in kept), parts=tuple(parts))


def _no_table(formats: Counter[str], reason: str) -> TablePlan:
    return TablePlan(next(iter(formats)) if len(formats) == 1 else "", (), (), reason)


def _directories(names: Iterable[str]) -> str:
    listed = [f"{name}=" for name in names]
    return f"directories {_listed(listed)}" if listed else "no directory with a key"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(_quoted, names[:_NAMES_SHOWN]))
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown


def _quoted(name: str) -> str:
    text = one_line(name)
    return f"`{text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + '…'}`"


def _shown(path: bytes) -> str:
    return show_path(path)


# Sketches of many equal rows


def _repeat(sketch: ColumnSketch, rows: int) -> ColumnSketch:
    """Return the sketch of so many rows that are all like the one that `sketch` is of."""
    numbers, times, texts = sketch.numbers, sketch.times, sketch.texts
    return replace(
        sketch,
        count=sketch.count * rows,
        nulls=sketch.nulls * rows,
        numbers=replace(
            numbers,
            ranks=_repeat_ranks(numbers.ranks, rows),
            zeros=numbers.zeros * rows,
            negatives=numbers.negatives * rows,
            nans=numbers.nans * rows,
            infinities=numbers.infinities * rows,
            frequent=_repeat_frequent(numbers.frequent, rows),
        ),
        times=replace(
            times,
            ranks=_repeat_ranks(times.ranks, rows),
            hours=times.hours * rows,
            weekdays=times.weekdays * rows,
            days=_repeat_frequent(times.days, rows),
        ),
        texts=replace(
            texts,
            lengths=_repeat_ranks(texts.lengths, rows),
            empty=texts.empty * rows,
            as_numbers=texts.as_numbers * rows,
            as_times=texts.as_times * rows,
            frequent=_repeat_frequent(texts.frequent, rows),
        ),
    )


def _repeat_ranks(ranks: Ranks, rows: int) -> Ranks:
    return replace(ranks, less=ranks.less * rows, upto=ranks.upto * rows)


def _repeat_frequent(frequent: Frequent, rows: int) -> Frequent:
    return replace(frequent, counts=frequent.counts * rows)
