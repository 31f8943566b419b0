"""Sketches of random and of real columns say what is so, within their bounds; parts merge to the whole."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import csv

from datav.profiles.columns import ColumnSketch, merge_columns
from datav.profiles.encoding import encode_table, parse_table
from datav.profiles.profile import TableProfile
from datav.profiles.sketching import sketch_array, sketch_cells
from tests.support.randomarrays import Made, random_made
from tests.support.sameness import differences
from tests.support.shareddata import DATA, find_series
from tests.support.sketchtwin import (
    Leaf,
    check_distinct,
    check_leaf,
    check_numbers,
    check_texts,
    check_times,
    is_endless,
    leaves_of,
)

# In standard errors.  One of three hundred estimates is farther off; hashes and seeds are fixed, so
# that these tests always see the same ones, and none of them is.
FARTHEST = 3.0

SERIES = find_series()


def made_of(seed: int) -> tuple[Random, list[Made]]:
    """Return the columns of a random table."""
    rng = Random(seed)
    rows = rng.choice((0, 1, 2, 40, 700, 3000))
    return rng, [random_made(rng, rows) for _ in range(rng.choice((1, 4, 8)))]


def merge_randomly(rng: Random, parts: Sequence[ColumnSketch]) -> ColumnSketch:
    """Merge in any order, and some with what is merged already."""
    parts = list(parts)
    rng.shuffle(parts)
    while len(parts) > 1:
        count = rng.randint(2, len(parts))
        parts[:count] = [merge_columns(parts[:count], finer=rng.choice((1, 4)))]
        rng.shuffle(parts)
    return merge_columns(parts)


def cut_randomly(rng: Random, rows: int) -> list[tuple[int, int]]:
    cuts = sorted([0, rows, *(rng.randint(0, rows) for _ in range(rng.choice((1, 3, 9))))])
    return list(pairwise(cuts))


def assert_near(errors: Sequence[float | None]) -> None:
    """Assert that estimates are as good as HyperLogLog is."""
    inexact = [error for error in errors if error is not None]
    assert all(abs(error) < FARTHEST for error in inexact)
    if len(inexact) > 20:
        assert np.sqrt(np.mean(np.square(inexact))) < 1.5


@pytest.mark.parametrize("batch", range(20))
def test_random_columns_are_as_sketched(batch):
    errors = []
    for seed in range(10 * batch, 10 * batch + 10):
        _, columns = made_of(seed)
        for made in columns:
            sketches = list(sketch_array("x", made.array))
            leaves = list(leaves_of("x", made.tree, made.values))
            assert len(sketches) == len(leaves)
            errors += [check_leaf(*pair) for pair in zip(sketches, leaves, strict=True)]
    assert_near(errors)


@pytest.mark.parametrize("batch", range(20))
def test_parts_of_random_columns_merge_to_the_whole(batch):
    errors = []
    for seed in range(10 * batch, 10 * batch + 10):
        rng, columns = made_of(seed)
        for made in columns:
            cuts = cut_randomly(rng, len(made.values))
            parts = [list(sketch_array("x", made.array[start:end])) for start, end in cuts]
            for place, leaf in enumerate(leaves_of("x", made.tree, made.values)):
                merged = merge_randomly(rng, [part[place] for part in parts])
                if not _is_huge(leaf):
                    errors.append(check_leaf(merged, leaf))
    assert_near(errors)


def _is_huge(leaf: Leaf) -> bool:
    """Whether integers are floats in one part and none in another."""
    return leaf.kind == "number" and any(type(cell) is int and cell >= 2**63 for cell in leaf.cells if cell)


@pytest.mark.parametrize("batch", range(5))
def test_the_same_cells_are_the_same_bytes(batch):
    """Wherever they lie, and however they are sliced."""
    for seed in range(10 * batch, 10 * batch + 10):
        _, columns = made_of(seed)
        for made in columns:
            table = TableProfile(1, tuple(sketch_array("x", made.array)))
            again = pyarrow.concat_arrays([made.array.slice(0, 0), made.array])
            data = encode_table(table)
            assert encode_table(TableProfile(1, tuple(sketch_array("x", again)))) == data
            assert differences(parse_table(data, "x"), table) == []


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_rows_makes_no_difference(seed):
    rng, columns = made_of(seed)
    for made in columns:
        places = list(range(len(made.values)))
        rng.shuffle(places)
        try:
            shuffled = made.array.take(pyarrow.array(places, pyarrow.int64()))
        except pyarrow.ArrowNotImplementedError:
            continue
        found = [
            encode_table(TableProfile(1, tuple(sketch_array("x", each)))) for each in (made.array, shuffled)
        ]
        assert found[0] == found[1]


# ---------------------------------------------------------------- real tables


def read_columns(path: Any) -> list[tuple[str, str, list[bytes]]]:
    """Return the columns of a CSV: name, what it looks like, and cells."""
    options = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda _: "skip")
    table = csv.read_csv(path, parse_options=options)
    texts = csv.read_csv(
        path,
        parse_options=options,
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(table.column_names, pyarrow.binary()), strings_can_be_null=False
        ),
    )
    return [
        (name, _looks_like(kind.type), cells.to_pylist())
        for name, kind, cells in zip(table.column_names, table.columns, texts.columns, strict=True)
    ]


def _looks_like(kind: Any) -> str:
    if pyarrow.types.is_integer(kind):
        return "integer"
    if pyarrow.types.is_floating(kind):
        return "float"
    return "timestamp" if pyarrow.types.is_temporal(kind) else "text"


def check_cells(sketch: ColumnSketch, kind: str, cells: list[bytes]) -> float | None:
    """Assert that a sketch of a text column is right; what cannot be read as its kind is a text."""
    present = [cell.decode() for cell in cells if cell]
    read = {"integer": _read_number, "float": _read_number, "timestamp": _read_time}.get(kind)
    values = [None if read is None else read(text) for text in present]
    texts = [text for text, value in zip(present, values, strict=True) if value is None]
    found: list[Any] = [value for value in values if value is not None]
    assert (sketch.count, sketch.nulls) == (len(cells), len(cells) - len(present))
    assert sketch.texts.count == len(texts)
    if kind == "timestamp":
        check_times(sketch, found)
    else:
        check_numbers(sketch, found)
    check_texts(sketch, texts)
    return check_distinct(sketch, {*texts, *(value for value in found if not is_endless(value))})


def _read_number(text: str) -> float | int | None:
    try:
        return int(text) if text.isdigit() else float(text.strip(" \t"))
    except ValueError:
        return None


def _read_time(text: str) -> int | None:
    try:
        return int(np.datetime64(text.removesuffix("Z"), "us").astype(np.int64))
    except ValueError:
        return None


@pytest.mark.skipif(not SERIES, reason=f"no tables in {DATA}; DATAV_TEST_DATA names a folder")
@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
def test_columns_of_real_tables_are_as_sketched(series):
    rng, errors = Random(1), []
    for path in {series.versions[0], series.versions[-1]}:
        for name, kind, cells in read_columns(path):
            array = pyarrow.array(cells, pyarrow.large_binary())
            errors.append(check_cells(sketch_cells(name, kind, array), kind, cells))
            parts = [
                sketch_cells(name, kind, array[start:end]) for start, end in cut_randomly(rng, len(cells))
            ]
            errors.append(check_cells(merge_randomly(rng, parts), kind, cells))
    assert_near(errors)
