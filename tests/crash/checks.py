"""What must hold after a crash, looked at by a process that had no part in it.

Each function is called in a fork of its own, with what JSON can say, and returns what JSON can say.
"""

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datav.errors import DatavError
from datav.formats.conflict import open_items
from datav.formats.entry import Content, Kind
from datav.formats.manifest import Manifest
from datav.formats.words import u64_array
from datav.ids import ID_SIZE
from datav.repo.datasets import list_datasets, manifests_at, read_manifest
from datav.repo.mergerecord import read_record
from datav.repo.repository import Repository
from datav.repo.status import status
from datav.repo.verify import verify
from datav.storage.durable import TEMPORARY_PREFIX
from datav.store.trees import read_directory, read_file_shape

Contents = dict[str, str]
"""Path -> kind and digest of what lies there."""


def take_snapshot(root: str) -> dict[str, Any]:
    """All that a command may change, in a form that can be compared."""
    files = dict(_walk(Path(root)))
    with Repository.open(Path(root)) as repository:
        states = {str(found.path): [found.state, str(found.staged)] for found in status(repository).datasets}
    index = (line.split("\t") for line in _git(root, "ls-files", "-s").splitlines())
    # A file in conflict is there up to three times.
    staged = {f"{path} {entry.split()[2]}": entry for entry, path in index}
    return {"files": files, "index": staged, "head": _git(root, "rev-parse", "HEAD"), "states": states}


def read_versions(root: str, revisions: list[str]) -> dict[str, Contents]:
    """The data of every dataset at each of `revisions`, read from the store."""
    with Repository.open(Path(root)) as repository:
        versions = {}
        for revision in revisions:
            contents: Contents = {}
            for dataset, manifest in manifests_at(repository, revision).items():
                contents |= read_dataset(repository, str(dataset.path), manifest)
            versions[revision] = contents
        return versions


def inspect(
    root: str, versions: dict[str, Contents], before: Contents, after: Contents, may_be_torn: bool
) -> dict[str, Any]:
    """Return what is wrong with a repository in which a command was interrupted, and all that there is.

    Args:
        versions: what was acknowledged: the data of each commit.
        before: the files in the work tree before the command.
        after: those after it had it not been interrupted.
        may_be_torn: a file that the command was writing may be neither, so long as nobody takes it for good.
    """
    problems = [*find_damage(root)]
    for revision, wanted in versions.items():
        try:
            found = read_versions(root, [revision])[revision]
        except DatavError as exc:
            problems.append(f"commit {revision[:8]} cannot be read: {exc}")
            continue
        if found != wanted:
            problems.append(f"commit {revision[:8]} is not what was stored: {_differences(wanted, found)}")
    snapshot = take_snapshot(root)
    found = snapshot["files"]
    for path in sorted(found.keys() | before.keys() | after.keys()):
        here, possible = found.get(path), {before.get(path), after.get(path)}
        if here in possible or _is_temporary(path) or (here or "").startswith(Kind.EMPTY_DIRECTORY.name):
            continue
        if path.endswith(".gitignore"):
            continue  # It gets a line for each dataset, one after the other.
        is_data = not path.endswith((".datav", "datav.toml"))
        if may_be_torn and is_data and before.get(path) != after.get(path):
            continue
        problems.append(f"{path} is neither as it was nor as it will be: {here} instead of {possible}")
    problems += _find_lies(root, snapshot["states"], found)
    problems += find_unreadable_conflicts(root)
    return {"problems": problems, "snapshot": snapshot, "leftovers": find_leftovers(root)}


def find_damage(root: str) -> Iterator[str]:
    """Say what `datav verify` does not pass, and which manifest on disk names what the store has not got."""
    with Repository.open(Path(root)) as repository:
        verified = verify(repository)
        for damage in verified.store.damaged:
            yield f"damage: {damage} (O1)"
        for name, what in verified.store.broken_indexes:
            yield f"index {name[:8]}: {what}"
        for pack in verified.store.lost_packs:
            yield f"an index names pack {pack[:8]}, which is not there (O2)"
        for content in verified.missing:
            yield f"{content.where[0]} is incomplete: {content.first} (O3)"
        for identity in verified.absent:
            yield f"{identity} is named, and is not stored (O3)"
        for file in verified.unreadable:
            yield f"{file.where} is no manifest: {file.what} (O8)"


