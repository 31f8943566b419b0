"""One browser for all tests of a worker."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datav.report.html.model import Page
from datav.report.html.page import render_page
from tests.browser.browsing import CHROMEDRIVER, CHROMIUM, console, requests, start_browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[Any]:
    """A browser without a window; where none is installed the test is skipped, and in CI it fails."""
    if not (CHROMIUM.exists() and CHROMEDRIVER.exists()):
        missing = f"{CHROMIUM} or {CHROMEDRIVER} is not there: run `.ci/servers`"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    driver = start_browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def driver(browser) -> Any:
    """The browser, with nothing open and nothing to say from tests before."""
    browser.get("about:blank")
    console(browser)
    requests(browser)
    return browser


@pytest.fixture
def written(tmp_path) -> Callable[[Page], Path]:
    """Write a page and return where it is."""

    def write(page: Page) -> Path:
        path = tmp_path / "page.html"
        path.write_text(render_page(page), encoding="utf-8")
        return path

    return write
