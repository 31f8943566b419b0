"""The two ends of a check: what is checked, and what it is compared with; which datasets each has.

Cheap: manifests, and a look at what lies on disk.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from datav.errors import DatavError, FormatError, UnknownRevisionError, UnresolvedConflictError, UsageError
from datav.formats.manifest import parse_manifest
from datav.git.repository import IndexEntry
from datav.git.shallow import explain_no_parent
from datav.relpath import RelPath
from datav.repo.datasets import Dataset, dataset_of_manifest, read_manifest_bytes
from datav.repo.diffends import DatasetVersion, look_at_all, read_at
from datav.repo.repository import Repository
from datav.repo.specs import list_names, no_such_revision
from datav.repo.unresolved import refuse_unresolved
from datav.store.renames import find_origins

# Of files that git tracks itself and rules name: documents, not data.
MAX_TRACKED_FILE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class CheckEnd:
    """One state of the data."""

    rev: str | None
    """As it was asked for, or by default; None: no commit."""
    commit: str | None
    staged: bool = False

    @property
    def is_disk(self) -> bool:
        return self.commit is None and not self.staged


class State:
    """What there is at one end."""

    def __init__(self, repository: Repository, end: CheckEnd) -> None:
        self.end = end
        self._repository = repository

    @cached_property
    def datasets(self) -> tuple[Dataset, ...]:
        """All that there are, by path."""
        if self.end.staged:
            return tuple(sorted(self._staged, key=_path))
        names = list_names(self._repository, self.end.commit)
        return tuple(sorted(map(Dataset, names), key=_path))

    def read(
        self, datasets: Iterable[Dataset], others: Mapping[Dataset, DatasetVersion | DatavError]
    ) -> dict[Dataset, DatasetVersion | DatavError]:
        """Return some of them; those that are not there are left out, an error stands for what is no version.

        Args:
            others: what they may be as well, where a manifest was changed and its data was not placed.
        """
        if self.end.staged:
            found = self._read_staged(datasets)
        elif self.end.commit is not None:
            found = dict(read_at(self._repository, self.end.commit, datasets))
        else:
            found = dict(look_at_all(self._repository, datasets, others))
        return {dataset: self._checked(dataset, version) for dataset, version in found.items()}

    def _checked(self, dataset: Dataset, version: DatasetVersion | DatavError) -> DatasetVersion | DatavError:
        if isinstance(version, DatavError):
            return version
        manifest = version.manifest
        if self.end.is_disk and version.disk is None:
            # What lies there may still be one side of a merge, of which the manifest beside it tells.
            data = read_manifest_bytes(self._repository, dataset)
            if data is not None and b"\n[conflict]" in data:
                manifest = parse_manifest(data, str(dataset.manifest_path))
        try:
            refuse_unresolved(self._repository, dataset, manifest)
        except UnresolvedConflictError as exc:
            return exc
        return version

    @cached_property
    def _staged(self) -> dict[Dataset, list[IndexEntry]]:
        found: dict[Dataset, list[IndexEntry]] = {}
        for entry in self._repository.git.list_index():
            dataset = dataset_of_manifest(entry.path)
            if dataset is not None:
                found.setdefault(dataset, []).append(entry)
        return found

    def _read_staged(self, datasets: Iterable[Dataset]) -> dict[Dataset, DatasetVersion | DatavError]:
        entries = {dataset: self._staged[dataset] for dataset in datasets if dataset in self._staged}
        single = {dataset: each[0].oid for dataset, each in entries.items() if not each[0].stage}
        blobs = self._repository.git.read_blobs(single.values())
        found: dict[Dataset, DatasetVersion | DatavError] = {}
        for dataset in entries:
            if dataset not in single:
                found[dataset] = UnresolvedConflictError(
                    f"git has not merged {dataset.manifest_path}",
                    hint=f"`datav resolve {self._repository.shown(dataset.path)}` finishes it",
                )
                continue
            try:
                manifest = parse_manifest(blobs[single[dataset]], f"{dataset.manifest_path} in git's index")
            except DatavError as exc:
                found[dataset] = exc
            else:
                found[dataset] = DatasetVersion(dataset, manifest, on_disk=False)
        return found

    def read_tracked(self, path: RelPath) -> bytes | None:
        """Return a file that git has itself, of a commit or of the index; None if it has not.

        Raises:
            FormatError: it is larger than MAX_TRACKED_FILE.
        """
        git = self._repository.git
        if self.end.staged:
            oids = [entry.oid for entry in git.find_in_index(path) if not entry.stage]
        else:
            assert self.end.commit is not None, "files on disk are read there"
            oids = [file.oid for file in git.list_files(self.end.commit, bytes(path)) if file.path == path]
        for _, data in git.iter_blobs(oids[:1], max_size=MAX_TRACKED_FILE):
            if data is None:
                raise FormatError(f"{path} in git is larger than {MAX_TRACKED_FILE} bytes")
            return data
        return None


def _path(dataset: Dataset) -> bytes:
    return bytes(dataset.path)


def find_check_ends(
    repository: Repository, rev: str | None, *, staged: bool, against: str | None
) -> tuple[CheckEnd, CheckEnd | None, tuple[str, ...]]:
    """Return what is checked, what it is compared with if there is anything, and what is to be said of that.

    Raises:
        UnknownRevisionError: git does not know `rev` or `against`.
        UsageError: both a revision and what is staged are asked for.
    """
    if rev is not None and staged:
        raise UsageError("`--staged` checks what git is about to commit, and a revision is named as well")
    end = CheckEnd(rev, _resolve(repository, rev) if rev is not None else None, staged)
    if against is not None:
        return end, CheckEnd(against, _resolve(repository, against)), ()
    if end.commit is None:
        head = repository.git.head()
        return end, CheckEnd("HEAD", head) if head is not None else None, ()
    try:
        return end, CheckEnd(f"{rev}^", repository.git.resolve(f"{end.commit}^")), ()
    except UnknownRevisionError:
        hidden = explain_no_parent(repository.git.git, end.commit, str(rev))
    return end, None, () if hidden is None else (f"nothing was compared: {hidden}; {hidden.hint}",)


def _resolve(repository: Repository, rev: str) -> str:
    try:
        return repository.git.resolve(rev)
    except UnknownRevisionError as exc:
        raise no_such_revision(repository, rev, exc, f"`datav check -- {rev}` checks it") from exc


def find_origins_of(
    new: Mapping[Dataset, DatasetVersion | DatavError], gone: Mapping[Dataset, DatasetVersion | DatavError]
) -> dict[Dataset, Dataset]:
    """Return under which name a dataset that is new was before: one that is gone, with the same content."""
    found = find_origins(_contents(gone), _contents(new))
    return {Dataset(RelPath(path)): Dataset(RelPath(origin)) for path, origin in found.items()}


def _contents(
    versions: Mapping[Dataset, DatasetVersion | DatavError],
) -> list[tuple[bytes, tuple[str, bytes]]]:
    return [
        (bytes(dataset.path), (version.kind, version.content.id))
        for dataset, version in sorted(versions.items(), key=lambda item: bytes(item[0].path))
        if not isinstance(version, DatavError) and version.content is not None and version.content.size
    ]


def is_same(before: DatasetVersion, after: DatasetVersion) -> bool | None:
    """Whether two versions hold the same; None where what lies on disk would have to be read."""
    if before.kind != after.kind:
        return False
    if before.content is None or after.content is None:
        return None
    return before.content == after.content
