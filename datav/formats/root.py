"""Roots: what one clone needs of a remote, as a small text that is written once.

The layout is specified in docs/formats/remote.md, and this module is the only code that knows it.  Pure.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from blake3 import blake3

from datav.errors import FormatError
from datav.formats.entry import Content
from datav.formats.tree import MAX_LEVEL
from datav.ids import Buffer, Id, PackId
from datav.relpath import one_line

MAX_SIZE = 64 * 2**20
_FIRST = "datav root 1"
_NAME = re.compile(r"([0-9a-f]{32})-([0-9a-f]{64})\.root")
_MAX_LABEL = 200
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})"
)
_MAX_TIME = 40
# A directory's levels; of a file fewer.
_MAX_DEPTH = MAX_LEVEL + 1
_MAX_CONTENT_SIZE = 2**63

_COLLECTING = "datav collecting 1"
_COLLECTING_NAME = re.compile("[0-9a-f]{32}")
_CLONE = re.compile("clone [0-9a-f]{32}")
_PACK = re.compile("[0-9a-f]{64}")
_UNREADABLE = "a list of packs that are being collected cannot be read"


@dataclass(frozen=True, slots=True)
class Clone:
    """Whose roots these are."""

    id: str
    """32 hexadecimal digits."""
    label: str
    """For people: which repository on which host."""


@dataclass(frozen=True, slots=True)
class RemoteRoot:
    """One root."""

    clone: str
    """32 hexadecimal digits."""
    label: str
    """For people: which repository on which host."""
    time: str
    """For people: when it was pushed, ISO 8601."""
    replaces: tuple[str, ...]
    """File names of roots of the same clone that this one stands in for."""
    contents: frozenset[Content]


def encode_root(root: RemoteRoot) -> tuple[str, bytes]:
    """Return the file name and the bytes of a root."""
    lines = [_FIRST, f"clone {root.clone}", f"name {_short(root.label)}", f"time {root.time}"]
    lines += [f"replaces {name}" for name in sorted(root.replaces)]
    lines += sorted(f"content {Id(c.id).text} {c.depth} {c.size}" for c in root.contents)
    data = "".join(f"{line}\n" for line in lines).encode()
    return f"{root.clone}-{blake3(data).hexdigest()}.root", data


def clone_of(name: str) -> str | None:
    """Return which clone's root a file name is of; None when it is no root's name."""
    match = _NAME.fullmatch(name)
    return match[1] if match else None


def parse_root(name: str, data: Buffer) -> RemoteRoot:
    """Return the root that `data` is.

    Raises:
        FormatError: it is none, is not what its name says, or is of a newer version.
    """
    where = f"root {name[:20]}"
    match = _NAME.fullmatch(name)
    if match is None or blake3(data).hexdigest() != match[2]:
        raise FormatError(f"{where} is damaged: it does not hash to its name")
    try:
        lines = bytes(data).decode("utf-8").split("\n")
    except UnicodeDecodeError as exc:
        raise FormatError(f"{where} is no text") from exc
    if lines[0] != _FIRST:
        raise FormatError(f"{where} is of an unknown version", hint="a newer datav reads it: upgrade")
    fields: dict[str, list[str]] = {"clone": [], "name": [], "time": [], "replaces": [], "content": []}
    for line in lines[1:-1]:
        key, _, value = line.partition(" ")
        if key not in fields:
            raise FormatError(f"{where} has a line of an unknown kind")
        fields[key].append(value)
    if lines[-1] or fields["clone"] != [match[1]] or len(fields["name"]) != 1 or len(fields["time"]) != 1:
        raise FormatError(f"{where} is not complete")
    time = fields["time"][0]
    if len(time) > _MAX_TIME or not _TIME.fullmatch(time):
        raise FormatError(f"{where} has a time that is none")
    if any(clone_of(replaced) != match[1] for replaced in fields["replaces"]):
        raise FormatError(f"{where} replaces what is not its clone's")
    contents = frozenset(_parse_content(text, where) for text in fields["content"])
    return RemoteRoot(match[1], one_line(fields["name"][0]), time, tuple(fields["replaces"]), contents)


def live_contents(roots: Iterable[RemoteRoot]) -> set[Content]:
    """All that the given roots name."""
    return {content for root in roots for content in root.contents}


def live_roots(roots: Mapping[str, RemoteRoot], clone: str | None = None) -> dict[str, RemoteRoot]:
    """Return the roots that no other replaces, of all clones or of one, by file name."""
    replaced = {name for root in roots.values() for name in root.replaces}
    return {
        name: root for name, root in roots.items() if name not in replaced and clone in (None, root.clone)
    }


def _parse_content(text: str, where: str) -> Content:
    parts = text.split(" ")
    if len(parts) != 3 or not parts[1].isdecimal() or not parts[2].isdecimal() or len(text) > 120:
        raise FormatError(f"{where} names a content in an unknown form")
    depth, size = int(parts[1]), int(parts[2])
    if depth > _MAX_DEPTH or size >= _MAX_CONTENT_SIZE:
        raise FormatError(f"{where} names a content that cannot be")
    return Content(Id.parse(parts[0]), depth, size)


def _short(label: str) -> str:
    return one_line(label).encode()[:_MAX_LABEL].decode("utf-8", "ignore")


@dataclass(frozen=True, slots=True)
class Collecting:
    """What a collection that is under way says of itself."""

    clone: str
    """32 hexadecimal digits: which clone collects."""
    packs: frozenset[PackId]
    """What it is about to delete; nothing as long as it has not decided."""


def is_collecting(name: str) -> bool:
    """Whether a file name is one of those that say that a collection is under way."""
    return _COLLECTING_NAME.fullmatch(name) is not None


def encode_collecting(collecting: Collecting) -> bytes:
    """Return the text that says who is collecting, and which packs are about to be deleted."""
    lines = [_COLLECTING, f"clone {collecting.clone}"]
    lines += [f"pack {pack.hex()}" for pack in sorted(collecting.packs)]
    return "".join(f"{line}\n" for line in lines).encode()


def parse_collecting(data: Buffer) -> Collecting:
    """Return what `encode_collecting` has written.

    Raises:
        FormatError: nobody knows which packs: then all must be feared for.
    """
    lines = bytes(data).decode("utf-8", "replace").split("\n")
    packs = set()
    for line in lines[2:-1]:
        key, _, digits = line.partition(" ")
        if key != "pack" or not _PACK.fullmatch(digits):
            raise FormatError(_UNREADABLE)
        packs.add(PackId(bytes.fromhex(digits)))
    if len(lines) < 3 or lines[0] != _COLLECTING or lines[-1] or not _CLONE.fullmatch(lines[1]):
        raise FormatError(_UNREADABLE)
    return Collecting(lines[1].removeprefix("clone "), frozenset(packs))
