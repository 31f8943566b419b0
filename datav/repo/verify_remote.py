"""verify --remote: whether what lies on a remote is sound, and whether it has all that its roots promise.

What the remote has is read, not what is cached of it here.  A version that no live root names was not pushed,
or its push was broken off: that is no damage.
"""

import dataclasses

from datav.errors import RemoteError
from datav.formats.entry import Content
from datav.formats.root import live_roots
from datav.ids import NodeId
from datav.repo.connecting import connected
from datav.repo.repository import Repository
from datav.repo.roots import find_roots
from datav.repo.verify import Incomplete, Verified, id_texts, name_versions, only_profiles, unique_roots
from datav.store.completeness import Completeness
from datav.store.remote import RemoteStore
from datav.store.verifying import VerifiedStore, verify_store


def verify_remote(
    repository: Repository, name: str | None = None, *, sample: float | None = None, seed: int = 0
) -> Verified:
    """Check a remote, and that it has what every live root and every reachable manifest needs.

    Args:
        name: None for the default.
        sample: read this share of the frames only, above 0 to 1; what is missing is always looked for.
        seed: another one chooses other frames.

    Raises:
        GitError: git could not read all of its history.
        RemoteError: it cannot be reached, or there is no store.
        UsageError: there is no such remote.
    """
    roots = find_roots(repository.git)
    with connected(repository, name) as remote:
        if not remote.refresh(packs=True, again=True):
            raise RemoteError(f"there is no store at {remote.shown} yet", hint="`datav push` makes one")
        store = check_remote_store(repository, remote, sample=sample, seed=seed)
        # Somebody may have pushed or collected meanwhile.
        broken = remote.broken
        remote.refresh(packs=True)
        promised = _promised(remote)
        wheres: dict[Content, list[str]] = {content: list(names) for content, names in promised.items()}
        unique = unique_roots([*roots.work_trees, *roots.history])
        for root in unique:
            wheres.setdefault(root.content, []).append(root.where)
        # Of what only others name nobody here can tell what it is.
        profiles = only_profiles(unique)
        completeness = Completeness(remote.lookup, remote.reader)
        missing, absent = [], set()
        repository.progress.start("looking for what is missing", len(wheres), "versions")
        for content, where in wheres.items():
            lack = completeness.find_lack(content)
            repository.progress.advance(1)
            if lack and content in promised:
                missing.append(
                    Incomplete(
                        NodeId(content.id).text,
                        tuple(where),
                        lack.chunks,
                        lack.nodes,
                        lack.first,
                        is_profile=content in profiles,
                    )
                )
            elif lack:
                absent.add(content)
        return Verified(
            store=_with_broken(store, broken),
            manifests=len(wheres.keys() - profiles),
            missing=tuple(missing),
            absent=id_texts(absent - profiles),
            absent_profiles=id_texts(absent & profiles),
            absent_versions=name_versions(
                repository, [root for root in unique if root.content in absent - profiles]
            ),
            needed=(),
            partial=(),
            unreadable=tuple(roots.unreadable),
            remote=remote.name,
        )


def check_remote_store(
    repository: Repository, remote: RemoteStore, *, sample: float | None = None, seed: int = 0
) -> VerifiedStore:
    """Read what a remote has.  It was refreshed, with its packs."""
    return verify_store(
        remote.unbelieving_packs,
        remote.lookup,
        remote.executor,
        sample=sample,
        seed=seed,
        progress=repository.progress,
    )


def _promised(remote: RemoteStore) -> dict[Content, tuple[str, ...]]:
    """What live roots name, and whose they are."""
    found: dict[Content, dict[str, None]] = {}
    for root in live_roots(remote.roots).values():
        for content in root.contents:
            found.setdefault(content, {})[f"what {root.label} pushed"] = None
    return {content: tuple(names) for content, names in found.items()}


def _with_broken(store: VerifiedStore, broken: dict[str, str]) -> VerifiedStore:
    """With the indexes and roots of which no byte could be used."""
    return dataclasses.replace(store, broken_indexes=(*store.broken_indexes, *sorted(broken.items())))
