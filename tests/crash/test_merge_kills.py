"""A few runs of `tests.crash.merge_kills`: each command killed once, at a moment that its number chooses."""

import pytest

from tests.crash.merge_kills import COMMANDS, choose, opened_stage, run

# One process builds the stage.
pytestmark = pytest.mark.xdist_group("merge kills")

# Starting Python takes the first part of the time; where data is written comes late.
_SHARES = (0.5, 0.9, 0.7)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with opened_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_whatever_is_killed_nothing_is_lost_and_the_next_commands_finish_it(stage, tmp_path, number):
    command, share = COMMANDS[number], _SHARES[number % len(_SHARES)]

    assert run(stage, command, share, tmp_path / "run").problems == []


def test_a_run_is_what_its_seed_and_number_say():
    assert [choose(5, number) for number in range(50)] == [choose(5, number) for number in range(50)]
    assert {command for command, _ in (choose(5, number) for number in range(50))} == set(COMMANDS)
