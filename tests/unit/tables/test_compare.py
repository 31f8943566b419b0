"""datav.tables.compare: what the options ask for, by the rules of docs/reference/diff.md."""

from dataclasses import replace

import numpy as np
import pytest

from datav.errors import UsageError
from datav.tables import compare
from datav.tables.matching import match_rows
from datav.tables.options import DiffOptions, Tolerance
from datav.tables.result import RowChange
from tests.support.texts import compare_all, text_version

BEFORE = "id,x,price\n1,a,1\n2,b,2\n3,c,3\n4,d,4\n"
AFTER = "id,x,price\n1,a,1\n2,B,2.5\n4,d,4.25\n5,e,5\n"


def diff(before: str, after: str, **options):
    found, changes = compare_all(
        text_version(before.encode()), text_version(after.encode()), DiffOptions(**options)
    )
    return found, changes


def counts(rows) -> tuple:
    return rows.added, rows.removed, rows.changed, rows.unchanged


def test_rows_with_a_key():
    found, changes = diff(BEFORE, AFTER, key=("id",))

    assert counts(found.rows) == (1, 1, 2, 1)
    assert (found.rows.from_rows, found.rows.to_rows) == (4, 4)
    assert found.rows.changed_cells == {"x": 1, "price": 2}
    assert found.rows.refused is None
    assert changes == [
        RowChange("removed", {"id": "3"}, {"id": "3", "x": "c", "price": "3"}, {}),
        RowChange("added", {"id": "5"}, {}, {"id": "5", "x": "e", "price": "5"}),
        RowChange("changed", {"id": "2"}, {"x": "b", "price": "2"}, {"x": "B", "price": "2.5"}),
        RowChange("changed", {"id": "4"}, {"price": "4"}, {"price": "4.25"}),
    ]


def test_rows_without_a_key_are_counted():
    found, changes = diff("x\na\na\na\nb\n", "x\na\nc\nc\n", key=())

    assert counts(found.rows) == (2, 3, 0, 1)
    assert {(change.op, *(change.before or change.after).values(), change.count) for change in changes} == {
        ("removed", "a", 2),
        ("removed", "b", 1),
        ("added", "c", 2),
    }


@pytest.mark.parametrize(
    ("after", "is_same"),
    [
        ('"id","x","price"\r\n"1","a","1"\r\n2,b,2\r\n3,c,3\r\n4,d,4\r\n', True),
        ("\ufeff" + BEFORE, True),
        ("price,id,x\n4,4,d\n3,3,c\n2,2,b\n1,1,a\n", True),
        (BEFORE.replace("1,a,1", "1,a,1.0"), False),
        (BEFORE.replace("1,a,1", "1,a ,1"), False),
        (BEFORE.replace("1,a,1", '1,"a\n",1'), False),
    ],
)
@pytest.mark.parametrize("key", [(), ("id",), ("x", "id")])
def test_a_cell_is_its_text_and_nothing_else_counts(after, is_same, key):
    found, changes = diff(BEFORE, after, key=key)

    assert found.rows.is_empty == is_same
    assert (changes == []) == is_same


def test_only_some_columns_are_compared():
    for options in ({"columns": ("x",)}, {"ignored": ("price",)}, {"ignored": ("price", "id")}):
        found, _ = diff(BEFORE, AFTER, key=("id",), **options)

        assert counts(found.rows) == (1, 1, 1, 2)
        assert found.rows.changed_cells == {"x": 1}


WIDE_BEFORE = "id,a,b,old\n1,1,x,1\n2,2,y,2\n3,3,z,3\n"
WIDE_AFTER = "new,id,b,a\n1,3,z,3\n2,2,Y,2.5\n3,4,w,4\n"


@pytest.mark.parametrize("options", [{"columns": ("a",)}, {"ignored": ("b", "old", "new")}])
def test_nothing_is_told_of_columns_that_were_left_out(options):
    found, changes = diff(WIDE_BEFORE, WIDE_AFTER, key=("id",), where="b != 'nothing'", **options)

    schema = found.schema
    assert (schema.added, schema.removed, schema.renamed, schema.reordered) == ((), (), (), False)
    assert [(change.name, change.after) for change in schema.changed] == [("a", "float")]
    assert changes == [
        RowChange("removed", {"id": "1"}, {"id": "1", "a": "1"}, {}),
        RowChange("added", {"id": "4"}, {}, {"id": "4", "a": "4"}),
        RowChange("changed", {"id": "2"}, {"a": "2"}, {"a": "2.5"}),
    ]


def test_a_column_of_one_version_is_told_of_where_it_was_asked_for():
    found, changes = diff(WIDE_BEFORE, WIDE_AFTER, key=("id",), columns=("new",))

    assert ([column.name for column in found.schema.added], found.schema.removed) == (["new"], ())
    assert [(change.op, change.before, change.after) for change in changes] == [
        ("removed", {"id": "1"}, {}),
        ("added", {}, {"new": "3", "id": "4"}),
    ]


def test_rows_of_which_no_column_was_asked_for_are_shown_whole():
    _, changes = diff("a\n1\n2\n", "b\n1\n", key=(), columns=("b",))

    assert [(change.op, list(change.before)) for change in changes] == [("removed", ["a"])]


