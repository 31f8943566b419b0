"""Expiring: which roots of a remote count, and which are out of date.

Pure: what a listing said of the roots goes in, names come out.  The rules are in docs/formats/remote.md (Root
and R7).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from datav.formats.root import RemoteRoot, clone_of


@dataclass(frozen=True, slots=True)
class Age:
    """What is old enough to go.  Times are seconds since 1970 by the clock of the remote."""

    now: float | None
    """None where the remote does not say."""
    grace_s: float

    def is_over(self, since: float | None) -> bool:
        """Whether the grace period is over for what is so since then.

        When nobody knows it is not, unless it is 0.
        """
        if self.grace_s <= 0:
            return True
        return self.now is not None and since is not None and self.now - since >= self.grace_s


@dataclass(frozen=True, slots=True)
class ListedRoot:
    """A root as it lies on a remote."""

    root: RemoteRoot | None
    """None of one that is damaged."""
    modified: float | None


@dataclass(frozen=True, slots=True)
class Expiry:
    """What the roots of a remote come to."""

    counting: tuple[str, ...]
    """Whose contents must stay, in order."""
    deletable: tuple[tuple[str, ...], ...]
    """Those that may be deleted: one group after the other, so that no root comes back to life by it."""


def find_expired(roots: Mapping[str, ListedRoot], age: Age) -> Expiry:
    """Decide which roots count.  `roots` is all that are listed, by file name."""
    replaced_by: dict[str, list[str]] = {}
    for name, listed in roots.items():
        for old in listed.root.replaces if listed.root is not None else ():
            if old in roots:
                replaced_by.setdefault(old, []).append(name)
    expired = {old for old, new in replaced_by.items() if age.is_over(_oldest(roots, new))}
    counting = tuple(sorted(roots.keys() - expired))
    replacing = {new for names in replaced_by.values() for new in names}
    # A root that only says that others are no longer needed has done its work when they are gone.
    done = {name for name in counting if name not in replacing and _is_empty(roots[name])}
    expired |= {name for name in done if age.is_over(roots[name].modified)}
    return Expiry(counting, _in_order(expired, replaced_by))


def clones_in(roots: Mapping[str, ListedRoot]) -> list[str]:
    """Every clone that has a root."""
    return sorted({clone for name in roots if (clone := clone_of(name)) is not None})


def _oldest(roots: Mapping[str, ListedRoot], names: list[str]) -> float | None:
    times = [roots[name].modified for name in names]
    known = [time for time in times if time is not None]
    return min(known) if len(known) == len(times) else None


def _is_empty(listed: ListedRoot) -> bool:
    return listed.root is not None and not listed.root.contents


def _in_order(expired: set[str], replaced_by: Mapping[str, list[str]]) -> tuple[tuple[str, ...], ...]:
    """Return names in groups: a root goes only after all that it replaces, else these would count again."""
    replaces: dict[str, set[str]] = {}
    for old, names in replaced_by.items():
        for name in names:
            replaces.setdefault(name, set()).add(old)
    groups: list[tuple[str, ...]] = []
    gone: set[str] = set()
    while group := tuple(sorted(n for n in expired - gone if replaces.get(n, set()) <= gone)):
        groups.append(group)
        gone.update(group)
    return tuple(groups)
