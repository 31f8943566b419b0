"""How many different values there are: exact of few, within the standard error of many."""

import numpy as np
import pytest

from datav.profiles.distinct import (
    EXACT,
    NOTHING,
    REGISTERS,
    STANDARD_ERROR,
    merge_distinct,
    sketch_hashes,
)


def hashes_of(count, seed=0):
    return np.random.default_rng([seed, count]).integers(0, 2**64, count, np.uint64)


def slow_registers(hashes):
    """Return the registers by the definition."""
    registers = [0] * REGISTERS
    for number in hashes.tolist():
        rest = f"{number:064b}"[12:]
        rank = 1 + (len(rest) if "1" not in rest else rest.index("1"))
        registers[number >> 52] = max(registers[number >> 52], rank)
    return registers


@pytest.mark.parametrize("count", [0, 1, EXACT])
def test_few_are_exact(count):
    hashes = hashes_of(count)
    found = sketch_hashes(np.repeat(hashes, 3))

    assert found.is_exact
    assert found.estimate() == count
    assert found.hashes.tolist() == sorted(hashes.tolist())


def test_few_that_come_often_are_exact():
    hashes = hashes_of(EXACT)

    assert sketch_hashes(np.tile(hashes, 100)).hashes.tolist() == sorted(hashes.tolist())


def test_registers_are_those_of_the_definition():
    hashes = np.concatenate(
        [hashes_of(20_000), np.arange(64, dtype=np.uint64), np.uint64(1) << np.arange(64, dtype=np.uint64)]
    )
    low = hashes & np.uint64(2**52 - 1)
    hashes = np.concatenate([hashes, low, low & np.uint64(2**20 - 1), low & np.uint64(2**32)])

    assert sketch_hashes(hashes).registers.tolist() == slow_registers(hashes)


@pytest.mark.parametrize("count", [EXACT + 1, 2000, 10_000, 30_000, 100_000, 2_000_000])
def test_many_are_estimated_within_three_standard_errors(count):
    errors = np.array([sketch_hashes(hashes_of(count, seed)).estimate() / count - 1 for seed in range(8)])

    assert np.abs(errors).max() < 3 * STANDARD_ERROR
    assert abs(errors.mean()) < 1.5 * STANDARD_ERROR


def test_an_estimate_never_fails():
    assert NOTHING.estimate() == 0
    full = sketch_hashes(hashes_of(5000))
    for rank in (0, 1, 52, 53):
        full.registers[:] = rank
        assert full.estimate() >= 0


@pytest.mark.parametrize("sizes", [[10, 20], [400, 400], [400, 20_000], [0, 600], [3000, 3000, 0, 1]])
def test_parts_merge_to_the_sketch_of_the_whole(sizes):
    parts = [hashes_of(size, place) for place, size in enumerate(sizes)]
    # Some are in two parts.
    parts.append(parts[0][: sizes[0] // 2])
    whole, sketches = sketch_hashes(np.concatenate(parts)), [sketch_hashes(part) for part in parts]

    found = [merge_distinct(sketches), merge_distinct(sketches[::-1])]
    found.append(merge_distinct([merge_distinct(sketches[:2]), merge_distinct(sketches[2:])]))

    for each in found:
        assert each.is_exact == whole.is_exact
        assert each.estimate() == whole.estimate()
        one, other = (each.hashes, whole.hashes) if each.is_exact else (each.registers, whole.registers)
        assert one.tobytes() == other.tobytes()


def test_nothing_merges_to_nothing():
    assert merge_distinct([]).estimate() == 0
    assert merge_distinct([NOTHING, NOTHING]).is_exact
