"""hooks: text and JSON; and what git's hooks say, which git shows on standard error."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datav.relpath import RelPath
from datav.report.style import Style, columns, count, size

# Each hook imports what it needs: git waits for it.
if TYPE_CHECKING:
    from datav.repo.committing import CommitCheck
    from datav.repo.hooks import HooksChanged, HooksStatus, HookStatus
    from datav.repo.placing import Placed
    from datav.repo.push import PushResult

_SHOWN = 10


def hooks_json(status: "HooksStatus") -> dict[str, Any]:
    return {
        "format": 1,
        "directory": str(status.directory),
        "owner": status.owner,
        "complete": status.is_complete,
        "hooks": [
            {
                "name": hook.name,
                "path": str(hook.path),
                "state": hook.state,
                "other": hook.has_other,
                "runs": hook.runs,
            }
            for hook in status.hooks
        ],
    }


def hooks_text(status: "HooksStatus", style: Style, here: Path) -> str:
    lines = columns([(hook.name, hook.state, _notes(hook)) for hook in status.hooks])
    shown = [
        style.good(line.rstrip()) if hook.runs and hook.state != "outdated" else line.rstrip()
        for line, hook in zip(lines, status.hooks, strict=True)
    ]
    head = f"git looks for hooks in {_relative(status.directory, here)}"
    return "\n".join([head, *shown, *_advice(status, style, here)])


def _notes(hook: "HookStatus") -> str:
    notes = []
    if hook.state != "missing" and not hook.runs:
        notes.append("git does not run it")
    if hook.has_other:
        notes.append("behind another hook" if hook.state != "missing" else "another hook is there")
    return ", ".join(notes)


def _advice(status: "HooksStatus", style: Style, here: Path) -> list[str]:
    if status.is_complete:
        return []
    if status.owner == "clone":
        return [style.faint("`datav hooks install` puts them there")]
    missing = [hook for hook in status.hooks if hook.state == "missing"]
    whose = "everybody gets these" if status.owner == "project" else "other repositories share these"
    lines = [
        f"{whose}: `datav hooks install --into DIR` writes there, or add these lines, before any `exec`:"
    ]
    lines += columns([(_relative(hook.path, here), f'datav git-hook {hook.name} "$@"') for hook in missing])
    return [style.faint(line) for line in lines]


def _relative(path: Path, here: Path) -> str:
    relative = os.path.relpath(path, here)
    return str(path) if relative.startswith(f"..{os.sep}..{os.sep}..") else relative


def changed_json(result: "HooksChanged", *, dry_run: bool) -> dict[str, Any]:
    return {
        "format": 1,
        "directory": str(result.directory),
        "dry_run": dry_run,
        "changed": list(result.changed),
        "unchanged": list(result.unchanged),
        "chained": list(result.chained),
    }


def installed_text(result: "HooksChanged", style: Style, here: Path, *, dry_run: bool) -> str:
    where = _relative(result.directory, here)
    if not result.changed:
        return f"all {count(len(result.unchanged), 'hook')} are in {where} already"
    verb = "would put" if dry_run else "put"
    lines = [style.good(f"{verb} {count(len(result.changed), 'hook')} into {where}: {_list(result.changed)}")]
    if result.chained:
        lines.append(f"what was there runs first: {_list(result.chained)}")
    if not dry_run:
        lines.append(
            style.faint("git places, checks and pushes data by itself now; `DATAV_HOOKS=0` skips that")
        )
    return "\n".join(lines)


def removed_text(result: "HooksChanged", style: Style, here: Path, *, dry_run: bool) -> str:
    where = _relative(result.directory, here)
    if not result.changed:
        return f"there is no hook of datav in {where}"
    verb = "would remove" if dry_run else "removed"
    lines = [style.good(f"{verb} {count(len(result.changed), 'hook')} from {where}")]
    if result.chained:
        lines.append(f"what was there before is as it was: {_list(result.chained)}")
    return "\n".join(lines)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def placed_lines(placed: "Placed") -> list[str]:
    """What was placed, and what went: a line of each; none if nothing was."""
    written = sum(item.bytes_written - item.bytes_reused for item in placed.datasets)
    parts = [size(written)] if written else []
    if placed.fetched_bytes:
        parts.append(f"{size(placed.fetched_bytes)} received")
    detail = f" ({', '.join(parts)})" if parts else ""
    here = [item.path for item in placed.datasets if item.path not in placed.gone]
    gone = [item.path for item in placed.datasets if item.path in placed.gone]
    lines = [f"datav: placed the data of {_paths(here)}{detail}"] if here else []
    return (
        [*lines, f"datav: removed the data of {_paths(gone)}, which that commit has not"] if gone else lines
    )


def kept_lines(placed: "Placed") -> list[str]:
    """What was not placed, and what to do: three lines at most of each dataset."""
    lines = []
    for item in placed.kept[:_SHOWN]:
        lines.append(f"warning: {item.path} was not placed: {item.message}")
        hint = item.hint
        if item.kind == "edited":
            name = item.path.text
            hint = (
                f"the files are as you left them; `datav restore {name} --force` throws your changes away,"
                f" `datav add {name}` makes them the next version"
            )
        if hint:
            lines.append(f"hint: {hint}")
    if len(placed.kept) > _SHOWN:
        lines.append(f"warning: {len(placed.kept) - _SHOWN} more were not placed: `datav status` lists them")
    return lines


def check_lines(check: "CommitCheck") -> list[str]:
    """Why a commit is refused, or what was added to it."""
    if check.added:
        return [f"datav: added {_paths(check.added)} to the commit"]
    lines = []
    if check.unresolved:
        lines.append(f"error: {_paths(check.unresolved)}: a merge left conflicts that nobody has decided")
        lines.append("hint: `datav resolve PATH` decides them")
    if check.taken_by_git:
        names = " ".join(path.text for path in check.taken_by_git[:_SHOWN])
        lines.append(f"error: {_paths(check.taken_by_git)}: the commit would have the data itself")
        lines.append(f"hint: `git rm -r --cached -- {names}`, then `datav add {names}`, and commit")
    if check.edited:
        has_one = len(check.edited) == 1
        was = "was" if has_one else "were"
        lines.append(f"error: {_paths(check.edited)} {was} changed and not added: the commit would lack that")
        names = " ".join(path.text for path in check.edited[:_SHOWN])
        lines.append(f"hint: `datav add {names}`, then commit; `git commit --no-verify` commits without")
    return lines


def prepush_lines(result: "PushResult") -> list[str]:
    """What was pushed before git, in one line; none if all was there."""
    if not result.new_versions and not result.new_profiles:
        return []
    what = count(result.new_versions, "version") if result.new_versions else "profiles"
    return [f"datav: pushed {what} to {result.remote} ({result.url}): sent {size(result.bytes_sent)}"]


def _paths(paths: Sequence[RelPath]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(map(str, paths[:_SHOWN])) + more
