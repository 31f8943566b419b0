"""What merging found.  Values; `datav.report` draws them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """Rows of a table, or files of a directory, by what became of them; untouched ones are not counted."""

    ours_only: int = 0
    """Added, removed or changed on our side alone."""
    theirs_only: int = 0
    same_change: int = 0
    """Both sides did the same."""
    cells_merged: int = 0
    """Changed on both sides, in different cells, or decided by a rule."""
    conflicts: int = 0
    """In conflict: of a row with three such cells, one."""
    added: int = 0
    """Rows that the result has more than ours."""
    removed: int = 0
    """Rows of ours that the result lacks."""

    def __add__(self, other: "MergeCounts") -> "MergeCounts":
        return MergeCounts(
            self.ours_only + other.ours_only,
            self.theirs_only + other.theirs_only,
            self.same_change + other.same_change,
            self.cells_merged + other.cells_merged,
            self.conflicts + other.conflicts,
            self.added + other.added,
            self.removed + other.removed,
        )
