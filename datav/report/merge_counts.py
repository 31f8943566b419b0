"""How many rows or files came from which side of a merge, in words."""

from datav.merging.result import MergeCounts
from datav.report.style import count


def counts_text(counts: MergeCounts, unit: str) -> str:
    """Return what was counted, between commas; says so where nothing is different."""
    how = "merged by cell" if unit == "row" else "merged from both"
    parts = [
        (counts.ours_only, f"{count(counts.ours_only, unit)} from ours"),
        (counts.theirs_only, f"{count(counts.theirs_only, unit)} from theirs"),
        (counts.same_change, f"{count(counts.same_change, unit)} changed alike on both sides"),
        (counts.cells_merged, f"{count(counts.cells_merged, unit)} {how}"),
        (counts.conflicts, f"{count(counts.conflicts, unit)} in conflict"),
    ]
    return ", ".join(text for number, text in parts if number) or "nothing is different"
