"""A browser without a window: to start it, to open pages in it, to take pictures of them."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM, CHROMEDRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)

# Generous: a loaded machine draws slowly, and nothing is measured here.
_PATIENCE_S = 60

# What a chart looks like once Vega is done with it.
_DRAWN = "return [...document.querySelectorAll('.chart')].every(c => c.querySelector('svg g.mark-group'))"
# The boxes of cards, because to ask for that of a chart makes the browser lay out what it had put off.
SEEN_DRAWN = """return [...document.querySelectorAll('.card')].every(card => {
    const box = card.getBoundingClientRect();
    if (box.top > innerHeight || box.bottom < 0 || box.height === 0) return true;
    const chart = card.querySelector('.chart');
    return chart === null || chart.querySelector('svg g.mark-group');
})"""


def start_browser(profile: Path) -> webdriver.Chrome:
    """Start Chromium; `profile` is an empty directory of its own."""
    options = Options()
    options.binary_location = str(CHROMIUM)
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))


def open_page(
    driver: Any, path: Path, *, width: int = 1200, height: int = 900, scheme: str = "light"
) -> None:
    """Open a file in a window of that size, and wait until the charts in sight are drawn."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    set_scheme(driver, scheme)
    driver.get(path.as_uri())
    wait_for(driver, lambda: driver.execute_script(SEEN_DRAWN), "the charts in sight")


def set_scheme(driver: Any, scheme: str) -> None:
    """Let the browser prefer `light` or `dark`."""
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )


def wait_for(driver: Any, condition: Callable[[], Any], what: str) -> Any:
    """Return what `condition` returns once that is something."""
    end = time.monotonic() + _PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < end, f"{what}: not there after {_PATIENCE_S} s"
        time.sleep(0.02)
    return result


def console(driver: Any) -> list[str]:
    """What the console says since it was asked last."""
    return [f"{entry['level']}: {entry['message']}" for entry in driver.get_log("browser")]


def requests(driver: Any) -> list[str]:
    """Addresses that were asked for since this was asked last."""
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def take_screenshot(
    driver: Any,
    html_path: Path,
    png_path: Path,
    *,
    width: int = 1200,
    height: int = 900,
    scheme: str = "light",
) -> None:
    """Write a picture of what one sees who opens the page."""
    open_page(driver, html_path, width=width, height=height, scheme=scheme)
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    png_path.write_bytes(base64.b64decode(shot["data"]))


def print_page(driver: Any) -> bytes:
    """Return the page that is open, printed, as a PDF."""
    printed = driver.execute_cdp_cmd(
        "Page.printToPDF",
        {"printBackground": True, "preferCSSPageSize": True, "paperWidth": 8.27, "paperHeight": 11.69},
    )
    return base64.b64decode(printed["data"])


def are_all_drawn(driver: Any) -> bool:
    return bool(driver.execute_script(_DRAWN))
