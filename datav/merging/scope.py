"""What of three versions has to be looked at: where the bytes that sides share with base leave anything open.

Text tables only.  Parts come in step, in all three versions; between two parts all have the same records.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from datav.tables.options import DiffOptions
from datav.tables.recordmap import distinct
from datav.tables.shared import Shared
from datav.tables.source import MAX_KEPT, KeptParts, RandomAccess, read_ranges
from datav.tables.text import Span, TextVersion
from datav.tables.textfacts import pair_texts
from datav.tables.version import I64, U64, TableVersion
from datav.tables.views import choose_views


@dataclass(frozen=True, slots=True)
class Scope:
    """Three versions, of which only parts are scanned."""

    versions: tuple[TableVersion, TableVersion, TableVersion]
    """Base, ours, theirs."""
    parts: tuple[Sequence[Span], Sequence[Span], Sequence[Span]]
    suspects: U64 | None
    """Fingerprints of the keys that are not unique in any of them, sorted; None without a key."""
    seed: int


def find_scope(
    base: TableVersion,
    ours: TableVersion,
    theirs: TableVersion,
    key: tuple[str, ...],
    shared: tuple[Shared, Shared],
    seed: int,
    executor: Executor,
) -> Scope | None:
    """Return what has to be looked at; None where that is all.

    Args:
        shared: what base has in common with ours, and with theirs.

    Raises:
        TableError: one of them is no table.
    """
    if not isinstance(base, TextVersion):
        return None
    pairs: list[tuple[I64, I64]] = []
    suspects = []
    seeds = set()
    for side, known in zip((ours, theirs), shared, strict=True):
        compared = choose_views(base, side, DiffOptions(key=key))
        if len(compared.names) != len(base.columns) or len(side.columns) != len(base.columns):
            return None
        found = pair_texts(compared, known, seed, executor)
        if found is None:
            return None
        pairing, own_seed = found
        before, after = pairing.before, pairing.after
        assert isinstance(before, TextVersion), "pairs of texts are texts"
        assert isinstance(after, TextVersion), "both of them"
        pairs.append((_bounds(before.spans), _bounds(after.spans)))
        seeds.add(own_seed)
        if pairing.suspects is not None:
            suspects.append(pairing.suspects)
    assert isinstance(ours, TextVersion), "pair_texts takes nothing else"
    assert isinstance(theirs, TextVersion), "pair_texts takes nothing else"
    if len(seeds) > 1 and key:
        return None
    union = _union(np.concatenate([pairs[0][0], pairs[1][0]]))
    bodies = [(base.body, side.body) for side in (ours, theirs)]
    images = [
        np.stack([_image(union[:, at], pair, body, at) for at in (0, 1)], axis=1)
        for pair, body in zip(pairs, bodies, strict=True)
    ]
    parts = _spans(union), _spans(images[0]), _spans(images[1])
    # Each is scanned more than once.
    versions = (
        base.only(parts[0], _kept(base.source, parts[0])),
        ours.only(parts[1], _kept(ours.source, parts[1])),
        theirs.only(parts[2], _kept(theirs.source, parts[2])),
    )
    repeated = distinct(np.sort(np.concatenate(suspects))) if suspects else None
    return Scope(versions, parts, repeated, seeds.pop())


def _kept(source: RandomAccess, parts: Sequence[Span]) -> RandomAccess:
    """Return a source with its parts at hand, if they are small enough together."""
    if sum(part.end - part.start for part in parts) > MAX_KEPT:
        return source
    kept = KeptParts(source)
    ranges = [(part.start, part.end - part.start) for part in parts]
    for (start, _), text in zip(ranges, read_ranges(source, ranges), strict=True):
        kept.keep(start, text)
    return kept


def _bounds(spans: Sequence[Span] | None) -> I64:
    return np.array(spans or [], np.int64).reshape(-1, 2)


def _spans(bounds: I64) -> list[Span]:
    return [Span(start, end) for start, end in bounds.tolist()]


def _union(bounds: I64) -> I64:
    """Join ranges that overlap or touch."""
    bounds = bounds[np.lexsort((bounds[:, 1], bounds[:, 0]))]
    if not len(bounds):
        return bounds
    reach = np.maximum.accumulate(bounds[:, 1])
    first = np.append(True, bounds[1:, 0] > reach[:-1])
    last = np.append(first[1:], True)
    return np.stack([bounds[first, 0], reach[last]], axis=1)


def _image(offsets: I64, pair: tuple[I64, I64], bodies: tuple[int, int], at: int) -> I64:
    """Return where offsets of base lie on a side.

    Args:
        offsets: none of them inside a part of `pair`; increasing.
        pair: parts of base and the side, in step.
        at: 0: where parts begin, before what the side has at just that place; 1: where they end, behind it.
    """
    base, side = pair
    if not len(base):
        return offsets + (bodies[1] - bodies[0])
    shifts = np.append(side[:1, 0] - base[:1, 0], side[:, 1] - base[:, 1])
    if at == 0:
        number = np.searchsorted(base[:, 0], offsets, side="left")
    else:
        number = np.searchsorted(base[:, 1], offsets, side="right")
    return offsets + shifts[number]
