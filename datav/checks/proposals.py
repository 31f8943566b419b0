"""Promises that somebody may make of a table, each with what speaks for it, and as the text of `datav.toml`.

Pure.  What names of columns and values hold cannot leave its place: nothing is written raw that a terminal or
TOML would take for something else.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from datav.relpath import one_line

Scalar = str | int | float | bool
Setting = Scalar | tuple[Scalar, ...] | Mapping[str, Scalar | tuple[Scalar, ...]]
"""What TOML has of one property."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

# A line of a setting is as long as this at most; what is behind it says why.
_WIDTH = 72
# Reasons stand below each other behind settings that are no longer than this.
_COLUMN = 44
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Proposal:
    """One line of `datav.toml`."""

    column: str | None
    """None of what is promised of the table as a whole."""
    rule: str
    """The name of the property, as in the file."""
    value: Setting
    reason: str
    """What it was inferred from; one line."""
    is_active: bool = True
    """Whether it is promised; else it is only suggested, as a comment."""


def encode_block(
    glob: str, proposals: Sequence[Proposal], heading: Sequence[str] = (), more: str = ""
) -> str:
    """Return the text of `[check."GLOB"]`, that of the table first, columns in the order of their proposals.

    Args:
        heading: comments in front, a line each.
        more: a comment behind.
    """
    columns = dict.fromkeys(each.column for each in proposals if each.column is not None)
    parts = [[comment(line) for line in heading]]
    own = [each for each in proposals if each.column is None]
    parts[0] += _table([f"check.{_key(glob)}"], own, is_active=any(each.is_active for each in own))
    for column in columns:
        named = [each for each in proposals if each.column == column]
        header = [f"check.{_key(glob)}.column.{_key(column)}"]
        # A column that is named has to be there: not for suggestions alone.
        parts.append(_table(header, named, is_active=any(each.is_active for each in named)))
    if more:
        parts.append([comment(more)])
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts if part)


def comment(text: str) -> str:
    """Return one line of a comment, whatever the text holds."""
    line = one_line(text)
    # Half a character pair is not printable, and is escaped, but no UTF-8 where a platform thinks otherwise.
    return f"# {line.encode('utf-8', 'backslashreplace').decode()}".rstrip()


def encode_value(value: Setting) -> str:
    """Return what TOML has of a value, in one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(name)} = {encode_value(each)}' for name, each in value.items())} }}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(encode_value, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _table(header: Sequence[str], proposals: Sequence[Proposal], *, is_active: bool) -> list[str]:
    """Return the lines of one table; of one without anything active all are comments."""
    lines = [f"{'' if is_active else '# '}[{'.'.join(header)}]"]
    settings = [(each, _marked(each, f"{each.rule} = {encode_value(each.value)}")) for each in proposals]
    short = [len(text) for _, text in settings if len(text) <= _COLUMN]
    place = max(short, default=0)
    for proposal, text in settings:
        reason = comment(proposal.reason)
        if len(text) <= _WIDTH or not isinstance(proposal.value, tuple):
            lines.append(f"{text:<{place}}  {reason}")
        else:
            opening = _marked(proposal, f"{proposal.rule} = [")
            lines.append(f"{opening:<{place}}  {reason}")
            lines += [_marked(proposal, f"{_INDENT}{row}") for row in _wrapped(proposal.value)]
            lines.append(_marked(proposal, "]"))
    return lines


def _marked(proposal: Proposal, line: str) -> str:
    return line if proposal.is_active else f"# {line}"


def _wrapped(values: Iterable[Scalar]) -> Iterator[str]:
    """Yield the items of a list in lines of about the same length."""
    line = ""
    for value in values:
        item = f"{encode_value(value)},"
        if line and len(line) + 1 + len(item) > _WIDTH:
            yield line
            line = ""
        line = f"{line} {item}" if line else item
    if line:
        yield line


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    """Return a TOML string in which whatever cannot be seen is escaped."""
    return "".join(
        char if char.isprintable() else _escaped(char) for char in json.dumps(text, ensure_ascii=False)
    )


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
