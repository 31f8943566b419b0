"""Needs: what the roots of all clones keep alive on a remote, and what becomes of its packs and roots.

Nothing is deleted here.  How it is decided is in docs/formats/remote.md (Root, R4 - R9);
`datav.store.remotesweeping` carries it out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from datav.errors import DataLossError, UsageError
from datav.formats.entry import Content
from datav.formats.root import Clone, RemoteRoot, clone_of, live_contents, live_roots
from datav.ids import PackId
from datav.progress import Progress
from datav.store.collecting import PackPlan
from datav.store.expiring import Age, Expiry, ListedRoot, clones_in, find_expired
from datav.store.layered import LayeredReader
from datav.store.marking import Marks, Reason, mark_contents
from datav.store.packing import SealedPack
from datav.store.reading import Reading
from datav.store.remote import RemoteStore
from datav.store.remoteroots import put_root
from datav.store.remoteview import RemoteView, check_confirmed, plan_packs
from datav.store.store import Store

# Of a clone's id, to forget it.
_MIN_PREFIX = 4


@dataclass(frozen=True, slots=True)
class Order:
    """What a collection is asked to do."""

    clone: Clone
    """Who collects."""
    time: str
    """For people: when, ISO 8601."""
    grace_s: float
    forget: str | None = None
    """The beginning of a clone's id: nothing is needed for it any more."""


@dataclass(frozen=True, slots=True)
class CloneNeed:
    """What one clone keeps alive.  Sizes are bytes of data, as files."""

    id: str
    label: str
    time: str
    """When it last pushed, by its own clock."""
    versions: int
    """Contents that its roots name which nothing replaces."""
    only_versions: int
    """Of these, what no other clone names."""
    only_bytes: int
    is_own: bool
    is_forgotten: bool


@dataclass(slots=True)
class RemoteCollection:
    """What a collection of a remote did or, as a dry run, would do.  Sizes are bytes of packs."""

    clones: list[CloneNeed] = field(default_factory=list)
    versions: int = 0
    """Different contents that stay."""
    missing_chunks: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    bytes_young: int = 0
    """In packs that stay because they are younger than the grace period."""
    packs_deleted: int = 0
    packs_rewritten: int = 0
    packs_kept: int = 0
    roots_deleted: int = 0
    roots_waiting: int = 0
    """Replaced, and not yet for as long as the grace period."""
    damaged: list[str] = field(default_factory=list)
    """Packs that stay because something in them is damaged."""
    packs: list[PackPlan] = field(default_factory=list)


