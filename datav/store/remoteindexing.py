"""Indexing a remote: what a push, a collection or a repair leaves, listed in as many files as it takes."""

from collections.abc import Iterable

from blake3 import blake3

from datav.formats.index import Place, encode_index
from datav.ids import PackId
from datav.storage.durable import write_atomic
from datav.store.remote import RemoteStore

# Frames that one index is written over: 23 MB, and 150 MB of memory while it is made.
INDEX_FRAMES = 524_288


def put_index(remote: RemoteStore, packs: set[PackId], records: Iterable[tuple[bytes, Place]]) -> str:
    """Put an index over packs that are there; return its name."""
    data = encode_index(packs, records)
    name = f"{blake3(data).hexdigest()}.idx"
    remote.objects.put(f"index/{name}", data)
    write_atomic(remote.cache.index / name, data, temporary=remote.cache.temporary)
    return name


def put_indexes(
    remote: RemoteStore, packs: Iterable[tuple[PackId, Iterable[tuple[bytes, Place]]]]
) -> set[str]:
    """Put indexes over packs that are there; return their names.

    Args:
        packs: each with what is to be listed of it.
    """
    names = set()
    table: set[PackId] = set()
    records: list[tuple[bytes, Place]] = []
    for pack, listed in packs:
        table.add(pack)
        records += listed
        while len(records) >= INDEX_FRAMES:
            names.add(put_index(remote, table, records[:INDEX_FRAMES]))
            del records[:INDEX_FRAMES]
            table = {pack} if records else set()
    if table:
        names.add(put_index(remote, table, records))
    return names
