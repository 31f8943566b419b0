"""docs/reference names every command and option there is, and none that is not."""

import re

import pytest

from datav.cli.commands import COMMANDS, SUBCOMMANDS
from datav.cli.main import build
from tests.docs.sessions import ROOT

PAGE = (ROOT / "docs/reference/cli.md").read_text("utf-8")
# They print no JSON, or that of another.
NO_JSON = {"cat", "completion", "demo", "restore"}

JSON_PAGE = (ROOT / "docs/reference/json.md").read_text("utf-8")
PROGRAM = build([])


def sections() -> dict[str, str]:
    """The parts of the page by their headings."""
    parts = re.split(r"^## (.*)\n", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def parameters_of(command) -> list:
    """Of a command and, where it has some, of its subcommands."""
    below = getattr(command, "commands", {}) if command is not PROGRAM else {}
    return [*command.params, *(parameter for name in below for parameter in below[name].params)]


def options_of(command) -> set[str]:
    return {name for parameter in parameters_of(command) for name in parameter.opts if name.startswith("-")}


def options_named_in(text: str) -> set[str]:
    """Options that begin a cell of a table, in backticks: what a section says that there is."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `-")]
    return {word for cell in cells for word in re.findall(r"`(--?[A-Za-z-]+)", cell)}


def test_every_command_has_a_section_and_no_other_has():
    named = {heading.removeprefix("datav ") for heading in sections() if heading.startswith("datav ")}

    assert named == set(COMMANDS)


def test_every_command_is_in_the_table_at_the_top():
    assert re.findall(r"^\| \[`([\w-]+)`\]\(#datav-[\w-]+\)", PAGE, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_names_the_options_that_there_are(name: str):
    section = sections()[f"datav {name}"]

    assert options_named_in(section) == options_of(PROGRAM.commands[name]) - {"--help", "-h"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_names_the_arguments_json_and_exit_status(name: str):
    section = sections()[f"datav {name}"]
    command = PROGRAM.commands[name]
    usage = next(line for line in section.splitlines() if line.startswith(f"`datav {name}"))
    arguments = [p.metavar or "" for p in command.params if p.param_type_name == "argument"]

    assert all(argument in usage for argument in arguments)
    assert all(below in usage for below in getattr(command, "commands", {}))
    assert "JSON" in section
    assert "Exit status: 0" in section


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_section_has_a_row_for_each_subcommand_with_its_arguments(name: str):
    rows = re.findall(rf"^\| `datav {name} (\w+)(.*?)` \|", sections()[f"datav {name}"], re.MULTILINE)

    assert [below for below, _ in rows] == list(SUBCOMMANDS[name])
    for below, usage in rows:
        parameters = PROGRAM.commands[name].commands[below].params
        arguments = [p.metavar or "" for p in parameters if p.param_type_name == "argument"]
        assert re.findall(r"\w+", usage) == arguments


def test_the_global_options_are_named():
    there = options_of(PROGRAM) | {"--help", "-h"}

    assert options_named_in(sections()["Global options"]) == there


def test_commands_of_other_versions_are_not_there_yet():
    words = re.findall(r"`(\w+)`", sections()["Not yet"])

    assert words
    assert not set(words) & set(COMMANDS)


def test_every_command_with_json_is_on_the_json_page():
    shown = set(re.findall(r"datav --json ([a-z-]+)", JSON_PAGE))
    headings = " ".join(re.findall(r"^## (.*)$", JSON_PAGE, re.MULTILINE))

    assert set(COMMANDS) - shown - NO_JSON == set()
    assert "restore" in headings


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - NO_JSON))
def test_the_fields_of_the_json_page_are_those_of_the_command_page(name: str):
    # The JSON page is run by test_tutorial.py, so its fields are the real ones.
    blocks = re.findall(rf"^\$ datav --json {name}(?![\w-]).*\n((?:[^$`].*\n)+)", JSON_PAGE, re.MULTILINE)
    real = {field for block in blocks for field in re.findall(r'"(\w+)": ', block)}

    assert real
    assert {field for field in real if not re.search(rf"\b{field}\b", sections()[f"datav {name}"])} == set()