def _find_lies(root: str, states: dict[str, list[str]], files: Contents) -> Iterator[str]:
    """Say what is called clean and is not: of that the stat cache is to blame (O4)."""
    with Repository.open(Path(root)) as repository:
        for dataset in list_datasets(repository):
            name = str(dataset.path)
            manifest = read_manifest(repository, dataset)
            if states[name][0] not in ("clean", "untracked") or manifest is None:
                continue
            wanted = read_dataset(repository, name, manifest)
            here = {
                path: what
                for path, what in files.items()
                if (path == name or path.startswith(f"{name}/")) and not _is_temporary(path)
            }
            if here != wanted:
                yield f"{name} is called clean: {_differences(wanted, here)} (O4)"


def find_unreadable_conflicts(root: str) -> Iterator[str]:
    """Say which manifests on disk name a record of conflicts that cannot be read (O12)."""
    with Repository.open(Path(root)) as repository:
        for dataset in list_datasets(repository):
            manifest = read_manifest(repository, dataset)
            if manifest is None or manifest.conflict is None:
                continue
            try:
                found = len(open_items(read_record(repository, dataset, manifest)))
            except DatavError as exc:
                yield f"the conflicts of {dataset} cannot be read: {exc} (O12)"
                continue
            if found != manifest.conflict.open:
                yield f"{dataset} says {manifest.conflict.open} conflicts, and its record has {found} (O12)"


def find_leftovers(root: str) -> list[str]:
    """Temporary files among the user's.  Those in our own directories go with `gc` when they are old."""
    return [path for path, _ in _walk(Path(root)) if _is_temporary(path)]


def read_dataset(repository: Repository, name: str, manifest: Manifest) -> Contents:
    """The data of one dataset as the store has it, by path."""
    reader = repository.store.reader
    if manifest.kind == "file":
        kind = Kind.EXECUTABLE if manifest.executable else Kind.FILE
        return {name: _describe(kind, _read_content(repository, manifest.content))}
    entries, _ = read_directory(reader, manifest.content)
    return {
        f"{name}/{os.fsdecode(entry.path)}": _describe(entry.kind, _read_content(repository, entry.content))
        for entry in entries
    }


def _read_content(repository: Repository, content: Content) -> bytes:
    if content.size == 0:
        return b""
    shape = read_file_shape(repository.store.reader, content)
    ids = [shape.chunk_ids[at : at + ID_SIZE] for at in range(0, len(shape.chunk_ids), ID_SIZE)]
    buffer = bytearray(content.size)
    sizes = u64_array(shape.chunk_sizes)
    repository.store.reader.read_into(list(zip(ids, sizes, strict=True)), memoryview(buffer))
    return bytes(buffer)


def _walk(root: Path) -> Iterator[tuple[str, str]]:
    """Everything in the work tree but git's own: path, kind and digest."""
    for place, directories, files in os.walk(root):
        directories[:] = [name for name in directories if name != ".git"]
        for name in (*files, *(each for each in directories if os.path.islink(os.path.join(place, each)))):
            path = os.path.join(place, name)
            mode = os.lstat(path).st_mode
            relative = os.path.relpath(path, root)
            if stat.S_ISLNK(mode):
                yield relative, _describe(Kind.SYMLINK, os.fsencode(os.readlink(path)))
            else:
                kind = Kind.EXECUTABLE if mode & stat.S_IXUSR else Kind.FILE
                yield relative, _describe(kind, Path(path).read_bytes())
        if not files and not directories and place != str(root):
            yield os.path.relpath(place, root), _describe(Kind.EMPTY_DIRECTORY, b"")


def _describe(kind: int, data: bytes) -> str:
    return f"{Kind(kind).name} {len(data)} {hashlib.sha256(data).hexdigest()[:16]}"


def _is_temporary(path: str) -> bool:
    return any(part.startswith(TEMPORARY_PREFIX) for part in path.split("/"))


def _differences(wanted: Contents, found: Contents) -> str:
    paths = [path for path in sorted(wanted.keys() | found.keys()) if wanted.get(path) != found.get(path)]
    return ", ".join(f"{path}: {wanted.get(path)} -> {found.get(path)}" for path in paths)


def _git(root: str, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True, text=True).stdout
