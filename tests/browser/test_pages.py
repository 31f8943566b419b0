"""The HTML pages in a real browser: what is drawn, read, typed and printed.

No test asserts a time; tests/bench/bench_html.py prints some.
"""

import itertools
import re
import zlib

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.browsing import (
    are_all_drawn,
    console,
    open_page,
    print_page,
    requests,
    set_scheme,
    wait_for,
)
from tests.browser.pages import HOSTILE, diff_page, extreme_page, hostile_page, profile_page, wide_page

PAGES = {"diff": diff_page, "profile": profile_page, "hostile": hostile_page, "extreme": extreme_page}

CONTRAST_AA = 4.5

# What is seen of a page, each text with its colour and what lies below it, as [r, g, b, a] of 0 to 255.
COLORS = r"""
const parse = (text) => {
  const parts = text.match(/[\d.]+/g).map(Number);
  return [parts[0], parts[1], parts[2], parts.length > 3 ? parts[3] : 1];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || element.closest('script, template, svg, option, [hidden]')) continue;
  if (!element.checkVisibility()) continue;
  const below = [];
  for (let each = element; each; each = each.parentElement) {
    below.push(parse(getComputedStyle(each).backgroundColor));
  }
  found.push([walker.currentNode.data.trim().slice(0, 40), parse(getComputedStyle(element).color), below]);
}
return found;
"""


def text_of(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector).text


def shown(driver, selector):
    return [each for each in driver.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()]


def press(driver, *keys):
    for key in keys:
        driver.switch_to.active_element.send_keys(key)


def type_into(driver, selector, text):
    field = driver.find_element(By.CSS_SELECTOR, selector)
    field.clear()
    field.send_keys(text)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [400, 1200])
def test_a_page_opens_without_a_word_on_the_console_and_fetches_nothing(driver, written, name, width):
    path = written(PAGES[name]())

    open_page(driver, path, width=width)
    print_page(driver)

    assert console(driver) == []
    fetched = {url for url in requests(driver) if not url.startswith("data:")}
    assert fetched - {"about:blank"} == {path.as_uri()}


def test_the_console_would_have_something_to_say(driver, written):
    path = written(profile_page())
    text = path.read_text(encoding="utf-8")
    body, end = text[: text.rindex("</body>")], text[text.rindex("</body>") :]
    more = "<script>window.hacked = 1</script><img src='https://example.invalid/x'>"
    path.write_text(f"{body}{more}{end}", encoding="utf-8")

    open_page(driver, path)

    assert len([line for line in console(driver) if "Content Security Policy" in line]) == 2


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_never_scrolls_sideways(driver, written, name):
    open_page(driver, written(PAGES[name]()), width=400)

    widths = driver.execute_script(
        "document.querySelectorAll('details').forEach(d => d.open = true);"
        "const root = document.documentElement; return [root.scrollWidth, root.clientWidth]"
    )

    assert widths == [400, 400]


def test_a_wide_table_of_rows_scrolls_in_its_own_box(driver, written):
    open_page(driver, written(diff_page()), width=400)

    box = driver.find_element(By.CSS_SELECTOR, ".box.rows")
    before = driver.execute_script("return arguments[0].scrollLeft", box)
    driver.execute_script("arguments[0].scrollIntoView(); arguments[0].focus()", box)
    press(driver, Keys.ARROW_RIGHT)
    wait_for(
        driver, lambda: driver.execute_script("return arguments[0].scrollLeft", box) > before, "scrolled"
    )

    assert driver.execute_script("return scrollX") == 0


def test_what_is_hostile_is_shown_and_does_nothing(driver, written):
    open_page(driver, written(hostile_page()))
    print_page(driver)

    assert driver.execute_script("return window.hacked") is None
    assert driver.title == HOSTILE[0]
    assert text_of(driver, "h1") == HOSTILE[0]
    assert text_of(driver, "#g1-1-7 .name") == "abc\\u202egpj.exe"
    assert text_of(driver, "#g1-1-8 .name") == "half a \\ud800 surrogate"
    assert text_of(driver, "#g1-1-14 .name") == "''"
    labels = driver.execute_script(
        "return [...document.querySelectorAll('#g1-1-1 svg .role-axis-label text')].map(t => t.textContent)"
    )
    assert "</script><script>window.hacked = 1</script>"[:8] in [label[:8] for label in labels]


