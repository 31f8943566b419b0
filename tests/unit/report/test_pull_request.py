"""What a reviewer is told of a change, and that no data speaks for itself."""

import re
from dataclasses import replace
from html import unescape

import pyarrow as pa
import pytest
from markdown_it import MarkdownIt

from datav.profiles.sketching import sketch_array
from datav.relpath import RelPath
from datav.repo.diffresult import FileItem, FilesDiff
from datav.repo.diffstats import StatsDiff
from datav.repo.report import DatasetSize
from datav.report.pull_request import MARKER, MOST, pull_request
from datav.report.report_json import report_json
from datav.report.small_charts import small_chart
from tests.support.diffs import table_dataset
from tests.support.findings import NULLS, ORDERS, QUIET
from tests.support.reports import BASE, hostile_report, orders_diff, orders_report, report_on

GITHUB_TAKES = 65_536


def plain(text: str) -> str:
    """What a reader sees of a line of Markdown, as far as entities and `<code>` go."""
    shown = re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), text)
    return shown.replace("<code>", "").replace("</code>", "").replace("&nbsp;", " ")


@pytest.fixture(scope="module")
def usual() -> str:
    return pull_request(orders_report())


def test_the_first_line_is_what_a_script_finds_the_comment_by(usual):
    assert usual.splitlines()[0] == MARKER == "<!-- datav report -->"


def test_the_title_and_one_table_say_what_matters(usual):
    lines = plain(usual).splitlines()

    assert lines[1] == "## ✘ Data: 2 datasets changed, 2 errors, 1 warning"
    assert (
        "| data/orders.csv | modified<br>columns +1 | 4,000<br>~2 | **2 broken**, 1 shifted of 4 "
        "| ✘ 2 errors<br>⚠ 1 warning<br>1 not checked | 183 KB → 207 KB<br>90.0 KB new |"
    ) in lines
    assert any(line.startswith("| data/new.csv | added |") for line in lines)


def test_a_section_has_findings_schema_rows_and_what_moved(usual):
    text = plain(usual)

    assert "| ✘ error | price | 12 of 4,000 rows are null, none may be<br>nulls 12, limit 0 from" in text
    assert "datav.toml:14<br>such as line 3, line 90 |" in text
    assert "| currency | added |  | text |" in text
    assert "<details><summary>2 rows</summary>" in text
    assert "price: <del>9.50</del> <b>95</b>" in text
    assert "**Distributions:** 3 moved of 4 columns." in text


def test_numbers_have_both_distributions_on_one_scale(usual):
    row = next(line for line in plain(usual).splitlines() if line.startswith("| price | **broken** |"))
    before, after, ends = row.split(" | ")[2].split("<br>")

    assert (before[-7:], after[-6:]) == (" before", " after")
    assert len(before[:-7]) == len(after[:-6]) == 16
    assert set(before[:-7] + after[:-6]) <= set("▁▂▃▄▅▆▇█\N{NO-BREAK SPACE}")
    # The prices before lie closer together, so theirs is the highest bar.
    assert "█" in before
    assert "█" not in after
    assert re.fullmatch(r"[\d.]+ to [\d.,]+", ends)


def test_values_have_bars_of_their_shares(usual):
    row = next(line for line in plain(usual).splitlines() if line.startswith("| city | **broken** |"))

    bars = row.replace("\N{NO-BREAK SPACE}", " ").split(" | ")[2].split("<br>")
    assert bars[0] == "█▌       6.95 % → ████████ 36.9 % Sofia"
    assert bars[1] == "███████▍ 34.2 % → █▎       5.85 % Oslo"


def test_values_that_are_one_of_thousands_have_no_bars():
    sides = [
        sketch_array("link", pa.array([f"/{n // 2}" for n in range(start, start + 3000)]))
        for start in (0, 99)
    ]

    assert small_chart(*(next(side) for side in sides)) is None


def test_a_reviewer_is_told_what_lets_a_drift_through_that_is_meant(usual):
    line = next(line for line in usual.splitlines() if line.startswith("Next: "))

    assert f"<code>datav check &#45;&#45;calibrate &#45;&#45;against {BASE[:10]}</code>, committed" in line
    assert "Next: " not in pull_request(report_on(checked=(replace(ORDERS, findings=(NULLS,)),)))


def test_classes_of_the_label_are_there(usual):
    text = plain(usual).replace("\N{NO-BREAK SPACE}", " ")

    assert "| classes of returned | before | after |" in text
    assert "| no | ██████▍  80.3 % | ████▋    57.7 % |" in text


