"""Texts as cells of the columns of Parquet and Arrow."""

import pyarrow
import pytest

from datav.errors import TableError
from datav.merging.cells import CellMerger
from datav.merging.options import MergeOptions
from datav.merging.plan import MergedColumn

TYPES = [
    (pyarrow.int8(), "120", "141"),
    (pyarrow.decimal128(5, 2), "-999.50", "1000.00"),
    (pyarrow.timestamp("ns", "UTC"), "2020-01-02T03:04:05Z", "soon"),
    (pyarrow.date32(), "2020-02-29", "2020-13-01"),
    (pyarrow.bool_(), "true", "maybe"),
    (pyarrow.list_(pyarrow.int32()), "[1, 2]", "[1"),
    (pyarrow.struct([("a", pyarrow.int32())]), '{"a": 1}', '{"a": "x"}'),
    (pyarrow.dictionary(pyarrow.int32(), pyarrow.int8()), "7", "x"),
]


@pytest.mark.parametrize(("kind", "good", "bad"), TYPES, ids=[str(kind) for kind, *_ in TYPES])
def test_a_text_becomes_a_cell_or_it_is_said_that_it_is_none(kind, good, bad):
    merger = CellMerger((), MergeOptions(), has_nulls=True, key=(), pinned={})
    column = MergedColumn("v", 0, 0, 0, kind)

    cells = merger.cells_of([good, None], column)

    assert cells.type.equals(kind)
    assert [cell.is_valid for cell in cells] == [True, False]
    with pytest.raises(TableError):
        merger.cells_of([bad], column)
