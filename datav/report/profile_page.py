"""profile: an HTML page."""

from collections.abc import Iterator

import numpy as np

from datav.profiles.arrays import I64
from datav.profiles.folders import FolderProfile
from datav.profiles.frequent import Frequent
from datav.profiles.groups import GroupedColumn, LabelGroups
from datav.repo.profile import ProfileResult
from datav.report.cells import shown_cell, shown_name
from datav.report.column_cards import profile_card
from datav.report.html.model import Bars, Columns, Fact, Figure, Group, Matrix, Page, Section
from datav.report.style import count, size

_BARS = 30
_GROUPS = 12
_GROUP_VALUES = 30


def profile_page(result: ProfileResult) -> Page:
    """Return the page of one version of a dataset."""
    table, folder = result.profile.table, result.profile.folder
    sections: list[Section] = []
    if folder is not None:
        sections += _folder_sections(folder)
    if table is not None:
        sections.append(Columns("Columns", tuple(map(profile_card, table.columns))))
        if table.groups is not None:
            sections += label_sections(table.groups, None)
    facts = [Fact("size", size(result.bytes))]
    if table is not None:
        facts += [Fact("rows", f"{table.rows:,}"), Fact("columns", f"{len(table.columns):,}")]
    if folder is not None:
        facts.append(Fact("files", f"{folder.files:,}"))
    if result.id is not None:
        facts.append(Fact("id", result.id[:19]))
    where = result.path if result.rev is None else f"{result.rev}:{result.path}"
    return Page(
        title=where,
        subtitle="What it holds",
        facts=tuple(facts),
        groups=(Group("", tuple(sections), notes=() if folder is None else tuple(_folder_notes(folder))),),
    )


def label_sections(after: LabelGroups, before: LabelGroups | None) -> Iterator[Section]:
    """Yield the balance of a label's classes, and how it falls on the values of other columns."""
    if not after.labels:
        return
    names = [_shown(label) for label in after.labels]
    old = _aligned(before, after) if before is not None else None
    yield Figure(
        f"Classes of {shown_name(after.label)}",
        Bars(
            tuple(names),
            _shares(old if old is not None else after.counts),
            _shares(after.counts) if old is not None else None,
        ),
    )
    columns = [column for column in after.columns if 1 < len(column.values) <= _GROUP_VALUES]
    for column in columns[:_GROUPS]:
        yield Matrix(
            f"{shown_name(after.label)} by {shown_name(column.name)}",
            shown_name(column.name),
            shown_name(after.label),
            tuple(map(_shown, column.values)),
            tuple(names),
            tuple(map(tuple, column.counts.T.tolist())),
            _counts_before(column, after, before) if before is not None else None,
        )


def _counts_before(
    column: GroupedColumn, after: LabelGroups, before: LabelGroups
) -> tuple[tuple[int, ...], ...] | None:
    """Return the counts of before for the values and labels of after; None if that column was not counted."""
    old = next((each for each in before.columns if each.name == column.name), None)
    if old is None:
        return None
    values = {value: place for place, value in enumerate(old.values)}
    labels = {label: place for place, label in enumerate(before.labels)}
    return tuple(
        tuple(
            int(old.counts[labels[label], values[value]]) if label in labels and value in values else 0
            for label in after.labels
        )
        for value in column.values
    )


def _aligned(before: LabelGroups, after: LabelGroups) -> I64:
    """Return the counts of before for the labels of after."""
    old = dict(zip(before.labels, before.counts.tolist(), strict=True))
    return np.array([old.get(label, 0) for label in after.labels], np.int64)


def _shares(counts: I64) -> tuple[float, ...]:
    return tuple((counts / max(1, counts.sum())).tolist())


def _shown(value: str | None) -> str:
    return "null" if value is None else shown_cell(value, 30)


def _folder_sections(folder: FolderProfile) -> Iterator[Section]:
    if folder.extensions:
        chosen = folder.extensions[:_BARS]
        labels = tuple(
            f"{each.extension or '(none)'}, {count(each.files, 'file')}, {size(each.total)}"
            for each in chosen
        )
        yield Figure("Files by extension", Bars(labels, tuple(each.files / folder.files for each in chosen)))
    if folder.images is not None:
        images = folder.images
        for title, frequent in (("Pictures by size", images.dimensions), ("Pictures by mode", images.modes)):
            bars = _counted(frequent, images.files)
            if bars is not None:
                yield Figure(title, bars)


def _counted(frequent: Frequent, total: int) -> Bars | None:
    values = frequent.values.slice(0, _BARS).to_pylist()
    if not values:
        return None
    return Bars(tuple(map(str, values)), tuple((frequent.counts[:_BARS] / total).tolist()))


def _folder_notes(folder: FolderProfile) -> Iterator[str]:
    if folder.images is not None and folder.images.unreadable:
        shown = ", ".join(folder.images.examples)
        yield f"{count(folder.images.unreadable, 'picture')} cannot be read: {shown}."
    if folder.images_skipped:
        yield "Pictures were not looked at: that takes the extra `images`."
    if folder.no_table:
        yield f"Its tables are not one: {folder.no_table}."
