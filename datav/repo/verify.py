"""verify: whether everything that is stored is sound, and everything that is needed is stored.

A manifest is *absent* when its data was never fetched: no index knows the top of its content, nor does a pack
that no index covers.  Of older versions that is no damage; a work tree that needs it is not complete, be it a
fresh clone or that somebody deleted the store.  It is *partly here* when only a part was fetched, and that is
sound.  A manifest is *incomplete* when its top is known and something below it is missing that was here, or
cannot be read.

A profile that was here and is missing or damaged is damage, as with data.  One that was never fetched is not,
even of a work tree: nobody needs it to work with the data.

Of a remote the same is asked, but that what no live root names may not have been pushed.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from datav.errors import FormatError
from datav.formats.entry import Content
from datav.git.history import find_origins
from datav.ids import NodeId
from datav.relpath import RelPath
from datav.repo.datasets import dataset_of_manifest
from datav.repo.partial import partial_contents
from datav.repo.repository import Repository, local_layout
from datav.repo.roots import Root, Unreadable, find_roots
from datav.store.completeness import Completeness
from datav.store.layout import Layout
from datav.store.lookup import Lookup
from datav.store.packs import LocalPacks
from datav.store.positions import Positions, split_ids
from datav.store.reading import Reader
from datav.store.verifying import VerifiedStore, verify_store


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A content that manifests name and of which something is missing."""

    id: str
    where: tuple[str, ...]
    """The manifests: paths, or blobs of git's."""
    missing_chunks: int
    missing_nodes: int
    """Tree nodes that are missing or damaged: what is missing below them is not counted."""
    first: str
    """About one of them."""
    is_profile: bool = False
    """It is not what a dataset holds, but the profile of that."""


@dataclass(frozen=True, slots=True)
class AbsentVersion:
    """A content that is not here, as a user would call it."""

    id: str
    path: RelPath | None
    """The dataset; None when only git's index, or a merge that is not finished, has it."""
    commit: str | None
    """The last one that made the dataset this; None when no commit has it."""
    is_profile: bool = False
    """It is not what the dataset holds, but the profile of that."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found."""

    store: VerifiedStore
    manifests: int
    """Different contents of datasets that manifests name."""
    missing: tuple[Incomplete, ...]
    absent: tuple[str, ...]
    """Ids of contents of datasets that were never fetched."""
    absent_versions: tuple[AbsentVersion, ...]
    """The same, with their names: those in commits first, the youngest in front."""
    needed: tuple[str, ...]
    """Manifests on disk that name such a content."""
    partial: tuple[str, ...]
    """Ids of contents of which only a part was fetched."""
    unreadable: tuple[Unreadable, ...]
    """Files named like manifests that are none."""
    absent_profiles: tuple[str, ...] = ()
    """Ids of profiles that were never fetched."""
    remote: str | None = None
    """Which remote was verified; None: the local store."""
    has_remote: bool = False
    """Whether there is a remote that may have what is missing."""

    @property
    def ok(self) -> bool:
        """Whether there is no damage and nothing missing; older versions may have been never fetched."""
        return self.store.ok and not (self.missing or self.needed or self.unreadable)


