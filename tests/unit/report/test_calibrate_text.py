"""What the terminal says of limits that were learned."""

from datav.formats.limits import Limits, Measured, Unusual
from datav.relpath import RelPath
from datav.repo.calibrate import Calibrated, Calibration
from datav.report.calibrate import calibrate_text
from datav.report.style import PLAIN

OLD, NEW = "a" * 40, "b" * 40


def unusual(column: str, measure: str, value: float, commit: str = OLD) -> Unusual:
    return Unusual("b3:1", "b3:2", commit, Measured(column, measure), value)


def told(*moves: Unusual, is_new: bool = True) -> list[str]:
    limits = Limits(9, 9, 40, OLD, NEW, unusual=moves)
    learned = Calibrated(RelPath(b"x.csv"), RelPath(b"x.csv.datav.limits"), limits, is_new, 0, 6.3, False)
    return calibrate_text(Calibration((learned,)), PLAIN).splitlines()


def test_what_is_unusual_has_a_line_for_each_column_of_a_version_the_last_one_first():
    lines = told(
        unusual("size", "cells changed", 0.998),
        unusual("size", "psi", 0.5),
        unusual("price", "mean", 2.25, NEW),
    )

    assert lines[2:] == [
        "  unusual, and not learned from: price at bbbbbbbbbb: mean 2.25",
        "  unusual, and not learned from: size at aaaaaaaaaa: cells changed 99.8 %, psi 0.5",
        "next: `git add x.csv.datav.limits`, and commit it with the data",
    ]


def test_many_unusual_columns_are_counted():
    lines = told(*(unusual(f"c{n}", "psi", 1.5) for n in range(7)), is_new=False)

    assert lines[-1] == "  and 2 more"
    assert len(lines) == 8


def test_no_name_in_data_begins_a_line():
    assert all(line.isprintable() for line in told(unusual("a\n::error::\x1b[31m", "psi", 1.5)))
