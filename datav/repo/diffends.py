"""The two ends of a comparison: which commits, which datasets they have, what lies on disk of these.

Forms, as with git: nothing (`HEAD` and the files on disk), `A` (A and the files on disk), `A B` and `A..B`,
`A...B` (where both branched off, and B).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from datav.errors import (
    DatavError,
    ShallowHistoryError,
    UnknownDatasetError,
    UnknownRevisionError,
    UnsafePathError,
    UsageError,
)
from datav.formats.entry import Content
from datav.formats.manifest import Manifest, keep_users_part, parse_manifest
from datav.git.shallow import explain_no_base
from datav.relpath import RelPath
from datav.repo.datasets import (
    Dataset,
    dataset_of_manifest,
    list_datasets,
    read_manifest_bytes,
)
from datav.repo.diffchosen import Chosen, choose_among
from datav.repo.diffresult import Endpoint
from datav.repo.disk import Disk, look
from datav.repo.repository import Repository
from datav.repo.specs import list_names, no_such_revision

ON_DISK = Endpoint(None, None, "the files on disk")


class Ends(NamedTuple):
    before: Endpoint
    after: Endpoint


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One dataset at one end."""

    dataset: Dataset
    manifest: Manifest
    """Of files on disk the one in the work tree."""
    on_disk: bool
    """Whether its bytes lie in the work tree, and are best read there."""
    disk: Disk | None = None
    """What lies there, if that is not what the manifest says; the rest of the manifest says nothing then."""

    @property
    def kind(self) -> str:
        if self.disk is None:
            return self.manifest.kind
        return "directory" if self.disk.is_directory else "file"

    @property
    def content(self) -> Content | None:
        """None where it would have to be read first."""
        return self.manifest.content if self.disk is None else None


Versions = Mapping[Dataset, DatasetVersion | DatavError]
"""Of the datasets at one end; an error for one that cannot be told."""


def find_ends(repository: Repository, words: Sequence[str]) -> Ends:
    """Return what the revisions that the user named, two at most, mean.

    Raises:
        UnknownRevisionError: git does not know one, or two that are to have an ancestor in common have none.
        UsageError: there are more than two.
    """
    if not words:
        return Ends(_head(repository), ON_DISK)
    if len(words) == 1 and ".." in words[0]:
        return _range(repository, words[0])
    if len(words) > 2 or any(".." in word for word in words):
        raise UsageError(
            "two revisions can be compared at a time", hint="paths stand behind `--`, revisions before it"
        )
    before = _endpoint(repository, words[0])
    return Ends(before, _endpoint(repository, words[1]) if len(words) == 2 else ON_DISK)


def is_revision(repository: Repository, word: str) -> bool:
    """Whether `word` can be meant as a revision, or as two."""
    try:
        find_ends(repository, [word])
    except UnknownRevisionError:
        return False
    return True


def refuse_shallow(repository: Repository, word: str) -> None:
    """Raise ShallowHistoryError if a word that is no data is a revision that this clone has not got."""
    try:
        find_ends(repository, [word])
    except ShallowHistoryError:
        raise
    except DatavError:
        # It is no revision at all, which the caller knows.
        pass


def _head(repository: Repository) -> Endpoint:
    commit = repository.git.head()
    return Endpoint("HEAD", commit, "HEAD" if commit is not None else "nothing, as there is no commit yet")


def _endpoint(repository: Repository, rev: str) -> Endpoint:
    try:
        return Endpoint(rev, repository.git.resolve(rev), rev)
    except UnknownRevisionError as exc:
        raise no_such_revision(repository, rev, exc, f"`datav diff -- {rev}` compares it") from exc


def _range(repository: Repository, word: str) -> Ends:
    three = "..." in word
    left, _, right = word.partition("..." if three else "..")
    before, after = (_endpoint(repository, rev or "HEAD") for rev in (left, right))
    if not three:
        return Ends(before, after)
    assert before.rev is not None
    assert after.rev is not None
    base = repository.git.merge_base(before.rev, after.rev)
    if base is None:
        raise explain_no_base(repository.git.git, before.rev, after.rev) or UnknownRevisionError(
            f"{before.rev} and {after.rev} have no commit in common",
            hint=f"`datav diff {before.rev} {after.rev}` compares them as they are",
        )
    return Ends(Endpoint(base, base, f"{base[:10]}, where {after.rev} left {before.rev}"), after)


def choose(repository: Repository, ends: Ends, names: Sequence[str]) -> Chosen | None:
    """Return what `names` mean among the datasets of both ends; None for everything.

    Raises:
        UnknownDatasetError: a name means nothing in either.
    """
    if not names:
        return None
    return choose_among(repository, names, list_at(repository, ends))


def list_at(repository: Repository, ends: Ends) -> list[Dataset]:
    """Return the datasets that either end has."""
    return list(dict.fromkeys(Dataset(path) for end in ends for path in _names_at(repository, end)))


