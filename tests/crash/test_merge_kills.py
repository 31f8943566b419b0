"""A few runs of `tests.crash.merge_kills`: some commands killed once, late in their work."""

import pytest

from tests.crash.merge_kills import COMMANDS, choose, opened_stage, run

# One process builds the stage.
pytestmark = pytest.mark.xdist_group("merge kills")

# Those that write most; each takes ten seconds.  The others are for the command line (crash-tests.md).
_KILLED = {"git merge to conflicts": 0.7, "merge": 0.9, "resolve a table": 0.8}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with opened_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.mark.slow
@pytest.mark.parametrize("name", _KILLED)
def test_whatever_is_killed_nothing_is_lost_and_the_next_commands_finish_it(stage, tmp_path, name):
    (command,) = (command for command in COMMANDS if command.name == name)

    assert run(stage, command, _KILLED[name], tmp_path / "run").problems == []


def test_a_run_is_what_its_seed_and_number_say():
    assert [choose(5, number) for number in range(50)] == [choose(5, number) for number in range(50)]
    assert {command for command, _ in (choose(5, number) for number in range(50))} == set(COMMANDS)
