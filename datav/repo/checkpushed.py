"""check --pushed: whether all that commits need is on the default remote.

The remote is asked, now: what this clone remembers of it counts for nothing.  It is there when some clone's
live root promises it, so that no collection takes it away, and when an index there lists each of its tree
nodes and chunks, in a pack that is there.  Packs are not read: `verify --remote` does that.

Tree nodes are the same everywhere, so they are read from the local store where it has them.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from datav.errors import FormatError, MissingChunkError, UsageError
from datav.formats.entry import Content
from datav.formats.root import live_contents, live_roots
from datav.git.manifestlog import iter_changes
from datav.git.pushed import is_on_remote_branch
from datav.ids import Buffer, NodeId
from datav.relpath import RelPath
from datav.repo.connecting import connected, layered_reader
from datav.repo.datasets import dataset_of_manifest
from datav.repo.diffends import is_revision, refuse_shallow
from datav.repo.repository import Repository
from datav.repo.roots import manifests_in
from datav.repo.wanted import Version, choose_versions, versions_of
from datav.store.completeness import Completeness, Lack
from datav.store.reading import Reading
from datav.store.remote import RemoteStore

State = Literal["absent", "incomplete", "unpromised"]


@dataclass(frozen=True, slots=True)
class NotPushed:
    """Something that commits need and that cannot be relied on to be on the remote."""

    path: RelPath
    """Of the dataset."""
    id: str
    bytes: int
    """Of the content, as files."""
    commits: tuple[str, ...]
    """Those of the commits asked about that brought it, newest first; the last of all where none did."""
    is_profile: bool
    is_for_merge: bool
    state: State
    """`absent`: the remote has not even its top; `incomplete`: some of it; `unpromised`: all of it, but no
    clone says that it needs that, so the next collection may take it away."""
    is_promised: bool
    """Some clone has pushed it: what lacks was there once."""
    chunks: int
    """That are missing."""
    nodes: int
    """That are missing or damaged: what lacks below them is not known."""
    is_here: bool
    """The local store has all of it."""


@dataclass(frozen=True, slots=True)
class PushedCheck:
    """Whether commits can be worked with by others."""

    rev: str
    commit: str
    against: str | None
    """The commits that this one comes from were left out; None: one commit was looked at."""
    against_commit: str | None
    remote: str
    url: str
    commits: int
    """That changed a dataset; of one commit alone, 1."""
    versions: int
    """Different contents of datasets that were asked for."""
    profiles: int
    not_pushed: tuple[NotPushed, ...]
    requests: int
    seconds: float
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.not_pushed


def check_pushed(
    repository: Repository,
    rev: str = "HEAD",
    *,
    against: str | None = None,
    names: Sequence[str] = (),
    remote: str | None = None,
) -> PushedCheck:
    """Ask a remote whether it has what commits need.

    Args:
        rev: all that its manifests name.
        against: also what those of the commits between it and `rev` name.
        names: of these datasets only.
        remote: None for the default.

    Raises:
        UsageError: there is no such remote, or no commit yet.
        UnknownRevisionError: git does not know a revision.
        UnknownDatasetError: a name is no dataset of these commits.
        FormatError: a manifest of `rev` is none.
        RemoteError: the remote cannot be reached.

    Cost: listings of the remote, and new indexes; tree nodes that are not in the local store.
    """
    began = time.monotonic()
    if rev == "HEAD" and repository.git.head() is None:
        raise UsageError("there is no commit yet", hint="`git commit` the manifests first")
    commit = repository.git.resolve(rev)
    base = repository.git.resolve(against) if against is not None else None
    needs = _Needs(repository)
    count = needs.add_range(base, commit) if base is not None else 0
    needs.add_commit(commit)
    versions = needs.chosen(names)
    with connected(repository, remote) as store:
        asked = _ask(repository, store, versions)
        result = PushedCheck(
            rev=rev,
            commit=commit,
            against=against,
            against_commit=base,
            remote=store.name,
            url=store.shown,
            commits=count if base is not None else 1,
            versions=len({version.content for version in versions if not version.is_profile}),
            profiles=len({version.content for version in versions if version.is_profile}),
            not_pushed=tuple(needs.tell(version, answer) for version, answer in asked),
            requests=store.objects.traffic.requests,
            seconds=time.monotonic() - began,
            notes=tuple(_notes(repository, commit, needs, is_range=base is not None)),
        )
    return result


def read_pushed_words(
    repository: Repository, words: Sequence[str]
) -> tuple[str, str | None, tuple[str, ...]]:
    """Return what `[REV | A..B] [PATH...]` means: a revision, what to leave out, and names of data.

    Raises:
        ShallowHistoryError: the first word is a revision that this shallow clone lacks.
    """
    if not words:
        return "HEAD", None, ()
    if not is_revision(repository, words[0]):
        refuse_shallow(repository, words[0])
        return "HEAD", None, tuple(words)
    first, *rest = words
    dots = "..." if "..." in first else ".."
    before, found, after = first.partition(dots)
    if not found:
        return first, None, tuple(rest)
    return after or "HEAD", before or "HEAD", tuple(rest)


class _Needs:
    """What commits need, and which of them brought it."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._commits: dict[tuple[str, RelPath], list[str]] = {}
        """Of each manifest, as blob and path."""
        self._brought: dict[Version, list[str]] = {}
        self.unreadable: list[str] = []

    def add_range(self, base: str, commit: str) -> int:
        """Add what the commits between two brought; return how many of them brought something."""
        found: dict[tuple[str, RelPath], list[str]] = {}
        count = 0
        for each in iter_changes(self._repository.git, rev=commit, without=base, whole=True):
            count += 1
            for change in each.changes:
                if change.after is not None:
                    found.setdefault((change.after, change.path), []).append(each.oid)
        self._add(found, strict=False)
        return count

    def add_commit(self, commit: str) -> None:
        """Add all that the manifests of a commit name."""
        files = self._repository.git.list_files(commit)
        self._add({(file.oid, file.path): [commit] for file in files}, strict=True)

    def chosen(self, names: Sequence[str]) -> list[Version]:
        return choose_versions(self._repository, list(self._brought), names)

    def tell(self, version: Version, answer: "_Answer") -> NotPushed:
        assert version.dataset is not None
        return NotPushed(
            path=version.dataset,
            id=NodeId(version.content.id).text,
            bytes=version.content.size,
            commits=tuple(dict.fromkeys(self._brought[version])),
            is_profile=version.is_profile,
            is_for_merge=version.is_for_merge,
            state=answer.state,
            is_promised=answer.is_promised,
            chunks=answer.lack.chunks,
            nodes=answer.lack.nodes,
            is_here=answer.is_here,
        )

    def _add(self, found: dict[tuple[str, RelPath], list[str]], *, strict: bool) -> None:
        fresh = {key: commits for key, commits in found.items() if key not in self._commits}
        self._commits |= fresh
        of_blobs: dict[str, list[RelPath]] = {}
        for oid, path in fresh:
            of_blobs.setdefault(oid, []).append(path)
        for oid, data in self._repository.git.iter_blobs(of_blobs):
            for path in of_blobs[oid]:
                try:
                    versions = list(_versions_in(data, path))
                except FormatError:
                    if strict:
                        raise
                    self.unreadable.append(f"{path} of commit {fresh[oid, path][0][:10]}")
                    continue
                for version in versions:
                    self._brought.setdefault(version, []).extend(fresh[oid, path])


