"""A file that was spliced is, bit for bit, the file that adding the edited bytes gives."""

import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datav.core import ChunkerParams, find_cuts
from datav.errors import FormatError, MissingChunkError
from datav.formats import tree as tree_format
from datav.formats.entry import EMPTY_CONTENT, Content
from datav.formats.words import u64_array
from datav.ids import hash_chunk
from datav.store import splicing
from datav.store.splicing import splice_file
from datav.store.trees import read_file_shape, write_file_tree
from tests.support.trees import Nodes
from tests.unit.store.files import TINY, Bytes, ingest_large, read_back
from tests.unit.store.stores import new_store, noise, pool, text


class Memory(Nodes):
    """A store in memory that remembers which chunks were read, and against what new ones were tried."""

    def __init__(self):
        super().__init__()
        self.chunks = {}
        self.chunk_reads = []
        self.read_calls = 0
        self.puts = []
        self.bases = {}

    def put_chunks(self, data, ends, *, choose=None, luck=None):
        pieces = [bytes(data[start:end]) for start, end in pairwise([0, *ends])]
        ids = [bytes(hash_chunk(piece)) for piece in pieces]
        known = [identity in self.chunks for identity in ids]
        chosen = choose(b"".join(ids), known) if choose is not None else [[] for _ in ids]
        assert [bool(bases) for bases, is_known in zip(chosen, known, strict=True) if is_known].count(
            True
        ) == 0
        self.bases.update(zip(ids, chosen, strict=True))
        self.chunks.update(zip(ids, pieces, strict=True))
        self.puts.append(len(data))
        return b"".join(ids)

    def checkpoint_if_due(self):
        pass

    def read_many(self, ids, *, nodes):
        if nodes:
            return super().read_many(ids, nodes=True)
        self.read_calls += 1
        self.chunk_reads += [bytes(identity) for identity in ids]
        return [self.chunks[bytes(identity)] for identity in ids]

    def add(self, data, params=TINY):
        """What ingesting the whole file gives."""
        ends = memoryview(find_cuts(data, params.smallest, params.target, params.largest)).cast("Q").tolist()
        ids = self.put_chunks(memoryview(data), ends)
        return write_file_tree(self, ids, u64_array(end - start for start, end in pairwise([0, *ends])))

    def content(self, content):
        ids = read_file_shape(self, content).chunk_ids
        return b"".join(self.chunks[ids[at : at + 32]] for at in range(0, len(ids), 32))


def apply(data, edits):
    parts, at = [], 0
    for start, end, new in edits:
        parts += [data[at:start], new]
        at = end
    return b"".join([*parts, data[at:]])


def contents(chance, size):
    kind = chance.randrange(4)
    if kind == 0:
        return chance.randbytes(size)
    if kind == 1:
        return text(chance.randrange(99), size)
    if kind == 2:
        return (chance.randbytes(chance.choice([1, 64, 5000])) * (size + 1))[:size]
    half = size // 2
    return bytes(half) + chance.randbytes(size - half)


def random_edits(chance, data, boundaries):
    """Edits anywhere, often at the old cuts, often next to each other."""
    edits, at = [], 0
    for _ in range(chance.choice([0, 1, 1, 2, 5, 40])):
        start = at + chance.choice([0, 0, 1, 30, 3000, 20_000, 100_000])
        if chance.random() < 0.3:
            start = next((cut for cut in boundaries if cut >= at), start)
        if chance.random() < 0.05:
            start = len(data)
        if start > len(data):
            break
        end = min(len(data), start + chance.choice([0, 0, 1, 30, 3000, 40_000]))
        if chance.random() < 0.2:
            end = next((cut for cut in boundaries if cut >= end), end)
        if chance.random() < 0.05:
            end = len(data)
        new = contents(chance, chance.choice([0, 1, 30, 30, 3000, 40_000]))
        if chance.random() < 0.2:
            new = data[start:end]
        edits.append((start, end, new))
        at = end
    return edits


