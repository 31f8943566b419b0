"""What the summary of a job says of a check."""

import re
from dataclasses import replace
from html import unescape

from datav.report.check_markdown import check_markdown
from tests.support.findings import NULLS, ORDERS, QUIET, hostile, result


def plain(text: str) -> str:
    return text.replace("<code>", "").replace("</code>", "").replace("&#95;", "_")


def test_findings_are_a_table_below_one_line_that_says_all():
    lines = plain(check_markdown(result(ORDERS, QUIET))).splitlines()

    assert lines[0] == "## ✘ Checks of data"
    assert lines[2].startswith("2 errors, 1 warning in 1 of 2 datasets;")
    assert (
        "| ✘&nbsp;error | price | 12 of 4,000 rows are null, none may be<br>"
        "nulls 12, limit 0 from datav.toml&#58;14<br>such as line 3, line 90 |"
    ) in lines
    assert "- id: unique not checked&#58; its data is not here" in lines


def test_datasets_without_findings_are_only_counted():
    assert "users" not in check_markdown(result(ORDERS, QUIET))


def test_nothing_found_is_said():
    assert check_markdown(result(QUIET)).startswith("## ✔ Checks of data\n\n1 dataset, nothing found;")


def test_no_more_findings_than_a_comment_can_hold():
    many = replace(ORDERS, findings=(NULLS,) * 1000, not_checked=ORDERS.not_checked * 1000)

    text = check_markdown(result(many))

    assert "900 more: `datav check` lists them." in text
    assert "- and 900 more" in text
    assert len(text) < 65536


def test_nothing_in_data_is_markup():
    text = check_markdown(hostile())

    for active in ("<b>", "|`", "::error", "\x1b", "\r"):
        assert active not in text
    # GitHub looks for mentions and links in all text that is not code.
    outside = unescape(re.sub("<code>.*?</code>", "", text))
    assert not any(active in outside for active in ("@", "//", "no\\r"))
    rows = [line for line in text.splitlines() if line.startswith("| ") and "error" in line]
    assert all(row.count("|") == 4 for row in rows)
