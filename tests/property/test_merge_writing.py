"""Whatever is done to the rows and columns of a table: what is written has just these rows, read by others
than us, and records that nothing is done to stand there byte for byte.

Random tables, dialects, edits and windows.  DATAV_DIFF_SEEDS and DATAV_DIFF_ROUNDS say how much is tried.
"""

import io
import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

import pytest

from datav.errors import TableError
from datav.merging.plan import Edit
from datav.merging.writing import splice_edits, write_merge
from datav.storage.scratch import Scratch
from datav.tables.jsoncells import DECODER, cell_of
from datav.tables.opening import open_table
from datav.tables.source import NotATable
from tests.support.comparing import BytesSource
from tests.support.merges import MadeMerge, boundaries_of, merged_rows, row_places
from tests.support.randomtables import (
    Written,
    arrow_table,
    dialect_of,
    random_json_table,
    random_text_table,
    random_typed_table,
    read_binary,
    read_json_lines,
    write_arrow,
    write_json_lines,
    write_parquet,
    write_text,
)
from tests.support.texts import csv_records, text_version

SEEDS = range(int(os.environ.get("DATAV_DIFF_SEEDS", "6")))
ROUNDS = int(os.environ.get("DATAV_DIFF_ROUNDS", "15"))

ODD_CELLS = [b"\xff", b"\xed\xa0\x80", b"a\rb", b"\n", b'"', b'"x', b"\xef\xbb\xbf", b" ", b"x" * 70_000]

Layout = list[tuple[str, int | None]]


class Planned(NamedTuple):
    """What is done to a table."""

    changed: dict[int, list[Any]]
    removed: list[int]
    new: list[tuple[int, list[Any]]]
    rows: list[list[Any]]
    """Those there were, with the columns of the result."""


def random_layout(rng: Random, names: Sequence[str]) -> Layout | None:
    """Columns of a result; None: those there were."""
    if rng.random() < 0.5:
        return None
    layout: Layout = [(name, number) for number, name in enumerate(names)]
    if rng.random() < 0.5:
        rng.shuffle(layout)
    if len(layout) > 1 and rng.random() < 0.5:
        layout.remove(rng.choice(layout))
    if rng.random() < 0.5:
        layout.insert(rng.randrange(len(layout) + 1), ("brand new", None))
    return layout


def plan(
    rng: Random,
    rows: Sequence[Sequence[Any]],
    layout: Layout,
    empty: Any,
    new_cell: Callable[[int | None], Any],
) -> Planned:
    """Choose what happens to rows.

    Args:
        empty: what a new column has where nothing is said of it.
        new_cell: of a column there was, by number, or of another.
    """
    relaid = [[empty if number is None else row[number] for _, number in layout] for row in rows]
    share = rng.choice((0.0, 0.1, 0.5, 1.0))
    touched = [number for number in range(len(rows)) if rng.random() < share]
    removed = [number for number in touched if rng.random() < rng.choice((0.0, 0.5, 1.0))]
    changed = {}
    for number in touched:
        if number not in removed:
            changed[number] = [
                new_cell(column) if rng.random() < 0.5 else cell
                for cell, (_, column) in zip(relaid[number], layout, strict=True)
            ]
    places = sorted(
        rng.choice((rng.randrange(len(rows) + 1), len(rows), 0)) for _ in range(rng.choice((0, 0, 1, 4)))
    )
    new = [(place, [new_cell(column) for _, column in layout]) for place in places]
    return Planned(changed, removed, new, relaid)


def made(rng: Random, version: Any, planned: Planned, layout: Layout | None, types: Any = None) -> MadeMerge:
    changed, removed, new, _ = planned
    return MadeMerge(version, changed, removed, new, layout, types, rng.choice((1, 2, 5, 10**9)))


def written(merge: MadeMerge, source: BytesSource) -> bytes:
    """The whole file; where there are edits, they give the same."""
    target = io.BytesIO()
    write_merge(merge, source, target)
    edits = splice_edits(merge, source)
    if edits is not None:
        found = list(edits)
        assert applied(source.data, found) == target.getvalue()
        assert all(before.end <= after.start for before, after in pairwise(found))
        if [column.ours for column in merge.columns] == list(range(len(merge.ours.columns))):
            check_untouched(merge, source.data, found)
    return target.getvalue()


def applied(data: bytes, edits: Sequence[Edit]) -> bytes:
    ends = [0, *(edit.end for edit in edits)]
    starts = [*(edit.start for edit in edits), len(data)]
    kept = [data[end:start] for end, start in zip(ends, starts, strict=True)]
    new = [*(edit.data for edit in edits), b""]
    return b"".join(old + data for old, data in zip(kept, new, strict=True))


