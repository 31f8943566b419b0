"""hooks: git runs datav by itself; put into the directory of git's hooks, taken out again without a trace."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from datav.errors import UsageError
from datav.git import GitRepository
from datav.git.hooks import (
    CHAINED_SUFFIX,
    HOOKS,
    add_block,
    calls_chained,
    chain_block,
    find_block,
    is_shell,
    remove_block,
)
from datav.relpath import RelPath
from datav.storage.durable import make_directories, publish, remove_file, translating, write_atomic

State = Literal["installed", "outdated", "called", "missing"]


@dataclass(frozen=True, slots=True)
class HookStatus:
    """One hook.

    `called`: somebody put a line there that calls datav.
    """

    name: str
    path: Path
    state: State
    has_other: bool
    """Whether a hook is there that is not ours, with or without ours."""
    runs: bool
    """Whether git runs it: it is where git looks, and executable."""


@dataclass(frozen=True, slots=True)
class HooksStatus:
    directory: Path
    """Where git looks for hooks."""
    owner: Literal["clone", "project", "others"]
    """Whose that is: this clone's own, the work tree's, or outside of the repository."""
    hooks: tuple[HookStatus, ...]

    @property
    def is_complete(self) -> bool:
        return all(hook.runs and hook.state in ("installed", "called") for hook in self.hooks)


@dataclass(frozen=True, slots=True)
class HooksChanged:
    """What `install` or `remove` did."""

    directory: Path
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    chained: tuple[str, ...]
    """Hooks that were there before, and run first."""


class _Place(NamedTuple):
    directory: Path
    owner: Literal["clone", "project", "others"]
    source: Path
    """Where the hooks are that people write: with husky another directory than the one git looks in."""


def hooks_status(git: GitRepository, program: str | None) -> HooksStatus:
    """Say of each hook whether it is there, and whether git runs it.

    Args:
        program: the Python that `install` would note.
    """
    place = _find_place(git)
    return HooksStatus(
        place.directory, place.owner, tuple(_status_of(place, name, program) for name in HOOKS)
    )


def _status_of(place: _Place, name: str, program: str | None) -> HookStatus:
    path = place.source / name
    noted = program if place.owner == "clone" else None
    text = _read(path)
    if text is None:
        return HookStatus(name, path, "missing", _chained(path).exists(), runs=False)
    found = find_block(text, name, noted)
    if found == "outdated" and find_block(text, name, None) == "current":
        found = "current"
    states: dict[str, State] = {"current": "installed", "none": "missing"}
    state: State = states.get(found) or ("called" if found == "called" else "outdated")
    has_other = calls_chained(text) or remove_block(text) is not None
    run = place.directory / name
    # What husky's own files call need not be executable.
    return HookStatus(name, path, state, has_other, state != "missing" and os.access(run, os.X_OK))


def install_hooks(
    git: GitRepository, program: str, here: Path, *, into: str | None = None, dry_run: bool = False
) -> HooksChanged:
    """Put a block for datav into each hook; what is there already runs first.

    Args:
        program: the Python to run datav with where it is not on the PATH.
        here: what `into` is relative to.
        into: another directory than git's, or one that git's configuration names and others share.
        dry_run: say what would be done.

    Raises:
        UsageError: git's hooks are not this clone's own, and `into` does not say that they are meant.
        StorageError: the system refuses.
    """
    place = _find_place(git)
    if into is None:
        _refuse_others(git, place)
        directory, noted = place.directory, program
    else:
        # Others get these files too, and their Python lies somewhere else.
        directory, noted = Path(os.path.abspath(here / into)), None
        if directory == place.directory and place.owner == "clone":
            noted = program
    changed, unchanged, chained = [], [], []
    for name in HOOKS:
        path = directory / name
        todo = _plan_install(path, name, noted)
        if todo is None:
            unchanged.append(name)
            continue
        changed.append(name)
        if todo.chains:
            chained.append(name)
        if not dry_run:
            make_directories(directory)
            _write_hook(path, todo)
    if not dry_run:
        touch_stamp(git)
    return HooksChanged(directory, tuple(changed), tuple(unchanged), tuple(chained))


class _Todo(NamedTuple):
    text: bytes
    chains: bool
    """Something else is there, and stays."""
    renames: bool
    """That is none into which a block can be put."""


def _plan_install(path: Path, name: str, program: str | None) -> _Todo | None:
    """Return what is to be written; None where all is as it shall be."""
    text = _read(path)
    if text is None:
        if os.path.lexists(_chained(path)):
            # An `install` was killed between two steps.
            return _Todo(chain_block(name, program), True, False)
        return _Todo(add_block(None, name, program), False, False)
    found = find_block(text, name, program)
    if found in ("current", "called"):
        return None
    if found == "outdated":
        return _Todo(add_block(text, name, program), False, False)
    if is_shell(text) and not path.is_symlink() and os.access(path, os.X_OK):
        return _Todo(add_block(text, name, program), True, False)
    if path.parent.name == ".husky" and is_shell(text) and not path.is_symlink():
        return _Todo(add_block(text, name, program), True, False)
    if os.path.lexists(_chained(path)):
        raise UsageError(
            f"{_chained(path)} is in the way: the hook {path} would be renamed to that",
            hint="rename one of the two",
        )
    return _Todo(chain_block(name, program), os.access(path, os.X_OK), True)


def _write_hook(path: Path, todo: _Todo) -> None:
    if todo.renames:
        publish(path, _chained(path))
    write_atomic(path, todo.text)
    with translating("make executable", path):
        mode = path.stat().st_mode
        path.chmod(mode | (mode & 0o444) >> 2)


def remove_hooks(
    git: GitRepository, here: Path, *, into: str | None = None, dry_run: bool = False
) -> HooksChanged:
    """Take datav's blocks out: every file is as it was before, and what was made is gone.

    Args:
        into: as it was said to `install_hooks`.

    Raises:
        StorageError: the system refuses.
    """
    place = _find_place(git)
    directory = place.directory if into is None else Path(os.path.abspath(here / into))
    changed, unchanged, chained = [], [], []
    for name in HOOKS:
        path = directory / name
        text = _read(path)
        is_renamed = os.path.lexists(_chained(path)) and (text is None or calls_chained(text))
        bare = None if text is None else remove_block(text)
        if not is_renamed and bare == text:
            unchanged.append(name)
            continue
        changed.append(name)
        if is_renamed or bare is not None:
            chained.append(name)
        if dry_run:
            continue
        if is_renamed:
            publish(_chained(path), path)
        elif bare is None:
            remove_file(path)
        else:
            write_atomic(path, bare)
    if not dry_run and into is None:
        for worktree in git.list_worktrees():
            _remove_stamp(worktree)
    return HooksChanged(directory, tuple(changed), tuple(unchanged), tuple(chained))


def _refuse_others(git: GitRepository, place: _Place) -> None:
    if place.owner == "clone":
        return
    line = 'the line `datav git-hook NAME "$@"` in each hook does the same'
    if place.owner == "others":
        raise UsageError(
            f"git runs the hooks in {place.directory}, as core.hooksPath says: other repositories share it",
            hint=f"`datav hooks install --into {place.directory}` writes there all the same; {line}",
        )
    shown = os.path.relpath(place.source, git.root)
    raise UsageError(
        f"git runs the hooks in {shown}, as core.hooksPath says: everybody gets these with the project",
        hint=f"`datav hooks install --into {shown}` writes there, to be committed; {line}",
    )


def _find_place(git: GitRepository) -> _Place:
    directory = Path(os.path.normpath(git.locate("hooks")))
    real = Path(os.path.realpath(directory))
    if real.is_relative_to(os.path.realpath(git.common_dir)):
        return _Place(directory, "clone", directory)
    if not real.is_relative_to(git.root):
        return _Place(directory, "others", directory)
    if directory.name == "_" and directory.parent.name == ".husky":
        # Its files are made anew by each `npm install`, and call those above.
        return _Place(directory, "project", directory.parent)
    inside = RelPath(os.fsencode(real.relative_to(git.root).as_posix()) + b"/post-checkout")
    return _Place(directory, "clone" if git.find_ignored([inside]) else "project", directory)


def _read(path: Path) -> bytes | None:
    with translating("read", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return path.read_bytes()
    return None


def _chained(path: Path) -> Path:
    return path.with_name(path.name + CHAINED_SUFFIX)


def _stamp(git: GitRepository) -> Path:
    """The file whose time says when data was last placed in this work tree; the hooks know its name."""
    return git.git_dir / "datav" / "placed"


def touch_stamp(git: GitRepository) -> None:
    """Say that the data on disk is what the manifests name, as far as it can be."""
    path = _stamp(git)
    make_directories(path.parent)
    write_atomic(path, b"", sync=False)


def _remove_stamp(git: GitRepository) -> None:
    remove_file(_stamp(git))
    if git.git_dir != git.common_dir:
        with contextlib.suppress(OSError):
            _stamp(git).parent.rmdir()
