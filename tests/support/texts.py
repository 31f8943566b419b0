"""Texts as versions of a table, and what the csv module reads in them."""

import csv
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Literal

from datav.storage.scratch import Scratch
from datav.tables.compare import compare
from datav.tables.dialect import HEAD_SIZE, TextDialect, text_dialect
from datav.tables.options import DiffOptions
from datav.tables.result import RowChange, TableDiff
from datav.tables.shared import Gap, Shared
from datav.tables.text import TextVersion
from datav.tables.version import TableVersion, View
from tests.support.comparing import BytesSource


def text_version(
    data: bytes, dialect: TextDialect | None = None, *, has_header: bool = True, name: str = "a.csv"
) -> TextVersion:
    """Return a text as a table, by default in the dialect that its head shows."""
    dialect = dialect or text_dialect(name, data[:HEAD_SIZE])
    assert dialect is not None, data
    return TextVersion(BytesSource(data), dialect, has_header=has_header)


def comma_dialect(header: Sequence[str], *, quoting: bool = True, delimiter: str = ",") -> TextDialect:
    return TextDialect("csv", delimiter, "utf-8", quoting, tuple(header))


def csv_records(data: bytes, dialect: TextDialect) -> list[list[bytes]]:
    """Return the records of a text, the header first; blank lines left out."""
    # Latin-1: every byte is a character, so that bytes which are no UTF-8 come back as they were.
    text = data[dialect.bom_size :].decode("latin-1")
    rules: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, quoting=rules)
    return [[cell.encode("latin-1") for cell in record] for record in filter(None, reader)]


def all_columns(version: TextVersion, key: tuple[int, ...] = ()) -> View:
    width = len(version.columns)
    return View(tuple(range(width)), key, (None,) * width)


def exact_gap(before: bytes, after: bytes) -> list[Gap]:
    """Return the one smallest gap between two texts; none if they are the same."""
    if before == after:
        return []
    least = min(len(before), len(after))
    front = next((at for at in range(least) if before[at] != after[at]), least)
    back = next((at for at in range(least - front) if before[-1 - at] != after[-1 - at]), least - front)
    return [Gap(front, len(before) - back, front, len(after) - back)]


def edit_bytes(
    rng: Random, data: bytes, pieces: Sequence[bytes], most: int, first: int = 0
) -> tuple[bytes, list[Gap]]:
    """Return a text with a few edits from `first` on, and the gaps they leave, small ones or larger.

    Args:
        pieces: what is put in.
        most: edits.
    """
    places = sorted(rng.sample(range(first, len(data) + 1), min(most, len(data) + 1 - first)))
    parts, gaps, done, length = [], [], 0, 0
    for place in places:
        margin = [rng.choice((0, 0, 1, 7)) for _ in range(2)]
        start = max(place - margin[0], done + 1 if gaps else 0)
        end = min(place + rng.choice((0, 0, 1, 5)), len(data))
        if start > place:
            continue
        new = data[start:place] + rng.choice(pieces)
        stop = min(end + margin[1], len(data))
        new += data[end:stop]
        if not new and stop == start:
            continue
        parts += [data[done:start], new]
        length += start - done
        gaps.append(Gap(start, stop, length, length + len(new)))
        length += len(new)
        done = stop
    return b"".join([*parts, data[done:]]), gaps


def compare_all(
    before: TableVersion, after: TableVersion, options: DiffOptions, shared: Shared | None = None
) -> tuple[TableDiff, list[RowChange]]:
    """Compare two versions and read all changes."""
    with Scratch() as scratch, ThreadPoolExecutor(2) as executor:
        found = compare(before, after, options, scratch=scratch, executor=executor, shared=shared)
        return found, list(found.rows.changes()) if found.rows is not None else []
