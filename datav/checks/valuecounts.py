"""How often each value of a column occurs, by what it means or by how it is written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.compute as pc

from datav.checks.cells import Cells, split_whole
from datav.checks.moments import moment_text
from datav.checks.promises import shown
from datav.profiles.arrays import I64, Values
from datav.profiles.columns import ColumnSketch
from datav.profiles.frequent import Frequent
from datav.profiles.ranks import Ranks
from datav.profiles.sketching import MAX_TEXT
from datav.tables.arrays import flags, integers, numbers
from datav.tables.cellvalues import cell_text, cell_values

Mode = Literal["number", "time", "text"]
"""Whether 1 and 1.0 are one value, or two ways to write a time; all else is compared as it is written."""

# Rows that wait to be counted: some tens of MB.
_WAITING = 2**20

_TRAILING_ZEROS = r"(\.[0-9]*?)0+$"


# Any, here and below: pyarrow has no types of its own that mypy could see.
@dataclass
class ValueCounts:
    """All different values of a column that are not null; its memory is that of these values."""

    mode: Mode
    nans: int = 0
    _counted: dict[str, tuple[Any, I64]] = field(default_factory=dict)
    _waiting: dict[str, list[tuple[Any, I64]]] = field(default_factory=dict)
    _rows: int = 0

    def add(self, cells: Cells) -> None:
        """Count some more."""
        for part, values in self._parts(cells):
            if len(values):
                self.add_values(part, values, None)

    def add_values(self, part: str, values: Any, counts: I64 | None) -> None:
        """Count values of one part, of which each occurs `counts` times, or as often as it is there."""
        if counts is None:
            found = pc.value_counts(values)
            values, counts = found.field("values"), found.field("counts").to_numpy()
        self._waiting.setdefault(part, []).append((values, np.asarray(counts, np.int64)))
        self._rows += len(values)
        if self._rows > _WAITING:
            self._merge()

    @property
    def different(self) -> int:
        """How many there are; NaN is one."""
        return sum(len(values) for _, values, _ in self.parts()) + bool(self.nans)

    @property
    def total(self) -> int:
        """How many cells they are of."""
        return sum(int(counts.sum()) for _, _, counts in self.parts()) + self.nans

    def parts(self) -> Iterator[tuple[str, Any, I64]]:
        """Yield each part that has values: its name, the values and how often each occurs."""
        self._merge()
        yield from ((part, values, counts) for part, (values, counts) in self._counted.items())

    def missing_from(self, others: "ValueCounts") -> "ValueCounts":
        """Return what is not among the values of others; NaN never is a value to look for."""
        found = ValueCounts(self.mode)
        known = {part: values for part, values, _ in others.parts()}
        for part, values, counts in self.parts():
            if part in known:
                absent = ~np.asarray(
                    pc.is_in(values, known[part].cast(values.type)).to_numpy(zero_copy_only=False), bool
                )
                values, counts = values.filter(flags(absent)), counts[absent]
            if len(values):
                found.add_values(part, values, counts)
        return found

    def _merge(self) -> None:
        for part, waiting in self._waiting.items():
            known = [*waiting, self._counted[part]] if part in self._counted else waiting
            if len(known) == 1:
                self._counted[part] = known[0]
                continue
            table = pyarrow.table(
                {
                    "value": pyarrow.concat_arrays([values for values, _ in known]),
                    "count": integers(np.concatenate([counts for _, counts in known])),
                }
            )
            summed = table.group_by("value").aggregate([("count", "sum")]).combine_chunks()
            values, counts = summed.column("value").chunk(0), summed.column("count_sum").to_numpy()
            self._counted[part] = values, np.asarray(counts, np.int64)
        self._waiting = {}
        self._rows = 0

    def _parts(self, cells: Cells) -> Iterator[tuple[str, Any]]:
        if self.mode == "number":
            mask, values = cells.numbers
            yield from self._numbers(values)
            yield "text", _texts_of(cells, ~mask)
        elif self.mode == "time":
            mask, times = cells.times
            yield "time", numbers(times)
            yield "text", _texts_of(cells, ~mask)
        else:
            yield "text", written(cells)

    def _numbers(self, values: Values) -> Iterator[tuple[str, Any]]:
        whole, floats = split_whole(values)
        is_nan = np.isnan(floats)
        self.nans += int(is_nan.sum())
        yield "whole", numbers(whole)
        yield "float", numbers(floats[~is_nan])


def written(cells: Cells) -> Any:
    """Return cells as texts; of those that are typed in the way a text table would have them."""
    if cells.texts is not None:
        return cells.texts
    present = cells.present
    kind = present.type
    if pyarrow.types.is_floating(kind):
        whole, _ = split_whole(cells.numbers[1])
        if len(whole) == len(present):
            return numbers(whole).cast(pyarrow.large_string())
    encoded = pc.dictionary_encode(present) if _is_encodable(kind) else None
    values = encoded.dictionary if encoded is not None else present
    texts = pyarrow.array([cell_text(value) for value in cell_values(values)], pyarrow.large_string())
    if pyarrow.types.is_decimal(kind) or pyarrow.types.is_floating(kind):
        texts = pc.replace_substring_regex(texts, _TRAILING_ZEROS, r"\1")
        texts = pc.utf8_rtrim(texts, ".")
    return texts if encoded is None else texts.take(encoded.indices)


def known_counts(sketch: ColumnSketch, mode: Mode, *, is_text: bool) -> ValueCounts | None:
    """Return the values of a column as its profile knows them; None if it does not know all of them.

    Args:
        is_text: it is of a text table, whose numbers may be written in more than one way.
    """
    found = ValueCounts(mode)
    if sketch.kind in ("binary", "list") or sketch.numbers.infinities:
        return None
    if not _is_told(sketch, mode, is_text):
        return None
    if sketch.numbers.count:
        known = known_numbers(sketch)
        if known is None:
            return None
        found.nans = sketch.numbers.nans
        whole, floats = split_whole(known[0])
        # In the order of `split_whole`: first all that are whole.
        is_int = np.isin(known[0], whole) if len(floats) else np.ones(len(known[0]), bool)
        _put(found, "whole", numbers(whole), known[1][is_int])
        _put(found, "float", numbers(floats), known[1][~is_int])
    if sketch.times.count:
        if not sketch.times.ranks.is_exact:
            return None
        _put(found, "time", numbers(sketch.times.ranks.points), _own(sketch.times.ranks))
    if sketch.texts.count:
        texts = known_texts(sketch)
        if texts is None:
            return None
        _put(found, "text", texts.values, texts.counts)
    return found


def known_texts(sketch: ColumnSketch) -> Frequent | None:
    """Return all texts of a column, uncut; None if its profile does not know them."""
    texts = sketch.texts
    if not texts.frequent.is_complete or sketch.kind == "binary":
        return None
    if texts.count and int(texts.lengths.points[-1]) > MAX_TEXT:
        return None
    return texts.frequent


def part_text(part: str, value: object) -> str:
    """A value of a part for people; numbers without commas, as they stand in the data."""
    if part == "time" and isinstance(value, int):
        return moment_text(value)
    return shown(value) if isinstance(value, bool | str) else shown(value).replace(",", "")


def _is_told(sketch: ColumnSketch, mode: Mode, is_text: bool) -> bool:
    """Whether the profile keeps apart what this mode keeps apart."""
    if mode == "number":
        return not sketch.times.count
    if mode == "time":
        return not sketch.numbers.count
    return not sketch.times.count and not sketch.numbers.count


def known_numbers(sketch: ColumnSketch) -> tuple[Values, I64] | None:
    """Return all finite numbers of a column and their counts; None if its profile does not know them."""
    own = sketch.numbers
    if own.ranks.is_exact:
        return own.ranks.points, _own(own.ranks)
    if own.frequent.is_complete:
        return own.frequent.values.to_numpy(), own.frequent.counts
    return None


def _own(ranks: Ranks) -> I64:
    return np.asarray(ranks.upto - ranks.less, np.int64)


def _put(counts: ValueCounts, part: str, values: Any, own: I64) -> None:
    if len(values):
        counts.add_values(part, values, own)


def _texts_of(cells: Cells, mask: Any) -> Any:
    """The texts of a mask, or of cells of another type what they would be as such."""
    if not mask.any():
        return pyarrow.array([], pyarrow.large_string())
    return written(cells).filter(flags(mask))


def _is_encodable(kind: Any) -> bool:
    return not pyarrow.types.is_nested(kind)
