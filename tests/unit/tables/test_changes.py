"""Batches of columns as changes one by one."""

import datetime as dt
import random
from decimal import Decimal

import pyarrow as pa
import pytest

from datav.tables.cellvalues import cell_values
from datav.tables.changes import iter_changes, share_limit, some_changes
from datav.tables.result import OPS, ChangeBatch, RowChange
from tests.support.diffs import changed_batch, row_diff, text_table

REMOVED = ChangeBatch("removed", text_table(id=["1"], name=["Ann"]), None, {})
ADDED = ChangeBatch("added", None, text_table(id=["2"], name=["Bob"]), {})
CHANGED = changed_batch(
    text_table(id=["3", "4"], name=["a", "b"], age=["1", "2"]),
    text_table(id=["3", "4"], name=["x", "b"], age=["1", "3"]),
)


def test_a_removed_row_has_all_its_cells_before_and_an_added_one_after():
    changes = list(iter_changes(row_diff(REMOVED, ADDED)))

    assert changes == [
        RowChange("removed", {"id": "1"}, {"id": "1", "name": "Ann"}, {}),
        RowChange("added", {"id": "2"}, {}, {"id": "2", "name": "Bob"}),
    ]


def test_a_changed_row_has_only_the_cells_that_differ():
    changes = list(iter_changes(row_diff(CHANGED)))

    assert changes == [
        RowChange("changed", {"id": "3"}, {"name": "a"}, {"name": "x"}),
        RowChange("changed", {"id": "4"}, {"age": "2"}, {"age": "3"}),
    ]


def test_rows_that_were_not_matched_by_key_have_none_and_say_how_many_there_are():
    batch = ChangeBatch("added", None, text_table(id=["1"]), {}, counts=pa.array([3]), has_key=False)

    assert list(iter_changes(row_diff(batch))) == [RowChange("added", {}, {}, {"id": "1"}, 3)]


def test_a_moved_row_is_its_key_or_without_one_its_cells():
    table = text_table(id=["1"], name=["Ann"])

    by_key = list(iter_changes(row_diff(ChangeBatch("moved", table, table, {}))))
    without = list(iter_changes(row_diff(ChangeBatch("moved", table, table, {}, has_key=False))))

    assert by_key == [RowChange("moved", {"id": "1"}, {}, {})]
    assert without == [RowChange("moved", {}, {}, {"id": "1", "name": "Ann"})]


def test_batches_longer_than_a_slice_lose_nothing():
    chance = random.Random(1)
    before = [str(chance.randrange(3)) for _ in range(1000)]
    after = [str(chance.randrange(3)) for _ in range(1000)]
    ids = [str(n) for n in range(1000)]
    rows = row_diff(changed_batch(text_table(id=ids, n=before), text_table(id=ids, n=after)))

    told = [(c.key["id"], c.before.get("n"), c.after.get("n")) for c in iter_changes(rows)]

    assert told == [
        (key, None, None) if old == new else (key, old, new)
        for key, old, new in zip(ids, before, after, strict=True)
    ]


def test_nothing_is_read_before_it_is_asked_for():
    def batches(whole=False, ops=OPS):
        yield ADDED
        raise AssertionError("read too far")

    rows = row_diff(ADDED, REMOVED, batches=batches)

    assert next(iter_changes(rows)).op == "added"


@pytest.mark.parametrize(
    ("limit", "ops"),
    [
        (0, []),
        (1, ["added"]),
        (3, ["removed", "added", "changed"]),
        (None, ["removed"] * 9 + ["added", "changed"]),
    ],
)
def test_a_limit_leaves_some_of_every_kind(limit, ops):
    many = ChangeBatch("removed", text_table(id=[str(n) for n in range(9)]), None, {})
    changed = changed_batch(text_table(id=["a"], n=["1"]), text_table(id=["a"], n=["2"]))

    assert [change.op for change in some_changes(row_diff(many, ADDED, changed), limit)] == ops


def test_what_one_kind_does_not_need_the_others_share():
    assert share_limit({"removed": 1000, "added": 2, "changed": 500}, 20) == {
        "added": 2,
        "changed": 9,
        "removed": 9,
    }


def test_bytes_that_are_no_text_are_shown_and_not_lost():
    assert cell_values(pa.array([b"a\xffb", None], pa.large_binary())) == ["a\\xffb", None]
    assert cell_values(pa.array([b"a\xffb"], pa.binary())) == [b"a\xffb"]


def test_times_are_those_of_the_standard_library_and_never_rounded():
    ns = pa.timestamp("ns")
    column = pa.array([1_000, 1, None], ns)

    values = cell_values(column)

    assert values == [dt.datetime(1970, 1, 1, 0, 0, 0, 1), "1970-01-01T00:00:00.000000001", None]
    assert type(values[0]) is dt.datetime
    assert cell_values(pa.array([10**14], pa.timestamp("s"))) == ["3170843-11-07T09:46:40"]
    assert cell_values(pa.array([1], pa.timestamp("ns", "Europe/Berlin"))) == [
        "1970-01-01T00:00:00.000000001Z"
    ]
    assert cell_values(pa.array([1500], pa.duration("ms"))) == [dt.timedelta(seconds=1.5)]
    assert cell_values(pa.array([-1500], pa.duration("ns"))) == ["PT-0.0000015S"]
    assert cell_values(pa.array([1], pa.time64("ns"))) == ["00:00:00.000000001"]
    assert cell_values(pa.array([None], ns)) == [None]


def test_cells_of_every_type_are_plain_values():
    nested = pa.array([{"a": [1, None], "when": 1}], pa.struct({"a": pa.list_(pa.int8()), "when": ns_time()}))

    assert cell_values(nested) == [{"a": [1, None], "when": "1970-01-01T00:00:00.000000001"}]
    assert cell_values(pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8()))) == [{"k": 1}]
    # A list of lists of two is no map, and a map whose keys repeat is no dict.
    assert cell_values(pa.array([[["a", "b"], ["c", "d"]]])) == [[["a", "b"], ["c", "d"]]]
    twice = pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int8()))
    assert cell_values(twice) == [[["k", 1], ["k", 2]]]
    assert cell_values(pa.array(["a", None]).dictionary_encode()) == ["a", None]
    assert cell_values(pa.array([Decimal("1.50")])) == [Decimal("1.50")]
    assert cell_values(pa.array([dt.date(2020, 1, 2)])) == [dt.date(2020, 1, 2)]
    assert cell_values(pa.array([2**63], pa.uint64())) == [2**63]
    assert cell_values(pa.array([(1, 2, 3_000)], pa.month_day_nano_interval())) == ["P1M2DT0.000003S"]
    assert cell_values(pa.chunked_array([[True], [None]])) == [True, None]


def ns_time():
    return pa.timestamp("ns")


def test_cells_that_python_has_no_value_for_are_text_wherever_they_are():
    far = pa.array([2**31 - 1, None, 0], pa.int32()).cast(pa.date32())
    inner = pa.StructArray.from_arrays([far, pa.array([1, 2, 3])], names=["day", "n"])
    lists = pa.ListArray.from_arrays([0, 2, 3], inner)

    assert cell_values(inner)[0] == {"day": "5881580-07-11", "n": 1}
    assert cell_values(lists) == [
        [{"day": "5881580-07-11", "n": 1}, {"day": None, "n": 2}],
        [{"day": dt.date(1970, 1, 1), "n": 3}],
    ]
    assert cell_values(far) == ["5881580-07-11", None, dt.date(1970, 1, 1)]
    assert cell_values(pa.array([-719529], pa.int32()).cast(pa.date32())) == ["-0001-12-31"]
