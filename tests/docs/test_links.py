"""Relative links in the documentation lead somewhere, headings included; nothing is left unlinked."""

import re
from pathlib import Path

import pytest

from tests.docs.sessions import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

# Measured last, and written by who measures.
WRITTEN_LAST = {ROOT / "docs/benchmarks.md"}

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")


def links_of(page: Path) -> list[str]:
    text = _FENCE.sub("", page.read_text("utf-8"))
    # Code in the text of a link stays, so that the link is seen.
    return _LINK.findall(_CODE.sub("code", text))


def anchors_of(page: Path) -> set[str]:
    """What links can name in a page, as GitHub makes it of headings."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_relative_links_resolve(name: str):
    page = ROOT / name
    broken = []
    for link in links_of(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if target in WRITTEN_LAST and not target.exists():
            continue
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)

    assert broken == []


def test_every_page_is_in_the_list_of_pages():
    index = ROOT / "docs/index.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links_of(index)}

    assert [name for name in NAMES if (ROOT / name) not in {*listed, index, ROOT / "README.md"}] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_begins_with_its_title(name: str):
    assert (ROOT / name).read_text("utf-8").startswith("# ")
