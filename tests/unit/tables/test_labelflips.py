"""datav.tables.labelflips: what is told of flips, by the rules of docs/reference/diff.md."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datav.tables.options import DiffOptions, Tolerance
from datav.tables.result import FlipCount, LabelFlips
from tests.support.comparing import comparing

BEFORE = "id,size,kind\n1,3,cat\n2,4,dog\n3,5,cat\n4,6,cat\n5,7,emu\n"
AFTER = "id,size,kind\n1,3,dog\n2,4,cat\n3,9,dog\n4,6,dog\n6,7,emu\n"


def flips(before: str | bytes, after: str | bytes, *, forms=("csv", "csv"), **options) -> LabelFlips:
    made = {"label": "kind", "key": ("id",), **options}
    files = [
        (f"a.{form}", text.encode() if isinstance(text, str) else text)
        for form, text in zip(forms, (before, after), strict=True)
    ]
    with comparing() as tables:
        rows = tables.diff(files[0], files[1], DiffOptions(**made)).rows
        assert rows is not None
        found = rows.label_flips
    assert found is not None
    return found


def csv_of(*rows: str, header: str = "id,size,kind") -> str:
    return "\n".join([header, *rows, ""])


def as_parquet(**columns) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def as_json_lines(*rows: dict) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_rows_that_changed_only_their_label_are_counted_by_what_became_of_it():
    assert flips(BEFORE, AFTER) == LabelFlips(
        label="kind",
        flipped=3,
        relabelled_with_changes=1,
        rows_compared=4,
        matrix=(FlipCount("cat", "dog", 2), FlipCount("dog", "cat", 1)),
        examples=({"id": "1"}, {"id": "2"}, {"id": "4"}),
    )


def test_without_a_key_rows_are_paired_by_all_other_cells():
    before, after = (text.replace("\n1,", "\n9,").replace("\n4,6,", "\n9,3,") for text in (BEFORE, AFTER))

    assert flips(before, after, key=()) == LabelFlips(
        label="kind",
        flipped=3,
        by_features=3,
        relabelled_with_changes=None,
        rows_compared=3,
        matrix=(FlipCount("cat", "dog", 2), FlipCount("dog", "cat", 1)),
    )


def test_rows_of_which_several_pairs_may_be_true_are_counted_and_not_guessed():
    before = csv_of("1,3,cat", "1,3,dog", "2,4,cat")
    after = csv_of("1,3,emu", "1,3,cow", "2,4,emu")

    found = flips(before, after, key=())

    assert (found.flipped, found.undecided) == (3, 2)
    assert found.matrix == (FlipCount("cat", "emu", 1),)


def test_rows_whose_key_is_not_unique_are_paired_by_key_and_features():
    before = csv_of("1,3,cat", "1,4,cat", "2,4,cat", "3,3,dog")
    after = csv_of("1,3,emu", "1,5,emu", "2,4,dog", "4,3,cat")

    found = flips(before, after)

    assert (found.flipped, found.by_features, found.rows_compared) == (2, 1, 2)
    assert set(found.matrix) == {FlipCount("cat", "emu", 1), FlipCount("cat", "dog", 1)}
    assert found.examples == ({"id": "2"},)


def test_a_column_that_only_one_version_has_is_no_feature():
    after = csv_of("1,3,dog,x", "2,4,dog,y", header="id,size,kind,new")

    assert flips(BEFORE, after).flipped == 1
    assert flips(BEFORE, after, key=()).flipped == 1


def test_only_what_is_compared_is_a_feature():
    assert flips(BEFORE, AFTER, columns=("kind",)).flipped == 4
    assert flips(BEFORE, AFTER, ignored=("size",)).flipped == 4
    assert flips(BEFORE, AFTER, tolerances={"size": Tolerance(absolute=4.0)}).flipped == 4
    assert flips(BEFORE, AFTER, where="size > 5").flipped == 1


def test_under_a_condition_the_rows_that_were_paired_are_not_counted():
    assert flips(BEFORE, AFTER, where="size > 5").rows_compared is None


def test_a_label_that_is_missing_is_a_label_too():
    before = as_parquet(id=[1, 2, 3], kind=[None, "", "cat"])
    after = as_parquet(id=[1, 2, 3], kind=["", "cat", None])

    assert flips(before, after, forms=("parquet", "parquet")).matrix == (
        FlipCount(None, "", 1),
        FlipCount("", "cat", 1),
        FlipCount("cat", None, 1),
    )


@pytest.mark.parametrize("key", [("id",), ()])
def test_labels_are_counted_by_what_they_mean_where_they_are_compared_so(key):
    before = csv_of("1,3,1", "2,4,1.0", "3,5,True", "4,6,2")
    after = csv_of("1,3,0", "2,4.0,0", "3,5,true", "4,6,2.0")

    found = flips(before, after, key=key, typed=True)

    assert found.matrix == (FlipCount("1", "0", 2),)


@pytest.mark.parametrize("key", [("id",), ()])
def test_two_formats_are_compared_by_what_their_cells_mean(key):
    lines = as_json_lines(
        {"id": 1, "size": 3.0, "kind": "cat"},
        {"id": 2, "size": 4, "kind": "cat"},
        {"id": "3", "size": 5, "kind": "1"},
    )
    after = csv_of("1,3,dog", "2,4,cat", "3,5,0")

    found = flips(lines, after, forms=("jsonl", "csv"), key=key)

    assert set(found.matrix) == {FlipCount("cat", "dog", 1), FlipCount("1", "0", 1)}
    assert found.examples == (({"id": "1"}, {"id": "3"}) if key else ())


def test_integers_of_two_widths_are_the_same_features():
    before = as_parquet(size=pa.array([3, 4], pa.int8()), kind=["cat", "cat"])
    after = as_parquet(size=pa.array([3, 4], pa.int64()), kind=["dog", "cat"])

    found = flips(before, after, forms=("parquet", "parquet"), key=())

    assert found.matrix == (FlipCount("cat", "dog", 1),)


def test_the_matrix_has_at_most_a_hundred_pairs_and_the_others_are_summed():
    before = csv_of(
        *(f"{at},0,old{at % 150}" for at in range(300)), *(f"{at},0,cat" for at in range(300, 305))
    )
    after = csv_of(
        *(f"{at},0,new{at % 150}" for at in range(300)), *(f"{at},0,dog" for at in range(300, 305))
    )

    found = flips(before, after)

    assert (found.flipped, len(found.matrix), found.other) == (305, 100, 102)
    # Of equally frequent ones the first in the order of the rows.
    assert found.matrix[:3] == (
        FlipCount("cat", "dog", 5),
        FlipCount("old0", "new0", 2),
        FlipCount("old1", "new1", 2),
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"label": "species"}, "there is no column species in either version"),
        ({"columns": ("size",)}, "the column kind is not compared"),
        ({"ignored": ("kind",)}, "the column kind is not compared"),
        ({"key": ("id", "kind")}, "the column kind is part of the key"),
        (
            {"key": (), "columns": ("kind",)},
            "there is neither a key nor another column by which rows could be paired",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_and_nothing_else_is(options, reason):
    found = flips(BEFORE, AFTER, **options)

    assert found == LabelFlips(options.get("label", "kind"), refused=reason)


def test_a_label_of_only_one_version_is_refused():
    after = AFTER.replace("kind", "sort")

    assert flips(BEFORE, after).refused == "there is no column kind in the second version"
    assert flips(after, BEFORE).refused == "there is no column kind in the first version"


def test_without_a_label_nothing_is_counted():
    with comparing() as tables:
        found = tables.diff(("a.csv", BEFORE.encode()), ("a.csv", AFTER.encode()), DiffOptions(key=("id",)))

        assert found.rows.label_flips is None