def test_a_tooltip_shows_what_is_hostile_as_text(driver, written):
    open_page(driver, written(hostile_page()))

    driver.execute_script("document.getElementById('g1-1-1').scrollIntoView()")
    bars = "#g1-1-1 svg .mark-rect path"
    bar = wait_for(driver, lambda: driver.find_elements(By.CSS_SELECTOR, bars), "the chart")[0]
    for kind in ("pointerover", "pointermove", "mouseover", "mousemove"):
        driver.execute_script(
            "const box = arguments[0].getBoundingClientRect(); arguments[0].dispatchEvent("
            "new PointerEvent(arguments[1], {bubbles: true, clientX: box.x + 3, clientY: box.y + 3}))",
            bar,
            kind,
        )
    tip = wait_for(driver, lambda: shown(driver, "#vg-tooltip-element.visible"), "the tooltip")[0]

    assert HOSTILE[0] in tip.text
    assert tip.find_elements(By.CSS_SELECTOR, "script, img") == []


def test_every_chart_says_what_it_shows_and_has_its_numbers_beside_it(driver, written):
    open_page(driver, written(diff_page()))

    chart = driver.find_element(By.CSS_SELECTOR, "#g1-1-2 .chart")
    assert chart.get_attribute("role") == "img"
    assert chart.get_attribute("aria-label") == (
        "Bar chart of country; most before: DE (34 %); most after: DE (29 %)"
    )
    driver.find_element(By.CSS_SELECTOR, "#g1-1-2 summary").send_keys(Keys.ENTER)
    table = driver.find_element(By.CSS_SELECTOR, "#g1-1-2 .numbers table")
    assert table.text.splitlines()[:2] == ["category before after", "DE 34 % 29 %"]


def test_before_and_after_are_drawn_over_each_other(driver, written):
    open_page(driver, written(diff_page()))

    marks = driver.execute_script(
        "return [...document.querySelectorAll('#g1-1-1 svg .mark-rect path, #g1-1-1 svg .mark-line path,"
        " #g1-1-1 svg .mark-area path')].map(p => [p.getAttribute('fill'), p.getAttribute('stroke')])"
    )

    assert marks.count(["var(--before)", "var(--panel)"]) == 24
    assert [stroke for _, stroke in marks].count("var(--after)") == 1


def test_a_profile_has_one_side(driver, written):
    open_page(driver, written(profile_page()))

    fills = driver.execute_script(
        "return [...new Set([...document.querySelectorAll('svg .mark-rect path')]"
        ".map(p => p.getAttribute('fill')).filter(Boolean))]"
    )

    assert "var(--only)" in fills
    assert not {"var(--before)", "var(--after)"} & set(fills)
    assert driver.find_elements(By.CSS_SELECTOR, ".legend, .verdict, .tools select") == []


def test_columns_are_filtered_by_name_and_by_verdict(driver, written):
    open_page(driver, written(diff_page()))

    type_into(driver, ".columns .tools input", "A")
    wait_for(driver, lambda: text_of(driver, ".columns output") != "7 columns", "filtered")
    driver.find_element(By.CSS_SELECTOR, ".columns select option[value=shifted]").click()

    assert [card.get_attribute("id") for card in shown(driver, ".columns .card")] == ["g1-1-3"]
    assert [row.text.split()[1] for row in shown(driver, ".ranking tbody tr")] == ["created_at"]
    assert text_of(driver, ".columns output") == "1 of 7 columns"


def test_a_filter_that_nothing_fits_says_so(driver, written):
    open_page(driver, written(diff_page()))

    type_into(driver, ".columns .tools input", "no such column")
    wait_for(driver, lambda: shown(driver, ".columns .none"), "the sentence")

    assert shown(driver, ".columns .card") == []


def test_a_card_that_a_filter_brings_into_sight_is_drawn(driver, written):
    open_page(driver, written(wide_page(300, rows=1, shown_columns=2)))

    type_into(driver, ".columns .tools input", "feature_0299")
    wait_for(driver, lambda: text_of(driver, ".columns output").startswith("1 of"), "filtered")

    wait_for(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "#g1-1-300 svg path"), "the chart")


