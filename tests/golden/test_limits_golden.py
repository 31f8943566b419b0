"""Files of limits as they were first written: readable for ever, and written so again.

The files are never regenerated: a change that breaks this test breaks the format.
"""

from pathlib import Path

import pytest

from datav.formats.limits import Habit, Limits, Measured, Unusual, encode_limits, parse_limits

HERE = Path(__file__).parent / "limits"

COMMITS = ["16d4ec303eaeca3679ca92605b8d2a76daad8360", "fbc4a7441d65c3d35a69c583383069eb820ccd54"]

LIMITS = {
    "nothing.limits": Limits(2, 0, 40, COMMITS[0], COMMITS[1]),
    "learned.limits": Limits(
        steps=29,
        row_steps=12,
        measures=158,
        first=COMMITS[0],
        last="",
        younger={"code": 7, 'a "b"\n\x1b\u202e': 3},
        habits={
            Measured(None, "rows lost"): Habit(0.0125, COMMITS[0]),
            Measured("id", "ks", 16): Habit(1e-12, COMMITS[1]),
            Measured("id", "ks", 4): Habit(123500.0, COMMITS[1]),
            Measured("", "nulls"): Habit(3.0, COMMITS[1]),
            Measured('a "b"\n\x1b\u202e', "read as numbers"): Habit(1.0, ""),
        },
        unusual=(
            Unusual("b3:" + "0a" * 32, "b3:" + "1b" * 32, COMMITS[1], Measured("id", "mean", 1), 2.5),
            Unusual("b3:" + "0a" * 32, "b3:" + "1b" * 32, COMMITS[1], Measured(None, "rows gained"), 1e300),
        ),
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_golden_file_is_read_and_written_so_again(name):
    data = (HERE / name).read_bytes()
    limits = LIMITS[name]
    assert encode_limits(limits) == data
    assert encode_limits(parse_limits(data, name)) == data
    read = parse_limits(data, name)
    assert (read.steps, read.row_steps, read.measures) == (limits.steps, limits.row_steps, limits.measures)
    assert read.habits == limits.habits
    assert read.younger == limits.younger
    assert sorted(read.unusual, key=str) == sorted(limits.unusual, key=str)


def test_no_golden_file_is_without_a_test():
    assert {path.name for path in HERE.iterdir()} == set(LIMITS)
