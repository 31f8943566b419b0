"""What `datav check` does in place of a check: `--pushed`, `--calibrate`, `--infer`."""

from collections.abc import Sequence
from datetime import UTC, datetime

import typer

from datav.cli.context import opened
from datav.cli.main import NO_REVISION
from datav.cli.terminal import Terminal, complain
from datav.errors import TableError, UsageError


def run_calibrate(output: Terminal, words: Sequence[str], against: str | None, *, is_alone: bool) -> None:
    """Learn what is normal, and write it down."""
    from datav.repo.calibrate import calibrate
    from datav.report.calibrate import calibrate_json, calibrate_text

    if not is_alone:
        raise UsageError(
            "`--calibrate` learns from history, and checks nothing: it goes with `--against` and paths alone",
            hint="run `datav check` after it",
        )
    with opened(output) as repository:
        names = [word for word in words if word != NO_REVISION]
        result = calibrate(repository, names, against=against)
    output.show(calibrate_text(result, output.style), calibrate_json(result))


def run_infer(output: Terminal, words: Sequence[str], *, is_alone: bool) -> None:
    """Append first promises to `datav.toml`."""
    from datav.repo.infer import infer
    from datav.report.infer import infer_json, infer_text

    if not is_alone:
        raise UsageError(
            "`--infer` proposes promises, and checks nothing: it goes with paths alone",
            hint="run `datav check` after it",
        )
    names = [word for word in words if word != NO_REVISION]
    if not names:
        raise UsageError("`--infer` of which data?", hint="`datav check --infer PATH`; `.` is all there is")
    with opened(output) as repository:
        result = infer(repository, names, now=datetime.now(UTC))
    output.show(infer_text(result, output.style), infer_json(result))
    errors = [each.error for each in result.datasets if each.error is not None]
    if len(errors) < len(result.datasets):
        # Among others what is no table needs no promises.
        errors = [error for error in errors if not isinstance(error, TableError)]
    for error in errors:
        complain(str(error), error.hint)
    if errors:
        raise typer.Exit(2)


def run_pushed(output: Terminal, words: Sequence[str], against: str | None, *, is_alone: bool) -> None:
    """Ask a remote whether it has what commits need."""
    from datav.repo.checkpushed import check_pushed, read_pushed_words
    from datav.report.check_pushed import check_pushed_json, check_pushed_text

    if not is_alone:
        raise UsageError(
            "`--pushed` asks a remote, and looks at no promises: it goes with REV, `--against` and paths",
            hint="run `datav check` without it as well",
        )
    with opened(output) as repository:
        at = words.index(NO_REVISION) if NO_REVISION in words else len(words)
        if at > 1 and at < len(words):
            raise UsageError("these are several revisions", hint="A..B is all commits between two")
        rev, base, names = read_pushed_words(repository, words[:at])
        if base is not None and against is not None:
            raise UsageError(
                f"{words[0]} says already what it is compared with", hint="leave `--against` out"
            )
        result = check_pushed(repository, rev, against=against or base, names=[*names, *words[at + 1 :]])
    output.show(check_pushed_text(result, output.style), check_pushed_json(result))
    if not result.ok:
        raise typer.Exit(1)
