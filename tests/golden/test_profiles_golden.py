"""Profiles of version 1 as they were first written: read for ever, and written so again."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datav.profiles.encoding import encode_profile, encode_table, parse_profile, parse_table
from tests.golden import make_profiles
from tests.support.sameness import differences

FOLDER = Path(__file__).parent / "profiles"


def golden(name: str) -> bytes:
    return (FOLDER / f"{name}.profile").read_bytes()


@pytest.mark.parametrize("name", ["dataset", "empty"])
def test_a_profile_is_written_so(name):
    assert encode_profile(parse_profile(golden(name), name)) == golden(name)


def test_the_profile_of_a_table_is_written_so():
    assert encode_table(parse_table(golden("table"), "table")) == golden("table")


def test_a_table_is_read():
    table = parse_table(golden("table"), "table")

    assert table.rows == 304
    assert [column.name for column in table.columns] == ["id", "price", "Größe\udcff", "when", ""]
    assert [column.kind for column in table.columns] == ["number", "number", "number", "time", "empty"]
    whole, price, real, when, _ = table.columns
    assert whole.numbers.ranks.points.tolist() == [-(2**63), -1, 0, 2**63 - 1]
    assert whole.distinct.hashes.tolist() == [0, 5, 2**64 - 1]
    assert price.numbers.ranks.points.tolist() == [-1.25, 0.1, 3.0, 70000.01]
    assert price.numbers.ranks.less.tolist() == [0, 1, 303, 70304]
    assert price.numbers.ranks.upto.tolist() == [1, 3, 304, 70305]
    assert (price.numbers.ranks.error, price.numbers.mean, price.numbers.count) == (12, 1e-7, 70314)
    assert price.distinct.registers.tolist() == [7 * place % 54 for place in range(4096)]
    assert real.numbers.ranks.points.tolist() == [-1e308, 0.0, 1 / 3]
    assert when.texts.frequent.values.to_pylist() == ["ä\n", "", "x" * 300]
    assert when.times.days.counts.tolist() == [5, 2]
    assert table.groups.labels == ("", "ä", None)
    assert table.groups.columns[0].counts.tolist() == [[1, 0, 300], [0, 2, 0], [1, 0, 0]]


def test_a_directory_is_read():
    folder = parse_profile(golden("dataset"), "dataset").folder

    assert (folder.files, folder.total, folder.no_table) == (4, 2**70, "columns differ")
    assert folder.images.examples == ("a/broken\udcfe.png",)
    assert folder.images.dimensions.values.to_pylist() == ["640x479", "640x480"]
    assert [each.extension for each in folder.extensions] == [".png", ""]


@pytest.mark.parametrize("name", ["table", "dataset", "empty"])
def test_what_was_written_is_what_is_read(name):
    parse = parse_table if name == "table" else parse_profile
    made = make_profiles.profiles()[f"{name}.profile"]

    assert differences(parse(golden(name), name), parse(made, name)) == []


def test_the_arrays_read_are_of_64_bits():
    numbers = parse_table(golden("table"), "table").columns[1].numbers

    assert {numbers.ranks.less.dtype, numbers.frequent.counts.dtype} == {np.dtype(np.int64)}
    assert numbers.ranks.points.dtype == np.float64


def test_golden_files_are_not_made_again():
    done = subprocess.run([sys.executable, "-m", "tests.golden.make_profiles"], capture_output=True)
    assert done.returncode == 1
