"""The change feed: what changed between two versions of a table, as a table.

The layout is specified in docs/formats/feed.md, and this module is the only code that knows it.  One row a
change: what happened, how often, the whole row before and the whole row after.  So a feed can be applied
(patch.py), loaded anywhere, and turned around.
"""

import base64
import csv as python_csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import pyarrow
from pyarrow import compute, csv, parquet, types

from datav.errors import TableError, UsageError
from datav.relpath import one_line
from datav.tables.cellvalues import cell_text, cell_values
from datav.tables.feedcells import is_binary, is_read_again, is_text, is_uuid
from datav.tables.parquet import MAGIC as PARQUET_MAGIC
from datav.tables.result import ChangeBatch, Op, RowDiff
from datav.tables.source import RandomAccess
from datav.tables.sourcefile import SourceFile, translated
from datav.tables.typenames import type_name

FeedFormat = Literal["csv", "parquet"]

FORMAT = 1
METADATA_KEY = b"datav.feed"
OP, COUNT = "_op", "_count"
BEFORE, AFTER = "before.", "after."
OPS: tuple[Op, ...] = ("added", "removed", "changed")

MAX_SIZE = 2**31 - 2**20
"""Of a CSV feed that is read, in bytes: all of it is one block to pyarrow, which counts with 32 bits."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed, in memory."""

    key: tuple[str, ...]
    """The columns that identify a row; empty without a key, or when the feed does not say."""
    is_unique: bool
    """Whether no two rows of either version have the same key."""
    before: tuple[str, ...]
    """The columns of the first version."""
    after: tuple[str, ...]
    """The columns of the second, in its order."""
    is_typed: bool
    """Whether cells have types; else they are `large_binary`, nothing else is known of them."""
    # Any: pyarrow has no types of its own that mypy could see.
    rows: Any
    """A pyarrow.Table: `_op`, `_count`, `before.NAME`, `after.NAME`."""


def write_feed(rows: RowDiff, target: BinaryIO, form: FeedFormat) -> int:
    """Write the changes of `rows`, a batch at a time, and return how many rows the feed has.

    Args:
        rows: with their schemas, and compared with `added_columns` where columns came to be: else nothing is
            told of rows that differ only there.

    Raises:
        UsageError: columns were left out of the comparison, and rows that are not whole cannot be applied.
        TableError: the rows were not compared; a cell is nothing that the feed can hold: text that is not
            UTF-8, in CSV also what could not be read again.
    """
    if rows.is_narrowed:
        raise UsageError(
            "a change feed tells of whole rows, and some columns were left out",
            hint="leave out `--columns` and `--ignore-columns`",
        )
    if rows.schemas is None:
        raise TableError(f"the rows were not compared: {rows.refused}")
    before, after = (
        [pyarrow.field(field.name, _stored_type(field.type)) for field in schema] for schema in rows.schemas
    )
    layout = _layout(before, after, rows)
    written = 0
    writer = _CsvWriter(target, layout) if form == "csv" else _ParquetWriter(target, layout)
    with writer:
        for batch in _batches(rows):
            table = _feed_rows(batch, before, after)
            writer.write(table)
            written += len(table)
    return written


def read_feed(source: RandomAccess) -> Feed:
    """Read a feed, whichever of the two formats it is in.

    Raises:
        TableError: it is none, is damaged, or is of a later version of the format.
        What reading the source raises.
    """
    if source.read_at(0, len(PARQUET_MAGIC)) == PARQUET_MAGIC:
        return _read_parquet(source)
    return _read_csv(source)


def _batches(rows: RowDiff) -> Iterator[ChangeBatch]:
    if rows.is_empty:
        return
    # Whole rows cost more to read than the columns that were compared, which is what is shown mostly.
    yield from rows.batches(whole=True, ops=OPS)


def _stored_type(kind: Any) -> Any:
    """What a column is stored as: what is encoded as what it stands for."""
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _stored_type(kind.value_type)
    return kind


def _layout(before: Sequence[Any], after: Sequence[Any], rows: RowDiff) -> Any:
    about = {
        "format": FORMAT,
        "key": list(rows.key),
        "unique": bool(rows.key) and rows.duplicates is None,
        "before": [field.name for field in before],
        "after": [field.name for field in after],
    }
    fields = [pyarrow.field(OP, pyarrow.string()), pyarrow.field(COUNT, pyarrow.int64())]
    fields += [pyarrow.field(BEFORE + field.name, field.type) for field in before]
    fields += [pyarrow.field(AFTER + field.name, field.type) for field in after]
    return pyarrow.schema(fields, {METADATA_KEY: json.dumps(about)})


