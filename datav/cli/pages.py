"""Pages of HTML that a command writes to a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from datav.cli.outputs import is_standard_output
from datav.errors import UsageError

if TYPE_CHECKING:
    from datav.report.html.model import Page


def refuse_page(here: Path, file: Path, inputs: Sequence[str]) -> None:
    """Raise UsageError where a page would be written onto data, or to no file, or cannot be drawn."""
    from datav.repo.outputs import refuse_output
    from datav.report.html.charts import require_charts

    if is_standard_output(here / file):
        raise UsageError("a page is written to a file", hint="such as `--html page.html`")
    refuse_output(here / file, str(file), [here / name for name in inputs if "\0" not in name])
    # Before the work, of which nothing would be left.
    require_charts()


def write_page(place: Path, page: "Page") -> None:
    """Write a page, whole or not at all.

    Raises:
        UsageError: what draws its charts is not installed.
        StorageError: the system refuses.
    """
    from datav.repo.outputs import writing
    from datav.report.html.page import render_page

    text = render_page(page)
    with writing(place) as file:
        file.write(text.encode("utf-8", "surrogateescape"))
