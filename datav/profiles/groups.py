"""How often each label comes with each value of another column."""

from collections.abc import Sequence
from dataclasses import dataclass

from datav.profiles.arrays import I64

MOST_LABELS = 50
MOST_VALUES = 50
"""A column with more different values is not grouped."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupedColumn:
    """The rows of a table by label and by the value of one column, both as text; nulls are `None`."""

    name: str
    values: tuple[str | None, ...]
    """Different ones, None last."""
    counts: I64
    """Shape (labels, values)."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelGroups:
    """Exact counts of a label's values, alone and by other columns."""

    label: str
    labels: tuple[str | None, ...]
    """Different ones, None last."""
    counts: I64
    """Shape (labels,)."""
    columns: tuple[GroupedColumn, ...]
    """Those that have few enough values."""
    too_many: tuple[str, ...]
    """Columns that have more than MOST_VALUES; the label's own name, and no `labels`, if it has more than
    MOST_LABELS."""


def merge_groups(parts: Sequence[LabelGroups | None]) -> LabelGroups | None:
    """Return the groups of all parts; None where a part has none."""
    if any(part is None for part in parts):
        return None
    raise NotImplementedError