def test_rows_that_moved_are_shown_without_what_was_left_out():
    _, changes = diff(
        "a,b\n1,x\n2,y\n", "a,b\n2,y\n1,z\n", key=(), columns=("a",), ordered=True, where="b != 'q'"
    )

    assert [(change.op, change.before, change.after) for change in changes] == [("moved", {}, {"a": "1"})]


def test_without_a_key_rows_that_differ_only_in_ignored_columns_are_the_same():
    found, changes = diff("x,t\na,1\na,2\n", "x,t\na,3\n", key=(), ignored=("t",))

    assert counts(found.rows) == (0, 1, 0, 1)
    assert changes[0].count == 1


@pytest.mark.parametrize(
    ("tolerances", "changed"),
    [
        ({}, {"x": 1, "price": 2}),
        ({"": Tolerance(absolute=0.25)}, {"x": 1, "price": 1}),
        ({"": Tolerance(absolute=0.5)}, {"x": 1}),
        ({"price": Tolerance(relative=0.25)}, {"x": 1}),
        ({"price": Tolerance(relative=0.1)}, {"x": 1, "price": 1}),
        ({"": Tolerance(absolute=9), "price": Tolerance()}, {"x": 1, "price": 2}),
        ({"x": Tolerance(absolute=9)}, {"x": 1, "price": 2}),
    ],
)
def test_numbers_no_further_apart_than_the_tolerance_are_the_same(tolerances, changed):
    found, changes = diff(BEFORE, AFTER, key=("id",), tolerances=tolerances)

    assert found.rows.changed_cells == changed
    assert found.rows.changed + found.rows.unchanged == 3
    told = [change for change in changes if change.op == "changed"]
    assert len(told) == found.rows.changed
    assert sum(len(change.before) for change in told) == sum(changed.values())


def test_a_tolerance_says_nothing_of_a_key():
    found, _ = diff("id,x\n1,a\n2,b\n", "id,x\n1.1,a\n2,b\n", key=("id",), tolerances={"": Tolerance(1)})

    assert counts(found.rows) == (1, 1, 0, 1)


@pytest.mark.parametrize("key", [(), None])
def test_a_tolerance_needs_a_key(key):
    with pytest.raises(UsageError) as error:
        diff(BEFORE, AFTER, key=key, tolerances={"": Tolerance(1)})

    assert str(error.value).startswith("a tolerance needs a key")


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("price > 2", {("changed", "2"), ("removed", "3"), ("changed", "4"), ("added", "5")}),
        ("price <= 2", {("changed", "2")}),
        ("x == 'B'", {("changed", "2")}),
        ("x == 'b'", {("changed", "2")}),
        ("id in ('3', '5')", {("removed", "3"), ("added", "5")}),
        ("id == 1", set()),
        ("x == 'zz'", set()),
    ],
)
def test_only_changes_of_rows_that_meet_a_condition_before_or_after(where, wanted):
    found, changes = diff(BEFORE, AFTER, key=("id",), where=where)

    assert {(change.op, change.key["id"]) for change in changes} == wanted
    assert found.rows.unchanged is None
    assert found.rows.added + found.rows.removed + found.rows.changed == len(wanted)


def test_a_condition_on_a_column_that_is_not_compared_or_that_one_version_lacks():
    for where, options in (("price > 2", {"ignored": ("price",)}), ("t == 'new'", {})):
        before, after = BEFORE, AFTER.replace("price\n", "price,t\n").replace("2.5\n", "2.5,new\n")
        after = "\n".join(line if line.count(",") == 3 else line + "," for line in after.splitlines())

        found, changes = diff(before, after, key=("id",), where=where, **options)

        assert ("changed", "2") in {(change.op, change.key["id"]) for change in changes}
        assert found.rows.changed == 1


def test_a_condition_without_a_key():
    found, changes = diff("x,n\na,1\na,1\nb,2\n", "x,n\nc,3\n", key=(), where="n < 2")

    assert (found.rows.added, found.rows.removed) == (0, 2)
    assert [(change.op, change.before["x"], change.count) for change in changes] == [("removed", "a", 2)]


def test_a_condition_on_a_column_that_is_nowhere_is_an_error():
    with pytest.raises(UsageError) as error:
        diff(BEFORE, AFTER, key=("id",), where="nowhere == 1")

    assert str(error.value) == "there is no column nowhere"


def test_cells_by_value():
    before = "id,x,t\n1,1.0,2024-01-02T03:04:05Z\n02,True,\n3,007,x\n"
    after = "id,x,t\n1.0,1,2024-01-02 04:04:05+01:00\n02,true,\n3,7,x\n"

    found, changes = diff(before, after, key=("id",), typed=True)

    assert counts(found.rows) == (0, 0, 1, 2)
    # What is shown is what stands there.
    assert [(change.key, change.before, change.after) for change in changes] == [
        ({"id": "3"}, {"x": "007"}, {"x": "7"})
    ]


