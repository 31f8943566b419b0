"""Probing a remote: what it lets us do, and what is there.

Each permission is tried for real, with an object of our own that is deleted in the end, for what a provider
says of permissions and what it does differ.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from datav.errors import MissingObjectError, RefusedError, RemoteError
from datav.settings import RemoteSettings
from datav.storage.objects import Objects
from datav.store.layout import FORMAT_LINE

Verb = Literal["put", "list", "read", "delete"]
Outcome = Literal["ok", "refused", "failed", "skipped"]
Presence = Literal["store", "empty", "other", "unknown"]

_PROBE_SIZE = 4096
_RANGE = (1000, 3000)
# A `format` is one short line; what is longer is none.
_FORMAT_SIZE = 64
_FORMAT = re.compile(rb"datav store (\d{1,9})\n")

_VERBS: tuple[Verb, ...] = ("put", "list", "read", "delete")
_READING: tuple[Verb, ...] = ("list", "read")
_NEEDED_FOR: Mapping[Verb, str] = {
    "put": "push",
    "list": "everything",
    "read": "everything",
    "delete": "collecting garbage on the remote",
}
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
# What a provider calls the permission, by the scheme of the URL.
_PERMISSIONS: Mapping[str, Mapping[Verb, str]] = {
    "s3": {
        "put": "s3:PutObject",
        "list": "s3:ListBucket",
        "read": "s3:GetObject",
        "delete": "s3:DeleteObject",
    },
    "gs": {
        "put": "storage.objects.create",
        "list": "storage.objects.list",
        "read": "storage.objects.get",
        "delete": "storage.objects.delete",
    },
    "az": {
        "put": f"{_BLOBS}/write",
        "list": f"{_BLOBS}/read",
        "read": f"{_BLOBS}/read",
        "delete": f"{_BLOBS}/delete",
    },
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one verb went."""

    verb: Verb
    outcome: Outcome
    needed_for: str
    """What cannot be done without."""
    message: str | None = None
    """What the remote said, or why the attempt says nothing."""
    permission: str | None = None
    """What the provider calls the permission that is missing."""


@dataclass(frozen=True, slots=True)
class RemoteCheck:
    """What a remote lets us do, and what is there."""

    remote: str
    url: str
    """Without secrets."""
    can_write: bool
    """False for a place that can only be read: a plain web server."""
    attempts: tuple[Attempt, ...]
    presence: Presence
    """A store, nothing, something that is no store, or not to be found out."""
    version: int | None
    """Of the store."""
    left_behind: str | None
    """The name of the probe, where it could not be deleted."""

    @property
    def is_known(self) -> bool:
        """Whether this datav can read what is there; also when there is nothing."""
        return self.presence != "other" and self.version in (None, _parse_version(FORMAT_LINE))

    @property
    def is_ok(self) -> bool:
        """Whether everything can be done that such a place offers."""
        return self.is_known and all(attempt.outcome == "ok" for attempt in self.attempts)


def check_remote(
    remote: RemoteSettings, objects: Objects, *, random: Callable[[int], bytes] = secrets.token_bytes
) -> RemoteCheck:
    """Put, list, read and delete a probe, and look what else is there.

    What the remote refuses or fails to do is no error but what was to be found out.
    """
    verbs = _VERBS if objects.can_write else _READING
    try:
        presence, version = _find_store(objects)
    except RemoteError as exc:
        # It was asked several times over.  To do that once more for each verb would tell nothing new.
        attempts = [_not_tried(verb, "it does not answer as it should") for verb in verbs]
        attempts[verbs.index("read")] = Attempt("read", "failed", _NEEDED_FOR["read"], str(exc))
        return _conclude(remote, objects, attempts, "unknown", None)
    name, data = f"probe/{random(16).hex()}", random(_PROBE_SIZE)
    if not objects.can_write:
        attempts = [
            _attempt(remote, "list", lambda: _list_probe(objects, name, False)),
            _attempt(remote, "read", lambda: _read_probe(objects, name, None)),
        ]
        return _conclude(remote, objects, attempts, presence, version)
    put = _attempt(remote, "put", lambda: objects.put(name, data))
    has_probe = put.outcome == "ok"
    listing = _attempt(remote, "list", lambda: _list_probe(objects, name, has_probe))
    read = _attempt(remote, "read", lambda: _read_probe(objects, name, data if has_probe else None))
    delete = _attempt(remote, "delete", lambda: _delete_probe(objects, name, listing.outcome == "ok"))
    left_behind = name if has_probe and delete.outcome != "ok" else None
    if not has_probe and delete.outcome == "ok":
        delete = _not_tried("delete", "there was no probe to delete")
    return _conclude(remote, objects, [put, listing, read, delete], presence, version, left_behind)


