"""check --pushed and verify --signed, as they are called; what they find is tested with their verbs."""

import pytest


@pytest.fixture
def pushed(cli, tmp_path):
    """A repository with a dataset, pushed to a directory, and one more that is not."""
    cli.repo.write("a.csv", b"id\n1\n")
    cli.ok("add", "a.csv")
    cli.ok("remote", "add", "origin", str(tmp_path / "remote"))
    cli.repo.commit("data")
    cli.ok("push")
    cli.repo.write("b.csv", b"id\n2\n")
    cli.ok("add", "b.csv")
    cli.repo.commit("more")
    return cli


def test_the_exit_status_says_whether_the_remote_has_it(pushed):
    assert pushed("check", "--pushed").status == 1
    assert pushed("check", "--pushed", "HEAD~1").status == 0
    assert pushed("check", "--pushed", "HEAD~1..HEAD").status == 1
    assert pushed("check", "--pushed", "HEAD", "--against", "HEAD~1").status == 1
    assert pushed("check", "--pushed", "HEAD", "--", "a.csv").status == 0
    assert pushed("check", "--pushed", "--", "b.csv").status == 1
    assert pushed("check", "--pushed", "nothing").status == 2


def test_json_names_what_is_not_there(pushed):
    document = pushed("check", "--pushed", "--json").json

    assert document["ok"] is False
    assert {item["path"] for item in document["not_pushed"]} == {"b.csv"}


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--pushed", "--staged"),
        ("check", "--pushed", "--github"),
        ("check", "--pushed", "--junit", "x.xml"),
        ("check", "--pushed", "HEAD~1..HEAD", "--against", "HEAD"),
        ("check", "--pushed", "HEAD", "HEAD~1", "--", "a.csv"),
        ("verify", "--signed", "HEAD", "--sample", "0.5"),
        ("verify", "--signed", "HEAD", "--remote", "origin"),
        ("verify", "a.csv"),
    ],
)
def test_what_means_nothing_together_is_refused(pushed, words):
    done = pushed(*words)

    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: ")


def test_a_commit_that_nobody_signed_ends_with_1(pushed):
    done = pushed("verify", "--signed", "HEAD")

    assert done.status == 1
    assert "signature:  there is none" in done.out
    assert pushed("verify", "--signed", "HEAD", "--json").json["signature"]["state"] == "none"
