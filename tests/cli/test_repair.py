"""verify, repair and drop as a user runs them, with a remote in a directory."""

import pytest

from tests.support.datasets import random_bytes
from tests.unit.store.stores import flip


@pytest.fixture
def pushed(data, tmp_path):
    """The two versions, pushed to `origin`."""
    data.ok("remote", "add", "origin", str(tmp_path / "remote"))
    data.repo.commit("a remote")
    data.ok("push")
    return data


def spoil(directory) -> None:
    for path in directory.iterdir():
        path.chmod(0o644)
        flip(path, 16 + 20)


def test_repair_of_a_sound_store_has_nothing_to_do(pushed):
    assert pushed.ok("repair").lines[0] == "nothing in the store is damaged"
    assert pushed.ok("repair", "--json").json["ok"] is True


def test_repair_says_what_it_saved_and_from_where(pushed):
    spoil(pushed.repo.path(".git/datav/store/packs"))
    assert "`datav repair`" in pushed("verify").out

    done = pushed.ok("repair")

    assert "fetched from origin" in done.out
    pushed.ok("verify")


def test_repair_exits_with_1_and_names_what_is_lost(data):
    commit = data.repo.rev("HEAD~1")
    spoil(data.repo.path(".git/datav/store/packs"))
    data.repo.path("a.csv").unlink()

    done = data("repair", "--json")

    assert done.status == 1
    assert done.json["lost"]
    assert {item["commit"] for item in done.json["lost"]} <= {commit, data.repo.rev("HEAD")}
    assert data("repair").status == 1


def test_a_dry_run_of_repair_says_that_nothing_was_changed(data):
    spoil(data.repo.path(".git/datav/store/packs"))

    assert "nothing was changed" in data("repair", "--dry-run").out


def test_verify_of_a_remote_finds_damage_there_and_repair_mends_it(pushed, tmp_path):
    assert pushed.ok("verify", "--remote", "origin", "--json").json["remote"] == "origin"
    spoil(tmp_path / "remote/packs")

    damaged = pushed("verify", "--remote", "origin")

    assert damaged.status == 1
    assert "`datav repair --remote origin`" in damaged.out
    assert "sent from here" in pushed.ok("repair", "--remote", "origin").out
    assert "sound" in pushed.ok("verify", "--remote", "origin").lines[-1]


def test_repair_takes_one_remote(pushed):
    assert "--from" in pushed.fails("repair", "--remote", "origin", "--from", "origin").err


@pytest.fixture
def large(pushed):
    """With a file that takes more than all profiles, which stay."""
    pushed.repo.write("large.bin", random_bytes(100_000))
    pushed.ok("add", "large.bin")
    pushed.repo.commit("large")
    pushed.ok("push")
    return pushed


def test_drop_says_what_it_freed_and_pull_brings_it_back(large):
    done = large.ok("drop", "large.bin", "a.csv")

    assert "origin has 3 versions of a.csv, large.bin; freed 100" in done.out
    assert "clean" in large.ok("status").out
    large.ok("verify")
    large.repo.path("large.bin").unlink()
    assert "missing" in large("status").out
    large.ok("pull")
    assert large.repo.read("large.bin") == random_bytes(100_000)


def test_drop_of_what_was_not_pushed_is_refused(pushed):
    pushed.repo.write("a.csv", b"id,v\n3,z\n")
    pushed.ok("add", "a.csv")
    pushed.repo.commit("third")

    assert "`datav push" in pushed.fails("drop", "a.csv").err


def test_a_dry_run_of_drop_as_json(large):
    document = large.ok("drop", "--dry-run", "large.bin", "--json").json

    assert (document["dry_run"], document["versions"], document["datasets"]) == (True, 1, ["large.bin"])
    assert document["bytes_freed"] > 0
