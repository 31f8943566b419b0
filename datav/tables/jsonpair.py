"""Two versions of JSON Lines: lines that both have are not parsed.

A line is a record, so lines of the same bytes are equal rows.  Where it is known which bytes the versions
share, only the gaps between these are read, widened to whole lines; else all lines of both are walked in
step, as fingerprints of their bytes, which shows what they share.  Of the gaps, lines that both have are
cancelled, wherever they stand, as often as both have them.  What is left over is parsed and matched.

None of this can be seen in the answer.  Rows that are cancelled are equal, so both multisets lack the same.
Which keys are not unique is asked of whole versions.  The columns are those of whole versions too: see
jsonpaths.py.  Both, and that every line is a record, is found out once and remembered by content id; for the
next version it is derived from the gaps.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from datav.errors import TableError
from datav.storage.caching import Cache
from datav.storage.scratch import Scratch
from datav.tables.dialect import TextDialect
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.jsonpaths import Pairs, PathFacts, decode_facts, derive_paths
from datav.tables.linegaps import find_line_gaps
from datav.tables.matching import match_rows
from datav.tables.pairing import Pairing
from datav.tables.recordmap import KeyFacts, KeyIndex, distinct, make_index
from datav.tables.remembering import Memory
from datav.tables.shared import Gap, Shared
from datav.tables.text import LONGEST, TextVersion
from datav.tables.textpair import TextPair, pair_text
from datav.tables.version import U64, Prints, TableVersion, View
from datav.tables.views import Compared

# Smaller files are read as a whole sooner than anything can be remembered of them.
_WORTH_IT = 2**20
# More rows than these are not told apart here, but by who keeps them in scratch files.
_MOST_LEFT = 2**23
# Beyond so many rows what is remembered of the keys would take as much memory as the table.
_MOST_KEYS = 2**25

# Stands in no record: JSON has no control characters but white space.
_NOWHERE = "\x01"
_WHOLE_LINE = View((0,), (), (None,))
_LENGTH_BITS = np.uint64(LONGEST.bit_length())


@dataclass(frozen=True, slots=True)
class SharedLines(Shared):
    """What is known of two versions of JSON Lines."""

    spans: TextPair | None = None
    """The gaps, widened to whole lines."""


def share_lines(
    before: TableVersion, after: TableVersion, shared: Shared | None, executor: Executor
) -> Shared | None:
    """Find out, or remember, what the columns of two versions of JSON Lines are, and which lines they share.

    Returns:
        SharedLines; what was given where the versions are others, or small.

    Raises:
        TableError: a line is no record.
    """
    if not isinstance(before, JsonLinesVersion) or not isinstance(after, JsonLinesVersion):
        return shared
    base = shared or Shared(())
    if before.source.size + after.source.size < _WORTH_IT:
        return shared
    versions = before, after
    memories = _memories(versions, shared)
    recalled = [memory.read_facts() if memory is not None else None for memory in memories]
    # Either version's facts will do.  Where neither's are known, the one that is read faster is read.
    known = 0 if recalled[0] is not None else 1 if recalled[1] is not None else int(base.is_after_near)
    found = recalled[known]
    if found is None:
        base.refuse_reading_all()
        found = _find_out(versions, known, executor)
    texts = as_text(before), as_text(after)
    try:
        gaps = find_line_gaps(*texts, executor) if shared is None else shared.gaps
        pair = _pair(texts, gaps, known, found, executor)
    except TableError:
        # One of the lines holds what JSON never does: whoever parses it says which.
        return shared
    other = recalled[1 - known] or _derive(found, versions, pair, known, executor)
    for side, facts in ((known, found), (1 - known, other)):
        versions[side].facts = facts
        memory = memories[side]
        if memory is not None and recalled[side] is None:
            memory.write_facts(facts)
    return SharedLines(
        gaps,
        before_id=base.before_id,
        after_id=base.after_id,
        cache=base.cache,
        is_after_near=base.is_after_near,
        known_only=base.known_only,
        spans=pair,
    )


def pair_lines(
    compared: Compared, shared: Shared, seed: int, executor: Executor, scratch: Scratch
) -> tuple[Pairing, int] | None:
    """Return what is left to be compared of two versions of JSON Lines, and the seed of its fingerprints.

    Returns:
        None if they are something else, or as much is left that it does not belong into memory.
    """
    if not isinstance(shared, SharedLines) or shared.spans is None:
        return None
    before, after = compared.before, compared.after
    if not isinstance(before, JsonLinesVersion) or not isinstance(after, JsonLinesVersion):
        return None
    views = compared.before_view, compared.after_view
    rows = before.facts.map.rows, after.facts.map.rows
    if compared.has_key and max(rows) > _MOST_KEYS:
        return None
    left = _cancel((before, after), shared.spans, seed, scratch, executor)
    if left is None:
        return None
    memories = _memories((before, after), shared)
    sides = (
        _Side(before, left[0], views[0], memories[0]),
        _Side(after, left[1], views[1], memories[1]),
    )
    if not compared.has_key:
        return _pairing(sides, (sides[0].scan(seed, executor), sides[1].scan(seed, executor))), seed
    return _pair_by_key(sides, shared, seed, executor)


class _LineMemory:
    """What is remembered of one version.

    Args:
        content: id of the version.
    """

    def __init__(self, cache: Cache, content: bytes, body: int) -> None:
        reading = f"jsonl {body}".encode()
        self._cache = cache
        self._memory = Memory(cache, content, reading)
        self._name = hashlib.blake2b(content + b"\0" + reading, digest_size=16).hexdigest() + ".paths"

    def read_facts(self) -> PathFacts | None:
        known, data = self._memory.read_map(), self._cache.read(self._name)
        return decode_facts(known, data) if known is not None and data is not None else None

    def write_facts(self, facts: PathFacts) -> None:
        self._memory.write_map(facts.map)
        self._cache.write(self._name, [facts.encode()])

    def read_keys(self, paths: Sequence[str]) -> KeyFacts | None:
        return self._memory.read_keys([json.dumps(paths)])

    def read_index(self, paths: Sequence[str]) -> KeyIndex | None:
        return self._memory.read_index([json.dumps(paths)])

    def write_index(self, paths: Sequence[str], index: KeyIndex) -> None:
        self._memory.write_index([json.dumps(paths)], index)


def _memories(versions: Sequence[JsonLinesVersion], shared: Shared | None) -> list[_LineMemory | None]:
    if shared is None or shared.cache is None:
        return [None, None]
    ids = shared.before_id, shared.after_id
    return [
        _LineMemory(shared.cache, content, version.body) if content is not None else None
        for version, content in zip(versions, ids, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two versions, what is left of it, and what may be remembered of it."""

    version: JsonLinesVersion
    left: JsonLinesVersion
    view: View
    memory: _LineMemory | None

    @property
    def _paths(self) -> list[str]:
        return self.version.paths_of([self.view.columns[position] for position in self.view.key])

    def scan(self, seed: int, executor: Executor) -> list[Prints]:
        return list(self.left.scan(self.view, seed, executor))

    def recall_keys(self) -> KeyFacts | None:
        return self.memory.read_keys(self._paths) if self.memory is not None else None

    def index(self, seed: int, executor: Executor) -> KeyIndex:
        """Return the index by the key; it is remembered, or found out now."""
        index = self.memory.read_index(self._paths) if self.memory is not None else None
        if index is not None and index.seed == seed:
            return index
        # The key columns alone: their fingerprints are those that the whole view gives them.
        columns = tuple(self.view.columns[position] for position in self.view.key)
        own = View(columns, tuple(range(len(columns))), (None,) * len(columns))
        return self.remember(make_index(seed, _sorted_keys(self.version.scan(own, seed, executor))))

    def remember(self, index: KeyIndex) -> KeyIndex:
        if self.memory is not None:
            self.memory.write_index(self._paths, index)
        return index


