"""`datav report`: where it writes, and that what it finds fails nothing."""

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def changed(data) -> Cli:
    """`a.csv` has lost a row since the commit before, and two were promised."""
    path = data.repo.path("datav.toml")
    path.write_text(path.read_text() + '\n[check."a.csv"]\nrows = { min = 2 }\n')
    data.repo.write("a.csv", b"id,v\n1,x\n")
    data.ok("add", "a.csv")
    data.repo.commit("less")
    return data


def test_a_report_goes_to_standard_output_and_fails_nothing(changed):
    done = changed.ok("report", "--base", "HEAD~1")

    assert done.lines[0] == "<!-- datav report -->"
    assert done.lines[1].startswith("## ✘ Data: 1 dataset changed, 1 error")


def test_a_report_goes_to_a_file(changed):
    shown = changed.ok("report", "--base", "HEAD~1", "a.csv").out

    done = changed.ok("report", "--base", "HEAD~1", "--head", "HEAD", "-o", "report.md", "--", "a.csv")

    assert done.lines == ["wrote report.md"]
    assert changed.repo.read("report.md").decode() == shown


def test_a_report_is_not_written_onto_data(changed):
    done = changed("report", "--base", "HEAD~1", "-o", "a.csv")

    assert done.status == 2
    assert "a.csv is a dataset" in done.err
    assert changed.repo.read("a.csv") == b"id,v\n1,x\n"


def test_the_value_is_printed_as_json(changed):
    document = changed.ok("--json", "report", "--base", "HEAD~1").json

    assert document["check"]["errors"] == 1
    assert document["diff"]["datasets"][0]["rows"]["removed"] > 0


def test_without_a_base_nobody_knows_what_to_compare(changed):
    done = changed("report")

    assert done.status == 2
    assert "--base" in done.err
