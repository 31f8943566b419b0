"""The program: global options, one subcommand, errors in three lines, an exit status.

Exit status: 0 done, or nothing found; 1 something found; 2 error; 70 a bug; 130 interrupted.
"""

import gc
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from datav import __version__

_HELP = """Versions data as well as git versions code.

The data goes into a store beside git's own; a small manifest for each dataset goes into git in its place.

Global options may stand anywhere: -C DIR, --json, -q, -v, --no-color.
"""
_EPILOG = "Exit status: 0 done or nothing found, 1 something found (differences, damage), 2 error."

_FLAGS = {
    "--json": "--json",
    "-q": "-q",
    "--quiet": "-q",
    "-v": "-v",
    "--verbose": "-v",
    "--no-color": "--no-color",
}


def run() -> None:
    """The console script, under the names `datav` and `git-datav`: git runs that one for `git datav`."""
    set_up_process()
    # Python has none where the caller closed it.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the terminal's encoding has not got is shown in part, and no reason to fail.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))


def set_up_process() -> None:
    """Make a process quick that runs nothing but commands."""
    # Commands make many small values and no cycles: looking for cycles takes a third of the time of some.
    gc.set_threshold(200_000, 20, 100)
    sys.meta_path.insert(0, _NoPandas)


class _NoPandas:
    """A finder of modules to which pandas is not installed.

    No command has a use for it, and pyarrow would import it, which takes longer than most commands, to ask
    whether an array is one of pandas.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("no command of datav loads pandas", name=name)


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    if "--version" in arguments and {"--version", *_FLAGS}.issuperset(arguments):
        # Asked by scripts and prompts: not worth building all commands for.
        print(version_line())
        return 0
    if not arguments:
        _invoke(["--help"])
        return 2
    try:
        if arguments[0] in ("git-diff", "git-textconv"):
            # git runs these, some of them for each version of a file.
            from datav.cli.gitdriver import run_for_git

            return run_for_git(arguments[0], arguments[1:])
        if arguments[0] == "git-hook":
            from datav.cli.githooks import run_hook

            return run_hook(arguments[1:])
        if arguments[0] == "git-merge":
            from datav.cli.mergedriver import run_merge_driver

            return run_merge_driver(arguments[1:])
        if arguments[0] == "complete-words":
            # A shell runs this while a command is typed.
            from datav.cli.completing import run_completion

            return run_completion(arguments[1:])
        if arguments[0] == "help":
            # git looks for a page of a manual when it is asked for `git datav --help`.
            arguments = [*arguments[1:], "--help"]
        return _invoke(mark_no_revision(lift_global_options(arguments)))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _abandon_output()
        return 0


def version_line() -> str:
    from datav.core import IMPLEMENTATION

    return f"datav {__version__} (core: {IMPLEMENTATION})"


def lift_global_options(arguments: list[str]) -> list[str]:
    """Move global options, wherever they stand before `--`, in front of the subcommand."""
    lifted: list[str] = []
    rest: list[str] = []
    at = 0
    while at < len(arguments):
        word = arguments[at]
        if word == "--":
            rest += arguments[at:]
            break
        if word in _FLAGS:
            lifted.append(_FLAGS[word])
        elif word == "-C" and at + 1 < len(arguments):
            lifted += ["-C", arguments[at + 1]]
            at += 1
        else:
            rest.append(word)
        at += 1
    return lifted + rest


# Nobody can type it: an argument holds no NUL.
NO_REVISION = "\0none"


_TAKE_A_REVISION = ("checkout", "fetch", "pull")
# Any number of them, which end where the word for no revision stands.
_TAKE_REVISIONS = ("diff", "check")


def mark_no_revision(arguments: list[str]) -> list[str]:
    """Put a word for no revision into `checkout -- PATH...`: else the first PATH would be taken for one."""
    at = arguments.index("--") if "--" in arguments else 0
    commands = (*_TAKE_A_REVISION, *_TAKE_REVISIONS)
    command = next((word for word in arguments[:at] if word in commands), None)
    if command is None:
        return arguments
    if command in _TAKE_REVISIONS:
        return [*arguments[:at], "--", NO_REVISION, *arguments[at + 1 :]]
    before = arguments[arguments.index(command) + 1 : at]
    if all(_is_option(word, previous) for previous, word in pairwise(["", *before])):
        return [*arguments[:at], "--", NO_REVISION, *arguments[at + 1 :]]
    return arguments


def _is_option(word: str, previous: str) -> bool:
    """Whether a word before `--` is an option, or the value of one."""
    return word.startswith("-") or previous in ("--remote", "--jobs", "-j")


def _invoke(arguments: list[str]) -> int:
    import typer

    from datav.cli.terminal import OutputError, complain, writing_output
    from datav.errors import DatavError

    # The class above all that typer says of a wrong call.  Which module it lies in depends on typer's
    # version.
    wrong_call: type[Exception] = typer.BadParameter.__mro__[2]
    debug = os.environ.get("DATAV_DEBUG") == "1"
    application = build(arguments)
    try:
        # Not by calling it: that would take a broken pipe for a failure.
        with application.make_context("datav", list(arguments)) as context:
            application.invoke(context)
        with writing_output():
            sys.stdout.flush()
    except typer.Abort:
        print("interrupted", file=sys.stderr)
        return 130
    except typer.Exit as exc:
        return exc.exit_code
    except wrong_call as exc:
        message = str(exc.format_message()) if hasattr(exc, "format_message") else str(exc)
        complain(message[:1].lower() + message[1:].rstrip("."), _help_on(arguments))
        return 2
    except DatavError as exc:
        if isinstance(exc, OutputError):
            _abandon_output()
        if debug:
            traceback.print_exc()
        complain(str(exc), exc.hint)
        return exc.exit_status
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except MemoryError:
        complain("there is not enough memory for that", None)
        return 2
    except Exception:
        traceback.print_exc()
        complain("this is a bug in datav", "please report it with the lines above")
        return 70
    return 0


def _help_on(arguments: list[str]) -> str:
    """The hint for a call that cannot be understood: the help on its command, if it names one."""
    from datav.cli.commands import COMMANDS

    words = [word for before, word in pairwise(["", *arguments]) if before != "-C"]
    command = next((word for word in words if not word.startswith("-")), None)
    if command in COMMANDS:
        return f"`datav {command} --help` tells how it is called"
    return "`datav --help` lists the commands"


def _abandon_output() -> None:
    """What is still to be written goes nowhere: Python would complain when it cannot be, at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build(arguments: list[str]) -> Any:
    """Return the command line as typer builds it: the one command that is called for, or all of them."""
    import typer

    from datav.cli import commands
    from datav.cli.context import choose_terminal
    from datav.cli.terminal import Terminal
    from datav.errors import UsageError

    app = typer.Typer(
        help=_HELP,
        epilog=_EPILOG,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def options(
        directory: Annotated[
            Path | None, typer.Option("-C", metavar="DIR", help="Run as if started there.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
        quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")] = False,
        verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Tell more.")] = False,
        no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
        version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    ) -> None:
        if version:
            print(version_line())
            raise typer.Exit
        here = Path.cwd() if directory is None else Path.cwd() / directory
        if not os.path.isdir(here):
            raise UsageError(f"there is no directory {directory}")
        choose_terminal(Terminal(here, as_json, quiet, verbose, not no_color))

    # typer takes its time for each command, and only one will run.
    words = [word for before, word in pairwise(["", *arguments]) if before != "-C"]
    chosen = next((word for word in words if word in commands.COMMANDS), None)
    for name, command in commands.COMMANDS.items():
        if chosen not in (None, name):
            continue
        if name in commands.SUBCOMMANDS:
            group = typer.Typer(callback=command, invoke_without_command=True, rich_markup_mode=None)
            for below, subcommand in commands.SUBCOMMANDS[name].items():
                group.command(below, short_help=_first_line(subcommand))(subcommand)
            app.add_typer(
                group, name=name, short_help=_first_line(command), help=command.__doc__, epilog=_EPILOG
            )
        else:
            app.command(name, short_help=_first_line(command))(command)
    return typer.main.get_command(app)


def _first_line(command: Callable[..., Any]) -> str:
    """What a list says of a command, in full: typer would cut it after 45 letters."""
    return (command.__doc__ or "").partition("\n")[0]
