"""How numbers are written for people."""

import pytest

from datav.report.profile_text import mean_text
from datav.report.style import percent, significant


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 4, "0"),
        (0.123456, 4, "0.1235"),
        (999.96, 4, "1000"),
        (1443.52, 4, "1,444"),
        (24999.5, 4, "25,000"),
        (-24999.4, 4, "-24,999"),
        (2025.5, 7, "2,025.5"),
        (2.5e-7, 4, "2.5e-07"),
        (1e15, 4, "1e+15"),
        (float("inf"), 4, "inf"),
    ],
)
def test_a_number_has_all_digits_before_its_point(value: float, digits: int, text: str):
    assert significant(value, digits) == text


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [(2025.5, 0.5, "2,025.5"), (8.2231, 11.9, "8.223"), (5.0, 0.0, "5"), (5.0, None, "5")],
)
def test_a_mean_has_as_many_digits_as_its_deviation_asks_for(mean: float, deviation: float | None, text: str):
    assert mean_text(mean, deviation) == text


def test_more_than_all_is_no_99_percent():
    assert [percent(share) for share in (0.98, 0.9996, 1, 1.3377, 9.345)] == [
        "98 %",
        "99.9 %",
        "100 %",
        "133.8 %",
        "934.5 %",
    ]
