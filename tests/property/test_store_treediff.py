"""What two versions do not share, against a comparison of everything."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datav.core import find_cuts
from datav.formats import tree as tree_format
from datav.formats.entry import Entry, Kind
from datav.formats.words import u64_array
from datav.ids import hash_chunk
from datav.store import treediff
from datav.store.treediff import differing_entries, differing_ranges
from datav.store.trees import write_file_tree
from tests.support.trees import Nodes, write_entries
from tests.unit.store.files import TINY


@pytest.fixture(autouse=True)
def small_nodes():
    """Nodes of about four entries, so that a few hundred make a tree of several levels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_format, "MIN_ENTRIES", 2)
        patch.setattr(treediff, "MIN_ENTRIES", 2)
        patch.setattr(tree_format, "MARK_THRESHOLD", 2**64 // 4)
        yield


def store_file(nodes, data):
    ends = memoryview(find_cuts(data, TINY.smallest, TINY.target, TINY.largest)).cast("Q").tolist()
    cuts = [0, *ends]
    ids = b"".join(bytes(hash_chunk(data[start:end])) for start, end in pairwise(cuts))
    return write_file_tree(nodes, ids, u64_array([end - start for start, end in pairwise(cuts)]))


def check_gaps(gaps, before, after):
    """Outside of the gaps everything is the same, in order; gaps do not touch each other."""
    old, new = 0, 0
    for number, gap in enumerate(gaps):
        assert before[old : gap.before_start] == after[new : gap.after_start]
        assert number == 0 or gap.before_start > old
        assert gap.before_start <= gap.before_end
        assert gap.after_start <= gap.after_end
        assert gap.before_start < gap.before_end or gap.after_start < gap.after_end
        old, new = gap.before_end, gap.after_end
    assert before[old:] == after[new:]


def edited(chance, data):
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(data) + 1)
        removed = chance.choice([0, 1, 40, 20_000])
        data = data[:at] + chance.randbytes(chance.choice([0, 1, 40, 20_000])) + data[at + removed :]
    if chance.random() < 0.2:
        half = len(data) // 2
        data = data[half:] + data[:half]
    return data


def content(chance):
    kind = chance.randrange(4)
    size = chance.choice([0, 500, 30_000, 400_000, 800_000])
    if kind == 0:
        return bytes(size)
    if kind == 1:
        return (chance.randbytes(10_000) * (size // 10_000 + 1))[:size]
    return chance.randbytes(size)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_outside_of_the_gaps_two_files_have_the_same_bytes_in_the_same_order(seed):
    chance = random.Random(seed)
    before = content(chance)
    after = edited(chance, before) if chance.random() < 0.9 else content(chance)
    nodes = Nodes()

    gaps = differing_ranges(nodes, store_file(nodes, before), store_file(nodes, after))

    check_gaps(gaps, before, after)


def test_a_small_edit_leaves_one_small_gap_and_reads_a_few_nodes():
    before = random.Random(1).randbytes(4_000_000)
    after = before[:2_000_000] + b"edit" + before[2_000_000:]
    nodes = Nodes()
    versions = store_file(nodes, before), store_file(nodes, after)

    gaps = differing_ranges(nodes, *versions)

    (gap,) = gaps
    check_gaps(gaps, before, after)
    assert gap.before_end - gap.before_start < 3 * TINY.largest
    assert nodes.reads < len(nodes.held) / 5


def test_a_file_that_only_grew_has_a_gap_at_its_end():
    before = random.Random(1).randbytes(500_000)
    after = before + b"more"
    nodes = Nodes()

    (gap,) = differing_ranges(nodes, store_file(nodes, before), store_file(nodes, after))

    assert gap.after_end == len(after)
    assert gap.before_start > len(before) - TINY.largest - 1


def test_a_file_and_nothing_differ_in_all_of_it_and_nothing_is_read():
    data = random.Random(1).randbytes(500_000)
    nodes = Nodes()
    versions = store_file(nodes, data), store_file(nodes, b"")

    assert differing_ranges(nodes, *versions) == [(0, 500_000, 0, 0)]
    assert differing_ranges(nodes, *reversed(versions)) == [(0, 0, 0, 500_000)]
    assert nodes.reads == 0


def make_entries(chance, count):
    paths = {b"%s/f%d" % (chance.choice((b"a", b"a-b", b"b")), chance.randrange(10**6)) for _ in range(count)}
    return {path: Entry(path, Kind.FILE, 0, 1, chance.randbytes(32)) for path in paths}


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_the_entries_that_differ_are_those_that_a_full_comparison_finds(seed):
    chance = random.Random(seed)
    before = make_entries(chance, chance.choice([0, 1, 30, 400]))
    after = dict(before)
    for path in chance.sample(sorted(after), min(len(after), chance.randrange(6))):
        if chance.random() < 0.5:
            del after[path]
        else:
            after[path] = after[path]._replace(kind=Kind.EXECUTABLE)
    after |= make_entries(chance, chance.choice([0, 1, 300]))
    nodes = Nodes()
    versions = [write_entries(nodes, [side[path] for path in sorted(side)]) for side in (before, after)]

    found = differing_entries(nodes, *versions)

    every = sorted(before.keys() | after.keys())
    assert found == [(before.get(p), after.get(p)) for p in every if before.get(p) != after.get(p)]


def test_one_entry_of_many_that_changed_is_found_in_a_few_nodes():
    before = make_entries(random.Random(1), 3000)
    path = sorted(before)[1500]
    after = before | {path: before[path]._replace(kind=Kind.EXECUTABLE)}
    nodes = Nodes()
    versions = [write_entries(nodes, [side[path] for path in sorted(side)]) for side in (before, after)]

    found = differing_entries(nodes, *versions)

    assert found == [(before[path], after[path])]
    assert nodes.reads < len(nodes.held) / 20
