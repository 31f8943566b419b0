"""What git's pre-commit hook asks of the data that is about to be committed: does it keep its promises?"""

from collections.abc import Sequence
from datetime import datetime

from datav.relpath import RelPath
from datav.repo.check import Outcome, check
from datav.repo.datasets import dataset_of_manifest
from datav.repo.repository import Repository
from datav.settings import FILE_NAME

_LIMITS = b".datav.limits"


def check_staged(repository: Repository, now: datetime) -> Outcome | None:
    """Check the datasets that the next commit changes; all of them if it changes `datav.toml`.

    Returns:
        None where nobody promised anything, or the commit changes no data.

    Raises as `check` does.
    """
    if not repository.settings.checks and not repository.git.list_index(_LIMITS):
        return None
    changes = repository.git.staged_changes(b"")
    names: Sequence[str] = ()
    if RelPath(FILE_NAME.encode()) not in changes:
        names = [
            repository.shown(dataset.path)
            for path, change in changes.items()
            if change != "removed" and (dataset := dataset_of_manifest(path)) is not None
        ]
        if not names:
            return None
    return check(repository, staged=True, names=names, now=now)
