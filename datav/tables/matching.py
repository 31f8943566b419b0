"""Which rows of two versions are not the same, by their fingerprints.

Both versions are walked in step first, which cancels all rows but those near a change where the order was
kept. What is left over is matched by key, or counted as a multiset.  More than fits into memory is parted by
fingerprint to scratch files, so that memory is bounded whatever the number of rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datav.core.rows import align_rows
from datav.storage.scratch import Scratch
from datav.tables.version import U64, Prints

# Rows that the walk looks ahead for an insertion or a deletion.
_WINDOW = 64
# Rows of each side that are walked at a time.
_STEP = 2**18
# Rows kept in memory before they are parted, of both versions together: 24 bytes each, sorted in copies.
MAX_IN_MEMORY = 2**25
_PART_ROWS = 2**22
EXAMPLES = 5


class Surplus(NamedTuple):
    """Rows that one version has more of than the other."""

    places: U64
    counts: U64
    """How many rows like this one more."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of all rows that were scanned."""

    rows_before: int
    rows_after: int
    changed: tuple[U64, U64]
    """Places of rows with the same key and other cells, in step; the first increase."""
    removed: U64
    """Places, increasing."""
    added: U64
    surplus_before: Surplus
    """Of rows without a key, or whose key is not unique: compared as a multiset."""
    surplus_after: Surplus
    unchanged: int
    duplicates: tuple[int, int] = (0, 0)
    """How many keys more than one row has, in each version."""
    repeated: U64 = field(default_factory=lambda: np.zeros(0, np.uint64))
    """Fingerprints of a few such keys."""


def match_rows(
    before: Iterator[Prints],
    after: Iterator[Prints],
    scratch: Scratch,
    *,
    has_key: bool,
    suspects: U64 | None = None,
    on_step: "Callable[[Step], None] | None" = None,
    max_in_memory: int = MAX_IN_MEMORY,
) -> Matched:
    """Match the rows of two versions.

    Args:
        before, after: the fingerprints of all rows, in the order of the files.
        has_key: rows are matched by key; else all are compared as a multiset.
        suspects: fingerprints of the keys that are not unique in either version, sorted, where that is known
            of the whole versions; None: it is found out here, so the scans must be of whole versions.
        on_step: is told what each stretch of the walk gave, while what was scanned last is still at hand.
        max_in_memory: rows of both versions together; what goes beyond is parted to scratch files.

    Cost: one pass; 24 bytes a row that the walk could not cancel, and 8 for each row if `suspects` is None.
    """
    wants_keys = has_key and suspects is None
    walk = _Walk(before, after)
    rows = ("places", "keys", "rows")
    # Of rows that were paired and differ the two sides are parted alike, so they stay in step.
    rest, pairs = _Parts(scratch, max_in_memory, rows), _Parts(scratch, max_in_memory, rows)
    common = _Parts(scratch, max_in_memory, ("keys",))
    for step in walk:
        if on_step is not None:
            on_step(step)
        for side in (0, 1):
            rest.add(side, step.left[side])
            pairs.add(side, step.differing[side])
        if wants_keys:
            common.add(0, (step.keys,))
    parts = max(store.wanted_parts() for store in (rest, pairs, common))
    found = [
        _match_part(
            _Rows(rest.read(0, number, parts), rest.read(1, number, parts)),
            _Rows(pairs.read(0, number, parts), pairs.read(1, number, parts)),
            common.read(0, number, parts)[0],
            suspects,
            has_key=has_key,
        )
        for number in range(parts)
    ]
    return _join(found, walk)


class _Rows(NamedTuple):
    """Rows of both versions: places, keys, rows of each."""

    before: tuple[U64, ...]
    after: tuple[U64, ...]


class Step(NamedTuple):
    """What a stretch of the walk gave."""

    left: tuple[Prints, Prints]
    """Rows of each version that found nothing in the other."""
    differing: tuple[Prints, Prints]
    """Rows with the same key and other cells, in step."""
    keys: U64
    """Of all rows that were paired."""


