"""Damaged stores: an error that says where, and never wrong content."""

import itertools
import random

import pytest

from datav.errors import FormatError, IntegrityError, MissingChunkError, StorageError
from datav.formats.frame import DELTA, NODE, RAW, ZSTD, Codec, frame_header
from datav.formats.index import Place, encode_index, index_name
from datav.formats.pack import HEADER, PackContents, encode_tail
from datav.formats.words import u32_array
from datav.ids import PackId, hash_chunk
from datav.store.layout import create_store, open_store
from datav.store.store import Store
from tests.unit.store.stores import (
    edited,
    flip,
    ids_of,
    new_store,
    noise,
    pack_of,
    pack_paths,
    read_all,
    store_chunks,
    text,
)

CODEC = Codec()


@pytest.fixture
def store(tmp_path):
    return new_store(tmp_path / "store")


def test_a_damaged_payload_is_an_error_that_names_the_pack(store):
    (identity,) = store_chunks(store, [noise(1, 5000)])
    (path,) = pack_paths(store)
    flip(path, 3000)

    with pytest.raises(IntegrityError) as error:
        store.reader.read_many([identity], nodes=False)

    assert PackId(bytes.fromhex(path.stem)).short in str(error.value)
    assert "`datav verify`" in (error.value.hint or "")


def test_a_pack_that_is_cut_short_is_an_error_that_names_it(store):
    (identity,) = store_chunks(store, [noise(1, 5000)])
    (path,) = pack_paths(store)
    path.write_bytes(path.read_bytes()[:3000])

    with pytest.raises(IntegrityError) as error:
        store.reader.read_many([identity], nodes=False)

    assert PackId(bytes.fromhex(path.stem)).short in str(error.value)


def test_no_flipped_bit_of_a_store_is_ever_wrong_content(store):
    pieces = [noise(1, 300), text(2, 3000), text(2, 2900) + b"!", b"x"]
    (first,) = store_chunks(store, pieces[:1])
    ids = [
        first,
        *store_chunks(store, pieces[1:2]),
        *store_chunks(store, pieces[2:], [ids_of(pieces[1:2])] * 2),
    ]
    rng = random.Random(1)
    for path in [*pack_paths(store), *store.layout.index.iterdir()]:
        whole = path.read_bytes()
        for _ in range(250):
            flip(path, rng.randrange(len(whole)))
            try:
                opened = Store(store.layout.root)
            except FormatError:
                path.write_bytes(whole)
                continue
            for identity, piece in zip(ids, pieces, strict=True):
                try:
                    assert read_all(opened, [identity]) == [piece]
                except (FormatError, IntegrityError):
                    pass
            path.write_bytes(whole)
    assert read_all(Store(store.layout.root), ids) == pieces


def build(store: Store, frames: list[tuple[bytes, int, int, bytes, tuple[bytes, ...]]], **place) -> Store:
    """A store with one pack of hand-made frames: (id, kind, raw length, payload, bases)."""
    whole = [frame_header(kind, size, payload) + payload for _, kind, size, payload, _ in frames]
    contents = PackContents(
        b"".join(frame[0] for frame in frames),
        u32_array([len(each) for each in whole]),
        bytes(frame[1] for frame in frames),
        {number: frame[4] for number, frame in enumerate(frames) if frame[4]},
    )
    pack, tail = encode_tail(contents)
    store.layout.pack(pack).write_bytes(b"".join([HEADER, *whole, tail]))
    records = [
        (contents.id(n), Place(pack, offset, place.get("length", len(whole[n]))))
        for n, offset in enumerate(contents.offsets())
    ]
    (store.layout.index / index_name([pack])).write_bytes(encode_index([pack], records))
    return Store(store.layout.root)


def delta(base: bytes, content: bytes, at: bytes) -> tuple[bytes, int, int, bytes, tuple[bytes, ...]]:
    return bytes(hash_chunk(content)), DELTA, len(content), CODEC.encode_delta({at: base}, content), (at,)


def test_bytes_under_a_wrong_id_are_refused(store):
    wrong = bytes(hash_chunk(b"something else"))
    opened = build(store, [(wrong, RAW, 5, b"hello", ())])

    with pytest.raises(IntegrityError, match="hashes to"):
        opened.reader.read_many([wrong], nodes=False)