def _pair_by_key(
    sides: tuple[_Side, _Side], shared: Shared, seed: int, executor: Executor
) -> tuple[Pairing, int]:
    facts = [side.recall_keys() for side in sides]
    known = 0 if facts[0] is not None else 1 if facts[1] is not None else int(shared.is_after_near)
    found = facts[known]
    index = None
    if found is None:
        shared.refuse_reading_all()
        index = sides[known].index(seed, executor)
        found = index.facts
    prints = sides[0].scan(found.seed, executor), sides[1].scan(found.seed, executor)
    other = facts[1 - known]
    if other is None or other.seed != found.seed:
        index = index or sides[known].index(found.seed, executor)
        changed = _sorted_keys(prints[known]), _sorted_keys(prints[1 - known])
        other = sides[1 - known].remember(index.derive(*changed)).facts
    repeated = (other.repeated, found.repeated) if known else (found.repeated, other.repeated)
    pairing = replace(
        _pairing(sides, prints),
        suspects=distinct(np.sort(np.concatenate(repeated))),
        duplicates=(len(repeated[0]), len(repeated[1])),
    )
    return pairing, found.seed


def _pairing(sides: tuple[_Side, _Side], prints: tuple[list[Prints], list[Prints]]) -> Pairing:
    scanned = sum(len(some.rows) for some in prints[0])
    unchanged = sides[0].version.facts.map.rows - scanned
    return Pairing(sides[0].left, sides[1].left, unchanged=unchanged, prints=prints)