@pytest.mark.parametrize("key", [(), ("id",)])
def test_the_order_of_rows_counts_only_when_asked_for(key):
    before, after = "id,x\n1,a\n2,b\n3,c\n", "id,x\n3,c\n1,a\n2,b\n"

    assert diff(before, after, key=key)[0].rows.moved is None
    found, changes = diff(before, after, key=key, ordered=True)

    assert (found.rows.moved, found.rows.unchanged) == (1, 3)
    assert [change.op for change in changes] == ["moved"]
    assert not found.rows.is_empty


def test_rows_of_a_key_that_is_not_unique_are_added_or_removed_and_the_others_are_not_touched():
    found, changes = diff("id,x\n1,a\n2,b\n3,c\n", "id,x\n1,z\n1,a\n2,B\n3,c\n", key=("id",))

    assert counts(found.rows) == (1, 0, 1, 2)
    assert (found.rows.duplicates.before, found.rows.duplicates.after) == (0, 1)
    assert found.rows.duplicates.examples == ({"id": "1"},)
    assert found.rows.refused.startswith(
        "the key id is not unique: 1 key has more than one row (1 in the second"
    )
    assert {change.op for change in changes} == {"added", "changed"}


def test_a_key_that_is_not_unique_in_what_did_not_change_is_told_as_well():
    twice = "id,x\n1,a\n1,a\n2,b\n"

    found, changes = diff(twice, twice, key=("id",))

    assert counts(found.rows) == (0, 0, 0, 3)
    assert (found.rows.duplicates.before, found.rows.duplicates.after) == (1, 1)
    assert found.rows.is_empty
    assert changes == []


def test_keys_of_which_only_the_fingerprints_are_the_same_are_a_removed_row_and_an_added_one(monkeypatch):
    def collide(*args, **options):
        matched = match_rows(*args, **options)
        assert len(matched.removed) == len(matched.added) == 1
        sides = zip(matched.changed, (matched.removed, matched.added), strict=True)
        changed = tuple(np.concatenate(side) for side in sides)
        return replace(matched, changed=changed, removed=matched.removed[:0], added=matched.added[:0])

    for options in ({}, {"where": "price > 2"}, {"ordered": True}, {"typed": True}):
        plain = diff(BEFORE, AFTER, key=("id",), **options)
        monkeypatch.setattr(compare, "match_rows", collide)
        found = diff(BEFORE, AFTER, key=("id",), **options)
        monkeypatch.undo()

        assert found[0] == plain[0]
        assert sorted(map(repr, found[1])) == sorted(map(repr, plain[1]))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_key_column_that_one_version_lacks_means_no_key(swapped):
    sides = ["id,x\n1,a\n2,b\n", "x,other\na,1\nc,2\n"]
    found, _ = diff(*(sides[::-1] if swapped else sides), key=("id",))

    assert counts(found.rows) == (1, 1, 0, 1)
    assert found.rows.key == ()
    assert found.rows.refused == f"the key column id is not in the {'first' if swapped else 'second'} version"


@pytest.mark.parametrize("swapped", [False, True])
def test_a_table_with_a_ragged_row_is_not_compared(swapped):
    sides = [BEFORE, AFTER + "6,f\n"]
    found, changes = diff(*(sides[::-1] if swapped else sides), key=("id",))

    assert found.rows.refused == "a row has 2 cells where the header has 3 (line 6)"
    assert counts(found.rows) == (0, 0, 0, None)
    assert changes == []


def test_columns_that_only_one_version_has_change_no_row():
    found, changes = diff("id,x,old\n1,a,1\n2,b,5\n", "new,x,id\n1,a,1\n6,b,2\n", key=("id",))

    assert found.rows.is_empty
    assert changes == []
    assert [column.name for column in found.schema.added] == ["new"]
    assert [column.name for column in found.schema.removed] == ["old"]
    assert found.schema.reordered


def test_only_the_schemas():
    found, changes = diff(BEFORE, "id,y\n1,2\n", key=("id",), rows=False)

    assert found.rows is None
    assert changes == []
    assert [column.name for column in found.schema.removed] == ["x", "price"]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("id,x\n", "id,x\n", (0, 0, 0, 0)),
        ("id,x", "id,x\n1,a", (1, 0, 0, 0)),
        ("id,x\n1,a\n", "id,x", (0, 1, 0, 0)),
    ],
)
def test_tables_without_rows(before, after, wanted):
    for key in ((), ("id",)):
        assert counts(diff(before, after, key=key)[0].rows) == wanted


def test_how_a_file_is_written_is_told():
    found, _ = diff("id,x\n1,a\n", "id;x\n1;a\n", key=("id",))

    assert found.rows.is_empty
    assert [(change.name, change.before, change.after) for change in found.schema.written] == [
        ("delimiter", ",", ";")
    ]


@pytest.mark.parametrize(("condition", "added"), [("c = 5", 1), ("c = 9", 0), ("b = 2", 0)])
def test_a_condition_on_a_column_that_one_version_has_needs_no_key(condition, added):
    found, _ = diff("a,b\n1,2\n3,4\n", "a,c\n1,2\n3,9\n5,5\n", where=condition)

    assert counts(found.rows)[:2] == (added, 0)