def test_a_node_is_no_chunk_and_a_chunk_is_no_node(store):
    chunk, node = bytes(hash_chunk(b"hello")), b"\7" * 32
    opened = build(store, [(chunk, RAW | NODE, 5, b"hello", ()), (node, RAW, 5, b"world", ())])

    with pytest.raises(IntegrityError):
        opened.reader.read_many([chunk], nodes=False)
    with pytest.raises(IntegrityError):
        opened.reader.read_many([node], nodes=True)


def test_deltas_of_deltas_are_read_to_a_bounded_depth(store):
    contents = [edited(text(1, 2000), 10 * n) for n in range(12)]
    frames = [(ids_of(contents)[0], ZSTD, 2000, CODEC.compress(contents[0]), ())]
    for before, after in itertools.pairwise(contents):
        frames.append(delta(before, after, bytes(hash_chunk(before))))
    opened = build(store, frames)

    with pytest.raises(FormatError):
        opened.reader.read_many(ids_of(contents)[11:], nodes=False)
    assert read_all(opened, ids_of(contents)[:4]) == contents[:4]


def test_a_delta_of_itself_is_refused(store):
    one, two = text(1, 2000), text(2, 2000)
    opened = build(store, [delta(one, two, ids_of([one])[0]), delta(two, one, ids_of([two])[0])])

    for identity in ids_of([one, two]):
        with pytest.raises(FormatError):
            opened.reader.read_many([identity], nodes=False)


def test_a_delta_whose_base_is_missing_says_which(store):
    base = text(1, 2000)
    content = edited(base, 100)
    opened = build(store, [delta(base, content, ids_of([base])[0])])

    with pytest.raises(MissingChunkError, match=hash_chunk(base).short):
        opened.reader.read_many(ids_of([content]), nodes=False)


def test_an_index_that_states_a_frame_of_gigabytes_is_refused_before_it_takes_memory(store):
    identity = bytes(hash_chunk(b"hello"))
    opened = build(store, [(identity, RAW, 5, b"hello", ())], length=2**32 - 1)

    with pytest.raises(FormatError):
        opened.reader.read_many([identity], nodes=False)


def test_an_index_that_points_to_the_wrong_place_is_an_error(store):
    ids = store_chunks(store, [noise(n, 500) for n in range(3)])
    (path,) = list(store.layout.index.iterdir())
    data = bytearray(path.read_bytes())
    at = len(data) - 12 * 3
    # The three places, each to the next frame.
    places = [data[at + 12 * n : at + 12 * (n + 1)] for n in (1, 2, 0)]
    data[at:] = b"".join(places)
    path.write_bytes(data)

    for identity in ids:
        with pytest.raises(IntegrityError):
            Store(store.layout.root).reader.read_many([identity], nodes=False)


def test_a_damaged_base_is_an_error_of_what_needs_it_and_of_nothing_else(store):
    base, other = noise(1, 3000), noise(2, 3000)
    content = edited(base, 50)
    store_chunks(store, [base])
    ids = store_chunks(store, [content, other], [ids_of([base])] * 2)
    flip(pack_of(store, ids_of([base])[0]), 1000)
    store = Store(store.layout.root)

    with pytest.raises(IntegrityError):
        store.reader.read_many(ids[:1], nodes=False)
    assert read_all(store, ids[1:]) == [other]


@pytest.mark.parametrize("line", [b"", b"datav store 2\n", b"\xff\0", b"datav store 1"])
def test_a_store_of_another_version_is_refused(tmp_path, line):
    layout = create_store(tmp_path / "store")
    layout.format_file.write_bytes(line)
    with pytest.raises(FormatError):
        open_store(tmp_path / "store")
    with pytest.raises(FormatError):
        create_store(tmp_path / "store")


def test_no_store_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="no store") as error:
        open_store(tmp_path / "none")
    assert "init" in str(error.value.hint)
    create_store(tmp_path / "one")
    assert create_store(tmp_path / "one") == open_store(tmp_path / "one")
