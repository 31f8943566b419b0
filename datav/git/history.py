"""What lies in commits: the log of a file, and every manifest that git can still reach.

`iter_reachable_manifests` decides what garbage collection keeps, so it errs on the side of more: all
refs, all reflogs, the stash, every work tree with its index and its half-done merge or rebase.

Completeness rests on one induction: a manifest of a commit is either the same in its first parent, or
appears in the difference to it, or the commit has no parent and is listed whole.  Every commit is
compared, so every manifest appears.  At the boundary of a shallow clone a commit has no parent.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from datav.errors import GitError
from datav.git.process import Conversation, Git, split_nul
from datav.git.repository import MANIFEST_SUFFIX, GitRepository
from datav.relpath import RelPath

# Names besides refs under which git keeps a commit (or a tree) of work in progress.
_ROOT_REFS = (
    "HEAD",
    "AUTO_MERGE",
    "BISECT_EXPECTED_REV",
    "BISECT_HEAD",
    "CHERRY_PICK_HEAD",
    "FETCH_HEAD",
    "MERGE_AUTOSTASH",
    "MERGE_HEAD",
    "ORIG_HEAD",
    "REBASE_HEAD",
    "REVERT_HEAD",
    "rebase-merge/autostash",
    "rebase-merge/onto",
    "rebase-merge/orig-head",
    "rebase-merge/stopped-sha",
    "rebase-apply/autostash",
    "rebase-apply/orig-head",
)

# Written between the records of a log.  Nothing else there has two NULs before it, because every field
# begins with a letter, whatever its commit left empty.
_RECORD = b"\0\0commit\0"
COMMIT_FIELDS = "%x00commit%x00o%H%x00n%aN%x00e%aE%x00d%aI%x00s%s%x00"

_PIECE_SIZE = 2**16

# Differences taken from git at a time, which bounds the memory for them.
_COMMITS_AT_ONCE = 20_000

RAW_CHANGE = re.compile(rb"(:+)([0-7]{6}(?: [0-7]{6})*) ([0-9a-f]+(?: [0-9a-f]+)*) ([A-Z]+)[0-9]*\Z")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit that changed a file."""

    oid: str
    author: str
    email: str
    date: datetime
    """When the author wrote it, with their own offset from UTC."""
    subject: str
    path: RelPath
    """What the file was called then."""
    blob: str | None
    """The file's content in this commit; None when the commit removed it."""


def read_log(
    repository: GitRepository, path: RelPath, *, rev: str = "HEAD", limit: int | None = None
) -> list[Commit]:
    """Return the commits that changed one file, newest first.

    A rename is followed when it left the content alone, as `datav mv` does: manifests look so much
    alike that git would take any other guess for likely.  A merge is listed only if its result is
    none of its parents'.

    Args:
        rev: where to start; an unborn HEAD has no commits.
        limit: at most so many.

    Raises:
        UnknownRevisionError: git does not know `rev`.
    """
    if rev == "HEAD" and repository.head() is None:
        return []
    oid = repository.resolve(rev)
    with repository.git.converse(
        *("--literal-pathspecs", "-c", "log.showSignature=false", "-c", "diff.relative=false"),
        *("log", "--follow", "-M100%", "-c", "--raw", "-z", "--no-abbrev", "--no-notes", "--no-ext-diff"),
        *("--encoding=UTF-8", f"--format=tformat:{COMMIT_FIELDS}", oid, "--", path),
    ) as log:
        # Not --max-count: it would count the merges that are left out.
        commits = (commit for commit in map(_parse_commit, iter_records(log)) if commit is not None)
        return list(islice(commits, limit))


def read_commit_time(repository: GitRepository, commit: str) -> datetime:
    """Return when a commit, named by its id, was committed, in UTC.

    Raises:
        GitError: there is no such commit, or it does not say.
    """
    text = repository.git.run("cat-file", "commit", commit).partition(b"\n\n")[0]
    found = re.search(rb"^committer .* ([0-9]{1,11}) [+-][0-9]{4}$", text, re.MULTILINE)
    if found is None:
        raise GitError(f"commit {commit} does not say when it was made")
    return datetime.fromtimestamp(int(found[1]), UTC)


