"""How a label's classes, and their shares among the values of other columns, differ between two versions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from datav.drift.measures import cohens_h
from datav.drift.noise import share_limit
from datav.drift.verdicts import FALSE_ALARMS, SHARE
from datav.profiles.arrays import I64
from datav.profiles.groups import GroupedColumn, LabelGroups

MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class ClassShare:
    """One class of a label; of all rows, nulls included."""

    label: str | None
    before: int
    after: int
    """Rows."""
    before_share: float
    after_share: float


@dataclass(frozen=True, slots=True)
class GroupShare:
    """One class among the rows that have one value in another column."""

    column: str
    value: str | None
    label: str | None
    before_rows: int
    after_rows: int
    """Rows with that value."""
    before_share: float
    after_share: float
    """Of these, those of that class."""


@dataclass(frozen=True, slots=True)
class LabelDrift:
    """How a label differs between two versions of a table."""

    label: str
    classes: tuple[ClassShare, ...]
    """All of them, the most frequent first."""
    groups: tuple[GroupShare, ...]
    """Those that moved by more than chance and by enough to look at, the one that moved most first; at most
    MOST_LISTED."""
    more_groups: int
    """Others that moved so far."""


def compare_labels(before: LabelGroups | None, after: LabelGroups | None) -> LabelDrift | None:
    """Return how a label differs; None unless both versions have the same, with few enough values.

    A group moved if Cohen's h of its two shares is a fifth at least, and more than chance makes of so many
    rows, at the rate of false alarms of a column divided by the number of groups.
    """
    if before is None or after is None or before.label != after.label:
        return None
    if not before.labels or not after.labels:
        return None
    classes = tuple(_class_shares(before, after))
    found = sorted(_group_shares(before, after), key=lambda each: -each[0])
    groups = tuple(group for _, group in found[:MOST_LISTED])
    return LabelDrift(after.label, classes, groups, len(found) - len(groups))


def _class_shares(before: LabelGroups, after: LabelGroups) -> Iterator[ClassShare]:
    old, new = _by_name(before.labels, before.counts), _by_name(after.labels, after.counts)
    totals = sum(old.values()) or 1, sum(new.values()) or 1
    for label in sorted(
        {**old, **new}, key=lambda each: (-max(old.get(each, 0), new.get(each, 0)), each or "")
    ):
        one, other = old.get(label, 0), new.get(label, 0)
        yield ClassShare(label, one, other, one / totals[0], other / totals[1])


def _group_shares(before: LabelGroups, after: LabelGroups) -> Iterator[tuple[float, GroupShare]]:
    """Yield the groups that moved, each with how far."""
    old = {column.name: column for column in before.columns}
    pairs = [(old[column.name], column) for column in after.columns if column.name in old]
    compared = sum(len(one.values) * len(before.labels) for one, _ in pairs)
    alarms = FALSE_ALARMS / max(1, compared)
    for one, other in pairs:
        for share in _shares_of(one, other, before, after):
            rows = (share.before_rows, share.after_rows)
            if not all(rows):
                continue
            moved = cohens_h(share.before_share, share.after_share)
            hits = (share.before_share * rows[0], share.after_share * rows[1])
            if moved >= SHARE.shifted and moved > share_limit(alarms, hits, rows):
                yield moved, share


def _shares_of(
    one: GroupedColumn, other: GroupedColumn, before: LabelGroups, after: LabelGroups
) -> Iterator[GroupShare]:
    places = {value: place for place, value in enumerate(other.values)}
    labels = {label: place for place, label in enumerate(after.labels)}
    for old_place, value in enumerate(one.values):
        if value not in places:
            continue
        old, new = one.counts[:, old_place], other.counts[:, places[value]]
        rows = int(old.sum()), int(new.sum())
        # Of two classes the one says all of the other.
        told = 1 if len(before.labels) == 2 else len(before.labels)
        for label, hits in zip(before.labels[:told], old.tolist(), strict=False):
            now = int(new[labels[label]]) if label in labels else 0
            shares = (hits / rows[0] if rows[0] else 0.0, now / rows[1] if rows[1] else 0.0)
            yield GroupShare(one.name, value, label, *rows, *shares)


def _by_name(labels: tuple[str | None, ...], counts: I64) -> dict[str | None, int]:
    return dict(zip(labels, np.asarray(counts).tolist(), strict=True))
