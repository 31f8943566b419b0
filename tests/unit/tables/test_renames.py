"""datav.tables.renames: a column that is gone and one that came in its place."""

import pytest

from datav.tables import renames
from datav.tables.options import DiffOptions
from tests.support.texts import compare_all, text_version


def renamed(before: dict[str, list], after: dict[str, list], key=("id",)) -> list[tuple[str, str, float]]:
    found, _ = compare_all(as_text(before), as_text(after), DiffOptions(key=key))
    for rename in found.schema.renamed:
        assert rename.before in {column.name for column in found.schema.removed}
        assert rename.after in {column.name for column in found.schema.added}
    return [(rename.before, rename.after, rename.share) for rename in found.schema.renamed]


def as_text(columns: dict[str, list]):
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    return text_version("\n".join([*lines, ""]).encode())


IDS = list(range(10))
CELLS = [f"v{number}" for number in IDS]


@pytest.mark.parametrize("key", [("id",), ()])
def test_a_column_with_the_same_cells_was_renamed(key):
    assert renamed({"id": IDS, "old": CELLS}, {"id": IDS, "new": CELLS}, key) == [("old", "new", 1.0)]


def test_rows_belong_together_by_their_key_whatever_their_order():
    assert renamed({"id": IDS, "old": CELLS}, {"new": CELLS[::-1], "id": IDS[::-1]}) == [("old", "new", 1.0)]


def test_numbers_that_are_written_otherwise_are_the_same():
    before, after = [f"{number}.0" for number in IDS], IDS

    assert renamed({"id": IDS, "old": before}, {"id": IDS, "new": after}) == [("old", "new", 1.0)]


@pytest.mark.parametrize(("same", "share"), [(10, 1.0), (8, 0.8), (7, None), (0, None)])
def test_much_the_same_cells_are_needed(same, share):
    after = [*CELLS[:same], *(f"other{number}" for number in IDS[same:])]

    wanted = [("old", "new", share)] if share else []
    assert renamed({"id": IDS, "old": CELLS}, {"id": IDS, "new": after}) == wanted


def test_of_a_column_that_is_constant_nothing_is_said():
    assert renamed({"id": IDS, "old": ["x"] * 10}, {"id": IDS, "new": ["x"] * 10}) == []


def test_each_column_has_one_name_at_most_and_the_best_one_wins():
    nearly = [*CELLS[:9], "other"]

    assert renamed({"id": IDS, "b": nearly, "a": CELLS}, {"id": IDS, "x": CELLS, "y": nearly}) == [
        ("b", "y", 1.0),
        ("a", "x", 1.0),
    ]
    assert renamed({"id": IDS, "a": CELLS}, {"id": IDS, "x": CELLS, "y": CELLS}) == [("a", "x", 1.0)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"id": [], "old": []}, {"id": [], "new": []}),
        ({"id": IDS, "old": CELLS}, {"id": [], "new": []}),
        ({"id": IDS, "old": CELLS}, {"id": [n + 100 for n in IDS], "new": CELLS}),
        ({"id": IDS, "old": CELLS}, {"id": IDS}),
        ({"id": IDS}, {"id": IDS, "new": CELLS}),
    ],
)
def test_without_rows_of_both_nothing_is_said(before, after):
    assert renamed(before, after) == []


def test_without_a_column_of_both_nothing_is_said():
    assert renamed({"old": CELLS}, {"new": CELLS}, ()) == []


def test_of_very_many_columns_nothing_is_said(monkeypatch):
    monkeypatch.setattr(renames, "_MAX_PAIRS", 3)
    before, after = ({"id": IDS} | {f"{side}{n}": CELLS for n in range(2)} for side in "ab")

    assert renamed(before, after) == []


def test_only_the_first_rows_are_looked_at(monkeypatch):
    monkeypatch.setattr(renames, "_ROWS", 5)

    ((_, _, share),) = renamed({"id": IDS, "old": CELLS}, {"id": IDS, "new": CELLS})

    assert share == 1.0
