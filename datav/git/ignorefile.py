"""The block of a .gitignore in which datav keeps the names of data.

Pure: bytes in, bytes out.  Everything outside the block is the user's and stays byte for byte, and so
do lines inside it that datav would not have written.  The names are sorted, so that what a change does
to the file does not depend on the order of commands.  The block takes the line ending that the file has.

A name is relative to the .gitignore's directory.  A line break in a name cannot be written in this
format; `?` stands for it and might match another file's name, too.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

BEGIN = b"# datav: data kept out of git (this block is managed by datav)"
END = b"# end datav"

_SPECIAL = re.compile(rb"[\\*?\[]")
_TRAILING_SPACES = re.compile(rb" +\Z")


@dataclass(frozen=True, slots=True)
class _Parts:
    """A .gitignore taken apart."""

    before: list[bytes]
    """Lines with their ends, and so is `after`."""
    foreign: list[bytes]
    """What stands in the block, but not in the form of our patterns.  Without line ends."""
    patterns: set[bytes]
    after: list[bytes]


def add_to_block(text: bytes, names: Iterable[bytes]) -> bytes:
    """Return the .gitignore `text` with `names` in the block; `text` itself if they all are."""
    wanted = {encode_name(name) for name in names}
    parts = _take_apart(text)
    if wanted <= parts.patterns:
        return text
    return _put_together(text, parts, parts.patterns | wanted)


def remove_from_block(text: bytes, names: Iterable[bytes]) -> bytes:
    """Return the .gitignore `text` without `names` in the block; an empty block goes, too."""
    unwanted = {encode_name(name) for name in names}
    parts = _take_apart(text)
    if not unwanted & parts.patterns:
        return text
    return _put_together(text, parts, parts.patterns - unwanted)


def list_block(text: bytes) -> list[bytes]:
    """Return the patterns in the block, sorted; compare with `encode_name`."""
    return sorted(_take_apart(text).patterns)


def encode_name(name: bytes) -> bytes:
    """Return the pattern that matches exactly the path `name` next to the .gitignore."""
    # The slash in front ties the pattern to this directory, and keeps `#` and `!` from being special.
    pattern = b"/" + _SPECIAL.sub(rb"\\\g<0>", name)
    pattern = re.sub(rb"[\r\n]", b"?", pattern)
    return _TRAILING_SPACES.sub(lambda spaces: rb"\ " * len(spaces[0]), pattern)


def _take_apart(text: bytes) -> _Parts:
    lines = _split_lines(text)
    bare = [line.rstrip(b"\r\n") for line in lines]
    if BEGIN not in bare:
        return _Parts(lines, [], set(), [])
    begin = bare.index(BEGIN)
    end = _find_end(bare, begin)
    inside = bare[begin + 1 : end]
    # The end is missing when somebody's merge lost it; then nothing behind the patterns is ours.
    after = lines[end + 1 :] if end < len(bare) and bare[end] == END else lines[end:]
    return _Parts(
        lines[:begin],
        [line for line in inside if not line.startswith(b"/")],
        {line for line in inside if line.startswith(b"/")},
        after,
    )


def _find_end(bare: list[bytes], begin: int) -> int:
    """Return the line number of the block's END, or of the first line that is no longer the block."""
    for number in range(begin + 1, len(bare)):
        if bare[number] == END:
            return number
        if bare[number] == BEGIN:
            break
    number = begin + 1
    while number < len(bare) and bare[number].startswith(b"/"):
        number += 1
    return number


def _put_together(text: bytes, parts: _Parts, patterns: set[bytes]) -> bytes:
    ending = b"\r\n" if re.match(rb"[^\n]*\r\n", text) else b"\n"
    lines = list(parts.before)
    if patterns or parts.foreign:
        if lines and not lines[-1].endswith(b"\n"):
            lines[-1] += ending
        lines += [line + ending for line in (BEGIN, *parts.foreign, *sorted(patterns), END)]
    return b"".join(lines + parts.after)


def _split_lines(text: bytes) -> list[bytes]:
    """Divide at LF only, as git does, and keep the ends."""
    lines = text.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
