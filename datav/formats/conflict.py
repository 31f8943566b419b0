"""Conflict records: what a merge could not decide, and what was decided of it since.

The bytes are specified in docs/formats/conflict.md, and this module is the only code that knows them.
Pure: bytes in, values out.
"""

from dataclasses import dataclass
from typing import Any, Literal

Side = Literal["base", "ours", "theirs"]
SIDES: tuple[Side, ...] = ("base", "ours", "theirs")

ConflictKind = Literal["cell", "delete_modify", "add_add", "schema", "file", "meta"]


@dataclass(frozen=True, slots=True)
class Given:
    """A decision for a value that is none of the three."""

    text: str | None
    """Of a cell, as a text table would have it; None: null."""


@dataclass(frozen=True, slots=True)
class ConflictItem:
    """One thing that both sides changed, in different ways.  Values are those of JSON, None where there is
    nothing.

    `cell`: of a row that all three have.  `add_add`: a cell of a row that both sides added.
    `delete_modify`: a row that one side removed; `base`, `ours` and `theirs` are whole rows, by column.
    `schema`: a column.  `file`: a file or a dataset as a whole; its sides are `{"id", "depth", "bytes"}`.
    `meta`: the `[meta]` text of a manifest.
    """

    kind: ConflictKind
    base: Any
    ours: Any
    theirs: Any
    path: bytes = b""
    """Of the file in a directory; empty where the dataset is the file."""
    key: tuple[tuple[str, Any], ...] = ()
    """Columns and cells; of a row without a key all cells of the base row."""
    column: str | None = None
    reason: str | None = None
    """Of a file: why it was not merged by what is in it."""
    taken: Side | Given | None = None
    """What was decided; None: nothing yet."""
