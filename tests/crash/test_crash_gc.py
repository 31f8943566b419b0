"""gc, interrupted at a selection of its storage calls (O5, O6)."""

import pytest

from tests.crash.sweep import find_failures


@pytest.mark.slow
def test_an_interrupted_collection_loses_nothing_and_can_be_given_again():
    assert find_failures("gc") == []
