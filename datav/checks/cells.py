"""The cells of one column in one batch, taken as a profile takes them.

In a text table a cell is a number or a time where it can be read as one; elsewhere it is what its type says.
So an answer from rows is the one that the profile would have given, had it kept enough.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import types

from datav.checks.subject import Subject
from datav.profiles.arrays import I64, Values
from datav.profiles.columns import ColumnSketch, Kind
from datav.profiles.parsing import parse_integers, parse_numbers, parse_times
from datav.profiles.sketching import as_microseconds, as_numbers, kind_of, plain_cells
from datav.settings.checks import ColumnType
from datav.tables.arrays import flags, integers, numbers
from datav.tables.cellvalues import cell_text, cell_values
from datav.tables.naming import unique_names

Mask = NDArray[np.bool_]

DAY = 86_400_000_000
"""Microseconds."""

TEXT_FORMATS = frozenset({"csv", "tsv"})
TYPED_FORMATS = frozenset({"parquet", "arrow"})

# What a column of texts is taken for; no type of Arrow is called so.
_GUESSED = frozenset({"integer", "float", "boolean", "date", "timestamp", "text", "empty"})

SPELLED_TRUE = ("true", "True", "TRUE")
SPELLED_FALSE = ("false", "False", "FALSE")

# Whole floats up to here are the integers they look like.
_WHOLE = 2.0**53


@dataclass(frozen=True, slots=True)
class Reading:
    """What the cells of a column are taken for."""

    kind: Kind
    """Of most of them, by the profile."""
    is_text: bool
    """Whether its cells are texts, and what else they are is read off them."""
    is_whole: bool = False
    """Whether all its numbers are integers of 64 bits."""


# Any, here and below: pyarrow has no types of its own that mypy could see.
class Cells:
    """Cells of one column.  Masks and values are of those that are not null, in order."""

    def __init__(self, array: Any, reading: Reading) -> None:
        self.array = array
        self.reading = reading

    @cached_property
    def plain(self) -> Any:
        """All of them, as pyarrow computes with them."""
        found = plain_cells(self.array)
        return found.dictionary_decode() if types.is_dictionary(found.type) else found

    @cached_property
    def present(self) -> Any:
        cells = self.plain
        if cells.null_count:
            cells = take_cells(cells, np.flatnonzero(as_mask(pc.is_valid(cells))))
        is_text = self.kind == "text"
        return cells.cast(pyarrow.large_string()) if is_text else cells

    @cached_property
    def kind(self) -> Kind:
        """What their type says."""
        kind = self.plain.type
        return "list" if types.is_nested(kind) and not types.is_struct(kind) else kind_of(kind)

    @property
    def count(self) -> int:
        return len(self.present)

    @cached_property
    def numbers(self) -> tuple[Mask, Values]:
        """Which are numbers, and these."""
        if self.kind == "number":
            return np.ones(self.count, bool), as_numbers(self.present)
        if self.kind != "text" or not (self.reading.is_text or self.reading.kind == "number"):
            return np.zeros(self.count, bool), np.zeros(0, np.int64)
        whole = parse_integers(self.present)
        if whole is not None:
            return np.ones(self.count, bool), whole
        mask, values = parse_numbers(self.present)
        if self.reading.kind == "number":
            return mask, values
        # A text that says `nan` or `inf` among others is a text.
        finite = np.isfinite(values)
        mask = mask.copy()
        mask[np.flatnonzero(mask)[~finite]] = False
        return mask, values[finite]

    @cached_property
    def times(self) -> tuple[Mask, I64]:
        """Which are times, and these in microseconds since 1970."""
        if self.kind == "time":
            return np.ones(self.count, bool), as_microseconds(self.present)
        if self.kind == "text" and (self.reading.is_text or self.reading.kind == "time"):
            mask, values = parse_times(self.present)
            return mask, values
        return np.zeros(self.count, bool), np.zeros(0, np.int64)

    @property
    def texts(self) -> Any:
        """All of them as they are written; None where they are no texts."""
        return self.present if self.kind == "text" else None

    @cached_property
    def truths(self) -> tuple[Mask, Mask]:
        """Which are true, and which are false."""
        if self.kind == "boolean":
            true = as_mask(self.present)
            return true, ~true
        if self.kind == "text" and (self.reading.is_text or self.reading.kind == "boolean"):
            return is_one_of(self.present, SPELLED_TRUE), is_one_of(self.present, SPELLED_FALSE)
        none = np.zeros(self.count, bool)
        return none, none

    @cached_property
    def lengths(self) -> I64 | None:
        """In characters, of binary cells in bytes; None where they have none."""
        if self.kind == "text":
            return np.asarray(pc.utf8_length(self.present).cast("int64").to_numpy())
        kind = self.plain.type
        if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
            return np.asarray(pc.binary_length(self.present).cast("int64").to_numpy())
        return None

    def are(self, kind: ColumnType) -> Mask:
        """Return which are of a type, by what they hold."""
        match kind:
            case "number":
                return self.numbers[0]
            case "integer":
                mask, values = self.numbers
                return _narrowed(mask, is_whole(values))
            case "date":
                mask, times = self.times
                return _narrowed(mask, times % DAY == 0)
            case "timestamp":
                return self.times[0]
            case "boolean":
                true, false = self.truths
                return true | false
            case "text":
                return np.full(self.count, self.kind == "text" or self.reading.is_text)
        return np.full(self.count, self.kind == kind)

    def examples(self, mask: Mask, most: int) -> list[str]:
        """Return the first few different ones of a mask, as texts."""
        places = np.flatnonzero(mask)[: 20 * most]
        cells = take_cells(self.present, places)
        return list(dict.fromkeys(map(cell_text, cell_values(cells))))[:most]

    @cached_property
    def typed(self) -> Any:
        """All of them, nulls included, as SQL computes with them; of texts what cannot be read is null."""
        if self.kind != "text" or self.reading.kind not in ("number", "time", "boolean"):
            return self.plain
        places = np.flatnonzero(as_mask(pc.is_valid(self.plain)))
        match self.reading.kind:
            case "number":
                mask, values = self.numbers
                kind = pyarrow.int64() if self.reading.is_whole else pyarrow.float64()
                values = values.astype(np.int64 if self.reading.is_whole else np.float64)
            case "time":
                mask, values = self.times
                kind = pyarrow.timestamp("us")
            case _:
                true, false = self.truths
                mask, values = true | false, true[true | false].astype(np.int64)
                kind = pyarrow.bool_()
        spread = np.zeros(len(self.plain), np.int64 if values.dtype != np.float64 else np.float64)
        spread[places[mask]] = values
        is_null = np.ones(len(self.plain), bool)
        is_null[places[mask]] = False
        cells = numbers(spread)
        return pc.if_else(flags(is_null), pyarrow.scalar(None, kind), cells.cast(kind))


def readings_of(subject: Subject) -> dict[str, Reading]:
    """Return what the columns of a table are taken for, by their names."""
    return {
        column: Reading(
            sketch.kind,
            # The values in names of directories are texts beside columns that have types.
            subject.format in TEXT_FORMATS or (subject.format in TYPED_FORMATS and sketch.type in _GUESSED),
            sketch.numbers.ranks.points.dtype == np.int64,
        )
        for column, sketch in sketches_of(subject).items()
    }


def sketches_of(subject: Subject) -> dict[str, ColumnSketch]:
    """Return the sketches of a profile by names of which each is there once, as in `Subject.columns`."""
    sketches = subject.profile.columns
    names = unique_names(sketch.name for sketch in sketches)
    return dict(zip(names, sketches, strict=True))


def is_whole(values: Values) -> Mask:
    """Return which numbers are integers, however they are stored."""
    if values.dtype != np.float64:
        return np.ones(len(values), bool)
    return np.asarray(np.isfinite(values) & (np.floor(values) == values))


def split_whole(values: Values) -> tuple[I64, Values]:
    """Return those that are integers of 64 bits, and the others; NaN among these."""
    if values.dtype != np.float64:
        return values.astype(np.int64), np.zeros(0)
    whole: Mask = is_whole(values) & (np.abs(values) <= _WHOLE)
    return values[whole].astype(np.int64), values[~whole]


def take_cells(array: Any, places: NDArray[np.int64]) -> Any:
    """Return some cells of an array of any type."""
    try:
        return array.take(integers(places))
    except pyarrow.ArrowNotImplementedError:
        # Not every type can be taken from, but every one can be cut.
        parts = [array.slice(place, 1) for place in places.tolist()]
        return pyarrow.concat_arrays(parts) if parts else array.slice(0, 0)


def is_one_of(texts: Any, values: Any) -> Mask:
    """Return which texts are among some; neither has nulls."""
    found = pyarrow.array(values, texts.type) if not isinstance(values, pyarrow.Array) else values
    return as_mask(pc.is_in(texts, found))


def as_mask(flagged: Any) -> Mask:
    """Return truths as a mask."""
    return np.asarray(flagged.to_numpy(zero_copy_only=False), bool)


def _narrowed(mask: Mask, among: Mask) -> Mask:
    """Return a mask without those of it that another one, which is of it alone, leaves out."""
    found = mask.copy()
    found[np.flatnonzero(mask)[~among]] = False
    return found
