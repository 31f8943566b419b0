"""Encoding: for new content the smallest frame that is quick to find (docs/formats/frame.md, F4)."""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from datav.core import is_incompressible
from datav.formats.frame import (
    DELTA,
    HEADER_SIZE,
    MAX_BASES,
    MAX_CHUNK_BASES,
    MAX_NODE_BASES,
    RAW,
    ZSTD,
    Codec,
    frame_header,
)
from datav.ids import Buffer
from datav.store.packing import NewFrame

# A delta this small, of content that is not small itself, is taken without asking what the content would
# take alone.
SMALL_DELTA = 512
# After so many deltas in a row that did not pay, a version is taken to be rewritten, and only each eighth
# is tried.
PATIENCE = 24


class DeltaLuck:
    """Whether deltas have paid lately, for one file."""

    def __init__(self) -> None:
        self._misses = 0

    def worth_trying(self) -> bool:
        if self._misses < PATIENCE:
            return True
        self._misses += 1
        return self._misses % 8 == 0

    def record(self, paid: bool) -> None:
        self._misses = 0 if paid else self._misses + 1


class Piece(NamedTuple):
    """New content, a chunk or a node."""

    id: bytes
    content: Buffer
    prefixes: Sequence[Sequence[tuple[bytes, Buffer]]]
    """What it may be like: for each, ids and contents that can be read without deltas."""


def encode_frames(
    codec: Codec,
    pieces: Sequence[Piece],
    *,
    flags: Sequence[int] | None = None,
    luck: DeltaLuck | None = None,
    node: int = 0,
) -> list[NewFrame]:
    """Return frames for `pieces`, in order.

    Args:
        flags: which are incompressible, where that is known.
        node: NODE or nothing.
    """
    frames: dict[int, NewFrame] = {}
    alone: list[int] = []
    for number, piece in enumerate(pieces):
        roots = _roots_of(piece.prefixes, node) if piece.prefixes else {}
        if roots and (luck is None or luck.worth_trying()):
            frames[number] = _encode_like(codec, piece, roots, luck, node)
        elif flags[number] if flags is not None else is_incompressible(piece.content):
            frames[number] = _frame(piece, RAW | node, piece.content)
        else:
            alone.append(number)
    compressed = codec.compress_many([pieces[number].content for number in alone])
    for number, payload in zip(alone, compressed, strict=True):
        frames[number] = _smaller(pieces[number], payload, node)
    return [frames[number] for number in range(len(pieces))]


def _encode_like(
    codec: Codec, piece: Piece, roots: dict[bytes, Buffer], luck: DeltaLuck | None, node: int
) -> NewFrame:
    """Encode content that may be like others: as a delta, if that is small."""
    content = piece.content
    delta = codec.encode_delta(roots, content)
    if len(delta) <= SMALL_DELTA and 32 * len(delta) <= len(content):
        alone, paid = None, True
    else:
        alone = content if is_incompressible(content) else codec.compress(content)
        paid = 2 * len(delta) <= min(len(alone), len(content))
    if luck is not None:
        luck.record(paid)
    if paid or alone is None:
        return _frame(piece, DELTA | node, delta, tuple(roots))
    return _smaller(piece, alone, node)


def _smaller(piece: Piece, payload: Buffer, node: int) -> NewFrame:
    """The frame of content alone, compressed only if that pays."""
    if len(payload) < len(piece.content):
        return _frame(piece, ZSTD | node, payload)
    return _frame(piece, RAW | node, piece.content)


def _roots_of(prefixes: Sequence[Sequence[tuple[bytes, Buffer]]], node: int) -> dict[bytes, Buffer]:
    """The first few contents, none twice, that a delta may rest on; none when a reader would refuse them."""
    unique = dict(root for prefix in prefixes for root in prefix)
    roots = dict(islice(unique.items(), MAX_BASES))
    limit = MAX_NODE_BASES if node else MAX_CHUNK_BASES
    return roots if sum(map(len, roots.values())) <= limit else {}


def _frame(piece: Piece, kind: int, payload: Buffer, bases: tuple[bytes, ...] = ()) -> NewFrame:
    header = frame_header(kind, len(piece.content), payload)
    return NewFrame(piece.id, kind, header, (payload,), HEADER_SIZE + len(payload), bases)
