"""Which paths the records of JSON Lines have: the columns.

The columns are the paths of all records, in the order in which they first come up.  What a column holds is
told by the first records, as in manifests; where it is empty in all of these, by the first record that has
something in it.

So what has to be known of a version is, for each path, the first record that has it and the first that has
something in it.  One pass finds them, and that all lines are records; for another version they are derived
from what the two do not share: a record that is in both is the first one still, unless one comes before it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from pyarrow import types as arrow_types

from datav.errors import TableError
from datav.tables.batches import in_order
from datav.tables.jsoncells import (
    LINE,
    Number,
    cell_of,
    dots,
    escaped,
    object_starts,
    plain_starts,
    read_plain,
)
from datav.tables.jsonlines import join_kinds
from datav.tables.recordmap import RecordMap, derive_map
from datav.tables.version import U64

MAX_PATHS = 10_000
"""Where there are more, keys are data and the records are no rows of one table."""

_AHEAD = 4

# pyarrow takes time and memory for every path of a part in every of its records: where parts have many more
# paths than a record has, pyarrow is not asked any more.
_MOST_UNEVEN = 8

_EMPTY_OBJECT = re.compile(rb"\{\s*\}")
_ESCAPED_KEY = re.compile(rb'\\.[^"\\]*"\s*:', re.DOTALL)
_VERSION = 1


class Part(NamedTuple):
    """Some whole lines of a file."""

    offset: int
    data: bytes


class Found(NamedTuple):
    """Where a path comes up."""

    first: int
    """Offset of the first record that has it."""
    number: int
    """Which of that record's paths it is."""
    filled: int
    """Offset of the first record that has something in it; -1: none has."""
    kind: str
    """What is there."""


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What is known of the paths of one whole version, all lines of which are records."""

    map: RecordMap
    found: Mapping[str, Found]
    sample: Mapping[str, str]
    """What the first records hold, by path."""

    @property
    def kinds(self) -> dict[str, str]:
        """What each column holds, by its path, in order."""
        kinds = {}
        for path, found in sorted(self.found.items(), key=lambda item: item[1][:2]):
            kind = self.sample.get(path, "empty")
            kinds[path] = found.kind if kind == "empty" else kind
        inner = {path[:place] for path in kinds for place in dots(path)}
        return {path: kind for path, kind in kinds.items() if kind != "empty" or path not in inner}

    def encode(self) -> bytes:
        return json.dumps(
            [_VERSION, {path: list(at) for path, at in self.found.items()}, self.sample]
        ).encode()


def decode_facts(known: RecordMap, data: memoryview) -> PathFacts | None:
    """Return what `PathFacts.encode` was given; None if it was another version of it."""
    version, found, sample = json.loads(bytes(data))
    if version != _VERSION:
        return None
    return PathFacts(known, {path: Found(*at) for path, at in found.items()}, sample)


# Parses a line at an offset, or raises TableError.  Any: JSON holds anything.
Parse = Callable[[int, bytes], dict[str, Any]]


class Finder:
    """Finds paths in parts of a file that are shown to it from front to back.

    Args:
        executor: None: everything is done at once.
    """

    def __init__(self, parse: Parse, executor: Executor | None) -> None:
        self._parse = parse
        self._executor = executor
        self._is_even = True
        self.found: dict[str, Found] = {}

    def is_known(self, path: str, *, filled: bool) -> bool:
        """Whether it has come up, or something in it."""
        found = self.found.get(path)
        return found is not None and (not filled or found.filled >= 0)

    def add(self, path: str, found: Found, *, filled: bool) -> None:
        """Take what is known to come next of a path: its first record, or the first with something in it."""
        known = self.found.get(path)
        if known is None:
            self.found[path] = found if filled else found._replace(filled=-1, kind="empty")
        elif filled and known.filled < 0:
            self.found[path] = known._replace(filled=found.filled, kind=found.kind)
        if len(self.found) > MAX_PATHS:
            raise TableError(f"its records have more than {MAX_PATHS} different keys")

    def show(self, parts: Iterable[Part]) -> Iterator[int]:
        """Look at parts; yield how many records each has."""
        jobs = (partial(_look, part, is_even=self._is_even) for part in parts)
        looked = in_order(self._executor, jobs, _AHEAD) if self._executor is not None else (j() for j in jobs)
        for part, seen in looked:
            if seen is not None:
                self._read_until_known(part, seen)
            yield self._read(part) if seen is None else seen.rows
            per_record = 1 + part.data.count(b'":') / (1 + part.data.count(b"\n"))
            if seen is not None and len(seen.paths) > _MOST_UNEVEN * per_record:
                self._is_even = False

    def _read_until_known(self, part: Part, seen: "_Seen") -> None:
        found = lines(*part)
        # What is known stays known: each path is waited for once, however many there are.
        for path, filled in seen.paths.items():
            while not self.is_known(path, filled=filled):
                line = next(found, None)
                if line is None:
                    return
                self._read_line(*line)

    def _read(self, part: Part) -> int:
        rows = 0
        for line in lines(*part):
            rows += 1
            self._read_line(*line)
        return rows

    def _read_line(self, place: int, line: bytes) -> None:
        for number, (path, value) in enumerate(self._parse(place, line).items()):
            kind = kind_of(value)
            if kind in ("list", "object"):
                # Nothing that cannot be a cell passes.
                cell_of(value)
            filled = kind != "empty"
            if not self.is_known(path, filled=filled):
                self.add(path, Found(place, number, place if filled else -1, kind), filled=filled)


def lines(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with where they begin."""
    for match in LINE.finditer(data):
        if not match[0].isspace():
            yield offset + match.start(), match[0]