def check_untouched(merge: MadeMerge, data: bytes, edits: Sequence[Edit]) -> None:
    """No edit has a byte of a record to which nothing is done; only its line end may go."""
    starts = boundaries_of(merge.ours, row_places(merge.ours))
    for number, (start, end) in enumerate(pairwise(starts)):
        if number not in merge.changed and number not in merge.removed:
            stop = start + len(data[start:end].rstrip(b"\r\n \t"))
            assert not any(edit.start < stop and edit.end > start for edit in edits)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_text(seed):
    for number in range(ROUNDS):
        rng = Random(f"text {seed} {number}")
        table = random_text_table(rng, rng.choice((0, 1, 5, 30)))
        file = write_text(rng, table.names, table.rows, compressed=False)
        dialect, has_header = dialect_of(file), rng.random() < 0.8
        records = csv_records(file.data, dialect)
        if any(len(record) != len(records[0]) for record in records):
            continue
        version = text_version(file.data, dialect, has_header=has_header)
        names = [column.name for column in version.columns]
        layout = random_layout(rng, names)
        pool = [*ODD_CELLS, *(cell for record in records for cell in record)]
        same: Layout = [(name, at) for at, name in enumerate(names)]
        planned = plan(
            rng, records[has_header:], layout or same, b"", lambda _, rng=rng, pool=pool: rng.choice(pool)
        )
        merge = made(rng, version, planned, layout)

        try:
            data = written(merge, version.source)
        except TableError:
            assert not dialect.quoting
            continue

        header = [b"brand new" if at is None else records[0][at] for _, at in layout or same]
        assert csv_records(data, dialect) == [header][:has_header] + merged_rows(planned.rows, merge), seed
        if data not in (b"", b"\xef\xbb\xbf") and file.data[-1:] != b'"':
            assert (data[-1:] in b"\r\n") == (file.data[-1:] in b"\r\n")


@pytest.mark.parametrize("seed", SEEDS)
def test_of_json_lines(seed):
    for number in range(ROUNDS):
        rng = Random(f"json {seed} {number}")
        table = random_json_table(rng, rng.choice((1, 5, 30)))
        file = write_json_lines(rng, table.names, table.rows, compressed=False)
        source = BytesSource(file.data)
        with Scratch() as scratch:
            version = open_table(file.name, source, scratch)
            if isinstance(version, NotATable) or not version.columns:
                continue
            names = [column.name for column in version.columns]
            own = [table.new_cells[table.names.index(name)] for name in names]
            layout = random_layout(rng, names)
            ours = version.take(row_places(version), range(len(names)), version.types)
            rows = [list(row.values()) for row in ours.to_pylist()]

            def new_cell(column, rng=rng, own=own):
                return json_cell((rng.choice(own) if column is None else own[column])(rng))

            planned = plan(
                rng, rows, layout or list(zip(names, range(len(names)), strict=True)), None, new_cell
            )
            merge = made(rng, version, planned, layout)

            data = written(merge, source)

        found = read_json_lines(Written("t.jsonl", data))
        shown = [name for name, _ in layout] if layout is not None else names
        cells = [[plain(row.get(name)) for name in shown] for row in found.rows]
        assert cells == merged_rows(planned.rows, merge), number
        assert set(found.columns) <= set(shown)


def json_cell(text: str | None) -> bytes | None:
    return None if text is None else cell_of(DECODER.decode(text))


def plain(cell: str | None) -> bytes | None:
    return None if cell is None else cell.encode()


@pytest.mark.parametrize("write", [write_parquet, write_arrow])
@pytest.mark.parametrize("seed", SEEDS)
def test_of_typed_tables(write, seed):
    for number in range(ROUNDS):
        rng = Random(f"typed {seed} {number}")
        table, types = random_typed_table(rng, rng.choice((0, 1, 5, 30)))
        file = write(rng, arrow_table(table.names, types, table.rows))
        source = BytesSource(file.data)
        with Scratch() as scratch:
            version = open_table(file.name, source, scratch)
            assert not isinstance(version, NotATable)
            ours = read_binary(file)
            layout = random_layout(rng, table.names)
            columns = layout or list(zip(table.names, range(len(types)), strict=True))
            extra = rng.randrange(len(types))

            def new_cell(column, rng=rng, own=table.new_cells, extra=extra):
                return own[extra if column is None else column](rng)

            planned = plan(rng, table.rows, columns, None, new_cell)
            kinds = [version.types[extra if at is None else at] for _, at in columns]
            merge = made(rng, version, planned, layout, kinds)

            data = written(merge, source)

        found = read_binary(Written(file.name, data))
        expected = arrow_table([name for name, _ in columns], kinds, merged_rows(planned.rows, merge))
        assert found.schema.equals(expected.schema)
        assert repr(found.to_pylist()) == repr(expected.to_pylist())
        assert found.schema.metadata == ours.schema.metadata
