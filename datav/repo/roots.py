"""Roots: every manifest that somebody can still see, and so everything that must stay in the store.

What git can reach, in any work tree's index and any unfinished operation too, and the manifests that lie on
disk in any work tree, whether git knows them or not.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datav.errors import FormatError
from datav.formats.entry import Content
from datav.formats.manifest import Manifest, ManifestConflictError, parse_manifest
from datav.git import GitRepository
from datav.git.history import iter_reachable_manifests
from datav.relpath import RelPath
from datav.storage.durable import translating

# A manifest is at most 1 MiB; larger files with that suffix are looked at to see that they name nothing of
# ours.
_MAX_SIZE = 16 * 2**20
_ID = re.compile(rb"b3:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Root:
    """One content that one manifest, or one side of one with git's conflict markers, names."""

    content: Content
    where: str
    """A path, or a blob of git's."""
    path: RelPath | None
    """Of the manifest, in its work tree; None of one in git."""
    blob: str | None
    """Of the manifest in git; None of one on disk."""
    is_profile: bool = False
    """It is not what the dataset holds, but the profile of that."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is named like a manifest and may name content, but nobody can say which."""

    where: str
    what: str


@dataclass(slots=True)
class Roots:
    """All roots that were found."""

    work_trees: list[Root]
    history: list[Root]
    unreadable: list[Unreadable]
    blobs: set[str]
    """The manifests in git that these are from."""


def find_roots(git: GitRepository, known: Sequence[str] | set[str] = ()) -> Roots:
    """Return every root.

    Args:
        known: blobs that need not be read again.

    Raises:
        GitError: git could not read all of its history.
        StorageError: a manifest on disk cannot be read.
    """
    roots = Roots([], [], [], set(known))
    for tree in git.list_worktrees():
        for path, data in _iter_present(tree):
            where = str(path.on(tree.root))
            for manifest in _manifests(where, data, roots.unreadable):
                roots.work_trees += _roots_of(manifest, where, path, None)
    fresh = [oid for oid in iter_reachable_manifests(git) if oid not in roots.blobs]
    for oid, content in git.iter_blobs(fresh, max_size=_MAX_SIZE):
        if content is None:
            roots.unreadable.append(Unreadable(f"blob {oid}", "too large to be looked at"))
        else:
            for manifest in _manifests(f"blob {oid}", content, roots.unreadable):
                roots.history += _roots_of(manifest, f"blob {oid}", None, oid)
    roots.blobs.update(fresh)
    return roots


def _iter_present(tree: GitRepository) -> Iterator[tuple[RelPath, bytes]]:
    """Yield the manifests that lie in a work tree."""
    for path in tree.list_present():
        place = path.on(tree.root)
        with translating("read", place):
            try:
                with open(place, "rb") as file:
                    yield path, file.read(_MAX_SIZE + 1)
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                continue


def _roots_of(manifest: Manifest, where: str, path: RelPath | None, blob: str | None) -> list[Root]:
    roots = [Root(manifest.content, where, path, blob)]
    if manifest.profile is not None:
        roots.append(Root(manifest.profile, where, path, blob, is_profile=True))
    roots += [Root(content, where, path, blob) for content in contents_of_conflict(manifest)]
    return roots


def contents_of_conflict(manifest: Manifest) -> tuple[Content, ...]:
    """Return what must be in a store to finish the merge of which a manifest is: the record and the sides."""
    conflict = manifest.conflict
    return () if conflict is None else (conflict.record, *conflict.sides)


def _manifests(where: str, data: bytes, unreadable: list[Unreadable]) -> list[Manifest]:
    """What a manifest says; nothing of one that cannot be read, which is noted."""
    try:
        return manifests_in(data, where)
    except FormatError as exc:
        # What has no id in it names nothing of ours, whatever it is.
        if _ID.search(data) or len(data) > _MAX_SIZE:
            unreadable.append(Unreadable(where, str(exc)))
        return []


def manifests_in(data: bytes, where: str) -> list[Manifest]:
    """Return what a manifest says; of one with git's conflict markers, what each side says.

    Raises:
        FormatError: it is no manifest, or a side of it is not.
    """
    try:
        return [parse_manifest(data, where)]
    except ManifestConflictError:
        return [parse_manifest(side, where) for side in split_conflict(data)]


def split_conflict(data: bytes) -> list[bytes]:
    """Return the whole file as each side of a conflict has it: ours, theirs, and the base if given."""
    sides: dict[str, list[bytes]] = {"ours": [], "theirs": [], "base": []}
    part, has_base = "", False
    for line in data.splitlines(keepends=True):
        mark = line[:7]
        if mark == b"<<<<<<<":
            part = "ours"
        elif mark == b"|||||||" and part == "ours":
            part, has_base = "base", True
        elif mark == b"=======" and part in ("ours", "base"):
            part = "theirs"
        elif mark == b">>>>>>>" and part == "theirs":
            part = ""
        else:
            for side in [part] if part else sides:
                sides[side].append(line)
    return [b"".join(lines) for side, lines in sides.items() if side != "base" or has_base]
