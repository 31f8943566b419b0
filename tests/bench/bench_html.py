"""What an HTML page of many columns costs: to make, to open, to filter, to print.

    python tests/bench/bench_html.py [--columns 1000] [--rows 200] [--shown 60] [--runs 3]

Opened in Chromium without a window, from a file; `open` is until the charts in sight are drawn.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.webdriver.common.by import By

from datav.report.html.charts import chart_library
from datav.report.html.page import render_page
from tests.browser.browsing import open_page, print_page, start_browser, wait_for
from tests.browser.pages import wide_page


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def filter_columns(driver: Any) -> None:
    """Type the name of one column and wait until it is alone."""
    driver.find_element(By.CSS_SELECTOR, ".columns .tools input").send_keys("0042")
    output = driver.find_element(By.CSS_SELECTOR, ".columns output")
    wait_for(driver, lambda: output.text.startswith("1 of"), "filtered")


def measure(path: Path, profile: Path, runs: int) -> None:
    driver = start_browser(profile)
    try:
        opened, filtered = [], []
        for _ in range(runs):
            driver.get("about:blank")
            opened.append(timed(lambda: open_page(driver, path))[0])
            filtered.append(timed(lambda: filter_columns(driver))[0])
        print(f"open        {statistics.median(opened):8.2f} s   (of {runs}, worst {max(opened):.2f} s)")
        print(f"filter      {statistics.median(filtered):8.2f} s")
        open_page(driver, path)
        printing, printed = timed(lambda: print_page(driver))
        print(f"print       {printing:8.2f} s   {len(printed) / 1e6:.1f} MB of PDF, every chart drawn")
    finally:
        driver.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--shown", type=int, default=60, help="columns of the table of rows")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    bundling, library = timed(chart_library)
    page = wide_page(options.columns, options.rows, options.shown)
    rendering, text = timed(lambda: render_page(page))
    print(f"library     {bundling:8.2f} s   {len(library) / 1e6:.1f} MB, once a process")
    print(f"render      {rendering:8.2f} s   {len(text) / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        path = Path(scratch) / "page.html"
        path.write_text(text, encoding="utf-8")
        measure(path, Path(scratch) / "profile", options.runs)


if __name__ == "__main__":
    main()