def verify(repository: Repository, *, sample: float | None = None, seed: int = 0) -> Verified:
    """Check the store, and that it has what every reachable manifest needs.

    Args:
        sample: read this share of the frames only, above 0 to 1; what is missing is always looked for.
        seed: another one chooses other frames.

    Raises:
        GitError: git could not read all of its history.
        StorageError: a disk fails.
    """
    layout = local_layout(repository.private)
    # The manifests first: what they name was stored before them, however much is stored meanwhile.
    roots = find_roots(repository.git)
    packs = LocalPacks(layout)
    store = verify_store(
        packs,
        Lookup(layout, checked=True),
        repository.executor,
        sample=sample,
        seed=seed,
        progress=repository.progress,
    )
    wheres: dict[Content, list[str]] = {}
    unique = unique_roots([*roots.work_trees, *roots.history])
    for root in unique:
        wheres.setdefault(root.content, []).append(root.where)
    profiles = only_profiles(unique)
    lookup = Lookup(layout, checked=True)
    absent = find_absent(layout, lookup, wheres)
    completeness = Completeness(lookup, Reader(packs, lookup))
    noted = partial_contents(repository)
    # These first: so it is known of others whether they lie below one of them.
    missing, partial = [], []
    here = [content for content in wheres if content not in absent]
    for content in sorted(here, key=lambda content: content.id not in noted):
        may_be_partial = content.id in noted or (bool(noted) and completeness.has_seen(content))
        lack = completeness.find_lack(content)
        name = NodeId(content.id).text
        if lack.damaged or (lack and not may_be_partial):
            missing.append(
                Incomplete(
                    name,
                    tuple(wheres[content]),
                    lack.chunks,
                    lack.nodes,
                    lack.first,
                    is_profile=content in profiles,
                )
            )
        elif lack:
            partial.append(name)
    return Verified(
        store=store,
        manifests=len(wheres.keys() - profiles),
        missing=tuple(missing),
        absent=id_texts(absent - profiles),
        absent_profiles=id_texts(absent & profiles),
        absent_versions=name_versions(
            repository, [root for root in unique if root.content in absent - profiles]
        ),
        # What is noted and not here at all was dropped, or a fetch of it broke off at once.
        needed=_needed(roots.work_trees, {content for content in absent if content.id not in noted}),
        partial=tuple(sorted(partial)),
        unreadable=tuple(roots.unreadable),
        has_remote=bool(repository.settings.remotes),
    )


def _needed(roots: Iterable[Root], absent: Container[Content]) -> tuple[str, ...]:
    """The manifests in a work tree, and not only in git's index, whose data is absent."""
    wanted = (
        root for root in roots if root.path is not None and not root.is_profile and root.content in absent
    )
    return tuple(dict.fromkeys(str(root.path) for root in wanted))


def only_profiles(roots: Sequence[Root]) -> set[Content]:
    """Return the contents that are named as profiles and never as what a dataset holds."""
    data = {root.content for root in roots if not root.is_profile}
    return {root.content for root in roots if root.is_profile} - data


def id_texts(contents: Iterable[Content]) -> tuple[str, ...]:
    """Return the ids of contents, as they are shown, in order."""
    return tuple(sorted(NodeId(content.id).text for content in contents))


def unique_roots(roots: Iterable[Root]) -> list[Root]:
    return list(dict.fromkeys(roots))


def name_versions(repository: Repository, roots: Sequence[Root]) -> tuple[AbsentVersion, ...]:
    """Return each content of `roots` once, called by a commit if one has it, else by its manifest."""
    of_blobs: dict[str, list[Root]] = {}
    for root in roots:
        if root.blob is not None:
            of_blobs.setdefault(root.blob, []).append(root)
    named: dict[Content, AbsentVersion] = {}
    for blob, origin in find_origins(repository.git, of_blobs).items():
        for root in of_blobs[blob]:
            named.setdefault(root.content, _version(root, origin.path, origin.commit))
    # On disk before what only git has: that has no name.
    for root in sorted(roots, key=lambda root: root.path is None):
        named.setdefault(root.content, _version(root, root.path, None))
    return tuple(named.values())


def _version(root: Root, manifest: RelPath | None, commit: str | None) -> AbsentVersion:
    dataset = dataset_of_manifest(manifest) if manifest is not None else None
    path = dataset.path if dataset is not None else None
    return AbsentVersion(NodeId(root.content.id).text, path, commit, root.is_profile)


def find_absent(layout: Layout, lookup: Lookup, contents: Iterable[Content]) -> set[Content]:
    """Return those of `contents` that were never fetched."""
    positions = Positions(lookup.indexes)
    unknown: dict[bytes, list[Content]] = {}
    for content in contents:
        is_empty = content.depth == 0 and content.size == 0
        if not is_empty and not positions.is_named(content.id):
            unknown.setdefault(content.id, []).append(content)
    if unknown:
        for identity in _ids_without_index(layout, lookup):
            unknown.pop(identity, None)
    return {content for group in unknown.values() for content in group}


def _ids_without_index(layout: Layout, lookup: Lookup) -> Iterable[bytes]:
    """Yield the ids in packs that no index covers: known once, or being written."""
    for pack in sorted(layout.list_packs() - lookup.packs()):
        try:
            contents = LocalPacks(layout).read_contents(pack)
        except FormatError:
            continue
        if contents is not None:
            yield from split_ids(contents.ids)
