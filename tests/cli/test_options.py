"""Global options: wherever they stand; colour; what typer is told."""

import itertools
import json
import os
import subprocess
import sys

import pytest

from datav.cli.main import lift_global_options
from datav.cli.terminal import Terminal
from tests.cli.conftest import process_environment

ORDERS = [
    order
    for order in itertools.permutations(["status", "--json", "-q", "d"])
    if order.index("status") < order.index("d")
]


@pytest.mark.parametrize("arguments", ORDERS, ids=" ".join)
def test_options_may_stand_anywhere(shared_data, arguments):
    assert [item["path"] for item in shared_data.ok(*arguments).json["datasets"]] == ["d"]


@pytest.mark.parametrize("position", range(3))
def test_a_directory_may_stand_anywhere(shared_data, position):
    arguments = ["status", "one"]
    arguments[position:position] = ["-C", "d"]

    # Names are relative to it.
    assert [item["path"] for item in shared_data.ok("--json", *arguments).json["datasets"]] == ["d"]


def test_a_directory_that_is_called_like_a_command_is_a_directory(data):
    data.repo.path("log").mkdir()

    assert [item["path"] for item in data.ok("-C", "log", "ls", "--json").json["datasets"]] == ["a.csv", "d"]


def test_a_path_that_is_called_like_an_option_is_a_path_after_two_dashes(data):
    for name in ("--json", "-q", "-C"):
        data.repo.write(name, b"1")

    data.ok("add", "-q", "--", "--json", "-q", "-C")

    assert [item["path"] for item in data.ok("ls", "--json").json["datasets"]] == [
        "--json",
        "-C",
        "-q",
        "a.csv",
        "d",
    ]


@pytest.mark.parametrize(
    ("arguments", "lifted"),
    [
        ([], []),
        (["ls", "--json"], ["--json", "ls"]),
        (["ls", "-C", "x", "y"], ["-C", "x", "ls", "y"]),
        (["ls", "--quiet", "--verbose", "--no-color"], ["-q", "-v", "--no-color", "ls"]),
        (["ls", "--", "--json", "-C", "x"], ["ls", "--", "--json", "-C", "x"]),
        (["ls", "-C"], ["ls", "-C"]),
        (["-C", "--json", "ls"], ["-C", "--json", "ls"]),
    ],
)
def test_lifting(arguments, lifted):
    assert lift_global_options(arguments) == lifted


def on_a_terminal(cli, *arguments, environment=None):
    """What a command writes to standard output when that is a terminal."""
    import pty  # Windows has none.

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "datav", *arguments],
        cwd=cli.repo.root,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**process_environment({"TERM": "xterm"}), **(environment or {})},
    ) as process:
        os.close(theirs)
        out = b""
        try:
            while block := os.read(ours, 65536):
                out += block
        except OSError:  # How Linux tells the end of a terminal.
            pass
        os.close(ours)
        assert process.wait() == 0
    return out


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        ([], {}, True),
        (["--no-color"], {}, False),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"TERM": "dumb"}, False),
    ],
)
def test_colour_is_for_terminals_and_can_be_refused(data, arguments, environment, colored):
    data.repo.write("a.csv", b"other")

    assert (b"\x1b[" in on_a_terminal(data, "status", *arguments, environment=environment)) == colored


def test_there_is_no_colour_in_a_pipe(data):
    data.repo.write("a.csv", b"other")

    done = data.process("status", environment={"TERM": "xterm"})

    assert "modified" in done.out
    assert "\x1b" not in done.out


def test_progress_is_not_drawn_where_nobody_looks(data):
    assert type(Terminal(data.repo.root, quiet=True).progress()).__name__ == "Quiet"
    assert data.process("add", "a.csv", "d").err == ""


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_names_every_command_and_the_exit_statuses(cli, arguments):
    from datav.cli.commands import COMMANDS

    done = cli.ok(*arguments)

    for name in COMMANDS:
        assert f"\n  {name} " in done.out
    assert "Exit status: 0" in done.out


def test_every_command_has_help(cli):
    from datav.cli.commands import COMMANDS

    for name in COMMANDS:
        assert cli.ok(name, "--help").out.startswith(f"Usage: datav {name} ")


def test_without_anything_there_is_help_and_a_status_that_scripts_notice(cli):
    done = cli()

    assert (done.status, done.err) == (2, "")
    assert done.out.startswith("Usage: datav ")


def test_json_keeps_every_character(cli):
    cli.repo.write("größe 🎉.csv", b"id\n")

    done = cli.ok("add", "größe 🎉.csv", "--json")

    assert "größe 🎉.csv" in done.out
    assert json.loads(done.out)["datasets"][0]["path"] == "größe 🎉.csv"
