"""TOML as settings are written in it: values taken out of tables, each checked, and texts put in."""

import json
import re
import tomllib
from typing import Any

from datav.errors import UsageError

FILE_NAME = "datav.toml"
PRIVATE_FILE_NAME = "config.toml"

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def encode_text(text: str) -> str:
    """Return `text` as a TOML string."""
    # A JSON string is one of TOML but for DEL, which JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def encode_key(name: str) -> str:
    """Return `name` as a part of a TOML key."""
    return name if _BARE_KEY.fullmatch(name) else encode_text(name)


def take_table(values: dict[str, Any], key: str, name: str, prefix: str = "") -> dict[str, Any]:
    """Take a table out of `values`; an empty one if there is none.  Returns a copy."""
    table = values.get(key, {})
    values.pop(key, None)
    if not isinstance(table, dict):
        raise UsageError(f"`{prefix}{key}` in {name} is not a table")
    return dict(table)


def parse_toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        if re.search("^<{7} ", text, re.MULTILINE):
            hint = f"edit it, then `git add {name}`; until then nothing of datav works here"
            raise UsageError(f"{name} has conflict markers of a merge", hint=hint) from exc
        raise UsageError(f"{name} is not valid TOML: {exc}") from exc


def refuse_rest(values: dict[str, Any], name: str, prefix: str) -> None:
    for key in values:
        raise UsageError(
            f"{name} has a setting `{prefix}{key}` that datav does not know", hint="is it misspelt?"
        )