def _versions_in(data: bytes | None, path: RelPath) -> Iterator[Version]:
    dataset = dataset_of_manifest(path)
    if dataset is not None:
        for manifest in manifests_in(data or b"", str(path)):
            yield from versions_of(manifest, dataset.path)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is wrong with a content on a remote."""

    state: State
    lack: Lack
    is_promised: bool
    is_here: bool


class _Listed(Reading):
    """Reads tree nodes that a remote lists; from here, where they are here too."""

    def __init__(self, repository: Repository, remote: RemoteStore) -> None:
        self._lookup = remote.lookup
        self._reader = layered_reader(repository, remote)

    def read_many(self, ids: Sequence[bytes], *, nodes: bool) -> list[Buffer]:
        for identity, is_there in zip(ids, self._lookup.contains(b"".join(ids)), strict=True):
            if not is_there:
                raise MissingChunkError(f"tree node {NodeId(identity).short} is not on the remote")
        return self._reader.read_many(ids, nodes=nodes)


def _ask(
    repository: Repository, remote: RemoteStore, versions: Sequence[Version]
) -> list[tuple[Version, _Answer]]:
    """Return what the remote has not, or does not promise to keep."""
    remote.refresh(packs=True)
    promised = live_contents(live_roots(remote.roots).values())
    there = Completeness(remote.lookup, _Listed(repository, remote))
    here = Completeness(repository.store.lookup, repository.store.reader)
    contents = dict.fromkeys(version.content for version in versions)
    repository.progress.start("asking the remote", len(contents), "versions")
    answers: dict[Content, _Answer] = {}
    for content in contents:
        repository.progress.advance(1)
        lack = there.find_lack(content)
        is_empty = content.size == 0 and content.depth == 0
        if is_empty or (not lack and content in promised):
            continue
        state: State = "unpromised"
        if lack:
            has_top = any(remote.lookup.contains(content.id))
            state = "incomplete" if has_top else "absent"
        answers[content] = _Answer(state, lack, content in promised, not here.find_lack(content))
    return [(version, answers[version.content]) for version in versions if version.content in answers]


def _notes(repository: Repository, commit: str, needs: _Needs, *, is_range: bool) -> Iterable[str]:
    if needs.unreadable:
        more = f" and {len(needs.unreadable) - 1} more" if len(needs.unreadable) > 1 else ""
        yield f"{needs.unreadable[0]}{more}: no manifest, so nobody can say what it needs"
    if is_range and repository.git.is_shallow():
        yield "this clone is shallow: commits that it has not got were not looked at"
    if is_on_remote_branch(repository.git, commit) is False:
        yield f"commit {commit[:10]} itself is on no branch of a git remote that is known here: `git push`"
