"""Two versions of a text that share most of their bytes: only what lies between is read.

The gaps between shared bytes are widened to where records begin in both versions.  Where there are no quotes
near a gap, that is behind a line end among the bytes that the two sides of the gap have in common, and
nothing outside of the gap is read.  Else records are parsed from the last mark of the first version's record
map, until both versions come to a record's end in the bytes they share; where they do not, because one of
them opened a quote, the gap grows.

So every span begins and ends where records do, in both versions, and between spans both have the same
records.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

from datav.core.rows import first_difference, last_difference, scan_text
from datav.tables.batches import in_order
from datav.tables.recordmap import Marks, RecordMap
from datav.tables.shared import Gap
from datav.tables.source import KeptParts, RandomAccess, read_ranges
from datav.tables.text import Span, TextVersion

# Gaps narrowed at a time by one worker, and how much they may hold together.
_GAPS_AT_ONCE = 64
_BYTES_AT_ONCE = 8 * 2**20
_AHEAD = 3


@dataclass(frozen=True, slots=True)
class TextPair:
    """What differs of two versions."""

    before: tuple[Span, ...]
    after: tuple[Span, ...]
    """In step with `before`; between two spans, in both versions, lie the same records."""
    before_source: RandomAccess
    after_source: RandomAccess


class _Narrowed(NamedTuple):
    """A gap without what its sides have in common at both ends, cut where records begin."""

    before: Span
    after: Span
    texts: tuple[bytes, bytes]


def pair_text(
    before: TextVersion, after: TextVersion, gaps: Sequence[Gap], known: RecordMap, executor: Executor
) -> TextPair:
    """Return the spans of two versions that may hold different records.

    Args:
        gaps: what of their bytes is not shared.
        known: of the first version.

    Cost: reads the gaps, and up to two strides of a record map at each that has quotes near it.
    """
    walk = _Walk(before, after, gaps, known)
    for number, narrowed in enumerate(_narrow(before, after, gaps, executor)):
        walk.step(number, narrowed)
    return walk.result()


def _narrow(
    before: TextVersion, after: TextVersion, gaps: Sequence[Gap], executor: Executor
) -> Iterator[_Narrowed | None]:
    jobs = (_Job(before, after, group) for group in _groups(gaps))
    for found in in_order(executor, (job.run for job in jobs), _AHEAD):
        yield from found


def _groups(gaps: Sequence[Gap]) -> Iterator[list[Gap]]:
    group: list[Gap] = []
    size = 0
    for gap in gaps:
        group.append(gap)
        size += gap.before_end - gap.before_start + gap.after_end - gap.after_start
        if size >= _BYTES_AT_ONCE or len(group) == _GAPS_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


class _Job(NamedTuple):
    """Narrows some gaps, one after the other."""

    before: TextVersion
    after: TextVersion
    gaps: Sequence[Gap]

    def run(self) -> list[_Narrowed | None]:
        # The second version first: mostly it is the newer one, whose chunks are stored as changes of the
        # older one's, which are at hand then.
        new = read_ranges(
            self.after.source, [(g.after_start, g.after_end - g.after_start) for g in self.gaps]
        )
        old = read_ranges(
            self.before.source, [(g.before_start, g.before_end - g.before_start) for g in self.gaps]
        )
        return [self._narrow(*sides) for sides in zip(self.gaps, old, new, strict=True)]

    def _narrow(self, gap: Gap, old: bytes, new: bytes) -> _Narrowed | None:
        """Return a narrower gap if no quote is in it and both its ends have a line end in common."""
        if self.before.dialect.quoting and (b'"' in old or b'"' in new):
            return None
        front = first_difference(old, new)
        start = old.rfind(b"\n", 0, front) + 1
        room = min(len(old), len(new)) - start
        back = min(last_difference(old, new), room)
        end = old.find(b"\n", len(old) - back) + 1
        if not start or not end:
            return None
        new_end = len(new) - (len(old) - end)
        return _Narrowed(
            Span(gap.before_start + start, gap.before_start + end),
            Span(gap.after_start + start, gap.after_start + new_end),
            (old[start:end], new[start:new_end]),
        )


class _Walk:
    """Goes from gap to gap; knows up to where both versions have been told to have the same records."""

    def __init__(
        self, before: TextVersion, after: TextVersion, gaps: Sequence[Gap], known: RecordMap
    ) -> None:
        self._versions = before, after
        self._gaps = gaps
        self._marks = Marks(known)
        self._synced = before.body, after.body
        """Where a record begins in both; from there on bytes are the same up to the next gap."""
        self._open: tuple[int, int] | None = None
        """Where a span began that has not come to an end yet."""
        self._tried = 0
        """Up to where it was looked for its end, in bytes from its start."""
        self._spans: tuple[list[Span], list[Span]] = ([], [])
        self._kept = KeptParts(before.source), KeptParts(after.source)

    def step(self, number: int, narrowed: _Narrowed | None) -> None:
        """Take one gap."""
        gap = self._gaps[number]
        if narrowed is not None and self._open is None and self._is_plain(gap):
            self._add(narrowed.before, narrowed.after, narrowed.texts)
            return
        if self._open is None:
            self._open, self._tried = self._start_of(gap), 0
        end = self._end_of(number)
        if end is not None:
            self._add(Span(self._open[0], end[0]), Span(self._open[1], end[1]), None)
            self._open = None

    def result(self) -> TextPair:
        if self._open is not None:
            sizes = [version.source.size for version in self._versions]
            self._add(Span(self._open[0], sizes[0]), Span(self._open[1], sizes[1]), None)
        return TextPair(tuple(self._spans[0]), tuple(self._spans[1]), *self._kept)

    def _is_plain(self, gap: Gap) -> bool:
        """Whether a gap begins outside of quotes, in records that both versions have."""
        if self._synced[0] > gap.before_start or self._synced[1] > gap.after_start:
            return False
        if not self._versions[0].dialect.quoting:
            return True
        mark = self._marks.last(gap.before_start)
        return mark is not None and not self._marks.has_quotes(mark, max(gap.before_start, mark + 1))

    def _start_of(self, gap: Gap) -> tuple[int, int]:
        """Where a span begins that is to hold a gap."""
        if self._synced[0] > gap.before_start or self._synced[1] > gap.after_start:
            return self._synced
        mark = self._marks.last(gap.before_start)
        if mark is None or mark < self._synced[0]:
            return self._synced
        return mark, mark + gap.after_start - gap.before_start

    def _end_of(self, number: int) -> tuple[int, int] | None:
        """Where the open span ends; None if that is not before the next gap."""
        assert self._open is not None
        gap = self._gaps[number]
        before, after = self._versions
        is_last = number + 1 == len(self._gaps)
        stop = before.source.size if is_last else self._gaps[number + 1].before_start
        shift = gap.after_end - gap.before_end
        low = max(gap.before_end, self._open[0])
        for mark in self._marks.between(low, stop):
            size = mark + shift - self._open[1]
            # Each look begins at the start of the span: a quote that stays open must not be paid for squared.
            if size < 2 * self._tried:
                continue
            if self._is_end(self._open[1], mark + shift):
                return mark, mark + shift
            self._tried = size
        return (stop, after.source.size) if is_last else None

    def _is_end(self, start: int, end: int) -> bool:
        """Whether a record ends at `end` of the second version; one begins at `start`."""
        if start == end:
            return True
        dialect = self._versions[1].dialect
        text = self._kept[1].read_at(start, end - start)
        if not dialect.quoting or b'"' not in text:
            return text.endswith((b"\n", b"\r"))
        done = scan_text(text, False, ord(dialect.delimiter), True, 1, b"", b"", 0)[3]
        return not text[done:].strip(b"\r\n")

    def _add(self, before: Span, after: Span, texts: tuple[bytes, bytes] | None) -> None:
        for side, span in enumerate((before, after)):
            self._spans[side].append(span)
            if texts is not None:
                self._kept[side].keep(span.start, texts[side])
        self._synced = before.end, after.end
