"""A repository: a git work tree, its store and its settings, opened for one command."""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Self

from datav.core import ChunkerParams
from datav.errors import NotARepositoryError, StorageError, UnsafePathError, UsageError
from datav.git import GitRepository
from datav.progress import SILENT, Progress
from datav.relpath import RelPath
from datav.repo.settingstext import set_store
from datav.settings import (
    FILE_NAME,
    PRIVATE_FILE_NAME,
    Settings,
    combine_settings,
    encode_settings,
    parse_private_settings,
    parse_settings,
)
from datav.storage.durable import fsync_directory, make_directories, write_atomic
from datav.storage.leases import Lease, exclusive_lease, find_other_user, user_lease
from datav.store.layout import Layout, create_store, open_store
from datav.store.store import Store

# More than there are cores: most wait for the disk.
_SPARE_WORKERS = 6
_MAX_WORKERS = 24


class Repository:
    """What every verb works on.  A context manager: leaving it ends the workers.

    Raises:
        NotARepositoryError: no git repository, or `datav init` was never run in it.
    """

    def __init__(
        self, git: GitRepository, settings: Settings, here: Path, progress: Progress = SILENT
    ) -> None:
        self.git = git
        self.settings = settings
        """Of `datav.toml`, with what the private configuration overrides."""
        self.progress = progress
        self.here = here
        """The directory that paths of the user are relative to."""
        self._executor: ThreadPoolExecutor | None = None
        self._lease: Lease | None = None
        self._is_editing = False

    @classmethod
    def open(cls, here: Path, progress: Progress = SILENT) -> Self:
        git = GitRepository.discover(here)
        text = read_settings_text(git.root / FILE_NAME)
        if text is None:
            raise NotARepositoryError(f"datav is not set up in {git.root}", hint="run `datav init`")
        settings = parse_settings(text)
        private = read_settings_text(git.common_dir / "datav" / PRIVATE_FILE_NAME)
        if private is not None:
            settings = combine_settings(settings, parse_private_settings(private))
        return cls(git, settings, here, progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        if self._lease is not None:
            self._lease.release()

    @property
    def root(self) -> Path:
        return self.git.root

    @property
    def private(self) -> Path:
        """`datav/` in git's common directory: survives `git clean -fdx`, shared by all work trees."""
        return self.git.common_dir / "datav"

    @cached_property
    def stat_directory(self) -> Path:
        """Where this work tree's stat caches lie."""
        name = blake2b(os.fsencode(self.root), digest_size=8).hexdigest()
        return self.private / "worktrees" / name / "stat"

    def stat_file(self, dataset: RelPath) -> Path:
        """The stat cache of one dataset."""
        return self.stat_directory / blake2b(dataset, digest_size=16).hexdigest()

    @property
    def _users(self) -> Path:
        return self.stat_directory.parent / "locks"

    def claim(self) -> None:
        """Say that temporary files in the work tree may be this command's from now on.  Cheap."""
        if self._lease is not None:
            self._lease.renew()
            return
        # Where nothing can be noted, nothing can be cleaned up either, and the files come to no harm.
        with contextlib.suppress(StorageError):
            make_directories(self._users)
            self._lease = user_lease(self._users)
            # Removes the leases of those who were killed.
            find_other_user(self._users, self._lease)

    @contextlib.contextmanager
    def editing(self) -> Iterator[None]:
        """Keep other commands from changing manifests, ignore files and git's index meanwhile; may be nested.

        Short: what takes long is done before.

        Raises:
            BusyError: another command has been at it for a minute.
        """
        if self._is_editing:
            yield
            return
        make_directories(self._users)
        with exclusive_lease(self._users / "edit"):
            self._is_editing = True
            try:
                yield
            finally:
                self._is_editing = False

    def is_shared(self) -> bool:
        """Whether another command may have temporary files in this work tree."""
        try:
            return find_other_user(self._users, self._lease) is not None
        except StorageError:
            return True

    @cached_property
    def store(self) -> Store:
        """The local store; a clone's first command makes it."""
        return Store(local_layout(self.private).root)

    @cached_property
    def chunker(self) -> ChunkerParams:
        c = self.settings.chunks
        try:
            return ChunkerParams(c.smallest, c.target, c.largest)
        except ValueError as exc:
            raise UsageError(f"the chunk sizes in {FILE_NAME} cannot be: {exc}") from exc

    @property
    def executor(self) -> ThreadPoolExecutor:
        if self._executor is None:
            workers = min(_MAX_WORKERS, (os.cpu_count() or 2) + _SPARE_WORKERS)
            self._executor = ThreadPoolExecutor(workers, "datav")
        return self._executor

    def relative(self, text: str) -> RelPath | None:
        """Return the path that the user calls `text`, from the root; None for the root itself.

        Raises:
            UsageError: it is empty.
            UnsafePathError: it lies outside of the repository.
        """
        if not text:
            # Not the directory one is in: it is what a variable gives that was never set.
            raise UsageError("an empty name is no path", hint="`.` is the directory you are in")
        path = Path(os.path.abspath(self.here / text))
        # Links above the last part are followed, as the system would; the last part is what the user means.
        path = Path(os.path.realpath(path.parent)) / path.name if path.name else path
        try:
            inside = path.relative_to(self.root)
        except ValueError as exc:
            raise UnsafePathError(f"{text} is outside of the repository at {self.root}") from exc
        raw = os.fsencode(inside.as_posix())
        return None if raw == b"." else RelPath(raw)

    def shown(self, path: RelPath) -> str:
        """`path` as the user would type it."""
        return os.path.relpath(path.on(self.root), self.here)


def read_settings_text(path: Path) -> str | None:
    """Return the text of a file of settings, its line ends as they are; None if there is no file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"cannot read {path}: {exc}") from exc


def store_path(private: Path) -> Path:
    text = read_settings_text(private / PRIVATE_FILE_NAME)
    chosen = parse_private_settings(text).store if text is not None else None
    return Path(chosen) if chosen else private / "store"


def local_layout(private: Path) -> Layout:
    """Return where the local store lies; made if it is missing, but for one that was put somewhere else.

    Raises:
        StorageError: that is not there.
    """
    path = store_path(private)
    if path == private / "store":
        return create_store(path)
    if not Layout(path).format_file.exists():
        # A new one in its place would hide that a disk is not mounted.
        raise StorageError(
            f"there is no store at {path}", hint="is its disk mounted? `datav init` makes a new, empty one"
        )
    return open_store(path)


def _refuse_other_repository(store: Path, private: Path) -> None:
    """Raise UsageError for a store that is another repository's own: its `gc` would not know of this one."""
    owner = store.resolve().parent
    if owner.name == "datav" and (owner.parent / "HEAD").exists() and owner != private.resolve():
        raise UsageError(
            f"the store at {store} is the private one of another repository",
            hint="choose a directory that belongs to neither",
        )


def _write_attributes(path: Path) -> bool:
    """Have git show manifests in words; return whether the file is another now."""
    try:
        before = path.read_bytes() if path.exists() else b""
    except OSError as exc:
        raise UsageError(f"cannot read {path}: {exc.strerror}") from exc
    from datav.git.attributes import add_driver

    after = add_driver(before)
    if after == before:
        return False
    write_atomic(path, after)
    return True


@dataclass(frozen=True, slots=True)
class Initialized:
    """What `init` did."""

    root: Path
    store: Path
    settings_written: bool
    staged: tuple[RelPath, ...]
    """What git was told of."""


def init(here: Path, *, store: Path | None = None) -> Initialized:
    """Set datav up in the git repository around `here`; fine when it is set up already.

    Args:
        store: where the local store shall lie; by default beside git's own objects.

    Raises:
        NotARepositoryError: there is no git repository.
        UsageError: it is set up with another store.
    """
    from datav.git.attributes import ATTRIBUTES_FILE, configure_driver

    git = GitRepository.discover(here)
    private = git.common_dir / "datav"
    make_directories(private)
    if store is not None:
        chosen = Path(os.path.abspath(here / store))
        _refuse_other_repository(chosen, private)
        present = store_path(private)
        if (present / "format").exists() and present != chosen:
            raise UsageError(
                f"this repository has its store at {present} already",
                hint="to move it: copy it, delete the old one, then `datav init --store` again",
            )
        if present != chosen:
            text = read_settings_text(private / PRIVATE_FILE_NAME) or ""
            text = set_store(text, str(chosen), PRIVATE_FILE_NAME)
            write_atomic(private / PRIVATE_FILE_NAME, text.encode())
    place = store_path(private)
    create_store(place)
    settings = git.root / FILE_NAME
    written = not settings.exists()
    if written:
        write_atomic(settings, encode_settings(Settings()).encode())
    name = RelPath(FILE_NAME.encode())
    # What is there may be from an `init` that was killed before it came to this.
    for directory in (place, git.root):
        fsync_directory(directory)
    attributes = RelPath(ATTRIBUTES_FILE)
    has_changed = _write_attributes(git.root / attributes.text)
    tracked = git.find_tracked([name, attributes])
    staged = tuple(path for path in (name, attributes) if path not in tracked)
    if has_changed and attributes in tracked:
        staged = (*staged, attributes)
    git.stage(staged)
    configure_driver(git)
    return Initialized(git.root, place, written, staged)
