"""Laws of the drawings of a check: whatever names, values and messages are, a form stays what it is."""

import json
import re
from dataclasses import replace
from html import unescape
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from datav.relpath import one_line
from datav.report.check_github import check_github, without_commands
from datav.report.check_json import check_json
from datav.report.check_junit import check_junit
from datav.report.check_markdown import check_markdown
from datav.report.check_sarif import check_sarif
from datav.report.check_text import check_text
from datav.report.style import PLAIN
from tests.support.findings import MISSED, NULLS, ORDERS, result

TEXT = st.text(st.characters() | st.sampled_from("\n\r\t:,%#[]|`<>&@\x1b\x00\u2028\u202e\udcff"), max_size=40)
FEW = settings(max_examples=40)

_COMMAND = re.compile(r"::(?:error|warning|notice) file=([^,:]*)(?:,line=\d+)?,title=([^,:]*)::(.*)")


@st.composite
def results(draw):
    finding = replace(
        NULLS,
        path=draw(TEXT),
        rule=draw(TEXT),
        column=draw(TEXT),
        message=draw(TEXT),
        measure=draw(TEXT),
        value=draw(TEXT | st.floats() | st.integers()),
        limit=draw(TEXT | st.none() | st.floats()),
        origin=draw(TEXT),
        examples=(draw(TEXT),),
        line=draw(st.none() | st.integers(1, 99)),
        severity=draw(st.sampled_from(["error", "warn"])),
    )
    missed = replace(MISSED, rule=draw(TEXT), reason=draw(TEXT), column=draw(TEXT))
    path = draw(TEXT | st.just("::add-mask::e"))
    return result(replace(ORDERS, path=path, findings=(finding,), not_checked=(missed,)), notes=(draw(TEXT),))


@FEW
@given(results())
def test_a_text_commands_neither_terminal_nor_log(found):
    lines = without_commands(check_text(found, PLAIN, 80)).split("\n")

    assert all(line.isprintable() for line in lines)
    assert not any("##[" in line or line.strip().startswith("::") for line in lines)


@FEW
@given(results())
def test_annotations_are_the_commands_that_were_meant(found):
    lines = check_github(found).split("\n")
    commands = [_COMMAND.fullmatch(line) for line in lines]

    assert len(lines) == 2
    assert all(commands)
    file = commands[0][1].replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    finding = found.datasets[0].findings[0]
    assert file == ("datav.toml" if finding.line else one_line(found.datasets[0].manifest))


@FEW
@given(results())
def test_junit_is_xml_of_one_suite(found):
    root = ElementTree.fromstring(check_junit(found).encode())

    assert len(root.findall("testsuite")) == 1
    assert len(root.findall("testsuite/testcase")) == 3


@FEW
@given(results())
def test_markdown_has_one_row_of_three_cells_and_no_markup_of_data(found):
    text = check_markdown(found)
    (row,) = (line for line in text.split("\n") if line.startswith(("| ✘", "| ⚠")))

    assert row.count("|") == 4
    assert set(re.findall(r"<(/?\w+)", text)) <= {"code", "/code", "br"}
    assert "@" not in unescape(re.sub("<code>.*?</code>", "", text))


@FEW
@given(results())
def test_json_and_sarif_are_json(found):
    for document in (check_json(found), check_sarif(found, "1")):
        json.dumps(document, allow_nan=False)
