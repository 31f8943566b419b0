"""The fsspec file system `datav`: any version of any dataset, without a checkout.

    datav://PATH            by the manifest in the work tree
    datav://PATH@REV        as of a commit; below a directory DIRECTORY@REV/PATH, as it is listed

Paths begin at the top of the repository.  The last `@` counts behind which git knows a commit; where it knows
none, the `@` is part of the path, and one at the end of a path says that all before it is.  With the option
`rev=` no path is looked into: each is one of that revision.

A revision means one commit for as long as a file system lives, and for what is pickled from it.  Nothing can
be written.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from fsspec import AbstractFileSystem
from fsspec.utils import tokenize

from datav.errors import NoSuchPathError, UnknownRevisionError, UnsafePathError, UsageError
from datav.relpath import show_path
from datav.repo.contentfile import ContentFile, check_mode
from datav.repo.farreading import Source
from datav.repo.reading import ContentReader
from datav.repo.remotes import find_remote
from datav.repo.repository import Repository
from datav.repo.view import Item, View

Info = dict[str, Any]
"""What fsspec says of a path: `name`, `size`, `type`, and what we add to it."""

_MAGIC = "*?["


class _Place(NamedTuple):
    """What a path of this file system means."""

    view: View
    path: bytes
    head: str
    """The part of the path before the mark, of which each name below begins with both."""
    mark: str
    """`@REV`, or nothing."""

    def name(self, path: bytes) -> str:
        """What is called `path` in the view, as this file system calls it."""
        text = os.fsdecode(path)
        if not self.mark:
            return text
        rest = text[len(self.head) :] if self.head else f"/{text}" if text else ""
        return f"{self.head}{self.mark}{rest}"


class _Opened(NamedTuple):
    """What one process works with."""

    pid: int
    repository: Repository
    source: Source
    views: dict[str | None, View]
    """By commit; None is the work tree."""


# fsspec has no types.
class DatavFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Files of any version, for reading.  Used from several threads; may be pickled, and survives a fork.

    Args:
        rev: what all paths are of; without it each path may name its own, and is else of the work tree.
        repo: a directory of the repository; by default the current one.
        remote: which one has what is not here; by default the default one.
        commits: which commit a revision is, for those that are known already.

    Raises:
        NotARepositoryError: there is no repository, or datav is not set up in it.
        UnknownRevisionError: git does not know `rev`.
        UsageError: there is no such remote.
    """

    protocol = "datav"
    root_marker = ""
    # The same words may mean another version the next time.
    cachable = False

    def __init__(
        self,
        rev: str | None = None,
        repo: str | os.PathLike[str] | None = None,
        remote: str | None = None,
        commits: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._remote = remote
        self._rev = rev
        self._commits: dict[str, str | None] = dict(commits or {})
        """By revision; None of what is none."""
        self._opened = _open(Path(os.path.abspath(repo or ".")), remote)
        self._root = self._opened.repository.root
        if remote is not None:
            find_remote(self._opened.repository, remote)
        if rev is not None and rev not in self._commits:
            self._commits[rev] = self._opened.repository.git.resolve(rev)

    # --- what is where

    def info(self, path: str, **options: Any) -> Info:
        """Return what is known of a path: also `id` of a file, and `islink`.

        Raises:
            NoSuchPathError: nothing lies there; it is a FileNotFoundError.
        """
        place = self._place(path)
        return _info(place, self._find(place))

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        place = self._place(path)
        try:
            items = place.view.list_at(place.path)
        except NoSuchPathError as exc:
            raise self._explained(place, exc) from exc
        infos = [_info(place, item) for item in items]
        return infos if detail else [info["name"] for info in infos]

    def find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        **options: Any,
    ) -> Any:
        if maxdepth is not None:
            return super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail, **options)
        place = self._place(path)
        try:
            items = {item.path: item for item in place.view.walk(place.path)}
        except NoSuchPathError:
            return {} if detail else []
        if withdirs:
            items |= {above: Item(above, "directory", None) for above in _directories(items, place.path)}
        infos = [_info(place, item) for item in items.values() if withdirs or item.kind != "directory"]
        infos.sort(key=lambda info: str(info["name"]))
        return {info["name"]: info for info in infos} if detail else [info["name"] for info in infos]

    def glob(self, path: str, maxdepth: int | None = None, **options: Any) -> Any:
        return super().glob(self._with_mark_in_front(path), maxdepth=maxdepth, **options)

    def exists(self, path: str, **options: Any) -> bool:
        """Whether something lies at a path; what cannot be found out is an error."""
        try:
            self.info(path)
        except (NoSuchPathError, UnsafePathError):
            return False
        return True

    def isfile(self, path: str) -> bool:
        return self.exists(path) and self.info(path)["type"] == "file"

    def isdir(self, path: str) -> bool:
        return self.exists(path) and self.info(path)["type"] == "directory"

    def checksum(self, path: str) -> str:
        """The id of a file's content: what is equal has the same, at any path of any version."""
        return self.ukey(path)

    def ukey(self, path: str) -> str:
        info = self.info(path)
        return str(info["id"]) if info["type"] == "file" else tokenize(info)

    def modified(self, path: str) -> datetime:
        """When the commit was made, or the manifest in the work tree written."""
        place = self._place(path)
        self._find(place)
        return place.view.modified(place.path)

    created = modified

    # --- what is in it

    def _open(self, path: str, mode: str = "rb", **options: Any) -> ContentFile:
        check_mode(mode)
        return ContentFile(self._reader(path), path)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        reader = self._reader(path)
        at, stop = _bounds(start, end, reader.size)
        return reader.read_at(at, stop - at)

    def cat_ranges(
        self,
        paths: Sequence[str],
        starts: int | Sequence[int | None] | None,
        ends: int | Sequence[int | None] | None,
        max_gap: int | None = None,
        on_error: str = "return",
        **options: Any,
    ) -> list[Any]:
        """Return many ranges of files; those of one file in as few requests as lie near each other."""
        first = starts if isinstance(starts, Sequence) else [starts] * len(paths)
        last = ends if isinstance(ends, Sequence) else [ends] * len(paths)
        results: list[Any] = [None] * len(paths)
        for path in dict.fromkeys(paths):
            numbers = [number for number, other in enumerate(paths) if other == path]
            try:
                parts: Sequence[Any] = self._read_ranges(path, [(first[n], last[n]) for n in numbers])
            except Exception as exc:
                # What callers ask for who can do without some of the files.
                if on_error != "return":
                    raise
                parts = [exc] * len(numbers)
            for number, part in zip(numbers, parts, strict=True):
                results[number] = part
        return results

    def _read_ranges(self, path: str, ranges: Sequence[tuple[int | None, int | None]]) -> list[bytes]:
        reader = self._reader(path)
        bounds = [_bounds(start, end, reader.size) for start, end in ranges]
        return reader.read_ranges([(start, end - start) for start, end in bounds])

    def _reader(self, path: str) -> ContentReader:
        place = self._place(path)
        try:
            return place.view.open(place.path)
        except NoSuchPathError as exc:
            raise self._explained(place, exc) from exc

    # --- what a path means

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        stripped = super()._strip_protocol(path)
        return stripped if isinstance(stripped, list) else stripped.lstrip("/")

    def _place(self, path: str) -> _Place:
        path = self._strip_protocol(path)
        if self._rev is not None:
            return _Place(self._view(self._rev), os.fsencode(path), "", "")
        for head, rev, rest in _readings(path):
            if not rev or self._commit(rev) is not None:
                inner = f"{head}/{rest}".strip("/") if rest else head
                return _Place(self._view(rev or None), os.fsencode(inner), head, f"@{rev}")
        return _Place(self._view(None), os.fsencode(path), "", "")

    def _with_mark_in_front(self, path: str) -> str:
        """Return a pattern with its mark before what is to be matched: `data@v1/*` for `data/*@v1`."""
        path = self._strip_protocol(path) + ("/" if path.endswith("/") else "")
        magic = min((at for at in map(path.find, _MAGIC) if at >= 0), default=-1)
        head, at, rev = path.rpartition("@")
        if self._rev is not None or not 0 <= magic < len(head) or not at or (rev and not self._commit(rev)):
            return path
        above = head[:magic].rpartition("/")[0]
        return f"{above}@{rev}/{head[len(above) :].lstrip('/')}"

    def _find(self, place: _Place) -> Item:
        try:
            return place.view.find(place.path)
        except NoSuchPathError as exc:
            raise self._explained(place, exc) from exc

    def _explained(self, place: _Place, reason: NoSuchPathError) -> NoSuchPathError:
        """The error for a path that is not there; it may hold an `@` that was to be one of a revision."""
        path = os.fsdecode(place.path)
        if self._rev is not None or place.mark or "@" not in path:
            return NoSuchPathError(str(reason), hint=reason.hint)
        rev = path.rpartition("@")[2]
        return NoSuchPathError(
            f"{show_path(place.path)}: git knows no commit {rev!r}, nor is the whole a dataset, or in one",
            hint="`git log --all --oneline` and `git branch --all` list what commits there are",
        )

    def _commit(self, rev: str) -> str | None:
        if rev not in self._commits:
            try:
                self._commits[rev] = self._process().repository.git.resolve(rev)
            except UnknownRevisionError:
                self._commits[rev] = None
        return self._commits[rev]

    def _view(self, rev: str | None) -> View:
        opened = self._process()
        commit = None if rev is None else self._commit(rev)
        view = opened.views.get(commit)
        if view is None:
            view = opened.views[commit] = View(opened.repository, opened.source, rev, commit)
        return view

    def _process(self) -> _Opened:
        """What this process works with: what was opened before a fork is its parent's."""
        if self._opened.pid != os.getpid():
            self._opened = _open(self._root, self._remote)
        return self._opened

    # --- what it is itself

    @property
    def _fs_token(self) -> str:
        commit = None if self._rev is None else self._commits[self._rev]
        return str(tokenize("datav", str(self._root), self._remote, commit))

    def __dask_tokenize__(self) -> str:
        return str(tokenize(self._fs_token, sorted(self._known_commits().items())))

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (type(self), self._options())

    def to_dict(self, *, include_password: bool = True) -> dict[str, Any]:
        """What `from_dict` makes the same file system of; there are no passwords in it."""
        where = f"{type(self).__module__}:{type(self).__name__}"
        return {"cls": where, "protocol": self.protocol, "args": (), **self._options()}

    def _options(self) -> dict[str, Any]:
        options = {"rev": self._rev, "repo": str(self._root), "remote": self._remote}
        return {
            **{name: value for name, value in options.items() if value is not None},
            "commits": self._known_commits(),
        }

    def _known_commits(self) -> dict[str, str]:
        return {rev: commit for rev, commit in dict(self._commits).items() if commit is not None}

    # --- what it refuses

    def _refuse(self, *args: Any, **options: Any) -> NoReturn:
        raise UsageError(
            "datav:// is for reading", hint="write the file in the work tree, and `datav add` it"
        )

    mkdir = makedirs = rmdir = touch = _refuse
    rm = rm_file = _rm = delete = cp_file = copy = mv = move = rename = _refuse
    put = put_file = pipe = pipe_file = upload = write_bytes = write_text = _refuse


