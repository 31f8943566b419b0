"""Finding ids: over several indexes, while others merge and delete them."""

import pytest

from datav.errors import FormatError, MissingChunkError, StorageError
from datav.ids import hash_chunk
from datav.store import lookup as lookup_module
from datav.store.store import Store
from tests.unit.store.stores import ids_of, new_store, noise, pack_of, pack_paths, read_all, store_chunks

PIECES = [noise(n, 300) for n in range(40)]


@pytest.fixture
def store(tmp_path):
    return new_store(tmp_path / "store")


def test_merging_keeps_every_id_and_bounds_the_number_of_indexes(store, monkeypatch):
    monkeypatch.setattr("datav.store.merging.MAX_PER_TIER", 3)
    monkeypatch.setattr("datav.store.merging.TIERS", (10, 30))

    for piece in PIECES:
        store_chunks(store, [piece])

        names = [path.name for path in store.layout.index.iterdir()]
        assert len(names) <= 8
    assert read_all(Store(store.layout.root), ids_of(PIECES)) == PIECES


def test_an_index_that_is_merged_while_it_is_looked_for_is_found_in_the_merged_one(store, monkeypatch):
    monkeypatch.setattr("datav.store.merging.MAX_PER_TIER", 2)
    other = Store(store.layout.root)
    store_chunks(other, PIECES[:1])
    store_chunks(other, PIECES[1:2])
    real, merged = lookup_module._map_index, []

    def merge_first(*args, **kwargs):
        if not merged:
            merged.append(1)
            store_chunks(other, PIECES[2:3])
        return real(*args, **kwargs)

    monkeypatch.setattr(lookup_module, "_map_index", merge_first)

    assert read_all(store, ids_of(PIECES[:3])) == PIECES[:3]


def test_a_pack_deleted_under_an_open_reader_is_missed_by_name(store):
    ids = store_chunks(store, PIECES[:2])
    others = store_chunks(store, PIECES[2:3])
    assert read_all(store, ids) == PIECES[:2]
    pack_of(store, ids[0]).unlink()

    with pytest.raises(MissingChunkError) as error:
        store.reader.read_many(ids, nodes=False)

    assert hash_chunk(PIECES[0]).short in str(error.value)
    assert read_all(store, others) == PIECES[2:3]
    assert list(store.lookup.contains(b"".join([*ids, *others]))) == [0, 0, 1]


def test_a_pack_rewritten_under_an_open_reader_is_found(store):
    ids = store_chunks(store, PIECES[:2])
    reader = Store(store.layout.root)
    assert read_all(reader, ids) == PIECES[:2]
    pack_of(store, ids[0]).unlink()
    store_chunks(store, PIECES[:5])

    assert read_all(reader, ids) == PIECES[:2]


def test_data_stored_again_heals_a_lost_pack(store):
    ids = store_chunks(store, PIECES)
    for path in pack_paths(store):
        path.unlink()
    store = Store(store.layout.root)

    assert store_chunks(store, PIECES) == ids

    assert read_all(store, ids) == PIECES


@pytest.mark.parametrize("name", ["README", "AB" * 32 + ".pack", "aa  " * 16 + ".pack", "é" * 64 + ".pack"])
def test_a_file_that_is_not_ours_among_the_packs_is_no_error(store, name):
    ids = store_chunks(store, PIECES)
    (store.layout.packs / name).write_bytes(b"?")

    store = Store(store.layout.root)

    assert read_all(store, ids) == PIECES
    assert store.layout.list_packs() == store.lookup.packs()


@pytest.mark.parametrize("content", [b"", b"x", b"DATAVIX\n" + bytes(56), b"DATAVIX\n\1" + b"\xff" * 55])
def test_an_index_that_is_none_is_an_error_that_names_it(store, content):
    (store.layout.index / "0.idx").write_bytes(content)

    with pytest.raises(FormatError) as error:
        Store(store.layout.root)

    assert "0.idx" in str(error.value)


def test_an_index_that_is_listed_and_never_there_is_an_error(store):
    (store.layout.index / "0.idx").symlink_to("nowhere")

    with pytest.raises(StorageError):
        store.lookup.refresh()
