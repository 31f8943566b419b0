"""How many different values there are: all of their hashes while they are few, then HyperLogLog.

Sources: Flajolet et al., "HyperLogLog", AofA 2007; the estimate is the one of Ertl, "New cardinality
estimation algorithms for HyperLogLog sketches", 2017, section 4, which needs no table of corrections.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datav.profiles.arrays import U64

BITS = 12
REGISTERS = 2**BITS
EXACT = 256
"""So many hashes are kept as they are."""

STANDARD_ERROR = 1.04 / math.sqrt(REGISTERS)
"""Relative, of an estimate that is not exact: 1.6 %; three of them hold in 99.7 % of all cases."""

_RANKS = 64 - BITS + 1


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """A set of hashes, or a sketch of one.  Exactly one of the two is there."""

    hashes: U64 | None
    """Increasing."""
    registers: NDArray[np.uint8] | None
    """Of shape (REGISTERS,): the greatest rank of a hash with that beginning; 0: there is none."""

    @property
    def is_exact(self) -> bool:
        """Up to two values with one hash of 64 bits."""
        return self.hashes is not None

    def estimate(self) -> int:
        """Return how many different values there are."""
        if self.registers is None:
            return 0 if self.hashes is None else len(self.hashes)
        return round(_estimate(np.bincount(self.registers, minlength=_RANKS + 1).tolist()))


NOTHING = Distinct(np.zeros(0, np.uint64), None)


def sketch_hashes(hashes: U64) -> Distinct:
    """Return the sketch of some hashes; equal ones count once."""
    # Most columns with more than this have far more, and are not sorted to see it.
    if len(hashes) <= 4 * EXACT:
        different = np.unique(hashes)
        if len(different) <= EXACT:
            return Distinct(different, None)
    registers = np.zeros(REGISTERS, np.uint8)
    _add(registers, hashes)
    return _exact_if_few(registers, hashes)


def merge_distinct(parts: Sequence[Distinct]) -> Distinct:
    """Return the sketch of the union."""
    exact = [part.hashes for part in parts if part.hashes is not None]
    sketched = [part.registers for part in parts if part.registers is not None]
    hashes = np.unique(np.concatenate(exact)) if exact else np.zeros(0, np.uint64)
    if not sketched and len(hashes) <= EXACT:
        return Distinct(hashes, None)
    registers = np.zeros(REGISTERS, np.uint8)
    for other in sketched:
        np.maximum(registers, other, out=registers)
    _add(registers, hashes)
    return Distinct(None, registers)


def _exact_if_few(registers: NDArray[np.uint8], hashes: U64) -> Distinct:
    """Many hashes may still be few different ones: more registers are in use than EXACT if they are not."""
    if np.count_nonzero(registers) <= EXACT:
        different = np.unique(hashes)
        if len(different) <= EXACT:
            return Distinct(different, None)
    return Distinct(None, registers)


def _add(registers: NDArray[np.uint8], hashes: U64) -> None:
    if not len(hashes):
        return
    # A bit behind the last one ends the run of zeros of a hash that has nothing else.
    rest = (hashes << np.uint64(BITS)) | np.uint64(2 ** (BITS - 1))
    # A float of 64 bits has 53 of them: the upper half is looked at first.
    upper, lower = (
        (rest >> np.uint64(32)).astype(np.float64),
        (rest & np.uint64(2**32 - 1)).astype(np.float64),
    )
    bits = np.where(upper > 0, np.frexp(upper)[1] + 32, np.frexp(lower)[1])
    np.maximum.at(registers, (hashes >> np.uint64(64 - BITS)).astype(np.int64), (65 - bits).astype(np.uint8))


def _estimate(counts: Sequence[int]) -> float:
    """Return how many hashes there were, by how many registers have each rank."""
    last = _RANKS
    z = REGISTERS * _tau(1 - counts[last] / REGISTERS)
    for rank in range(last - 1, 0, -1):
        z = 0.5 * (z + counts[rank])
    z += REGISTERS * _sigma(counts[0] / REGISTERS)
    return REGISTERS * REGISTERS / (2 * math.log(2) * z) if z else 0.0


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z = 1.0, x
    while True:
        x *= x
        before = z
        z += x * y
        y += y
        if z == before:
            return z


def _tau(x: float) -> float:
    if x in (0, 1):
        return 0.0
    y, z = 1.0, 1 - x
    while True:
        x = math.sqrt(x)
        before = z
        y *= 0.5
        z -= (1 - x) ** 2 * y
        if z == before:
            return z / 3
