"""The simulator itself: one that loses nothing would prove nothing."""

import signal

import pytest

from tests.crash.driver import Driver
from tests.crash.faults import Fault
from tests.crash.scenarios import SCENARIOS
from tests.crash.sweep import find_failures

AT_THE_END = 10**9


@pytest.fixture(scope="module")
def driver():
    with Driver() as driver:
        yield driver


@pytest.fixture
def box(tmp_path):
    box = tmp_path / "box"
    (box / "empty").mkdir(parents=True)
    (box / "a").write_bytes(b"old")
    (box / "b").write_bytes(b"b")
    return box


def _call(driver, box, name, *arguments, fault):
    return driver.call(f"tests.crash.samples:{name}", *arguments, root=box, fault=fault)


@pytest.mark.parametrize(
    ("sync_file", "sync_directory", "mode", "left"),
    [
        (False, False, "power", b"old"),
        (True, False, "power", b"old"),
        (False, True, "power", b""),
        (True, True, "power", b"new"),
        (False, False, "power-names", b"old"),
        (False, False, "power-data", b""),
        (True, False, "power-data", b"new"),
    ],
)
def test_what_was_not_synced_is_lost(driver, box, sync_file, sync_directory, mode, left):
    done = _call(driver, box, "write_and_rename", sync_file, sync_directory, fault=Fault(mode, AT_THE_END))

    assert done.status == -signal.SIGKILL
    assert (box / "a").read_bytes() == left


def test_names_that_were_not_synced_are_as_before(driver, box):
    _call(driver, box, "change_names", fault=Fault("power", AT_THE_END))

    assert sorted(path.name for path in box.iterdir()) == ["a", "b", "empty"]


def test_room_that_was_reserved_reads_as_zeros(driver, box):
    _call(driver, box, "reserve_room", fault=Fault("power-data", AT_THE_END))

    assert (box / "a").read_bytes() == b"old".ljust(10, b"\0")


def test_what_a_killed_process_had_not_synced_is_lost_with_the_next(driver, box, tmp_path):
    kept = str(tmp_path / "kept")
    killed = Fault("kill-after", 3, keep=kept)
    _call(driver, box, "write_and_rename", False, False, fault=killed)
    assert (box / "a").read_bytes() == b"new"

    _call(driver, box, "change_names", fault=Fault("power", AT_THE_END, inherit=kept))

    assert (box / "a").read_bytes() == b"old"


@pytest.mark.parametrize(("mode", "left"), [("kill", b"one"), ("kill-after", b"onetwo"), ("torn", b"onet")])
def test_a_kill_comes_before_after_or_within_a_write(driver, box, mode, left):
    done = _call(driver, box, "write_twice", fault=Fault(mode, 3))

    assert done.status == -signal.SIGKILL
    assert (box / "a").read_bytes() == left


@pytest.mark.parametrize(
    ("mode", "left"), [("ENOSPC", b"two"), ("full", b""), ("dead", b""), ("short", b"otwo")]
)
def test_a_call_fails_once_or_from_then_on(driver, box, mode, left):
    done = _call(driver, box, "write_twice", fault=Fault(mode, 2))

    assert (done.status, done.happened) == (0, True)
    assert (box / "a").read_bytes() == left


def test_calls_are_counted_and_named(driver, box):
    done = _call(driver, box, "change_names", fault=Fault())

    assert [line.split()[1] for line in done.calls] == ["unlink", "mkdir", "rmdir", "symlink", "rename"]
    assert not done.happened


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "mode", "limit"),
    [("add-first", "power", 2), ("add-changed", "power", 2), ("gc", "power-mixed", 20)],
)
def test_a_command_whose_syncs_do_nothing_is_found_out(scenario, mode, limit):
    assert find_failures(scenario, modes=[mode], limit=limit, is_deaf=True) != []


def test_every_scenario_has_its_own_name():
    names = [scenario.name for scenario in SCENARIOS]

    assert len(names) == len(set(names))
