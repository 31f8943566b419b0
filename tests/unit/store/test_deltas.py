"""Which old chunks a new one is tried against."""

import random

import pytest

from datav.formats.frame import MAX_BASES
from datav.store.deltas import SLACK, OldChunks, choose_bases

SIZE = 10_000
"""Of each chunk, far more than the slack."""


def identity(name: str) -> bytes:
    return name.encode().ljust(32, b"\0")


def old_chunks(*names: str, size: int = SIZE) -> OldChunks:
    return OldChunks(b"".join(map(identity, names)), [size] * len(names))


def choose(new: list[tuple[str, int]], old: OldChunks, offset: int = 0) -> list[list[str]]:
    """Names of the bases; chunks of upper-case names are known."""
    ends, at = [], 0
    for _, size in new:
        at += size
        ends.append(at)
    ids = b"".join(identity(name) for name, _ in new)
    found = choose_bases(ids, [name.isupper() for name, _ in new], ends, offset, old)
    assert len(found) == len(new)
    return [[base.rstrip(b"\0").decode() for base in bases] for bases in found]


def same(*names: str) -> list[tuple[str, int]]:
    return [(name, SIZE) for name in names]


OLD = old_chunks("A", "B", "C", "D", "E")


def test_a_chunk_in_the_place_of_another_is_tried_against_it():
    assert choose(same("A", "b", "C", "D", "E"), OLD) == [[], ["B"], [], [], []]


def test_chunks_in_a_gap_are_tried_each_against_its_own():
    assert choose(same("A", "b", "c", "d", "E"), OLD) == [[], ["B"], ["C"], ["D"], []]


def test_a_gap_at_the_start_and_at_the_end():
    assert choose(same("a", "B", "C", "D", "e"), OLD) == [["A"], [], [], [], ["E"]]


def test_a_gap_at_the_start_that_is_longer_than_it_was_is_placed_from_its_end():
    assert choose([("new", SIZE), ("a", SIZE), *same("B", "C", "D", "E")], OLD)[1] == ["A"]


def test_a_file_without_anything_known_is_placed_by_offset():
    assert choose(same("a", "b", "c", "d", "e"), OLD) == [["A"], ["B"], ["C"], ["D"], ["E"]]
    assert choose(same("c", "d"), OLD, offset=2 * SIZE) == [["C"], ["D"]]


def test_an_inserted_chunk_has_none():
    assert choose(same("A", "B", "new", "C", "D", "E"), OLD) == [[]] * 6


def test_a_removed_chunk_is_nobodys():
    assert choose(same("A", "B", "D", "E"), OLD) == [[]] * 4


def test_chunks_that_merged_are_tried_together():
    assert choose([("A", SIZE), ("bc", 2 * SIZE), ("D", SIZE), ("E", SIZE)], OLD)[1] == ["B", "C"]


def test_the_parts_of_a_chunk_that_was_split_are_tried_against_it():
    new = [("A", SIZE), ("b1", SIZE // 2), ("b2", SIZE // 2), *same("C", "D", "E")]
    assert choose(new, OLD) == [[], ["B"], ["B"], [], [], []]


def test_never_more_than_a_delta_can_have_and_in_the_order_of_the_file():
    old = old_chunks(*[chr(ord("A") + n) for n in range(12)])
    new = [("A", SIZE), ("all", 10 * SIZE), ("L", SIZE)]
    bases = choose(new, old)[1]
    assert len(bases) == MAX_BASES
    assert bases == sorted(bases)


def test_an_id_that_repeats_is_a_base_once():
    old = old_chunks("A", "Z", "Z", "Z", "E")
    assert choose([("A", SIZE), ("z", 3 * SIZE), ("E", SIZE)], old)[1] == ["Z"]


def test_a_repeated_known_chunk_is_matched_in_order():
    old = old_chunks("Z", "B", "Z", "D", "Z")
    assert choose(same("Z", "b", "Z", "d", "Z"), old) == [[], ["B"], [], ["D"], []]


def test_content_that_moved_is_followed():
    names = [f"N{n}" for n in range(300)]
    old = old_chunks(*names)
    moved = same(names[200], "x", names[202], "y", names[204])

    assert choose(moved, old) == [[], ["N201"], [], ["N203"], []]


def test_a_known_chunk_of_another_file_is_no_anchor():
    assert choose(same("A", "OTHER", "c", "D", "E"), OLD) == [[], [], ["C"], [], []]


def test_an_empty_version_before_has_no_bases():
    assert choose(same("a", "B"), OldChunks(b"", [])) == [[], []]


def test_cuts_that_moved_a_little_stay_in_their_place():
    new = [("A", SIZE), ("b", SIZE + SLACK // 2), ("c", SIZE - SLACK // 2), ("D", SIZE), ("E", SIZE)]
    assert choose(new, OLD) == [[], ["B"], ["C"], [], []]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_asked_the_answer_is_sound(seed):
    rng = random.Random(seed)
    names = [f"C{rng.randrange(40)}" for _ in range(rng.randrange(100))]
    old = OldChunks(b"".join(map(identity, names)), [1 + rng.randrange(9000) for _ in names])
    new = [
        (rng.choice([*names, "other", "NEW"]) if rng.random() < 0.6 else f"x{n}", 1 + rng.randrange(9000))
        for n in range(rng.randrange(1, 60))
    ]
    for (name, _), bases in zip(new, choose(new, old, rng.randrange(100_000)), strict=True):
        assert len(bases) == len(set(bases)) <= MAX_BASES
        assert set(bases) <= set(names)
        assert not (bases and name.isupper())


def test_ids_are_found_only_where_one_begins():
    old = OldChunks(b"\1" * 31 + b"\2" + b"\2" * 31 + b"\1" + b"\1" * 32, [1, 1, 1])
    assert old.find(b"\1" * 32, 0, 3) == 2
    assert old.find(b"\2" * 32, 0, 3) is None
    assert old.find(b"\1" * 32, 0, 2) is None
    assert (old.position_at(0), old.position_at(2), old.position_at(3), old.size) == (0, 2, 3, 3)
