"""A version as if it had columns that came later, and rows that were counted one by one."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from datav.storage.scratch import Scratch
from datav.tables.compare import compare
from datav.tables.opening import open_table
from datav.tables.options import DiffOptions
from datav.tables.version import View
from datav.tables.widened import WidenedVersion
from tests.support.diffs import text_table

EXECUTOR = ThreadPoolExecutor(2)
SEED = 7


@pytest.fixture
def opened(in_memory):
    with Scratch() as scratch:
        yield lambda data, name="t.csv": open_table(name, in_memory(data), scratch)


def prints(version, columns, key):
    view = View(columns, key, tuple(version.types[column] for column in columns))
    (found,) = version.scan(view, SEED, EXECUTOR)
    return found


@pytest.mark.parametrize("key", [(), (0,)])
def test_rows_are_those_of_a_file_that_has_the_columns_with_nothing_in_them(opened, key):
    narrow, wide = opened(b"id,v\n1,a\n2,b\n"), opened(b"id,new,v,more\n1,,a,\n2,,b,\n")

    widened = WidenedVersion(narrow, wide, (1, 3))
    found, real = prints(widened, (0, 1, 2, 3), key), prints(wide, (0, 2, 1, 3), key)

    assert [column.name for column in widened.columns] == ["id", "v", "new", "more"]
    assert np.array_equal(found.rows, real.rows)
    assert np.array_equal(found.keys, real.keys)
    assert widened.take(found.places[1:], (1, 2), (None, None)).to_pydict() == {"v": [b"b"], "new": [b""]}


def test_where_nothing_is_null_so_are_the_cells(opened):
    narrow = opened(b'{"id": 1}\n', "t.jsonl")
    wide = opened(b'{"id": 1, "n": 2}\n{"id": 1}\n', "t.jsonl")

    widened = WidenedVersion(narrow, wide, (1,))

    assert prints(widened, (0, 1), ()).rows[0] == prints(wide, (0, 1), ()).rows[1]


def test_only_with_the_option_does_a_new_column_change_rows(opened):
    old, new = opened(b"id,v\n1,a\n2,b\n"), opened(b"id,v,n\n1,a,\n2,b,x\n")

    counts = []
    with Scratch() as scratch:
        for added in (False, True):
            options = DiffOptions(key=("id",), added_columns=added)
            rows = compare(old, new, options, scratch=scratch, executor=EXECUTOR).rows
            assert rows is not None
            counts.append((rows.changed, rows.unchanged, dict(rows.changed_cells)))

    assert counts == [(0, 2, {}), (1, 1, {"n": 1})]


def test_rows_that_were_counted_come_one_by_one_where_they_differ_elsewhere(opened):
    old, new = opened(b"a,w\n1,x\n2,p\n1,y\n1,z\n"), opened(b"a\n1\n2\n")

    with Scratch() as scratch:
        rows = compare(old, new, DiffOptions(key=()), scratch=scratch, executor=EXECUTOR).rows
        assert rows is not None
        (counted,) = rows.batches()
        (told,) = rows.batches(whole=True)

    assert counted.counts is not None
    assert told.counts is not None
    assert pa.array([2]).equals(counted.counts.cast(pa.int64()))
    assert pa.array([1, 1]).equals(told.counts.cast(pa.int64()))
    assert told.before == text_table(a=["1", "1"], w=["x", "y"])