@pytest.fixture(autouse=True)
def small_nodes():
    """Nodes of about four entries, so that a few hundred make a tree of several levels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_format, "MIN_ENTRIES", 2)
        patch.setattr("datav.store.trees.MIN_ENTRIES", 2)
        patch.setattr(tree_format, "MARK_THRESHOLD", 2**64 // 4)
        yield patch


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32), block=st.sampled_from([1000, 20_000, 4 * 2**20]))
def test_a_spliced_file_is_the_one_that_adding_the_edited_bytes_gives(small_nodes, seed, block):
    small_nodes.setattr(splicing, "BLOCK", block)
    chance = random.Random(seed)
    data = contents(chance, chance.choice([0, 1, 900, 5000, 30_000, 300_000]))
    store = Memory()
    old = store.add(data)
    edits = random_edits(chance, data, list(accumulate(read_file_shape(store, old).chunk_sizes)))
    edited = apply(data, edits)

    spliced = splice_file(store, store, old, iter(edits), TINY)

    assert store.content(spliced) == edited
    assert spliced == Memory().add(edited)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_chunks_away_from_edits_are_not_read(seed):
    chance = random.Random(seed)
    data = chance.randbytes(600_000)
    store = Memory()
    old = store.add(data)
    edits = []
    for start in sorted(chance.sample(range(100_000, 500_000), chance.choice([1, 3]))):
        if not edits or edits[-1][1] < start:
            edits.append((start, min(start + chance.choice([0, 10, 500]), 500_000), b"new"))
    shape = read_file_shape(store, old)
    ids = [shape.chunk_ids[at : at + 32] for at in range(0, len(shape.chunk_ids), 32)]

    splice_file(store, store, old, edits, TINY)

    far = {
        identity
        for identity, (first, last) in zip(ids, pairwise([0, *accumulate(shape.chunk_sizes)]), strict=True)
        # Noise has a candidate in each few thousand bytes: the cuts meet within some chunks.
        if all(last <= start or first > end + 6 * TINY.largest for start, end, _ in edits)
    }
    assert len(far) > 20
    assert not far & set(store.chunk_reads)
    assert len(store.chunk_reads) == len(set(store.chunk_reads))


def test_an_edit_inside_one_chunk_reads_that_chunk_alone_and_is_a_delta_against_it():
    data = noise(1, 300_000)
    store = Memory()
    old = store.add(data)
    shape = read_file_shape(store, old)
    ends = list(accumulate(shape.chunk_sizes))
    store.chunk_reads.clear()
    at = ends[9] + 600  # before the smallest size, where no cut may be

    spliced = splice_file(store, store, old, [(at, at + 4, b"EDIT")], TINY)

    touched = shape.chunk_ids[320:352]
    assert store.chunk_reads == [touched]
    new = read_file_shape(store, spliced).chunk_ids[320:352]
    assert store.bases[new] == [touched]


def test_many_small_edits_read_the_chunks_they_touch_a_batch_at_a_time():
    data = noise(2, 500_000)
    store = Memory()
    old = store.add(data)
    edits = [(at, at + 1, b"x") for at in range(0, 500_000, 1000)]
    store.read_calls = 0

    spliced = splice_file(store, store, old, edits, TINY)

    assert store.content(spliced) == apply(data, edits)
    assert store.read_calls < len(store.chunk_reads) / 10
    # The edits keep every byte in its place, so a new chunk is like the old ones that have the same places.
    shapes = [read_file_shape(store, version) for version in (old, spliced)]
    places = [list(pairwise([0, *accumulate(shape.chunk_sizes)])) for shape in shapes]
    ids = [[shape.chunk_ids[at : at + 32] for at in range(0, len(shape.chunk_ids), 32)] for shape in shapes]
    old_place = dict(zip(ids[0], places[0], strict=True))
    for identity, (start, end) in zip(ids[1], places[1], strict=True):
        shares = {
            base: min(end, old_end) - max(start, old_start)
            for base, (old_start, old_end) in old_place.items()
        }
        bases = store.bases[identity]
        assert max(shares.values()) == max(shares[base] for base in bases)
        assert min(shares[base] for base in bases) > 0


def test_an_edit_from_cut_to_cut_reads_nothing_and_one_elsewhere_does_not_read_ahead_for_it():
    data = noise(1, 300_000)
    store = Memory()
    old = store.add(data)
    shape = read_file_shape(store, old)
    ends = list(accumulate(shape.chunk_sizes))
    gone = (ends[20], ends[24], b"")

    removed = splice_file(store, store, old, [gone], TINY)
    assert store.chunk_reads == []
    edits = [(ends[4] + 600, ends[4] + 601, b"x"), gone]
    both = splice_file(store, store, old, edits, TINY)

    assert removed == Memory().add(apply(data, [gone]))
    assert both == Memory().add(apply(data, edits))
    assert store.chunk_reads == [shape.chunk_ids[160:192]]


def test_large_data_is_cut_and_stored_block_by_block(small_nodes):
    small_nodes.setattr(splicing, "BLOCK", 50_000)
    data, new = noise(1, 100_000), noise(2, 1_000_000)
    store = Memory()
    old = store.add(data)
    store.puts.clear()

    spliced = splice_file(store, store, old, [(30_000, 60_000, new)], TINY)

    assert spliced == Memory().add(data[:30_000] + new + data[60_000:])
    assert max(store.puts) < 2 * 50_000 + TINY.largest
    assert len(store.puts) > 9


NAMED = {
    "nothing becomes nothing": (b"", []),
    "nothing becomes something": (b"", [(0, 0, b"one"), (0, 0, b"two")]),
    "nothing becomes much": (b"", [(0, 0, noise(1, 100_000))]),
    "no edit": (noise(1, 100_000), []),
    "an edit that inserts nothing": (noise(1, 100_000), [(50_000, 50_000, b"")]),
    "at the start": (noise(1, 100_000), [(0, 0, b"first")]),
    "at the end": (noise(1, 100_000), [(100_000, 100_000, b"a"), (100_000, 100_000, b"b")]),
    "everything deleted": (noise(1, 100_000), [(0, 100_000, b"")]),
    "everything deleted, then something": (noise(1, 100_000), [(0, 100_000, b""), (100_000, 100_000, b"x")]),
    "everything replaced": (noise(1, 100_000), [(0, 100_000, noise(2, 100_000))]),
    "all but one byte deleted": (noise(1, 100_000), [(0, 50_000, b""), (50_001, 100_000, b"")]),
    "one chunk": (b"a" * 500, [(3, 3, b"b")]),
    "one chunk grows": (b"a" * 500, [(3, 300, noise(3, 50_000))]),
    "many become one chunk": (noise(1, 100_000), [(0, 99_000, b"")]),
    "an insertion, then a replacement behind it": (
        noise(1, 100_000),
        [(700, 700, b"one"), (700, 700, b"two"), (700, 9000, b"three"), (9000, 9000, b"four")],
    ),
    "the same bytes again": (noise(1, 100_000), [(30_000, 60_000, noise(1, 100_000)[30_000:60_000])]),
    "one byte for ever": (bytes(200_000), [(77_777, 77_777, b"\0\0\0")]),
}


@pytest.mark.parametrize("name", NAMED)
def test_an_edge_is_no_exception(name):
    data, edits = NAMED[name]
    store = Memory()
    old = store.add(data)

    spliced = splice_file(store, store, old, edits, TINY)

    assert spliced == Memory().add(apply(data, edits))
    assert store.content(spliced) == apply(data, edits)


@pytest.mark.parametrize("seed", range(3))
def test_with_the_sizes_of_a_repository_it_is_the_same_as_ingesting(tmp_path, monkeypatch, seed):
    params = ChunkerParams()
    monkeypatch.undo()
    monkeypatch.setattr("tests.unit.store.files.TINY", params)
    store = new_store(tmp_path / "store")
    data = text(seed, 6_000_000) if seed else noise(seed, 6_000_000)
    old = ingest_large(store, Bytes(data)).content
    chance = random.Random(seed)
    places = sorted(chance.sample(range(6_000_000), 5))
    edits = [(at, min(at + 30, 6_000_000), b"%d,x\n" % at) for at in places]
    before = sum(path.stat().st_size for path in store.layout.packs.iterdir())

    with pool() as executor, store.writing(executor) as writer:
        spliced = splice_file(writer, store.reader, old, edits, params)

    grown = sum(path.stat().st_size for path in store.layout.packs.iterdir()) - before
    edited = apply(data, edits)
    assert read_back(store, spliced) == edited
    assert spliced == ingest_large(store, Bytes(edited), old=old).content
    assert grown < 6000


def test_a_file_that_was_cut_otherwise_comes_out_whole():
    data = noise(1, 300_000)
    store = Memory()
    old = store.add(data, ChunkerParams(2048, 8192, 10_000))
    edits = [(at, at + 5, b"edit") for at in (10, 70_000, 299_000)]

    spliced = splice_file(store, store, old, edits, TINY)

    assert store.content(spliced) == apply(data, edits)
    assert spliced.size == 300_000 - 3


@pytest.mark.parametrize(
    "edits",
    [
        [(5, 4, b"")],
        [(0, 101, b"")],
        [(-1, 2, b"")],
        [(50, 60, b""), (59, 61, b"")],
        [(9, 9, b""), (8, 8, b"")],
    ],
)
def test_edits_that_make_no_sense_are_refused(edits):
    store = Memory()
    old = store.add(b"a" * 100)

    with pytest.raises(ValueError, match="edits"):
        splice_file(store, store, old, edits, TINY)


def test_a_chunk_that_is_not_as_long_as_its_tree_says_is_refused():
    store = Memory()
    old = store.add(b"a" * 100)

    with pytest.raises(FormatError, match="not as long"):
        splice_file(store, store, Content(old.id, 0, 99), [(3, 3, b"b")], TINY)


def test_a_chunk_that_is_lost_stops_only_edits_that_need_it(tmp_path):
    store = new_store(tmp_path / "store")
    lost = Content(noise(1, 32), 0, 5000)

    with pool() as executor, store.writing(executor) as writer:
        assert splice_file(writer, store.reader, lost, [], TINY) == lost
        assert splice_file(writer, store.reader, lost, [(0, 5000, b"")], TINY) == EMPTY_CONTENT
        with pytest.raises(MissingChunkError):
            splice_file(writer, store.reader, lost, [(1, 1, b"x")], TINY)
