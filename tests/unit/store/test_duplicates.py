"""One id in two packs: whole in one, a delta in the other.

Happens when two commands store the same data at once, and when data is stored again after a pack was lost.
"""

from datav.formats.frame import DELTA
from datav.store.store import Store
from tests.unit.store.stores import (
    edited,
    leftovers,
    new_store,
    noise,
    pack_of,
    pack_paths,
    pool,
    put,
    read_all,
    store_chunks,
)

A = noise(1, 40_000)
B = edited(A, 20_000)
C = edited(B, 100)


def _store_b_twice(root) -> tuple[Store, list[bytes]]:
    """A store with A; B, whole and as a delta of A, by writers that run side by side; C as a delta of B."""
    store = new_store(root)
    (a,) = store_chunks(store, [A])
    other = Store(root)
    with pool() as executor, store.writing(executor) as first, other.writing(executor) as second:
        (b,) = put(first, [B])
        put(second, [B], [[a]])
        # The larger index is looked at first, so the whole copy is found and becomes a base.
        put(first, [b"this makes it the larger index"])
    store = Store(root)
    assert _kind(store, b) != DELTA
    (c,) = store_chunks(store, [C], [[b]])
    assert store.reader.read_frames([c], nodes=False)[0].bases == (b,)
    return Store(root), [a, b, c]


def _kind(store: Store, identity: bytes) -> int:
    return store.reader.read_frames([identity], nodes=False)[0].kind


def test_a_base_that_somebody_else_stored_as_a_delta_is_readable(tmp_path):
    store, ids = _store_b_twice(tmp_path / "s")

    store.lookup._open = store.lookup._open[::-1]

    assert _kind(store, ids[1]) == DELTA
    assert read_all(store, ids) == [A, B, C]


def test_merging_indexes_keeps_the_whole_copy_of_an_id(tmp_path, monkeypatch):
    store, ids = _store_b_twice(tmp_path / "s")
    monkeypatch.setattr("datav.store.merging.MAX_PER_TIER", 2)

    store_chunks(store, [b"one more"])

    again = Store(store.layout.root)
    assert len(again.lookup.indexes) == 1
    assert _kind(again, ids[1]) != DELTA
    assert read_all(again, ids) == [A, B, C]


def test_data_stored_again_as_a_delta_heals_what_needs_it_as_a_base(tmp_path):
    store = new_store(tmp_path / "s")
    (a,) = store_chunks(store, [A])
    (b,) = store_chunks(store, [B])
    (c,) = store_chunks(store, [C], [[b]])
    pack_of(store, b).unlink()
    store = Store(store.layout.root)

    store_chunks(store, [B], [[a]])

    assert _kind(store, b) == DELTA
    assert read_all(store, [a, b, c]) == [A, B, C]


def test_an_old_version_that_cannot_be_read_is_no_base_and_no_error(tmp_path):
    store = new_store(tmp_path / "s")
    (a,) = store_chunks(store, [A])
    (b,) = store_chunks(store, [B], [[a]])
    pack_of(store, a).unlink()
    store = Store(store.layout.root)

    ids = store_chunks(store, [A, C], [[b], [b]])

    assert read_all(store, [*ids, b]) == [A, C, B]
    assert leftovers(store) == []


def test_a_damaged_old_version_is_no_base_and_no_error(tmp_path):
    store = new_store(tmp_path / "s")
    (a,) = store_chunks(store, [A])
    (path,) = pack_paths(store)
    path.write_bytes(path.read_bytes().replace(A[1000:1100], bytes(100)))

    (b,) = store_chunks(store, [B], [[a]])

    assert read_all(store, [b]) == [B]
