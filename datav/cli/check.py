"""datav check"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datav import __version__
from datav.cli.checkmodes import run_calibrate, run_infer, run_pushed
from datav.cli.context import opened, terminal
from datav.cli.main import NO_REVISION
from datav.cli.outputs import is_standard_output
from datav.cli.terminal import Terminal, complain
from datav.errors import UsageError

if TYPE_CHECKING:
    from datav.checks.finding import CheckResult

# Of lines that nobody folds.
_FILE_WIDTH = 10_000


def check(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REV] [-- PATH...]",
            help="What to check, and which data of it; with `--pushed` also A..B.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="REV", help="Compare with it; by default the commit before."),
    ] = None,
    staged: Annotated[bool, typer.Option("--staged", help="Check what git is about to commit.")] = False,
    pushed: Annotated[
        bool,
        typer.Option("--pushed", help="Check instead that the remote has all data that REV, or A..B, needs."),
    ] = False,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate", help="Learn from history what is normal, and write it beside the manifests."
        ),
    ] = False,
    infer: Annotated[
        bool,
        typer.Option(
            "--infer", help="Append first promises to datav.toml, inferred from the data and its history."
        ),
    ] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML there as well.")
    ] = None,
    sarif: Annotated[
        Path | None, typer.Option("--sarif", metavar="FILE", help="Write SARIF 2.1.0 there as well.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write Markdown there as well.")
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Print annotations for GitHub Actions too.")
    ] = False,
) -> None:
    """Check the data against the promises in datav.toml, and its changes against those before.

    Without REV: the files on disk, compared with HEAD. REV: that commit, compared with its first parent.
    error: fails the check. warn: does not. -: could not be looked at, and why.
    """
    output, words = terminal(), words or []
    files = {"junit": junit, "sarif": sarif, "markdown": markdown}
    reports = {form: file for form, file in files.items() if file is not None}
    of_checks = staged or github or bool(reports)
    if infer:
        run_infer(output, words, is_alone=not (of_checks or pushed or calibrate or against))
    elif calibrate:
        run_calibrate(output, words, against, is_alone=not (of_checks or pushed))
    elif pushed:
        run_pushed(output, words, against, is_alone=not of_checks)
    else:
        _check(output, words, against, reports, staged=staged, github=github)


def _check(
    output: Terminal,
    words: Sequence[str],
    against: str | None,
    reports: Mapping[str, Path],
    *,
    staged: bool,
    github: bool,
) -> None:
    from datav.repo.check import check as check_all
    from datav.repo.check import read_words

    _refuse(output, list(reports.values()))
    if github and output.as_json:
        raise UsageError(
            "`--github` and `--json` both write to standard output", hint="leave one of the two out"
        )
    with opened(output) as repository:
        rev, names = _marked(words) if NO_REVISION in words else read_words(repository, words)
        outcome = check_all(
            repository, rev, staged=staged, against=against, names=names, now=datetime.now(UTC)
        )
    for form, file in reports.items():
        _write(output.here / file, _RENDERERS[form](outcome.result))
    _show(output, outcome.result, github=github)
    for error in outcome.errors:
        complain(str(error), error.hint)
    if outcome.errors:
        raise typer.Exit(2)
    if not outcome.result.ok:
        raise typer.Exit(1)


def _marked(words: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return the revision, if there is one, and the names behind it, which `--` parts."""
    at = words.index(NO_REVISION)
    if at > 1:
        raise UsageError(
            "one revision is checked at a time", hint="`--against REV` is what it is compared with"
        )
    return words[0] if at else None, tuple(words[at + 1 :])


def _show(output: Terminal, result: "CheckResult", *, github: bool) -> None:
    from datav.report.check_json import check_json
    from datav.report.check_text import check_text

    text = check_text(result, output.style, _width())
    if github:
        from datav.report.check_github import check_github, without_commands

        text = "\n".join(filter(None, [without_commands(text), check_github(result)]))
    output.show(text, check_json(result))


def _width() -> int:
    import shutil
    import sys

    # What is piped is not folded to the width of a terminal that nobody looks at.
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _FILE_WIDTH


def _refuse(output: Terminal, files: Sequence[Path]) -> None:
    """Raise UsageError where a report would be written onto data, or two to one file."""
    if not files:
        return
    from datav.repo.outputs import refuse_output

    for file in files:
        if is_standard_output(output.here / file):
            raise UsageError("a report is written to a file", hint="such as `--junit report.xml`")
        refuse_output(output.here / file, str(file), [])
    if len({(output.here / file).resolve() for file in files}) < len(files):
        raise UsageError("two reports cannot be one file", hint="give each a name of its own")


def _write(place: Path, text: str) -> None:
    from datav.repo.outputs import writing

    with writing(place) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _junit(result: "CheckResult") -> str:
    from datav.report.check_junit import check_junit

    return check_junit(result)


def _sarif(result: "CheckResult") -> str:
    from datav.report.check_sarif import check_sarif

    return json.dumps(check_sarif(result, __version__), indent=1) + "\n"


def _markdown(result: "CheckResult") -> str:
    from datav.report.check_markdown import check_markdown

    return check_markdown(result)


_RENDERERS: dict[str, Callable[["CheckResult"], str]] = {
    "junit": _junit,
    "sarif": _sarif,
    "markdown": _markdown,
}
