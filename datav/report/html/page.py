"""One HTML file from a page model: styles, scripts and numbers in it, and nothing to fetch.

What it promises: text from data is shown and never obeyed; the browser is told to reach for nothing
(`default-src 'none'`), and to run the scripts that are in the file and no others.
"""

import base64
import hashlib
from importlib import resources

from datav import __version__
from datav.report.html.charts import chart_html, chart_library
from datav.report.html.columns import columns_html, facts_html, schema_html
from datav.report.html.markup import isolated, optional, paragraphs, shown
from datav.report.html.model import Columns, Figure, Group, Matrix, Page, Rows, Schema, Section
from datav.report.html.tables import matrix_html, rows_html


def render_page(page: Page) -> str:
    """Return the file; it holds ASCII and printable text only, to be written as UTF-8.

    Raises:
        UsageError: there are charts on the page, and the extra that draws them is not installed.
    """
    scripts = [_script_text(chart_library()), _own("charts.js")] if _has_charts(page) else []
    scripts.append(_own("page.js"))
    body = "".join(_group(group, f"g{number}", page.sides) for number, group in enumerate(page.groups, 1))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<meta name="generator" content="datav {__version__}">\n'
        f"<title>{shown(page.title)}</title>\n<style>\n{_own('page.css')}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">Skip to the content</a>\n{_header(page)}{_contents(page)}'
        f'<main id="main">\n{body}</main>\n'
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


def _header(page: Page) -> str:
    sides = ""
    if page.sides is not None:
        before, after = page.sides
        sides = f'<p class="sides"><code>{isolated(before)}</code> → <code>{isolated(after)}</code></p>'
    below = f"{facts_html(page.facts, page.sides)}{paragraphs(page.notes, 'note')}"
    return (
        f'<header class="top"><h1>{isolated(page.title)}</h1>{sides}'
        f"{optional('p', page.subtitle, 'subtitle')}{below}</header>\n"
    )


def _contents(page: Page) -> str:
    """Links to every section, which are also the quick way for who goes by keyboard."""
    lines = []
    for number, group in enumerate(page.groups, 1):
        sections = " ".join(
            f'<a href="#g{number}-{place}">{shown(section.title)}</a>{_size(section)}'
            for place, section in enumerate(group.sections, 1)
        )
        name = f'<a class="group" href="#g{number}">{isolated(group.title)}</a>' if group.title else ""
        lines.append(f"<li>{name} <span>{sections}</span></li>")
    return f'<nav aria-label="Contents"><ul>{"".join(lines)}</ul></nav>\n'


def _size(section: Section) -> str:
    if isinstance(section, Columns):
        return f" <small>{len(section.cards):,}</small>"
    if isinstance(section, Schema):
        return f" <small>{len(section.changes):,}</small>"
    if isinstance(section, Rows):
        return f" <small>{len(section.rows):,}</small>"
    return ""


def _group(group: Group, place: str, sides: tuple[str, str] | None) -> str:
    title = f"<h2>{isolated(group.title)}</h2>" if group.title else ""
    sections = "".join(
        _section(section, f"{place}-{number}", sides, 3 if group.title else 2)
        for number, section in enumerate(group.sections, 1)
    )
    return (
        f'<section class="group" id="{place}">{title}{optional("p", group.subtitle, "subtitle")}'
        f"{facts_html(group.facts, sides)}{paragraphs(group.notes, 'note')}{sections}</section>\n"
    )


def _section(section: Section, place: str, sides: tuple[str, str] | None, level: int) -> str:
    kind, inside = _inside(section, place, sides, level + 1)
    return (
        f'<section class="{kind}" id="{place}"><h{level} class="title">{shown(section.title)}</h{level}>'
        f"{optional('p', section.note, 'note')}{inside}</section>\n"
    )


def _inside(section: Section, place: str, sides: tuple[str, str] | None, level: int) -> tuple[str, str]:
    """The class of the section, and what is in it below its heading."""
    match section:
        case Columns():
            return "columns", columns_html(section, place, sides, level)
        case Schema():
            return "schema", schema_html(section)
        case Rows():
            return "changes", rows_html(section, place)
        case Matrix():
            return "counts", matrix_html(section)
        case Figure():
            return "figure", f'<div class="card">{chart_html(section.chart, section.title)}</div>'


def _has_charts(page: Page) -> bool:
    sections = [section for group in page.groups for section in group.sections]
    return any(isinstance(section, Figure) for section in sections) or any(
        card.chart is not None
        for section in sections
        if isinstance(section, Columns)
        for card in section.cards
    )


def _own(name: str) -> str:
    return resources.files("datav.report.html").joinpath(name).read_text(encoding="utf-8")


def _script_text(script: str) -> str:
    """`script` so that nothing in it ends its element, and so that browsers read what we hash."""
    return script.replace("\r\n", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _policy(scripts: list[str]) -> str:
    """What the browser may do: run these scripts, draw.  Vega sets styles, so those cannot go by digest."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
