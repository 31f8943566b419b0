"""What a command writes: docs/formats/frame.md (F4), pack.md (limits) and ordering.md (O1, O2)."""

import os

import pytest

from datav.formats.frame import DELTA, RAW, ZSTD
from datav.ids import hash_chunk, hash_node
from datav.store import writing
from datav.store.store import Store
from tests.unit.store.stores import (
    edited,
    ids_of,
    leftovers,
    new_store,
    noise,
    pool,
    put,
    read_all,
    store_chunks,
    text,
)


@pytest.fixture
def store(tmp_path):
    return new_store(tmp_path / "store")


def frame_of(store: Store, content: bytes):
    return store.reader.read_frames(ids_of([content]), nodes=False)[0]


def test_a_command_that_stores_nothing_new_writes_nothing(store):
    store_chunks(store, [b"one", b"two"])
    before = sorted(store.layout.packs.iterdir()), sorted(store.layout.index.iterdir())

    with pool() as executor, store.writing(executor) as writer:
        put(writer, [b"two", b"one"])
        put(writer, [])

    assert (sorted(store.layout.packs.iterdir()), sorted(store.layout.index.iterdir())) == before
    assert (writer.tally.chunks, writer.tally.new_chunks, writer.tally.stored_bytes) == (2, 0, 0)


def test_a_chunk_that_comes_twice_is_stored_once(store):
    with pool() as executor, store.writing(executor) as writer:
        put(writer, [b"one", b"two", b"one"])
        put(writer, [b"two", b"three"])

    assert (writer.tally.chunks, writer.tally.new_chunks) == (5, 3)
    assert sum(entry.index.count for entry in store.lookup.indexes) == 3


def test_what_a_command_stored_is_counted_in_bytes(store):
    with pool() as executor, store.writing(executor) as writer:
        put(writer, [noise(1, 5000), noise(2, 6000)])

    sizes = [
        path.stat().st_size
        for folder in (store.layout.packs, store.layout.index)
        for path in folder.iterdir()
    ]
    assert writer.tally.stored_bytes == sum(sizes)


def test_nothing_is_known_before_the_command_is_done(store):
    other = Store(store.layout.root)
    with pool() as executor, store.writing(executor) as writer:
        ids = put(writer, [b"one"])
        assert not store.lookup.contains(ids[0])[0]
        other.lookup.refresh()
        assert not other.lookup.contains(ids[0])[0]
        assert list(store.layout.packs.iterdir()) == []
    assert store.lookup.contains(ids[0])[0]


def test_content_is_stored_as_what_takes_least(store):
    store_chunks(store, [noise(1, 5000), text(1, 5000), b"short"])

    assert frame_of(store, noise(1, 5000)).kind == RAW
    assert frame_of(store, text(1, 5000)).kind == ZSTD
    assert frame_of(store, b"short").kind == RAW


@pytest.mark.parametrize("size", [20, 100, 500, 2000, 20_000])
@pytest.mark.parametrize("make", [noise, text])
def test_a_delta_takes_at_most_half(store, make, size):
    old = make(1, size)
    new = edited(old, size // 2, b"#")
    (base,) = store_chunks(store, [old])

    store_chunks(store, [new], [[base]])

    frame = frame_of(store, new)
    alone = min(size, len(store.reader.codec.compress(new)))
    payload = len(frame.body) + (1 + 32 + 8 if frame.kind == DELTA else 0)
    assert payload <= alone
    assert (frame.kind == DELTA) == (alone > 100)
    if frame.kind == DELTA:
        assert 2 * payload <= alone or payload <= min(512, size // 32)
    assert read_all(store, ids_of([new])) == [new]


def test_a_delta_of_something_else_is_not_taken(store):
    (base,) = store_chunks(store, [noise(1, 20_000)])
    store_chunks(store, [noise(2, 20_000)], [[base]])
    assert frame_of(store, noise(2, 20_000)).kind == RAW


def test_a_base_that_is_itself_a_delta_is_replaced_by_its_own(store):
    pieces = [noise(1, 20_000)]
    for n in range(6):
        pieces.append(edited(pieces[-1], 3000 * n))
    for before, after in zip([None, *pieces], pieces, strict=False):
        store_chunks(store, [after], [ids_of([before])] if before else None)

    assert {frame_of(store, piece).bases for piece in pieces[1:]} == {tuple(ids_of(pieces[:1]))}
    assert read_all(store, ids_of(pieces)) == pieces


def test_bases_larger_than_a_reader_takes_are_not_used(store, monkeypatch):
    monkeypatch.setattr("datav.store.encoding.MAX_CHUNK_BASES", 30_000)
    olds = [noise(n, 20_000) for n in range(2)]
    bases = store_chunks(store, olds)
    both = olds[0][:10_000] + olds[1][10_000:]

    store_chunks(store, [both], [bases])

    assert frame_of(store, both).kind == RAW


def test_a_node_and_a_chunk_of_the_same_bytes_are_two_things(store):
    content = text(1, 3000)
    with pool() as executor, store.writing(executor) as writer:
        (chunk,) = put(writer, [content])
        (node,) = writer.put_nodes([content], [[]])

    assert (chunk, node) == (hash_chunk(content), hash_node(content))
    assert store.reader.read_chunk(chunk) == store.reader.read_node(node) == content


def test_a_pack_is_closed_when_it_is_full(store, monkeypatch):
    monkeypatch.setattr("datav.store.packing.TARGET_SIZE", 10_000)
    pieces = [noise(n, 3000) for n in range(10)] + [noise(99, 50_000)]

    store_chunks(store, pieces)

    sizes = [path.stat().st_size for path in store.layout.packs.iterdir()]
    assert len(sizes) >= 5
    assert sorted(sizes)[-2] < 10_400
    assert read_all(store, ids_of(pieces)) == pieces


def test_packs_are_durable_before_they_have_names_and_indexes_come_after_both(store, monkeypatch):
    calls = []

    def record(name):
        real = getattr(os, name)

        def call(*args):
            where = (
                os.readlink(f"/proc/self/fd/{args[0]}") if isinstance(args[0], int) else os.fspath(args[-1])
            )
            calls.append((name, os.path.relpath(where, store.layout.root).split("/")[0]))
            return real(*args)

        monkeypatch.setattr(os, name, call)

    for name in ("fsync", "replace"):
        record(name)
    monkeypatch.setattr("datav.store.packing.TARGET_SIZE", 4000)
    store_chunks(store, [noise(n, 3000) for n in range(3)])
    monkeypatch.undo()

    calls = [call for call in calls if call[1] != "locks"]
    assert calls == [
        *[("fsync", "tmp")] * 3,
        *[("replace", "packs")] * 3,
        ("fsync", "packs"),
        ("fsync", "tmp"),
        ("replace", "index"),
        ("fsync", "index"),
    ]


def test_a_checkpoint_makes_what_was_written_known_while_others_go_on(store, monkeypatch):
    monkeypatch.setattr(writing, "CHECKPOINT_FRAMES", 3)
    with pool() as executor, store.writing(executor) as writer:
        first = put(writer, [noise(n, 500) for n in range(4)])
        writer.checkpoint_if_due()
        assert all(Store(store.layout.root).lookup.contains(b"".join(first)))
        second = put(writer, [noise(n, 500) for n in range(2, 6)])
        writer.checkpoint_if_due()
        assert not all(Store(store.layout.root).lookup.contains(b"".join(second)))

    assert all(store.lookup.contains(b"".join(first + second)))
    assert leftovers(store) == []