def test_what_is_new_or_gone_has_no_section_of_its_own(usual):
    assert "### <code>data/new.csv</code>" not in usual


def test_findings_in_what_did_not_change_are_told_too():
    text = plain(pull_request(report_on(checked=(ORDERS, QUIET))))

    assert "## ✘ Data: no data changed, 2 errors, 1 warning" in text
    assert "### data/orders.csv (unchanged)" in text
    assert "users" not in text


def test_files_of_a_directory_count_for_the_dataset_they_are_in():
    inside = replace(ORDERS, path="data/orders.csv/a.csv", dataset="data/orders.csv")

    text = plain(pull_request(report_on(orders_diff(), checked=(inside,))))

    assert "| ✘ 2 errors<br>" in text
    assert "(unchanged)" not in text


def test_where_the_head_left_the_base_is_told_if_the_base_went_on():
    ahead = report_on(orders_diff(), base_commit="f" * 40)

    assert "from where it left it at <code>aaaaaaaaaa</code>" in pull_request(ahead)
    assert "left it" not in pull_request(report_on(orders_diff()))


def test_distributions_that_were_not_compared_have_their_reason():
    stats = StatsDiff(None, None, None, "its data is not here")

    text = pull_request(report_on(table_dataset(stats=stats)))

    assert "**Distributions not compared:** <code>its data is not here</code>" in text
    assert "| not compared |" in text


def many(number: int, files: int = 0):
    items = tuple(FileItem(b"%06d.bin" % each, "added", None, None, 10, None, None) for each in range(files))
    one = orders_diff()
    for each in range(number):
        path = b"data/%06d.csv" % each
        yield replace(one, path=RelPath(path), files=FilesDiff(items))


@pytest.mark.parametrize(("number", "files"), [(3, 0), (40, 0), (40, 100), (300, 0)])
def test_no_comment_is_longer_than_github_takes(number, files):
    datasets = list(many(number, files))
    checked = [replace(ORDERS, path=str(each.path), findings=(NULLS,) * 50) for each in datasets]

    text = pull_request(report_on(*datasets, checked=checked))

    assert len(text) <= MOST < GITHUB_TAKES
    assert ("**Left out**" in text) == (number > 3)


def test_what_is_left_out_is_named_with_the_command_that_shows_it():
    text = plain(pull_request(report_on(*many(2)), most=6000))

    last = text.splitlines()[-1]
    assert last.startswith("**Left out**, as a comment on GitHub ends at 65,536 characters:")
    assert "of data/000001.csv" in last
    assert "datav diff main...HEAD shows all that changed" in last


def test_names_as_long_as_paths_can_be_leave_room_for_what_matters():
    long = replace(orders_diff(), path=RelPath(b"/".join([b"<" * 200] * 20)))

    text = pull_request(report_on(*[long] * 60, base="<" * 200, notes=("<" * 5000,) * 20))

    assert len(text) <= MOST
    assert "## " in text


def test_nothing_in_data_is_markup_or_mention_or_link():
    text = pull_request(hostile_report())
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)

    assert "<b>|" not in html
    # GitHub looks for mentions, numbers of issues and links in all text that is not code.
    outside = unescape(re.sub("<code>.*?</code>", "", html, flags=re.DOTALL))
    assert not any(active in outside for active in ("@", "#", "//", "you"))
    assert not any(char in text for char in "\x1b\r\x00\u202e")
    tags = set(re.findall(r"<(\w+)", html))
    assert tags <= {
        "p", "h2", "h3", "code", "table", "thead", "tbody", "tr", "th", "td",
        "br", "strong", "details", "summary", "del", "b", "ul", "li",
    }  # fmt: skip
    # All rows of a table have as many cells as its head.
    for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        widths = {
            len(re.findall(r"<t[hd][ >]", row)) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
        }
        assert len(widths) == 1


def test_json_is_the_whole_value():
    document = report_json(replace(orders_report(), sizes=(DatasetSize(RelPath(b"a.csv"), None, 5, 5),)))

    assert (document["base"], document["base_commit"]) == ("main", BASE)
    assert document["diff"]["datasets"][0]["path"] == "data/orders.csv"
    assert document["check"]["errors"] == 2
    assert document["sizes"] == [{"path": "a.csv", "before": None, "after": 5, "new": 5}]
