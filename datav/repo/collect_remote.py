"""gc --remote: give back the space of what no clone needs of a remote any more.

First this clone says again what it needs: what its git can still show of what its roots name.  Then goes what
no root of any clone names, and has not named for the grace period (docs/formats/remote.md).
"""

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from datav.errors import BusyError, DataLossError, UsageError
from datav.formats.entry import Content
from datav.repo.clone_identity import clone_identity
from datav.repo.connecting import connected
from datav.repo.repository import Repository
from datav.repo.roots import find_roots
from datav.storage.leases import exclusive_lease
from datav.store.remotecollecting import apply_remote_collection, plan_remote_collection
from datav.store.remoteneeds import Order, RemoteCollection

DEFAULT_GRACE_S = 14 * 24 * 3600.0
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smhdw])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 24 * 3600.0, "w": 7 * 24 * 3600.0}


@dataclass(frozen=True, slots=True)
class RemoteCollected:
    """What a collection of a remote did or, as a dry run, would do."""

    dry_run: bool
    remote: str
    url: str
    grace_s: float
    is_shallow: bool
    """Whether git has only a part of the history: then what the roots of this clone name stays."""
    collection: RemoteCollection
    requests: int
    seconds: float


def parse_duration(text: str) -> float:
    """Return the seconds that a text such as `14d`, `12 h` or `0` says.

    Raises:
        UsageError: it says nothing of the kind.
    """
    match = _DURATION.fullmatch(text.strip())
    if text.strip() == "0":
        return 0.0
    if match is None:
        raise UsageError(f"{text!r} is no duration", hint="write it as in `14d`, `12h`, `30m` or `0`")
    return float(match[1]) * _UNITS[match[2]]


def collect_remote(
    repository: Repository,
    name: str | None = None,
    *,
    apply: bool = False,
    grace_s: float = DEFAULT_GRACE_S,
    forget: str | None = None,
) -> RemoteCollected:
    """Give back what nothing needs of a remote; without `apply` only say what that would be.

    Args:
        name: None for the default.
        grace_s: nothing younger goes, nor what was needed so long ago.
        forget: the beginning of the id of a clone that is no more: nothing is needed for it.

    Raises:
        DataLossError: somebody's need cannot be known; nothing is deleted.
        IntegrityError: something that would be the last copy is damaged; nothing is deleted.
        BusyError: another collection is under way.
        RemoteError: the remote cannot be reached or refuses; running it again goes on.
        UsageError: there is no such remote, or no such clone.
    """
    began = time.monotonic()
    with connected(repository, name) as remote:
        order = Order(
            clone=clone_identity(repository),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            grace_s=grace_s,
            forget=forget,
        )
        # Older versions that this clone has pushed are not needless because its git no longer shows them.
        is_shallow = repository.git.is_shallow()
        named = None if is_shallow else _StillNamed(repository)
        if apply:
            with only_collection(repository, remote.name):
                collection = apply_remote_collection(
                    remote,
                    order,
                    executor=repository.executor,
                    near=repository.store,
                    still_named=named,
                    progress=repository.progress,
                )
        else:
            collection = plan_remote_collection(
                remote,
                order,
                now=time.time(),
                near=repository.store,
                still_named=named,
                progress=repository.progress,
            )
        return RemoteCollected(
            dry_run=not apply,
            remote=remote.name,
            url=remote.shown,
            grace_s=grace_s,
            is_shallow=is_shallow,
            collection=collection,
            requests=remote.objects.traffic.requests,
            seconds=time.monotonic() - began,
        )


class _StillNamed:
    """What manifests name that git can show, or that lie in a work tree; what was once found stays."""

    def __init__(self, repository: Repository) -> None:
        self._git = repository.git
        self._blobs: set[str] = set()
        self._contents: set[Content] = set()

    def __call__(self) -> set[Content]:
        roots = find_roots(self._git, self._blobs)
        if roots.unreadable:
            first = roots.unreadable[0]
            raise DataLossError(
                f"{first.where} cannot be read as a manifest, so what it needs is not known: {first.what}",
                hint="repair or remove it; until then nothing is collected",
            )
        self._blobs = roots.blobs
        self._contents |= {root.content for root in (*roots.work_trees, *roots.history)}
        return self._contents


@contextlib.contextmanager
def only_collection(repository: Repository, remote: str) -> Iterator[None]:
    """See that no other command of this clone collects or repairs a remote.

    Any remote: two names or URLs may lead to one place, and there a clone has only one collection (R8).

    Raises:
        BusyError: another command does.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(exclusive_lease(repository.private / "remote-collector", wait_s=0))
        except BusyError as exc:
            raise BusyError(
                f"another command of this clone is collecting or repairing a remote, so {remote} has to wait",
                hint="wait for it to end",
            ) from exc
        yield
