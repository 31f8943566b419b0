"""fetch: what manifests need and the local store lacks, out of a remote."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from datav.errors import (
    FormatError,
    IntegrityError,
    MissingChunkError,
    RemoteError,
    UnknownDatasetError,
    UnknownRevisionError,
    UsageError,
)
from datav.formats.entry import Content, Kind
from datav.formats.manifest import Manifest
from datav.relpath import show_path
from datav.repo.connecting import connected, layered_reader
from datav.repo.datasets import Dataset, Target, find_targets, list_datasets, manifests_at, read_manifest
from datav.repo.partial import forget_partial, note_partial
from datav.repo.repository import Repository
from datav.repo.specs import no_such_revision
from datav.repo.wanted import Version, everywhere, versions_of
from datav.store.completeness import Completeness
from datav.store.fetching import Fetched, KeepingReader, fetch_contents
from datav.store.lazytree import read_below
from datav.store.remote import RemoteStore
from datav.store.writing import StoreWriter


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What a fetch did.  Sizes are bytes."""

    remote: str
    url: str
    versions: int
    """Different contents of datasets that were asked for, in whole or in part."""
    chunks: int
    nodes: int
    bytes_received: int
    bytes_of_data: int
    """Of the chunks that came, as files have them."""
    requests: int
    seconds: float
    lost_profiles: tuple[Version, ...] = ()
    """Profiles that the remote lacks or has damaged: the data can be had without, so this is no error."""


def fetch(
    repository: Repository,
    rev: str | None = None,
    names: Sequence[str] = (),
    *,
    remote: str | None = None,
    everything: bool = False,
    jobs: int | None = None,
) -> FetchResult:
    """Bring what manifests name into the local store.

    Args:
        rev: of this revision; without, of the manifests in the work tree.
        names: of these datasets, or paths in them, only.
        remote: None for the default.
        everything: of all that git can still show.
        jobs: requests at a time.

    Raises:
        RemoteError: it cannot be reached; what came so far stays, and running it again goes on.
        MissingChunkError: the remote has not got all of it; all else was fetched.
        IntegrityError, FormatError: the remote has something else than what ids say; nothing of that is kept.
        UnknownRevisionError, UnknownDatasetError: a word means nothing.
    """
    began = time.monotonic()
    if rev is not None and rev in repository.settings.remotes:
        raise UsageError(
            f"{rev} is a remote, no revision",
            hint=f"`--remote {rev}` asks it; a branch is `heads/{rev}`",
        )
    rest = [rev, *names] if rev is not None else names
    wanted = _everything(repository, rest) if everything else _targets(repository, rev, names)
    with connected(repository, remote, jobs=jobs) as store:
        fetched, lost_profiles = _fetch(repository, store, wanted)
        result = FetchResult(
            remote=store.name,
            url=store.shown,
            versions=len(wanted.versions()),
            chunks=fetched.chunks,
            nodes=fetched.nodes,
            bytes_received=store.objects.traffic.bytes_received,
            bytes_of_data=fetched.bytes_of_data,
            requests=store.objects.traffic.requests,
            seconds=time.monotonic() - began,
            lost_profiles=lost_profiles,
        )
    if fetched.missing:
        raise _not_there(store, fetched, everything=everything)
    return result


def fetch_content(repository: Repository, content: Content) -> None:
    """Bring all of one content into the local store, from the default remote.

    Raises: as `fetch`.
    """
    wanted = _Wanted(whole={content: None})
    with connected(repository, None) as store:
        fetched, _ = _fetch(repository, store, wanted)
    if fetched.missing:
        raise _not_there(store, fetched, everything=False)


@dataclass(slots=True)
class _Wanted:
    """What is to be fetched."""

    whole: dict[Content, None] = field(default_factory=dict)
    parts: list[tuple[Content, bytes]] = field(default_factory=list)
    """Contents of directories, and the path below which they are wanted."""
    profiles: dict[Content, Version] = field(default_factory=dict)

    def add(self, found: Iterable[Version], inside: bytes = b"") -> None:
        """Want what a manifest names: of what the dataset holds perhaps a part, of its profile all."""
        for version in found:
            if version.is_profile:
                self.profiles.setdefault(version.content, version)
            elif inside and version.is_for_merge:
                continue  # of a part nobody finishes a merge; who does reads from the remote
            elif inside:
                self.parts.append((version.content, inside))
            else:
                self.whole[version.content] = None

    def versions(self) -> set[Content]:
        """What datasets hold, of which all or a part is wanted."""
        return {*self.whole, *(content for content, _ in self.parts)}


