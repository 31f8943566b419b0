"""What all versions of a table have in common, as far as profiles tell: what promises are inferred from.

Of each version so little is kept that a hundred of them are nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from datav.checks.cells import (
    DAY,
    SPELLED_FALSE,
    SPELLED_TRUE,
    TYPED_FORMATS,
    Reading,
    readings_of,
    sketches_of,
)
from datav.checks.declared import declared_type
from datav.checks.patterns import matching
from datav.checks.scanning import read_batches
from datav.checks.subject import Subject
from datav.checks.valuecounts import known_texts
from datav.profiles.columns import ColumnSketch
from datav.settings.checks import ColumnType

MOST_VALUES = 20
"""A column of texts with more different ones is no category."""

ENOUGH_VERSIONS = 10
"""In which something never happened, to promise that it does not."""

# Of how many values a sketch counted, so many cells may be different ones each.
_NEARLY_ALL = 0.95

PATTERNS = {
    "ISO dates": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
    "UUIDs": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "codes of two capitals": r"[A-Z]{2}",
    "codes of three capitals": r"[A-Z]{3}",
    "mail addresses": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "web addresses": r"https?://\S+",
}
"""How obvious texts are written; the first that fits is told."""

NO_SPACES = r"\S+"
"""What an identifier is, too."""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column in one version."""

    type: ColumnType | None
    """The narrowest that all cells have; None: there is none, or there are no cells."""
    count: int
    nulls: int
    least: float | None
    """Of numbers, where all cells are finite ones; an int where they are whole.  Like `greatest`."""
    greatest: float | None
    is_text: bool
    """Whether its cells are texts and nothing else."""
    values: frozenset[str] | None
    """All texts, where these are few."""
    lengths: tuple[int, int] | None
    """Of the shortest and of the longest text, in characters."""
    may_be_unique: bool
    """Whether every cell may be another one, and not by chance: texts and whole numbers."""
    patterns: frozenset[str] | None
    """Which of PATTERNS all texts fit; None where the profile has not all of them."""

    @property
    def filled(self) -> int:
        return self.count - self.nulls


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One version of a table."""

    rows: int
    columns: tuple[str, ...]
    facts: dict[str, ColumnFacts]
    """Of all columns that the profile has as they are."""
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class History:
    """All versions of a table of which something is known, the oldest first; at least one."""

    versions: tuple[VersionFacts, ...]
    left_out: int = 0
    """Older versions, whose columns are others."""

    @property
    def last(self) -> VersionFacts:
        return self.versions[-1]

    def of(self, column: str) -> list[ColumnFacts]:
        """Return what is known of a column, of each version that has it."""
        return [version.facts[column] for version in self.versions if column in version.facts]

    def is_always_there(self, column: str) -> bool:
        return all(column in version.columns for version in self.versions)


def recent_history(versions: Sequence[VersionFacts]) -> History:
    """Return the versions, at least one, since the columns are the ones that they are now.

    What was promised of a column that was called otherwise then could not have been kept.  A column that is
    there for fewer than ENOUGH_VERSIONS begins nothing: it is new in a table that is what it was.
    """
    runs = [_run(versions, name) for name in versions[-1].columns]
    settled = [run for run in runs if run >= ENOUGH_VERSIONS]
    length = min(settled) if settled else max(runs, default=1)
    return History(tuple(versions[-length:]), len(versions) - length)


def read_facts(subject: Subject) -> VersionFacts:
    """Return what one version of a table is.

    Raises:
        What the subject raises.
    """
    readings, form = readings_of(subject), subject.format
    declared = {column.name: column.type for column in subject.columns}
    facts = {
        name: _facts(sketch, readings[name], declared.get(name, sketch.type), form)
        for name, sketch in sketches_of(subject).items()
        if name in declared
    }
    columns = tuple(column.name for column in subject.columns)
    return VersionFacts(subject.row_count, columns, facts, tuple(subject.key))


def scan_patterns(subject: Subject, columns: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return which of PATTERNS, and NO_SPACES, all values of some columns of texts fit, by reading rows.

    Cost: one pass over these columns, up to where none is left that may fit.
    """
    left = {column: {*PATTERNS, NO_SPACES} for column in columns}
    if not left:
        return {}
    for batch in read_batches(subject, list(left)):
        for column, names in left.items():
            texts = batch.cells(column).texts
            names &= _fitting(texts, names) if texts is not None else set()
        if not any(left.values()):
            break
    return {column: frozenset(names) for column, names in left.items()}