class _Walk:
    """Walks two versions in step; pairs rows of the same key."""

    def __init__(self, before: Iterator[Prints], after: Iterator[Prints]) -> None:
        self._sides = (_Pending(before), _Pending(after))
        self.cancelled = 0
        """Rows that were paired and are equal."""

    @property
    def rows(self) -> tuple[int, int]:
        return self._sides[0].total, self._sides[1].total

    def __iter__(self) -> Iterator[Step]:
        before, after = self._sides
        while True:
            a, b = before.fill(_STEP), after.fill(_STEP)
            if not len(a.rows) or not len(b.rows):
                break
            left_a, left_b, ends = _align(a.keys, b.keys)
            is_last = before.is_done and after.is_done
            # Rows behind the last pair may find theirs in what comes next, unless they are most of it.
            sizes = len(a.rows), len(b.rows)
            if not is_last and all(end > n // 2 for end, n in zip(ends, sizes, strict=True)):
                sizes = ends
                left_a, left_b = left_a[left_a < ends[0]], left_b[left_b < ends[1]]
            yield self._step(a, b, left_a, left_b, sizes)
            before.drop(sizes[0])
            after.drop(sizes[1])
        for number, side in enumerate(self._sides):
            while len((rest := side.fill(_STEP)).rows):
                yield Step((rest, _NOTHING) if number == 0 else (_NOTHING, rest), (_NOTHING, _NOTHING), _NONE)
                side.drop(len(rest.rows))

    def _step(
        self,
        a: Prints,
        b: Prints,
        left_a: NDArray[np.int64],
        left_b: NDArray[np.int64],
        sizes: tuple[int, int],
    ) -> Step:
        paired_a, paired_b = _all_but(left_a, sizes[0]), _all_but(left_b, sizes[1])
        differs = a.rows[paired_a] != b.rows[paired_b]
        self.cancelled += len(differs) - int(differs.sum())
        return Step(
            (_pick(a, left_a), _pick(b, left_b)),
            (_pick(a, paired_a[differs]), _pick(b, paired_b[differs])),
            a.keys[paired_a],
        )


_NONE = np.zeros(0, np.uint64)
_NOTHING = Prints(_NONE, _NONE, _NONE)


def _all_but(left: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    kept = np.ones(size, bool)
    kept[left] = False
    return np.flatnonzero(kept)


def _align(a: U64, b: U64) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[int, int]]:
    """Return the rows of each side that the walk leaves over, and where behind the last match both stand."""
    left_a, left_b = (
        np.frombuffer(found, np.uint64).astype(np.int64) for found in align_rows(a.data, b.data, _WINDOW)
    )
    return left_a, left_b, (_end_of_matches(left_a, len(a)), _end_of_matches(left_b, len(b)))


def _end_of_matches(left: NDArray[np.int64], n: int) -> int:
    """The end of `range(n)` without the numbers at its end that are in `left`."""
    tail = left[::-1] == np.arange(n - 1, n - 1 - len(left), -1)
    run = len(tail) if tail.all() else int(np.argmin(tail))
    return n - run


def _pick(prints: Prints, rows: NDArray[np.int64]) -> Prints:
    keys = prints.keys[rows]
    return Prints(prints.places[rows], keys, keys if prints.keys is prints.rows else prints.rows[rows])


class _Pending:
    """Rows of one version that have not been walked yet."""

    def __init__(self, prints: Iterator[Prints]) -> None:
        self._prints = prints
        none = np.zeros(0, np.uint64)
        self._held = Prints(none, none, none)
        self.is_done = False
        self.total = 0

    def fill(self, wanted: int) -> Prints:
        """Return up to `wanted` rows, fewer only at the end."""
        parts, size = [self._held], len(self._held.rows)
        while size < wanted and not self.is_done:
            more = next(self._prints, None)
            if more is None:
                self.is_done = True
            else:
                parts.append(more)
                size += len(more.rows)
                self.total += len(more.rows)
        if len(parts) > 1:
            self._held = Prints(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return Prints(*(column[:wanted] for column in self._held))

    def drop(self, rows: int) -> None:
        self._held = Prints(*(column[rows:] for column in self._held))


class _Parts:
    """Columns of rows of two versions, in memory while they fit, else in scratch files by their first
    bits."""

    # Files of each side once there are any; a part that is read may be several of them.
    _BITS = 6

    def __init__(self, scratch: Scratch, max_in_memory: int, names: tuple[str, ...]) -> None:
        self._scratch = scratch
        self._max_in_memory = max_in_memory
        self._part_rows = max(1, min(_PART_ROWS, max_in_memory))
        self._names = names
        self._by = names.index("keys")
        self._held: tuple[list[tuple[U64, ...]], list[tuple[U64, ...]]] = ([], [])
        self._size = 0
        self._total = 0
        self._files: tuple[list[BinaryIO], list[BinaryIO]] | None = None

    def add(self, side: int, columns: tuple[U64, ...]) -> None:
        if not len(columns[0]):
            return
        self._held[side].append(tuple(columns))
        self._size += len(columns[0])
        self._total += len(columns[0])
        if self._size > self._max_in_memory:
            self._spill()

    def wanted_parts(self) -> int:
        """How many parts it takes to have one in memory at a time; a power of 2."""
        if self._files is None:
            return 1
        self._spill()
        needed = -(-self._total // self._part_rows)
        return min(1 << self._BITS, 1 << max(0, needed - 1).bit_length())

    def read(self, side: int, number: int, parts: int) -> tuple[U64, ...]:
        """Return the columns of the rows of one part: those whose keys begin with the bits of its number.

        Without a key `keys` is what `rows` is, so both versions are parted alike in any case.
        """
        bits = parts.bit_length() - 1
        if self._files is None:
            columns = _concatenate(self._held[side], len(self._names))
            if parts == 1:
                return columns
            mine = _first_bits(columns[self._by], bits) == number
            return tuple(column[mine] for column in columns)
        per_part = 2 ** (self._BITS - bits)
        rows = [
            _read_rows(file, len(self._names)) for file in self._files[side][number * per_part :][:per_part]
        ]
        table = np.concatenate(rows)
        return tuple(np.ascontiguousarray(table[:, i]) for i in range(len(self._names)))

    def _spill(self) -> None:
        """Write to files what is in memory, stretch by stretch; from now on little is kept before it is
        written."""
        if self._files is None:
            files = [[self._scratch.file() for _ in range(2**self._BITS)] for _ in range(2)]
            self._files = files[0], files[1]
            self._max_in_memory = min(self._max_in_memory, _STEP)
        for side in (0, 1):
            for columns in self._held[side]:
                self._write(self._files[side], columns)
            self._held[side].clear()
        self._size = 0

    def _write(self, files: list[BinaryIO], columns: tuple[U64, ...]) -> None:
        part = _first_bits(columns[self._by], self._BITS)
        order = np.argsort(part, kind="stable")
        table = np.stack([column[order] for column in columns], axis=1)
        ends = np.searchsorted(part[order], np.arange(2**self._BITS), side="right")
        start = 0
        for file, end in zip(files, ends.tolist(), strict=True):
            file.write(table[start:end].data)
            start = end


def _read_rows(file: BinaryIO, width: int) -> U64:
    file.seek(0)
    return np.frombuffer(file.read(), np.uint64).reshape(-1, width)


def _concatenate(parts: list[tuple[U64, ...]], width: int) -> tuple[U64, ...]:
    if not parts:
        return tuple(np.zeros(0, np.uint64) for _ in range(width))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _first_bits(values: U64, bits: int) -> U64:
    return values >> np.uint64(64 - bits) if bits else np.zeros(len(values), np.uint64)


@dataclass(slots=True)
class _Part:
    """What one part gave; lists so that parts are joined at the end."""

    changed: tuple[U64, U64]
    removed: U64
    added: U64
    surplus: tuple[Surplus, Surplus]
    unchanged: int
    duplicates: tuple[int, int]
    repeated: U64


def _match_part(left: _Rows, pairs: _Rows, common: U64, suspects: U64 | None, *, has_key: bool) -> _Part:
    if not has_key:
        # Rows of the same key are equal then, so none were paired that differ.
        surplus, equal = _count(left.before, left.after)
        return _Part((_NONE, _NONE), _NONE, _NONE, surplus, equal, (0, 0), _NONE)
    repeated, counts = (suspects, (0, 0)) if suspects is not None else _find_suspects(left, common)
    changed = pairs.before[0], pairs.after[0]
    single, twins = left, _Rows(*(tuple(column[:0] for column in side) for side in left))
    if len(repeated):
        single, twins, still = _set_apart(left, pairs, repeated)
        changed = changed[0][still], changed[1][still]
    surplus, equal_twins = _count(twins.before, twins.after)
    more, removed, added, equal = _match_keys(single.before, single.after)
    changed = np.concatenate([changed[0], more[0]]), np.concatenate([changed[1], more[1]])
    return _Part(changed, removed, added, surplus, equal + equal_twins, counts, repeated[:EXAMPLES])


def _find_suspects(left: _Rows, common: U64) -> tuple[U64, tuple[int, int]]:
    """Return the keys that more than one row of either version has, and how many those are in each.

    Args:
        common: keys of rows that were paired.
    """
    ordered = np.sort(common)
    twice = find_repeated(ordered, is_sorted=True)
    repeated = []
    for side in left:
        keys = np.sort(side[1])
        again = find_repeated(keys, is_sorted=True)
        repeated.append(np.unique(np.concatenate([twice, again, keys[_is_in(keys, ordered)]])))
    return np.unique(np.concatenate(repeated)), (len(repeated[0]), len(repeated[1]))


def _is_in(values: U64, ordered: U64) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(values), bool)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[at] == values
    return found


def _set_apart(left: _Rows, pairs: _Rows, repeated: U64) -> tuple[_Rows, _Rows, NDArray[np.bool_]]:
    """Part rows whose keys are unique from those whose are not; and say which pairs are of the former."""
    torn = np.isin(pairs.before[1], repeated)
    single, twins = [], []
    for side, paired in zip(left, pairs, strict=True):
        apart = np.isin(side[1], repeated)
        single.append(tuple(column[~apart] for column in side))
        twins.append(tuple(np.concatenate([a[apart], b[torn]]) for a, b in zip(side, paired, strict=True)))
    return _Rows(single[0], single[1]), _Rows(twins[0], twins[1]), ~torn


def find_repeated(values: U64, *, is_sorted: bool = False) -> U64:
    """Return the values that occur more than once, sorted, each once."""
    ordered = values if is_sorted else np.sort(values)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.unique(again) if len(again) else again


def _match_keys(before: tuple[U64, ...], after: tuple[U64, ...]) -> tuple[tuple[U64, U64], U64, U64, int]:
    """Match rows by keys that are unique on both sides: (changed pairs, removed, added, number of equal)."""
    order_a, order_b = np.argsort(before[1]), np.argsort(after[1])
    keys_a, keys_b = before[1][order_a], after[1][order_b]
    at = np.searchsorted(keys_b, keys_a)
    at_clipped = np.minimum(at, max(0, len(keys_b) - 1))
    has_match = keys_b[at_clipped] == keys_a if len(keys_b) else np.zeros(len(keys_a), bool)
    rows_a, rows_b = order_a[has_match], order_b[at_clipped[has_match]]
    differ = before[2][rows_a] != after[2][rows_b]
    is_matched = np.zeros(len(keys_b), bool)
    is_matched[rows_b] = True
    changed = before[0][rows_a[differ]], after[0][rows_b[differ]]
    by_place = np.argsort(changed[0], kind="stable")
    return (
        (changed[0][by_place], changed[1][by_place]),
        np.sort(before[0][order_a[~has_match]]),
        np.sort(after[0][~is_matched]),
        int(len(differ) - differ.sum()),
    )


def _count(before: tuple[U64, ...], after: tuple[U64, ...]) -> tuple[tuple[Surplus, Surplus], int]:
    """Compare rows as a multiset: what each side has more of, and how many are equal."""
    kinds_a, first_a, counts_a = _kinds(before[2])
    kinds_b, first_b, counts_b = _kinds(after[2])
    there_b = _counts_of(kinds_a, kinds_b, counts_b)
    there_a = _counts_of(kinds_b, kinds_a, counts_a)
    return (
        (_surplus(before[0], first_a, counts_a, there_b), _surplus(after[0], first_b, counts_b, there_a)),
        int(np.minimum(counts_a, there_b).sum()),
    )


def _kinds(rows: U64) -> tuple[U64, NDArray[np.int64], NDArray[np.int64]]:
    kinds, first, counts = np.unique(rows, return_index=True, return_counts=True)
    return kinds, first.astype(np.int64), counts.astype(np.int64)


def _counts_of(wanted: U64, kinds: U64, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each of `wanted` occurs on the other side."""
    if not len(kinds):
        return np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(kinds, wanted), len(kinds) - 1)
    return np.where(kinds[at] == wanted, counts[at], 0)


def _surplus(
    places: U64, first: NDArray[np.int64], here: NDArray[np.int64], there: NDArray[np.int64]
) -> Surplus:
    more = here > there
    found, counts = places[first[more]], (here - there)[more].astype(np.uint64)
    order = np.argsort(found, kind="stable")
    return Surplus(found[order], counts[order])


def _join(parts: list[_Part], walk: _Walk) -> Matched:
    pairs = tuple(np.concatenate([part.changed[side] for part in parts]) for side in (0, 1))
    order = np.argsort(pairs[0], kind="stable")
    surplus = tuple(_join_surplus([part.surplus[side] for part in parts]) for side in (0, 1))
    before, after = walk.rows
    return Matched(
        rows_before=before,
        rows_after=after,
        changed=(pairs[0][order], pairs[1][order]),
        removed=np.sort(np.concatenate([part.removed for part in parts])),
        added=np.sort(np.concatenate([part.added for part in parts])),
        surplus_before=surplus[0],
        surplus_after=surplus[1],
        unchanged=walk.cancelled + sum(part.unchanged for part in parts),
        duplicates=(
            sum(part.duplicates[0] for part in parts),
            sum(part.duplicates[1] for part in parts),
        ),
        repeated=np.concatenate([part.repeated for part in parts])[:EXAMPLES],
    )


def _join_surplus(parts: list[Surplus]) -> Surplus:
    places = np.concatenate([part.places for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    order = np.argsort(places, kind="stable")
    return Surplus(places[order], counts[order])
