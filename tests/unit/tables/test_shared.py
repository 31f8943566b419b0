"""datav.tables.shared: ranges of two files that are said to be the same are the same."""

from random import Random

import pytest

from datav.tables import shared
from datav.tables.shared import Gap, SameRanges, Shared
from tests.support.comparing import BytesSource
from tests.support.texts import edit_bytes


def same_ranges(before: bytes, after: bytes, gaps: list[Gap]) -> SameRanges:
    return SameRanges(Shared(gaps), BytesSource(before), BytesSource(after))


def check_gaps(before: bytes, after: bytes, gaps: list[Gap]) -> None:
    """Hold gaps against the files: what lies between them is the same."""
    done = (0, 0)
    for gap in [*gaps, Gap(len(before), len(before), len(after), len(after))]:
        assert before[done[0] : gap.before_start] == after[done[1] : gap.after_start]
        done = gap.before_end, gap.after_end


@pytest.mark.parametrize("seed", range(20))
def test_every_range_is_judged_as_its_bytes_are(seed):
    rng = Random(seed)
    before = bytes(rng.choices(b"ab", k=rng.choice((0, 5, 40))))
    after, gaps = edit_bytes(rng, before, [b"", b"a", b"b", b"abab"], rng.choice((1, 2, 5)))
    check_gaps(before, after, gaps)
    same = same_ranges(before, after, gaps)

    for start in range(len(before) + 1):
        for other in range(len(after) + 1):
            for size in range(min(len(before) - start, len(after) - other) + 1):
                if same.is_same(start, other, size):
                    assert before[start : start + size] == after[other : other + size]


@pytest.mark.parametrize("seed", range(20))
def test_what_did_not_change_is_known_to_be_the_same_wherever_it_begins_and_ends(seed):
    rng = Random(seed)
    before = bytes(rng.choices(b"abcd", k=60))
    after, gaps = edit_bytes(rng, before, [b"", b"a", b"XY"], 3)
    same = same_ranges(before, after, gaps)
    shifts = [0, *(gap.after_end - gap.before_end for gap in gaps)]
    bounds = [0, *(place for gap in gaps for place in gap[:2]), len(before)]
    for number, shift in enumerate(shifts):
        start, end = bounds[2 * number : 2 * number + 2]
        for first in range(start, end + 1):
            for last in range(first, end + 1):
                assert same.is_same(first, first + shift, last - first)


def test_a_range_whose_ends_lie_in_gaps_is_looked_at():
    before, after = b"..same..", b"..same!!"
    same = same_ranges(before, after, [Gap(0, 3, 0, 3), Gap(5, 8, 5, 8)])

    assert same.is_same(0, 0, 6)
    assert not same.is_same(0, 0, 7)


def test_of_large_gaps_nothing_is_read(monkeypatch):
    monkeypatch.setattr(shared, "_MOST_READ", 3)
    text = b"0123456789"
    same = same_ranges(text, text, [Gap(2, 4, 2, 4), Gap(6, 8, 6, 8)])

    assert same.is_same(0, 0, 7)
    assert not same.is_same(0, 0, 8)


def test_without_gaps_everything_is_the_same_at_its_place():
    same = same_ranges(b"aaaa", b"aaaa", [])

    assert same.is_same(0, 0, 4)
    assert same.is_same(1, 2, 0)
    # It might be, but nothing tells.
    assert not same.is_same(0, 1, 3)
