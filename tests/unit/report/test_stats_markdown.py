"""What Markdown says of distributions, and that no cell of data commands it."""

import numpy as np

from datav.profiles.groups import GroupedColumn, LabelGroups
from datav.profiles.profile import Profile, TableProfile
from datav.repo.diffstats import StatsDiff, compare_both
from datav.report.stats_markdown import stats_blocks
from tests.unit.report.test_stats_text import table_of


def blocks(before, after) -> str:
    return "\n".join(stats_blocks(compare_both(Profile(table_of(before)), Profile(table_of(after)))))


def test_columns_that_moved_are_listed():
    text = blocks(["pears"] * 900 + ["|<b>@you"] * 100, ["pears"] * 1000)

    assert "**Distributions:** 1 broken of 1 column." in text
    assert "| <code>x</code> | **broken** |" in text
    # The value is shown, and is neither a cell, nor markup, nor a mention.
    assert "you" in text
    assert "<b>" not in text
    assert "@you" not in text


def test_what_did_not_move_is_one_line():
    assert blocks([1, 2, 3] * 100, [1, 2, 3] * 100) == "**Distributions:** stable, 1 column."


def test_a_missing_profile_has_its_reason():
    assert list(stats_blocks(StatsDiff(None, None, None, "it is *gone*"))) == [
        "**Distributions not compared:** <code>it is &#42;gone&#42;</code>"
    ]


def labelled(counts) -> Profile:
    """A table of one column whose label falls on the values `a` and `b` of it as `counts` says."""
    found = np.array(counts, np.int64)
    groups = LabelGroups("y", ("no", "yes"), found.sum(axis=1), (GroupedColumn("x", ("a", "b"), found),), ())
    return Profile(TableProfile(int(found.sum()), table_of(["a", "b"] * 500).columns, groups))


def test_labels_are_told_by_class_and_by_group():
    text = "\n".join(
        stats_blocks(compare_both(labelled([[400, 400], [100, 100]]), labelled([[200, 400], [300, 100]])))
    )

    assert "| no | 80 % | 60 % |" in text.replace("<code>", "").replace("</code>", "")
    assert "| x a | no | 80 % | 40 % | 500 |" in text.replace("<code>", "").replace("</code>", "")
