"""datav.tables.matching: against counters and dictionaries, in memory and parted to scratch files."""

from collections import Counter
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from datav.storage.scratch import Scratch
from datav.tables import walking
from datav.tables.matching import Matched, find_repeated, match_rows
from datav.tables.version import Prints

MEMORY = (0, 40, 10**6)
"""Rows; the first few part everything to scratch files."""

Rows = list[tuple[int, int]]
"""A key and what stands in the row."""


@pytest.fixture(params=[4, 2**18])
def step(request, monkeypatch):
    monkeypatch.setattr(walking, "STEP", request.param)


def spread(number: int) -> int:
    """A fingerprint with bits everywhere: parts are told by the first ones."""
    return number * 0x9E37_79B9_7F4A_7C15 % 2**64


def prints_of(rows: Rows, rng: Random, *, has_key: bool) -> Iterator[Prints]:
    """Yield rows in pieces of any size, some of them empty; a row's place is its number times ten."""
    start = 0
    while start < len(rows):
        end = start + rng.choice((0, 1, 3, 50))
        part = rows[start:end]
        places = np.arange(start, start + len(part), dtype=np.uint64) * np.uint64(10)
        cells = np.array([spread(key * 1000 + cell + 1) for key, cell in part], np.uint64)
        keys = np.array([spread(key + 1) for key, _ in part], np.uint64) if has_key else cells
        yield Prints(places, keys, cells)
        start += len(part)


def match(
    before: Rows, after: Rows, rng: Random, *, has_key: bool, memory: int, known: bool = False
) -> Matched:
    suspects = None
    if known:
        keys = [
            find_repeated(np.array([spread(key + 1) for key, _ in side], np.uint64))
            for side in (before, after)
        ]
        suspects = np.unique(np.concatenate(keys))
    with Scratch() as scratch:
        return match_rows(
            prints_of(before, rng, has_key=has_key),
            prints_of(after, rng, has_key=has_key),
            scratch,
            has_key=has_key,
            suspects=suspects,
            max_in_memory=memory,
        )


def check(before: Rows, after: Rows, found: Matched, *, has_key: bool, known: bool = False) -> None:
    """Hold what was found against dictionaries and counters."""
    counts = [Counter(key for key, _ in side) if has_key else Counter() for side in (before, after)]
    twice = {key for side in counts for key, count in side.items() if count > 1}
    single = [
        {key: (number, cell) for number, (key, cell) in enumerate(side) if has_key and key not in twice}
        for side in (before, after)
    ]
    multiple = [Counter(row for row in side if not has_key or row[0] in twice) for side in (before, after)]

    assert (found.rows_before, found.rows_after) == (len(before), len(after))
    both = [(single[0][key], single[1][key]) for key in single[0] if key in single[1]]
    pairs = [(old[0] * 10, new[0] * 10) for old, new in both if old[1] != new[1]]
    assert list(zip(*(side.tolist() for side in found.changed), strict=True)) == sorted(pairs)
    for places, mine, others in ((found.removed, *single), (found.added, *single[::-1])):
        assert places.tolist() == sorted(mine[key][0] * 10 for key in mine.keys() - others.keys())
    for surplus, side, mine, others in (
        (found.surplus_before, before, *multiple),
        (found.surplus_after, after, *multiple[::-1]),
    ):
        places = surplus.places.tolist()
        assert places == sorted(set(places))
        told = Counter()
        for place, count in zip(places, surplus.counts.tolist(), strict=True):
            told[side[place // 10]] += count
        assert told == mine - others
    equal = len(both) - len(pairs) + (multiple[0] & multiple[1]).total()
    assert found.unchanged == equal
    if not known:
        assert found.duplicates == tuple(sum(n > 1 for n in side.values()) for side in counts)
        assert sorted(found.repeated.tolist()) == sorted(spread(key + 1) for key in twice)


def edited(rows: Rows, rng: Random, edits: int, keys: int) -> Rows:
    rows = list(rows)
    for _ in range(edits):
        at = rng.randrange(len(rows) + 1)
        match rng.randrange(4):
            case 0:
                rows.insert(at, (rng.randrange(keys), rng.randrange(3)))
            case 1 if rows:
                rows.pop(at - 1)
            case 2 if rows:
                rows[at - 1] = rows[at - 1][0], rng.randrange(3)
            case 3 if rows:
                rows.insert(at, rows.pop(rng.randrange(len(rows))))
    return rows


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("has_key", [True, False])
def test_rows_are_matched_as_dictionaries_and_counters_do(seed, has_key):
    rng = Random(seed)
    size = rng.choice((0, 1, 5, 30, 100))
    keys = rng.choice((1, 3, size // 2 + 1, size * 20 + 1))
    before = [(rng.randrange(keys), rng.randrange(3)) for _ in range(size)]
    after = edited(before, rng, rng.choice((0, 1, 5, 100)), keys)
    if rng.random() < 0.3:
        rng.shuffle(after)

    for memory in MEMORY:
        for known in (False, True) if has_key else (False,):
            found = match(before, after, rng, has_key=has_key, memory=memory, known=known)

            check(before, after, found, has_key=has_key, known=known)


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([], [(1, 1), (1, 1)]),
        ([(1, 1), (1, 2)], []),
        ([(1, 1), (1, 2)], [(1, 2), (1, 1)]),
        ([(1, 1)], [(1, 1), (1, 1)]),
        ([(1, 1)], [(1, 2), (1, 1)]),
        ([(1, 1), (1, 1)], [(1, 2)]),
        ([(1, 1), (2, 1), (1, 2)], [(1, 3), (2, 2), (1, 1)]),
        ([(k, 0) for k in range(120)], [(k, 1) for k in range(120)]),
        ([(k, 0) for k in range(120)], [(k, 0) for k in reversed(range(120))]),
        ([(k, 0) for k in range(120)], [(k + 120, 0) for k in range(120)]),
        ([(k, 0) for k in range(120)], [(k, 0) for k in range(60, 180)]),
        ([(7, 0)] * 120, [(7, 0)] * 119 + [(7, 1)]),
    ],
)
def test_all_kinds_of_overlap(before, after, memory):
    for has_key in (True, False):
        found = match(before, after, Random(0), has_key=has_key, memory=memory)

        check(before, after, found, has_key=has_key)


def test_a_key_that_is_not_unique_far_away_takes_its_rows_from_the_pairs():
    # Only the gap is scanned: the other row of key 1 is in what both versions share.
    before, after = [(1, 1), (2, 1)], [(1, 2), (2, 2)]
    suspects = np.array([spread(2)], np.uint64)

    with Scratch() as scratch:
        sides = (prints_of(side, Random(0), has_key=True) for side in (before, after))
        found = match_rows(*sides, scratch, has_key=True, suspects=suspects)

    assert [side.tolist() for side in found.changed] == [[10], [10]]
    assert (found.surplus_before.places.tolist(), found.surplus_after.places.tolist()) == ([0], [0])
    assert found.unchanged == 0


def test_values_that_occur_more_than_once():
    assert find_repeated(np.array([3, 1, 3, 2, 1, 3], np.uint64)).tolist() == [1, 3]
    assert find_repeated(np.array([1, 1, 2], np.uint64), is_sorted=True).tolist() == [1]
    assert find_repeated(np.zeros(0, np.uint64)).tolist() == []
