"""Whatever lies on disk and whatever is wanted: after the checkout the one is the other."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datav.formats.entry import Kind
from datav.progress import SILENT
from datav.workspace import apply
from datav.workspace.apply import apply_checkout
from datav.workspace.ignore import NO_RULES
from datav.workspace.plan import plan_checkout
from datav.workspace.scan import scan_tree
from tests.unit.workspace.fakes import MemorySource, current, on_disk, tree

NAMES = st.sampled_from([b"a", b"b", b"ab", b"a-", b"a.b", b"\xff\xfe", "é".encode(), b" ", b"-", b"a\nb"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)
LONG = st.integers(0, 9).map(lambda n: bytes([n]) * 70_000 + b"x" * 70_000)
CONTENTS = st.one_of(st.binary(max_size=20), LONG)
THINGS = st.one_of(
    st.tuples(st.sampled_from([Kind.FILE, Kind.EXECUTABLE]), CONTENTS),
    st.tuples(st.just(Kind.SYMLINK), st.sampled_from([b"a", b"../a", b"/nowhere", b".", b"\xff"])),
    st.tuples(st.just(Kind.EMPTY_DIRECTORY), st.just(b"")),
)


def keep_possible(things):
    """Drop what lies below something that is not a directory."""
    kept = {}
    for path in sorted(things, key=lambda path: path.split(b"/")):
        parts = path.split(b"/")
        if not any(b"/".join(parts[:depth]) in kept for depth in range(1, len(parts))):
            kept[path] = things[path]
    return kept


TREES = st.dictionaries(PATHS, THINGS, max_size=8).map(keep_possible)


@pytest.fixture(params=[1, 10**9], ids=["large", "small"], scope="module")
def sizes(request):
    """Take every file for a large one, and every file for a small one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply, "_SMALL", 2**20 if request.param > 1 else 8)
        patch.setattr(apply, "_SPREAD", 2**30 if request.param > 1 else 100_000)
        yield


@given(before=TREES, after=TREES)
@settings(max_examples=150, deadline=None)
def test_checkout_makes_what_is_wanted(sizes, before, after):
    store = MemorySource()
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as executor:
        root = Path(place) / "data"
        apply_checkout(plan_checkout([], tree(store, before)), root, store, executor, SILENT)
        root.mkdir(exist_ok=True)
        assert on_disk(root) == before
        plan = plan_checkout(current(store, root), tree(store, after))

        applied = apply_checkout(plan, root, store, executor, SILENT)

        assert on_disk(root) == after
        stamps = {found.path: found.stamp for found in scan_tree(root, NO_RULES, SILENT).entries}
        assert all(stamps[row.path] == row.stamp for row in applied.rows)
        assert plan_checkout(current(store, root), tree(store, after)).is_empty
        assert not scan_tree(root, NO_RULES, SILENT).skipped
