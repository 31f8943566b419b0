"""clone: a git repository from somewhere else, with datav set up in it."""

from dataclasses import dataclass
from pathlib import Path

from datav.git import GitRepository
from datav.repo.repository import init
from datav.settings import FILE_NAME


@dataclass(frozen=True, slots=True)
class Cloned:
    root: Path
    is_set_up: bool
    """Whether the repository uses datav."""
    has_datasets: bool


def clone_git(here: Path, url: str, directory: Path | None = None, *, branch: str | None = None) -> Cloned:
    """Clone a git repository, and set datav up in the clone if the repository uses it.

    Raises:
        GitError: git could not clone.
        UsageError: the directory would have no name.
    """
    git = GitRepository.clone(here, url, directory, branch=branch)
    if not (git.root / FILE_NAME).exists():
        return Cloned(git.root, False, False)
    init(git.root)
    return Cloned(git.root, True, bool(git.list_present()))
