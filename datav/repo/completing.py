"""What a shell may offer for a word that is being typed: datasets, revisions, remotes.

It runs at every press of a key, so it imports little, starts one or two git processes, and reads no data.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from datav.git import MANIFEST_SUFFIX, GitRepository
from datav.settings import FILE_NAME, PRIVATE_FILE_NAME, parse_private_settings, parse_settings


def known_datasets(here: Path, rev: str | None = None) -> list[str]:
    """Return the datasets in git's index, relative to `here`; with `rev` those of a commit, from the top.

    Raises:
        DatavError: there is no repository, or no such commit.
    """
    git = GitRepository.discover(here)
    if rev is not None:
        return [os.fsdecode(path) for path in _without_suffix(file.path for file in git.list_files(rev))]
    paths = _without_suffix(dict.fromkeys(entry.path for entry in git.list_index()))
    # `here` may go through a symbolic link, and the root does not.
    place = os.path.realpath(here)
    return [os.path.relpath(git.root / os.fsdecode(path), place) for path in paths]


def known_revisions(here: Path) -> list[str]:
    """Return the names of revisions; raises as `known_datasets` does."""
    from datav.git.refs import list_names

    return list_names(GitRepository.discover(here))


def known_remotes(here: Path) -> list[str]:
    """Return the names of the remotes; raises as `known_datasets` does, or for settings that are none."""
    git = GitRepository.discover(here)
    names = dict.fromkeys(parse_settings(_read(git.root / FILE_NAME)).remotes)
    private = _read(git.common_dir / "datav" / PRIVATE_FILE_NAME)
    return list(names | dict.fromkeys(parse_private_settings(private).remotes))


def _read(path: Path) -> str:
    """Return a file's text; none of a file that is not there, which has no remotes."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8")
    return ""


def _without_suffix(paths: Iterable[bytes]) -> list[bytes]:
    names = (path.removesuffix(MANIFEST_SUFFIX) for path in paths)
    return [name for name in names if name and not name.endswith(b"/")]
