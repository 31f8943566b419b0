"""A few runs of `tests.crash.remote_faults`: most faults once, at a moment that a fixed seed chooses."""

import random

import pytest

from datav.storage import opening
from tests.crash.impatient import PATIENCE
from tests.crash.remote_faults import Plan, Stage, choose, plan, run


@pytest.fixture(scope="module")
def stage(tmp_path_factory, s3_server, gcs_server, directory_server):
    stage = Stage(
        tmp_path_factory.mktemp("stage"), {"s3": s3_server, "gcs": gcs_server, "directory": directory_server}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(opening.open_objects.__kwdefaults__, "patience", PATIENCE)
        yield stage
    stage.stop()


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        *(
            ("push", fault)
            for fault in ("reset", "drop_response", "blackhole", "corrupt", "kill", "kill server")
        ),
        *(("pull", fault) for fault in ("cut_down", "corrupt_down", "status", "refuse", "kill")),
        *(("gc", fault) for fault in ("cut", "kill")),
    ],
)
def test_after_a_fault_the_next_run_completes_and_all_is_sound(stage, tmp_path, command, fault):
    what = plan(random.Random(f"{command} {fault}"), command, fault)

    _, problems = run(stage, what, tmp_path)

    assert problems == [], str(what)


def test_a_body_that_is_changed_on_its_way_up_is_sent_again(stage, tmp_path):
    # moto stores what comes and asks no questions.
    rule = {"do": "corrupt", "match": "^PUT .*[.]pack", "after": 4_000, "nth": 1}
    what = Plan("s3", "push", "corrupt", is_first=True, jobs=1, rule=rule)

    status, problems = run(stage, what, tmp_path)

    assert (status, problems) == (0, [])
    put = [line for line in stage.proxies["s3"].log() if ".pack " in line and line.startswith("PUT ")]
    assert len(put) > len(set(put))


def test_a_run_is_what_its_seed_and_number_say():
    assert [choose(5, number, with_gc=True) for number in range(50)] == [
        choose(5, number, with_gc=True) for number in range(50)
    ]