def _conclude(
    remote: RemoteSettings,
    objects: Objects,
    attempts: Sequence[Attempt],
    presence: Presence,
    version: int | None,
    left_behind: str | None = None,
) -> RemoteCheck:
    return RemoteCheck(
        remote.name, objects.shown, objects.can_write, tuple(attempts), presence, version, left_behind
    )


def _not_tried(verb: Verb, why: str) -> Attempt:
    return Attempt(verb, "skipped", _NEEDED_FOR[verb], why)


def _attempt(remote: RemoteSettings, verb: Verb, action: Callable[[], object]) -> Attempt:
    try:
        action()
    except RefusedError as exc:
        permission = _PERMISSIONS.get(_cloud_of(remote.url), {}).get(verb)
        return Attempt(verb, "refused", _NEEDED_FOR[verb], str(exc), permission)
    except RemoteError as exc:
        return Attempt(verb, "failed", _NEEDED_FOR[verb], str(exc))
    return Attempt(verb, "ok", _NEEDED_FOR[verb])


def _cloud_of(url: str) -> str:
    scheme = url.partition("://")[0].lower()
    return "az" if scheme in ("abfs", "abfss") else scheme


def _list_probe(objects: Objects, name: str, is_there: bool) -> None:
    directory, _, last = name.partition("/")
    listed = objects.list(directory).get(last)
    if is_there and (listed is None or listed.size != _PROBE_SIZE):
        raise RemoteError(f"the listing does not show {name}, which was put there just before")


def _read_probe(objects: Objects, name: str, data: bytes | None) -> None:
    """Read the probe, whole and in part; without one, what a store would have."""
    if data is None:
        try:
            objects.read("format", 0, _FORMAT_SIZE)
        except MissingObjectError:
            pass  # We were allowed to ask.
        return
    start, end = _RANGE
    if objects.read(name) != data or objects.read(name, start, end) != data[start:end]:
        raise RemoteError(f"{name} has other bytes than were put there just before")


def _delete_probe(objects: Objects, name: str, can_list: bool) -> None:
    objects.delete(name)
    directory, _, last = name.partition("/")
    if can_list and last in objects.list(directory):
        raise RemoteError(f"{name} is still listed after it was deleted")


def _find_store(objects: Objects) -> tuple[Presence, int | None]:
    """Return what is there, and the version of the store.

    Raises:
        RemoteError: it cannot be found out, and not because we may not ask.
    """
    try:
        line = objects.read("format", 0, _FORMAT_SIZE)
    except MissingObjectError:
        return _find_rest(objects), None
    except RefusedError:
        return "unknown", None
    version = _parse_version(line)
    return ("other", None) if version is None else ("store", version)


def _find_rest(objects: Objects) -> Presence:
    """Tell a place without a `format` that is empty from one that something is in."""
    try:
        return "other" if any(objects.list(name) for name in ("packs", "index", "roots")) else "empty"
    except RemoteError:
        return "unknown"


def _parse_version(line: bytes) -> int | None:
    match = _FORMAT.fullmatch(line)
    return int(match[1]) if match else None
