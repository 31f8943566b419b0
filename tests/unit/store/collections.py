"""Collecting a store of which a test knows the roots."""

from collections.abc import Sequence

from datav.formats.entry import Content
from datav.storage.leases import collector_lease
from datav.store.collecting import CollectionPlan, StoreView, mark_bases, plan_collection, view_of
from datav.store.marking import Marked, Marks, Reason, mark_contents
from datav.store.store import Store
from datav.store.sweeping import CollectionResult, apply_collection
from tests.unit.store.stores import pool


def mark(view: StoreView, contents: Sequence[Content]) -> tuple[Marks, Marked]:
    marks = Marks(view.positions)
    marked = mark_contents(marks, view.reader, contents, Reason.HISTORY)
    mark_bases(view, marks)
    return marks, marked


def plan_for(store: Store, contents: Sequence[Content]) -> CollectionPlan:
    view = view_of(store.layout)
    return plan_collection(view, mark(view, contents)[0])


def collect_store(store: Store, contents: Sequence[Content]) -> CollectionResult:
    """Keep what `contents` need."""
    view = view_of(store.layout)
    marks, _ = mark(view, contents)
    with pool() as executor, collector_lease(store.layout.locks) as lease:
        plan = plan_collection(view, marks)
        return apply_collection(
            store.layout, view, marks, plan, lease=lease, executor=executor, before_deleting=lambda: None
        )
