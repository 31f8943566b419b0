"""datav.tables.labelpairs: pairs of labels counted, rows paired by their features."""

from collections import Counter
from itertools import combinations, combinations_with_replacement, permutations

import numpy as np
import pyarrow as pa

from datav.storage.scratch import Scratch
from datav.tables import labelpairs, parting
from datav.tables.labelpairs import Alike, LabelPairs, Names, pair_alike


def u64(*values: int):
    return np.array(values, np.uint64)


def rows_of(*groups: str) -> Alike:
    """Rows with the labels of each group, which have the same features."""
    counted = [
        (at, label, number) for at, group in enumerate(groups) for label, number in Counter(group).items()
    ]
    features, labels, counts = zip(*counted, strict=True) if counted else ((), (), ())
    return Alike(u64(*features), u64(*map(ord, labels)), u64(*counts), u64(*range(len(counted))))


def paired(before: Alike, after: Alike) -> tuple[Counter[str], int]:
    found = pair_alike(before, after)
    pairs: Counter[str] = Counter()
    for old, new, number in zip(*(column.tolist() for column in found[:3]), strict=True):
        pairs[chr(old) + chr(new)] += number
    return pairs, found.undecided


def test_rows_are_paired_where_there_is_one_way_to_do_it():
    sizes = range(4)
    olds = ["".join(each) for size in sizes for each in combinations_with_replacement("ab", size)]
    news = ["".join(each) for size in sizes for each in combinations_with_replacement("xyz", size)]
    for old in olds:
        for new in news:
            pairs, undecided = paired(rows_of(old), rows_of(new))

            size = min(len(old), len(new))
            ways = {
                tuple(sorted(a + b for a, b in zip(some, others, strict=True)))
                for some in combinations(old, size)
                for chosen in combinations(new, size)
                for others in permutations(chosen)
            }
            if len(ways) == 1:
                assert (sorted(pairs.elements()), undecided) == (list(ways.pop()), 0), (old, new)
            else:
                assert (pairs, undecided) == (Counter(), size), (old, new)


def test_only_rows_with_the_same_features_are_paired():
    before, after = rows_of("a", "aab", "", "bb", "ab"), rows_of("x", "xx", "y", "", "yy")

    assert paired(before, after) == (Counter(ax=1, ay=1, by=1), 2)


def test_the_most_frequent_pairs_come_first_and_equal_ones_in_the_order_they_were_met():
    with Scratch() as scratch:
        pairs = LabelPairs(scratch)
        pairs.add(u64(1, 2, 1), u64(2, 1, 2), u64(1, 2, 1), u64(0, 1, 2))
        pairs.add(u64(3, 4), u64(1, 1), u64(5, 1), u64(3, 4))
        found = pairs.most_frequent(3)

    assert pairs.total == 10
    assert [column.tolist() for column in found] == [[3, 1, 2], [1, 2, 1], [5, 2, 2]]


def test_pairs_that_do_not_fit_into_memory_are_counted_all_the_same(monkeypatch):
    monkeypatch.setattr(labelpairs, "MAX_IN_MEMORY", 10)
    monkeypatch.setattr(parting, "_PART_ROWS", 10)
    rng = np.random.default_rng(1)
    # Labels are fingerprints, so any bits may be set.
    labels = rng.integers(2**63, size=20, dtype=np.uint64) * np.uint64(2)
    wanted: Counter[tuple[int, int]] = Counter()
    with Scratch() as scratch:
        pairs = LabelPairs(scratch)
        for start in range(0, 3000, 30):
            before, after = rng.choice(labels, 30), rng.choice(labels, 30)
            pairs.add(before, after, np.ones(30, np.uint64), np.arange(start, start + 30, dtype=np.uint64))
            wanted.update(zip(before.tolist(), after.tolist(), strict=True))
        found = pairs.most_frequent(1000)

    told = {(old, new): number for old, new, number in zip(*(side.tolist() for side in found), strict=True)}
    assert told == wanted


def test_no_pairs_are_none():
    with Scratch() as scratch:
        assert [len(column) for column in LabelPairs(scratch).most_frequent(3)] == [0, 0, 0]


def test_few_names_are_kept_and_those_that_are_wanted_are_learned_later(monkeypatch):
    monkeypatch.setattr(labelpairs, "_MOST_KEPT", 2)
    names = Names()
    cells = pa.chunked_array([["cat", "dog", "cat", "cow", "emu"]])
    prints = u64(1, 2, 1, 3, 4)

    names.learn(prints, cells)
    missing = names.missing(u64(1, 2, 4))
    names.learn(prints, cells, missing)

    assert missing.tolist() == [4]
    assert [names[1], names[2], names[4]] == ["cat", "dog", "emu"]
    assert names.missing(u64(3)).tolist() == [3]
