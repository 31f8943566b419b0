"""diff: an HTML page."""

from collections.abc import Iterator, Sequence
from itertools import islice

from datav.profiles.columns import ColumnSketch
from datav.profiles.profile import Profile, TableProfile
from datav.relpath import show_path
from datav.repo.diffresult import DatasetDiff, Diff, FilesDiff, Side
from datav.repo.diffstats import StatsDiff
from datav.report.cells import shown_cell, shown_name
from datav.report.column_cards import drift_card
from datav.report.diff_labels import summary
from datav.report.html.model import (
    Columns,
    Fact,
    Group,
    Matrix,
    Page,
    Row,
    Rows,
    Schema,
    SchemaChange,
    Section,
)
from datav.report.profile_page import label_sections
from datav.report.style import size
from datav.tables.changes import some_changes
from datav.tables.result import LabelFlips, RowChange, RowDiff, SchemaDiff, TableDiff

_MOST_COLUMNS = 60
_CELL_WIDTH = 80
_FILES_SHOWN = 1000
_TABLES_SHOWN = 50
_LABELS = 30


def diff_page(diff: Diff, *, limit: int | None) -> Page:
    """Return the page of a comparison.

    Args:
        limit: how many rows of a table are on it; None: all.
    """
    groups = [group for dataset in diff.datasets for group in _groups(dataset, limit)]
    verdicts = [
        dataset.stats.drift.verdict for dataset in diff.datasets if dataset.stats and dataset.stats.drift
    ]
    facts = [Fact("datasets that differ", str(len(diff.datasets)))]
    for verdict in ("broken", "shifted"):
        if verdict in verdicts:
            facts.append(Fact(f"datasets with {verdict} columns", str(verdicts.count(verdict))))
    return Page(
        title="What changed",
        groups=tuple(groups),
        sides=(diff.before.shown, diff.after.shown),
        facts=tuple(facts),
        notes=() if groups else ("Nothing differs.",),
    )


def _groups(dataset: DatasetDiff, limit: int | None) -> Iterator[Group]:
    title = str(dataset.path)
    if dataset.before_path is not None:
        title = f"{dataset.before_path} → {title}"
    sections = list(_sections(dataset.table, dataset.stats, limit))
    if dataset.files.items:
        sections.append(_files(dataset.files))
    yield Group(
        title,
        tuple(sections),
        subtitle=dataset.status,
        facts=tuple(_facts(dataset)),
        notes=tuple(_notes(dataset)),
    )
    for item in islice((item for item in dataset.files.items if item.table is not None), _TABLES_SHOWN):
        yield Group(
            f"{title}/{show_path(item.path)}",
            tuple(_sections(item.table, None, limit)),
            subtitle=item.status,
        )


def _sections(table: TableDiff | None, stats: StatsDiff | None, limit: int | None) -> Iterator[Section]:
    if table is not None and not table.schema.is_empty:
        yield _schema(table.schema)
    if stats is not None and stats.drift is not None:
        yield from _columns(stats)
    if table is not None and table.rows is not None:
        if table.rows.label_flips is not None:
            yield from _flips(table.rows.label_flips)
        if not table.rows.is_empty:
            yield _rows(table.rows, limit)
    if stats is not None:
        yield from _labels(stats)


def _facts(dataset: DatasetDiff) -> Iterator[Fact]:
    before, after = dataset.before, dataset.after
    rows = _numbers(before, after, "rows")
    if rows != (None, None):
        yield Fact("rows", *rows, is_notable=rows[0] != rows[1])
    if dataset.kind == "directory":
        yield Fact("files", *_numbers(before, after, "files"))
    sizes = [None if side is None or side.bytes is None else size(side.bytes) for side in (before, after)]
    yield Fact("size", sizes[0], sizes[1])
    if dataset.table is not None and dataset.table.rows is not None:
        rows_diff = dataset.table.rows
        what = f"{rows_diff.added:,} added, {rows_diff.removed:,} removed, {rows_diff.changed:,} changed"
        yield Fact("changes of rows", None, what if not rows_diff.is_empty else "none")


def _numbers(before: Side | None, after: Side | None, name: str) -> tuple[str | None, str | None]:
    values = [getattr(side, name) if side is not None else None for side in (before, after)]
    shown = [None if value is None else f"{value:,}" for value in values]
    return shown[0], shown[1]


def _notes(dataset: DatasetDiff) -> Iterator[str]:
    if dataset.meta_changed:
        yield "Its key or [meta] changed."
    if dataset.reason is not None:
        yield f"Not compared in full: {dataset.reason}."
    if dataset.stats is not None and dataset.stats.reason is not None:
        yield f"Distributions were not compared: {dataset.stats.reason}."
    rows = dataset.table.rows if dataset.table is not None else None
    if rows is not None and rows.refused is not None:
        yield f"Rows were not compared by key: {rows.refused}."


