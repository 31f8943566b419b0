"""Which parts of a comparison are shown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sections:
    """Which parts of a comparison are shown; by default all."""

    files: bool = True
    """Which files of a directory differ."""
    schema: bool = True
    """Columns."""
    rows: bool = True
    """Counts of rows and cells, and the rows themselves as far as the limit goes."""
    stats: bool = True
    """Distributions: the columns that moved."""
    measures: bool = False
    """The measures of all columns."""


ALL = Sections()
