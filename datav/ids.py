"""Ids: BLAKE3-256 digests used as names.

A chunk's id is the plain BLAKE3 of its bytes, so it can be checked with any BLAKE3 tool.  Everything
else is hashed with a derive-key context of its own, so no file's content can pose as a node or a pack.
Text form: `b3:` and 64 hexadecimal digits.
"""

from typing import Self

from blake3 import blake3

from datav.errors import FormatError

ID_SIZE = 32
_PREFIX = "b3:"

# Part of the format: docs/formats/tree.md and pack.md.
NODE_CONTEXT = "datav 2026 tree node v1"
PACK_CONTEXT = "datav 2026 pack contents v1"

Buffer = bytes | bytearray | memoryview


class Id(bytes):
    """A 32-byte digest used as a name.  Use one of the subclasses."""

    __slots__ = ()

    def __new__(cls, digest: Buffer) -> Self:
        if len(digest) != ID_SIZE:
            raise FormatError(f"an id is {ID_SIZE} bytes, not {len(digest)}")
        return super().__new__(cls, digest)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id written as `text`; FormatError if it is not one."""
        digits = text.removeprefix(_PREFIX)
        if len(text) != len(_PREFIX) + 2 * ID_SIZE or len(digits) != 2 * ID_SIZE or digits != digits.lower():
            raise FormatError(f"{text[:80]!r} is not an id (`b3:` and 64 hexadecimal digits)")
        try:
            return cls(bytes.fromhex(digits))
        except ValueError as exc:
            raise FormatError(f"{text[:80]!r} is not an id (`b3:` and 64 hexadecimal digits)") from exc

    @property
    def text(self) -> str:
        return _PREFIX + self.hex()

    @property
    def short(self) -> str:
        """Enough for a person to tell two apart; never to look one up."""
        return _PREFIX + self.hex()[:12]

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.short})"


class ChunkId(Id):
    """The plain BLAKE3 of a chunk's bytes."""

    __slots__ = ()


class NodeId(Id):
    """The derived BLAKE3 of a tree node's bytes."""

    __slots__ = ()


class PackId(Id):
    """The derived BLAKE3 of a pack's table of contents."""

    __slots__ = ()


EMPTY_CHUNK = ChunkId(blake3(b"").digest())
"""The id of no bytes.  Known to everybody, never stored."""


def hash_chunk(data: Buffer) -> ChunkId:
    return ChunkId(blake3(data).digest())


def hash_node(data: Buffer) -> NodeId:
    return NodeId(blake3(data, derive_key_context=NODE_CONTEXT).digest())


def hash_pack_contents(data: Buffer) -> PackId:
    return PackId(blake3(data, derive_key_context=PACK_CONTEXT).digest())
