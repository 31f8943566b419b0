"""The pages that commands write, of real data, in a real browser."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.browser.browsing import console, open_page, requests, take_screenshot
from tests.browser.orders import write_orders

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"

SETTINGS = """
[table."orders.csv"]
key = ["order"]
label = "returned"
"""


@pytest.fixture(scope="module")
def pages(isolated_environment, tmp_path_factory):
    """A repository with two versions of a table; where the page of each command lies."""
    root = tmp_path_factory.mktemp("orders")

    def run(*command):
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def datav(*words):
        run(sys.executable, "-m", "datav", *words)

    run("git", "init", "-q")
    datav("init", "-q")
    with open(root / "datav.toml", "a") as settings:
        settings.write(SETTINGS)
    for version, went_wrong in (("v1", False), ("v2", True)):
        write_orders(root / "orders.csv", went_wrong=went_wrong)
        datav("add", "orders.csv")
        run("git", "add", "-A")
        run("git", "commit", "-q", "-m", version)
        run("git", "tag", version)
    datav("profile", "orders.csv", "v1", "--html", "profile.html")
    datav("diff", "v1", "v2", "--html", "diff.html")
    return {name: root / f"{name}.html" for name in ("profile", "diff")}


@pytest.mark.parametrize("name", ["profile", "diff"])
@pytest.mark.parametrize("width", [1200, 400])
def test_a_page_opens_and_reaches_for_nothing(driver, pages, name, width):
    open_page(driver, pages[name], width=width)

    assert console(driver) == []
    assert requests(driver) == [pages[name].as_uri()]
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert driver.find_elements(By.CSS_SELECTOR, ".chart svg path")


def test_what_went_wrong_comes_first(driver, pages):
    open_page(driver, pages["diff"])

    names = [each.text for each in driver.find_elements(By.CSS_SELECTOR, ".card h3, .card h4")]
    text = driver.find_element(By.TAG_NAME, "main").text

    assert {"discount", "weight_kg", "country"} <= {name.split()[0] for name in names[:4] if name}
    assert "broken" in text
    assert "Rows that changed only returned" in text


@pytest.mark.skipif(os.environ.get("DATAV_SCREENSHOTS") != "1", reason="DATAV_SCREENSHOTS=1 takes pictures")
@pytest.mark.parametrize("name", ["profile", "diff"])
def test_pictures_for_the_documentation(driver, pages, name):
    IMAGES.mkdir(exist_ok=True)

    take_screenshot(driver, pages[name], IMAGES / f"{name}.png", width=1200, height=1400)

    assert (IMAGES / f"{name}.png").read_bytes().startswith(b"\x89PNG")