def _feed_rows(batch: ChangeBatch, before: Sequence[Any], after: Sequence[Any]) -> dict[str, Any]:
    """The rows of one batch, by the columns of the feed; text as the bytes that it was read as."""
    table = batch.before if batch.before is not None else batch.after
    size = 0 if table is None else len(table)
    cells: dict[str, Any] = {
        OP: pyarrow.array([batch.op] * size, pyarrow.string()),
        COUNT: pyarrow.array([1] * size, pyarrow.int64())
        if batch.counts is None
        else batch.counts.cast(pyarrow.int64()),
    }
    for prefix, side, fields in ((BEFORE, batch.before, before), (AFTER, batch.after, after)):
        # By place: a name is looked for among all others each time.
        there = {} if side is None else dict(zip(side.column_names, side.columns, strict=True))
        for field in fields:
            column = there.get(field.name)
            cells[prefix + field.name] = _nothing(size, field.type) if column is None else column
    return cells


def _nothing(size: int, kind: Any) -> Any:
    """Nulls, in which nothing is null that must not be: fields inside of a null struct."""
    if types.is_struct(kind):
        return pyarrow.array([None] * size, kind)
    return pyarrow.nulls(size, kind)


class _ParquetWriter:
    """Writes one row group a batch."""

    def __init__(self, target: BinaryIO, layout: Any) -> None:
        self._layout = layout
        with _refusing_what_parquet_lacks():
            self._writer = parquet.ParquetWriter(target, layout, compression="zstd")

    def __enter__(self) -> "_ParquetWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, cells: dict[str, Any]) -> None:
        with _refusing_other_text():
            arrays = [_as_type(cells[field.name], field.type) for field in self._layout]
        table = pyarrow.Table.from_arrays(arrays, schema=self._layout)
        with _refusing_what_parquet_lacks():
            self._writer.write_table(table)


class _CsvWriter:
    """Writes text in quotes, so that empty text (`""`) and null (nothing) are not the same."""

    def __init__(self, target: BinaryIO, layout: Any) -> None:
        fields = [
            field if _is_plain(field.type) else pyarrow.field(field.name, pyarrow.large_binary())
            for field in layout
        ]
        self._fields = list(layout)
        self._layout = pyarrow.schema(fields)
        options = csv.WriteOptions(quoting_style="needed")
        self._writer = csv.CSVWriter(target, self._layout, write_options=options)

    def __enter__(self) -> "_CsvWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, cells: dict[str, Any]) -> None:
        arrays = [_csv_cells(cells[field.name], field) for field in self._fields]
        with _refusing_other_text():
            self._writer.write_table(pyarrow.Table.from_arrays(arrays, schema=self._layout))


def _as_type(cells: Any, kind: Any) -> Any:
    return cells if cells.type.equals(kind) else cells.cast(kind)


@contextmanager
def _refusing_other_text() -> Iterator[None]:
    try:
        yield
    except pyarrow.ArrowInvalid as exc:
        raise TableError(
            "a cell is not UTF-8, which a change feed cannot hold",
            hint="`datav diff --json` shows what changed",
        ) from exc


@contextmanager
def _refusing_what_parquet_lacks() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        # The system's own errors have a number; these are pyarrow's.
        if exc.errno is not None:
            raise
        raise _not_in_parquet(exc) from exc
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as exc:
        raise _not_in_parquet(exc) from exc


def _not_in_parquet(exc: Exception) -> TableError:
    return TableError(
        f"Parquet cannot hold this change feed: {one_line(str(exc))}", hint="`--format csv` may be able to"
    )


def _is_plain(kind: Any) -> bool:
    """Whether pyarrow writes cells of a type the way this format wants them."""
    return bool(types.is_integer(kind) or types.is_boolean(kind))


def _csv_cells(cells: Any, field: Any) -> Any:
    """The cells of a column as a CSV has them; `field` is that of the feed."""
    if _is_plain(field.type):
        return cells.cast(field.type)
    if is_text(field.type):
        return _decoded(cells).cast(pyarrow.large_binary())
    texts = pyarrow.array(_texts(_decoded(cells)), pyarrow.large_binary())
    if not is_read_again(texts, cells):
        raise TableError(
            f"column {one_line(field.name)} is {type_name(field.type)} and holds what a CSV cannot",
            hint="`--format parquet` keeps types",
        )
    return texts


