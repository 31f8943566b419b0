"""datav remote: what its subcommands say, as text and as JSON."""

import os

import pytest

from datav.cli.commands import SUBCOMMANDS
from tests.support.datasets import random_bytes


def test_without_a_subcommand_the_remotes_are_listed(cli):
    assert "`datav remote add origin URL`" in cli.ok("remote").out
    cli.ok("remote", "add", "origin", "s3://bucket/p", "--region", "eu", "--endpoint", "https://x.example")

    done = cli.ok("remote")

    assert done.out.split(maxsplit=2) == [
        "origin",
        "s3://bucket/p",
        "default, at https://x.example, region eu\n",
    ]
    assert cli.ok("remote", "list").out == done.out


def test_the_list_as_json(cli):
    cli.ok("remote", "add", "origin", "s3://bucket/p", "--profile", "me")
    cli.ok("remote", "add", "mine", "sftp://u:hunter2@h/p", "--private", "--anonymous")

    first, second = cli.ok("remote", "list", "--json").json["remotes"]

    assert first == {
        "name": "origin",
        "url": "s3://bucket/p",
        "default": True,
        "private": False,
        "endpoint": None,
        "region": None,
        "profile": "me",
        "anonymous": False,
    }
    assert (second["url"], second["private"], second["anonymous"]) == ("sftp://u@h/p", True, True)
    assert cli.ok("--json", "remote").json == cli.ok("remote", "--json", "list").json


def test_add_says_what_it_did(cli):
    done = cli.ok("remote", "add", "origin", "../place")

    assert done.lines[0] == "added remote origin, the default: ../place"
    assert done.lines[1] == "datav.toml is staged: commit it"


def test_add_of_a_private_remote_says_nothing_of_git(cli):
    assert "staged" not in cli.ok("remote", "add", "mine", "../place", "--private").out


def test_changes_as_json(cli):
    cli.ok("remote", "add", "a", "../a")

    added = cli.ok("remote", "add", "b", "../b", "--default", "--json").json
    chosen = cli.ok("remote", "default", "a", "--json").json
    removed = cli.ok("remote", "remove", "a", "--json").json

    files = {"written": ["datav.toml"], "staged": ["datav.toml"]}
    assert added == {"format": 1, "remote": "b", "url": "../b", "default": "b", **files}
    assert chosen == {"format": 1, "remote": "a", "url": "../a", "default": "a", **files}
    assert removed == {"format": 1, "remote": "a", "url": "../a", "default": "b", **files}


def test_remove_says_that_data_stays_and_what_is_the_default_now(cli):
    cli.ok("remote", "add", "a", "../a")
    cli.ok("remote", "add", "b", "../b")

    done = cli.ok("remote", "remove", "a")

    assert done.lines[:2] == ["removed remote a; what is stored at ../a stays", "the default remote is b"]


def test_check_of_a_directory(cli):
    cli.ok("remote", "add", "origin", "../place")

    done = cli.ok("remote", "check")

    assert [line.split() for line in done.lines[1:5]] == [
        ["put", "ok"],
        ["list", "ok"],
        ["read", "ok"],
        ["delete", "ok"],
    ]
    assert "no store yet" in done.lines[5]
    assert list((cli.repo.root.parent / "place/probe").iterdir()) == []


def test_check_of_a_store_as_json(cli):
    place = cli.repo.root.parent / "place"
    place.mkdir()
    (place / "format").write_bytes(b"datav store 1\n")
    cli.ok("remote", "add", "origin", "../place")

    document = cli.ok("remote", "check", "origin", "--json").json

    assert (document["ok"], document["presence"], document["version"]) == (True, "store", 1)
    assert [attempt["verb"] for attempt in document["attempts"]] == ["put", "list", "read", "delete"]


def test_check_of_a_newer_store_says_so_and_exits_with_one(cli):
    place = cli.repo.root.parent / "place"
    place.mkdir()
    (place / "format").write_bytes(b"datav store 2\n")
    cli.ok("remote", "add", "origin", "../place")

    done = cli("remote", "check")

    assert (done.status, done.err) == (1, "")
    assert "upgrade datav" in done.out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may write everywhere")
def test_check_of_a_directory_that_may_only_be_read_says_so(cli):
    place = cli.repo.root.parent / "place"
    place.mkdir(mode=0o500)
    cli.ok("remote", "add", "origin", "../place")

    done = cli("remote", "check")

    assert (done.status, done.err) == (1, "")
    assert done.lines[1].split()[:2] == ["put", "refused"]


def test_check_without_a_remote_is_an_error(cli):
    assert "`datav remote add origin URL`" in cli.fails("remote", "check").err


@pytest.mark.parametrize("name", SUBCOMMANDS["remote"])
def test_every_subcommand_has_help(cli, name):
    assert cli.ok("remote", name, "--help").out.startswith(f"Usage: datav remote {name} ")


def test_the_help_lists_the_subcommands(cli):
    done = cli.ok("remote", "--help")

    assert done.out.startswith("Usage: datav remote ")
    for name in SUBCOMMANDS["remote"]:
        assert f"\n  {name} " in done.out


@pytest.mark.parametrize("arguments", [("frobnicate",), ("add",), ("add", "x"), ("remove",), ("--bad",)])
def test_a_call_that_means_nothing_brings_the_help_on_the_command(cli, arguments):
    assert "`datav remote --help`" in cli.fails("remote", *arguments).err


def test_a_secret_is_never_repeated(cli):
    error = cli.fails("remote", "add", "origin", "https://me:hunter2@host/p?sig=hunter2").err

    assert "hunter2" not in error


def test_gc_of_a_remote_says_first_and_deletes_when_told(data, tmp_path):
    data.ok("remote", "add", "origin", str(tmp_path / "place"), "--private")
    data.repo.write("big", random_bytes(256_000))
    data.ok("add", "big")
    data.repo.commit("big")
    data.ok("push")
    data.repo.git("reset", "-q", "--hard", "HEAD^")
    data.repo.git("update-ref", "-d", "ORIG_HEAD")
    data.repo.git("reflog", "expire", "--expire=now", "--all")

    kept = data.ok("gc", "--remote", "origin").out
    said = data.ok("gc", "--remote", "origin", "--grace", "0", "--dry-run", "--json").json
    done = data.ok("gc", "--remote", "origin", "--grace", "0", "--apply").out

    assert "nothing to free" in kept
    assert "this clone" in kept
    assert (said["dry_run"], said["grace_s"]) == (True, 0)
    assert said["bytes_freed"] > 0
    assert "freed" in done
    assert data.ok("gc", "--remote", "origin", "--grace", "0", "--json").json["bytes_freed"] == 0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--apply", "--dry-run"), "opposites"),
        (("--grace", "1d"), "for a remote"),
        (("--forget", "abcd"), "for a remote"),
        (("--remote", "origin", "--only-user"), "local store"),
        (("--remote", "origin", "--grace", "soon"), "no duration"),
        (("--remote", "nowhere"), "nowhere"),
    ],
)
def test_options_of_gc_that_do_not_go_together(data, tmp_path, arguments, what):
    data.ok("remote", "add", "origin", str(tmp_path / "place"))

    done = data("gc", *arguments)

    assert done.status == 2
    assert what in done.err
