"""Where records begin in a text, every so often, and which keys its rows have.

Both are properties of a whole version: where a record begins depends on all quotes before it, and whether a
key is unique on all rows.  One scan finds them; for the next version they are derived from the gaps between
the two.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from datav.tables.matching import find_repeated
from datav.tables.text import Records, TextVersion
from datav.tables.version import U64, View

_T = TypeVar("_T", bound=np.generic)

STRIDE = 16 * 2**10
"""Bytes between two marks, about."""


@dataclass(frozen=True, slots=True)
class RecordMap:
    """Starts of records of one version of a text."""

    marks: U64
    """Offsets at which records begin, increasing; the first is that of the first record behind the header."""
    quoted: NDArray[np.bool_]
    """Whether there may be a quote between a mark and the next one, shape of `marks`."""
    rows: int


class Marks:
    """The same, for looking up one place after the other."""

    def __init__(self, known: RecordMap) -> None:
        self._marks: list[int] = known.marks.tolist()
        self._quoted: list[int] = np.concatenate([[0], np.cumsum(known.quoted)]).tolist()
        """How many of the intervals before each have quotes."""

    def last(self, offset: int) -> int | None:
        """Return the last mark at or before an offset."""
        at = bisect_right(self._marks, offset)
        return self._marks[at - 1] if at else None

    def between(self, start: int, end: int) -> list[int]:
        """Return the marks from `start` on that come before `end`."""
        return self._marks[bisect_left(self._marks, start) : bisect_left(self._marks, end)]

    def has_quotes(self, start: int, end: int) -> bool:
        """Whether there may be a quote from `start` on before `end`, which is greater."""
        first = bisect_right(self._marks, start) - 1
        if first < 0:
            return True
        return self._quoted[bisect_left(self._marks, end)] > self._quoted[first]


class KeyFacts(NamedTuple):
    """What comparing needs to know of the keys of one whole version."""

    seed: int
    """Of the fingerprints."""
    repeated: U64
    """Keys that more than one row has, sorted."""


@dataclass(frozen=True, slots=True)
class KeyIndex:
    """Fingerprints of the keys of all rows of one version: those of a root, some less and some more."""

    seed: int
    root: U64
    """Sorted."""
    root_id: bytes
    """Names the root."""
    less: U64
    more: U64
    repeated: U64
    """Keys that more than one row has, sorted."""

    @property
    def facts(self) -> KeyFacts:
        return KeyFacts(self.seed, self.repeated)

    def counts(self, keys: U64) -> NDArray[np.int64]:
        """Return how many rows have each of some keys."""
        found = np.searchsorted(self.root, keys, side="right") - np.searchsorted(self.root, keys, side="left")
        for sign, changed in ((-1, self.less), (1, self.more)):
            if len(changed):
                high, low = (np.searchsorted(changed, keys, side=side) for side in ("right", "left"))
                found = found + sign * (high - low)
        return found.astype(np.int64)

    def derive(self, less: U64, more: U64) -> "KeyIndex":
        """Return the index of a version that lacks some rows and has some more; both sorted."""
        touched = distinct(np.sort(np.concatenate([less, more])))
        gone, new = np.sort(np.concatenate([self.less, less])), np.sort(np.concatenate([self.more, more]))
        derived = replace(self, less=gone, more=new)
        twice = touched[derived.counts(touched) > 1]
        still = self.repeated[~np.isin(self.repeated, touched)] if len(self.repeated) else self.repeated
        gone, new = _without_common(gone, new)
        return replace(derived, less=gone, more=new, repeated=np.sort(np.concatenate([still, twice])))

    def rooted(self) -> "KeyIndex":
        """Return the same index as its own root."""
        values = distinct(np.sort(np.concatenate([self.root, self.more])))
        return make_index(self.seed, np.repeat(values, self.counts(values)))


def make_index(seed: int, root: U64) -> KeyIndex:
    """Return the index of sorted fingerprints."""
    none = np.zeros(0, np.uint64)
    root_id = hashlib.blake2b(root.data, digest_size=16).digest()
    return KeyIndex(seed, root, root_id, none, none, find_repeated(root, is_sorted=True))


def distinct(values: NDArray[_T]) -> NDArray[_T]:
    """Return sorted values, each once."""
    if not len(values):
        return values
    found: NDArray[_T] = values[np.concatenate([[True], values[1:] != values[:-1]])]
    return found


def _without_common(a: U64, b: U64) -> tuple[U64, U64]:
    """Cancel what two sorted multisets have in common."""
    values = distinct(np.sort(np.concatenate([a, b])))
    counts = [
        np.searchsorted(side, values, side="right") - np.searchsorted(side, values, side="left")
        for side in (a, b)
    ]
    both = np.minimum(*counts)
    return np.repeat(values, counts[0] - both), np.repeat(values, counts[1] - both)


def scan_facts(version: TextVersion, view: View, seed: int, executor: Executor) -> tuple[RecordMap, KeyIndex]:
    """Scan a whole version for both.

    Args:
        view: its columns are those of the key; without any the index is empty.

    Raises:
        TableError: the table has ragged rows.
    """
    marks: list[U64] = []
    quoted: list[NDArray[np.bool_]] = []
    # Grows in place: a list of arrays would be there twice when it is joined.
    keys = bytearray()
    rows = 0
    for records in version.scan_records(view, seed, executor, quotes=True):
        rows += len(records.starts)
        found = _marks_of(records)
        flags = np.zeros(len(found), bool)
        if records.quotes is not None:
            at = distinct(np.searchsorted(found, records.quotes.astype(np.uint64), side="right"))
            flags[at[at > 0] - 1] = True
            if quoted and len(at) and at[0] == 0:
                quoted[-1][-1] = True
        marks.append(found)
        quoted.append(flags)
        if view.key:
            keys += records.keys.data.cast("B")
    none = np.zeros(0, np.uint64)
    root: U64 = np.frombuffer(keys, np.uint64)
    root.sort()
    return (
        RecordMap(
            np.concatenate(marks) if marks else none,
            np.concatenate(quoted) if quoted else np.zeros(0, bool),
            rows,
        ),
        make_index(seed, root),
    )


def _marks_of(records: Records) -> U64:
    """The first record that begins in each stride."""
    strides = records.starts // np.uint64(STRIDE)
    found: U64 = records.starts[np.concatenate([[True], strides[1:] != strides[:-1]])]
    return found


def derive_map(
    before: RecordMap, size: int, spans: Iterable[tuple[tuple[int, int], tuple[int, int]]], rows: int
) -> RecordMap:
    """Return the map of a version that differs from another only in some spans.

    Args:
        size: of the text that is known, in bytes.
        spans: (start, end) in both versions, in order; each begins and ends where records do.
        rows: of the new version.
    """
    marks: list[U64] = []
    quoted: list[NDArray[np.bool_]] = []
    done, shift = 0, 0
    for (start, end), (new_start, new_end) in spans:
        low, high = np.searchsorted(before.marks, [np.uint64(done), np.uint64(start)], side="left")
        marks.append((before.marks[low:high].astype(np.int64) + shift).astype(np.uint64))
        quoted.append(before.quoted[low:high])
        if new_end > new_start:
            marks.append(np.array([new_start], np.uint64))
            # What is in it nobody has looked at.
            quoted.append(np.ones(1, bool))
        done, shift = end, new_end - end
        if end == size:
            # Nothing begins here: what is appended later goes on with a last record that has no line end.
            continue
        # What follows begins with a record too, and may be far from the next mark.
        at = int(np.searchsorted(before.marks, np.uint64(end), side="right"))
        if at and int(before.marks[at - 1]) < end and (at == len(before.marks) or before.marks[at] > end):
            marks.append(np.array([new_end], np.uint64))
            quoted.append(before.quoted[at - 1 : at])
    low = int(np.searchsorted(before.marks, np.uint64(done), side="left"))
    marks.append((before.marks[low:].astype(np.int64) + shift).astype(np.uint64))
    quoted.append(before.quoted[low:])
    found, flags = np.concatenate(marks), np.concatenate(quoted)
    if len(found) > 1:
        is_new = np.concatenate([[True], found[1:] != found[:-1]])
        # Of a mark that is there twice the flags of both count.
        found, flags = found[is_new], np.logical_or.reduceat(flags, np.flatnonzero(is_new))
    return RecordMap(found, flags, rows)
