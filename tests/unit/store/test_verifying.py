"""What verifying finds, and what it does not take for damage."""

import pytest

from datav.formats.entry import Content
from datav.formats.index import Place, encode_index
from datav.ids import hash_chunk
from datav.store.lookup import Lookup
from datav.store.store import Store
from datav.store.verifying import VerifiedStore, verify_store
from tests.unit.store.collections import collect_store
from tests.unit.store.files import Bytes, ingest_large
from tests.unit.store.stores import (
    edited,
    flip,
    new_store,
    noise,
    pack_of,
    pack_paths,
    pool,
    store_chunks,
    text,
)


def _verify(store: Store, **options) -> VerifiedStore:
    with pool() as executor:
        return verify_store(store.packs, Lookup(store.layout, checked=True), executor, **options)


@pytest.fixture
def store(tmp_path) -> Store:
    """Two versions of a file, the second as deltas, in two packs."""
    store = new_store(tmp_path / "s")
    data = text(1, 300_000)
    old = ingest_large(store, Bytes(data)).content
    ingest_large(store, Bytes(edited(data, 150_000)), old=old)
    return store


def _place(store: Store, identity: bytes) -> Place:
    (place,) = store.lookup.places([identity])
    assert place is not None
    return place


def test_a_sound_store_is_sound(store):
    found = _verify(store)

    assert found.ok
    assert found.chunks + found.nodes == store.lookup.count()
    assert (found.lost_packs, found.unindexed_packs) == ((), ())


def test_an_empty_store_is_sound(tmp_path):
    found = _verify(new_store(tmp_path / "s"))

    assert found.ok
    assert found.chunks == 0


def test_every_byte_of_a_pack_is_looked_at(tmp_path):
    store = new_store(tmp_path / "s")
    (a,) = store_chunks(store, [noise(1, 900)])
    store_chunks(store, [edited(noise(1, 900), 400)], [[a]])
    for path in pack_paths(store):
        whole = path.read_bytes()
        for offset in range(len(whole)):
            # Nothing is said of the reserved number in the footer but that it is zero.
            if not 8 < len(whole) - offset <= 12:
                flip(path, offset)
                assert not _verify(store).ok, f"byte {offset} of {len(whole)}"
                path.write_bytes(whole)


def test_every_byte_of_an_index_is_looked_at(tmp_path):
    store = new_store(tmp_path / "s")
    store_chunks(store, [noise(1, 900), noise(2, 900)])
    (path,) = store.layout.index.iterdir()
    whole = path.read_bytes()
    for offset in range(len(whole)):
        # Nothing is said of what is reserved but that it is zero.
        if not 28 <= offset < 32 and not 40 <= offset < 64:
            flip(path, offset)
            assert not _verify(store).ok, f"byte {offset} of {len(whole)}"
            path.write_bytes(whole)


def test_damage_is_named_by_id_and_pack(store):
    ids = [identity for identity, _ in store.lookup.indexes[0].index.records()]
    place = _place(store, ids[3])
    flip(store.layout.pack(place.pack), place.offset + 20)

    found = _verify(store)

    assert ids[3].hex() in found.damaged[0].id
    assert found.damaged[0].pack == place.pack.text
    assert not found.ok


def test_deltas_of_a_damaged_base_are_damaged_and_their_neighbours_are_not(tmp_path):
    store = new_store(tmp_path / "s")
    base, other = noise(1, 30_000), noise(2, 30_000)
    a, b = store_chunks(store, [base, other])
    c, _d = store_chunks(store, [edited(base, 10), edited(other, 10)], [[a], [b]])
    place = _place(store, a)
    flip(store.layout.pack(place.pack), place.offset + 9_000)

    found = _verify(store)

    assert sorted(damage.id for damage in found.damaged) == sorted(f"b3:{i.hex()}" for i in (a, c))


def test_a_pack_cut_short_is_damage_and_not_an_error(store):
    path = pack_paths(store)[0]
    path.write_bytes(path.read_bytes()[:-1])

    found = _verify(store)

    assert [damage.id for damage in found.damaged if damage.pack[3:] in path.name] == [""]


def test_a_pack_that_is_gone_is_lost(store):
    path = pack_paths(store)[0]
    path.unlink()

    assert _verify(store).lost_packs == (f"b3:{path.stem}",)


def test_a_pack_without_index_is_told_and_no_damage(store):
    for path in store.layout.index.iterdir():
        path.unlink()

    found = _verify(store)

    assert found.ok
    assert len(found.unindexed_packs) == 2


def test_an_index_whose_places_are_wrong_is_broken(tmp_path):
    store = new_store(tmp_path / "s")
    store_chunks(store, [noise(1, 900), noise(2, 900)])
    (path,) = store.layout.index.iterdir()
    index = store.lookup.indexes[0].index
    (a, place), *rest = index.records()
    path.write_bytes(encode_index(index.packs, [(a, place._replace(offset=place.offset + 1)), *rest]))

    assert [name for name, _ in _verify(store).broken_indexes] == [path.name]


def test_what_a_collection_left_in_a_pack_is_not_looked_at(tmp_path):
    store = new_store(tmp_path / "s")
    base = noise(1, 50_000)
    (a,) = store_chunks(store, [base])
    kept = noise(2, 400_000)
    contents = [ingest_large(store, Bytes(kept)).content]
    with pool() as executor, store.writing(executor) as writer:
        delta = edited(base, 99)
        writer.put_chunks(memoryview(delta), [len(delta)], choose=lambda ids, known: [[a]])
        keep = noise(3, 200_000)
        writer.put_chunks(memoryview(keep), [len(keep)])
    contents.append(Content(bytes(hash_chunk(keep)), 0, len(keep)))

    assert collect_store(store, contents).packs_deleted == 1

    found = _verify(Store(store.layout.root))
    assert found.ok
    assert pack_of(Store(store.layout.root), contents[1].id).exists()


def test_a_sample_is_a_share_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr("datav.store.packs.LocalPacks.longest_run", 20_000)
    store = new_store(tmp_path / "s")
    ingest_large(store, Bytes(noise(1, 1_000_000)))
    whole = _verify(store).bytes

    sampled = _verify(store, sample=0.3)

    assert 0.1 * whole < sampled.bytes < 0.6 * whole
    assert _verify(store, sample=0.3) == sampled
    assert _verify(store, sample=0.3, seed=1) != sampled
    assert _verify(store, sample=1.0).bytes == whole
