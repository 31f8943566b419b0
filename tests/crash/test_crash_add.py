"""init and add, interrupted at a selection of their storage calls (O1 - O4, O8)."""

import pytest

from tests.crash.sweep import find_failures


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["init", "add-first", "add-changed", "add-merging"])
def test_an_interrupted_command_loses_nothing_and_can_be_given_again(scenario):
    assert find_failures(scenario) == []
