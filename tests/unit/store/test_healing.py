"""What is damaged or lost is stored again as if it had never been there."""

from datav.store.store import Store
from tests.unit.store.files import Bytes, ingest_large, ingest_small, read_back
from tests.unit.store.stores import edited, leftovers, new_store, noise, pack_paths, text

OLD = text(1, 400_000)
NEW = edited(OLD, 200_000)


def test_a_file_whose_version_before_is_lost_is_stored(tmp_path):
    store = new_store(tmp_path / "s")
    old = ingest_large(store, Bytes(OLD)).content
    for path in pack_paths(store):
        path.unlink()
    store = Store(store.layout.root)

    large = ingest_large(store, Bytes(NEW), old=old).content
    (small,) = ingest_small(store, [NEW[:300_000]], [old])

    assert read_back(store, large) == NEW
    assert read_back(store, small) == NEW[:300_000]
    assert leftovers(store) == []


def test_a_file_whose_version_before_is_damaged_is_stored(tmp_path):
    store = new_store(tmp_path / "s")
    old = ingest_large(store, Bytes(OLD)).content
    for path in pack_paths(store):
        path.write_bytes(path.read_bytes()[:16] + bytes(path.stat().st_size - 16))

    different = noise(2, 300_000)
    assert read_back(store, ingest_large(store, Bytes(different), old=old).content) == different
    assert read_back(store, ingest_small(store, [different[5:]], [old])[0]) == different[5:]


def test_the_same_file_stored_again_heals_a_lost_pack(tmp_path):
    store = new_store(tmp_path / "s")
    old = ingest_large(store, Bytes(OLD)).content
    new = ingest_large(store, Bytes(NEW), old=old).content
    for path in pack_paths(store):
        path.unlink()
        store = Store(store.layout.root)

        ingest_large(store, Bytes(OLD), old=new)
        ingest_large(store, Bytes(NEW), old=old)

        assert read_back(store, old) == OLD
        assert read_back(store, new) == NEW


def test_a_delta_whose_base_is_lost_does_not_count_as_stored(tmp_path):
    store = new_store(tmp_path / "s")
    old = ingest_large(store, Bytes(OLD)).content
    (first,) = pack_paths(store)
    ingest_large(store, Bytes(NEW), old=old)
    first.unlink()
    store = Store(store.layout.root)

    new = ingest_large(store, Bytes(NEW)).content

    assert read_back(store, new) == NEW
