"""fetch: what manifests need and the local store lacks, out of a remote."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from datav.errors import (
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
from datav.repo.wanted import everywhere
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
    """Different contents that were asked for, in whole or in part."""
    chunks: int
    nodes: int
    bytes_received: int
    bytes_of_data: int
    """Of the chunks that came, as files have them."""
    requests: int
    seconds: float


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
    targets = _everything(repository, rest) if everything else _targets(repository, rev, names)
    with connected(repository, remote, jobs=jobs) as store:
        fetched = _fetch(repository, store, targets)
        result = FetchResult(
            remote=store.name,
            url=store.shown,
            versions=len({content for content, _ in targets}),
            chunks=fetched.chunks,
            nodes=fetched.nodes,
            bytes_received=store.objects.traffic.bytes_received,
            bytes_of_data=fetched.bytes_of_data,
            requests=store.objects.traffic.requests,
            seconds=time.monotonic() - began,
        )
    if fetched.missing:
        raise _not_there(store, fetched, everything=everything)
    return result


_Wanted = list[tuple[Content, bytes | None]]
"""Contents, and of directories the path below which they are wanted; None for all of it."""


def _everything(repository: Repository, rest: Sequence[str]) -> _Wanted:
    return [(version.content, None) for version in everywhere(repository, *rest)]


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
    if not names:
        return [(manifest.content, None) for manifest in manifests.values()]
    return [
        _wanted(target, manifests[target.dataset]) for target in find_targets(repository, names, manifests)
    ]


def _wanted(target: Target, manifest: Manifest) -> tuple[Content, bytes | None]:
    if target.inside and manifest.kind == "file":
        shown = show_path(bytes(target.dataset.path) + b"/" + target.inside)
        raise UnknownDatasetError(f"{shown}: {target.dataset} is a file, nothing lies in it")
    return manifest.content, target.inside or None


def _fetch(repository: Repository, store: RemoteStore, targets: _Wanted) -> Fetched:
    if not store.refresh():
        raise RemoteError(
            f"there is no store at {store.shown} yet", hint="`datav push` from a clone that has the data"
        )
    whole = list(dict.fromkeys(content for content, inside in targets if inside is None))
    parts = [(content, inside) for content, inside in targets if inside is not None and content not in whole]
    # What has its top here and is not noted was all here once.
    lookup = repository.store.lookup
    fresh = [content for content in dict(targets) if content.size and not lookup.contains(content.id)[0]]
    if fresh:
        note_partial(repository, fresh)
    with repository.store.writing(repository.executor) as writer:
        contents = list(whole)
        for content, inside in parts:
            contents += _below(repository, store, writer, content, inside)
        fetched = fetch_contents(repository.store, store, writer, contents, progress=repository.progress)
    if not fetched.missing:
        forget_partial(repository, whole)
    return fetched


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