def count_lines(data: bytes) -> int:
    """Return how many lines are not blank."""
    starts = object_starts(data)
    return len(starts) if starts is not None else sum(1 for _ in lines(0, data))


def find_paths(
    parts: Iterable[Part], parse: Parse, sample: Mapping[str, str], executor: Executor | None
) -> PathFacts:
    """Return the facts of a version.

    Args:
        parts: all of it.
        sample: what the first records hold, by path.

    Raises:
        TableError: a line is no record; there are too many paths.
    """
    finder = Finder(parse, executor)
    marks: list[int] = []
    rows = sum(finder.show(_marking(parts, marks)))
    return PathFacts(_map(np.array(marks, np.uint64), rows), finder.found, sample)


def _marking(parts: Iterable[Part], marks: list[int]) -> Iterator[Part]:
    for part in parts:
        marks.append(part.offset)
        yield part


def _map(marks: U64, rows: int) -> RecordMap:
    return RecordMap(marks, np.zeros(len(marks), bool), rows)


class Pairs(NamedTuple):
    """Spans of two versions, in step, between which both have the same bytes."""

    before: Sequence[tuple[int, int]]
    after: Sequence[tuple[int, int]]


# Yields parts of a version between two offsets at which lines begin.
Reader = Callable[[int, int], Iterable[Part]]


def derive_paths(
    known: PathFacts,
    sizes: tuple[int, int],
    spans: Pairs,
    readers: tuple[Reader, Reader],
    parse: Parse,
    sample: Mapping[str, str],
    executor: Executor,
) -> PathFacts:
    """Return the facts of a version that differs from a known one only in some spans.

    Args:
        sizes, readers: of both versions.
        parse, sample: of the new one.

    Cost: reads the spans; where the first record with a path is in one and is no more, what comes behind it
    up to the next one that has it.
    """
    deriving = _Deriving(known, readers[1], Finder(parse, executor))
    rows = known.map.rows
    done = (0, 0)
    for old, new in zip(spans.before, spans.after, strict=True):
        deriving.pass_shared(done, old[0])
        deriving.lose(old[1])
        rows += sum(deriving.finder.show(readers[1](*new)))
        rows -= sum(count_lines(part.data) for part in readers[0](*old))
        done = old[1], new[1]
    deriving.pass_shared(done, sizes[0])
    both = list(zip(spans.before, spans.after, strict=True))
    derived = derive_map(known.map, sizes[0], both, rows)
    return PathFacts(
        replace(derived, quoted=np.zeros(len(derived.marks), bool)), deriving.finder.found, sample
    )


