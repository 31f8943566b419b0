"""Renames: of paths that are gone and paths that are new, which are the same file.

One rule for all who compare or merge directories: the content is the same to the last byte.  Pure.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable


def find_origins(
    gone: Iterable[tuple[bytes, Hashable]], new: Iterable[tuple[bytes, Hashable]]
) -> dict[bytes, bytes]:
    """Return for new paths the path at which the same file was before, each old path once.

    Args:
        gone, new: paths, and what names their content; in order of the paths.  The caller leaves out what
            is too little to know a file by: empty files.
    """
    paths: dict[Hashable, list[bytes]] = defaultdict(list)
    for path, content in gone:
        paths[content].append(path)
    origins = {}
    for path, content in new:
        candidates = paths.get(content)
        if candidates:
            origins[path] = origin = max(candidates, key=lambda old: _likeness(old, path))
            candidates.remove(origin)
    return origins


def _likeness(before: bytes, after: bytes) -> tuple[bool, bool]:
    """Of several files with the same content the one in the same directory, or of the same name, is meant."""
    old_folder, _, old_name = before.rpartition(b"/")
    new_folder, _, new_name = after.rpartition(b"/")
    return old_folder == new_folder, old_name == new_name
