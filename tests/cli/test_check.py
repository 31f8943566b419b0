"""`datav check`: exit statuses, what is printed, the files that are written; and the hook that runs it."""

import json
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Cli

RULES = """
[check."a.csv"]
rows = { min = 2 }

[check."a.csv".column.v]
not_null = true
warn = ["not_null"]
"""


@pytest.fixture
def promised(data) -> Cli:
    """Two rows at least are promised of `a.csv`, and (a warning) that no `v` is empty; HEAD keeps both."""
    path = data.repo.path("datav.toml")
    path.write_text(path.read_text() + RULES)
    data.repo.commit("promises")
    return data


def test_promises_that_are_kept_are_fine(promised):
    done = promised.ok("check")

    assert done.lines[0].startswith("a.csv  ok, 2 promises looked at")


def test_a_broken_promise_exits_with_1_and_says_which(promised):
    promised.repo.write("a.csv", b"id,v\n1,x\n")

    done = promised("check")

    assert (done.status, done.err) == (1, "")
    assert "1 row" in done.out
    assert "datav.toml:" in done.out


def test_a_warning_exits_with_0(promised):
    promised.repo.write("a.csv", b"id,v\n1,x\n2,\n")

    done = promised.ok("check")

    assert "1 warning" in done.out


def test_what_cannot_be_looked_at_exits_with_2_and_the_rest_is_shown(promised):
    promised.repo.write("d.datav", b"no manifest\n")

    done = promised("check")

    assert done.status == 2
    assert "a.csv  ok" in done.out
    assert done.err.startswith("error: ")
    assert len(done.err.splitlines()) <= 2


def test_a_revision_and_what_it_is_compared_with(promised):
    found = promised.ok("--json", "check", "HEAD", "--against", "HEAD~1", "a.csv").json

    assert (found["rev"], found["against"], found["ok"]) == ("HEAD", "HEAD~1", True)
    assert found["commit"] == promised.repo.rev("HEAD")
    assert found["datasets"][0]["path"] == "a.csv"
    assert promised.ok("check", "HEAD", "--", "a.csv").out == promised.ok("check", "HEAD", "a.csv").out
    assert promised.ok("check", "--", "a.csv").out == promised.ok("check", "a.csv").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope",), "nope is no dataset"),
        (("--against", "nope"), "git knows no commit 'nope'"),
        (("HEAD", "--staged"), "--staged"),
        (("HEAD", "HEAD~1", "--", "a.csv"), "one revision"),
        (("HEAD~1..HEAD",), "two states"),
        (("--junit", "a.csv"), "is a dataset"),
        (("--junit", "datav.toml"), "what git and datav read"),
        (("--sarif", ".git/x"), "what git and datav read"),
        (("--markdown", "-"), "written to a file"),
        (("--markdown", "x", "--junit", "./x"), "cannot be one file"),
        (("--json", "--github"), "both write to standard output"),
    ],
)
def test_calls_that_mean_nothing_are_refused(promised, arguments, words):
    done = promised.fails("check", *arguments)

    assert words in done.err


def test_malformed_promises_are_an_error_with_their_line(promised):
    path = promised.repo.path("datav.toml")
    path.write_text(path.read_text() + "\nnot_nul = true\n")

    done = promised.fails("check")

    assert f"datav.toml:{len(path.read_text().splitlines())}" in done.err


def test_reports_are_written_beside_what_is_shown(promised):
    promised.repo.write("a.csv", b"id,v\n1,x\n")

    done = promised("check", "--junit", "j.xml", "--sarif", "s.json", "--markdown", "m.md", "--github")

    assert done.status == 1
    assert "::error" in done.out
    assert ElementTree.fromstring(promised.repo.read("j.xml")).tag == "testsuites"
    assert json.loads(promised.repo.read("s.json"))["version"] == "2.1.0"
    assert b"a.csv" in promised.repo.read("m.md")


def test_quiet_says_nothing_but_the_status(promised):
    promised.repo.write("a.csv", b"id,v\n1,x\n")

    assert promised("-q", "check").status == 1
    assert promised("-q", "check").out == ""


def test_a_commit_that_breaks_a_promise_is_refused_by_the_hook(promised, monkeypatch):
    promised.repo.write("a.csv", b"id,v\n1,x\n")
    promised.ok("add", "a.csv")

    refused = promised("git-hook", "pre-commit")
    path = promised.repo.path("datav.toml")
    path.write_text(path.read_text() + "\n[hooks]\ncheck = false\n")
    unasked = promised("git-hook", "pre-commit")

    assert refused.status == 1
    assert "at least 2" in refused.err or "1 row" in refused.err
    assert refused.err.rstrip().endswith("`git commit --no-verify` commits all the same")
    assert (unasked.status, unasked.err) == (0, "")
