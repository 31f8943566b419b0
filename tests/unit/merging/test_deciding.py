"""Rules for one cell that both sides changed."""

import pytest

from datav.merging.deciding import sum_of_changes


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "total"),
    [
        ("1", "10000000000000000000000000000001", "2", "10000000000000000000000000000002"),
        ("0.1", "1e30", "0.2", "1000000000000000000000000000000.1"),
        ("-1" + "0" * 300, "0", "1e-300", "1" + "0" * 300 + "." + "0" * 299 + "1"),
        ("5", "3", "", None),
        ("5", "3", "NaN", None),
    ],
)
def test_changes_are_added_up_exactly_or_not_at_all(base, ours, theirs, total):
    assert sum_of_changes(base, ours, theirs) == total