class _Deriving:
    """Goes through a new version from front to back, with what is known of an older one at hand."""

    def __init__(self, known: PathFacts, read: Reader, finder: Finder) -> None:
        self._found = known.found
        self._read = read
        self.finder = finder
        witnesses = [(found.first, path, False) for path, found in known.found.items()]
        witnesses += [(found.filled, path, True) for path, found in known.found.items() if found.filled >= 0]
        # From the last to the first, to be taken off the end.
        self._ahead = sorted(witnesses, reverse=True)
        self._lost: set[tuple[str, bool]] = set()
        """What came up in records that are gone, and has not come up since."""

    def pass_shared(self, start: tuple[int, int], stop: int) -> None:
        """Take what lies between two spans.

        Args:
            start: in both versions.
            stop: in the old one.
        """
        shift = start[1] - start[0]
        self._forget_found()
        if self._lost:
            for _ in self.finder.show(self._until_found(start[1], stop + shift)):
                self._forget_found()
        for _, path, filled in self._take(stop):
            found = self._found[path]
            if not self.finder.is_known(path, filled=filled):
                moved = found._replace(first=found.first + shift, filled=found.filled + shift)
                # The first with something in it may be far behind the first of all.
                self.finder.add(path, moved, filled=filled)

    def lose(self, stop: int) -> None:
        """Take a span of the old version that ends at `stop`."""
        self._lost.update((path, filled) for _, path, filled in self._take(stop))

    def _until_found(self, start: int, end: int) -> Iterator[Part]:
        for part in self._read(start, end):
            yield part
            if not self._lost:
                return

    def _forget_found(self) -> None:
        self._lost = {
            (path, filled) for path, filled in self._lost if not self.finder.is_known(path, filled=filled)
        }

    def _take(self, stop: int) -> Iterator[tuple[int, str, bool]]:
        while self._ahead and self._ahead[-1][0] < stop:
            yield self._ahead.pop()


class _Seen(NamedTuple):
    """What pyarrow says of a part."""

    paths: dict[str, bool]
    """Whether anything is there; those of objects that may be null are among them."""
    rows: int


def _look(part: Part, *, is_even: bool) -> tuple[Part, _Seen | None]:
    return part, _arrow_paths(part.data) if is_even else None


def _arrow_paths(data: bytes) -> _Seen | None:
    """Return the paths of some lines; None where pyarrow cannot tell."""
    # An empty object is a cell, but to pyarrow it is an object like any other of that column.
    if _EMPTY_OBJECT.search(data) is not None:
        return None
    starts = plain_starts(data)
    table = read_plain(data, len(starts)) if starts is not None else None
    if table is None:
        return None
    paths: dict[str, bool] = {}
    # To pyarrow an object that is null is as one that is not there.
    null_objects = b"null" in data
    for number, field in enumerate(table.schema):
        _add_field(paths, "", field, table.column(number).combine_chunks(), data if null_objects else b"")
    return _Seen(paths, len(table))


# Any: pyarrow has no types of its own that mypy could see.
def _add_field(paths: dict[str, bool], prefix: str, field: Any, cells: Any, data: bytes) -> None:
    path = prefix + escaped(field.name)
    if not arrow_types.is_struct(field.type):
        paths[path] = not arrow_types.is_null(field.type)
        return
    if cells.null_count and _may_be_null(field.name, data):
        paths[path] = False
    for number, below in enumerate(field.type):
        _add_field(paths, f"{path}.", below, cells.field(number), data)


def _may_be_null(key: str, data: bytes) -> bool:
    """Whether an object of that key may stand as null somewhere."""
    if not data:
        return False
    plain = re.escape(f'"{key}"'.encode())
    return re.search(plain + rb"\s*:\s*null", data) is not None or _ESCAPED_KEY.search(data) is not None


def find_kinds(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return what flattened records hold, by path."""
    kinds: dict[str, str] = {}
    for record in records:
        for path, value in record.items():
            kinds[path] = join_kinds(kinds.get(path, "empty"), kind_of(value))
    return kinds


def kind_of(value: Any) -> str:
    """Return what a cell is, in the words of manifests."""
    match value:
        case None:
            return "empty"
        case bool():
            return "boolean"
        case Number():
            return "integer" if value.removeprefix("-").isdigit() else "float"
        case str():
            return "text"
        case list():
            return "list"
    return "object"