def _everything(repository: Repository, rest: Sequence[str]) -> _Wanted:
    wanted = _Wanted()
    wanted.add(everywhere(repository, *rest))
    return wanted


def _targets(repository: Repository, rev: str | None, names: Sequence[str]) -> _Wanted:
    manifests: dict[Dataset, Manifest]
    if rev is not None:
        try:
            manifests = manifests_at(repository, rev)
        except UnknownRevisionError as exc:
            raise no_such_revision(repository, rev, exc, f"`datav pull -- {rev}` brings it") from exc
    else:
        found = {dataset: read_manifest(repository, dataset) for dataset in list_datasets(repository)}
        manifests = {dataset: manifest for dataset, manifest in found.items() if manifest is not None}
    targets = find_targets(repository, names, manifests) if names else [Target(d, b"") for d in manifests]
    wanted = _Wanted()
    for target in targets:
        manifest = manifests[target.dataset]
        if target.inside and manifest.kind == "file":
            shown = show_path(bytes(target.dataset.path) + b"/" + target.inside)
            raise UnknownDatasetError(f"{shown}: {target.dataset} is a file, nothing lies in it")
        wanted.add(versions_of(manifest, target.dataset.path), target.inside)
    return wanted


def _fetch(
    repository: Repository, store: RemoteStore, wanted: _Wanted
) -> tuple[Fetched, tuple[Version, ...]]:
    """Fetch; return what came, and the profiles that did not."""
    if not store.refresh():
        raise RemoteError(
            f"there is no store at {store.shown} yet", hint="`datav push` from a clone that has the data"
        )
    parts = [(content, inside) for content, inside in wanted.parts if content not in wanted.whole]
    # What has its top here and is not noted was all here once.
    lookup = repository.store.lookup
    fresh = [
        content
        for content in dict.fromkeys([*wanted.versions(), *wanted.profiles])
        if content.size and not lookup.contains(content.id)[0]
    ]
    if fresh:
        note_partial(repository, fresh)
    with repository.store.writing(repository.executor) as writer:
        contents = list(wanted.whole)
        for content, inside in parts:
            contents += _below(repository, store, writer, content, inside)
        fetched = fetch_contents(repository.store, store, writer, contents, progress=repository.progress)
    if not fetched.missing:
        forget_partial(repository, wanted.whole)
    came = _fetch_profiles(repository, store, list(wanted.profiles), fetched) if wanted.profiles else set()
    forget_partial(repository, came)
    return fetched, tuple(version for content, version in wanted.profiles.items() if content not in came)


def _fetch_profiles(
    repository: Repository, store: RemoteStore, profiles: list[Content], fetched: Fetched
) -> set[Content]:
    """Fetch profiles, and count what came in `fetched`; return those that are whole here now.

    After the data, and apart from it: one that is lost or damaged there keeps nobody from the data.
    """
    with repository.store.writing(repository.executor) as writer:
        try:
            found = fetch_contents(repository.store, store, writer, profiles, progress=repository.progress)
        except (FormatError, IntegrityError):
            pass  # what came before the damage is looked for below, like the rest
        else:
            fetched.chunks += found.chunks
            fetched.nodes += found.nodes
    completeness = Completeness(repository.store.lookup, repository.store.reader)
    return {profile for profile in profiles if not completeness.find_lack(profile)}


def _below(
    repository: Repository, store: RemoteStore, writer: StoreWriter, content: Content, inside: bytes
) -> list[Content]:
    """Return the contents below a path of a directory; the nodes on the way are stored too."""
    reader = KeepingReader(layered_reader(repository, store), repository.store.lookup, writer)
    entries = read_below(reader, content, inside)
    if not entries:
        raise UnknownDatasetError(f"{show_path(inside)} is not in that dataset")
    return [entry.content for entry in entries if entry.kind != Kind.EMPTY_DIRECTORY]


def _not_there(store: RemoteStore, fetched: Fetched, *, everything: bool) -> MissingChunkError:
    count = fetched.missing_count
    what = "chunk or tree node" if count == 1 else "chunks and tree nodes"
    hint = f"`datav push` where it is; if it was lost there, `datav repair --remote {store.name}`"
    if everything:
        hint = "old versions that nobody pushed cannot come"
    if store.broken:
        hint = f"{len(store.broken)} of its indexes are damaged: `datav repair --remote {store.name}`"
    return MissingChunkError(
        f"{store.shown} lacks {count} {what} that are needed, {fetched.missing[0][:15]} first", hint=hint
    )
