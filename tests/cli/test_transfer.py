"""push, fetch, pull and clone, as they are called and what they say."""

import pytest

from tests.support.datasets import random_bytes

DATA = random_bytes(300_000, 1)


@pytest.fixture
def pushed(cli, tmp_path):
    """A repository with a dataset, pushed to a directory."""
    cli.repo.write("a.bin", DATA)
    cli.repo.write("d/one", b"1")
    cli.repo.write("d/two", b"2")
    cli.ok("add", "a.bin", "d")
    cli.ok("remote", "add", "origin", str(tmp_path / "remote"))
    cli.repo.commit("data")
    cli.ok("push")
    return cli


def test_push_says_how_much_went_for_how_much_data(cli, tmp_path):
    cli.repo.write("a.bin", DATA)
    cli.ok("add", "a.bin")
    cli.ok("remote", "add", "origin", str(tmp_path / "remote"))
    cli.repo.commit("data")

    first, second = cli.ok("push"), cli.ok("push")

    assert f"pushed 1 version to origin ({tmp_path / 'remote'}): sent 30" in first.lines[0]
    assert "for 300 KB of data" in first.lines[0]
    assert "1 pack; " in first.lines[1]
    assert "has 1 version already; 3 requests" in second.lines[0]


def test_push_as_json(pushed):
    pushed.repo.write("a.bin", DATA + b"more")
    pushed.ok("add", "a.bin")
    pushed.repo.commit("more")

    document = pushed.ok("push", "--json").json

    assert (document["remote"], document["versions"], document["new_versions"]) == ("origin", 3, 1)
    assert document["bytes_of_data"] == 300_004
    assert 0 < document["bytes_sent"] < 300_000
    assert document["incomplete"] == []


def test_a_clone_has_the_data(pushed, tmp_path):
    done = pushed.ok("clone", str(pushed.repo.root), str(tmp_path / "copy"))

    assert done.lines[0] == f"cloned into {tmp_path / 'copy'}"
    assert (tmp_path / "copy/a.bin").read_bytes() == DATA
    assert (tmp_path / "copy/d/two").read_bytes() == b"2"
    assert pushed.ok("-C", str(tmp_path / "copy"), "status", "--exit-code").status == 0


def test_a_clone_of_what_cannot_be_cloned_is_one_error(cli, tmp_path):
    done = cli("clone", str(tmp_path / "nothing"), str(tmp_path / "copy"))

    assert done.status == 2
    assert done.err.startswith("error: ")
    assert not (tmp_path / "copy").exists()


def test_pull_brings_paths_that_follow_two_dashes(pushed, tmp_path):
    pushed.repo.git("clone", "-q", str(pushed.repo.root), str(tmp_path / "copy"))
    there = ("-C", str(tmp_path / "copy"))

    pushed.ok(*there, "pull", "--jobs", "2", "--", "d/one")

    assert (tmp_path / "copy/d/one").read_bytes() == b"1"
    assert not (tmp_path / "copy/d/two").exists()
    assert "only a part was fetched" in pushed.ok(*there, "status").out
    refused = pushed(*there, "add", "d")
    assert refused.status == 2
    assert "hint: `datav pull -- d` brings the rest" in refused.err

    done = pushed.ok(*there, "pull", "--json").json
    assert (tmp_path / "copy/d/two").read_bytes() == b"2"
    assert done["checkout"]["unchanged"] == 0


def test_fetch_leaves_the_files_alone(pushed, tmp_path):
    pushed.repo.git("clone", "-q", str(pushed.repo.root), str(tmp_path / "copy"))
    there = ("-C", str(tmp_path / "copy"))

    first, second = pushed.ok(*there, "fetch"), pushed.ok(*there, "fetch", "HEAD", "--remote", "origin")

    assert first.lines[0].startswith("fetched from origin (")
    assert second.lines[0].startswith("2 versions: all here already; 3 requests")
    assert not (tmp_path / "copy/a.bin").exists()


def test_without_a_remote_the_hint_says_how_to_add_one(cli):
    cli.repo.write("a.bin", DATA)
    cli.ok("add", "a.bin")
    cli.repo.commit("data")

    for command in ("push", "fetch", "pull"):
        done = cli(command)
        assert done.status == 2
        assert "error: there is no remote" in done.err
        assert "hint: `datav remote add origin URL`" in done.err


def test_a_word_that_is_neither_a_remote_nor_a_dataset_is_told_so(pushed):
    done = pushed("push", "orgin")

    assert done.status == 2
    assert "error: orgin is no dataset of these commits, nor a remote" in done.err
    assert "`datav remote list` lists the remotes" in done.err


def test_data_that_is_nowhere_is_a_warning_and_status_1(pushed, tmp_path):
    (tmp_path / "remote").rename(tmp_path / "aside")
    pushed.repo.git("clone", "-q", str(pushed.repo.root), str(tmp_path / "copy"))
    there = ("-C", str(tmp_path / "copy"))

    done = pushed(*there, "push")

    assert done.status == 1
    assert "warning: 2 versions are neither here nor there" in done.err
    assert pushed(*there, "push", "--rev", "HEAD").status == 2


def test_status_fails_on_what_is_not_pushed(pushed):
    assert pushed("status", "--exit-code").status == 0
    pushed.repo.write("a.bin", b"other")
    pushed.ok("add", "a.bin")
    pushed.repo.commit("other")

    done = pushed("status", "--exit-code")

    assert done.status == 1
    assert "not pushed: a.bin" in done.out


def test_a_clone_whose_data_does_not_come_says_what_there_is(pushed, tmp_path):
    (tmp_path / "remote").rename(tmp_path / "aside")

    done = pushed("clone", str(pushed.repo.root), str(tmp_path / "copy"))

    assert done.status == 2
    assert f"warning: the repository is cloned into {tmp_path / 'copy'}; its data is not" in done.err
    assert (tmp_path / "copy/a.bin.datav").exists()
