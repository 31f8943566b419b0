"""Charts: what the page hands to Vega-Lite, and Vega-Lite itself.

The drawing happens in the browser (`charts.js`), for two reasons.  A chart drawn here costs 25 ms and 15 KB,
which is half a minute and 15 MB for a thousand columns.  And a picture is of one size, where a page is read
on a phone and on paper.
"""

import datetime as dt
import functools
import importlib.util

from datav.errors import UsageError
from datav.report.html.markup import data_attribute, isolated, percent, scroll_box, shown, visible
from datav.report.html.model import Chart, Histogram

LIBRARY = "vl-convert-python"

_HISTOGRAM_HEIGHT, _BAR_HEIGHT, _AXIS_HEIGHT = 124, 13, 30

# Shares are drawn on about a hundred pixels.
_DIGITS = 5

# A table of more lines is no alternative that anybody reads.
_MAX_NUMBERS = 60


def require_charts() -> None:
    """Raise UsageError if the charting library is not installed; worth asking before long work."""
    if importlib.util.find_spec("vl_convert") is None:
        raise _missing_library()


@functools.cache
def chart_library() -> str:
    """Return Vega-Lite, Vega and vega-embed as one script that needs nothing else; 0.9 MB, in about a second.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        import vl_convert
    except ImportError as exc:
        raise _missing_library() from exc
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # Hundreds of names of one letter, which are nobody else's business.
    return f"(() => {{{bundle}}})();"


def chart_html(chart: Chart, name: str) -> str:
    """Return the place of a chart, with what it is drawn from, and a table of the same numbers."""
    data: dict[str, object] = {"before": _rounded(chart.before)}
    if chart.after is not None:
        data["after"] = _rounded(chart.after)
    if isinstance(chart, Histogram):
        data["edges"] = list(chart.edges)
        if chart.is_time:
            data["time"] = True
    else:
        data["labels"] = [visible(label) for label in chart.labels]
    return (
        f'<div class="chart" role="img" aria-label="{shown(_described(chart, name))}" '
        f"style=\"--h:{_height(chart)}px\" data-chart='{data_attribute(data)}'></div>{_numbers(chart)}"
    )


def _missing_library() -> UsageError:
    return UsageError(
        f"a page with charts needs {LIBRARY}, which is not installed", hint="run `pip install 'datav[html]'`"
    )


def _rounded(shares: tuple[float, ...]) -> list[float]:
    return [round(share, _DIGITS) for share in shares]


def _height(chart: Chart) -> int:
    if isinstance(chart, Histogram):
        return _HISTOGRAM_HEIGHT
    bars = len(chart.labels) * (1 if chart.after is None else 2)
    return bars * _BAR_HEIGHT + len(chart.labels) * 4 + _AXIS_HEIGHT


def _described(chart: Chart, name: str) -> str:
    """What somebody hears who cannot see the chart."""
    kind = "Histogram" if isinstance(chart, Histogram) else "Bar chart"
    if chart.after is None:
        sentence = f"most: {_most(chart, chart.before)}"
    else:
        sentence = f"most before: {_most(chart, chart.before)}; most after: {_most(chart, chart.after)}"
    return f"{kind} of {name}; {sentence}"


def _most(chart: Chart, shares: tuple[float, ...]) -> str:
    if not any(shares):
        return "nothing"
    place = shares.index(max(shares))
    label = _range(chart, place) if isinstance(chart, Histogram) else chart.labels[place]
    return f"{label} ({percent(shares[place])})"


def _range(chart: Histogram, place: int) -> str:
    low, high = (_edge(edge, chart.is_time) for edge in chart.edges[place : place + 2])
    return f"{low} to {high}"


def _edge(edge: float, is_time: bool) -> str:
    return _utc(edge) if is_time else f"{edge:.6g}"


def _utc(milliseconds: float) -> str:
    """A time as people write it; the number itself where the calendar of Python ends."""
    try:
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=milliseconds)
    except OverflowError:
        return f"{milliseconds:.6g} ms"
    return moment.isoformat(" ", "minutes")


def _numbers(chart: Chart) -> str:
    size = len(chart.before)
    if size == 0 or size > _MAX_NUMBERS:
        return ""
    head = "<th scope=col>before<th scope=col>after" if chart.after else "<th scope=col>share"
    lines = []
    for place in range(size):
        label = _range(chart, place) if isinstance(chart, Histogram) else chart.labels[place]
        cells = f"<td>{percent(chart.before[place])}"
        if chart.after is not None:
            cells += f"<td>{percent(chart.after[place])}"
        # End tags of rows and cells may be left out, and a thousand columns have many.
        lines.append(f"<tr><th scope=row>{isolated(label)}{cells}")
    kind = "values" if isinstance(chart, Histogram) else "category"
    table = f"<table><thead><tr><th scope=col>{kind}{head}</thead><tbody>{''.join(lines)}</tbody></table>"
    return f"<details class=numbers><summary>Numbers</summary>{scroll_box(table, 'Numbers')}</details>"
