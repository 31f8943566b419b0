"""A git work tree, and what can be asked of it.

Thin and value-typed: each method is one git process unless it says otherwise, nothing is remembered
between calls, and paths are `RelPath`s from the top of the work tree.  Revisions are whatever git
understands, except that they cannot begin with a dash.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple, Self

from datav.errors import FormatError, GitError, NotARepositoryError, UnknownRevisionError, UsageError
from datav.git.process import Conversation, Git, Output, batches, join_nul, split_nul
from datav.relpath import RelPath

MANIFEST_SUFFIX = b".datav"

# The bound of docs/formats/manifest.md.
MAX_MANIFEST_SIZE = 2**20

# 32 questions are under 4 KiB with SHA-256, which is the smallest pipe there is (Windows): git can always
# take all of them before it is stuck with an answer.
_QUESTIONS_AT_ONCE = 32

Change = Literal["added", "modified", "removed"]

_CHANGES: Mapping[bytes, Change] = {
    b"A": "added",
    b"C": "added",
    b"D": "removed",
    b"M": "modified",
    b"T": "modified",
    # Unmerged: what it will be is not decided, but it is not what HEAD has.
    b"U": "modified",
}


Operation = Literal["merge", "rebase", "cherry-pick", "revert", "am"]

# Each is there while the operation is; of a rebase there may be a merge or a cherry-pick as well.
_OPERATIONS: tuple[tuple[str, Operation], ...] = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
)


class TreeFile(NamedTuple):
    """A regular file of a commit."""

    path: RelPath
    oid: str


class IndexEntry(NamedTuple):
    """A regular file of the index; stages 1 to 3 are base, ours and theirs of a conflict."""

    path: RelPath
    oid: str
    stage: int


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A work tree with its repository.  Made by `discover` or `init`."""

    root: Path
    """Top of the work tree, absolute, symbolic links resolved."""
    git_dir: Path
    """Of this work tree: its HEAD and index."""
    common_dir: Path
    """Shared by all work trees: objects, refs, and our `datav/`."""
    git: Git = field(repr=False, compare=False)
    """How git is started here."""

    # --- finding and making one

    @classmethod
    def discover(cls, start: Path) -> Self:
        """Return the repository that `start` lies in, as git itself would find it.

        Raises:
            NotARepositoryError: there is none, it is bare, or `start` is inside a `.git`.
            GitError: git refuses it, for instance because somebody else owns it.
        """
        git = Git(start)
        output = git.ask("rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir")
        if output.status != 0:
            raise _discovery_error(start, output)
        return cls._from_lines(start, git, output.stdout)

    @classmethod
    def init(cls, path: Path) -> Self:
        """Make a repository in `path`, which may exist, and return it.  Two processes."""
        path.mkdir(parents=True, exist_ok=True)
        # Called from a hook, GIT_DIR would make it somewhere else.
        git = Git(path, isolated=True)
        git.run("init", "--quiet")
        stdout = git.run("rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir")
        return cls._from_lines(path, git, stdout)

    @classmethod
    def clone(cls, here: Path, url: str, directory: Path | None, *, branch: str | None = None) -> Self:
        """Clone `url` into `directory`, by default one called after it, and return it.

        Args:
            here: what a relative `url` or `directory` is relative to.

        Raises:
            GitError: git could not; it leaves nothing behind then.
        """
        git = Git(here, isolated=True)
        target = str(directory) if directory is not None else _name_for(url)
        chosen = () if branch is None else ("--branch", branch)
        git.run("clone", "--quiet", *chosen, "--", url, target)
        return cls.discover(here / target)

    @classmethod
    def _from_lines(cls, start: Path, git: Git, stdout: bytes) -> Self:
        lines = os.fsdecode(stdout).removesuffix("\n").split("\n")
        if len(lines) != 3:
            raise NotARepositoryError(f"the path of the repository at {str(start)!r} holds a line break")
        root, git_dir = Path(lines[0]), Path(lines[1])
        # Relative to where git was asked, unless it is elsewhere.
        common_dir = Path(os.path.normpath(start.absolute() / lines[2]))
        # In a hook GIT_DIR may be relative to a directory that is not ours; from here on it is not.
        variables = {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(root)} if _is_pinned(git) else {}
        return cls(root, git_dir, common_dir, Git(root, variables, git.isolated))

    def list_worktrees(self) -> list[Self]:
        """Return the work trees of this repository whose directories are there: this one, then the others.

        One process, and one for each other work tree.
        """
        listed = self.git.run("worktree", "list", "--porcelain", "-z")
        others: list[Self] = []
        for record in listed.split(b"\0\0"):
            attributes = dict(line.partition(b" ")[::2] for line in record.split(b"\0"))
            path = Path(os.fsdecode(attributes.get(b"worktree", b"")))
            if b"worktree" not in attributes or b"bare" in attributes or not path.is_dir():
                continue
            # Isolated: in a hook, GIT_DIR says which work tree the hook is for.
            git = Git(path, isolated=True)
            output = git.ask("rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir")
            if output.status == 0:
                others.append(self._from_lines(path, git, output.stdout))
        return [self, *(other for other in others if other.root != self.root)]

    # --- revisions

    def resolve(self, rev: str) -> str:
        """Return the id of the commit that `rev` names.

        Raises:
            UnknownRevisionError: it names nothing, or no commit.
        """
        _check_revision(rev)
        output = self.git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
        oid = output.stdout.decode().strip()
        if output.status != 0 or not oid:
            from datav.git.shallow import explain_unknown

            raise explain_unknown(self.git, rev) or UnknownRevisionError(
                f"git knows no commit {rev!r}",
                hint="`git log --all --oneline` and `git branch --all` list what there is",
            )
        return oid

    def head(self) -> str | None:
        """Return the commit that is checked out; None before the first one."""
        output = self.git.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return output.stdout.decode().strip() or None

    def branch(self) -> str | None:
        """Return the name of the branch that is checked out; None when HEAD is detached."""
        return self.git.ask("symbolic-ref", "--quiet", "--short", "HEAD").stdout.decode().strip() or None

    def is_shallow(self) -> bool:
        """Return whether git has only a part of the history (`git clone --depth`)."""
        return self.git.run("rev-parse", "--is-shallow-repository").strip() == b"true"

    def merge_base(self, ours: str, theirs: str) -> str | None:
        """Return the best common ancestor of two revisions; None when they share no history."""
        _check_revision(ours)
        _check_revision(theirs)
        output = self.git.ask("merge-base", "--end-of-options", ours, theirs)
        if output.status not in (0, 1):
            self.resolve(ours)
            self.resolve(theirs)
            raise GitError(output.message)
        return output.stdout.decode().strip() or None

    # --- what lies in a commit

    def list_files(self, rev: str, suffix: bytes = MANIFEST_SUFFIX) -> list[TreeFile]:
        """Return the regular files of a commit whose names end in `suffix`, sorted by path.

        Raises:
            UnknownRevisionError: git does not know `rev`.
            UnsafePathError: somebody committed a path that must never be written.

        Cost: git lists every file of the commit, about 1 microsecond each.
        """
        return list(_parse_tree(self._ask_revision(rev, "ls-tree", "-r", "-z", "--full-tree", rev), suffix))

    def read_files(self, rev: str, paths: Iterable[RelPath]) -> dict[RelPath, bytes]:
        """Return the contents of regular files in a commit; those that it lacks are left out.

        Two processes.  Raises as `list_files` and `read_blobs` do.
        """
        wanted = list(paths)
        found: dict[RelPath, str] = {}
        for batch in batches(wanted):
            output = self._ask_revision(
                rev, "--literal-pathspecs", "ls-tree", "-z", "--full-tree", rev, "--", *batch
            )
            found |= {file.path: file.oid for file in _parse_tree(output, b"")}
        blobs = self.read_blobs(found.values())
        return {path: blobs[found[path]] for path in wanted if path in found}

    def read_blobs(self, oids: Iterable[str], *, max_size: int = MAX_MANIFEST_SIZE) -> dict[str, bytes]:
        """Return the contents of blobs by id.

        Raises:
            FormatError: a blob is larger than `max_size`; it was not taken into memory.
            GitError: an id is unknown or no blob.
        """
        blobs: dict[str, bytes] = {}
        for oid, content in self.iter_blobs(dict.fromkeys(oids), max_size=max_size):
            if content is None:
                raise FormatError(
                    f"the file {oid} in git is larger than {max_size} bytes, too large for a manifest"
                )
            blobs[oid] = content
        return blobs

    def iter_blobs(
        self, oids: Iterable[str], *, max_size: int = MAX_MANIFEST_SIZE
    ) -> Iterator[tuple[str, bytes | None]]:
        """Yield each id with its content, in order; None for a blob larger than `max_size`.

        One process for all of them.  Raises GitError when an id is unknown or no blob.
        """
        wanted = list(oids)
        if not wanted:
            return
        with self.git.converse("cat-file", "--batch") as conversation:
            for begin in range(0, len(wanted), _QUESTIONS_AT_ONCE):
                questions = wanted[begin : begin + _QUESTIONS_AT_ONCE]
                _ask_blobs(conversation, questions)
                for oid in questions:
                    yield oid, _read_answer(conversation, oid, max_size)

    def diff_names(self, before: str, after: str, suffix: bytes = MANIFEST_SUFFIX) -> dict[RelPath, Change]:
        """Return which files with that suffix differ between two commits, and how.

        A rename is one removed and one added.  Cost follows what differs.
        """
        _check_revision(before)
        _check_revision(after)
        options = ("-r", "-z", "--no-renames", "--name-status")
        output = self.git.ask("diff-tree", *options, before, after, "--", _pattern(suffix))
        if output.status != 0:
            self.resolve(before)
            self.resolve(after)
            raise GitError(output.message)
        return _parse_changes(output.stdout)

    # --- the index

    def list_index(self, suffix: bytes = MANIFEST_SUFFIX) -> list[IndexEntry]:
        """Return the regular files of the index with that suffix, sorted by path and stage."""
        return list(_parse_index(self.git.run("ls-files", "-s", "-z", "--", _pattern(suffix))))

    def find_in_index(self, path: RelPath) -> list[IndexEntry]:
        """Return a file of the index, one entry for each stage; nothing if it is not there."""
        output = self.git.run("--literal-pathspecs", "ls-files", "-s", "-z", "--", bytes(path))
        return [entry for entry in _parse_index(output) if entry.path == path]

    def list_present(self, suffix: bytes = MANIFEST_SUFFIX) -> list[RelPath]:
        """Return the files with that suffix in the index or the work tree, ignored ones left out, sorted."""
        listed = self.git.run(
            *("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", _pattern(suffix))
        )
        return [RelPath(path) for path in sorted(set(split_nul(listed)))]

    def find_tracked(self, paths: Iterable[RelPath]) -> set[RelPath]:
        """Return those of `paths` that are files in the index.  A directory never is."""
        wanted = set(paths)
        listed: set[bytes] = set()
        for batch in batches(sorted(wanted)):
            listed.update(split_nul(self.git.run("--literal-pathspecs", "ls-files", "-z", "--", *batch)))
        return {path for path in wanted if bytes(path) in listed}

    def list_tracked_under(self, directory: RelPath | None = None) -> list[RelPath]:
        """Return the files in the index below `directory`, or all of them."""
        below = [bytes(directory) + b"/"] if directory is not None else []
        output = self.git.run("--literal-pathspecs", "ls-files", "-z", "--", *below)
        return [RelPath(path) for path in dict.fromkeys(split_nul(output))]

    def staged_changes(self, suffix: bytes = MANIFEST_SUFFIX) -> dict[RelPath, Change]:
        """Return which files with that suffix the next commit would change, and how."""
        output = self.git.run(
            # Not diff-index: it needs a commit, and before the first one there is none.
            *("diff", "--cached", "--name-status", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"),
            *("--ignore-submodules=all", "--", _pattern(suffix)),
        )
        return _parse_changes(output)

    def unstaged_changes(self, suffix: bytes = MANIFEST_SUFFIX) -> dict[RelPath, Change]:
        """Return which files with that suffix are not on disk as they are in the index, and how."""
        output = self.git.run(
            *("diff", "--name-status", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"),
            *("--ignore-submodules=all", "--", _pattern(suffix)),
        )
        return _parse_changes(output)

    def find_ignored(self, paths: Iterable[RelPath]) -> set[RelPath]:
        """Return those of `paths` that git's ignore rules leave out, tracked or not."""
        wanted = set(paths)
        output = self.git.ask("check-ignore", "--no-index", "-z", "--stdin", stdin=join_nul(sorted(wanted)))
        if output.status not in (0, 1):
            raise GitError(output.message)
        listed = set(split_nul(output.stdout))
        return {path for path in wanted if bytes(path) in listed}

    # --- changing the index, the work tree and history

    def stage(self, paths: Iterable[RelPath], *, force: bool = False) -> None:
        """Put files as they are on disk into the index; a file that is gone is removed from it.

        Args:
            force: also what an ignore rule leaves out.
        """
        self._with_paths("add", *(["--force"] if force else []), paths=paths)

    def unstage(self, paths: Iterable[RelPath]) -> None:
        """Make the index say of `paths` what HEAD says; the files on disk stay."""
        self._with_paths("reset", "--quiet", paths=paths)

    def remove_cached(self, paths: Iterable[RelPath]) -> None:
        """Take files out of the index; those on disk stay, those not in it are passed over."""
        self._with_paths("rm", "--cached", "--quiet", "--ignore-unmatch", paths=paths)

    def set_unmerged(self, stages: Mapping[RelPath, Sequence[bytes | None]]) -> None:
        """Make files unmerged in the index, as a merge of git's leaves them; the files on disk stay.

        Args:
            stages: for each path the contents in base, ours and theirs; None: that has no such file.

        One process, and one for each content.
        """
        self._set_entries({path: dict(enumerate(found, 1)) for path, found in stages.items()})

    def set_merged(self, contents: Mapping[RelPath, bytes]) -> None:
        """Make the index say of files that they hold this, and that they are merged; those on disk stay.

        One process, and one for each content.
        """
        self._set_entries({path: {0: content} for path, content in contents.items()})

    def _set_entries(self, entries: Mapping[RelPath, Mapping[int, bytes | None]]) -> None:
        """Replace all stages of files in the index."""
        if not entries:
            return
        nothing = "0" * len(self.git.run("hash-object", "--stdin").strip())
        records: list[bytes] = []
        for path, stages in entries.items():
            records.append(f"0 {nothing}\t".encode() + path)
            for stage, content in stages.items():
                if content is not None:
                    oid = self.git.run("hash-object", "-w", "--stdin", "--no-filters", stdin=content)
                    records.append(f"100644 {oid.decode().strip()} {stage}\t".encode() + path)
        self.git.run("update-index", "-z", "--index-info", stdin=join_nul(records))

    def find_operation(self) -> Operation | None:
        """Return what of git's is under way in this work tree, and ends with a commit of the user's.

        No process.
        """
        for name, operation in _OPERATIONS:
            if (self.git_dir / name).exists():
                return operation
        return None

    def move(self, source: RelPath, target: RelPath) -> None:
        """Rename a tracked file on disk and in the index; GitError if `target` exists."""
        self.git.run("mv", "--", source, target)

    def checkout(self, rev: str) -> None:
        """Switch HEAD, index and work tree to a branch or commit.

        Hooks and filters that the user configured run, as they do when the user types it.

        Raises:
            UnknownRevisionError: git does not know `rev`.
            GitError: git refuses, in its own words; nothing has changed then.
        """
        _check_revision(rev)
        output = self.git.ask("checkout", "--quiet", rev, "--")
        if output.status != 0:
            if b"invalid reference" in output.stderr:
                self.resolve(rev)
            raise GitError(f"git did not check out {rev!r}: {output.message}")

    def checkout_paths(self, rev: str, paths: Iterable[RelPath]) -> None:
        """Make the index and the files on disk what they are in a commit, overwriting them."""
        _check_revision(rev)
        self._with_paths("checkout", "--quiet", rev, paths=paths)

    def commit(
        self, message: str, *, author: tuple[str, str] | None = None, allow_empty: bool = False
    ) -> str:
        """Commit the index and return the new commit's id.  Two processes.

        Args:
            author: name and address of author and committer; by default the user's own.
        """
        variables = _identity(*author) if author else {}
        empty = ["--allow-empty"] if allow_empty else []
        output = self.git.ask(
            "commit", "--quiet", "-F", "-", *empty, stdin=message.encode(), variables=variables
        )
        if output.status != 0:
            # "nothing to commit" is told on stdout.
            told = output.stdout.decode("utf-8", "replace").strip().splitlines()
            raise GitError(output.message if output.stderr.strip() or not told else told[-1])
        return self.resolve("HEAD")

    # --- texts

    def merge_texts(self, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
        """Return three versions of a text merged line by line; None where they conflict, or are no texts.

        One process, and three small files beside git's own.
        """
        with TemporaryDirectory(dir=self.git_dir, prefix="datav-") as directory:
            names = []
            for name, text in (("ours", ours), ("base", base), ("theirs", theirs)):
                path = Path(directory, name)
                path.write_bytes(text)
                names.append(str(path))
            output = self.git.ask("merge-file", "-p", "-q", "--", *names)
        return output.stdout if output.status == 0 else None

    # --- configuration

    def locate(self, name: str) -> Path:
        """Return where git keeps `name` ("hooks", "info/attributes") for this work tree."""
        stdout = os.fsdecode(self.git.run("rev-parse", "--git-path", name)).removesuffix("\n")
        return self.root / stdout

    def read_config(self, name: str) -> str | None:
        """Return a setting of git's; None when it is not set."""
        output = self.git.ask("config", "-z", "--get", name)
        if output.status not in (0, 1):
            raise GitError(output.message)
        return output.stdout.decode("utf-8", "replace").removesuffix("\0") if output.status == 0 else None

    def list_config(self, prefix: str) -> set[str]:
        """Return the names of the settings of git's that begin so.

        Args:
            prefix: a regular expression, but for its dots, which are dots.
        """
        pattern = "^" + prefix.replace(".", "\\.")
        output = self.git.ask("config", "-z", "--name-only", "--get-regexp", pattern)
        if output.status not in (0, 1):
            raise GitError(output.message)
        return {name.decode("utf-8", "replace") for name in split_nul(output.stdout)}

    def write_config(self, name: str, value: str | None) -> None:
        """Set a setting in this repository's own configuration, or remove it."""
        if value is not None:
            self.git.run("config", "--local", "--replace-all", name, value)
            return
        output = self.git.ask("config", "--local", "--unset-all", name)
        if output.status not in (0, 5):  # 5: it was not set
            raise GitError(output.message)

    # --- private

    def _ask_revision(self, rev: str, *args: str | bytes) -> bytes:
        """Run a command about `rev`; if it fails, tell an unknown revision from other trouble."""
        _check_revision(rev)
        output = self.git.ask(*args)
        if output.status != 0:
            self.resolve(rev)
            raise GitError(output.message)
        return output.stdout

    def _with_paths(self, *command: str, paths: Iterable[RelPath]) -> None:
        """Run a command for the named files; for none of them, do nothing."""
        stdin = join_nul(paths)
        # With an empty list git would take all files.
        if stdin:
            self.git.run(
                "--literal-pathspecs", *command, "--pathspec-from-file=-", "--pathspec-file-nul", stdin=stdin
            )


def _name_for(url: str) -> str:
    """The directory that `git clone` makes when none is named."""
    bare = url.rstrip("/").removesuffix("/.git").rstrip("/")
    name = re.split(r"[/:\\]", bare)[-1].removesuffix(".git").removesuffix(".bundle")
    if name in ("", ".", ".."):
        raise UsageError(f"{url} does not say what the directory is to be called", hint="name one behind it")
    return name


def _is_pinned(git: Git) -> bool:
    return not git.isolated and ("GIT_DIR" in os.environ or "GIT_WORK_TREE" in os.environ)


def _discovery_error(start: Path, output: Output) -> Exception:
    if b"not a git repository" in output.stderr:
        return NotARepositoryError(
            f"{str(start)!r} is not in a git repository", hint="run `git init` first, then `datav init`"
        )
    if b"must be run in a work tree" in output.stderr:
        return NotARepositoryError(
            f"{str(start)!r} is in a git repository without a work tree",
            hint="use a clone with a work tree: `git clone`, or `git init` for a new one",
        )
    return GitError(output.message)


def _check_revision(rev: str) -> None:
    if not rev or rev.startswith("-") or any(c in rev for c in "\0\n"):
        raise UnknownRevisionError(f"{rev!r} cannot be a revision")


def _pattern(suffix: bytes) -> bytes:
    if any(c in b"*?[\\" for c in suffix):
        raise UsageError(f"{suffix!r} is not a plain suffix")
    return b":(top)*" + suffix


def _identity(name: str, address: str) -> dict[str, str]:
    return {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
    }


def _parse_tree(output: bytes, suffix: bytes) -> Iterator[TreeFile]:
    """Read `ls-tree -z`: `MODE SP TYPE SP OID TAB PATH`."""
    for record in split_nul(output):
        # Most files of most repositories are none of ours: look at the end first.
        if record.endswith(suffix) and record.startswith(b"100"):
            stat, _, path = record.partition(b"\t")
            yield TreeFile(RelPath(path), stat.split(b" ")[2].decode())


def _parse_index(output: bytes) -> Iterator[IndexEntry]:
    """Read `ls-files -s -z`: `MODE SP OID SP STAGE TAB PATH`."""
    for record in split_nul(output):
        if record.startswith(b"100"):
            stat, _, path = record.partition(b"\t")
            _, oid, stage = stat.split(b" ")
            yield IndexEntry(RelPath(path), oid.decode(), int(stage))


def _parse_changes(output: bytes) -> dict[RelPath, Change]:
    """Read `--name-status -z` without renames: a letter and a path in turns."""
    records = split_nul(output)
    return {
        RelPath(path): _CHANGES[letter[:1]] for letter, path in zip(records[::2], records[1::2], strict=True)
    }


def _ask_blobs(conversation: Conversation, oids: list[str]) -> None:
    if any("\n" in oid for oid in oids):
        raise UsageError("an object id holds a line break")
    try:
        conversation.questions.write("".join(f"{oid}\n" for oid in oids).encode())
        conversation.questions.flush()
    except BrokenPipeError as exc:
        raise conversation.fail() from exc


def _read_answer(conversation: Conversation, oid: str, max_size: int) -> bytes | None:
    """Read `OID SP TYPE SP SIZE LF CONTENT LF`; None when the content is too large."""
    header = conversation.answers.readline().split()
    if not header:
        raise conversation.fail()
    if len(header) != 3 or header[1] != b"blob":
        raise GitError(f"git has no file {oid}: {header[-1].decode('utf-8', 'replace')}")
    size = int(header[2])
    if size > max_size:
        _skip(conversation, size + 1)
        return None
    content = conversation.answers.read(size + 1)
    if len(content) != size + 1:
        raise conversation.fail()
    return content[:-1]


def _skip(conversation: Conversation, size: int) -> None:
    while size > 0:
        piece = conversation.answers.read(min(size, 2**16))
        if not piece:
            raise conversation.fail()
        size -= len(piece)
