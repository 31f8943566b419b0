"""Three versions of a directory's entries: what each comes to, what was renamed, what is a file in one and a
directory in another.  Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Literal, NamedTuple, TypeVar

from datav.formats.conflict import Side, describe_content
from datav.formats.entry import Content, Entry, Kind
from datav.store.renames import find_origins

Change = tuple[Entry | None, Entry | None]
"""What lies at a path in base and in one side, which are not the same: `store.treediff.differing_entries`."""

_KINDS = {Kind.EXECUTABLE: "executable", Kind.SYMLINK: "symlink", Kind.EMPTY_DIRECTORY: "directory"}
"""How a side of a conflict names what is no plain file."""


class Three(NamedTuple):
    """What lies at a path, or became of a file, in three versions."""

    base: Entry | None
    ours: Entry | None
    theirs: Entry | None

    def of(self, side: Side) -> Entry | None:
        return self.base if side == "base" else self.ours if side == "ours" else self.theirs


class Moves(NamedTuple):
    """Where each side moved files of base: new paths by old ones."""

    ours: dict[bytes, bytes]
    theirs: dict[bytes, bytes]


class Settled(NamedTuple):
    """What is no conflict."""

    entry: Entry | None
    how: Literal["ours_only", "theirs_only", "same_change", "cells_merged"]
    """As `MergeCounts` has it."""


def versions_of(ours: Iterable[Change], theirs: Iterable[Change]) -> dict[bytes, Three]:
    """What lies at each path that any side changed, by path."""
    versions: dict[bytes, Three] = {}
    for base, entry in ours:
        there = base or entry
        if there is not None:
            versions[there.path] = Three(base, entry, base)
    for base, entry in theirs:
        there = base or entry
        if there is not None:
            before = versions.get(there.path)
            versions[there.path] = Three(base, before.ours if before is not None else base, entry)
    return dict(sorted(versions.items()))


def settle(three: Three) -> Settled | None:
    """What three versions of one file come to, mode and content each for itself; None: a conflict."""
    base, ours, theirs = (_value(entry) for entry in three)
    if ours == theirs:
        return Settled(three.ours, "same_change")
    if theirs == base:
        return Settled(three.ours, "ours_only")
    if ours == base:
        return Settled(three.theirs, "theirs_only")
    kind = merged_kind(three)
    if base is None or ours is None or theirs is None or kind is None or three.ours is None:
        return None
    content = _pick(base[1], ours[1], theirs[1])
    return Settled(entry_at(three.ours.path, kind, content), "cells_merged") if content is not None else None


def merged_kind(three: Three) -> int | None:
    """The kind of a file that both sides have; None where not all are files, or each added another kind."""
    base, ours, theirs = three
    if ours is None or theirs is None or not (_is_plain(ours) and _is_plain(theirs)):
        return None
    if base is None:
        return ours.kind if ours.kind == theirs.kind else None
    return _pick(base.kind, ours.kind, theirs.kind) if _is_plain(base) else None


_T = TypeVar("_T")


def _pick(base: _T, ours: _T, theirs: _T) -> _T | None:
    """Of three values that which a side changed, or both to the same; None where they differ."""
    if ours in (theirs, base):
        return theirs
    return ours if theirs == base else None


def _value(entry: Entry | None) -> tuple[int, Content] | None:
    """What an entry is wherever it lies."""
    return (entry.kind, entry.content) if entry is not None else None


def entry_at(path: bytes, kind: int, content: Content) -> Entry:
    return Entry(path, kind, content.depth, content.size, content.id)


def _is_plain(entry: Entry) -> bool:
    """Whether it is a file that has a mode."""
    return entry.kind in (Kind.FILE, Kind.EXECUTABLE)


def is_file(entry: Entry | None) -> bool:
    """Whether nothing can lie below it."""
    return entry is not None and entry.kind != Kind.EMPTY_DIRECTORY


def _parents(path: bytes) -> Iterator[bytes]:
    """The directories that `path` lies in, the innermost first."""
    at = path.rfind(b"/")
    while at > 0:
        yield path[:at]
        at = path.rfind(b"/", 0, at)


def folders_of(paths: Iterable[bytes]) -> set[bytes]:
    folders: set[bytes] = set()
    for path in paths:
        for parent in _parents(path):
            if parent in folders:
                break
            folders.add(parent)
    return folders


def find_retyped(versions: Mapping[bytes, Three]) -> dict[bytes, list[bytes]]:
    """Return paths that are a file on one side and a directory that holds something on the other: each with
    the paths at it and below.

    All that lies there on any side is among the changes: who has the file removed what base had below it.
    """
    files, folders = [], []
    for side in ("ours", "theirs"):
        there = {path: three.ours if side == "ours" else three.theirs for path, three in versions.items()}
        files.append({path for path, entry in there.items() if is_file(entry)})
        folders.append(folders_of(path for path, entry in there.items() if entry is not None))
    both = (files[0] & folders[1]) | (files[1] & folders[0])
    top = {path for path in both if both.isdisjoint(_parents(path))}
    found: dict[bytes, list[bytes]] = {path: [] for path in sorted(top)}
    for path in versions if top else ():
        owner = path if path in top else next((parent for parent in _parents(path) if parent in top), None)
        if owner is not None:
            found[owner].append(path)
    return found


def is_clean(threes: Sequence[Three]) -> bool:
    """Whether these paths merge one by one, and no file has others below it then."""
    settled = [settle(three) for three in threes]
    there = [each.entry for each in settled if each is not None and each.entry is not None]
    files = {entry.path for entry in there if is_file(entry)}
    return None not in settled and files.isdisjoint(folders_of(entry.path for entry in there))


def find_moves(versions: Mapping[bytes, Three], barred: Set[bytes]) -> Moves:
    """Return what each side renamed, but for paths that are `barred`, and where the other side has something
    else at the new path."""
    ours, theirs = _moved(versions, "ours", barred), _moved(versions, "theirs", barred)
    return Moves(
        {old: new for old, new in ours.items() if versions[new].theirs is None or theirs.get(old) == new},
        {old: new for old, new in theirs.items() if versions[new].ours is None or ours.get(old) == new},
    )


def _moved(versions: Mapping[bytes, Three], side: Side, barred: Set[bytes]) -> dict[bytes, bytes]:
    gone, new = [], []
    for path, three in versions.items():
        entry = three.of(side)
        there = three.base or entry
        if there is None or not there.size or path in barred or (entry and three.base):
            continue
        what = there.content, _is_plain(there) or there.kind
        if three.base is None:
            new.append((path, what))
        elif entry is None:
            gone.append((path, what))
    return {old: found for found, old in find_origins(gone, new).items()}


def why_unlike(three: Three) -> str:
    """Why two different entries are not merged by what is in them."""
    kinds = {entry.kind for entry in three if entry is not None}
    return "symbolic links to two targets" if kinds == {Kind.SYMLINK} else "not of one kind on both sides"


def describe(entry: Entry | None, path: bytes) -> dict[str, Any] | None:
    """An entry as a side of a conflict has it: what is usual is left out."""
    if entry is None:
        return None
    side = describe_content(entry.content)
    if entry.kind in _KINDS:
        side["kind"] = _KINDS[Kind(entry.kind)]
    if entry.path != path:
        side["path"] = entry.path.decode("utf-8", "surrogateescape")
    return side
