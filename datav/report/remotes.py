"""remote: text and JSON."""

from collections.abc import Callable, Sequence
from typing import Any

from datav.relpath import one_line
from datav.repo.probing import Attempt, RemoteCheck
from datav.repo.remotes import Remote, RemotesChanged
from datav.report.style import Style, columns
from datav.settings import FILE_NAME, hide_secrets


def remotes_json(remotes: Sequence[Remote]) -> dict[str, Any]:
    return {
        "format": 1,
        "remotes": [
            {
                "name": remote.settings.name,
                "url": remote.settings.shown,
                "default": remote.is_default,
                "private": remote.is_private,
                "endpoint": remote.settings.endpoint and hide_secrets(remote.settings.endpoint),
                "region": remote.settings.region,
                "profile": remote.settings.profile,
                "anonymous": remote.settings.anonymous,
            }
            for remote in remotes
        ],
    }


def remotes_text(remotes: Sequence[Remote], style: Style) -> str:
    if not remotes:
        return "no remotes yet: `datav remote add origin URL` adds one"
    rows = [(remote.settings.name, remote.settings.shown, _notes(remote)) for remote in remotes]
    lines = columns([row if row[2] else row[:2] for row in rows])
    return "\n".join(
        style.strong(line) if remote.is_default else line for line, remote in zip(lines, remotes, strict=True)
    )


def _notes(remote: Remote) -> str:
    settings = remote.settings
    notes = [
        "default" if remote.is_default else "",
        "this clone only" if remote.is_private else "",
        f"at {hide_secrets(settings.endpoint)}" if settings.endpoint else "",
        f"region {settings.region}" if settings.region else "",
        f"profile {settings.profile}" if settings.profile else "",
        "anonymous" if settings.anonymous else "",
    ]
    return ", ".join(filter(None, notes))


def changed_json(result: RemotesChanged) -> dict[str, Any]:
    return {
        "format": 1,
        "remote": result.remote,
        "url": result.url,
        "default": result.default,
        "written": list(result.written),
        "staged": list(result.staged),
    }


def added_text(result: RemotesChanged) -> str:
    role = ", the default" if result.default == result.remote else ""
    lines = [f"added remote {result.remote}{role}: {result.url}", *_staged(result)]
    lines.append(f"next: `datav remote check {result.remote}` tries what it lets you do")
    return "\n".join(lines)


def removed_text(result: RemotesChanged) -> str:
    lines = [f"removed remote {result.remote}; what is stored at {result.url} stays"]
    if result.default is not None:
        lines.append(f"the default remote is {result.default}")
    return "\n".join([*lines, *_staged(result)])


def default_text(result: RemotesChanged) -> str:
    return "\n".join([f"the default remote is {result.remote}: {result.url}", *_staged(result)])


def _staged(result: RemotesChanged) -> list[str]:
    return [f"{FILE_NAME} is staged: commit it"] if result.staged else []


def check_json(result: RemoteCheck) -> dict[str, Any]:
    return {
        "format": 1,
        "remote": result.remote,
        "url": result.url,
        "ok": result.is_ok,
        "can_write": result.can_write,
        "attempts": [
            {
                "verb": attempt.verb,
                "outcome": attempt.outcome,
                "needed_for": attempt.needed_for,
                "message": attempt.message,
                "permission": attempt.permission,
            }
            for attempt in result.attempts
        ],
        "presence": result.presence,
        "version": result.version,
        "left_behind": result.left_behind,
    }


def check_text(result: RemoteCheck, style: Style) -> str:
    lines = [f"{result.remote}: {result.url}"]
    for attempt, line in zip(result.attempts, columns([_row(a) for a in result.attempts]), strict=True):
        lines.append(_paint(attempt, style)(line))
        if attempt.message is not None and attempt.outcome != "skipped":
            lines.append(f"          {one_line(attempt.message)}")
    if all(attempt.outcome == "refused" for attempt in result.attempts):
        lines.append("everything is refused: look at the credentials first, then at permissions")
    lines.append(_place(result))
    if not result.can_write:
        lines.append("it can be read only: nothing can be pushed there")
    if result.left_behind is not None:
        lines.append(f"the probe is still there: {result.left_behind}")
    return "\n".join(lines)


def _paint(attempt: Attempt, style: Style) -> Callable[[str], str]:
    if attempt.outcome == "skipped":
        return style.faint
    return style.good if attempt.outcome == "ok" else style.bad


def _row(attempt: Attempt) -> tuple[str, ...]:
    verb, outcome = f"  {attempt.verb}", attempt.outcome
    if outcome == "ok":
        return verb, outcome
    if outcome == "skipped":
        return verb, outcome, attempt.message or ""
    return verb, outcome, f"{attempt.needed_for} needs {attempt.permission or 'it'}"


def _place(result: RemoteCheck) -> str:
    if result.presence == "store":
        newer = "" if result.is_known else ", which this datav does not know: upgrade datav"
        return f"there is a store of version {result.version}{newer}"
    return {
        "empty": "there is no store yet: the first push makes one",
        "other": "there is something that is no store of datav: choose another place",
        "unknown": "whether there is a store cannot be told",
    }[result.presence]
