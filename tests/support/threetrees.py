"""Directories as dicts, three of them, for tests of merging."""

from blake3 import blake3

from datav.formats.entry import EMPTY_CONTENT, Content, Entry, Kind
from datav.merging.directories import FileMerge, NotMerged, merge_directories


def content(text):
    """A content named by its text; of no text the empty one."""
    return Content(blake3(text.encode()).digest(), 0, len(text)) if text else EMPTY_CONTENT


def tree(**files):
    """A directory: names to texts, or to (text, kind).  `a__b` is `a/b`."""
    return of({name.replace("__", "/").encode(): spec for name, spec in files.items()})


def of(files):
    """A directory: paths to texts, or to (text, kind)."""
    entries = {}
    for path, spec in sorted(files.items()):
        text, kind = (spec, Kind.FILE) if isinstance(spec, str) else spec
        found = content(text)
        entries[path] = Entry(path, kind, found.depth, found.size, found.id)
    return entries


def changes(before, after):
    """What `differing_entries` says."""
    paths = sorted(before.keys() | after.keys())
    return [(before.get(p), after.get(p)) for p in paths if before.get(p) != after.get(p)]


def not_merged(path, base, ours, theirs):
    return NotMerged("not a table")


class Merging:
    """Merges by content what `can` be, the same way from both sides, and remembers what it was asked."""

    def __init__(self, can=lambda path: True):
        self.can = can
        self.asked = []

    def __call__(self, path, base, ours, theirs):
        self.asked.append((path, base, ours, theirs))
        if not self.can(path):
            return NotMerged("not a table")
        parts = [b"" if base is None else base.id, *sorted([ours.id, theirs.id])]
        return FileMerge(Content(blake3(b"".join(parts)).digest(), 0, ours.size + theirs.size))


def merge(base, ours, theirs, merge_file=not_merged, **options):
    """The merge, and the directory that it makes of ours."""
    found = merge_directories(changes(base, ours), changes(base, theirs), merge_file, **options)
    return found, applied(ours, found.changes)


def applied(ours, changed):
    result = {path: entry for path, entry in (ours | dict(changed)).items() if entry is not None}
    return dict(sorted(result.items()))