def _decoded(cells: Any) -> Any:
    """Cells without an encoding."""
    if types.is_dictionary(cells.type):
        return _decoded(cells.cast(cells.type.value_type))
    if types.is_run_end_encoded(cells.type):
        return _decoded(compute.run_end_decode(cells))
    return cells


def _texts(cells: Any) -> list[bytes | None]:
    kind = cells.type
    if isinstance(kind, pyarrow.BaseExtensionType) and not is_uuid(kind):
        return _texts(cells.cast(kind.storage_type))
    if is_binary(kind):
        return [None if cell is None else base64.b64encode(cell) for cell in cells.to_pylist()]
    return [None if cell is None else cell_text(cell).encode() for cell in cell_values(cells)]


def _read_parquet(source: RandomAccess) -> Feed:
    file = SourceFile(source)
    with translated("it cannot be read as a change feed", file):
        table = parquet.ParquetFile(pyarrow.PythonFile(file, "r")).read()
    about = _parse_about((table.schema.metadata or {}).get(METADATA_KEY))
    names = [name for name in table.column_names if name not in (OP, COUNT)]
    sides = _split_names(table.column_names)
    if [BEFORE + name for name in sides[0]] + [AFTER + name for name in sides[1]] != names:
        raise TableError("it is no change feed: its columns stand in another order")
    said = about.get("key")
    key = tuple(name for name in said if isinstance(name, str)) if isinstance(said, list) else ()
    if not set(key) <= set(sides[0]) & set(sides[1]):
        key = ()
    return _checked(Feed(key, bool(key) and about.get("unique") is True, *sides, True, table))


def _parse_about(data: bytes | None) -> dict[str, Any]:
    if data is None:
        raise TableError(
            f"it is no change feed: it has no metadata {METADATA_KEY.decode()}",
            hint="`datav diff --format parquet` writes one",
        )
    try:
        about = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise TableError("its metadata is damaged") from exc
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise TableError("it is a change feed of a later version", hint="a newer datav can read it")
    return about


def _read_csv(source: RandomAccess) -> Feed:
    if source.size > MAX_SIZE:
        raise TableError("a change feed in CSV is read up to 2 GiB", hint="write it as Parquet")
    data = source.read_at(0, source.size)
    header = _read_header(data)
    sides = _split_names(header)
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(header, pyarrow.large_binary()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    with translated("it cannot be read as a change feed"):
        rows = csv.read_csv(
            pyarrow.BufferReader(data),
            read_options=csv.ReadOptions(block_size=len(data) + 1),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=True),
            convert_options=convert,
        )
        counts = rows.column(COUNT).cast(pyarrow.string()).cast(pyarrow.int64())
        ops = rows.column(OP).cast(pyarrow.string())
    rows = rows.set_column(header.index(COUNT), COUNT, counts).set_column(header.index(OP), OP, ops)
    return _checked(Feed((), False, *sides, False, rows))


def _read_header(data: bytes) -> list[str]:
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")
    try:
        return next(python_csv.reader(text), [])
    except (ValueError, python_csv.Error) as exc:
        raise TableError("it is no change feed: its header cannot be read") from exc


def _split_names(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns of both sides.

    Raises:
        TableError: these are not the names of a feed.
    """
    if names[:2] != [OP, COUNT] or len(set(names)) != len(names):
        raise TableError(
            f"it is no change feed: it does not begin with the columns {OP} and {COUNT}",
            hint="`datav diff --format csv` writes one",
        )
    before = tuple(name.removeprefix(BEFORE) for name in names[2:] if name.startswith(BEFORE))
    after = tuple(name.removeprefix(AFTER) for name in names[2:] if name.startswith(AFTER))
    if len(before) + len(after) + 2 != len(names):
        raise TableError(f"it is no change feed: a column begins neither with {BEFORE} nor with {AFTER}")
    return before, after


def _checked(feed: Feed) -> Feed:
    """`feed`, if its first two columns hold what they should."""
    with translated("it cannot be read as a change feed"):
        ops, counts = feed.rows.column(OP), feed.rows.column(COUNT)
        known = compute.is_in(ops, pyarrow.array(OPS))
        is_good = known.null_count == 0 and compute.all(known).as_py() in (True, None)
        least = compute.min(counts).as_py()
    if not is_good or counts.null_count or (least is not None and least < 1):
        raise TableError(f"it is no change feed: {OP} or {COUNT} hold something else")
    return feed
