"""push: what commits need and a remote lacks."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from datav.errors import DataLossError, UnknownDatasetError
from datav.formats.entry import Content
from datav.formats.root import Clone
from datav.repo.clone_identity import clone_identity
from datav.repo.connecting import connected
from datav.repo.repository import Repository
from datav.repo.wanted import Version, at_revisions, everywhere, in_history
from datav.storage.leases import writer_lease
from datav.store.remote import RemoteStore

if TYPE_CHECKING:
    from datav.store.sending import Pushed


@dataclass(frozen=True, slots=True)
class PushResult:
    """What a push did.  Sizes are bytes."""

    remote: str
    url: str
    versions: int
    """Different contents of datasets that the manifests name."""
    new_versions: int
    """How many of these the remote did not have, or not for this clone."""
    new_profiles: int
    """The same of profiles."""
    packs: int
    chunks: int
    nodes: int
    bytes_sent: int
    bytes_of_data: int
    """Of the new versions, as files."""
    requests: int
    seconds: float
    incomplete: tuple[Version, ...]
    """Versions that neither this store nor, by anybody's word, the remote has."""
    lost_profiles: tuple[Version, ...] = ()
    """Profiles that neither has."""


def push(
    repository: Repository,
    remote: str | None = None,
    *,
    revs: Sequence[str] = (),
    everything: bool = False,
    names: Sequence[str] = (),
    versions: Sequence[Version] | None = None,
    jobs: int | None = None,
) -> PushResult:
    """Make a remote have what manifests name.

    Args:
        remote: None for the default.
        revs: of these revisions only; without, of every commit that HEAD can reach.
        everything: of all that git can still show.
        names: of these datasets only.
        versions: these, whatever commits have them.
        jobs: requests at a time.

    Raises:
        RemoteError: it cannot be reached or refuses; running it again goes on.
        DataLossError: of a revision or a version that was named something is neither here nor there; all
            else was pushed.
        UnknownRevisionError, UnknownDatasetError: a word means nothing.
        UsageError: there is no such remote, no commit yet, or `everything` and less were asked for.
    """
    began = time.monotonic()
    is_named = bool(revs) or versions is not None
    try:
        versions = (
            versions if versions is not None else _versions(repository, revs, names, everything=everything)
        )
    except UnknownDatasetError as exc:
        if remote is not None:
            raise
        hint = "`datav remote list` lists the remotes, `datav ls` the datasets"
        raise UnknownDatasetError(f"{exc}, nor a remote", hint=hint) from exc
    contents = {version.content for version in versions}
    data = {version.content for version in versions if not version.is_profile}
    with connected(repository, remote, jobs=jobs) as store:
        traffic = store.objects.traffic
        store.refresh()
        clone = clone_identity(repository)
        if contents and not store.exists and store.objects.can_write:
            store.create()
        todo = store.unnamed(contents, clone)
        pushed = _push(repository, store, todo, clone) if todo else None
        named = pushed.named if pushed else set()
        incomplete = _incomplete(versions, pushed.incomplete if pushed else ())
        result = PushResult(
            remote=store.name,
            url=store.shown,
            versions=len(data),
            new_versions=len(named & data),
            new_profiles=len(named - data),
            packs=pushed.packs if pushed else 0,
            chunks=pushed.chunks if pushed else 0,
            nodes=pushed.nodes if pushed else 0,
            bytes_sent=traffic.bytes_sent,
            bytes_of_data=sum(content.size for content in named & data),
            requests=traffic.requests,
            seconds=time.monotonic() - began,
            incomplete=tuple(version for version in incomplete if version.content in data),
            lost_profiles=tuple(version for version in incomplete if version.content not in data),
        )
    if is_named and result.incomplete:
        raise _not_here(result)
    return result


def _versions(
    repository: Repository, revs: Sequence[str], names: Sequence[str], *, everything: bool
) -> list[Version]:
    if everything:
        return everywhere(repository, *revs, *names)
    return at_revisions(repository, revs, names) if revs else in_history(repository, names)


def _push(repository: Repository, store: RemoteStore, todo: Sequence[Content], clone: Clone) -> "Pushed":
    # Only here: a push that has nothing to do needs none of what pushing takes.
    from datav.store.pushing import push_contents

    # Nobody collects the local store meanwhile.
    with writer_lease(repository.store.layout.locks):
        return push_contents(
            repository.store,
            store,
            todo,
            clone=clone,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            executor=repository.executor,
            progress=repository.progress,
        )


def split_remote(repository: Repository, words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the remote that the first word names, if it does, and the paths that the others are."""
    if words and words[0] in repository.settings.remotes:
        return words[0], list(words[1:])
    return None, list(words)


def _incomplete(versions: Sequence[Version], contents: Sequence[Content]) -> tuple[Version, ...]:
    missing = set(contents)
    return tuple({v.content: v for v in versions if v.content in missing}.values())


def _not_here(result: PushResult) -> DataLossError:
    first = result.incomplete[0].dataset
    more = f" and {len(result.incomplete) - 1} more" if len(result.incomplete) > 1 else ""
    return DataLossError(
        f"{first}{more}: the data of that revision is neither in the local store nor on {result.url}",
        hint="push from a clone that has it, or `datav add` it where it still is",
    )