def iter_reachable_manifests(repository: GitRepository, suffix: bytes = MANIFEST_SUFFIX) -> Iterator[str]:
    """Yield the id of every file with that suffix that git may still show somebody, each once.

    That is: in any commit reachable from a ref, a reflog, the stash or an operation in progress, or in
    the index, of this or any linked work tree, also one whose directory is not there just now.

    Cost: one pass over all commits, comparing trees only where they differ.

    Raises:
        GitError: git could not read all of its history; collecting garbage would be wrong then.
    """
    seen: set[str] = set()
    # Replaced objects count with both their faces: the walk sees the originals, and the replacements
    # are refs like any other.
    git = _with_variables(repository.git, {"GIT_NO_REPLACE_OBJECTS": "1"})
    views = [git, *_worktree_views(repository, git)]
    commits, others = _find_tips(git, views)
    sources: list[Iterator[str]] = [_iter_index(view, suffix) for view in views]
    sources += [_iter_tree(git, tree, suffix) for tree in others]
    sources.append(_iter_commits(git, commits, suffix))
    for source in sources:
        for oid in source:
            if oid not in seen:
                seen.add(oid)
                yield oid


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in history a file is from."""

    commit: str
    path: RelPath


def find_origins(
    repository: GitRepository, blobs: Iterable[str], suffix: bytes = MANIFEST_SUFFIX
) -> dict[str, Origin]:
    """Return the last commit that made a file with that suffix what each of `blobs` is, children first.

    Of the commits that `iter_reachable_manifests` looks at; of a blob that is in none, nothing.

    Cost: as that, and less when the youngest commits have them all.

    Raises:
        GitError: git could not read all of its history.
    """
    wanted, found = set(blobs), dict[str, Origin]()
    git = _with_variables(repository.git, {"GIT_NO_REPLACE_OBJECTS": "1"})
    commits, _ = _find_tips(git, [git, *_worktree_views(repository, git)]) if wanted else ([], [])
    # Merges last: compared with one parent, they seem to have made all that came from the others.
    for which in ("--no-merges", "--merges"):
        if found.keys() == wanted:
            break
        for blob, origin in _iter_origins(git, commits, suffix, which):
            if blob in wanted:
                found.setdefault(blob, origin)
    return found


def _iter_origins(git: Git, tips: list[str], suffix: bytes, which: str) -> Iterator[tuple[str, Origin]]:
    stdin = "".join(f"{oid}\n" for oid in tips).encode()
    # Not by date: commits made in one second would come in any order.
    order = ("--topo-order", which)
    commits = git.run("rev-list", *order, "--all", "--reflog", "--ignore-missing", "--stdin", stdin=stdin)
    lines = commits.splitlines(keepends=True)
    for begin in range(0, len(lines), _COMMITS_AT_ONCE):
        output = git.run(
            *("diff-tree", "--stdin", "--root", "-m", "-r", "-z", "--raw", "--no-abbrev", "--no-renames"),
            *("--diff-filter=AMT", "--no-ext-diff", "--", b":(top)*" + suffix),
            stdin=b"".join(lines[begin : begin + _COMMITS_AT_ONCE]),
        )
        commit = ""
        records = iter(split_nul(output))
        for record in records:
            if not record.startswith(b":"):
                commit = record.decode()
                continue
            _, mode, _, oid, _ = record.split(b" ")
            path = next(records)
            if mode.startswith(b"100"):
                yield oid.decode(), Origin(commit, RelPath(path))


def iter_records(log: Conversation) -> Iterator[bytes]:
    """Yield the records of `read_log` as git finds them."""
    pending = b"\0"  # The first record has only one NUL before it.
    while piece := log.answers.read1(_PIECE_SIZE):
        *complete, pending = (pending + piece).split(_RECORD)
        yield from filter(None, complete)
    log.end()
    if pending.strip(b"\0"):
        yield pending


def _parse_commit(record: bytes) -> Commit | None:
    """Read one record of `read_log`: five fields, and the raw difference of one file.

    None for a merge that has the file as one of its parents has it.
    """
    fields = record.split(b"\0")
    oid, author, email, date, subject = (field[1:].decode("utf-8", "replace") for field in fields[:5])
    # A line feed or a NUL, by the kind of commit, lies between the subject and the difference.
    rest = [field.strip(b"\n") if field.startswith(b"\n:") else field for field in fields[5:] if field]
    if not rest:
        return None
    raw, *paths = rest
    match = RAW_CHANGE.match(raw)
    if match is None:
        raise GitError(f"git's log has a line of unknown form: {raw[:80]!r}")
    blob = match[3].split()[-1].decode()
    # A rename has two paths, and the last is the one in this commit.
    return Commit(
        oid,
        author,
        email,
        parse_date(date),
        subject,
        RelPath(paths[-1]),
        None if set(blob) == {"0"} else blob,
    )


def parse_date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # A commit made by hand can hold any date; git itself shows 1970 then.
        return datetime.fromtimestamp(0, UTC)


def _with_variables(git: Git, variables: dict[str, str]) -> Git:
    return Git(git.cwd, {**git.variables, **variables}, git.isolated)


def _worktree_views(repository: GitRepository, git: Git) -> list[Git]:
    """Return how to ask git about each work tree.

    By their git directories, because `git worktree list` gives only the work trees' own, and those may
    be on a disk that is not mounted: their index counts all the same.  This work tree is among them: a
    hook may have been given another index than the one that stays.
    """
    # An index is never compared with files here, so any work tree will do.
    return [
        _with_variables(
            git,
            {
                "GIT_DIR": str(path),
                "GIT_WORK_TREE": str(repository.root),
                "GIT_INDEX_FILE": str(path / "index"),
            },
        )
        for path in (repository.common_dir, *_list_git_dirs(repository.common_dir / "worktrees"))
    ]


def _list_git_dirs(path: Path) -> list[Path]:
    try:
        # Without a HEAD it is a remnant that git does not take for a work tree either.
        return sorted(entry for entry in path.iterdir() if (entry / "HEAD").exists())
    except FileNotFoundError:
        return []


def _find_tips(git: Git, views: Iterable[Git]) -> tuple[list[str], list[str]]:
    """Return what history can be reached from that `rev-list --all --reflog` does not know by itself.

    Two lists of ids: commits, and trees that no commit need have.
    """
    tips: set[tuple[str, str]] = set()
    for view in views:
        names = "".join(f"{name}\n" for name in _ROOT_REFS)
        answers = view.run("cat-file", "--batch-check=%(objecttype) %(objectname)", stdin=names.encode())
        refs = view.run(
            *("for-each-ref", "--format=%(objecttype) %(objectname)%0a%(*objecttype) %(*objectname)"),
        )
        for line in (answers + refs).decode("utf-8", "replace").splitlines():
            kind, _, oid = line.partition(" ")
            tips.add((kind, oid))
    commits = sorted(oid for kind, oid in tips if kind == "commit")
    return commits, sorted(oid for kind, oid in tips if kind == "tree")


def _iter_index(git: Git, suffix: bytes) -> Iterator[str]:
    for record in split_nul(git.run("ls-files", "-s", "-z", "--", b":(top)*" + suffix)):
        if record.startswith(b"100"):
            yield record.split(b" ")[1].decode()


def _iter_tree(git: Git, tree: str, suffix: bytes) -> Iterator[str]:
    for record in split_nul(git.run("ls-tree", "-r", "-z", "--full-tree", tree)):
        if record.startswith(b"100") and record.endswith(suffix):
            yield record.partition(b"\t")[0].split(b" ")[2].decode()


def _iter_commits(git: Git, tips: list[str], suffix: bytes) -> Iterator[str]:
    """Yield the files that each commit has and its first parent has not."""
    stdin = "".join(f"{oid}\n" for oid in tips).encode()
    commits = git.run("rev-list", "--all", "--reflog", "--ignore-missing", "--stdin", stdin=stdin)
    lines = commits.splitlines(keepends=True)
    for begin in range(0, len(lines), _COMMITS_AT_ONCE):
        output = git.run(
            *("diff-tree", "--stdin", "--root", "-m", "-r", "-z", "--raw", "--no-abbrev", "--no-commit-id"),
            *("--no-renames", "--diff-filter=AMT", "--no-ext-diff", "--", b":(top)*" + suffix),
            stdin=b"".join(lines[begin : begin + _COMMITS_AT_ONCE]),
        )
        # `:OLDMODE SP NEWMODE SP OLDOID SP NEWOID SP LETTER`, then the path.
        for record in split_nul(output)[::2]:
            _, mode, _, oid, _ = record.split(b" ")
            if mode.startswith(b"100"):
                yield oid.decode()
