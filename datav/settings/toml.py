"""TOML as settings are written in it: values taken out of tables, each checked, and texts put in."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from datav.errors import UsageError

FILE_NAME = "datav.toml"
PRIVATE_FILE_NAME = "config.toml"

UNKNOWN = "is not a setting that datav knows"

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_TWICE = re.compile(r"Cannot declare (\(.+\)) twice")


class Malformed(Exception):
    """A setting means nothing.  Never leaves this package: `naming_lines` makes a UsageError of it."""

    def __init__(self, key: Sequence[str | int], what: str, *, hint: str | None = None) -> None:
        """
        Args:
            key: its names from the top down; of what stands in an array its index.
            what: what is wrong with it, as a sentence goes on after its name.
        """
        super().__init__(f"`{encode_path(key)}` {what}")
        self.key = key
        self.hint = hint


def encode_text(text: str) -> str:
    """Return `text` as a TOML string."""
    # A JSON string is one of TOML but for DEL, which JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def encode_key(name: str) -> str:
    """Return `name` as a part of a TOML key."""
    return name if _BARE_KEY.fullmatch(name) else encode_text(name)


def encode_path(key: Sequence[str | int]) -> str:
    """Return a dotted key; what stands in an array goes by the name of the array."""
    return ".".join(encode_key(name) for name in key if isinstance(name, str))


@contextmanager
def naming_lines(text: str, name: str) -> Iterator[None]:
    """While the settings in `text` are taken, say of those that mean nothing in which file and line they are.

    Raises:
        UsageError: instead of Malformed.
    """
    try:
        yield
    except Malformed as exc:
        from datav.settings.lines import find_line

        raise UsageError(f"{name}:{find_line(text, exc.key)}: {exc}", hint=exc.hint) from None


def take_table(values: dict[str, Any], key: str, above: Sequence[str] = ()) -> dict[str, Any]:
    """Take a table out of `values`, which stand below `above`; an empty one if there is none.

    Returns a copy.
    """
    table = values.get(key, {})
    values.pop(key, None)
    if not isinstance(table, dict):
        raise Malformed((*above, key), "is not a table")
    return dict(table)


def parse_toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    # ValueError: a number of thousands of digits.
    except (ValueError, RecursionError) as exc:
        if re.search("^<{7} ", text, re.MULTILINE):
            hint = f"edit it, then `git add {name}`; until then nothing of datav works here"
            raise UsageError(f"{name} has conflict markers of a merge", hint=hint) from exc
        position = _POSITION.search(str(exc))
        if position is None:
            raise UsageError(f"{name} is not valid TOML: {exc}") from exc
        line = position[1] or text.count("\n") + (not text.endswith("\n"))
        what = str(exc)[: position.start()]
        twice = _TWICE.fullmatch(what)
        if twice is not None:
            path = encode_path(ast.literal_eval(twice[1]))
            raise UsageError(
                f"{name}:{line}: `[{path}]` is there already",
                hint="TOML has each table once: move these lines below the first one",
            ) from exc
        raise UsageError(f"{name}:{line}: not valid TOML: {what[:1].lower()}{what[1:]}") from exc


def refuse_rest(values: dict[str, Any], above: Sequence[str] = ()) -> None:
    for key in values:
        raise Malformed((*above, key), UNKNOWN, hint="is it misspelt?")