def test_charts_out_of_sight_wait(driver, written):
    open_page(driver, written(wide_page(300, rows=1, shown_columns=2)))

    assert len(driver.find_elements(By.CSS_SELECTOR, ".chart")) == 300
    assert 2 <= len(driver.find_elements(By.CSS_SELECTOR, ".chart svg")) < 60


def test_rows_are_searched_in_all_columns_and_all_rows(driver, written):
    page = diff_page()
    open_page(driver, written(page))
    (rows,) = (section for section in page.groups[0].sections if section.title == "Changed rows")
    last = rows.rows[-1].after[0]

    type_into(driver, ".changes .tools input", last.lower())
    wait_for(driver, lambda: text_of(driver, ".changes output") == "1 of 400 rows", "found")

    assert [row.text.split()[1] for row in shown(driver, ".rows tbody tr")] == [last]


def test_rows_are_filtered_by_what_happened_to_them(driver, written):
    page = diff_page()
    open_page(driver, written(page))
    (rows,) = (section for section in page.groups[0].sections if section.title == "Changed rows")
    removed = sum(row.op == "removed" for row in rows.rows)

    for op in ("added", "changed"):
        driver.find_element(By.CSS_SELECTOR, f".changes input[value={op}]").send_keys(Keys.SPACE)

    assert text_of(driver, ".changes output") == f"{removed} of 400 rows"
    assert {row.get_attribute("class") for row in shown(driver, ".rows tbody tr")} == {"removed"}


def test_more_rows_are_shown_until_all_are(driver, written):
    open_page(driver, written(diff_page()))
    more = driver.find_element(By.CSS_SELECTOR, ".more")

    counts = [len(driver.find_elements(By.CSS_SELECTOR, ".rows tbody tr"))]
    while more.is_displayed():
        more.send_keys(Keys.ENTER)
        counts.append(len(driver.find_elements(By.CSS_SELECTOR, ".rows tbody tr")))

    assert counts == [100, 300, 400]


def test_a_null_is_not_the_text_null(driver, written):
    open_page(driver, written(diff_page()))

    cell = driver.find_element(By.CSS_SELECTOR, ".rows tbody tr td.diff:last-child")

    assert cell.find_element(By.CSS_SELECTOR, "del i").text == "null"
    assert cell.find_element(By.CSS_SELECTOR, "ins bdi").text == "added by hand"


def test_everything_is_reached_by_tab_in_the_order_of_reading(driver, written):
    open_page(driver, written(diff_page()))
    wanted = (
        "a.skip",
        "nav a",
        ".columns .tools input",
        ".columns .tools select",
        ".ranking",
        ".ranking a",
        "#g1-1-1 .name a",
        "#g1-1-1 summary",
        "#g1-1-7 .name a",
        ".schema .box",
        ".changes .tools input",
        ".changes .tools input[type=checkbox]",
        ".box.rows",
        ".more",
    )

    reached = []
    for _ in range(80):
        press(driver, Keys.TAB)
        here = [
            name
            for name in wanted
            if driver.execute_script("return document.activeElement.matches(arguments[0])", name)
        ]
        reached += here
    first = list(dict.fromkeys(reached))

    assert first == list(wanted)


def test_focus_is_seen(driver, written):
    open_page(driver, written(diff_page()))
    driver.find_element(By.TAG_NAME, "body").send_keys("/")
    press(driver, Keys.TAB, Keys.TAB, Keys.TAB)

    outline = driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle")

    assert outline == "solid"


def test_a_slash_goes_to_the_filter_that_is_in_sight(driver, written):
    open_page(driver, written(diff_page()))

    driver.find_element(By.TAG_NAME, "body").send_keys("/")
    first = driver.switch_to.active_element.get_attribute("id")
    press(driver, "/")
    typed = driver.switch_to.active_element.get_property("value")
    driver.execute_script("document.activeElement.blur(); scrollTo({top: 1e6, behavior: 'instant'})")
    driver.find_element(By.TAG_NAME, "body").send_keys("/")
    second = driver.switch_to.active_element.get_attribute("id")

    assert (first, typed, second) == ("g1-1-find", "/", "g1-6-find")


