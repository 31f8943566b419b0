"""Cells by value: texts that mean the same become the same text.

`1`, `1.0`, `+1` and `1e0` are one number, `True` and `true` one truth value, `2024-01-02 03:04:05Z` and
`2024-01-02T04:04:05+01:00` one instant.  What a number would not keep, such as the leading zeros of a code,
stays text, as it does for the types of columns (celltypes.py).  Used where the text of cells is not to count,
and where tables of different formats are compared.
"""

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc

from datav.formats.manifest import ColumnInfo
from datav.tables.celltypes import cell_type
from datav.tables.cellvalues import cell_text, cell_values
from datav.tables.hashing import fingerprint
from datav.tables.version import U64, Prints, TableVersion, View

_OFFSET = re.compile(r"([+-]\d\d):?(\d\d)?\Z")
_FRACTION = re.compile(r"\.\d+")
_TO_SECONDS = len("2024-01-02T03:04:05")
# More digits than that nobody means; `1e999999999` would take gigabytes to write out.
_LARGEST_EXPONENT = 400


def canonical_text(cell: str) -> str:
    """Return the one text for all cells that mean what `cell` means."""
    match cell_type(cell):
        case "integer" | "float":
            return _canonical_number(cell)
        case "boolean":
            return cell.lower()
        case "timestamp":
            return _canonical_time(cell)
    return cell


def _canonical_number(cell: str) -> str:
    try:
        number = Decimal(cell)
    except InvalidOperation:
        # An exponent of twenty digits: the text is all there is.
        return cell
    if not number.is_finite():
        return str(number.copy_abs() if number.is_nan() else number).lower()
    if not number:
        return "0"
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        return str(_without_zeros(number)).lower()
    return format(_without_zeros(number), "f")


def _without_zeros(number: Decimal) -> Decimal:
    # Not normalize(), which rounds to the precision of a context.
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    kept = len(digits)
    while kept > 1 and digits[kept - 1] == 0:
        kept -= 1
    return Decimal((sign, digits[:kept], exponent + len(digits) - kept))


def _canonical_time(cell: str) -> str:
    text = cell.replace(",", ".").replace(" ", "T", 1)
    text = _OFFSET.sub(lambda found: f"{found[1]}:{found[2] or '00'}", text)
    # Python keeps six digits of a fraction and forgets the others.
    fraction = _FRACTION.search(text)
    try:
        moment = datetime.fromisoformat(_FRACTION.sub("", text))
    except ValueError:
        # A leap second, the 30th of February: the text is all there is.
        return cell
    if moment.tzinfo is not None:
        with suppress(OverflowError):  # The first and the last day of the calendar keep their offset.
            moment = moment.astimezone(UTC)
    whole = moment.isoformat()
    digits = fraction[0].rstrip("0").rstrip(".") if fraction else ""
    return whole[:_TO_SECONDS] + digits + whole[_TO_SECONDS:]


def canonical_cells(cells: Any) -> Any:
    """Return a column as canonical texts, nulls as empty ones.

    Args:
        cells: a pyarrow.Array or ChunkedArray of any type.

    Cost: a microsecond or two for each different cell.
    """
    if isinstance(cells, pyarrow.ChunkedArray):
        cells = cells.combine_chunks()
    if isinstance(cells, pyarrow.ChunkedArray):
        cells = pyarrow.concat_arrays(cells.chunks)
    try:
        encoded = cells if pyarrow.types.is_dictionary(cells.type) else pc.dictionary_encode(cells)
        kinds, places = encoded.dictionary, encoded.indices
    except (pyarrow.ArrowNotImplementedError, pyarrow.ArrowInvalid):
        kinds, places = cells, pyarrow.array(range(len(cells)), pyarrow.int64())
    values = _short_floats(kinds) if _is_short_float(kinds.type) else cell_values(kinds)
    texts = [b"" if value is None else canonical_text(_text(value)).encode() for value in values]
    found = pyarrow.array(texts, pyarrow.large_binary()).take(places)
    return pc.fill_null(found, b"")


def meant_cells(cells: Any, form: str) -> Any:
    """As canonical_cells, of a version of that format: a string of JSON is the text that it stands for."""
    return canonical_cells(plain_strings(cells) if form == "jsonl" else cells)


def plain_strings(cells: Any) -> Any:
    """Return cells of JSON Lines (jsonl.py) with the strings among them that are in JSON as plain text.

    Args:
        cells: a pyarrow.Array or ChunkedArray of `large_binary`.
    """
    # A string that begins with a quote is always in JSON itself.
    if not pc.any(pc.starts_with(cells, b'"')).as_py():
        return cells
    encoded = pc.dictionary_encode(
        cells.combine_chunks() if isinstance(cells, pyarrow.ChunkedArray) else cells
    )
    if isinstance(encoded, pyarrow.ChunkedArray):
        encoded = encoded.combine_chunks()
    texts = [_plain_string(cell) for cell in encoded.dictionary.to_pylist()]
    return pyarrow.array(texts, pyarrow.large_binary()).take(encoded.indices)


def _plain_string(cell: bytes) -> bytes:
    if not cell.startswith(b'"'):
        return cell
    text: str = json.loads(cell)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a character, which only JSON can spell.
        return cell


def _is_short_float(kind: Any) -> bool:
    return bool(pyarrow.types.is_float32(kind) or pyarrow.types.is_float16(kind))


def _short_floats(cells: Any) -> list[object]:
    """The shortest texts that are read back as the same floats of their width: 0.1, not 0.10000000149."""
    width = np.float32 if pyarrow.types.is_float32(cells.type) else np.float16
    return [None if value is None else str(width(value)) for value in cells.to_pylist()]


def _text(value: object) -> str:
    """A cell's value as a CSV would have it; what is nested as cells of JSON Lines are."""
    if not isinstance(value, dict | list):
        return cell_text(value)
    compact = (",", ":")
    return json.dumps(value, ensure_ascii=False, separators=compact, default=cell_text, sort_keys=True)


class CanonicalVersion:
    """A version some of whose columns are compared by value.

    Args:
        by_value: indices of those columns.
    """

    def __init__(self, version: TableVersion, by_value: Sequence[int]) -> None:
        self.plain = version
        self.by_value = frozenset(by_value)

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        return self.plain.columns

    @property
    def format(self) -> str:
        return self.plain.format

    @property
    def types(self) -> tuple[Any, ...]:
        return tuple(
            pyarrow.large_binary() if number in self.by_value else kind
            for number, kind in enumerate(self.plain.types)
        )

    @property
    def row_count(self) -> int | None:
        return self.plain.row_count

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        own = self.plain.types
        plain = View(view.columns[:1], (), tuple(own[column] for column in view.columns[:1]))
        for prints in self.plain.scan(plain, seed, executor):
            table = self.take(prints.places, view.columns, view.types)
            keys, rows = fingerprint(table.columns, view.key, len(table), seed)
            yield Prints(prints.places, keys, rows)

    def take(self, places: U64, columns: Sequence[int], types: Sequence[Any]) -> pyarrow.Table:
        own = self.plain.types
        asked = [own[n] if n in self.by_value else kind for n, kind in zip(columns, types, strict=True)]
        table = self.plain.take(places, columns, asked)
        cells = [
            meant_cells(table.column(at), self.format) if number in self.by_value else table.column(at)
            for at, number in enumerate(columns)
        ]
        return pyarrow.Table.from_arrays(cells, names=table.column_names)
