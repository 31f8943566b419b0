"""Every session in the documentation does what the page says: the tutorial, the README, the guides."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.sessions import ROOT, Session, find_steps, is_same

PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "```console\n" in page.read_text("utf-8")
)

needs_shell = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("sh") is None, reason="the sessions are for a POSIX shell"
)


@needs_shell
@pytest.mark.parametrize("page", PAGES)
def test_a_session_does_what_the_page_says(page: str, tmp_path: Path):
    session = Session.start(tmp_path.resolve())

    for step in find_steps((ROOT / page).read_text("utf-8")):
        printed = session.run(step.command)
        if not is_same(step.output, printed):
            pytest.fail(f"{page}: $ {step.command}\n--- says\n{step.output}--- prints\n{printed}", False)


def test_the_tutorial_and_the_readme_have_sessions():
    assert {"README.md", "docs/tutorial.md"} <= set(PAGES)


def test_the_readme_has_the_two_commands():
    text = (ROOT / "README.md").read_text("utf-8")

    assert "pip install . && datav demo\n" in text
    assert "pip install -e '.[test]' && pytest\n" in text


def test_the_tutorial_uses_every_command_of_daily_work():
    used = set(re.findall(r"\bdatav (?:-C \S+ )?([a-z]+)", _commands("docs/tutorial.md")))

    wanted = "init add status checkout restore log ls cat mv rm du verify gc"
    assert set(wanted.split()) <= used


def _commands(page: str) -> str:
    return "\n".join(step.command for step in find_steps((ROOT / page).read_text("utf-8")))


# The test of the test: it must notice a page that lies.


@needs_shell
def test_a_session_keeps_its_directory(tmp_path: Path):
    session = Session.start(tmp_path.resolve())

    session.run("mkdir sub && cd sub")

    assert session.run("pwd") == "/home/ann/sub\n"


@needs_shell
def test_a_session_has_the_branch_that_git_makes_by_itself(tmp_path: Path):
    session = Session.start(tmp_path.resolve())

    assert session.run("git init -q && git symbolic-ref --short HEAD") == "master\n"


def test_steps_are_commands_with_what_they_print():
    page = "text\n```console\n$ one \\\n> two\nout\n$ three\n```\n```python\n$ no\n```\n"

    steps = find_steps(page)

    assert [(step.command, step.output) for step in steps] == [("one \\\ntwo", "out\n"), ("three", "")]
    assert page[steps[0].start : steps[0].end] == "out\n"


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("in 0.1 s\n", "in 95 ms\n"),
        ("store grew by 395 KB\n", "store grew by 401 KB\n"),
        ("434ab100d7  2026-11-21 01:06  Ann\n", "20a0183bff  2027-01-02 11:16  Ann\n"),
        ("photos  240 KB\n", "photos   240 KB\n"),
    ],
)
def test_what_differs_from_run_to_run_counts_as_equal(said: str, printed: str):
    assert is_same(said, printed)


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("", "error: no\n"),
        ("1 file\n", "2 files\n"),
        ("modified  a\n", "clean  a\n"),
        ("gauges.csv  208 KB\n", "gauges.csv  308 KB\n"),
        ("20,000 rows\n", "20,001 rows\n"),
        ('id = "b3:00ff00ff"\n', 'id = "b3:00ff00fe"\n'),
    ],
)
def test_what_a_page_has_wrong_counts_as_wrong(said: str, printed: str):
    assert not is_same(said, printed)
