"""Tolerances as users write them."""

import pytest

from datav.errors import UsageError
from datav.repo.tolerances import parse_tolerances
from datav.tables.options import Tolerance


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], {}),
        (["0.01"], {"": Tolerance(absolute=0.01)}),
        (["1%"], {"": Tolerance(relative=0.01)}),
        (["price=0.5", "1e-3"], {"price": Tolerance(absolute=0.5), "": Tolerance(absolute=0.001)}),
        (["price=0.5", "price=10%"], {"price": Tolerance(0.5, 0.1)}),
        (["a=b=2"], {"a=b": Tolerance(absolute=2.0)}),
    ],
)
def test_a_number_or_a_share_for_all_columns_or_one(texts, found):
    assert parse_tolerances(texts) == found


@pytest.mark.parametrize("text", ["", "x", "-1", "-1%", "nan", "inf", "price=", "%", "price=x%"])
def test_what_is_no_tolerance_is_refused(text):
    with pytest.raises(UsageError):
        parse_tolerances([text])
