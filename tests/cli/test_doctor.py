"""datav doctor: what is printed, and the exit status.  What is looked at: tests/unit/repo/test_doctor.py."""

from pathlib import Path

from tests.cli.conftest import Cli


def test_problems_end_with_1_and_say_what_to_do(cli: Cli):
    cli.repo.write(".gitattributes", b"")

    done = cli("doctor")

    assert (done.status, done.err) == (1, "")
    assert done.lines[0].startswith("problem  attributes: ")
    assert "`datav doctor --fix` does it" in done.lines[1]
    assert done.lines[-1].startswith("1 problem, ")


def test_fix_says_what_it_has_fixed_and_warnings_end_with_0(cli: Cli):
    cli.repo.write(".gitattributes", b"")

    done = cli.ok("doctor", "--fix")

    assert done.lines[0] == "fixed    attributes"
    assert done.lines[-1].startswith("no problem, ")


def test_verbose_shows_what_is_in_order(cli: Cli):
    assert not any(line.startswith("ok ") for line in cli.ok("doctor").lines)
    assert any(line.startswith("ok       drivers: ") for line in cli.ok("-v", "doctor").lines)


def test_json_has_all_checks(cli: Cli):
    done = cli.ok("--json", "doctor").json

    assert (done["root"], done["ok"], done["fixed"]) == (str(cli.repo.root), True, [])
    assert {"name", "state", "what", "hint", "fixable", "paths"} == set(done["checks"][0])
    assert {"ok", "warn"} == {check["state"] for check in done["checks"]}


def test_where_there_is_no_repository_that_is_said(cli: Cli, tmp_path: Path):
    done = cli("--json", "doctor", here=str(tmp_path))

    assert (done.status, done.err) == (1, "")
    assert (done.json["root"], [check["name"] for check in done.json["checks"]]) == (None, ["repository"])