def _schema(schema: SchemaDiff) -> Schema:
    changes = [SchemaChange("removed", each.name, each.type) for each in schema.removed]
    changes += [SchemaChange("added", each.name, "", each.type) for each in schema.added]
    changes += [SchemaChange("retyped", each.name, each.before, each.after) for each in schema.changed]
    changes += [
        SchemaChange("changed", each.name, each.before, each.after, "how it is written")
        for each in schema.written
    ]
    changes += [
        SchemaChange(
            "renamed", each.after, each.before, each.after, f"a guess: {each.share:.0%} of the cells"
        )
        for each in schema.renamed
    ]
    note = "The columns stand in another order." if schema.reordered else ""
    return Schema("Columns that came, went or changed", tuple(changes), note)


def _columns(stats: StatsDiff) -> Iterator[Section]:
    drift = stats.drift
    before, after = _table(stats.before), _table(stats.after)
    if drift is None or before is None or after is None or not drift.columns:
        return
    old, new = _by_name(before.columns), _by_name(after.columns)
    cards = [
        drift_card(column, old[column.renamed_from or column.name], new[column.name])
        for column in drift.columns
        if (column.renamed_from or column.name) in old and column.name in new
    ]
    moved = sum(column.verdict != "stable" for column in drift.columns)
    note = f"{moved} of {len(drift.columns)} columns moved; the one that moved most comes first."
    yield Columns("Distributions", tuple(cards), note)


def _table(profile: Profile | None) -> TableProfile | None:
    return profile.table if profile is not None else None


def _by_name(columns: Sequence[ColumnSketch]) -> dict[str, ColumnSketch]:
    """The first of each name: two columns of one name are told apart by nobody."""
    found: dict[str, ColumnSketch] = {}
    for column in columns:
        found.setdefault(column.name, column)
    return found


def _labels(stats: StatsDiff) -> Iterator[Section]:
    before, after = _table(stats.before), _table(stats.after)
    if after is not None and after.groups is not None:
        old = before.groups if before is not None else None
        yield from label_sections(after.groups, old)


def _flips(flips: LabelFlips) -> Iterator[Section]:
    if not flips.matrix:
        return
    names = sorted({shown_cell(each, 30) for flip in flips.matrix for each in (flip.before, flip.after)})[
        :_LABELS
    ]
    places = {name: place for place, name in enumerate(names)}
    counts = [[0] * len(names) for _ in names]
    for flip in flips.matrix:
        one, other = shown_cell(flip.before, 30), shown_cell(flip.after, 30)
        if one in places and other in places:
            counts[places[one]][places[other]] += flip.count
    yield Matrix(
        f"Rows that changed only {shown_name(flips.label)}",
        "from",
        "to",
        tuple(names),
        tuple(names),
        tuple(map(tuple, counts)),
        note="; ".join(summary(flips)),
    )


def _rows(rows: RowDiff, limit: int | None) -> Rows:
    changes = list(some_changes(rows, limit))
    names = list(rows.key)
    for change in changes:
        names += [name for name in (*change.key, *change.before, *change.after) if name not in names]
    chosen = names[:_MOST_COLUMNS]
    total = rows.added + rows.removed + rows.changed
    notes = []
    if len(changes) < total:
        notes.append(f"{len(changes):,} of {total:,} rows are here.")
    if len(chosen) < len(names):
        notes.append(f"{len(chosen)} of {len(names)} columns are here.")
    shown = tuple(_row(change, chosen) for change in changes)
    return Rows("Changed rows", tuple(chosen), shown, len(rows.key), " ".join(notes))


def _row(change: RowChange, names: Sequence[str]) -> Row:
    """Return a row; the cells of a changed one that did not change are not known, and are left blank."""
    before = {**change.key, **change.before} if change.op != "added" else None
    after = {**change.key, **change.after} if change.op != "removed" else None
    return Row(_cells(before, names), _cells(after, names))


def _cells(values: dict[str, object] | None, names: Sequence[str]) -> tuple[str | None, ...] | None:
    if values is None:
        return None
    return tuple(
        "" if name not in values else None if values[name] is None else shown_cell(values[name], _CELL_WIDTH)
        for name in names
    )


def _files(files: FilesDiff) -> Rows:
    shown = []
    for item in files.items[:_FILES_SHOWN]:
        path = show_path(item.path)
        old = show_path(item.before_path) if item.before_path is not None else path
        before = (old, _size(item.before_bytes)) if item.status != "added" else None
        after = (path, _size(item.after_bytes)) if item.status != "removed" else None
        shown.append(Row(before, after))
    note = "" if len(shown) == len(files.items) else f"{len(shown):,} of {len(files.items):,} files are here."
    return Rows("Files", ("file", "size"), tuple(shown), 0, note)


def _size(number: int | None) -> str:
    return "" if number is None else size(number)
