"""repair: text and JSON."""

from typing import Any

from datav.repo.repair import LostVersion, Repaired
from datav.repo.repair_remote import LostThere, RepairedRemote
from datav.report.style import Style, count, seconds

_SHOWN = 20


def repair_json(result: Repaired, elapsed_s: float) -> dict[str, Any]:
    return {
        "format": 1,
        "ok": result.ok,
        "dry_run": result.dry_run,
        "damaged": result.damaged,
        "broken_indexes": result.broken_indexes,
        "unindexed_packs": result.unindexed_packs,
        "damaged_packs": result.damaged_packs,
        "rescued": result.rescued,
        "unsound": result.unsound,
        "remote": result.remote,
        "remote_error": result.remote_error,
        "from_remote": result.from_remote,
        "from_files": result.from_files,
        "lost": [
            {
                "id": item.version.id,
                "path": item.version.path.text if item.version.path is not None else None,
                "commit": item.version.commit,
                "profile": item.version.is_profile,
                "chunks": item.chunks,
                "nodes": item.nodes,
            }
            for item in result.lost
        ],
        "unreadable": list(result.unreadable),
        "seconds": round(elapsed_s, 3),
    }


def repair_text(result: Repaired, style: Style, elapsed_s: float) -> str:
    lines = [*_found(result), *_brought(result)]
    if not lines:
        lines.append("nothing in the store is damaged")
    lines += [style.bad(f"lost: {_lost(item)}") for item in result.lost[:_SHOWN]]
    if len(result.lost) > _SHOWN:
        lines.append(f"... and {len(result.lost) - _SHOWN} more")
    lines += [style.bad(f"unreadable: {where}") for where in result.unreadable]
    if result.dry_run:
        lines.append(style.faint("nothing was changed; `datav repair` does it"))
    elif result.ok:
        lines.append(style.good(f"nothing is missing, in {seconds(elapsed_s)}"))
    else:
        advice = "put a file that has it in place from a backup, `datav add` it, then `datav repair` again"
        lines.append(style.faint(f"next: {advice}"))
    return "\n".join(lines)


def _found(result: Repaired) -> list[str]:
    """What was wrong, and what came of it within the store."""
    verb = "to rebuild" if result.dry_run else "rebuilt"
    lines = []
    if result.broken_indexes or result.unindexed_packs:
        what = [count(result.broken_indexes, "damaged index", "damaged indexes")] * bool(
            result.broken_indexes
        )
        what += [f"{count(result.unindexed_packs, 'pack')} without one"] * bool(result.unindexed_packs)
        lines.append(f"index {verb}: {', '.join(what)}")
    if result.damaged_packs:
        put = "to put aside" if result.dry_run else "put aside"
        lines.append(f"{count(result.damaged_packs, 'damaged pack')} {put}, what is good in them kept")
    if result.rescued:
        lines.append(f"{_pieces(result.rescued)} came back from packs that were put aside before")
    if result.unsound:
        lines.append(f"{_pieces(result.unsound)} had no good copy in the store")
    return lines


def _brought(result: Repaired) -> list[str]:
    """What came from elsewhere."""
    lines = []
    if result.from_remote:
        lines.append(f"{_pieces(result.from_remote)} fetched from {result.remote}")
    if result.remote_error is not None:
        lines.append(f"{result.remote} could not help: {result.remote_error}")
    if result.from_files:
        lines.append(f"{count(result.from_files, 'chunk')} stored again from the files on disk")
    return lines


def _pieces(number: int) -> str:
    return count(number, "chunk or tree node", "chunks and tree nodes")


def _lost(item: LostVersion) -> str:
    version = item.version
    name = str(version.path) if version.path is not None else version.id[:15]
    if version.is_profile:
        name = f"the profile of {name}"
    where = f"of commit {version.commit[:10]}" if version.commit is not None else "in no commit"
    what = [count(item.chunks, "chunk")] * bool(item.chunks)
    what += [f"{count(item.nodes, 'tree node')} and what is below"] * bool(item.nodes)
    return f"{' and '.join(what)} of {name} {where}"


def remote_repair_json(result: RepairedRemote, elapsed_s: float) -> dict[str, Any]:
    done = result.done
    return {
        "format": 1,
        "ok": result.ok,
        "dry_run": result.dry_run,
        "remote": result.remote,
        "damaged": result.damaged,
        "broken_indexes": done.broken_indexes,
        "unindexed_packs": done.unindexed_packs,
        "damaged_packs": done.damaged_packs,
        "deleted_packs": done.deleted_packs,
        "unsound": done.unsound,
        "sent": done.sent,
        "lost": [
            {"id": item.id, "pushed_by": list(item.who), "chunks": item.chunks, "nodes": item.nodes}
            for item in result.lost
        ],
        "broken_roots": list(result.broken_roots),
        "seconds": round(elapsed_s, 3),
    }


def remote_repair_text(result: RepairedRemote, style: Style, elapsed_s: float) -> str:
    done = result.done
    lines = []
    if done.broken_indexes or done.unindexed_packs:
        verb = "to rebuild" if result.dry_run else "rebuilt"
        packs = f"{count(done.unindexed_packs, 'pack')} without one"
        lines.append(f"index {verb}: {done.broken_indexes:,} damaged, {packs}")
    if done.damaged_packs:
        gone = "" if result.dry_run else f", {done.deleted_packs:,} deleted, what is good in them kept"
        lines.append(f"{count(done.damaged_packs, 'damaged pack')}{gone}")
    if done.unsound:
        lines.append(f"{_pieces(done.unsound)} had no good copy on {result.remote}")
    if done.sent:
        lines.append(f"{_pieces(done.sent)} sent from here")
    if not lines:
        lines.append(f"nothing on {result.remote} is damaged")
    lines += [style.bad(f"lost: {_lost_there(item)}") for item in result.lost[:_SHOWN]]
    if len(result.lost) > _SHOWN:
        lines.append(f"... and {len(result.lost) - _SHOWN} more")
    lines += [style.bad(f"damaged: {name}; its clone must push again") for name in result.broken_roots]
    if result.dry_run:
        lines.append(style.faint(f"nothing was changed; `datav repair --remote {result.remote}` does it"))
    elif result.ok:
        lines.append(style.good(f"nothing is missing, in {seconds(elapsed_s)}"))
    elif result.lost:
        lines.append(style.faint(f"next: `datav repair --remote {result.remote}` in a clone that has it"))
    return "\n".join(lines)


def _lost_there(item: LostThere) -> str:
    what = [count(item.chunks, "chunk")] * bool(item.chunks)
    what += [f"{count(item.nodes, 'tree node')} and what is below"] * bool(item.nodes)
    return f"{' and '.join(what)} of {item.id[:15]}, pushed by {', '.join(item.who[:3])}"
