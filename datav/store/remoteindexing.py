"""Indexing a remote: what a collection or a repair leaves, listed in as many files as it takes."""

from collections.abc import Iterable

from datav.formats.index import Place
from datav.ids import PackId
from datav.store.pushing import put_index
from datav.store.remote import RemoteStore

# Frames that one index is written over: 23 MB, and 150 MB of memory while it is made.
INDEX_FRAMES = 524_288


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
