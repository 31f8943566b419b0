"""`disjoint`: no row of one table is in another, as a model must not be tested on what it learned from."""

from collections.abc import Sequence

from datav.checks.cells import TEXT_FORMATS, TYPED_FORMATS, readings_of
from datav.checks.declared import is_rough
from datav.checks.finding import Finding, NotChecked
from datav.checks.promises import Promise, listed, name
from datav.checks.repeats import As, Identity, Overlap
from datav.checks.subject import Subject
from datav.settings.checks import Disjoint

KEY_HINT = "set `key` of its table in datav.toml"


def plan_overlap(
    promise: Promise, subject: Subject, other: Subject, disjoint: Disjoint
) -> Overlap | tuple[Finding, ...] | NotChecked:
    """Return the scan for rows that two tables have in common, or why there is none.

    Cost: one pass over the other table, at once.
    """
    columns = _columns(subject, disjoint)
    if not columns:
        return promise.not_checked(f"{name(subject.path)} has no key: {KEY_HINT}, or name columns")
    for table in (subject, other):
        own = {column.name for column in table.columns}
        missing = [column for column in columns if column not in own]
        if missing:
            return _without(promise, table, missing, disjoint)
    if disjoint.by == "row" and len(other.columns) != len(columns):
        extra = [column.name for column in other.columns if column.name not in columns]
        return _without(promise, subject, extra, disjoint)
    if not subject.row_count or not other.row_count:
        return ()
    identity = Identity(columns, tuple(_ways(subject, other, columns)))
    by = "all cells" if disjoint.by == "row" else ("key " if disjoint.by == "key" else "") + listed(columns)
    return Overlap(promise, subject, other, identity, by)


def _columns(subject: Subject, disjoint: Disjoint) -> tuple[str, ...]:
    if disjoint.by == "key":
        return subject.key
    if disjoint.by == "row":
        return tuple(column.name for column in subject.columns)
    return disjoint.by


def _without(
    promise: Promise, table: Subject, missing: Sequence[str], disjoint: Disjoint
) -> tuple[Finding, ...] | NotChecked:
    """Say that a table lacks some columns: of whole rows that is a question that cannot be asked."""
    what = f"{name(table.path)} has no column {listed(missing)}"
    if disjoint.by == "row":
        return promise.not_checked(f"{what}, so no row is in both: name the columns to compare by")
    return promise.broken(what, measure="columns", value=None, limit=", ".join(missing))


def _ways(subject: Subject, other: Subject, columns: Sequence[str]) -> list[As]:
    """Return how the cells of two tables are compared, column by column."""
    if subject.format in TEXT_FORMATS and other.format in TEXT_FORMATS:
        return [None] * len(columns)
    own, theirs = ({column.name: column.type for column in each.columns} for each in (subject, other))
    mine, others = readings_of(subject), readings_of(other)
    are_typed = subject.format in TYPED_FORMATS and other.format in TYPED_FORMATS
    ways: list[As] = []
    for column in columns:
        kinds = {each[column].kind for each in (mine, others) if column in each}
        if are_typed and own[column] == theirs[column]:
            ways.append(None)
        elif kinds == {"number"}:
            ways.append("text" if is_rough(own[column]) and is_rough(theirs[column]) else "number")
        else:
            ways.append("time" if kinds == {"time"} else "text")
    return ways
