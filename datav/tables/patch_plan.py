"""What applying a change feed does to a table: a value, made before anything is written."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Plan:
    """Which rows of a table go, which become others, and which are new."""

    old_columns: list[str]
    """Of the file."""
    columns: list[str]
    """Of the result."""
    # Any: pyarrow has no types of its own that mypy could see.
    after: Any
    """A pyarrow.Table of whole rows, `columns` of it: what changed and added rows become."""
    edits: dict[int, int | None] = field(default_factory=dict)
    """By place, in the order of the file: the row of `after` that a row becomes, or None: it goes."""
    added: list[int] = field(default_factory=list)
    """Rows of `after` that are new."""
    added_counts: list[int] = field(default_factory=list)
    """How many of each."""
    rows: int = 0
    """Of the file."""
    places: list[Any] = field(default_factory=list)
    """Arrays of the places of all rows, in order; only where there is a new layout."""

    @property
    def has_new_layout(self) -> bool:
        return self.columns != self.old_columns

    @property
    def sources(self) -> list[int | None]:
        """For each column of the result which of the file's it is; None: a new one."""
        places = {name: place for place, name in enumerate(self.old_columns)}
        return [places.get(name) for name in self.columns]
