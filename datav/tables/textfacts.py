"""Pairing two versions of a text: with what is remembered of them, or is found out and remembered now."""

import secrets
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from datav.storage.caching import Cache
from datav.tables.pairing import Pairing
from datav.tables.recordmap import KeyFacts, KeyIndex, RecordMap, derive_map, distinct, scan_facts
from datav.tables.remembering import Memory
from datav.tables.shared import Gap, Shared
from datav.tables.text import TextVersion
from datav.tables.textpair import pair_text
from datav.tables.version import U64, Prints, View
from datav.tables.views import Compared

# Smaller files are read as a whole sooner than anything can be remembered of them.
_WORTH_IT = 2**20
# With more than this share of a file in gaps nothing is won, and what is scanned of gaps is kept in memory.
_MOST_SHARE = 0.5
_MOST_BYTES = 2**30
# Beyond so many rows what is remembered of the keys would be as large as the table: both are scanned each
# time, in bounded memory.
_MOST_KEYS = 2**25


class _Facts(NamedTuple):
    """What is known of one whole version."""

    map: RecordMap
    keys: KeyFacts | None
    """None without a key."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two versions, and what may be remembered of it."""

    version: TextVersion
    view: View
    memory: Memory | None

    @property
    def key_view(self) -> View:
        return self.view.key_only

    def recall(self) -> _Facts | None:
        if self.memory is None:
            return None
        known = self.memory.read_map()
        keys = self.memory.read_keys(self.key_view.columns) if self.view.key else None
        return None if known is None or (self.view.key and keys is None) else _Facts(known, keys)

    def find_out(self, seed: int, executor: Executor) -> tuple[_Facts, KeyIndex | None]:
        """Scan the version for its facts, and remember them."""
        known, index = scan_facts(self.version, self.key_view, seed, executor)
        return self.remember(known, index if self.view.key else None)

    def remember(self, known: RecordMap, index: KeyIndex | None) -> tuple[_Facts, KeyIndex | None]:
        if self.memory is not None:
            self.memory.write_map(known)
            if index is not None:
                self.memory.write_index(self.key_view.columns, index)
        return _Facts(known, index.facts if index is not None else None), index

    def index(self, seed: int, executor: Executor) -> KeyIndex | None:
        """Return the index by the key; None without one."""
        if not self.view.key:
            return None
        index = self.memory.read_index(self.key_view.columns) if self.memory is not None else None
        if index is not None and index.seed == seed:
            return index
        return self.find_out(seed, executor)[1]


def pair_texts(
    compared: Compared, shared: Shared, seed: int, executor: Executor
) -> tuple[Pairing, int] | None:
    """Return what is left to be compared of two texts, and the seed of its fingerprints.

    Returns:
        None if reading both as a whole is as good, or bytes that are the same need not be the same rows.

    Raises:
        TableError: one of the texts has ragged rows.
    """
    before, after = compared.before, compared.after
    if not isinstance(before, TextVersion) or not isinstance(after, TextVersion):
        return None
    if not compared.by_bytes or not _is_read_alike(before, after) or not _is_worth_it(before, after, shared):
        return None
    if compared.has_key and not (_is_small_enough(before) and _is_small_enough(after)):
        return None
    sides = (
        _Side(before, compared.before_view, _memory_of(before, shared.cache, shared.before_id)),
        _Side(after, compared.after_view, _memory_of(after, shared.cache, shared.after_id)),
    )
    recalled = sides[0].recall(), sides[1].recall()
    index = None
    # Either version's facts will do.  Where neither's are known, those of the one that is read faster are
    # found.
    known = 0 if recalled[0] is not None else 1 if recalled[1] is not None else int(shared.is_after_near)
    facts = recalled[known]
    if facts is None:
        shared.refuse_reading_all()
        facts, index = sides[known].find_out(seed, executor)
    seed = _seed(facts, seed)
    if known == 0:
        return _pair(*sides, facts, index, shared.gaps, seed, executor), seed
    gaps = [Gap(g.after_start, g.after_end, g.before_start, g.before_end) for g in shared.gaps]
    return _swapped(_pair(*sides[::-1], facts, index, gaps, seed, executor)), seed


