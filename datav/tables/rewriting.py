"""A text or JSON Lines written anew with its edits, in its own encoding and compression."""

import codecs
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from datav.errors import TableError
from datav.tables.edits import Edit, edited
from datav.tables.encodings import BOMS
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.packing import find_packing, packing
from datav.tables.source import RandomAccess
from datav.tables.text import TextVersion
from datav.tables.unpacking import unpacked

_UTF8 = ("utf-8", "utf-8-sig")


def write_edited(
    version: TextVersion | JsonLinesVersion, edits: Iterable[Edit], source: RandomAccess, target: BinaryIO
) -> None:
    """Write the file of a version, edited.

    Args:
        edits: of `version.source`.
        source: the file; the version reads another where that is compressed or not UTF-8.

    Raises:
        TableError: the encoding lacks a character.
        What drawing the edits raises.
    """
    kind = find_packing(source) if version.source is not source else None
    pieces = edited(version.source, edits)
    if version.encoding not in _UTF8 and version.dialect.encoding in _UTF8:
        head = source.read_at(0, 4) if kind is None else next(unpacked(source, kind), b"")
        mark = BOMS.get(version.encoding, b"")
        pieces = _encoded(pieces, version.encoding, mark if head.startswith(mark) else b"")
    with packing(target, kind) as out:
        out.writelines(pieces)


def _encoded(pieces: Iterable[bytes], encoding: str, mark: bytes) -> Iterator[bytes]:
    """Yield UTF-8, which comes in pieces cut anywhere, in another encoding."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    # Of `utf-16` it writes the mark itself, and once.
    encoder = codecs.getincrementalencoder(encoding)()
    yield mark
    for piece in pieces:
        try:
            yield encoder.encode(decoder.decode(piece))
        except UnicodeEncodeError as exc:
            raise TableError(f"the file is {encoding}, which lacks {exc.object[exc.start]!r}") from exc
        except UnicodeDecodeError as exc:
            raise TableError(f"a cell is not UTF-8, so it cannot be written as {encoding}") from exc
