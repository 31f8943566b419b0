"""The tables that rules name beside the one they are about."""

from datav.errors import DatavError, UnknownDatasetError, UnsafePathError
from datav.relpath import RelPath
from datav.repo.checkends import State
from datav.repo.checksubjects import SubjectAt, list_files, subject_in, subject_of, tracked_subject
from datav.repo.checkversions import Opened, tracked_blob, tracked_on_disk
from datav.repo.datasets import Dataset


class OthersAt:
    """Tables by their paths at one end; implements datav.checks.subject.Others."""

    def __init__(self, opened: Opened, state: State) -> None:
        self._opened = opened
        self._state = state
        self._found: dict[str, SubjectAt] = {}

    def find(self, table: str) -> SubjectAt:
        if table not in self._found:
            self._found[table] = self._find(table)
        return self._found[table]

    def _find(self, table: str) -> SubjectAt:
        try:
            path = RelPath(table.encode())
        except UnsafePathError as exc:
            raise UnknownDatasetError(f"there is no table {table}: {exc}") from exc
        dataset = next((each for each in self._state.datasets if _holds(each, path)), None)
        if dataset is None:
            return self._tracked(path)
        found = self._state.read([dataset], {}).get(dataset)
        if found is None:
            raise _no_table(path)
        if isinstance(found, DatavError):
            raise found
        version = self._opened.version(found, self._state.end.commit)
        inside = bytes(path)[len(dataset.path) + 1 :]
        if not inside:
            return subject_of(version)
        if not version.is_directory:
            raise _no_table(path)
        entry = next((entry for entry in list_files(version) if entry.path == inside), None)
        if entry is None:
            raise _no_table(path)
        return subject_in(version, entry)

    def _tracked(self, path: RelPath) -> SubjectAt:
        repository = self._opened.repository
        if self._state.end.is_disk:
            place = path.on(repository.root)
            # A link may lead out of the repository; git has its text, and no table, either.
            if not repository.git.find_tracked([path]) or not place.is_file() or place.is_symlink():
                raise _no_table(path)
            return tracked_subject(self._opened, tracked_on_disk(self._opened, path))
        data = self._state.read_tracked(path)
        if data is None:
            raise _no_table(path)
        return tracked_subject(self._opened, tracked_blob(path, data))


def _holds(dataset: Dataset, path: bytes) -> bool:
    """Whether a path is that of a dataset, or lies in it."""
    return path == dataset.path or path.startswith(dataset.path + b"/")


def _no_table(path: RelPath) -> UnknownDatasetError:
    return UnknownDatasetError(
        f"there is no {path}", hint="rules name datasets, files in one, and files that git tracks"
    )