def _run(versions: Sequence[VersionFacts], column: str) -> int:
    """Return how many versions have had a column without a break."""
    return len(list(takewhile(lambda version: column in version.columns, reversed(versions))))


def _facts(sketch: ColumnSketch, reading: Reading, declared: str, form: str) -> ColumnFacts:
    filled = sketch.count - sketch.nulls
    numbers, texts = sketch.numbers, sketch.texts
    is_plain = sketch.kind == "number" and numbers.ranks.count == filled > 0
    is_text = sketch.kind == "text" and texts.count == filled > 0
    lengths = None
    if is_text:
        lengths = int(texts.lengths.points[0]), int(texts.lengths.points[-1])
    known = known_texts(sketch) if is_text else None
    values = None
    if known is not None and len(known.values) <= MOST_VALUES:
        values = frozenset(known.values.to_pylist())
    distinct = sketch.distinct.estimate()
    is_all = distinct == filled if sketch.distinct.is_exact else distinct >= _NEARLY_ALL * filled
    return ColumnFacts(
        type=_type(sketch, reading, declared, form) if filled else None,
        count=sketch.count,
        nulls=sketch.nulls,
        least=numbers.ranks.points[0].item() if is_plain else None,
        greatest=numbers.ranks.points[-1].item() if is_plain else None,
        is_text=is_text,
        values=values,
        lengths=lengths,
        may_be_unique=not sketch.nulls and is_all and (is_text or (is_plain and _may_count(sketch))),
        patterns=frozenset(_fitting(known.values, PATTERNS)) if known is not None else None,
    )


def _type(sketch: ColumnSketch, reading: Reading, declared: str, form: str) -> ColumnType | None:
    if form in TYPED_FORMATS and not reading.is_text:
        return declared_type(declared)
    filled = sketch.count - sketch.nulls
    match sketch.kind:
        case "number" if sketch.numbers.count == filled and not sketch.numbers.nans:
            return "integer" if _is_whole(sketch) and not sketch.numbers.infinities else "number"
        case "time" if sketch.times.count == filled:
            # Dates all lie in the first hour, and the points that are kept say more.
            is_date = sketch.times.hours[0] == filled and not (sketch.times.ranks.points % DAY).any()
            return "date" if is_date else "timestamp"
        case "boolean":
            known = known_texts(sketch)
            spelled = {*SPELLED_TRUE, *SPELLED_FALSE}
            return "boolean" if known is not None and spelled.issuperset(known.values.to_pylist()) else None
        case "text" if not reading.is_text and sketch.texts.count == filled:
            return "text"
        case "list" if sketch.numbers.count == filled:
            return "list"
    return None


def _may_count(sketch: ColumnSketch) -> bool:
    """Whether numbers may be those of rows: fractions and negative ones differ by chance."""
    return _is_whole(sketch) and not sketch.numbers.negatives


def _is_whole(sketch: ColumnSketch) -> bool:
    return bool(sketch.numbers.ranks.points.dtype.kind == "i")


# Any: pyarrow has no types of its own that mypy could see.
def _fitting(texts: Any, names: Iterable[str]) -> set[str]:
    """Return which patterns all of some texts fit."""
    return {name for name in names if bool(matching(texts, PATTERNS.get(name, name)).all())}
