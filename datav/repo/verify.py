"""verify: whether everything that is stored is sound, and everything that is needed is stored.

A manifest is *absent* when its data was never fetched: no index knows the top of its content, nor does a pack
that no index covers.  That is how a fresh clone is, and no damage.  A manifest is *incomplete* when its top
is known and something below it is missing or cannot be read.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from datav.errors import FormatError
from datav.formats.entry import Content
from datav.ids import NodeId
from datav.repo.repository import Repository, local_layout
from datav.repo.roots import Root, Unreadable, find_roots
from datav.store.completeness import Completeness
from datav.store.contents import read_contents
from datav.store.layout import Layout
from datav.store.lookup import Lookup
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


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found."""

    store: VerifiedStore
    manifests: int
    """Different contents that manifests name."""
    missing: tuple[Incomplete, ...]
    absent: tuple[str, ...]
    """Ids of contents that were never fetched."""
    unreadable: tuple[Unreadable, ...]
    """Files named like manifests that are none."""

    @property
    def ok(self) -> bool:
        """Whether there is no damage and nothing missing; what was never fetched is neither."""
        return self.store.ok and not self.missing and not self.unreadable


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
    store = verify_store(layout, repository.executor, sample=sample, seed=seed, progress=repository.progress)
    wheres: dict[Content, list[str]] = {}
    for root in _unique([*roots.work_trees, *roots.history]):
        wheres.setdefault(root.content, []).append(root.where)
    lookup = Lookup(layout, checked=True)
    absent = _find_absent(layout, lookup, wheres)
    completeness = Completeness(lookup, Reader(layout, lookup))
    missing = []
    for content, where in wheres.items():
        if content not in absent:
            lack = completeness.find_lack(content)
            if lack:
                name = NodeId(content.id).text
                missing.append(Incomplete(name, tuple(where), lack.chunks, lack.nodes, lack.first))
    return Verified(
        store=store,
        manifests=len(wheres),
        missing=tuple(missing),
        absent=tuple(sorted(NodeId(content.id).text for content in absent)),
        unreadable=tuple(roots.unreadable),
    )


def _unique(roots: Iterable[Root]) -> list[Root]:
    return list(dict.fromkeys(roots))


def _find_absent(layout: Layout, lookup: Lookup, contents: Iterable[Content]) -> set[Content]:
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
            contents = read_contents(layout, pack)
        except FormatError:
            continue
        if contents is not None:
            yield from split_ids(contents.ids)
