"""Files of limits: the text `NAME.datav.limits`, how far the dataset `NAME` ever moved in its history.

The text is specified in docs/formats/limits.md.  Pure: bytes in, values out.  It is hostile input like a
manifest, and read as strictly.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from datav.errors import FormatError
from datav.formats.fields import Fields, decode_text, parse_toml, quote

VERSION = 1
MAX_SIZE = 8 * 2**20
"""A reader takes no more than this into memory."""

MAX_WINDOW = 1000
MAX_NUMBER = 1e300

_BANNER = (
    "# How far this dataset moved in its history, and so what is normal for it: docs/formats/limits.md.\n"
    "# `datav check --calibrate` writes it anew.\n"
)


@dataclass(frozen=True, slots=True, order=True)
class Measured:
    """What is measured: of one column, or of the table, between versions so many steps apart."""

    column: str | None
    """None of the table as a whole."""
    measure: str
    window: int = 1


@dataclass(frozen=True, slots=True)
class Habit:
    """How far something moved at most."""

    greatest: float
    """Above 0."""
    commit: str
    """That made the version."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """A move that was unlike all others, and teaches nothing."""

    before: str
    """Ids of the contents, `b3:` and 64 hex digits."""
    after: str
    commit: str
    measured: Measured
    value: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What is normal for a dataset."""

    steps: int
    """How many were looked at, from one version to the next."""
    row_steps: int
    """Of how many of them the rows were compared."""
    measures: int
    """How many there are: of all columns and windows, whether they ever moved or not."""
    first: str
    last: str
    """The commits that made the first and the last version; empty of what is not committed."""
    younger: Mapping[str, int] = field(default_factory=dict)
    """Columns that took part in fewer steps, and in how many."""
    habits: Mapping[Measured, Habit] = field(default_factory=dict)
    """Of what ever moved."""
    unusual: tuple[Unusual, ...] = ()


def encode_limits(limits: Limits) -> bytes:
    """Return the text of a file of limits; equal values give equal bytes.  Numbers have four digits."""
    return "".join(f"{line}\n" for line in _lines(limits)).encode()


def parse_limits(data: bytes, where: str) -> Limits:
    """Read the text of a file of limits.

    Args:
        data: the whole text, hostile.
        where: names it in errors.

    Raises:
        FormatError: it is none, or a newer datav wrote it.
    """
    where = f"limits {where}"
    text = decode_text(data, where, MAX_SIZE)
    if text.startswith("<<<<<<< ") or "\n<<<<<<< " in text:
        raise FormatError(
            f"{where}: has git conflict markers", hint="`datav check --calibrate PATH` writes it anew"
        )
    fields = Fields(parse_toml(text, where), where)
    version = fields.integer("datav_limits", low=1)
    if version > VERSION:
        fields.refuse(f"was written by a newer datav (this one reads version {VERSION})")
    return _read(fields)


def _lines(limits: Limits) -> Iterator[str]:
    yield _BANNER.rstrip()
    yield f"datav_limits = {VERSION}"
    yield f"steps = {limits.steps}"
    yield f"row_steps = {limits.row_steps}"
    yield f"measures = {limits.measures}"
    yield f"first = {quote(limits.first)}"
    yield f"last = {quote(limits.last)}"
    for column in _columns(limits):
        yield ""
        yield "[[column]]"
        if column is not None:
            yield f"name = {quote(column)}"
            if column in limits.younger:
                yield f"steps = {limits.younger[column]}"
        moved = [each for each in limits.habits if each.column == column]
        if moved:
            yield "moved = ["
            for each in sorted(moved, key=_place):
                yield _moved_line(each, limits.habits[each])
            yield "]"
    for one in sorted(limits.unusual, key=lambda one: (one.commit, one.after, _place(one.measured))):
        yield ""
        yield "[[unusual]]"
        yield f"before = {quote(one.before)}"
        yield f"after = {quote(one.after)}"
        yield f"commit = {quote(one.commit)}"
        if one.measured.column is not None:
            yield f"column = {quote(one.measured.column)}"
        yield f"measure = {quote(one.measured.measure)}"
        yield f"window = {one.measured.window}"
        yield f"value = {_number(one.value)}"


def _columns(limits: Limits) -> Iterable[str | None]:
    names = {each.column for each in limits.habits} | set(limits.younger)
    return sorted(names, key=lambda name: (name is not None, name or ""))


def _place(measured: Measured) -> tuple[str, str, int]:
    return (measured.column or "", measured.measure, measured.window)


def _moved_line(measured: Measured, habit: Habit) -> str:
    return (
        f"  {{ measure = {quote(measured.measure)}, window = {measured.window}, "
        f"greatest = {_number(habit.greatest)}, commit = {quote(habit.commit)} }},"
    )


def _number(value: float) -> str:
    return repr(float(f"{value:.4g}"))


def _read(fields: Fields) -> Limits:
    steps, row_steps, measures = (fields.integer(name) for name in ("steps", "row_steps", "measures"))
    first, last = fields.text("first"), fields.text("last")
    younger: dict[str, int] = {}
    habits: dict[Measured, Habit] = {}
    seen: set[str | None] = set()
    for column in fields.optional("column", fields.tables) or ():
        name = column.optional("name", column.text)
        if name in seen:
            column.refuse("has a column twice")
        seen.add(name)
        if (own := column.optional("steps", column.integer)) is not None:
            if name is None:
                column.refuse("counts steps of the table a second time")
            younger[name] = own
        for moved in column.optional("moved", column.tables) or ():
            measured = _read_measured(moved, name)
            if measured in habits:
                moved.refuse("has a measure twice")
            habits[measured] = Habit(_read_number(moved, "greatest"), moved.text("commit"))
            moved.finish()
        column.finish()
    unusual = tuple(_read_unusual(each) for each in fields.optional("unusual", fields.tables) or ())
    fields.finish()
    return Limits(steps, row_steps, measures, first, last, younger, habits, unusual)


def _read_measured(fields: Fields, column: str | None) -> Measured:
    return Measured(column, fields.text("measure"), fields.integer("window", low=1, high=MAX_WINDOW))


def _read_unusual(fields: Fields) -> Unusual:
    column = fields.optional("column", fields.text)
    one = Unusual(
        fields.text("before"),
        fields.text("after"),
        fields.text("commit"),
        _read_measured(fields, column),
        _read_number(fields, "value"),
    )
    fields.finish()
    return one


def _read_number(fields: Fields, name: str) -> float:
    value = fields.number(name)
    if not math.isfinite(value) or not 0 < value <= MAX_NUMBER:
        fields.refuse(f"`{name}` is not a number above 0")
    return value
