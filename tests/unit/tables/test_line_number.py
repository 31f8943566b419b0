"""datav.tables.source.line_number: where people look for a place."""

import re

import pytest

from datav.tables import source
from datav.tables.source import line_number
from tests.support.comparing import BytesSource

TEXT = b"a\n\nbc\r\nd\r\re\r\n\r\n\nf"


@pytest.mark.parametrize("block", [1, 2, 3, 5, 100])
def test_lines_are_counted_from_one_whatever_ends_them_and_wherever_reading_is_cut(monkeypatch, block):
    monkeypatch.setattr(source, "_BLOCK", block)
    starts = [0, *(found.end() for found in re.finditer(rb"\r\n|\r|\n", TEXT))]

    assert [line_number(BytesSource(TEXT), place) for place in starts] == list(range(1, len(starts) + 1))
