"""check --pushed: text and JSON."""

from collections.abc import Iterator
from typing import Any

from datav.relpath import one_line
from datav.repo.checkpushed import NotPushed, PushedCheck, State
from datav.report.style import Style, columns, count, size
from datav.report.traffic import requests, versions

_SHOWN = 20
_SHOWN_COMMITS = 3
_COMMIT = 10

_WORDS: dict[State, str] = {
    "absent": "not there",
    "incomplete": "not all there",
    "unpromised": "there, but nobody pushed it: a collection may take it away",
}


def check_pushed_json(result: PushedCheck) -> dict[str, Any]:
    return {
        "format": 1,
        "ok": result.ok,
        "rev": result.rev,
        "commit": result.commit,
        "against": result.against,
        "against_commit": result.against_commit,
        "remote": result.remote,
        "commits": result.commits,
        "versions": result.versions,
        "profiles": result.profiles,
        "not_pushed": [
            {
                "path": item.path.text,
                "id": item.id,
                "bytes": item.bytes,
                "commits": list(item.commits),
                "profile": item.is_profile,
                "state": item.state,
                "promised": item.is_promised,
                "chunks": item.chunks,
                "nodes": item.nodes,
                "here": item.is_here,
            }
            for item in result.not_pushed
        ],
        "notes": list(result.notes),
        "requests": result.requests,
        "seconds": round(result.seconds, 3),
    }


def check_pushed_text(result: PushedCheck, style: Style) -> str:
    where = f"{result.remote} ({result.url})"
    of_what = f"commit {result.commit[:_COMMIT]}"
    if result.against is not None:
        changed = count(result.commits, "commit that changed data", "commits that changed data")
        of_what = f"{result.against}..{result.rev}, {changed}"
    lines = [f"{of_what}: {versions(result.versions)} and {count(result.profiles, 'profile')} asked for"]
    shown = result.not_pushed[:_SHOWN]
    for item, line in zip(shown, columns([_row(item) for item in shown]), strict=True):
        lines.append(style.warn(line) if item.state == "unpromised" else style.bad(line))
    if len(result.not_pushed) > _SHOWN:
        lines.append(f"and {len(result.not_pushed) - _SHOWN} more")
    if result.ok:
        lines.append(style.good(f"all of it is on {where}; {requests(result.requests, result.seconds)}"))
    else:
        number = len({(item.path, item.id) for item in result.not_pushed})
        lines.append(
            style.bad(f"{where} lacks {number} of them; {requests(result.requests, result.seconds)}")
        )
        lines += [style.faint(f"next: {advice}") for advice in _advice(result)]
    lines += [f"note: {one_line(note)}" for note in result.notes]
    return "\n".join(lines)


def _row(item: NotPushed) -> tuple[str, ...]:
    what = "profile" if item.is_profile else "of a merge" if item.is_for_merge else "data"
    lacks = []
    if item.chunks and item.state == "incomplete":
        lacks.append(count(item.chunks, "chunk"))
    if item.nodes and item.state == "incomplete":
        lacks.append(count(item.nodes, "tree node"))
    told = _WORDS[item.state] + (f": {' and '.join(lacks)} missing" if lacks else "")
    return str(item.path), what, size(item.bytes), f"{told}; {_commits(item)}"


def _commits(item: NotPushed) -> str:
    named = ", ".join(commit[:_COMMIT] for commit in item.commits[:_SHOWN_COMMITS])
    hidden = len(item.commits) - _SHOWN_COMMITS
    more = f" and {hidden} more" if hidden > 0 else ""
    return f"commit {named}{more}"


def _advice(result: PushedCheck) -> Iterator[str]:
    lost = [item for item in result.not_pushed if item.is_promised]
    rest = [item for item in result.not_pushed if not item.is_promised]
    if any(item.is_here or item.state == "unpromised" for item in rest):
        yield "`datav push`, or `datav push --all` where HEAD does not come from these commits"
    if any(not item.is_here and item.state != "unpromised" for item in rest):
        yield "what is not in this store either: `datav push` from the clone that has it"
    if lost:
        yield f"what was there and is lost: `datav repair --remote {result.remote}`, where the data is stored"
