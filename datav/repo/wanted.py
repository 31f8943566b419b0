"""What revisions need: the contents that their manifests name, of all datasets or of some."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from datav.errors import DatavError, UnknownDatasetError, UsageError
from datav.formats.entry import Content
from datav.formats.manifest import Manifest, parse_manifest
from datav.git.manifestlog import iter_changes
from datav.relpath import RelPath
from datav.repo.datasets import dataset_of_manifest, expand_paths
from datav.repo.repository import Repository
from datav.repo.roots import contents_of_conflict, find_roots, manifests_in


@dataclass(frozen=True, slots=True)
class Version:
    """One content, and which dataset's manifest names it."""

    content: Content
    dataset: RelPath | None
    """None of what only some root of git's has, by a name that was not looked for."""
    is_profile: bool = False
    """It is not what the dataset holds, but the profile of that."""
    is_for_merge: bool = False
    """It is not what the dataset holds, but what finishes a merge: a record of conflicts, or a side."""


def at_revisions(repository: Repository, revs: Iterable[str], names: Sequence[str] = ()) -> list[Version]:
    """Return what manifests name at each of `revs`.

    Raises:
        UnknownRevisionError: git does not know one.
        UnknownDatasetError: a name is no dataset at any of them.
        FormatError: a manifest there is none.
    """
    blobs: _Blobs = {}
    for rev in revs:
        for file in repository.git.list_files(repository.git.resolve(rev)):
            blobs.setdefault(file.oid, {})[file.path] = None
    return choose_versions(repository, _read(repository, blobs), names)


def in_history(repository: Repository, names: Sequence[str] = ()) -> list[Version]:
    """Return what manifests name in any commit that HEAD can reach.

    Raises:
        UsageError: there is no commit yet.
        UnknownDatasetError: a name was never a dataset.
    """
    if repository.git.head() is None:
        raise UsageError("there is no commit yet", hint="`git commit` the manifests first")
    blobs: _Blobs = {}
    for commit in iter_changes(repository.git, whole=True):
        for change in commit.changes:
            if change.after is not None:
                blobs.setdefault(change.after, {})[change.path] = None
    return choose_versions(repository, _read(repository, blobs, strict=False), names)


def in_blobs(repository: Repository, blobs: Iterable[tuple[str, RelPath]]) -> list[Version]:
    """Return what manifests name that git has as `blobs`, each with its path in some commit.

    One that is none is nobody's.
    """
    found: _Blobs = {}
    for oid, path in blobs:
        found.setdefault(oid, {})[path] = None
    return _read(repository, found, strict=False)


def everywhere(repository: Repository, *words: str) -> list[Version]:
    """Return what any manifest names that git can still show, or that lies in a work tree.

    Args:
        words: revisions or paths that the user gave with it, which would mean nothing.

    Raises:
        UsageError: there are such words.
    """
    if words:
        raise UsageError(f"`--all` is everything; {words[0]} says less", hint="leave one of the two out")
    roots = find_roots(repository.git)
    found = [*roots.work_trees, *roots.history]
    return [Version(root.content, root.path, root.is_profile) for root in found]


_Blobs = dict[str, dict[RelPath, None]]
"""Manifests by their ids in git, each with the paths where it was."""


def _read(repository: Repository, blobs: _Blobs, *, strict: bool = True) -> list[Version]:
    """Return what the manifests in `blobs` name.

    Args:
        strict: one that is none is an error; else, in history, it is nobody's.
    """
    versions = []
    for oid, data in repository.git.iter_blobs(blobs):
        datasets = [dataset for path in blobs[oid] if (dataset := dataset_of_manifest(path)) is not None]
        if not datasets:
            continue
        try:
            manifests = [parse_manifest(data or b"", str(datasets[0].manifest_path))]
        except DatavError:
            if strict:
                raise
            manifests = _sides_of(data or b"", oid)
        for dataset in datasets:
            for manifest in manifests:
                versions += versions_of(manifest, dataset.path)
    return versions


def versions_of(manifest: Manifest, dataset: RelPath) -> list[Version]:
    """Return what one manifest names."""
    versions = [Version(manifest.content, dataset)]
    if manifest.profile is not None:
        versions.append(Version(manifest.profile, dataset, is_profile=True))
    versions += [Version(each, dataset, is_for_merge=True) for each in contents_of_conflict(manifest)]
    return versions


def _sides_of(data: bytes, where: str) -> list[Manifest]:
    try:
        return manifests_in(data, where)
    except DatavError:
        return []


def choose_versions(repository: Repository, versions: list[Version], names: Sequence[str]) -> list[Version]:
    """Return those of the datasets that `names` mean; a path in one means that dataset."""
    if not names:
        return versions
    chosen: dict[int, Version] = {}
    for path in expand_paths(repository, names):
        found = dict(_below(versions, path))
        if not found:
            shown = repository.shown(path) if path is not None else "."
            raise UnknownDatasetError(
                f"{shown} is no dataset of these commits", hint="`datav ls` lists the datasets"
            )
        chosen |= found
    return [chosen[number] for number in sorted(chosen)]


def _below(versions: list[Version], path: RelPath | None) -> Iterator[tuple[int, Version]]:
    manifest = dataset_of_manifest(path) if path is not None else None
    wanted = manifest.path if manifest is not None else path
    for number, version in enumerate(versions):
        own = version.dataset
        if wanted is None or (
            own is not None
            and (own == wanted or own.startswith(wanted + b"/") or wanted.startswith(own + b"/"))
        ):
            yield number, version
