"""drop: the space of datasets in the local store, given back once a remote was seen to have all of them.

The files on disk stay, and so do the manifests: the data counts as never fetched, and a fetch brings it back.
Profiles stay too: they take next to nothing, and answer what would else need the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from datav.errors import DataLossError, IntegrityError, RemoteError, UnknownDatasetError
from datav.formats.entry import Content
from datav.formats.root import live_contents, live_roots
from datav.git.history import find_origins
from datav.relpath import RelPath
from datav.repo.clone_identity import clone_identity
from datav.repo.collect import Collected, collect
from datav.repo.connecting import connected
from datav.repo.datasets import dataset_of_manifest, expand_paths
from datav.repo.partial import note_partial
from datav.repo.repository import Repository, local_layout
from datav.repo.roots import Root, find_roots
from datav.repo.verify import find_absent
from datav.store.completeness import Completeness
from datav.store.lookup import Lookup
from datav.store.remote import RemoteStore


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a drop did or, as a dry run, would do."""

    remote: str
    """Which one has it all."""
    datasets: tuple[RelPath, ...]
    versions: int
    """Different contents that were here, in whole or in part."""
    collected: Collected
    """The collection that left them out."""


def drop(
    repository: Repository,
    names: Sequence[str],
    *,
    remote: str | None = None,
    keep_current: bool = False,
    dry_run: bool = False,
    is_only_user: bool = False,
) -> Dropped:
    """Free what only datasets need that a remote has, in all their versions that git can still show.

    What other datasets need stays.  All that `gc` would free is freed, too.

    Args:
        names: datasets, or directories above some.
        remote: which must have them; None for the default.
        keep_current: keep what manifests on disk name.
        is_only_user: see `collect`.

    Raises:
        UnknownDatasetError: a name means no dataset, now or in history.
        DataLossError: this clone has not pushed a version; nothing was freed.
        IntegrityError: the remote has lost a part of one; nothing was freed.
        RemoteError: it cannot be reached; nothing was freed.
        BusyError, UsageError: as `collect` raises them; nothing was freed.
    """
    going, paths = _choose(repository, names, keep_current=keep_current)
    with connected(repository, remote) as store:
        _prove(repository, store, going)
        name = store.name
    if not dry_run:
        # First: a drop that is broken off is no damage.
        note_partial(repository, going)
    collected = collect(repository, apply=not dry_run, is_only_user=is_only_user, left_out=frozenset(going))
    return Dropped(name, tuple(sorted(paths)), len(going), collected)


def _choose(
    repository: Repository, names: Sequence[str], *, keep_current: bool
) -> tuple[dict[Content, RelPath], set[RelPath]]:
    """Return the contents to be dropped that are here, each with a dataset that has it, and all datasets."""
    roots = find_roots(repository.git)
    blobs = {root.blob for root in roots.history if root.blob is not None}
    origins = find_origins(repository.git, blobs)
    owners: list[tuple[Root, RelPath | None]] = [(root, _owner(root.path)) for root in roots.work_trees]
    for root in roots.history:
        origin = origins.get(root.blob) if root.blob is not None else None
        owners.append((root, _owner(origin.path) if origin is not None else None))
    chosen: set[RelPath] = set()
    for path in expand_paths(repository, names):
        found = {own for _, own in owners if own is not None and _is_below(own, path)}
        if not found:
            shown = repository.shown(path) if path is not None else "."
            raise UnknownDatasetError(f"{shown} is no dataset", hint="`datav ls` lists the datasets")
        chosen |= found
    going, staying = dict[Content, RelPath](), set[Content]()
    for root, own in owners:
        is_kept = root.is_profile or (keep_current and root.path is not None)
        if own is None or own not in chosen or is_kept:
            staying.add(root.content)
        else:
            going[root.content] = own
    layout = local_layout(repository.private)
    absent = find_absent(layout, Lookup(layout, checked=True), going)
    here = {
        content: own
        for content, own in going.items()
        if content not in staying and content not in absent and content.size
    }
    return here, chosen


def _owner(manifest: RelPath | None) -> RelPath | None:
    dataset = dataset_of_manifest(manifest) if manifest is not None else None
    return dataset.path if dataset is not None else None


def _is_below(dataset: RelPath, path: RelPath | None) -> bool:
    manifest = _owner(path)
    return path is None or dataset in (path, manifest) or dataset.startswith(path + b"/")


def _prove(repository: Repository, store: RemoteStore, going: dict[Content, RelPath]) -> None:
    """See that a remote has all of the contents, and that this clone's roots keep them there."""
    if not store.refresh(packs=True):
        raise RemoteError(f"there is no store at {store.shown} yet", hint="`datav push` makes one")
    own = live_contents(live_roots(store.roots, clone_identity(repository).id).values())
    unpushed = [content for content in going if content not in own]
    if unpushed:
        paths = ", ".join(sorted({str(going[content]) for content in unpushed}))
        count = f"{len(unpushed)} versions" if len(unpushed) > 1 else "a version"
        raise DataLossError(
            f"{count} of {paths} may exist only here: this clone has not pushed it to {store.name}",
            hint="`datav push --all` sends every version that is committed; then drop again",
        )
    completeness = Completeness(store.lookup, store.reader)
    repository.progress.start("looking at the remote", len(going), "versions")
    for content, path in going.items():
        lack = completeness.find_lack(content)
        repository.progress.advance(1)
        if lack:
            raise IntegrityError(
                f"{store.name} has lost a part of {path}, and nothing was dropped: {lack.first}",
                hint=f"`datav repair --remote {store.name}` sends it again",
            )
