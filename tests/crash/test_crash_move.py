"""mv and rm, interrupted at a selection of their storage calls (O9)."""

from itertools import count

import pytest

from tests.crash.driver import Driver
from tests.crash.scenarios import SCENARIOS
from tests.crash.sweep import call_before, find_failures, interrupt_twice, prepare


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["mv-file", "mv-across", "mv-directory", "rm"])
def test_an_interrupted_command_loses_nothing_and_can_be_given_again(scenario):
    assert find_failures(scenario) == []


@pytest.mark.slow
def test_a_move_that_is_killed_and_then_loses_power_when_it_is_given_again_loses_nothing(tmp_path):
    (scenario,) = [scenario for scenario in SCENARIOS if scenario.name == "mv-across"]
    failures = {}
    with Driver() as driver:
        prepared = prepare(scenario, tmp_path / "scenario", driver)
        box = tmp_path / "box"
        tried = 0
        for first in count(1):
            call = call_before(prepared, driver, box, first)
            if call is None:
                break
            # Right after a name was given: nothing has made it durable yet.
            for second in count(1) if is_renaming(call) else ():
                problems = interrupt_twice(prepared, driver, box, first, second)
                if problems is None:
                    break
                tried += 1
                if problems:
                    failures[first, call, second] = problems
    assert tried > 20
    assert failures == {}


def is_renaming(call: str) -> bool:
    """Whether a call gives data or a manifest its name."""
    return "table.csv" in call and call.split()[1:2] in (["rename"], ["replace"])