def find_key_facts(
    version: TextVersion,
    columns: Sequence[int],
    content: bytes | None,
    cache: Cache | None,
    executor: Executor,
) -> KeyFacts | None:
    """Return what is known of the keys of one whole version, remembered or found and remembered now.

    Args:
        columns: those of the key.
        content: id of what the version reads.

    Returns:
        None where remembering does not pay, or the keys of so many rows do not fit into memory.

    Raises:
        TableError: the text has ragged rows.
    """
    view = View(tuple(columns), tuple(range(len(columns))), (None,) * len(columns))
    if version.source.size < _WORTH_IT or not _is_small_enough(version):
        return None
    side = _Side(version, view, _memory_of(version, cache, content))
    known = side.recall() or side.find_out(secrets.randbits(64), executor)[0]
    return known.keys


def _seed(facts: _Facts, seed: int) -> int:
    return facts.keys.seed if facts.keys is not None else seed


def _is_read_alike(before: TextVersion, after: TextVersion) -> bool:
    """Whether the same bytes are the same records and cells in both."""
    a, b = before.dialect, after.dialect
    return (a.delimiter, a.quoting, len(before.columns)) == (b.delimiter, b.quoting, len(after.columns))


def _is_worth_it(before: TextVersion, after: TextVersion, shared: Shared) -> bool:
    in_gaps = sum(g.before_end - g.before_start + g.after_end - g.after_start for g in shared.gaps)
    size = before.source.size + after.source.size
    return size >= _WORTH_IT and in_gaps <= min(_MOST_SHARE * size, _MOST_BYTES)


def _is_small_enough(version: TextVersion) -> bool:
    """Whether the fingerprints of all keys fit into memory, as far as the first rows show."""
    return version.source.size <= _MOST_KEYS * version.row_size


def _memory_of(version: TextVersion, cache: Cache | None, content: bytes | None) -> Memory | None:
    if cache is None or content is None:
        return None
    dialect = version.dialect
    reading = f"{dialect.delimiter}{dialect.quoting}{version.has_header}".encode()
    return Memory(cache, content, reading)


def _pair(
    known: _Side,
    other: _Side,
    facts: _Facts,
    index: KeyIndex | None,
    gaps: Sequence[Gap],
    seed: int,
    executor: Executor,
) -> Pairing:
    pair = pair_text(known.version, other.version, gaps, facts.map, executor)
    versions = (
        known.version.only(pair.before, pair.before_source),
        other.version.only(pair.after, pair.after_source),
    )
    views = known.view, other.view
    prints = tuple(
        list(version.scan(view, seed, executor)) for version, view in zip(versions, views, strict=True)
    )
    scanned = [sum(len(some.rows) for some in side) for side in prints]
    derived = other.recall()
    if derived is None or _seed(derived, seed) != seed:
        index = index or known.index(seed, executor)
        if index is not None:
            index = index.derive(*(_sorted_keys(side) for side in prints))
        spans = [((a.start, a.end), (b.start, b.end)) for a, b in zip(pair.before, pair.after, strict=True)]
        rows = facts.map.rows - scanned[0] + scanned[1]
        derived, _ = other.remember(derive_map(facts.map, known.version.source.size, spans, rows), index)
    pairing = Pairing(*versions, unchanged=facts.map.rows - scanned[0], prints=(prints[0], prints[1]))
    if facts.keys is None or derived.keys is None:
        return pairing
    repeated = facts.keys.repeated, derived.keys.repeated
    return replace(
        pairing,
        suspects=distinct(np.sort(np.concatenate(repeated))),
        duplicates=(len(repeated[0]), len(repeated[1])),
    )


def _sorted_keys(prints: list[Prints]) -> U64:
    return np.sort(np.concatenate([some.keys for some in prints])) if prints else np.zeros(0, np.uint64)


def _swapped(pairing: Pairing) -> Pairing:
    assert pairing.prints is not None
    return replace(
        pairing,
        before=pairing.after,
        after=pairing.before,
        duplicates=pairing.duplicates[::-1],
        prints=pairing.prints[::-1],
    )
