"""HTML pages as text; tests/browser/ looks at them in a browser."""

import base64
import hashlib
import html
import json
import re
import sys
from html.parser import HTMLParser

import pytest

from datav.errors import UsageError
from datav.report.html.charts import chart_html, chart_library, require_charts
from datav.report.html.markup import data_attribute, percent, visible
from datav.report.html.model import (
    Bars,
    ColumnCard,
    Columns,
    Fact,
    Figure,
    Group,
    Histogram,
    Matrix,
    Page,
    Row,
    Rows,
    Schema,
    SchemaChange,
)
from datav.report.html.page import render_page

HURT = "</script><script>alert(1)</script>\"'\u202e<!--\x00\ud800&amp;"
SEEN = "</script><script>alert(1)</script>\"'\\u202e<!--\\x00\\ud800&amp;"


class Seen(HTMLParser):
    """Elements and texts, as a browser would read them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def seen(text: str) -> Seen:
    parser = Seen()
    parser.feed(text)
    parser.close()
    return parser


def page_of(*sections, **options) -> Page:
    return Page(options.pop("title", "t"), (Group("", sections),), **options)


def rendered(*sections, **options) -> str:
    return render_page(page_of(*sections, **options))


def everywhere(text: str) -> Page:
    """A page without charts on which every text is `text`."""
    fact = Fact(text, text, text, text)
    card = ColumnCard(text, text, "broken", text, text, (fact,), None, (text,))
    sections = (
        Columns(text, (card,), text),
        Schema(text, (SchemaChange("added", text, text, text, text),), text),
        Rows(text, (text, text), (Row((text, text), (text + "2", text)), Row(None, (text, None))), 1, text),
        Matrix(text, text, text, (text,), (text,), ((3,),), ((2,),), text),
    )
    return Page(text, (Group(text, sections, text, (fact,), (text,)),), text, (text, text), (fact,), (text,))


def test_no_text_of_data_becomes_markup():
    plain, hurt = seen(render_page(everywhere("zebra"))), seen(render_page(everywhere(HURT)))

    assert [tag for tag, _ in hurt.tags] == [tag for tag, _ in plain.tags]
    assert sum(SEEN in text for text in hurt.texts) == sum("zebra" in text for text in plain.texts)


def test_a_page_can_always_be_written():
    text = render_page(everywhere(HURT))

    assert text.encode("utf-8").decode("utf-8") == text
    assert {char for char in text if not char.isprintable()} == {"\n"}


def test_a_page_without_charts_needs_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    chart_library.cache_clear()

    text = render_page(everywhere("name"))

    assert "vegaEmbed" not in text
    assert len(text) < 60_000


def test_without_the_library_charts_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    chart_library.cache_clear()

    with pytest.raises(UsageError) as rendering:
        rendered(Figure("f", Bars(("a",), (1.0,))))

    assert "needs vl-convert-python" in str(rendering.value)
    assert rendering.value.hint == "run `pip install 'datav[html]'`"


def test_whether_the_library_is_there_can_be_asked_before(monkeypatch):
    require_charts()

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs vl-convert-python"):
        require_charts()


def test_the_browser_may_run_what_is_in_the_file_and_fetch_nothing():
    text = rendered(Figure("f", Bars(("a",), (1.0,))))
    parser = seen(text)
    (policy,) = (
        attributes["content"]
        for tag, attributes in parser.tags
        if "http-equiv" in attributes and tag == "meta"
    )
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)

    digests = {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts}
    assert len(scripts) == 3
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == digests
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    assert [tag for tag, attributes in parser.tags if {"src", "srcset"} & attributes.keys()] == []
    assert {attributes["href"][0] for _, attributes in parser.tags if "href" in attributes} == {"#"}


def test_the_library_ends_no_script():
    assert "</script" not in chart_library()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain ñ 漢", "plain ñ 漢"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("\x00\n", "\\x00\\n"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
    ],
)
def test_what_is_not_printable_is_written_out(text, wanted):
    assert visible(text) == wanted


def test_data_in_an_attribute_reads_back():
    value = {"a": [1.5, "</script>'\"&\u2028\ud800"]}

    text = data_attribute(value)

    assert not set("<>'\n\u2028") & set(text)
    assert json.loads(html.unescape(text)) == value


@pytest.mark.parametrize(
    ("share", "wanted"),
    [
        (0.0, "0 %"),
        (0.00001, "< 0.01 %"),
        (0.0312, "3.12 %"),
        (0.99961, "99.96 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_is_rounded_without_becoming_none_or_all(share, wanted):
    assert percent(share) == wanted


def test_a_chart_is_described_in_words_and_numbers():
    text = chart_html(Histogram((0.0, 5.0, 10.0), (0.25, 0.75), (1.0, 0.0)), "amount")
    parser = seen(text)

    assert parser.tags[0][1]["aria-label"] == (
        "Histogram of amount; most before: 5 to 10 (75 %); most after: 0 to 5 (100 %)"
    )
    assert json.loads(parser.tags[0][1]["data-chart"]) == {
        "before": [0.25, 0.75],
        "after": [1.0, 0.0],
        "edges": [0.0, 5.0, 10.0],
    }
    assert "".join(parser.texts) == "Numbersvaluesbeforeafter0 to 525 %100 %5 to 1075 %0 %"


def test_times_are_told_in_utc_and_beyond_the_calendar_as_numbers():
    near = chart_html(Histogram((0.0, 86_400_000.0), (1.0,), is_time=True), "t")
    far = chart_html(Histogram((0.0, 1e18), (1.0,), is_time=True), "t")

    assert "1970-01-01 00:00 to 1970-01-02 00:00" in near
    assert "1970-01-01 00:00 to 1e+18 ms" in far


def test_a_chart_of_many_bins_has_no_table():
    bins = 100

    text = chart_html(Histogram(tuple(map(float, range(bins + 1))), (1 / bins,) * bins), "x")

    assert "<table" not in text


def test_columns_are_listed_in_their_order_with_links_to_their_cards():
    cards = tuple(ColumnCard(name, "text", "stable") for name in ("b", "a"))

    parser = seen(rendered(Columns("Drift", cards)))

    ids = [attributes["id"] for tag, attributes in parser.tags if tag == "article"]
    links = [attributes["href"] for tag, attributes in parser.tags if tag == "a"]
    assert ids == ["g1-1-1", "g1-1-2"]
    assert [link for link in links if link[1:] in ids] == ["#g1-1-1", "#g1-1-2", "#g1-1-1", "#g1-1-2"]


def test_an_id_is_there_once_on_a_page_with_many_groups():
    groups = tuple(everywhere("x").groups[0] for _ in range(12))

    parser = seen(render_page(Page("p", groups)))

    ids = [attributes["id"] for _, attributes in parser.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for _, a in parser.tags if "href" in a} <= set(ids)


@pytest.mark.parametrize(("title", "levels"), [("", ["h1", "h2", "h3"]), ("t", ["h1", "h2", "h3", "h4"])])
def test_headings_leave_no_level_out(title, levels):
    page = Page("p", (Group(title, (Columns("c", (ColumnCard("a", "text"),)),)),))

    tags = [tag for tag, _ in seen(render_page(page)).tags]

    assert [tag for tag in tags if re.fullmatch(r"h[1-6]", tag)] == levels


def test_a_row_that_is_new_has_no_changed_cells():
    text = rendered(Rows("r", ("a", "b"), (Row(None, ("1", None)), Row(("1", None), None))))

    assert "<del>" not in text
    assert text.count("<i>null</i>") == 2


def test_a_changed_cell_shows_both_sides():
    text = rendered(Rows("r", ("k", "b"), (Row(("1", None), ("1", "null")),), keys=1))

    assert (
        "<td class=key><bdi>1</bdi><td class=diff><del><i>null</i></del> <ins><bdi>null</bdi></ins>" in text
    )


def test_rows_that_are_not_seen_at_once_wait_in_a_template():
    rows = tuple(Row(None, (str(number),)) for number in range(250))

    text = rendered(Rows("r", ("a",), rows))

    at_once, _, waiting = text.partition("<template>")
    assert (at_once.count("<tr class=added>"), waiting.count("<tr class=added>")) == (100, 150)


def test_fewer_rows_of_many_columns_are_seen_at_once():
    wide = tuple(str(number) for number in range(1000))

    text = rendered(Rows("r", wide, (Row(None, wide),) * 30))

    assert text.partition("<template>")[0].count("<tr class=added>") == 10


def test_the_largest_count_is_the_darkest_and_none_is_blank():
    text = rendered(Matrix("m", "from", "to", ("a",), ("a", "b", "c"), ((0, 1, 800),)))

    assert "<td class=h0><td class=h1>1<td class=h8>800" in text


def test_counts_that_are_compared_show_both_sides():
    text = rendered(Matrix("m", "from", "to", ("a",), ("a", "b"), ((5, 0),), before=((5, 7),)))

    assert "<td class=h8>5<td class=h0><del>7</del> <ins>0</ins>" in text


def test_an_empty_page_is_a_page():
    text = render_page(Page("", ()))

    assert seen(text).texts[-1] == "\n"
    assert "<main" in text


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Histogram((0.0, 1.0), (0.5, 0.5)),
        lambda: Histogram((0.0, 0.0), (1.0,)),
        lambda: Histogram((0.0,), ()),
        lambda: Bars((), ()),
        lambda: Histogram((0.0, float("inf")), (1.0,)),
        lambda: Histogram((0.0, 1.0), (float("nan"),)),
        lambda: Histogram((0.0, 1.0), (1.0,), (1.5,)),
        lambda: Bars(("a", "a"), (0.5, 0.5)),
        lambda: Bars(("a",), (1.0,), ()),
        lambda: Rows("r", ("a",), (Row(None, ("1", "2")),)),
        lambda: Rows("r", ("a",), (Row(None, None),)),
        lambda: Matrix("m", "a", "b", ("x",), ("y",), ((1, 2),)),
    ],
)
def test_what_cannot_be_drawn_cannot_be_said(wrong):
    with pytest.raises(ValueError):
        wrong()
