"""A merge, for a terminal: what came from which side, what is in conflict, what to do next."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from datav.git.repository import Operation
from datav.relpath import one_line, show_path
from datav.repo.merge import Merge
from datav.repo.merging import MergedDataset
from datav.report.merge_counts import counts_text
from datav.report.style import PLAIN, Style, count

if TYPE_CHECKING:
    from datav.repo.mergedrift import MergeDrift

_WIDTH = 110
_MOST_COLUMNS = 5
_MOST_REASONS = 5


_OUTCOMES = {
    "added": "added by theirs",
    "taken": "taken from theirs",
    "removed": "removed by theirs",
    "removed here": "removed here, changed there: `datav resolve {0} --ours` removes, `--theirs` keeps it",
    "removed there": "changed here, removed there: `datav resolve {0} --ours` keeps, `--theirs` removes it",
}


def merge_text(result: Merge, style: Style) -> str:
    """One line for each dataset that is merged, and more where there is more to say; what is next."""
    if not result.datasets:
        return f"nothing to merge: {result.rev} has changed no dataset since it branched off"
    lines: list[str] = []
    for each in result.datasets:
        if each.merged is not None:
            lines += merged_lines(each.merged, style)
        else:
            lines.append(f"{each.dataset}: " + _OUTCOMES[each.outcome].format(each.dataset))
        if not each.placed and not each.conflicts:
            lines.append("  the data on disk was left alone: `datav checkout` or `datav pull` brings it")
    if result.dry_run:
        lines.append("nothing was changed: this was a dry run")
    elif result.conflicts:
        lines.append(style.warn(f"{count(result.conflicts, 'conflict')}: `datav conflicts` lists them"))
    else:
        lines.append(style.faint("next: `git commit` (the manifests are staged)"))
    return "\n".join(lines)


def merged_lines(merged: MergedDataset, style: Style = PLAIN) -> Iterator[str]:
    """Yield what became of one dataset: one line, and more where there is more to say."""
    yield f"{merged.dataset}: {_summary(merged)}"
    for note in merged.notes:
        yield f"  {one_line(note)}"
    reasons = [item for item in merged.items if item.reason and item.taken is None]
    for item in reasons[:_MOST_REASONS]:
        yield f"  {f'{show_path(item.path)}: ' if item.path else ''}{one_line(item.reason or '')}"
    if len(reasons) > _MOST_REASONS:
        yield f"  and {len(reasons) - _MOST_REASONS} more"
    if merged.manifest.conflict is not None:
        shown = merged.dataset.path.text
        yield style.warn(f"  {count(merged.open, 'conflict')}: `datav conflicts {shown}` lists them")
        yield style.faint(f"  then `datav resolve {shown} --ours`, `--theirs`, or `--with FILE`")
    for drift in merged.drift:
        yield from _drift_lines(drift, style)


def _summary(merged: MergedDataset) -> str:
    if merged.origin == "same":
        return "the data is the same on both sides"
    if not merged.open and merged.origin in ("ours", "theirs"):
        whose = "ours" if merged.origin == "ours" else "theirs"
        return f"data taken from {whose}"
    if merged.origin != "merged":
        return "not merged, ours stays for now"
    return f"merged: {counts_text(merged.counts, 'row' if merged.manifest.kind == 'file' else 'file')}"


def _drift_lines(drift: "MergeDrift", style: Style) -> Iterator[str]:
    # Only here: what knows distributions takes long to import.
    from datav.report.stats_text import findings_text, label_lines, paint, shorten_end

    for column in drift.columns[:_MOST_COLUMNS]:
        text = shorten_end(f"{column.name}: {findings_text(column)}", _WIDTH)
        yield f"  {paint(column.verdict, column.verdict, style)} against {drift.against}: {one_line(text)}"
    if len(drift.columns) > _MOST_COLUMNS:
        yield f"  and {len(drift.columns) - _MOST_COLUMNS} more columns against {drift.against}"
    if drift.labels is not None:
        indent = f"  against {drift.against}: "
        yield from label_lines(drift.labels, indent, style, _WIDTH, is_full=False)


def next_of_git(operation: Operation | None, unmerged: int) -> str:
    """What is to be typed next, when a dataset is merged and staged."""
    if unmerged:
        return f"next: `datav conflicts` shows {count(unmerged, 'other dataset')} in conflict"
    command = {None: "git commit", "merge": "git commit"}.get(operation, f"git {operation} --continue")
    return f"next: `{command}` (the manifest is staged)"
