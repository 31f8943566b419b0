"""Delimited text, segment by segment: what its columns are taken for, and the sketches of a segment."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from datav.errors import TableError
from datav.ids import Buffer
from datav.profiles.labelling import group_by_label
from datav.profiles.profile import TableProfile
from datav.profiles.sketching import sketch_cells
from datav.tables.celltypes import cell_type
from datav.tables.text import TextVersion

_HEAD = 2**18
_ROWS_SAMPLED = 1000
_CELLS_SAMPLED = 100_000

# A few cells that say `N/A` make no text of a column of numbers; they are its texts.
_MOST_CELLS = 0.9

# Digits that a number would lose, such as those of a postcode; a few may be mistakes.
_CODE = re.compile(rb"[+-]?0[0-9]+")
_FEWEST_CODES = 0.01

_NOWHERE = -2

_WIDER = {"integer": "float", "date": "timestamp"}


class Section(NamedTuple):
    """The records that begin in a segment."""

    begin: int
    """Where the first of them begins."""
    end: int
    """Where the last of them ends."""
    rows: int
    table: TableProfile | Buffer
    """As bytes where it is remembered."""
    name: bytes | None = None
    """By which it is remembered."""


def guess_kinds(version: TextVersion) -> tuple[str, ...]:
    """Return what each column is taken for, by what most of its first cells look like.

    Cost: at most some MiB are read.
    """
    size = _HEAD
    while True:
        end = min(version.body + size, version.source.size)
        found = version.records_in(version.body, end)
        if len(found.starts) > _ROWS_SAMPLED or end == version.source.size or size >= 16 * _HEAD:
            break
        size *= 4
    rows = max(10, min(_ROWS_SAMPLED, _CELLS_SAMPLED // max(1, len(version.columns))))
    stop = int(found.starts[rows]) if len(found.starts) > rows else found.end
    _, cells = version.cells_between(found.begin, stop)
    return tuple(map(_guess, cells))


def _guess(cells: Any) -> str:
    sampled = [cell for cell in cells.slice(0, _ROWS_SAMPLED).to_pylist() if cell]
    seen = Counter(cell_type(cell.decode("utf-8", "replace")) for cell in sampled)
    total = sum(seen.values())
    if not total:
        return "text"
    codes = sum(_CODE.fullmatch(cell) is not None for cell in sampled)
    if codes >= _FEWEST_CODES * total:
        return "text"
    for narrow, wide in _WIDER.items():
        if seen[narrow] + seen[wide] >= _MOST_CELLS * total:
            return wide if seen[wide] else narrow
    # Every one: what is written `no` or `?` beside them is a category as they are.
    return "boolean" if seen["boolean"] == total else "text"


def context_of(version: TextVersion, kinds: tuple[str, ...], label: str | None) -> bytes:
    """Return all that a section follows from beside its bytes."""
    dialect = version.dialect
    names = [column.name for column in version.columns]
    return json.dumps([dialect.delimiter, dialect.quoting, names, kinds, label]).encode()


def sketch_section(
    version: TextVersion,
    kinds: tuple[str, ...],
    label: str | None,
    start: int,
    end: int,
    begin: int | None = None,
) -> Section:
    """Return the sketches of the records that begin from `start` to `end`.

    Args:
        begin: where the first of them begins; None: behind the first line end from `start - 1` on.

    Returns:
        A section that begins nowhere if there is no telling without knowing `begin`.

    Raises:
        TableError: a record is not as wide as the header.
    """
    found = version.records_in(start, end, begin)
    if found.ragged is not None:
        if begin is None and start > version.body:
            return Section(_NOWHERE, _NOWHERE, 0, TableProfile(0, ()))
        raise version.uneven(*found.ragged)
    count, cells = version.cells_between(found.begin, found.end) if len(found.starts) else (0, [])
    if count != len(found.starts):
        raise TableError(
            f"{len(found.starts)} records were found before and {count} now: the file has changed"
        )
    return Section(found.begin, found.end, count, sketch(version, kinds, label, count, cells))


def sketch(
    version: TextVersion, kinds: tuple[str, ...], label: str | None, count: int, cells: Sequence[Any]
) -> TableProfile:
    """Return the sketches of the cells of some records, column by column."""
    if not cells:
        return TableProfile(0, ())
    names = [column.name for column in version.columns]
    columns = tuple(map(sketch_cells, names, kinds, cells))
    return TableProfile(count, columns, group_by_label(label, zip(names, cells, strict=True)))
