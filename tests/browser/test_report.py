"""The comment on a pull request, rendered, in a real browser."""

import os

import pytest
from selenium.webdriver.common.by import By

from datav.report.check_markdown import check_markdown
from datav.report.pull_request import pull_request
from tests.browser.browsing import console, open_page, requests, take_screenshot
from tests.browser.comment import rendered
from tests.docs.sessions import ROOT
from tests.support.findings import hostile
from tests.support.reports import hostile_report, orders_report

IMAGES = ROOT / "docs/images"
WIDTHS = (1000, 400)

# Where a table is wider than its page it is the table that scrolls.
OVERFLOW = """return [...document.querySelectorAll('article *')].filter(each => !each.closest('table')
    && each.getBoundingClientRect().right > innerWidth + 1).map(each => each.localName)"""
BROKEN_CHARTS = """return [...document.querySelectorAll('td code')].filter(each =>
    /^[▁-█▉-▏\\u00a0]+$/.test(each.textContent) && each.getClientRects().length > 1).length"""


@pytest.fixture
def pages(tmp_path):
    texts = {
        "report": pull_request(orders_report()),
        "hostile": pull_request(hostile_report()),
        "check": check_markdown(hostile()),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.html").write_text(rendered(text), "utf-8")
    return {name: tmp_path / f"{name}.html" for name in texts}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["report", "hostile", "check"])
def test_a_comment_fits_its_page(driver, pages, name, width):
    open_page(driver, pages[name], width=width)

    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert driver.execute_script(OVERFLOW) == []
    assert driver.execute_script(BROKEN_CHARTS) == 0


def test_tables_are_tables_and_rows_are_behind_a_summary(driver, pages):
    open_page(driver, pages["report"])

    heads = [
        row.text.split()[0] for row in driver.find_elements(By.CSS_SELECTOR, "table thead tr") if row.text
    ]
    details = driver.find_element(By.TAG_NAME, "details")
    before = details.find_element(By.TAG_NAME, "table").is_displayed()
    details.find_element(By.TAG_NAME, "summary").click()

    assert {"dataset", "column", "rows", "classes"} <= set(heads)
    assert "|" not in driver.find_element(By.TAG_NAME, "article").text
    assert not before
    assert details.find_element(By.TAG_NAME, "table").is_displayed()


@pytest.mark.parametrize("name", ["hostile", "check"])
def test_nothing_in_data_runs_loads_or_links(driver, pages, name):
    open_page(driver, pages[name])

    assert driver.execute_script("return window.hacked") is None
    assert driver.find_elements(By.CSS_SELECTOR, "article :is(script, img, a, iframe, style, form)") == []
    assert requests(driver) == [pages[name].as_uri()]
    assert console(driver) == []
    # It is all there, to the letter.
    assert "@you" in driver.find_element(By.TAG_NAME, "article").text


@pytest.mark.skipif(os.environ.get("DATAV_SCREENSHOTS") != "1", reason="DATAV_SCREENSHOTS=1 takes pictures")
def test_a_picture_for_the_documentation(driver, pages):
    IMAGES.mkdir(exist_ok=True)

    take_screenshot(driver, pages["report"], IMAGES / "report.png", width=1000, height=1500)

    assert (IMAGES / "report.png").read_bytes().startswith(b"\x89PNG")
