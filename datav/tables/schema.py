"""How the columns of a table changed."""

from collections.abc import Sequence

from datav.formats.manifest import ColumnInfo
from datav.tables.result import ColumnChange, SchemaDiff

# What a sampled column is when no row had anything in it: nothing is known of its type.
_UNKNOWN = "empty"


def compare_columns(before: Sequence[ColumnInfo], after: Sequence[ColumnInfo]) -> SchemaDiff:
    """Compare the columns of two versions by their names, which are unique in each."""
    old = {column.name: column for column in before}
    new = {column.name: column for column in after}
    both = [column.name for column in before if column.name in new]
    return SchemaDiff(
        added=tuple(column for column in after if column.name not in old),
        removed=tuple(column for column in before if column.name not in new),
        changed=tuple(
            ColumnChange(name, old[name].type, new[name].type)
            for name in both
            if old[name].type != new[name].type and _UNKNOWN not in (old[name].type, new[name].type)
        ),
        reordered=both != [column.name for column in after if column.name in old],
    )
