"""A directory on disk beside a version of it: what must be read, what it is called, what differs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from datav.formats.entry import Content, Entry
from datav.formats.manifest import Manifest
from datav.repo.disk import Disk
from datav.repo.repository import Repository

if TYPE_CHECKING:
    from datav.repo.diffsources import NodeKeeper


def name_files(
    repository: Repository, keeper: "NodeKeeper", disk: Disk, wanted: Sequence[int] | None = None
) -> list[Content | None]:
    """Return the contents of what lies on disk; what is not known is read, all of it or what is `wanted`.

    Raises:
        ChangedWhileReadError: a file changed during each of three attempts.
        UnreadableError: the system refuses.
    """
    contents = list(disk.known)
    numbers = range(len(contents)) if wanted is None else wanted
    unknown = [number for number in numbers if contents[number] is None]
    if unknown:
        # Only here, and below: a comparison that finds everything known needs none of what reading takes.
        from datav.repo.intake import take_in

        rows = take_in(repository, disk.root, [disk.entries[number] for number in unknown], keeper).rows
        for number, row in zip(unknown, rows, strict=True):
            contents[number] = row.content
    return contents


def is_as_recorded(repository: Repository, keeper: "NodeKeeper", disk: Disk, manifest: Manifest) -> bool:
    """Whether what lies on disk has the content that a manifest of its kind names; all of it is read."""
    contents = [content for content in name_files(repository, keeper, disk) if content is not None]
    if not disk.is_directory:
        return contents == [manifest.content]
    from datav.store.trees import write_directory_tree

    paths, kinds = [found.path for found in disk.entries], bytes(found.kind for found in disk.entries)
    return write_directory_tree(keeper, paths, kinds, contents) == manifest.content


def find_unsure(disk: Disk, old: Mapping[bytes, Entry]) -> list[int]:
    """Return which files on disk must be read to know whether, and how, they differ.

    Those that may be what they were, those that may have had another name, and tables, whose gaps are wanted.

    Args:
        old: the entries of the version before, by path.
    """
    from datav.repo.difffiles import is_named_like_table

    here = {found.path for found in disk.entries}
    gone = {entry.size for path, entry in old.items() if path not in here}
    unsure = []
    for number, found in enumerate(disk.entries):
        if disk.known[number] is not None:
            continue
        entry = old.get(found.path)
        if entry is None:
            is_wanted = found.size in gone and found.size > 0
        else:
            is_wanted = found.size == entry.size or is_named_like_table(found.path)
        if is_wanted:
            unsure.append(number)
    return unsure


def pair_with_disk(
    old: Mapping[bytes, Entry], disk: Disk, contents: Sequence[Content | None]
) -> list[tuple[Entry | None, int | None]]:
    """Return what differs, by path: the entry of the version before, and the number of that on disk.

    Args:
        old: the entries of the version before, by path.
        contents: of what lies on disk, where they are known; what is not is another.
    """
    gone = dict(old)
    pairs: dict[bytes, tuple[Entry | None, int | None]] = {}
    for number, found in enumerate(disk.entries):
        entry = gone.pop(found.path, None)
        if entry is None or entry.kind != found.kind or entry.content != contents[number]:
            pairs[found.path] = entry, number
    pairs |= {path: (entry, None) for path, entry in gone.items()}
    return [pairs[path] for path in sorted(pairs)]