def _open(directory: Path, remote: str | None) -> _Opened:
    repository = Repository.open(directory)
    return _Opened(os.getpid(), repository, Source(repository, remote), {})


def _make(kind: type[DatavFileSystem], options: dict[str, Any]) -> DatavFileSystem:
    return kind(**options)


def _readings(path: str) -> Iterator[tuple[str, str, str]]:
    """Yield (head, revision, rest) of each way to read `HEAD@REV` or `HEAD@REV/REST`, the last `@` first."""
    at = path.rfind("@")
    while at >= 0:
        parts = path[at + 1 :].split("/")
        for end in range(1, len(parts) + 1):
            yield path[:at].rstrip("/"), "/".join(parts[:end]), "/".join(parts[end:])
        at = path.rfind("@", 0, at)


def _info(place: _Place, item: Item) -> Info:
    name = place.name(item.path)
    if item.content is None:
        return {"name": name, "size": 0, "type": "directory", "islink": False}
    return {
        "name": name,
        "size": item.content.size,
        "type": "link" if item.kind == "symlink" else "file",
        "islink": item.kind == "symlink",
        "executable": item.kind == "executable",
        "id": f"b3:{item.content.id.hex()}",
    }


def _directories(paths: Mapping[bytes, object], top: bytes) -> set[bytes]:
    """The directories above `paths`, from `top` on; not the top of the repository."""
    found: set[bytes] = set()
    for path in paths:
        above = path.rpartition(b"/")[0]
        while len(above) >= max(1, len(top)) and above not in found:
            found.add(above)
            above = above.rpartition(b"/")[0]
    return found


def _bounds(start: int | None, end: int | None, size: int) -> tuple[int, int]:
    """Return where a slice of `size` bytes begins and ends, as Python slices."""
    first, last, _ = slice(start, end).indices(size)
    return first, max(first, last)