def test_the_ranked_list_leads_to_the_card(driver, written):
    open_page(driver, written(wide_page(300, rows=1, shown_columns=2)))

    link = driver.find_element(By.CSS_SELECTOR, ".ranking tbody tr:nth-child(250) a")
    link.send_keys(Keys.ENTER)

    def is_at_the_top() -> bool:
        top = driver.execute_script("return document.querySelector(':target').getBoundingClientRect().top")
        return 0 <= top < 400

    wait_for(driver, is_at_the_top, "the card")
    wait_for(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "#g1-1-250 svg path"), "its chart")


def test_dark_and_light_follow_the_system_without_drawing_anew(driver, written):
    open_page(driver, written(diff_page()))
    svg = driver.find_element(By.CSS_SELECTOR, "#g1-1-1 svg")
    ask = (
        "return [getComputedStyle(document.body).backgroundColor,"
        "getComputedStyle(arguments[0].querySelector('.mark-rect path')).fill]"
    )

    light = driver.execute_script(ask, svg)
    set_scheme(driver, "dark")
    dark = driver.execute_script(ask, svg)

    assert light == ["rgb(255, 255, 255)", "rgb(133, 148, 163)"]
    assert dark == ["rgb(15, 19, 24)", "rgb(102, 119, 142)"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["diff", "profile"])
def test_text_is_read_easily(driver, written, name, scheme):
    open_page(driver, written(PAGES[name]()), scheme=scheme)

    colors = driver.execute_script(COLORS)
    poor = {
        (text, round(contrast(color, below), 2))
        for text, color, below in colors
        if contrast(color, below) < CONTRAST_AA
    }

    assert len(colors) > 50
    assert poor == set()


def test_all_charts_are_there_on_paper(driver, written):
    open_page(driver, written(wide_page(120, rows=3, shown_columns=12)), scheme="dark")
    assert not are_all_drawn(driver)

    printed = print_page(driver)

    assert are_all_drawn(driver)
    assert printed.startswith(b"%PDF")
    # Bars of all histograms are painted, in the colour they have in light.
    gray = re.compile(rb"\.52\d* \.58\d* \.63\d* rg")
    assert sum(len(gray.findall(stream)) for stream in streams(printed)) >= 120


def test_paper_is_white_and_without_what_is_to_be_pressed(driver, written):
    open_page(driver, written(diff_page()), scheme="dark")

    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    color = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    pressed = shown(driver, ".tools, .more, summary")
    cut = driver.execute_script(
        "return [...document.querySelectorAll('.card')].map(card => getComputedStyle(card)).filter("
        "style => style.breakInside !== 'avoid' || style.contentVisibility !== 'visible').length"
    )
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    assert (color, pressed, cut) == ("rgb(255, 255, 255)", [], 0)


def test_on_paper_a_wide_row_is_a_list_with_the_names_of_its_columns(driver, written):
    open_page(driver, written(wide_page(30, rows=3, shown_columns=30)))

    print_page(driver)

    table = driver.find_element(By.CSS_SELECTOR, ".rows table")
    assert "wide" in table.get_attribute("class")
    cell = table.find_element(By.CSS_SELECTOR, "tbody tr td:nth-child(5)")
    assert cell.get_attribute("data-name") == "feature_0003"


def test_a_thousand_columns_open(driver, written):
    open_page(driver, written(wide_page(1000)))

    assert console(driver) == []
    assert text_of(driver, ".columns output") == "1,000 columns"
    assert driver.find_elements(By.CSS_SELECTOR, "#g1-1-1 svg path")


def contrast(color, below) -> float:
    """How much lighter one colour is than the other, 1 to 21, by WCAG 2.2."""
    behind = (255.0, 255.0, 255.0)
    for red, green, blue, alpha in reversed(below):
        behind = tuple(
            alpha * over + (1 - alpha) * under for over, under in zip((red, green, blue), behind, strict=True)
        )
    light, dark = sorted((luminance(color[:3]), luminance(behind)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(rgb) -> float:
    parts = [part / 255 for part in rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def streams(pdf: bytes):
    """Yield what is in a PDF, unpacked."""
    for found in itertools.chain(re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)):
        try:
            yield zlib.decompress(found[1])
        except zlib.error:
            continue
