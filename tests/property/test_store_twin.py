"""A store against its twin, a dictionary: random sequences of commands, in threads and in processes."""

import multiprocessing
import random
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from datav.errors import IntegrityError
from datav.formats.frame import DELTA
from datav.ids import hash_chunk, hash_node
from datav.store.store import Store
from tests.unit.store.stores import edited, leftovers, new_store, noise, pool, put, store_chunks


class GiveUpError(Exception):
    """A command that is broken off."""


PIECES = [noise(n, 900 + 37 * n) for n in range(12)]
PIECES += [edited(piece, 300, b"%d" % n) for n, piece in enumerate(PIECES[:8])]
PIECES += [edited(piece, 600, b"!") for piece in PIECES[12:]] + [b"x", bytes(5000)]
numbers = st.lists(st.integers(0, len(PIECES) - 1), max_size=6)


class StoreMachine(RuleBasedStateMachine):
    """Commands on one store, some through a `Store` that was opened long ago."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("datav.store.merging.MAX_PER_TIER", 2)
        self.patch.setattr("datav.store.merging.TIERS", (8, 40))
        self.patch.setattr("datav.store.packing.TARGET_SIZE", 6000)
        self.patch.setattr("datav.store.writing.CHECKPOINT_FRAMES", 5)
        self.root = Path(tempfile.mkdtemp())
        self.stores = [new_store(self.root / "store")]
        self.chunks: dict[bytes, bytes] = {}
        self.nodes: dict[bytes, bytes] = {}
        self.maybe: dict[bytes, bytes] = {}

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.root)

    def _pick(self, store: int) -> Store:
        return self.stores[store % len(self.stores)]

    @rule()
    def reopen(self) -> None:
        self.stores = [*self.stores[-2:], Store(self.root / "store")]

    @rule(store=st.integers(0, 2), chosen=numbers, bases=numbers, workers=st.integers(1, 3))
    def put_chunks(self, store: int, chosen: list[int], bases: list[int], workers: int) -> None:
        pieces = [PIECES[n] for n in chosen]
        old = [bytes(hash_chunk(PIECES[n])) for n in bases if hash_chunk(PIECES[n]) in self.chunks][:4]
        with pool(workers) as executor, self._pick(store).writing(executor) as writer:
            ids = put(writer, pieces, [old] * len(pieces))
            writer.checkpoint_if_due()
        self.chunks |= dict(zip(ids, pieces, strict=True))

    @rule(store=st.integers(0, 2), chosen=numbers, bases=numbers)
    def put_nodes(self, store: int, chosen: list[int], bases: list[int]) -> None:
        nodes = [PIECES[n] for n in chosen]
        old = [bytes(hash_node(PIECES[n])) for n in bases if hash_node(PIECES[n]) in self.nodes]
        with pool() as executor, self._pick(store).writing(executor) as writer:
            ids = writer.put_nodes(nodes, [old] * len(nodes))
        self.nodes |= dict(zip(ids, nodes, strict=True))

    @rule(store=st.integers(0, 2), chosen=numbers)
    def give_up(self, store: int, chosen: list[int]) -> None:
        pieces = [PIECES[n] for n in chosen]
        with pytest.raises(GiveUpError):
            self._break_off(self._pick(store), pieces)
        self.maybe |= {bytes(hash_chunk(piece)): piece for piece in pieces}

    def _break_off(self, store: Store, pieces: list[bytes]) -> None:
        with pool() as executor, store.writing(executor) as writer:
            put(writer, pieces)
            writer.checkpoint_if_due()
            raise GiveUpError

    @rule(first=numbers, second=numbers)
    def two_at_once(self, first: list[int], second: list[int]) -> None:
        known = [bytes(hash_chunk(piece)) for piece in PIECES if hash_chunk(piece) in self.chunks][:1]
        stores = [Store(self.root / "store") for _ in range(2)]
        with pool(3) as executor, stores[0].writing(executor) as one, stores[1].writing(executor) as two:
            futures = [
                executor.submit(put, writer, [PIECES[n] for n in chosen], [known] * len(chosen))
                for writer, chosen in ((one, first), (two, second), (one, second))
            ]
            for future in futures:
                future.result()
        for n in (*first, *second):
            self.chunks[bytes(hash_chunk(PIECES[n]))] = PIECES[n]

    @precondition(lambda self: len(self.chunks) > 3)
    @rule(which=st.integers(0, 1000))
    def lose_a_pack_and_store_it_again(self, which: int) -> None:
        # Not drawn from the packs: how many there are depends on which thread was first.
        packs = sorted((self.root / "store" / "packs").iterdir())
        packs[which % len(packs)].unlink()
        store = Store(self.root / "store")
        everything = list(self.chunks.values())
        store_chunks(store, everything, [[bytes(hash_chunk(p)) for p in PIECES[:2]]] * len(everything))
        if self.nodes:
            with pool() as executor, store.writing(executor) as writer:
                writer.put_nodes(list(self.nodes.values()), [[] for _ in self.nodes])

    @invariant()
    def everything_finished_is_there(self) -> None:
        for store in self.stores:
            for held, nodes in ((self.chunks, False), (self.nodes, True)):
                found = store.reader.read_many(list(held), nodes=nodes)
                assert [bytes(content) for content in found] == list(held.values())
        assert leftovers(self.stores[0]) == []

    @invariant()
    def what_was_given_up_is_right_or_absent(self) -> None:
        for identity, content in self.maybe.items():
            try:
                assert self.stores[-1].reader.read_many([identity], nodes=False) == [content]
            except IntegrityError:
                assert identity not in self.chunks


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=15)


@dataclass
class Version:
    pieces: list[bytes]
    ids: list[bytes] = field(default_factory=list)


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_versions_that_are_deltas_of_each_other_stay_readable_and_one_step_deep(seed):
    rng, root = random.Random(seed), Path(tempfile.mkdtemp())
    try:
        store = new_store(root / "store")
        versions = [Version([noise(seed + n, 20_000) for n in range(5)])]
        versions[0].ids = store_chunks(store, versions[0].pieces)
        for _ in range(10):
            last = versions[-1]
            pieces = [
                edited(piece, rng.randrange(19_000)) if rng.random() < 0.5 else piece for piece in last.pieces
            ]
            near = [[last.ids[max(0, n - 1)], last.ids[n]] for n in range(5)]
            versions.append(Version(pieces, store_chunks(store, pieces, near)))

        store = Store(root / "store")
        deltas = 0
        for version in versions:
            assert store.reader.read_many(version.ids, nodes=False) == version.pieces
            for frame in store.reader.read_frames(version.ids, nodes=False):
                deltas += frame.kind == DELTA
                assert all(base.kind != DELTA for base in store.reader.read_frames(frame.bases, nodes=False))
        assert deltas > 5
    finally:
        shutil.rmtree(root)


def _write_in_a_process(root: str, seed: int) -> list[bytes]:
    rng, ids = random.Random(seed), []
    for command in range(4):
        store = Store(Path(root))
        # Half is the same in all processes.
        pieces = [noise(command * 10 + n, 3000) for n in range(5)] + [rng.randbytes(3000) for _ in range(5)]
        rng.shuffle(pieces)
        ids += store_chunks(store, pieces, [ids[-2:]] * len(pieces) if ids else None)
        store.reader.read_many(ids, nodes=False)
    return ids


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    new_store(tmp_path / "store")
    with multiprocessing.get_context("spawn").Pool(3) as processes:
        results = processes.starmap(
            _write_in_a_process, [(str(tmp_path / "store"), seed) for seed in range(3)]
        )

    store = Store(tmp_path / "store")
    for ids in results:
        for identity, content in zip(ids, store.reader.read_many(ids, nodes=False), strict=True):
            assert hash_chunk(content) == identity
    assert leftovers(store) == []


def test_threads_that_share_a_writer_and_a_reader_lose_nothing(tmp_path):
    store = new_store(tmp_path / "store")
    pieces = [noise(n, 2000) for n in range(200)]
    with ThreadPoolExecutor(4) as executor, store.writing(executor) as writer:
        futures = [executor.submit(put, writer, random.Random(n).sample(pieces, 60)) for n in range(12)]
        for future in futures:
            future.result()
        put(writer, pieces)
    assert writer.tally.new_chunks == 200

    ids = [bytes(hash_chunk(piece)) for piece in pieces]
    with ThreadPoolExecutor(4) as executor:
        for found in executor.map(
            lambda n: store.reader.read_many(ids[n:] + ids[:n], nodes=False), range(0, 200, 20)
        ):
            assert {bytes(content) for content in found} == set(pieces)
