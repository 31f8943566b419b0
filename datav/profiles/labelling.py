"""Which columns are counted by label, and by which column's."""

from collections.abc import Iterable
from typing import Any

from pyarrow import types

from datav.profiles.groups import LabelGroups, group_labels


def may_group(kind: Any) -> bool:
    """Return whether a column of this type may have few values."""
    return not (types.is_nested(kind) or types.is_floating(kind) or types.is_timestamp(kind))


def group_by_label(label: str | None, columns: Iterable[tuple[str, Any]]) -> LabelGroups | None:
    """Return how the column `label` falls on the others; None without one.

    Args:
        columns: names and cells, in order.
    """
    if label is None:
        return None
    found = list(columns)
    cells = next((cells for name, cells in found if name == label), None)
    return None if cells is None else group_labels((label, cells), found)