def _sorted_keys(prints: Iterable[Prints]) -> U64:
    keys = np.concatenate([np.zeros(0, np.uint64), *(some.keys for some in prints)])
    keys.sort()
    return keys


def _cancel(
    versions: tuple[JsonLinesVersion, JsonLinesVersion],
    spans: TextPair,
    seed: int,
    scratch: Scratch,
    executor: Executor,
) -> tuple[JsonLinesVersion, JsonLinesVersion] | None:
    """Return the versions with only those lines of the spans that the other has not got, or not as often.

    Returns:
        None if they are many.
    """
    sources = spans.before_source, spans.after_source
    texts = [
        as_text(version).only(parts, source)
        for version, parts, source in zip(versions, (spans.before, spans.after), sources, strict=True)
    ]
    first, second = (text.scan(_WHOLE_LINE, seed, executor) for text in texts)
    matched = match_rows(first, second, scratch, has_key=False)
    surplus = matched.surplus_before, matched.surplus_after
    if sum(int(some.counts.sum()) for some in surplus) > _MOST_LEFT:
        return None
    old, new = (
        version.only(some.places >> _LENGTH_BITS, some.counts, source)
        for version, some, source in zip(versions, surplus, sources, strict=True)
    )
    return old, new


def _find_out(
    versions: tuple[JsonLinesVersion, JsonLinesVersion], known: int, executor: Executor
) -> PathFacts:
    """Read all of a version for its facts."""
    try:
        return versions[known].find_facts(executor)
    except TableError:
        # What is wrong with the first version is told first.
        if known:
            versions[0].find_facts(executor)
        raise


def _pair(
    texts: tuple[TextVersion, TextVersion],
    gaps: Sequence[Gap],
    known: int,
    facts: PathFacts,
    executor: Executor,
) -> TextPair:
    if not known:
        return pair_text(*texts, gaps, facts.map, executor)
    turned = [Gap(g.after_start, g.after_end, g.before_start, g.before_end) for g in gaps]
    pair = pair_text(texts[1], texts[0], turned, facts.map, executor)
    return TextPair(pair.after, pair.before, pair.after_source, pair.before_source)


def _derive(
    found: PathFacts,
    versions: tuple[JsonLinesVersion, JsonLinesVersion],
    pair: TextPair,
    known: int,
    executor: Executor,
) -> PathFacts:
    """Return the facts of the other version."""
    sources, spans = (pair.before_source, pair.after_source), (pair.before, pair.after)
    old, new = (versions[side].read_from(sources[side]) for side in (known, 1 - known))
    return derive_paths(
        found,
        (old.source.size, new.source.size),
        Pairs(spans[known], spans[1 - known]),
        (old.parts, new.parts),
        new.parse,
        new.sample_kinds(),
        executor,
    )


def as_text(version: JsonLinesVersion) -> TextVersion:
    """Return a version as a text each line of which is one cell."""
    dialect = TextDialect("jsonl", _NOWHERE, version.dialect.encoding, False, ("line",))
    return TextVersion(version.source, dialect, has_header=False)
