"""Tables of contents as an index lists them."""

from collections.abc import Iterable, Mapping
from itertools import chain

from datav.formats.index import Index, Place, encode_index, open_index
from datav.formats.pack import PackContents
from datav.ids import PackId


def records_of(pack: PackId, contents: PackContents) -> Iterable[tuple[bytes, Place]]:
    """Yield the id and the place of every frame, as an index lists them."""
    for number, (offset, length) in enumerate(zip(contents.offsets(), contents.lengths, strict=True)):
        yield contents.id(number), Place(pack, offset, length)


def index_over(packs: Mapping[PackId, PackContents]) -> Index:
    """Return the index of these packs, made in memory."""
    records = chain.from_iterable(records_of(pack, contents) for pack, contents in packs.items())
    return open_index(encode_index(packs, records), "in memory")