def read_manifests(
    repository: Repository, ends: Ends, datasets: Iterable[Dataset]
) -> Mapping[Dataset, Sequence[Manifest]]:
    """Return what the manifests of both ends say; datasets with one that cannot be read are left out."""
    found: dict[Dataset, list[Manifest]] = {dataset: [] for dataset in datasets}
    for end in ends:
        if end.commit is not None:
            read = repository.git.read_files(end.commit, [dataset.manifest_path for dataset in found])
        elif end.rev is None:
            here = {d.manifest_path: read_manifest_bytes(repository, d) for d in found}
            read = {path: data for path, data in here.items() if data is not None}
        else:
            continue
        for dataset in list(found):
            data = read.get(dataset.manifest_path)
            try:
                if data is not None:
                    found[dataset].append(parse_manifest(data, str(dataset.manifest_path)))
            except DatavError:
                del found[dataset]
    return found


def _names_at(repository: Repository, end: Endpoint) -> Sequence[RelPath]:
    if end.rev is not None and end.commit is None:
        return ()
    return list_names(repository, end.commit)


def read_versions(repository: Repository, ends: Ends, chosen: Chosen | None) -> tuple[Versions, Versions]:
    """Return the datasets of both ends; those that both have the same are left out, as far as that is cheap.

    Cost: of two commits that of what differs between them; else a look at every file on disk.
    """
    before, after = ends
    if before.commit is not None and after.commit is not None:
        differing = repository.git.diff_names(before.commit, after.commit)
        found = (dataset_of_manifest(path) for path in differing)
        wanted = [d for d in found if d is not None and (chosen is None or d in chosen)]
        old = read_at(repository, before.commit, wanted)
        return old, read_at(repository, after.commit, wanted)
    here = [d for d in list_datasets(repository) if chosen is None or d in chosen]
    there: Iterable[Dataset] = ()
    if before.commit is not None:
        there = [Dataset(path) for path in list_names(repository, before.commit)]
        there = [dataset for dataset in there if chosen is None or dataset in chosen]
    old = read_at(repository, before.commit, there) if before.commit is not None else {}
    return old, look_at_all(repository, here, old)


def read_at(repository: Repository, commit: str, datasets: Iterable[Dataset]) -> Versions:
    """Return datasets as a commit has them; those that it lacks are left out."""
    by_path = {dataset.manifest_path: dataset for dataset in datasets}
    versions: dict[Dataset, DatasetVersion | DatavError] = {}
    for path, data in repository.git.read_files(commit, by_path).items():
        dataset = by_path[path]
        try:
            manifest = parse_manifest(data, f"{path} at {commit[:10]}")
        except DatavError as exc:
            versions[dataset] = exc
        else:
            versions[dataset] = DatasetVersion(dataset, manifest, on_disk=False)
    return versions


def look_at_all(repository: Repository, datasets: Iterable[Dataset], others: Versions) -> Versions:
    """Return datasets as they lie on disk; those that do not are left out.

    Args:
        others: what they may be as well: a dataset that was placed and whose manifest is another's now.
    """
    versions: dict[Dataset, DatasetVersion | DatavError] = {}
    for dataset in datasets:
        other = others.get(dataset)
        try:
            found = _look_at(repository, dataset, other if isinstance(other, DatasetVersion) else None)
        except DatavError as exc:
            versions[dataset] = exc
        else:
            if found is not None:
                versions[dataset] = found
    return versions


def _look_at(repository: Repository, dataset: Dataset, other: DatasetVersion | None) -> DatasetVersion | None:
    """Return a dataset as it lies on disk; None if it does not."""
    data = read_manifest_bytes(repository, dataset)
    if data is None:
        return None
    manifest = parse_manifest(data, str(dataset.manifest_path))
    disk = look(repository, dataset)
    if disk is None:
        # What was never brought here was not removed either: it is what the manifest says, somewhere else.
        return (
            None if repository.stat_file(dataset.path).exists() else DatasetVersion(dataset, manifest, False)
        )
    if disk.is_known_to_be(manifest):
        return DatasetVersion(dataset, manifest, on_disk=True)
    if other is not None and disk.is_known_to_be(other.manifest):
        return DatasetVersion(dataset, keep_users_part(other.manifest, manifest), on_disk=True)
    return DatasetVersion(dataset, manifest, True, disk)


class Asked(NamedTuple):
    """What the words of a command line mean."""

    revisions: tuple[str, ...]
    names: tuple[str, ...]
    are_files: bool = False
    """The names are two files, or directories, that are no data of this repository."""


def read_words(repository: Repository, words: Sequence[str]) -> Asked:
    """Return what is meant by words that no `--` parts: revisions first, then paths.

    Raises:
        UnknownDatasetError: a word is neither.
        ShallowHistoryError: it is a revision that this clone has not got.
    """
    number = 0
    while number < min(2, len(words)) and is_revision(repository, words[number]):
        number += 1
        if ".." in words[number - 1]:
            break
    revisions, names = tuple(words[:number]), tuple(words[number:])
    try:
        if names:
            choose(repository, find_ends(repository, revisions), names)
    except (UnknownDatasetError, UnsafePathError) as exc:
        if not revisions and are_files(repository.here, names):
            return Asked((), names, are_files=True)
        if isinstance(exc, UnsafePathError):
            raise
        refuse_shallow(repository, names[0])
        raise UnknownDatasetError(f"{exc}, and git knows no such revision", hint=exc.hint) from exc
    return Asked(revisions, names)


def are_files(here: Path, names: Sequence[str]) -> bool:
    """Whether these are two files, or directories, on disk."""
    return len(names) == 2 and all("\0" not in name and (here / name).exists() for name in names)
