"""datav.tables.views: which columns are compared, and as what: nothing is lost, and nothing refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pyarrow as pa
import pytest

from datav.errors import UsageError
from datav.formats.manifest import ColumnInfo
from datav.tables.options import DiffOptions, Tolerance
from datav.tables.typed import CanonicalVersion
from datav.tables.views import choose_views
from tests.support.comparing import comparing
from tests.support.randomtables import write_arrow
from tests.support.texts import compare_all, text_version

BY_VALUE = "by value"


@pytest.fixture
def seeded() -> Random:
    return Random(0)


class Columns:
    """A version of which only the columns are looked at."""

    format = "memory"
    row_count = 0

    def __init__(self, **types: pa.DataType | None) -> None:
        self.columns = tuple(ColumnInfo(name, "text") for name in types)
        self.types = tuple(types.values())


@pytest.mark.parametrize(
    ("before", "after", "common"),
    [
        (None, None, None),
        (None, pa.int64(), BY_VALUE),
        (pa.int8(), pa.int64(), pa.int64()),
        (pa.uint8(), pa.uint64(), pa.uint64()),
        (pa.int8(), pa.uint32(), pa.int64()),
        (pa.int64(), pa.uint8(), pa.int64()),
        (pa.int64(), pa.uint64(), BY_VALUE),
        (pa.int32(), pa.float32(), pa.float64()),
        (pa.int64(), pa.float64(), BY_VALUE),
        (pa.float16(), pa.float64(), pa.float64()),
        (pa.bool_(), pa.int8(), BY_VALUE),
        (pa.decimal128(10, 2), pa.decimal128(12, 2), BY_VALUE),
        (pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("us")),
        (pa.timestamp("ms", "UTC"), pa.timestamp("s", "Asia/Tokyo"), pa.timestamp("ms", "UTC")),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), BY_VALUE),
        (pa.timestamp("us"), pa.timestamp("ns"), BY_VALUE),
        (pa.timestamp("ns"), pa.timestamp("ns"), pa.timestamp("ns")),
        (pa.date32(), pa.date64(), pa.date64()),
        (pa.date32(), pa.timestamp("s"), BY_VALUE),
        (pa.string(), pa.large_string(), pa.large_string()),
        (pa.string_view(), pa.string(), pa.large_string()),
        (pa.binary(), pa.binary_view(), pa.large_binary()),
        (pa.string(), pa.binary(), BY_VALUE),
        (pa.dictionary(pa.int8(), pa.string()), pa.string(), pa.string()),
        (pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.string()), pa.string()),
        (pa.null(), pa.int8(), pa.int8()),
        (pa.null(), None, BY_VALUE),
        (pa.list_(pa.int8()), pa.list_(pa.int8()), pa.list_(pa.int8())),
        (pa.list_(pa.int8()), pa.list_(pa.int64()), BY_VALUE),
    ],
    ids=str,
)
def test_columns_are_compared_as_a_type_that_holds_both(before, after, common):
    for sides in ((before, after), (after, before)):
        found = choose_views(Columns(x=sides[0]), Columns(x=sides[1]), DiffOptions())

        (kind,) = found.before_view.types
        assert found.after_view.types == (kind,)
        is_by_value = isinstance(found.before, CanonicalVersion)
        assert is_by_value == isinstance(found.after, CanonicalVersion) == (common == BY_VALUE)
        wanted = pa.large_binary() if is_by_value else common
        # Of two zones either will do.
        assert kind == wanted or (pa.types.is_timestamp(kind) and kind.unit == wanted.unit)


def test_text_by_value():
    versions = Columns(x=None), Columns(x=None)

    assert choose_views(*versions, DiffOptions()).by_bytes
    assert not choose_views(*versions, DiffOptions(typed=True)).by_bytes
    assert choose_views(*versions, DiffOptions(typed=True)).before_view.types == (pa.large_binary(),)


@pytest.mark.parametrize(
    ("options", "names", "key"),
    [
        (DiffOptions(), ("a", "b", "c"), ()),
        (DiffOptions(key=("c", "a")), ("a", "b", "c"), (2, 0)),
        (DiffOptions(columns=("b",)), ("b",), ()),
        (DiffOptions(key=("a",), columns=("c",)), ("a", "c"), (0,)),
        (DiffOptions(key=("a",), ignored=("a", "b")), ("a", "c"), (0,)),
        (DiffOptions(columns=("a", "b"), ignored=("b",)), ("a",), ()),
        (DiffOptions(columns=("old",)), (), ()),
    ],
)
def test_the_columns_of_both_in_the_order_of_the_first(options, names, key):
    before = Columns(a=None, old=None, b=None, c=None)
    after = Columns(new=None, c=None, b=None, a=None)

    found = choose_views(before, after, options)

    assert found.names == names
    assert found.before_view.key == found.after_view.key == key
    assert [before.columns[n].name for n in found.before_view.columns] == list(names)
    assert [after.columns[n].name for n in found.after_view.columns] == list(names)


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_key_column_that_one_version_lacks_is_a_problem_and_no_error(which):
    sides = [Columns(a=None), Columns(a=None, b=None)]

    found = choose_views(*(sides if which == "first" else sides[::-1]), DiffOptions(key=("a", "b")))

    assert (found.key, found.has_key, found.before_view.key) == ((), False, ())
    assert found.key_problem == f"the key column b is not in the {which} version"


@pytest.mark.parametrize(
    "options",
    [
        DiffOptions(key=("no",)),
        DiffOptions(columns=("no",)),
        DiffOptions(ignored=("no",)),
        DiffOptions(key=("a",), tolerances={"no": Tolerance(1)}),
    ],
)
def test_a_column_that_neither_version_has_is_an_error(options):
    with pytest.raises(UsageError) as error:
        choose_views(Columns(a=None), Columns(b=None), options)

    assert str(error.value) == "there is no column no"


def table(kind: pa.DataType, cells: list) -> pa.Table:
    return pa.table({"id": pa.array(range(len(cells)), pa.int64()), "x": pa.array(cells, kind)})


NOON = datetime(2024, 1, 2, 12)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (table(pa.int64(), [1, 2**53 + 1, None]), table(pa.float64(), [1.0, 2.0**53, None]), 1),
        (table(pa.int64(), [-1, 5]), table(pa.uint64(), [2**64 - 1, 5]), 1),
        (table(pa.decimal128(5, 2), [Decimal("1.10")]), table(pa.decimal128(5, 1), [Decimal("1.1")]), 0),
        (table(pa.timestamp("us"), [datetime(9999, 12, 31)]), table(pa.timestamp("ns"), [NOON]), 1),
        (table(pa.timestamp("us"), [NOON]), table(pa.timestamp("ns"), [NOON]), 0),
        (table(pa.timestamp("ns"), [1, 0]), table(pa.timestamp("us"), [0, 0]), 1),
        (
            table(pa.timestamp("s", "UTC"), [NOON.replace(tzinfo=UTC)]),
            table(pa.timestamp("ns", "Asia/Tokyo"), [NOON.replace(tzinfo=UTC)]),
            0,
        ),
        (table(pa.list_(pa.int8()), [[1, 2], []]), table(pa.list_(pa.int64()), [[1, 2], None]), 1),
        (table(pa.null(), [None, None]), table(pa.string(), [None, ""]), 1),
        (table(pa.duration("s"), [timedelta(0)]), table(pa.duration("ns"), [timedelta(0)]), 0),
    ],
)
def test_a_wider_type_is_no_change_and_a_value_is_one(old, new, changed, seeded):
    with comparing() as tables:
        for sides in ((old, new), (new, old)):
            files = [tuple(write_arrow(seeded, side)) for side in sides]
            rows = tables.diff(*files, DiffOptions(key=("id",))).rows

            assert (rows.refused, rows.changed) == (None, changed)
            assert rows.changed == sum(change.op == "changed" for change in rows.changes())


@pytest.mark.parametrize(
    ("kind", "cell", "text"),
    [
        (pa.list_(pa.int64()), [1, 2], "[1,2]"),
        (pa.struct([("b", pa.int64()), ("a", pa.string())]), {"b": 1, "a": "ä"}, '{"a":"ä","b":1}'),
        (pa.duration("ms"), timedelta(seconds=90.5), "PT90.5S"),
        (pa.bool_(), True, "TRUE"),
        (pa.float64(), 1e22, "10000000000000000000000"),
        (pa.decimal128(10, 3), Decimal("1.100"), "1.1"),
        (pa.timestamp("ns", "UTC"), 1_000_000_001, "1970-01-01 01:00:01.000000001+01:00"),
        (pa.date32(), datetime(2024, 1, 2).date(), "2024-01-02"),
        (pa.string(), None, ""),
    ],
)
def test_a_typed_cell_against_the_text_that_means_it(seeded, kind, cell, text):
    quoted = '"' + text.replace('"', '""') + '"'
    with comparing() as tables:
        first = tables.open(*write_arrow(seeded, table(kind, [cell])))

        rows = compare_all(first, text_version(f"id,x\n0,{quoted}\n".encode()), DiffOptions(key=("id",)))[
            0
        ].rows

    assert (rows.refused, rows.changed, rows.unchanged) == (None, 0, 1)
