"""What `diff` says of labels, in each of its forms."""

import pytest
from markdown_it import MarkdownIt

from datav.report.diff_json import diff_json
from datav.report.diff_markdown import diff_markdown
from datav.report.diff_stat import diff_stat
from datav.report.diff_text import diff_text
from datav.report.style import PLAIN
from datav.tables.result import FlipCount, LabelFlips
from tests.support.diffs import changed_batch, diff_of, row_diff, table_dataset, text_table

FLIPS = LabelFlips(
    label="kind",
    flipped=1021,
    by_features=0,
    relabelled_with_changes=3,
    rows_compared=51000,
    matrix=(FlipCount("cat", "dog", 1000), FlipCount(None, "", 21)),
    examples=({"id": "1", "day": "Monday"}, {"id": "2", "day": "null"}),
)


def dataset(flips: LabelFlips):
    batch = changed_batch(text_table(id=["1"], kind=["cat"]), text_table(id=["1"], kind=["dog"]))
    return table_dataset(row_diff(batch, label_flips=flips))


def label_lines(flips: LabelFlips, width: int = 80) -> list[str]:
    text = diff_text(diff_of(dataset(flips)), PLAIN, width=width, limit=0)
    return text.splitlines()[3:]


def document(flips: LabelFlips) -> dict:
    return diff_json(diff_of(dataset(flips)), limit=0)["datasets"][0]["rows"]["label_flips"]


def test_flips_are_told_behind_the_counts_of_rows_and_cells():
    assert label_lines(FLIPS) == [
        "  label  1,021 rows changed only kind (2 %), 3 rows changed kind and more",
        '         such as id=1, day=Monday; id=2, day="null"',
        "         1,000  cat -> dog",
        '            21  null -> ""',
    ]


def test_what_was_paired_by_features_is_said():
    some = LabelFlips("kind", 3, 2, 0, 10, (FlipCount("a", "b", 1),), undecided=2)
    every = LabelFlips("kind", 1, 1, None, None, (FlipCount("a", "b", 1),))

    assert label_lines(some) == [
        "  label  3 rows changed only kind (30 %), 2 of them paired by features",
        "         1  a -> b",
        "         2  with several labels for the same features",
    ]
    assert label_lines(every)[0] == "  label  1 row changed only kind, paired by features"


def test_of_many_pairs_the_most_frequent_are_shown_and_the_others_summed():
    pairs = tuple(FlipCount(f"a{at}", "b", 30 - at) for at in range(20))

    lines = label_lines(LabelFlips("kind", 500, 0, 0, 500, pairs, other=90))

    assert lines[0] == "  label  500 rows changed only kind (100 %)"
    assert lines[1] == "          30  a0 -> b"
    assert lines[10:] == [
        "          21  a9 -> b",
        f"         {sum(range(11, 21)) + 90}  between other labels",
    ]


def test_a_label_that_changed_nowhere_is_nothing_to_speak_of():
    assert label_lines(LabelFlips("kind", rows_compared=9, relabelled_with_changes=0)) == []


def test_why_flips_are_not_told_is_said():
    flips = LabelFlips("kind", refused="the column kind is not compared")

    assert label_lines(flips) == ["  label  flips not told: the column kind is not compared"]
    assert "**Label flips not told:** <code>the column kind is not compared</code>" in diff_markdown(
        diff_of(dataset(flips)), limit=0
    )
    assert document(flips) == {
        "label": "kind",
        "flipped": None,
        "by_features": None,
        "relabelled_with_changes": None,
        "rows_compared": None,
        "matrix": None,
        "other": None,
        "undecided": None,
        "examples": [],
        "refused": "the column kind is not compared",
    }


@pytest.mark.parametrize("width", [48, 60, 80])
def test_lines_are_folded_to_the_width_and_long_labels_cut_down(width):
    flips = LabelFlips(
        label="kind",
        flipped=1021,
        by_features=21,
        relabelled_with_changes=3,
        rows_compared=51000,
        matrix=(FlipCount("x" * 100, "y" * 100, 1021),),
        examples=tuple({"name": f"row {at}"} for at in range(3)),
    )

    lines = label_lines(flips, width)

    assert max(map(len, lines)) <= width
    assert "row 2" in "\n".join(lines)


def test_no_label_commands_the_terminal():
    lines = label_lines(LabelFlips("k\x1b[2J", 1, matrix=(FlipCount("a\x1b[31m\nb", "\u202eb", 1),)))

    assert all(line.isprintable() for line in lines)


def test_json_has_all_of_it():
    assert document(FLIPS) == {
        "label": "kind",
        "flipped": 1021,
        "by_features": 0,
        "relabelled_with_changes": 3,
        "rows_compared": 51000,
        "matrix": [
            {"from": "cat", "to": "dog", "count": 1000},
            {"from": None, "to": "", "count": 21},
        ],
        "other": 0,
        "undecided": 0,
        "examples": [{"id": "1", "day": "Monday"}, {"id": "2", "day": "null"}],
        "refused": None,
    }


def test_markdown_has_a_table_of_what_became_of_which_label():
    text = diff_markdown(diff_of(dataset(FLIPS)), limit=0)

    assert "**Label:** 1,021 rows changed only <code>kind</code> (2 %), 3 rows changed" in text
    assert "| label before | after | rows |\n| --- | --- | --- |\n" in text
    assert "\n| <code>cat</code> | <code>dog</code> | 1,000 |\n" in text


def test_hostile_labels_stay_in_their_cells_of_markdown():
    hostile = "a | b</code></td></table><script>alert(1)</script>\n\n# heading"
    flips = LabelFlips(hostile, 9, 0, 0, 9, (FlipCount(hostile, hostile[1:], 9),), other=1, undecided=1)

    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(
        diff_markdown(diff_of(dataset(flips)), limit=0)
    )

    assert "<script>" not in html
    assert html.count("<h1>") == 0
    assert html.count("<td><code>&quot;a | b") == 1


def test_stat_counts_them():
    assert " a.csv  | ~1 row, 1,021 label flips, " in diff_stat(diff_of(dataset(FLIPS)), PLAIN)
