"""The table of contents of a stored pack: what verifying, collecting and rebuilding an index begin with."""

import os
from collections.abc import Iterable, Mapping
from itertools import chain

from datav.errors import FormatError
from datav.formats.index import Index, Place, encode_index, open_index
from datav.formats.pack import (
    FOOTER_SIZE,
    HEADER,
    HEADER_SIZE,
    PackContents,
    check_contents,
    parse_contents,
    parse_footer,
)
from datav.ids import PackId
from datav.storage.durable import storage_error
from datav.store.layout import Layout


def read_contents(layout: Layout, pack: PackId) -> PackContents | None:
    """Return what a pack says it holds, checked against its name (P1, P2); None when the pack is gone.

    Raises:
        FormatError: it is damaged, or not the pack that its name says.
        StorageError: it cannot be read.
    """
    path, where = layout.pack(pack), f"pack {pack.short}"
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(HEADER_SIZE)
            file.seek(max(0, size - FOOTER_SIZE))
            footer = parse_footer(file.read(FOOTER_SIZE), size, where)
            file.seek(footer.contents_offset)
            encoded = file.read(footer.contents_length)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise storage_error(exc, "read", path) from exc
    if header != HEADER:
        raise FormatError(f"{where} does not begin as a pack does")
    if footer.pack != pack:
        raise FormatError(f"{where} holds the contents of pack {footer.pack.short}")
    contents = parse_contents(encoded, where)
    check_contents(contents, footer, encoded, where)
    return contents


def records_of(pack: PackId, contents: PackContents) -> Iterable[tuple[bytes, Place]]:
    """Yield the id and the place of every frame, as an index lists them."""
    for number, (offset, length) in enumerate(zip(contents.offsets(), contents.lengths, strict=True)):
        yield contents.id(number), Place(pack, offset, length)


def index_over(packs: Mapping[PackId, PackContents]) -> Index:
    """Return the index of these packs, made in memory."""
    records = chain.from_iterable(records_of(pack, contents) for pack, contents in packs.items())
    return open_index(encode_index(packs, records), "in memory")
