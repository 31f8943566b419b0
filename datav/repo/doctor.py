"""doctor: what is not set up, or in the way, and how it is set right.

Each check is independent: one that fails is reported like anything else that is wrong, and the others run.
Nothing is changed but by `fix`, which does what `init`, `hooks install` and `add` would do: lines in files,
settings and hooks of this clone.  What deletes or uploads is only told.
"""

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from datav.errors import BusyError, DatavError, NotARepositoryError
from datav.git import GitRepository
from datav.repo import doctor_data, doctor_git, doctor_store
from datav.repo.datasets import edit_ignore_file, list_datasets
from datav.repo.diagnosis import Diagnosis
from datav.repo.hooks import install_hooks
from datav.repo.repository import Repository, init
from datav.settings import FILE_NAME

GIT_CHECKS: Sequence[tuple[str, Callable[[GitRepository], Diagnosis]]] = (
    ("git-version", doctor_git.check_version),
    ("attributes", doctor_git.check_attributes),
    ("drivers", doctor_git.check_drivers),
    ("line-ends", doctor_git.check_line_ends),
    ("history", doctor_git.check_history),
    ("submodules", doctor_git.check_submodules),
    ("large-files", doctor_git.check_large_files),
)
CHECKS: Sequence[tuple[str, Callable[[Repository], Diagnosis]]] = (
    ("settings", doctor_store.check_settings),
    ("ignored-data", doctor_data.check_ignored_data),
    ("tracked-data", doctor_data.check_tracked_data),
    ("ignored-manifests", doctor_data.check_ignored_manifests),
    ("untracked-manifests", doctor_data.check_untracked_manifests),
    ("readable-manifests", doctor_data.check_readable_manifests),
    ("remote", doctor_store.check_default_remote),
    ("store", doctor_store.check_store),
    ("stat-caches", doctor_store.check_stat_caches),
    ("leftovers", doctor_store.check_leftovers),
    ("leases", doctor_store.check_leases),
    ("space", doctor_store.check_space),
    ("pushed", doctor_data.check_pushed),
)


_DUBIOUS = re.compile(r"dubious ownership in repository at '(.*?)'")


class Programs(NamedTuple):
    """How datav was started, which only the command line knows."""

    datav: str | None
    """Where `datav` is on the PATH, if it is."""
    python: str
    """Which Python runs it."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found."""

    root: Path | None
    """Top of the work tree; None where there is none."""
    diagnoses: tuple[Diagnosis, ...]
    fixed: tuple[str, ...] = ()
    """The names of what was wrong before, and is not now."""

    @property
    def is_well(self) -> bool:
        """Whether nothing is a problem; something may still be worth a warning."""
        return all(diagnosis.state != "problem" for diagnosis in self.diagnoses)


def examine(here: Path, programs: Programs, *, ask_remote: bool = False) -> Examination:
    """Look at the repository around `here`, if there is one.  Changes nothing.

    Args:
        programs: how datav was started.
        ask_remote: try the default remote too, with a small probe that is put there and deleted.
    """
    try:
        git = GitRepository.discover(here)
    except DatavError as exc:
        return Examination(None, (_refused(exc),))
    found = [Diagnosis("repository", "ok", f"the work tree is {git.root}")]
    found += [_guarded(name, partial(check, git)) for name, check in GIT_CHECKS]
    found.append(_guarded("program", partial(doctor_git.check_program, git, programs.datav)))
    found.append(_guarded("hooks", partial(doctor_git.check_hooks, git, programs.python)))
    try:
        repository = Repository.open(here)
    except NotARepositoryError as exc:
        unset = Diagnosis("setup", "problem", str(exc), exc.hint, is_fixable=True)
        return Examination(git.root, (found[0], unset, *found[1:]))
    except DatavError as exc:
        return Examination(git.root, (*found, Diagnosis("settings", "problem", str(exc), exc.hint)))
    with repository:
        found += [_guarded(name, partial(check, repository)) for name, check in CHECKS]
        if ask_remote:
            found.append(_guarded("reachable", partial(doctor_store.check_reachable, repository)))
    found.insert(1, Diagnosis("setup", "ok", f"{FILE_NAME} is there"))
    return Examination(git.root, tuple(found))


def fix(here: Path, before: Examination, programs: Programs, *, ask_remote: bool = False) -> Examination:
    """Set right what can be without deleting or uploading anything, then look again.

    Raises:
        DatavError: what `init` and `hooks install` raise; what was done until then stays, and does no harm.
    """
    wanted = {diagnosis.name for diagnosis in before.diagnoses if diagnosis.is_fixable}
    if not wanted:
        return before
    init(here)
    if "ignored-data" in wanted:
        with Repository.open(here) as repository:
            _hide_data(repository)
    if "hooks" in wanted:
        install_hooks(GitRepository.discover(here), programs.python, here)
    after = examine(here, programs, ask_remote=ask_remote)
    well = {diagnosis.name for diagnosis in after.diagnoses if diagnosis.state == "ok"}
    fixed = tuple(d.name for d in before.diagnoses if d.name in wanted & well)
    return Examination(after.root, after.diagnoses, fixed)


def _hide_data(repository: Repository) -> None:
    """Write and stage the lines of .gitignore that `add` would."""
    with repository.editing():
        hidden = doctor_data.find_visible_data(repository, list_datasets(repository))
        edited = [edit_ignore_file(repository, dataset, add=True) for dataset in hidden]
        repository.git.stage(dict.fromkeys(path for path in edited if path is not None))


def _refused(exc: DatavError) -> Diagnosis:
    """Why there is no repository to look at."""
    told = _DUBIOUS.search(str(exc))
    if told is None:
        return Diagnosis("repository", "problem", str(exc), exc.hint)
    what = f"git refuses the repository at {told[1]}, which is somebody else's"
    hint = f"if you trust it: `git config --global --add safe.directory {shlex.quote(told[1])}`"
    return Diagnosis("repository", "problem", what, hint)


def _guarded(name: str, check: Callable[[], Diagnosis]) -> Diagnosis:
    """What a check says; a problem where it cannot."""
    try:
        return check()
    except BusyError as exc:
        return Diagnosis(name, "warn", f"not looked at: {exc}", exc.hint)
    except DatavError as exc:
        return Diagnosis(name, "problem", str(exc), exc.hint)
    except OSError as exc:
        return Diagnosis(name, "problem", f"cannot look at {exc.filename or 'it'}: {exc.strerror or exc}")
