"""merge-file, for a terminal and as JSON."""

from typing import Any

from datav.relpath import one_line
from datav.repo.mergefile import MergedFile
from datav.report.conflicts_text import item_lines
from datav.report.merge_counts import counts_text
from datav.report.merge_json import counts_json, item_json
from datav.report.style import Style, count

_MOST = 20


def merge_file_text(result: MergedFile, style: Style, *, verbose: bool) -> str:
    """What was merged, and what is in conflict.

    Args:
        verbose: however many conflicts there are.
    """
    if result.taken is not None:
        lines = [f"merged: the result is {result.taken}, as it is"]
    else:
        lines = [f"merged: {counts_text(result.counts, 'row')}"]
    lines += [f"  {one_line(note)}" for note in result.notes]
    if result.items:
        lines += item_lines(result.items, style, most=None if verbose else _MOST)
        lines.append(style.warn(f"{count(len(result.items), 'conflict')}: the result has our value there"))
    if result.output is None:
        lines.append(style.faint("nothing was written: name a file with `-o`"))
    else:
        lines.append(f"written to {one_line(result.output)}")
    return "\n".join(lines)


def merge_file_json(result: MergedFile) -> dict[str, Any]:
    return {
        "format": 1,
        "result": "conflict" if result.items else "clean",
        "output": result.output,
        "rows": counts_json(result.counts),
        "key": list(result.key),
        "conflicts": len(result.items),
        "conflict_items": [item_json(item) for item in result.items],
        "notes": list(result.notes),
    }
