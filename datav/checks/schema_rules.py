"""Promises about columns, counts of rows and what a manifest says: answered without a row."""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from datav.checks.cells import TYPED_FORMATS, sketches_of
from datav.checks.declared import declared_type
from datav.checks.finding import Finding, Value
from datav.checks.promises import (
    KEPT,
    MOST_EXAMPLES,
    Answer,
    Promise,
    counted,
    listed,
    name,
    promise_of_table,
    shown,
)
from datav.checks.scanning import Batch
from datav.checks.subject import Subject
from datav.formats.manifest import ColumnInfo
from datav.settings.checks import Bounds, CheckSettings, SchemaPolicy

_ZONED = re.compile(r"timestamp\[\w+, tz=([^\]]+)\]")
_SAME_ZONE = {"z": "utc", "etc/utc": "utc", "gmt": "utc", "etc/gmt": "utc", "+00:00": "utc"}

# What the first rows of a text table look like may be one today and the other tomorrow.
_SAME_GUESS = {"float": "number", "integer": "number", "date": "time", "timestamp": "time"}


def names_of(subject: Subject) -> frozenset[str]:
    """Return what may be called a column: those of the table, and the fields that its profile knows."""
    return frozenset(column.name for column in subject.columns) | frozenset(sketches_of(subject))


def missing_columns(subject: Subject, settings: CheckSettings) -> Iterator[Finding]:
    """Yield one finding for each column that a rule names and that is not there."""
    wanted: dict[str, int | None] = dict.fromkeys(settings.columns or (), settings.lines.get("columns"))
    for checks in settings.column_checks:
        if set(checks.lines) - {"warn"} != {"documented_in"} or not checks.lines:
            wanted.setdefault(checks.name, min(checks.lines.values(), default=None))
    there = names_of(subject) if wanted else frozenset()
    for column, line in wanted.items():
        if column not in there:
            promise = promise_of_table(subject.path, settings, "columns", line)
            promise = Promise(promise.path, promise.rule, column, promise.severity, promise.line)
            yield from promise.broken("there is no such column", measure="columns", value=None, limit=column)


def extra_columns(promise: Promise, subject: Subject, named: frozenset[str]) -> tuple[Finding, ...]:
    """Columns that no rule names."""
    extra = [column.name for column in subject.columns if column.name not in named]
    if not extra:
        return KEPT
    return promise.broken(
        f"{counted(len(extra), 'column')} that no rule names: {listed(extra)}",
        measure="columns",
        value=len(extra),
        limit=0,
        examples=(name(each) for each in extra[:MOST_EXAMPLES]),
    )


def check_rows(promise: Promise, rows: int, bounds: Bounds) -> tuple[Finding, ...]:
    """How many rows there are."""
    if bounds.min is not None and rows < bounds.min:
        what, limit = f"{counted(rows, 'row')}, at least {shown(bounds.min)} are expected", bounds.min
    elif bounds.max is not None and rows > bounds.max:
        what, limit = f"{counted(rows, 'row')}, at most {shown(bounds.max)} are expected", bounds.max
    else:
        return KEPT
    return promise.broken(what, measure="rows", value=rows, limit=limit)


def check_growth(promise: Promise, rows: int, before: int, bounds: Bounds) -> tuple[Finding, ...]:
    """How many rows there are for each one that was there; `before` is not 0."""
    factor = rows / before
    if bounds.min is not None and factor < bounds.min:
        word, limit = "at least", bounds.min
    elif bounds.max is not None and factor > bounds.max:
        word, limit = "at most", bounds.max
    else:
        return KEPT
    return promise.broken(
        f"{before:,} -> {counted(rows, 'row')}, {factor:.4g} times as many, {word} {limit:g} is expected",
        measure="growth",
        value=factor,
        limit=limit,
    )


def check_schema(
    promise: Promise, subject: Subject, base: Subject, policy: SchemaPolicy
) -> tuple[Finding, ...]:
    """What was added, removed and retyped; another order is no change."""
    now, before = _types(subject), _types(base)
    changes = [f"`{name(each)}` is gone" for each in before if each not in now]
    changes += [
        f"`{name(each)}` was {name(before[each])} and is {name(kind)}"
        for each, kind in now.items()
        if each in before and not _is_same_type(each, before[each], kind, subject, base)
    ]
    if policy == "forbid":
        changes += [f"`{name(each)}` is new" for each in now if each not in before]
    if policy == "any" or not changes:
        return KEPT
    rest = len(changes) - MOST_EXAMPLES
    allowed = "only new columns are allowed" if policy == "additive" else "no change is allowed"
    more = f" and {rest} more" if rest > 0 else ""
    return promise.broken(
        f"{', '.join(changes[:MOST_EXAMPLES])}{more}; {allowed}",
        measure="schema_changes",
        value=len(changes),
        limit=policy,
        examples=changes[:MOST_EXAMPLES],
    )


