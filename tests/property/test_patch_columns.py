"""Whatever columns come, go, change their names and their places: a table and the change feed to another give
the other, in every format of tables and of feeds."""

import csv
import io
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from datav.storage.scratch import Scratch
from datav.tables.compare import compare
from datav.tables.feed import read_feed, write_feed
from datav.tables.opening import open_table
from datav.tables.options import DiffOptions
from datav.tables.patch import apply_feed
from datav.tables.source import NotATable
from tests.unit.tables.conftest import MemorySource

EXECUTOR = ThreadPoolExecutor(2)

NAMES = ["id", "a", "b", "c", "d"]
# Few different cells, so that rows and keys repeat.
TYPES = {
    "id": (pa.int32(), st.sampled_from([1, 2, 3, 4, 5, 6])),
    "a": (pa.string(), st.sampled_from(["", "x", 'q",\n'])),
    "b": (pa.float64(), st.sampled_from([0.5, 1.0])),
    "c": (pa.list_(pa.date32()), st.sampled_from([[], [0], [None, 1]])),
    "d": (pa.timestamp("ms"), st.sampled_from([0, 1, 10**12])),
}
KEYS = st.sampled_from([(), ("id",), ("id", "a")])


@st.composite
def tables(draw, columns, nullable=True):
    """Columns, some of `columns` in any order, and rows of cells."""
    names = draw(st.permutations(columns).flatmap(lambda n: st.integers(1, len(n)).map(lambda k: n[:k])))
    size = draw(st.integers(0, 6))
    cells = {
        name: draw(
            st.lists(
                st.none() | TYPES[name][1] if nullable and name != "id" else TYPES[name][1],
                min_size=size,
                max_size=size,
            )
        )
        for name in names
    }
    return pa.table({name: pa.array(cells[name], TYPES[name][0]) for name in names})


def patched(name, old, new, key, form):
    """Return `old` with the changes to `new`, by way of a feed."""
    with Scratch() as scratch:
        first, second = (open_table(name, MemorySource(data), scratch) for data in (old, new))
        assert not isinstance(first, NotATable)
        assert not isinstance(second, NotATable)
        known = {column.name for version in (first, second) for column in version.columns}
        options = DiffOptions(key=key if set(key) <= known else (), added_columns=True)
        rows = compare(first, second, options, scratch=scratch, executor=EXECUTOR).rows
        assert rows is not None
        feed, target = io.BytesIO(), io.BytesIO()
        write_feed(rows, feed, form)
        read = read_feed(MemorySource(feed.getvalue()))
        apply_feed(name, MemorySource(old), read, target, scratch=scratch, executor=EXECUTOR)
    return target.getvalue()


def as_csv(table) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(["" if cell is None else cell for cell in row.values()] for row in table.to_pylist())
    return text.getvalue().encode()


def csv_rows(data: bytes):
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
    return header, Counter(map(tuple, rows))


def as_json_lines(rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def json_rows(data: bytes):
    """The rows as their paths; a null is like nothing."""
    rows: Counter[str] = Counter()
    for line in data.splitlines():
        cells = {name: cell for name, cell in flat(json.loads(line)).items() if cell is not None}
        rows[json.dumps(cells, sort_keys=True)] += 1
    return rows


def flat(record):
    found: dict[str, object] = {}
    for name, cell in record.items():
        if isinstance(cell, dict) and cell:
            found |= {f"{name}.{inner}": each for inner, each in flat(cell).items()}
        else:
            found[name] = cell
    return found


FORMS = st.sampled_from(["csv", "parquet"])


@given(tables(NAMES[:3], nullable=False), tables(NAMES[:3], nullable=False), KEYS, FORMS)
def test_of_a_csv(before, after, key, form):
    old, new = as_csv(before), as_csv(after)

    data = patched("t.csv", old, new, key, form)

    assert csv_rows(data) == csv_rows(new)


JSON_CELLS: st.SearchStrategy[object] = st.sampled_from([None, 1, "x", "", [1], {}])
RECORDS = st.lists(
    st.dictionaries(
        st.sampled_from(["id", "a", "b", "o"]),
        JSON_CELLS | st.dictionaries(st.sampled_from(["p", "q"]), JSON_CELLS, min_size=1, max_size=2),
        min_size=1,
        max_size=4,
    ),
    # An empty file is no table.
    min_size=1,
    max_size=6,
)


@given(RECORDS, RECORDS, KEYS, FORMS)
def test_of_json_lines(before, after, key, form):
    old, new = as_json_lines(before), as_json_lines(after)

    data = patched("t.jsonl", old, new, key, form)

    assert json_rows(data) == json_rows(new)


def as_parquet(table) -> bytes:
    target = io.BytesIO()
    parquet.write_table(table, target, row_group_size=3)
    return target.getvalue()


def as_arrow(table) -> bytes:
    target = io.BytesIO()
    with ipc.new_file(target, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return target.getvalue()


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
@given(tables(NAMES), tables(NAMES), KEYS, FORMS)
def test_of_typed_tables(name, before, after, key, form):
    encode = as_parquet if name == "t.parquet" else as_arrow

    data = patched(name, encode(before), encode(after), key, form)

    source = io.BytesIO(data)
    read = parquet.read_table(source) if name == "t.parquet" else ipc.open_file(source).read_all()
    if form == "parquet":
        assert read.schema.types == after.schema.types
        assert typed_rows(read) == typed_rows(after)
    assert read.column_names == after.column_names
    assert len(read) == len(after)


def typed_rows(table):
    return Counter(map(repr, table.to_pylist()))
