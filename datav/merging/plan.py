"""What a merge does to our version of a table: values, made by `merging.tables`, taken by whoever writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

# Named anew, so that it counts as one of these.
from datav.tables.edits import Edit as Edit
from datav.tables.version import U64, TableVersion

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True, slots=True)
class MergedColumn:
    """One column of the result, and where each version has it; None: it has not."""

    name: str
    base: int | None
    ours: int | None
    theirs: int | None
    type: "pyarrow.DataType | None"
    """Of the result; None: text."""


class Window(NamedTuple):
    """What happens to a stretch of our rows.  Windows come in the order of the file, and so do the rows in
    each; no two windows touch the same rows."""

    places: U64
    """Rows that become others, as `TableVersion.take` calls them; increasing."""
    rows: "pyarrow.Table"
    """What they become: the merged columns, in step with `places`.  Cells of text tables are `large_binary`,
    as `take` gives them; nulls occur only in JSON Lines."""
    removed: U64
    """Rows that go; increasing, none of them in `places`."""
    boundaries: U64
    """Before what each new row goes, not decreasing: in text and JSON Lines the offset at which a record
    begins, or the size of the file; in Parquet and Arrow the number of a row, or how many there are.  Two new
    rows with the same boundary keep their order.  A row that is removed or replaced may begin there."""
    new: "pyarrow.Table"
    """The new rows: the merged columns, in step with `boundaries`."""


class TableMerge(Protocol):
    """A merge that is ready to be written."""

    @property
    def ours(self) -> TableVersion:
        """The version that is edited."""

    @property
    def columns(self) -> tuple[MergedColumn, ...]:
        """Of the result, in order."""

    def windows(self) -> Iterator[Window]:
        """Yield the edits; what is in conflict is known when all were asked for.  To be called once."""
