"""Files of limits beside manifests: where they lie, read at one end of a check, written."""

from datav.errors import FormatError
from datav.formats.limits import MAX_SIZE, Limits, encode_limits, parse_limits
from datav.relpath import RelPath
from datav.repo.checkends import State
from datav.repo.datasets import Dataset
from datav.repo.repository import Repository
from datav.storage.durable import translating, write_atomic


def read_limits(repository: Repository, state: State, dataset: Dataset) -> Limits | None:
    """Return the limits of a dataset at one end; None if there are none.

    Raises:
        FormatError: the file is damaged, or a newer datav wrote it.
    """
    path = dataset.limits_path
    data = _on_disk(repository, path) if state.end.is_disk else state.read_tracked(path)
    return None if data is None else parse_limits(data, str(path))


def write_limits(repository: Repository, dataset: Dataset, limits: Limits) -> bool:
    """Write the limits of a dataset into the work tree; return whether they are others than before.

    Raises:
        StorageError: the disk fails.
    """
    path = dataset.limits_path
    data = encode_limits(limits)
    if _on_disk(repository, path) == data:
        return False
    write_atomic(path.on(repository.root), data)
    return True


def _on_disk(repository: Repository, path: RelPath) -> bytes | None:
    place = path.on(repository.root)
    if not place.is_file():
        return None
    with translating("read", place):
        try:
            with open(place, "rb") as file:
                data = file.read(MAX_SIZE + 1)
        except FileNotFoundError:
            return None
    if len(data) > MAX_SIZE:
        raise FormatError(f"limits {path}: is longer than {MAX_SIZE} bytes")
    return data
