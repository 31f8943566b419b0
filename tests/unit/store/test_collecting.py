"""What a collection plans, what it does, and that it stops before it deletes what it does not understand."""

import os

import pytest

from datav.errors import BusyError, IntegrityError
from datav.formats.entry import Content
from datav.formats.frame import DELTA
from datav.formats.index import encode_index
from datav.ids import hash_chunk
from datav.store.collecting import plan_collection, view_of
from datav.store.lookup import Lookup
from datav.store.store import Store
from datav.store.sweeping import remove_leftovers
from datav.store.verifying import verify_store
from tests.unit.store.collections import collect_store, mark, plan_for
from tests.unit.store.files import Bytes, ingest_large, read_back
from tests.unit.store.stores import (
    edited,
    flip,
    leftovers,
    new_store,
    noise,
    pack_of,
    pack_paths,
    pool,
    put,
    store_chunks,
)


def _chunk(data: bytes) -> Content:
    return Content(bytes(hash_chunk(data)), 0, len(data))


def _again(store: Store) -> Store:
    return Store(store.layout.root)


def _is_sound(store: Store) -> bool:
    with pool() as executor:
        found = verify_store(store.packs, Lookup(store.layout, checked=True), executor)
    return found.ok and not found.lost_packs and not found.unindexed_packs


def _actions(store: Store, contents: list[Content]) -> list[str]:
    return sorted(pack.action for pack in plan_for(store, contents).packs)


def test_what_nothing_needs_goes_and_the_rest_stays(tmp_path):
    store = new_store(tmp_path / "s")
    kept = ingest_large(store, Bytes(noise(1, 200_000))).content
    gone = ingest_large(store, Bytes(noise(2, 200_000))).content
    before = sum(path.stat().st_size for path in pack_paths(store))

    result = collect_store(store, [kept])

    assert read_back(_again(store), kept) == noise(1, 200_000)
    assert not any(_again(store).lookup.contains(gone.id))
    assert (result.packs_deleted, result.packs_written) == (1, 0)
    assert result.bytes_before == before
    assert result.bytes_after == sum(path.stat().st_size for path in pack_paths(store))
    assert _is_sound(store)
    assert leftovers(store) == []


def test_a_plan_changes_nothing(tmp_path):
    store = new_store(tmp_path / "s")
    store_chunks(store, [noise(1, 5_000)])
    before = sorted((path, path.stat().st_mtime_ns) for path in store.layout.root.rglob("*"))

    assert _actions(store, []) == ["delete"]

    assert sorted((path, path.stat().st_mtime_ns) for path in store.layout.root.rglob("*")) == before


def test_a_pack_of_which_little_is_needed_is_rewritten(tmp_path):
    store = new_store(tmp_path / "s")
    pieces = [noise(n, 5_000) for n in range(10)]
    store_chunks(store, pieces)

    result = collect_store(store, [_chunk(piece) for piece in pieces[2:7]])

    store = _again(store)
    assert (result.packs_deleted, result.packs_written) == (1, 1)
    assert [bytes(d) for d in store.reader.read_many([_chunk(p).id for p in pieces[2:7]], nodes=False)]
    assert list(store.lookup.contains(b"".join(_chunk(p).id for p in pieces))) == [0, 0, *[1] * 5, 0, 0, 0]
    assert _is_sound(store)


def test_a_pack_of_which_most_is_needed_is_left_alone(tmp_path):
    store = new_store(tmp_path / "s")
    pieces = [noise(n, 5_000) for n in range(10)]
    store_chunks(store, pieces)

    assert _actions(store, [_chunk(piece) for piece in pieces[:8]]) == ["keep"]


def test_many_small_packs_are_joined(tmp_path):
    store = new_store(tmp_path / "s")
    pieces = [noise(n, 2_000) for n in range(33)]
    for piece in pieces:
        store_chunks(store, [piece])
    contents = [_chunk(piece) for piece in pieces]

    collect_store(store, contents)

    store = _again(store)
    assert len(pack_paths(store)) == len(store.lookup.indexes) == 1
    assert [read_back(store, content) for content in contents] == pieces
    assert _actions(store, contents) == ["keep"]


def test_collecting_twice_does_nothing_the_second_time(tmp_path):
    store = new_store(tmp_path / "s")
    pieces = [noise(n, 5_000) for n in range(10)]
    store_chunks(store, pieces)
    collect_store(store, [_chunk(pieces[0])])
    before = sorted((path, path.stat().st_mtime_ns) for path in store.layout.root.rglob("*.*"))

    result = collect_store(store, [_chunk(pieces[0])])

    assert (result.packs_deleted, result.packs_written) == (0, 0)
    assert sorted((path, path.stat().st_mtime_ns) for path in store.layout.root.rglob("*.*")) == before


def test_the_base_of_a_delta_that_stays_stays(tmp_path):
    store = new_store(tmp_path / "s")
    (base,) = store_chunks(store, [noise(1, 40_000)])
    new = edited(noise(1, 40_000), 20_000)
    (delta,) = store_chunks(store, [new], [[base]])

    collect_store(store, [_chunk(new)])

    store = _again(store)
    assert store.reader.read_frames([delta], nodes=False)[0].kind == DELTA
    assert read_back(store, _chunk(new)) == new
    assert _is_sound(store)


