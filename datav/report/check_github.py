"""check, as workflow commands of GitHub Actions: a finding is an annotation of the file it is about.

GitHub shows ten annotations of a kind for a step and drops the others without a word; here the tenth says how
many there are.  The log has them all, as check_text draws them.

Source: docs.github.com, "Workflow commands for GitHub Actions"; actions/runner, its ActionCommand.cs.
"""

import re
from collections.abc import Iterator, Sequence

from datav.checks.finding import Checked, CheckResult, Finding
from datav.relpath import one_line
from datav.report.check_words import evidence, full_message, missed, place
from datav.report.style import count

_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)

_SHOWN = 10
_SETTINGS = "datav.toml"
_KINDS = {"error": "error", "warn": "warning"}


def check_github(result: CheckResult) -> str:
    """Return commands, one a line; nothing where nothing was found."""
    lines: list[str] = []
    for severity, kind in _KINDS.items():
        found = [
            (checked, finding)
            for checked in result.datasets
            for finding in checked.findings
            if finding.severity == severity
        ]
        lines += _annotations(kind, found)
    lines += [line for checked in result.datasets for line in _missed_lines(checked)]
    return "\n".join(lines)


def without_commands(text: str) -> str:
    """Text for the log of a job: a line that begins with `::` would be a command, as is, of an older kind,
    `##[` anywhere in one."""
    return _COMMAND.sub(r"\1: :", text.replace("##[", "## ["))


def _annotations(kind: str, found: Sequence[tuple[Checked, Finding]]) -> Iterator[str]:
    shown = found if len(found) <= _SHOWN else found[: _SHOWN - 1]
    for checked, finding in shown:
        title = f"{place(finding.column)}: {finding.rule}"
        message = f"{one_line(finding.path)}: {full_message(finding)}\n{evidence(finding)}"
        if finding.line is not None:
            yield _command(kind, _SETTINGS, finding.line, title, message)
        else:
            yield _command(kind, checked.manifest, None, title, message)
    rest = found[len(shown) :]
    if rest:
        more = f"{count(len(rest), f'more {kind}')}: the log of this step lists all"
        yield _command(kind, rest[0][0].manifest, None, "datav check", more)


def _missed_lines(checked: Checked) -> Iterator[str]:
    """Yield one notice for all that nobody could look at in a dataset."""
    if checked.not_checked:
        told = "\n".join(f"{place(each.column)}: {missed(each)}" for each in checked.not_checked)
        title = f"{count(len(checked.not_checked), 'promise')} not checked"
        yield _command("notice", checked.manifest, None, title, f"{one_line(checked.path)}: {told}")


def _command(kind: str, file: str, line: int | None, title: str, message: str) -> str:
    properties = [f"file={_property(file)}"]
    if line is not None:
        properties.append(f"line={line}")
    properties.append(f"title={_property(title)}")
    return f"::{kind} {','.join(properties)}::{_data(message)}"


def _data(text: str) -> str:
    """`text` as the message of a command: lines stay lines, all else that is not printable is escaped."""
    lines = "\n".join(map(one_line, text.split("\n")))
    return lines.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")
