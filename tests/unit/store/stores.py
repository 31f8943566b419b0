"""What the tests of stores share: content that looks like data, and ways to break a store."""

import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from datav.ids import hash_chunk
from datav.store.layout import create_store
from datav.store.store import Store
from datav.store.writing import StoreWriter


def new_store(root: Path) -> Store:
    create_store(root)
    return Store(root)


def text(seed: int, size: int) -> bytes:
    """`size` bytes that compress about as well as a table does."""
    rng = random.Random(seed)
    rows = (
        b"%d,%s,%.4f\n" % (rng.randrange(10**9), rng.choice((b"ab", b"xyz", b"")), rng.random())
        for _ in range(size // 8)
    )
    return b"".join(rows)[:size]


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def edited(data: bytes, at: int, new: bytes = b"EDIT") -> bytes:
    """`data` with `new` over the bytes at `at`."""
    return data[:at] + new + data[at + len(new) :]


def put(
    writer: StoreWriter, pieces: Sequence[bytes], bases: Sequence[Sequence[bytes]] | None = None
) -> list[bytes]:
    """Store `pieces` as chunks, each against the ids in `bases`, and return their ids."""
    ends, total = [], 0
    for piece in pieces:
        total += len(piece)
        ends.append(total)
    choose = None if bases is None else (lambda ids, known: [list(b) for b in bases])
    packed = writer.put_chunks(memoryview(b"".join(pieces)), ends, choose=choose)
    return [packed[at : at + 32] for at in range(0, len(packed), 32)]


def store_chunks(
    store: Store, pieces: Sequence[bytes], bases: Sequence[Sequence[bytes]] | None = None
) -> list[bytes]:
    """Store `pieces` in a command of their own."""
    with pool() as executor, store.writing(executor) as writer:
        return put(writer, pieces, bases)


def read_all(store: Store, ids: Sequence[bytes]) -> list[bytes]:
    return [bytes(content) for content in store.reader.read_many(ids, nodes=False)]


def ids_of(pieces: Iterable[bytes]) -> list[bytes]:
    return [bytes(hash_chunk(piece)) for piece in pieces]


@contextmanager
def pool(workers: int = 2) -> Iterator[Executor]:
    with ThreadPoolExecutor(workers) as executor:
        yield executor


def pack_paths(store: Store) -> list[Path]:
    return sorted(store.layout.packs.iterdir())


def pack_of(store: Store, identity: bytes) -> Path:
    place = store.lookup.places([identity])[0]
    assert place is not None
    return store.layout.pack(place.pack)


def flip(path: Path, offset: int) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x40
    path.write_bytes(data)


def leftovers(store: Store) -> list[str]:
    """Names in tmp/ and locks/: none when nothing is running."""
    return sorted(path.name for path in [*store.layout.temporary.iterdir(), *store.layout.locks.iterdir()])
