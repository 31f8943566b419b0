"""git's objects as they are stored, each hashed anew.

git does not compare what it reads from a pack with its name, and shows another object where a replacement
says so.  Here every object is read without replacements and without grafts, and its hash compared with the
name by which it was asked for.
"""

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator
from hashlib import sha1, sha256
from types import TracebackType
from typing import Literal, NamedTuple, Self

from datav.errors import GitError, IntegrityError
from datav.git.process import Conversation, Git
from datav.git.repository import GitRepository

ObjectKind = Literal["commit", "tag", "tree", "blob"]
HashName = Literal["sha1", "sha256"]

# A tree of a million files in one directory; nobody's tree is larger.
MAX_TREE = 128 * 2**20
MAX_COMMIT = 16 * 2**20

_KINDS: dict[bytes, ObjectKind] = {b"commit": "commit", b"tag": "tag", b"tree": "tree", b"blob": "blob"}
_SHA1_DIGITS, _SHA256_DIGITS = 40, 64


class BrokenObjectError(IntegrityError):
    """An object of git's is missing, or is not what its name says."""

    code = "git-object"


class RawObject(NamedTuple):
    """An object whose bytes hash to its name."""

    kind: ObjectKind
    data: bytes


class TreeEntry(NamedTuple):
    """A line of a tree."""

    mode: bytes
    """Octal, without a leading zero: `100644`, `40000`."""
    name: bytes
    oid: str

    @property
    def is_tree(self) -> bool:
        return self.mode == b"40000"

    @property
    def is_file(self) -> bool:
        return self.mode.startswith(b"100")


class Tag(NamedTuple):
    """What a tag object says."""

    target: str
    kind: str
    """Of the target."""
    name: str
    """What the tag calls itself, whatever the reference to it is called."""


def without_replacements(git: Git) -> Git:
    """Return git as it is started to see its objects as they are."""
    variables = {**git.variables, "GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": os.devnull}
    return dataclasses.replace(git, variables=variables)


def hash_name(oid: str) -> HashName:
    """Which function made this name."""
    return "sha1" if len(oid) == _SHA1_DIGITS else "sha256"


def hash_object(kind: ObjectKind, data: bytes, name: HashName) -> str:
    """Return the name of an object with these bytes.  Pure."""
    header = f"{kind} {len(data)}\0".encode()
    # Not for secrecy: it is git's name for them.
    state = sha1(header, usedforsecurity=False) if name == "sha1" else sha256(header)
    state.update(data)
    return state.hexdigest()


def name_object(repository: GitRepository, rev: str) -> tuple[str, str | None]:
    """Return the object that `rev` names, not followed, and the reference that it is; None when it is none.

    Raises:
        UnknownRevisionError: it names nothing, or no commit.
    """
    repository.resolve(rev)
    git = without_replacements(repository.git)
    oid = git.run("rev-parse", "--verify", "--end-of-options", rev).decode().strip()
    reference = git.ask("rev-parse", "--symbolic-full-name", "--verify", "--end-of-options", rev)
    return oid, reference.stdout.decode("utf-8", "replace").strip() or None


class RawObjects:
    """Reads objects of one repository, one process for all.  Used by one thread, in a `with`."""

    def __init__(self, git: Git) -> None:
        self._git = without_replacements(git)
        self._open: Conversation | None = None
        self.read: Counter[ObjectKind] = Counter()
        """How many of each kind were read and are what their names say."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def get(self, oid: str, kind: ObjectKind | None = None, *, max_size: int = MAX_COMMIT) -> RawObject:
        """Return an object.

        Args:
            oid: its whole name.
            kind: what it has to be; None: anything.
            max_size: more is not taken into memory.

        Raises:
            BrokenObjectError: git has it not, cannot read it, or has something else under its name; or it is
                larger.
        """
        if len(oid) not in (_SHA1_DIGITS, _SHA256_DIGITS) or oid.strip("0123456789abcdef"):
            raise BrokenObjectError(f"{oid[:64]!r} is no name of an object")
        try:
            found = self._ask(oid, max_size)
        except GitError as exc:
            # A damaged object can end git; the next question goes to another process.
            self._end()
            raise BrokenObjectError(f"git cannot read {oid}: {exc}") from exc
        actual = hash_object(found.kind, found.data, hash_name(oid))
        if actual != oid:
            raise BrokenObjectError(f"{found.kind} {oid} of git hashes to {actual}")
        if kind is not None and found.kind != kind:
            raise BrokenObjectError(f"{oid} of git is a {found.kind}, not a {kind}")
        self.read[found.kind] += 1
        return found

    def _ask(self, oid: str, max_size: int) -> RawObject:
        if self._open is None:
            self._open = self._git.converse("cat-file", "--batch")
        conversation = self._open
        try:
            conversation.questions.write(f"{oid}\n".encode())
            conversation.questions.flush()
        except BrokenPipeError as exc:
            raise conversation.fail() from exc
        header = conversation.answers.readline().split()
        if not header:
            raise conversation.fail()
        if len(header) != 3 or header[1] not in _KINDS:
            raise GitError(header[-1].decode("utf-8", "replace"))
        kind, size = _KINDS[header[1]], int(header[2])
        if size > max_size:
            raise GitError(f"a {kind} of {size} bytes is larger than {max_size}")
        data = conversation.answers.read(size + 1)
        if len(data) != size + 1:
            raise conversation.fail()
        return RawObject(kind, data[:-1])

    def _end(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
            self._open = None


def parse_tree(data: bytes, oid: str) -> list[TreeEntry]:
    """Return the lines of a tree.

    Raises:
        BrokenObjectError: it is no tree, has a name twice, or one that is none.
    """
    entries = list(_iter_tree(data, oid))
    names = {entry.name for entry in entries}
    if len(names) < len(entries):
        raise BrokenObjectError(f"tree {oid} of git has a name twice")
    if names & {b"", b".", b".."} or any(b"/" in name for name in names):
        raise BrokenObjectError(f"tree {oid} of git has a name that is none")
    return entries


def _iter_tree(data: bytes, oid: str) -> Iterator[TreeEntry]:
    size, at = len(oid) // 2, 0
    while at < len(data):
        space, nul = data.find(b" ", at), data.find(b"\0", at)
        if not at < space < nul or nul + 1 + size > len(data):
            raise BrokenObjectError(f"tree {oid} of git is cut off")
        yield TreeEntry(data[at:space], data[space + 1 : nul], data[nul + 1 : nul + 1 + size].hex())
        at = nul + 1 + size


def tree_of_commit(data: bytes, oid: str) -> str:
    """Return the tree that a commit names; BrokenObjectError if it names none."""
    word, _, tree = data.partition(b"\n")[0].partition(b" ")
    if word != b"tree":
        raise BrokenObjectError(f"commit {oid} of git names no tree")
    return tree.decode("ascii", "replace")


def parse_tag(data: bytes, oid: str) -> Tag:
    """Return what a tag says; BrokenObjectError if it is none."""
    lines = [line.partition(b" ") for line in data.split(b"\n", 3)[:3]]
    if [word for word, _, _ in lines] != [b"object", b"type", b"tag"]:
        raise BrokenObjectError(f"tag {oid} of git names nothing")
    target, kind, name = (rest.decode("utf-8", "replace") for _, _, rest in lines)
    return Tag(target, kind, name)
