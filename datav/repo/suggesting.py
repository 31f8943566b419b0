"""Suggesting: names that the user may have meant by one that means nothing."""

import difflib
from collections.abc import Callable, Iterable

from datav.relpath import RelPath


def suggest(path: RelPath, names: Iterable[RelPath], show: Callable[[RelPath], str], listing: str) -> str:
    """Return the hint for `path`, which is none of `names`: those that look alike, else how to list all.

    Args:
        show: a name as the user would type it.
        listing: the command that lists them.
    """
    near = [show(name) for name in _near(path, list(names))]
    return f"did you mean {' or '.join(near)}?" if near else f"`{listing}` lists the datasets"


def _near(path: RelPath, names: list[RelPath]) -> list[RelPath]:
    """Names that differ in little, and those of the same name in another directory."""
    name = path.rpartition(b"/")[2]
    same = [other for other in names if other.rpartition(b"/")[2] == name]
    texts = {other.decode("latin-1"): other for other in names}
    alike = difflib.get_close_matches(path.decode("latin-1"), texts, n=3, cutoff=0.7)
    return list(dict.fromkeys([*same[:3], *(texts[text] for text in alike)]))[:3]
