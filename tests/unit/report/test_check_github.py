"""Annotations of a pull request, and that no data writes its own."""

from dataclasses import replace

from datav.report.check_github import check_github, without_commands
from datav.report.check_text import check_text
from datav.report.style import PLAIN
from tests.support.findings import DRIFT, GROWTH, NULLS, ORDERS, QUIET, hostile, result


def test_findings_point_at_the_line_of_their_rule_or_at_the_manifest():
    lines = check_github(result(ORDERS, QUIET)).splitlines()

    assert lines == [
        "::error file=datav.toml,line=14,title=price%3A not_null::data/orders.csv: price: 12 of 4,000 rows "
        "are null, none may be%0Anot_null: nulls 12, limit 0 from datav.toml:14; such as line 3, line 90",
        "::error file=data/orders.csv.datav,title=amount%3A drift.ks::data/orders.csv: amount: values "
        "moved by 0.41, up to 0.06 is usual%0Adrift.ks: ks 0.4124, limit 0.06 from 30 past "
        "steps, most at 1a2b3c4d5e",
        "::warning file=datav.toml,line=5,title=the table%3A growth::data/orders.csv: 4,000 rows are 1.74 "
        "times those before, at most 1.5 may be%0Agrowth: growth 1.739, limit 1.5 from datav.toml:5",
        "::notice file=data/orders.csv.datav,title=1 promise not checked::data/orders.csv: id: unique not "
        "checked: its data is not here",
    ]


def test_what_is_escaped_is_what_the_runner_takes_back():
    odd = replace(DRIFT, message="amount: 100% a:b,c\r\nnext", column="a,b:c%\n")

    line = check_github(result(replace(ORDERS, findings=(odd,), not_checked=()))).splitlines()[0]

    assert line.startswith(
        '::error file=data/orders.csv.datav,title="a%2Cb%3Ac%25\\n"%3A drift.ks::data/orders.csv: '
    )
    assert "100%25 a:b,c\\r\\nnext" in line


def test_the_tenth_annotation_counts_what_github_would_drop():
    lines = check_github(result(replace(ORDERS, findings=(NULLS,) * 12, not_checked=()))).splitlines()

    commands = [line for line in lines if line.startswith("::")]
    assert len(commands) == 10
    assert "::3 more errors: " in commands[-1]


def test_ten_are_shown():
    lines = check_github(result(replace(ORDERS, findings=(GROWTH,) * 10, not_checked=()))).splitlines()

    assert sum(line.startswith("::warning file=datav.toml,line=5,") for line in lines) == 10


def test_no_data_begins_a_command():
    found = hostile()
    many = replace(
        found.datasets[0], findings=(replace(found.datasets[0].findings[0], message="##[x]"),) * 12
    )

    lines = check_github(replace(found, datasets=(many,))).split("\n")

    # Nine errors, what counts the rest, and one notice.
    assert [line.split(" ")[0] for line in lines if line.startswith("::")] == ["::error"] * 10 + ["::notice"]
    assert all(line.isprintable() for line in lines)


def test_the_text_of_a_check_begins_no_command_in_a_log():
    odd = replace(DRIFT, message="amount: ##[add-mask]e", column="::error::")

    text = without_commands(check_text(result(replace(ORDERS, findings=(odd,))), PLAIN, 200))

    assert "## [add-mask]e" in text
    assert not any("##[" in line or line.strip().startswith("::") for line in text.splitlines())