class Collector:
    """What is needed, as far as it was found, and the plan that follows."""

    def __init__(
        self, remote: RemoteStore, order: Order, near: Store | None, progress: Progress, age: Age
    ) -> None:
        self.remote = remote
        self.order = order
        self.age = age
        self.progress = progress
        self.plans: list[PackPlan] = []
        self.new_roots: dict[str, RemoteRoot] = {}
        """Put by this collection, or, in a dry run, as if."""
        self.damaged: set[PackId] = set()
        """Packs that cannot be copied, and so stay."""
        self.missing_chunks = 0
        self.rewritten: set[PackId] = set()
        """Of the packs that went those of which a part stays, elsewhere."""
        self.written: dict[PackId, SealedPack] = {}
        self._near = near
        self._seen: set[Content] = set()
        self.forgotten = self._find_forgotten()

    def _find_forgotten(self) -> str | None:
        prefix = self.order.forget
        if prefix is None:
            return None
        clones = [clone for clone in clones_in(self._listed_roots()) if clone.startswith(prefix)]
        if len(prefix) < _MIN_PREFIX or len(clones) != 1:
            what = "is too short" if len(prefix) < _MIN_PREFIX else "is no clone"
            what = f"could be any of {len(clones)} clones" if len(clones) > 1 else what
            raise UsageError(
                f"{prefix!r} {what} that {self.remote.name} knows",
                hint=f"`datav gc --remote {self.remote.name}` lists them; give {_MIN_PREFIX} digits or more",
            )
        if clones[0] == self.order.clone.id:
            raise UsageError(
                f"{prefix!r} is this clone", hint="what its git no longer shows is not needed for it as it is"
            )
        return clones[0]

    def _listed_roots(self) -> dict[str, ListedRoot]:
        roots = {
            name: ListedRoot(self.remote.roots.get(name), info.modified)
            for name, info in self.remote.root_infos.items()
        }
        # Just put; whether it was listed already is chance.
        for name, root in self.new_roots.items():
            roots.setdefault(name, ListedRoot(root, self.age.now))
        return roots

    def forgetting_root(self) -> RemoteRoot | None:
        """The root that says that nothing is needed for the forgotten clone (R9)."""
        clone = self.forgotten
        if clone is None:
            return None
        own = [name for name in self._listed_roots() if clone_of(name) == clone]
        known = [self.remote.roots[name] for name in own if name in self.remote.roots]
        if len(known) == len(own) and not live_contents(live_roots(self.remote.roots, clone).values()):
            return None
        label = max(known, key=lambda root: root.time).label if known else "?"
        return RemoteRoot(clone, label, self.order.time, tuple(sorted(own)), frozenset())

    def renewing_root(self, still_named: set[Content] | None) -> RemoteRoot | None:
        """The root that names what this clone may still need of what its roots name; None if they say so."""
        clone = self.order.clone
        live = live_roots(self.remote.roots, clone.id)
        damaged = [
            name
            for name in self._listed_roots()
            if clone_of(name) == clone.id and name not in self.remote.roots and name not in self.new_roots
        ]
        named = live_contents(live.values())
        if still_named is None or (named <= still_named and not damaged):
            return None
        replaces = tuple(sorted([*live, *damaged]))
        return RemoteRoot(clone.id, clone.label, self.order.time, replaces, frozenset(named & still_named))

    def put_roots(self, still_named: Callable[[], set[Content]] | None) -> None:
        """Put the root that forgets, and the one that renews."""
        forgetting = self.forgetting_root()
        if forgetting is not None:
            self._put_root(forgetting)
        if still_named is None:
            return
        before = live_contents(live_roots(self.remote.roots, self.order.clone.id).values())
        wanted = still_named()
        renewing = self.renewing_root(wanted)
        if renewing is not None:
            name = self._put_root(renewing)
            # A push that ran meanwhile may have relied on the roots as they were.
            again = still_named() & before
            if not again <= renewing.contents:
                more = renewing.contents | again
                self._put_root(
                    RemoteRoot(renewing.clone, renewing.label, renewing.time, (name,), frozenset(more))
                )

    def _put_root(self, root: RemoteRoot) -> str:
        name = put_root(self.remote, root)
        self.new_roots[name] = root
        return name

    def find_expired(self) -> Expiry:
        return find_expired(self._listed_roots(), self.age)

    def plan(self, condemned: frozenset[PackId]) -> None:
        """Mark all that any root needs, and decide what becomes of each pack."""
        self.view = RemoteView(self.remote, condemned)
        self.marks = Marks(self.view.positions)
        self.mark_roots()
        self.young = {
            pack
            for pack, info in (self.remote.cache.listed or {}).items()
            if not self.age.is_over(info.modified) and pack not in condemned
        }
        self.plan_again()

    def plan_again(self) -> None:
        self.plans = plan_packs(self.view, self.marks, staying=self.young | self.damaged)
        gone = {plan.pack for plan in self.plans if plan.action == "delete"}
        check_confirmed(self.view, self.marks, self.view.readable_but(gone))

    def look_again(self, condemned: frozenset[PackId], going: frozenset[PackId]) -> None:
        """Mark what has appeared since, and take back what is needed after all (R4)."""
        before = self.marks
        self.view = RemoteView(self.remote, condemned, self.written)
        self.marks = Marks(self.view.positions)
        before.carry_to(self.marks)
        self.mark_roots()
        self.plans = plan_packs(self.view, self.marks, going=going)
        gone = {plan.pack for plan in self.plans if plan.action == "delete"}
        check_confirmed(self.view, self.marks, self.view.readable_but(gone))

    def mark_roots(self) -> None:
        listed = self._listed_roots()
        self.progress.start("marking", None, "versions")
        reader = self._reader()
        for name in self.find_expired().counting:
            root = listed[name].root
            if root is None:
                raise DataLossError(
                    f"what clone {name[:8]} needs of {self.remote.shown} is not known: its root is damaged",
                    hint=f"push and collect from that clone, or `--forget {name[:8]}`; nothing was deleted",
                )
            for content in sorted(root.contents - self._seen):
                self._mark(reader, content, root)
                self._seen.add(content)
                self.progress.advance(1)

    def _mark(self, reader: Reading, content: Content, root: RemoteRoot) -> None:
        marked = mark_contents(self.marks, reader, [content], Reason.HISTORY)
        self.missing_chunks += marked.missing_chunks
        if content.depth == 0:
            self.missing_chunks += len(marked.absent)
        elif marked.absent or marked.unwalked:
            what = marked.unwalked[0].what if marked.unwalked else "it is not there"
            raise DataLossError(
                f"what {root.label} (clone {root.clone[:8]}) needs of {self.remote.shown} is not known,"
                f" because b3:{content.id.hex()[:12]} cannot be read: {what}",
                hint="`datav push` from a clone that has it, or `--forget` that clone; nothing was deleted",
            )

    def _reader(self) -> Reading:
        if self._near is None:
            return self.view.reader
        return LayeredReader(self._near.lookup, self._near.reader, self.view.reader)

    def report(self, plans: Sequence[PackPlan]) -> RemoteCollection:
        expiry = self.find_expired()
        actions = ["rewrite" if plan.pack in self.rewritten else plan.action for plan in plans]
        deletable = sum(len(group) for group in expiry.deletable)
        roots = self._listed_roots()
        replaced = {old for each in roots.values() if each.root is not None for old in each.root.replaces}
        after = sum(p.size if p.action == "keep" else p.needed for p in plans if p.action != "delete")
        return RemoteCollection(
            clones=self._clones(),
            versions=len(self._seen),
            missing_chunks=self.missing_chunks,
            bytes_before=sum(plan.size for plan in plans if plan.pack not in self.written),
            bytes_after=after,
            bytes_young=sum(plan.size for plan in plans if plan.pack in self.young),
            packs_deleted=actions.count("delete"),
            packs_rewritten=actions.count("rewrite"),
            packs_kept=actions.count("keep"),
            roots_deleted=deletable,
            roots_waiting=len(replaced & roots.keys()) - deletable,
            damaged=sorted(pack.short for pack in {*self.damaged, *self.view.unreadable}),
            packs=list(plans),
        )

    def _clones(self) -> list[CloneNeed]:
        roots = {name: each.root for name, each in self._listed_roots().items() if each.root is not None}
        live = live_roots(roots)
        named = {
            clone: live_contents(root for root in live.values() if root.clone == clone)
            for clone in clones_in(self._listed_roots())
        }
        result = []
        for clone, contents in named.items():
            only = contents.difference(*(others for other, others in named.items() if other != clone))
            own = [root for root in roots.values() if root.clone == clone]
            last = max(own, key=lambda root: root.time, default=None)
            result.append(
                CloneNeed(
                    id=clone,
                    label=last.label if last else "?",
                    time=last.time if last else "?",
                    versions=len(contents),
                    only_versions=len(only),
                    only_bytes=sum(content.size for content in only),
                    is_own=clone == self.order.clone.id,
                    is_forgotten=clone == self.forgotten,
                )
            )
        return result
