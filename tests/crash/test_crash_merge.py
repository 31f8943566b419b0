"""The merge driver, merge, resolve and what hooks place, interrupted at a few of their calls (O12 - O14)."""

import pytest

from tests.crash.sweep import find_failures

# The other modes and scenarios, and the same of directories, are for the command line (crash-tests.md):
# preparing a scenario takes seconds.
_MODES = ("EIO", "kill-after", "power-mixed")


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario",
    ["driver-table", "merge-rival", "resolve-part", "resolve-last", "place"],
)
def test_an_interrupted_merge_loses_nothing_and_can_be_given_again(scenario):
    assert find_failures(scenario, modes=_MODES, limit=1) == []