def check_meta(promise: Promise, subject: Subject, member: str, wanted: str | None) -> Answer:
    """What `[meta]` of the manifest says under one dotted name.

    Returns:
        None where another encoding is declared than was found, and both are right of a file in ASCII.
    """
    found = _look_up(subject.meta, member.split("."))
    if found is None:
        return _meta(promise, f"[meta] does not say `{name(member)}`", None, wanted)
    said = _said(found)
    if wanted is not None and not _means_same(member, said, wanted):
        what = f"[meta] says `{name(member)}` is {shown(said)}, {shown(wanted)} is expected"
        return _meta(promise, what, said, wanted)
    if member == "encoding" and subject.encoding is not None and not _fits(subject.encoding, said):
        may_be_ascii = _codec(subject.encoding) == "utf-8" and _has_ascii(said)
        is_ascii = may_be_ascii and all(column.name.isascii() for column in subject.columns)
        return None if is_ascii else _other_encoding(promise, subject.encoding, said)
    if member == "time_zone":
        return _check_zone(promise, subject, said)
    return KEPT


class NotAscii:
    """A scan: whether a text has a character that its declared encoding writes otherwise."""

    def __init__(self, promise: Promise, subject: Subject, member: str) -> None:
        self.columns = tuple(column.name for column in subject.columns)
        self._promise, self._found = promise, subject.encoding or ""
        self._declared = _said(_look_up(subject.meta, member.split(".")))
        self._is_ascii = True

    def add(self, batch: Batch) -> None:
        cells = (batch.cells(column).texts for column in self.columns) if self._is_ascii else ()
        for texts in cells:
            self._is_ascii &= texts is None or bool(pc.all(pc.string_is_ascii(texts), min_count=0).as_py())

    def findings(self) -> tuple[Finding, ...]:
        return KEPT if self._is_ascii else _other_encoding(self._promise, self._found, self._declared)


def _other_encoding(promise: Promise, found: str, declared: str) -> tuple[Finding, ...]:
    what = f"[meta] says the encoding is {shown(declared)}, the file is {shown(found)}"
    return _meta(promise, what, found, declared)


def _has_ascii(encoding: str) -> bool:
    """Whether ASCII is ASCII in an encoding."""
    try:
        return "az,09".encode(encoding) == b"az,09"
    except (LookupError, UnicodeError):
        return False


def _check_zone(promise: Promise, subject: Subject, zone: str) -> tuple[Finding, ...]:
    """A column that names a zone itself names the same."""
    others = {
        column.name: found[1]
        for column in subject.columns
        if (found := _ZONED.fullmatch(column.type)) and _zone(found[1]) != _zone(zone)
    }
    if not others:
        return KEPT
    column, other = next(iter(others.items()))
    what = f"[meta] says the time zone is {shown(zone)}, that of column `{name(column)}` is {shown(other)}"
    return _meta(promise, what, other, zone, [f"{name(each)}: {name(own)}" for each, own in others.items()])


def _meta(
    promise: Promise, what: str, value: Value, limit: Value, examples: Sequence[str] = ()
) -> tuple[Finding, ...]:
    return promise.broken(what, measure="meta", value=value, limit=limit, examples=examples)


# Any: what a user may write into `[meta]`.
def _look_up(table: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return what stands under a dotted name, whose dots may also be part of a name; None: nothing."""
    for end in range(len(names), 0, -1):
        found = table.get(".".join(names[:end]))
        if found is None:
            continue
        if end == len(names):
            return found
        if isinstance(found, Mapping) and (below := _look_up(found, names[end:])) is not None:
            return below
    return None


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _means_same(member: str, said: str, wanted: str) -> bool:
    if said == wanted:
        return True
    if member == "encoding":
        return _codec(said) == _codec(wanted)
    return member == "time_zone" and _zone(said) == _zone(wanted)


def _fits(found: str, declared: str) -> bool:
    """Whether a file of the encoding that was found may be one of the declared one."""
    found, declared = _codec(found), _codec(declared)
    # Latin-1 is said of bytes of which nothing is known but that they are no UTF-8.
    return found == declared or (found == "iso8859-1" and not declared.startswith("utf"))


def _codec(encoding: str) -> str:
    try:
        known = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        return encoding.lower()
    # A byte order mark makes no other encoding, and where nothing is beyond ASCII UTF-8 is found.
    return {"utf-8-sig": "utf-8", "ascii": "utf-8"}.get(known, known)


def _zone(zone: str) -> str:
    return _SAME_ZONE.get(zone.lower(), zone.lower())


def _types(subject: Subject) -> dict[str, str]:
    columns: Sequence[ColumnInfo] = subject.columns
    return {column.name: column.type for column in columns}


def _is_same_type(column: str, before: str, now: str, subject: Subject, base: Subject) -> bool:
    if before == now:
        return True
    if subject.format in TYPED_FORMATS and base.format in TYPED_FORMATS:
        return False
    if any(
        sketches_of(each)[column].kind == "empty" for each in (subject, base) if column in sketches_of(each)
    ):
        # Where there are no cells they look like nothing.
        return True
    before, now = declared_type(before) or before, declared_type(now) or now
    return _SAME_GUESS.get(before, before) == _SAME_GUESS.get(now, now)
