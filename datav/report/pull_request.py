"""report, as Markdown: what a branch does to data, in one comment on its pull request.

First what matters to somebody who has a minute: one line, and a table of the datasets.  Then a section for
each, those first that break something.  GitHub refuses comments longer than MOST, so sections that do not fit
are told without rows, or left out, and the last line says which.

Whatever comes from data stands in `code`, as in diff_markdown and check_markdown.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datav.checks.finding import Checked
from datav.drift.labels import LabelDrift
from datav.drift.result import ColumnDrift
from datav.profiles.columns import ColumnSketch
from datav.profiles.profile import Profile
from datav.relpath import RelPath, one_line
from datav.repo.diffresult import DatasetDiff, FilesDiff, Side
from datav.repo.diffstats import StatsDiff
from datav.repo.report import DatasetSize, Report
from datav.report.cells import shorten, shown_name
from datav.report.check_markdown import findings_blocks
from datav.report.check_words import counts, next_step, summary
from datav.report.diff_markdown import code, dataset_blocks, escape, markdown_table
from datav.report.diff_sections import Sections
from datav.report.diff_stat import rows_text
from datav.report.diff_text import counts_text
from datav.report.small_charts import ShareBar, ShareBars, Sparks, share_bar, small_chart
from datav.report.stats_markdown import group_blocks
from datav.report.stats_text import findings_text
from datav.report.style import PLAIN, count, percent, size

MARKER = "<!-- datav report -->"
"""The first line: who updates a comment finds it by this."""

MOST = 64_000
"""Characters; GitHub takes 65,536 of a comment, and whoever posts it may add a line."""

_ROWS_SHOWN = 50
"""Lines of the first table."""
_PATH_WIDTH = 80
_EXAMPLES = 8
"""Rows of a table that are shown."""
_COLUMNS_SHOWN = 30
_CLASSES_SHOWN = 20
_NAMED = 10
"""Datasets that the last line names."""

# A section that has anything to say takes more.
_LEAST = 200

# What the last line takes, with names as long as they can be.
_NOTE = 6_000

_FULL = Sections(stats=False)
_SHORT = Sections(files=False, stats=False)


@dataclass(frozen=True, slots=True)
class _Part:
    """One dataset, with all that was found about it."""

    path: RelPath | str
    diff: DatasetDiff | None
    """None: it is the same on both sides."""
    size: DatasetSize | None
    checked: tuple[Checked, ...]
    """A directory may be several tables."""

    @property
    def errors(self) -> int:
        return sum(each.errors for each in self.checked)

    @property
    def warnings(self) -> int:
        return sum(each.warnings for each in self.checked)

    @property
    def moved(self) -> list[ColumnDrift]:
        """The columns whose distribution moved."""
        stats = self.diff.stats if self.diff is not None else None
        if stats is None or stats.drift is None:
            return []
        return [column for column in stats.drift.columns if column.verdict != "stable"]

    @property
    def weight(self) -> tuple[bool, int, int, int]:
        """Datasets with more of it come first."""
        moved = self.moved
        broken = sum(column.verdict == "broken" for column in moved)
        return self.diff is not None, self.errors, broken, self.warnings + len(moved)


def pull_request(report: Report, *, most: int = MOST) -> str:
    """Return the comment.

    Args:
        most: characters it may have.
    """
    parts = sorted(_parts(report), key=lambda part: part.weight, reverse=True)
    text = "\n\n".join(_head(report, parts))
    left_out: list[tuple[_Part, str]] = []
    for part in parts:
        section, missing = _fitting(part, most - len(text) - min(_NOTE, most // 8))
        text += section
        if missing:
            left_out.append((part, missing))
    if left_out:
        text += f"\n\n{_left_out(report, left_out)}"
    return text + "\n"


def _parts(report: Report) -> Iterator[_Part]:
    """Yield the datasets that changed, and those of which something was found."""
    sizes = {each.path: each for each in report.sizes}
    checked: dict[str, list[Checked]] = {}
    for each in report.check.datasets:
        checked.setdefault(each.dataset or each.path, []).append(each)
    for diff in report.diff.datasets:
        own = [found for name in {str(diff.path), diff.path.text} for found in checked.pop(name, ())]
        yield _Part(diff.path, diff, sizes.get(diff.path), tuple(own))
    for path, others in checked.items():
        if any(each.findings for each in others):
            yield _Part(path, None, None, tuple(others))


def _head(report: Report, parts: Sequence[_Part]) -> Iterator[str]:
    result = report.check
    mark = "✘" if result.errors else "⚠" if result.warnings else "✔"
    changed = [part for part in parts if part.diff is not None]
    title = f"{count(len(changed), 'dataset')} changed" if changed else "no data changed"
    found = counts(result.errors, result.warnings)
    yield f"{MARKER}\n## {mark} Data: {', '.join(filter(None, [title, found]))}"
    left = report.diff.before.commit
    where = (
        f", from where it left it at {code(left[:10])}"
        if left is not None and left != report.base_commit
        else ""
    )
    base = report.base_commit[:10] if report.base == report.base_commit else one_line(report.base)
    yield f"{code(one_line(report.head))} compared with {code(base)}{where}."
    shown = changed[:_ROWS_SHOWN]
    if shown:
        header = ("dataset", "what", "rows", "columns moved", "findings", "size")
        yield markdown_table(header, map(_row, shown))
    if len(changed) > len(shown):
        yield f"and {count(len(changed) - len(shown), 'more dataset')}."
    if result.datasets:
        yield f"Checks: {escape(summary(result))}."
    step = next_step(result)
    if step is not None:
        words = step.split("`")
        yield f"Next: {''.join(code(each) if n % 2 else escape(each) for n, each in enumerate(words))}."
    yield from (f"Note: {code(shorten(note, 400))}" for note in (*report.notes, *result.notes)[:_NAMED])


def _row(part: _Part) -> tuple[str, ...]:
    diff = part.diff
    assert diff is not None, "these are the changed ones"
    return (
        code(shorten(str(part.path), _PATH_WIDTH)),
        "<br>".join(_what(diff)),
        "<br>".join(_rows(diff)),
        _moved(part),
        _found(part),
        "<br>".join(_sizes(part.size)),
    )


def _what(diff: DatasetDiff) -> Iterator[str]:
    yield diff.status
    if diff.table is not None:
        schema = diff.table.schema
        changes = counts_text(len(schema.added), len(schema.removed), len(schema.changed), PLAIN)
        if changes:
            yield f"columns {escape(changes)}"
    files: FilesDiff = diff.files
    if changes := counts_text(files.added, files.removed, files.modified + files.renamed, PLAIN):
        yield f"files {escape(changes)}"
    if diff.meta_changed:
        yield "key or meta"
    if diff.reason is not None:
        yield "not compared in full"


def _rows(diff: DatasetDiff) -> Iterator[str]:
    known = [_rows_of(side) for side in (diff.before, diff.after) if side is not None]
    if numbers := list(dict.fromkeys(each for each in known if each)):
        yield _unbroken(" → ".join(numbers))
    if changes := rows_text(diff):
        yield _unbroken(escape(changes.removesuffix(" rows").removesuffix(" row")))


def _rows_of(side: Side) -> str:
    return "" if side.rows is None else f"{side.rows:,}"


def _moved(part: _Part) -> str:
    stats = part.diff.stats if part.diff is not None else None
    if stats is None:
        return ""
    if stats.drift is None:
        return "not compared" if stats.reason is not None else ""
    numbers = [sum(column.verdict == verdict for column in part.moved) for verdict in ("broken", "shifted")]
    words = [f"**{numbers[0]} broken**"] if numbers[0] else []
    words += [f"{numbers[1]} shifted"] if numbers[1] else []
    return f"{', '.join(words) or 'none'} of {len(stats.drift.columns)}"


def _found(part: _Part) -> str:
    words = [f"✘ {counts(part.errors, 0)}"] if part.errors else []
    words += [f"⚠ {counts(0, part.warnings)}"] if part.warnings else []
    missed = sum(len(each.not_checked) for each in part.checked)
    words += [f"{missed} not checked"] if missed else []
    if not words and any(each.is_looked_at for each in part.checked):
        return "✔ none"
    return "<br>".join(words)


def _sizes(sizes: DatasetSize | None) -> Iterator[str]:
    if sizes is None:
        return
    known = [size(each) for each in (sizes.before, sizes.after) if each is not None]
    yield _unbroken(" → ".join(dict.fromkeys(known)))
    if sizes.new and sizes.before is not None:
        yield _unbroken(f"{size(sizes.new)} new")


def _sections(part: _Part) -> Iterator[tuple[str, list[str]]]:
    """Yield ways to tell of a dataset, each shorter than the one before, and what is left out of it."""
    yield "", list(_section(part, _FULL, _EXAMPLES))
    if part.diff is not None:
        yield "its rows and files", list(_section(part, _SHORT, 0))
        yield "all but findings", list(_section(part, None, 0))


def _fitting(part: _Part, room: int) -> tuple[str, str]:
    """Return the longest of these ways that fits, and what is left out of it."""
    if room < _LEAST:
        # Nothing of it would fit, and its rows need not be read.
        return "", "all"
    for missing, blocks in _sections(part):
        section = "".join(f"\n\n{block}" for block in blocks)
        if len(section) <= room:
            return section, missing
    return "", "all"


def _section(part: _Part, sections: Sections | None, limit: int) -> Iterator[str]:
    findings = [block for each in part.checked for block in findings_blocks(each)]
    if part.diff is None:
        yield f"### {code(one_line(str(part.path)))} (unchanged)"
        yield from findings
        return
    # The numbers of rows and bytes stand in the first table.
    heading, _, *blocks = dataset_blocks(part.diff, limit, sections or _SHORT)
    told = findings + (blocks if sections is not None else [])
    if part.diff.stats is not None:
        told += _drift_blocks(part.diff.stats, part.moved)
    # Of what is new, or gone, that table says all there is to say.
    if told:
        yield heading
        yield from told


def _drift_blocks(stats: StatsDiff, moved: Sequence[ColumnDrift]) -> Iterator[str]:
    if stats.reason is not None:
        yield f"**Distributions not compared:** {code(stats.reason)}"
        return
    if stats.drift is None:
        return
    columns = count(len(stats.drift.columns), "column")
    if not moved:
        yield f"**Distributions:** stable, {columns}."
    else:
        yield f"**Distributions:** {len(moved)} moved of {columns}."
        header = ("column", "verdict", "before and after", "what moved")
        yield markdown_table(header, [_column_row(stats, column) for column in moved[:_COLUMNS_SHOWN]])
    if len(moved) > _COLUMNS_SHOWN:
        yield f"and {count(len(moved) - _COLUMNS_SHOWN, 'more column')}."
    if stats.labels is not None:
        yield from _label_blocks(stats.labels)


def _column_row(stats: StatsDiff, column: ColumnDrift) -> tuple[str, ...]:
    verdict = f"**{column.verdict}**" if column.verdict == "broken" else column.verdict
    what = shorten(findings_text(column), 400)
    return code(shown_name(column.name)), verdict, _chart(stats, column), code(what)


def _chart(stats: StatsDiff, column: ColumnDrift) -> str:
    before = _sketches(stats.before).get(column.renamed_from or column.name)
    after = _sketches(stats.after).get(column.name)
    chart = small_chart(before, after) if before is not None and after is not None else None
    match chart:
        case Sparks():
            return (
                f"{_bars(chart.before)}&nbsp;before<br>{_bars(chart.after)}&nbsp;after<br>"
                f"{escape(chart.low)} to {escape(chart.high)}"
            )
        case ShareBars():
            return "<br>".join(_share_line(chart, bar) for bar in chart.bars)
    return ""


def _share_line(chart: ShareBars, bar: ShareBar) -> str:
    shares = (
        f"{_bars(chart.drawn(bar.before))} {percent(bar.before)} → "
        f"{_bars(chart.drawn(bar.after))} {percent(bar.after)} "
    )
    return _unbroken(shares) + code(bar.value)


def _bars(text: str) -> str:
    """Characters of a chart, all of one width."""
    return f"<code>{text}</code>"


def _unbroken(text: str) -> str:
    """`text` on one line, however narrow the table is."""
    return text.replace(" ", "&nbsp;")


def _sketches(profile: Profile | None) -> dict[str, ColumnSketch]:
    if profile is None or profile.table is None:
        return {}
    return {column.name: column for column in profile.table.columns}


def _label_blocks(labels: LabelDrift) -> Iterator[str]:
    """Yield the balance of classes, where it changed, and the groups in which it did."""
    if any(each.before_share != each.after_share for each in labels.classes):
        yield markdown_table(
            (f"classes of {code(shown_name(labels.label))}", "before", "after"),
            [
                (
                    "null" if each.label is None else code(shorten(each.label, 40)) or "empty",
                    f"{_bars(share_bar(each.before_share))} {percent(each.before_share)}",
                    f"{_bars(share_bar(each.after_share))} {percent(each.after_share)}",
                )
                for each in labels.classes[:_CLASSES_SHOWN]
            ],
        )
    yield from group_blocks(labels)


def _left_out(report: Report, left_out: Sequence[tuple[_Part, str]]) -> str:
    """Say what is not here, and which command shows it."""
    told = [f"{what} of {code(shorten(str(part.path), _PATH_WIDTH))}" for part, what in left_out[:_NAMED]]
    if len(left_out) > _NAMED:
        told.append(f"and of {count(len(left_out) - _NAMED, 'more dataset')}")
    command = f"datav diff {shlex.quote(f'{report.base}...{report.head}')}"
    return (
        f"**Left out**, as a comment on GitHub ends at 65,536 characters: {', '.join(told)}. "
        f"{code(command)} shows all that changed, {code('datav check')} all that was found."
    )
