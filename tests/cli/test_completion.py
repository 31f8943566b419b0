"""What a shell is told while a command is typed; and the scripts, in the shells that are here."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from datav.cli.commands import COMMANDS
from datav.cli.completing import complete
from datav.cli.completion import SCRIPTS
from tests.cli.conftest import ROOT, Cli, process_environment


@pytest.fixture(scope="module")
def project(shared_data) -> Cli:
    """Datasets `a.csv` and `d`, and one with a blank in its name; a tag, a branch with a slash, a remote."""
    shared_data.repo.write("sub/my table.csv", b"id\n1\n")
    shared_data.ok("add", "sub/my table.csv")
    shared_data.ok("remote", "add", "origin", "../far")
    shared_data.repo.commit("third")
    shared_data.repo.git("tag", "v1", "HEAD~1")
    shared_data.repo.git("branch", "topic/one")
    return shared_data


def offered(project: Cli, *words: str, here: str = ".") -> list[str]:
    return [found.word for found in complete(words, project.repo.path(here))]


def answered(project: Cli, *words: str, here: str = ".") -> list[str]:
    """What the program prints for a shell."""
    done = project("complete-words", *words, here=here)
    assert (done.status, done.err) == (0, "")
    return done.lines


def test_the_first_word_is_a_command(project: Cli):
    assert offered(project, "sta") == ["status"]
    assert set(offered(project, "")) == {*COMMANDS, "help"}


def test_help_takes_a_command(project: Cli):
    assert offered(project, "help", "comp") == ["completion"]


def test_options_are_those_of_the_command_and_global_ones(project: Cli):
    found = offered(project, "status", "--")

    assert {"--exit-code", "--json", "--help"} <= set(found)
    assert "--remote" not in found


def test_a_subcommand_and_what_it_takes(project: Cli):
    assert offered(project, "remote", "ch") == ["check"]
    assert offered(project, "remote", "check", "") == ["origin"]
    assert offered(project, "remote", "add", "") == []


@pytest.mark.parametrize(
    "words",
    [("fetch", "--remote", "o"), ("push", "o"), ("remote", "remove", "")],
)
def test_remotes_are_offered_where_one_is_named(project: Cli, words: tuple[str, ...]):
    assert offered(project, *words) == ["origin"]


def test_an_option_and_its_value_may_be_one_word(project: Cli):
    assert offered(project, "fetch", "--remote=o") == ["--remote=origin"]
    assert offered(project, "diff", "--format=js") == ["--format=json"]


def test_datasets_are_relative_to_where_one_is(project: Cli):
    assert offered(project, "status", "") == ["a.csv", "d", "sub/my table.csv"]
    assert offered(project, "status", "", here="sub") == ["../a.csv", "../d", "my table.csv"]
    assert offered(project, "-C", "sub", "status", "m") == ["my table.csv"]
    assert offered(project, "status", "./a") == ["./a.csv"]


def test_revisions_are_branches_and_tags(project: Cli):
    assert offered(project, "checkout", "v") == ["v1"]
    assert offered(project, "checkout", "to") == ["topic/one"]
    assert offered(project, "log", "--rev", "ma") == ["main"]
    assert offered(project, "diff", "HEAD..v") == ["HEAD..v1"]


def test_behind_two_dashes_there_are_only_paths(project: Cli):
    assert offered(project, "checkout", "--", "") == ["a.csv", "d", "sub/my table.csv"]


def test_a_path_behind_a_revision_is_one_of_that_revision(project: Cli):
    assert offered(project, "cat", "v1:") == ["v1:a.csv", "v1:d"]
    assert offered(project, "cat", "none:") == []


def test_add_leaves_files_to_the_shell(project: Cli):
    assert offered(project, "add", "") == []


def test_bash_gets_words_quoted_and_without_what_it_has_cut_off(project: Cli):
    assert answered(project, "bash", "status", "sub/m") == ["sub/my\\ table.csv"]
    assert answered(project, "bash", "status", '"sub/m') == ["sub/my table.csv"]
    assert answered(project, "bash", "status", "sub/my\\ ") == ["sub/my\\ table.csv"]
    assert answered(project, "bash", "fetch", "--remote", "=", "o") == ["origin"]
    assert answered(project, "bash", "fetch", "--remote", "=") == ["origin"]
    assert answered(project, "bash", "cat", "v1", ":", "a") == ["a.csv"]
    assert answered(project, "bash", "cat", "v1", ":") == ["a.csv", "d"]


def test_other_shells_get_descriptions(project: Cli):
    assert answered(project, "fish", "checkout", "v") == ["v1\trevision"]
    assert answered(project, "zsh", "cat", "v1:a") == ["v1\\:a.csv:dataset"]


@pytest.mark.parametrize("words", [(), ("bash",), ("bash", "status", ""), ("bash", "fetch", "--remote", "")])
def test_nothing_is_said_where_there_is_no_repository(cli: Cli, tmp_path: Path, words: tuple[str, ...]):
    done = cli("complete-words", *words, here=str(tmp_path))

    assert (done.status, done.err) == (0, "")
    assert len(words) < 2 or done.out == ""


def test_settings_that_cannot_be_read_offer_no_remotes(cli: Cli):
    cli.repo.write("datav.toml", b"datav = = 1")

    assert answered(cli, "bash", "fetch", "--remote", "") == []


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_printed_for_each_shell(cli: Cli, shell: str):
    assert cli.ok("completion", shell).out == SCRIPTS[shell]


def test_another_shell_is_an_error(cli: Cli):
    assert "tcsh" in cli.fails("completion", "tcsh").err


_BASH = """
eval "$(datav completion bash)"
COMP_WORDS=(datav status a) COMP_CWORD=2; _datav; printf '%s\\n' "${COMPREPLY[@]}"
words=(git -C . datav status a) cword=5; _git_datav; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_a_dataset(project: Cli, tmp_path: Path):
    program = tmp_path / "datav"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m datav "$@"\n')
    program.chmod(0o755)
    environment = process_environment()
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"

    done = subprocess.run(
        ["bash", "--norc", "-c", _BASH],
        cwd=project.repo.root,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (done.stdout, done.stderr) == ("a.csv\na.csv \n", "")


def test_help_of_a_command_may_be_asked_for_in_git_s_way(cli: Cli):
    assert cli.ok("help", "status").out == cli.ok("status", "--help").out
    assert cli.ok("help").out == cli.ok("--help").out


def test_git_datav_is_the_same_program():
    assert 'git-datav = "datav.cli.main:run"' in (ROOT / "pyproject.toml").read_text("utf-8")
