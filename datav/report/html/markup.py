"""Text to markup.  Every text that comes from data goes through one of these; nothing else may."""

import html
import json
from collections.abc import Iterable


def visible(text: str) -> str:
    """`text` with escapes for what is not printable: controls, marks that turn the direction of text."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def shown(text: str) -> str:
    """`text` as it is read, for between tags and for attributes in double quotes."""
    return html.escape(visible(text))


def isolated(text: str) -> str:
    """`shown`, in an element of its own, so that Hebrew in a name turns nothing around it."""
    return f"<bdi>{shown(text)}</bdi>" if text else ""


def data_attribute(value: object) -> str:
    """`value` as JSON for an attribute in *single* quotes, where double ones need no escape.

    ASCII only, so that half a surrogate does not keep the page from being written.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")


def optional(tag: str, text: str, name: str = "") -> str:
    """An element around `text`; nothing around nothing."""
    if not text:
        return ""
    return f'<{tag} class="{name}">{shown(text)}</{tag}>' if name else f"<{tag}>{shown(text)}</{tag}>"


def paragraphs(texts: Iterable[str], name: str) -> str:
    return "".join(optional("p", text, name) for text in texts)


def scroll_box(table: str, label: str, name: str = "") -> str:
    """`table` in a box that scrolls for itself, by keys too, so that the page never scrolls sideways."""
    classes = f"box {name}".strip()
    return f'<div class="{classes}" tabindex="0" role="region" aria-label="{shown(label)}">{table}</div>'


def percent(share: float) -> str:
    """`0.0312` as `3.12 %`; what is there but tiny does not become 0."""
    if 0 < share < 0.0001:
        return "< 0.01 %"
    return f"{share * 100:.3g} %" if share < 0.9995 else f"{share * 100:.4g} %"


def plural(number: int, one: str) -> str:
    return f"{number:,} {one if number == 1 else one + 's'}"