def test_of_what_lies_twice_one_sound_copy_stays(tmp_path):
    store = new_store(tmp_path / "s")
    other = Store(store.layout.root)
    with pool() as executor, store.writing(executor) as one, other.writing(executor) as two:
        put(one, [noise(1, 5_000), noise(2, 5_000)])
        put(two, [noise(1, 5_000)])
    contents = [_chunk(noise(1, 5_000)), _chunk(noise(2, 5_000))]

    result = collect_store(store, contents)

    assert result.packs_deleted == 1
    assert read_back(_again(store), contents[0]) == noise(1, 5_000)


def test_a_copy_is_not_deleted_when_the_other_one_is_damaged(tmp_path):
    store = new_store(tmp_path / "s")
    other = Store(store.layout.root)
    with pool() as executor, store.writing(executor) as one, other.writing(executor) as two:
        put(one, [noise(1, 5_000), noise(2, 5_000)])
        put(two, [noise(1, 5_000)])
    store = _again(store)
    place = store.lookup.places([_chunk(noise(1, 5_000)).id], longest=True)[0]
    assert place is not None
    flip(store.layout.pack(place.pack), place.offset + 100)

    with pytest.raises(IntegrityError):
        collect_store(store, [_chunk(noise(1, 5_000)), _chunk(noise(2, 5_000))])

    assert len(pack_paths(store)) == 2


def test_a_pack_with_damage_is_not_rewritten(tmp_path):
    store = new_store(tmp_path / "s")
    pieces = [noise(n, 5_000) for n in range(10)]
    store_chunks(store, pieces)
    store = _again(store)
    path = pack_of(store, _chunk(pieces[0]).id)
    place = store.lookup.places([_chunk(pieces[0]).id])[0]
    assert place is not None
    flip(path, place.offset + 1_000)

    result = collect_store(store, [_chunk(piece) for piece in pieces[:3]])

    assert path.exists()
    assert len(result.damaged) == 1
    assert read_back(_again(store), _chunk(pieces[1])) == pieces[1]


def test_packs_without_an_index_go_when_nothing_needs_them(tmp_path):
    store = new_store(tmp_path / "s")
    store_chunks(store, [noise(1, 5_000)])
    for path in store.layout.index.iterdir():
        path.unlink()

    collect_store(store, [])

    assert pack_paths(store) == []


@pytest.mark.parametrize("harm", ["lost", "damaged", "cut short"])
def test_an_index_that_is_bad_costs_no_data_and_is_made_anew(tmp_path, harm):
    store = new_store(tmp_path / "s")
    content = ingest_large(store, Bytes(noise(1, 200_000))).content
    store_chunks(store, [noise(2, 5_000)])
    for path in store.layout.index.iterdir():
        if harm == "lost":
            path.unlink()
        elif harm == "damaged":
            flip(path, path.stat().st_size - 30)
        else:
            path.write_bytes(path.read_bytes()[:50])

    collect_store(store, [content])

    assert read_back(_again(store), content) == noise(1, 200_000)
    assert len(pack_paths(store)) == 1
    assert _is_sound(store)


def test_an_index_that_contradicts_the_packs_stops_the_collection(tmp_path):
    store = new_store(tmp_path / "s")
    store_chunks(store, [noise(1, 5_000), noise(2, 5_000)])
    (path,) = store.layout.index.iterdir()
    index = store.lookup.indexes[0].index
    (a, place), *rest = index.records()
    path.write_bytes(encode_index(index.packs, [(a, place._replace(offset=place.offset + 1)), *rest]))
    view = view_of(store.layout)
    marks, _ = mark(view, [Content(a, 0, 5_000)])

    with pytest.raises(IntegrityError):
        plan_collection(view, marks)


def test_a_pack_that_cannot_be_read_and_no_index_knows_is_left(tmp_path):
    store = new_store(tmp_path / "s")
    store_chunks(store, [noise(1, 5_000)])
    store_chunks(store, [noise(2, 5_000)])
    for path in store.layout.index.iterdir():
        path.unlink()
    path = pack_paths(store)[0]
    path.write_bytes(path.read_bytes()[:-9])

    collect_store(store, [])

    assert pack_paths(store) == [path]


def test_an_index_that_names_lost_packs_is_made_anew(tmp_path):
    store = new_store(tmp_path / "s")
    (a,) = store_chunks(store, [noise(1, 5_000)])
    store_chunks(store, [noise(2, 5_000)])
    pack_of(store, a).unlink()

    collect_store(store, [_chunk(noise(2, 5_000))])

    assert _is_sound(store)


def test_a_reader_from_before_finds_what_was_moved(tmp_path):
    store = new_store(tmp_path / "s")
    pieces = [noise(n, 5_000) for n in range(10)]
    store_chunks(store, pieces)
    reader = _again(store)

    collect_store(store, [_chunk(pieces[4])])

    assert read_back(reader, _chunk(pieces[4])) == pieces[4]


def test_nothing_is_collected_while_somebody_writes(tmp_path):
    store = new_store(tmp_path / "s")

    with pool() as executor, store.writing(executor), pytest.raises(BusyError):
        collect_store(store, [])


def test_leftovers_of_a_day_go_and_younger_ones_stay(tmp_path):
    store = new_store(tmp_path / "s")
    for name, age in (("tmp-old", 90_000), ("tmp-new", 80_000)):
        for directory in (store.layout.temporary, store.layout.locks):
            (directory / name).write_bytes(b"12345")
            os.utime(directory / name, (1e9 - age, 1e9 - age))

    freed = remove_leftovers(store.layout, 1e9)

    assert freed == 10
    assert leftovers(store) == ["tmp-new", "tmp-new"]
