"""gc --remote: text and JSON."""

from typing import Any

from datav.repo.collect_remote import RemoteCollected
from datav.report.collect import freed_lines
from datav.report.style import Style, columns, count, size
from datav.store.remoteneeds import CloneNeed

_SHOWN = 7
"""Digits of a clone's id: what tells clones apart, and what `--forget` takes."""


def collect_remote_json(result: RemoteCollected) -> dict[str, Any]:
    done = result.collection
    return {
        "format": 1,
        "remote": result.remote,
        "dry_run": result.dry_run,
        "grace_s": result.grace_s,
        "shallow": result.is_shallow,
        "versions": done.versions,
        "missing_chunks": done.missing_chunks,
        "bytes_before": done.bytes_before,
        "bytes_after": done.bytes_after,
        "bytes_freed": done.bytes_before - done.bytes_after,
        "bytes_young": done.bytes_young,
        "packs_deleted": done.packs_deleted,
        "packs_rewritten": done.packs_rewritten,
        "packs_kept": done.packs_kept,
        "roots_deleted": done.roots_deleted,
        "roots_waiting": done.roots_waiting,
        "damaged": list(done.damaged),
        "clones": [
            {
                "id": clone.id,
                "name": clone.label,
                "pushed": clone.time,
                "versions": clone.versions,
                "only_versions": clone.only_versions,
                "only_bytes": clone.only_bytes,
                "own": clone.is_own,
                "forgotten": clone.is_forgotten,
            }
            for clone in done.clones
        ],
        "requests": result.requests,
        "seconds": round(result.seconds, 3),
    }


def collect_remote_text(result: RemoteCollected, style: Style) -> str:
    done = result.collection
    where = f"{result.remote} ({result.url})"
    if not done.clones and not done.bytes_before:
        return f"{where} has nothing on it"
    clones = count(len(done.clones), "clone")
    lines = [f"{where} keeps {count(done.versions, 'version')} for {clones}:"]
    lines += columns([_clone_row(clone) for clone in done.clones])
    if done.bytes_young:
        lines.append(f"{size(done.bytes_young)} are younger than {_duration(result.grace_s)}, and stay")
    if done.roots_waiting:
        told = count(done.roots_waiting, "earlier state of a clone", "earlier states of clones")
        lines.append(f"{told} replaced less than {_duration(result.grace_s)} ago: what these need stays too")
    return "\n".join([*lines, *freed_lines(done, style, dry_run=result.dry_run)])


def collect_remote_warnings(result: RemoteCollected) -> list[str]:
    done = result.collection
    warnings = [f"pack {pack} stays as it is, for something in it is damaged" for pack in done.damaged]
    if result.is_shallow:
        warnings.append(
            "this clone is shallow: what its history needs is not known, so all that it has pushed stays;"
            " `git fetch --unshallow` first"
        )
    if done.missing_chunks:
        verify = f"`datav verify --remote {result.remote}` says whose"
        missing = count(done.missing_chunks, "chunk that is needed is", "chunks that are needed are")
        warnings.append(f"{missing} not on {result.remote}; {verify}")
    return warnings


def _clone_row(clone: CloneNeed) -> tuple[str, ...]:
    only = f"{size(clone.only_bytes)} for it alone" if clone.only_versions else "nothing for it alone"
    notes = [*(["this clone"] if clone.is_own else []), *(["forgotten"] if clone.is_forgotten else [])]
    return (
        clone.id[:_SHOWN],
        clone.label,
        f"pushed {clone.time[:10]}",
        count(clone.versions, "version"),
        only + (f" ({', '.join(notes)})" if notes else ""),
    )


def _duration(seconds: float) -> str:
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}{'' if seconds == unit else 's'}"
    return f"{seconds:.3g} seconds"
