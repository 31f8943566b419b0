"""verify: text and JSON."""

from typing import Any

from datav.repo.verify import AbsentVersion, Verified
from datav.report.style import Style, count, seconds, size

_SHOWN = 20
_SHOWN_ABSENT = 10


def verify_json(result: Verified, elapsed_s: float) -> dict[str, Any]:
    store = result.store
    return {
        "format": 1,
        "ok": result.ok,
        "remote": result.remote,
        "chunks": store.chunks,
        "bytes": store.bytes,
        "damaged": [{"id": item.id, "pack": item.pack, "what": item.what} for item in store.damaged],
        "missing": [
            {
                "id": item.id,
                "manifests": list(item.where),
                "chunks": item.missing_chunks,
                "nodes": item.missing_nodes,
                "profile": item.is_profile,
            }
            for item in result.missing
        ],
        "indexes": [str(item) for item in store.broken_indexes],
        "absent": list(result.absent),
        "absent_profiles": list(result.absent_profiles),
        "absent_versions": [
            {
                "id": item.id,
                "path": item.path.text if item.path is not None else None,
                "commit": item.commit,
            }
            for item in result.absent_versions
        ],
        "partial": list(result.partial),
        "needed": list(result.needed),
        "unreadable": [{"where": item.where, "what": item.what} for item in result.unreadable],
        "manifests": result.manifests,
        "seconds": round(elapsed_s, 3),
    }


def verify_text(result: Verified, style: Style, elapsed_s: float) -> str:
    store = result.store
    problems = [f"damaged: {item.what}" for item in store.damaged]
    problems += [f"index: {name[:20]}: {what}" for name, what in store.broken_indexes]
    for item in result.missing:
        lacks = []
        if item.missing_chunks:
            lacks.append(count(item.missing_chunks, "chunk"))
        if item.missing_nodes:
            lacks.append(count(item.missing_nodes, "tree node"))
        of_what = "the profile in " if item.is_profile else ""
        problems.append(f"missing: {' and '.join(lacks)} of {of_what}{', '.join(item.where[:3])}")
    problems += [f"not here: all of {where}" for where in result.needed]
    problems += [f"unreadable: {item.where}: {item.what}" for item in result.unreadable]
    lines = [style.bad(text) for text in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"... and {len(problems) - _SHOWN} more")
    where = f" on {result.remote}" if result.remote is not None else ""
    lines.append(
        f"read {count(store.chunks, 'chunk')} of {size(store.bytes)}{where}"
        f" for {count(result.manifests, 'version')} in {seconds(elapsed_s)}"
    )
    if result.absent:
        lines += _absent_lines(result, style)
    if result.partial:
        lines.append(f"{count(len(result.partial), 'version')} partly here: only parts were fetched")
    if result.absent_profiles:
        where = "in this store" if result.remote is None else f"on {result.remote}"
        lines.append(f"{count(len(result.absent_profiles), 'profile')} not {where}")
    if result.ok and (result.absent or result.partial or result.absent_profiles):
        lines.append(style.good(f"what is {'here' if result.remote is None else 'there'} is sound"))
    elif result.ok:
        lines.append(style.good("everything is there and sound"))
    else:
        lines.append(style.faint(f"next: {_advice(result)}"))
    return "\n".join(lines)


def _absent_lines(result: Verified, style: Style) -> list[str]:
    where = "in this store at all" if result.remote is None else f"on {result.remote}"
    lines = [style.warn(f"{count(len(result.absent), 'version')} not {where}:")]
    lines += [f"    {_called(item)}" for item in result.absent_versions[:_SHOWN_ABSENT]]
    if len(result.absent_versions) > _SHOWN_ABSENT:
        lines.append(f"    and {len(result.absent_versions) - _SHOWN_ABSENT} more")
    return lines


def _called(item: AbsentVersion) -> str:
    name = str(item.path) if item.path is not None else item.id[:15]
    return f"{name} of commit {item.commit[:10]}" if item.commit is not None else f"{name}, in no commit"


def _advice(result: Verified) -> str:
    if result.remote is not None:
        return f"`datav repair --remote {result.remote}` where the data is stored"
    if not result.store.ok or result.missing:
        return "`datav repair` saves what can be saved, and says what cannot"
    if result.needed and result.has_remote:
        return "`datav pull` brings what was pushed"
    return "`datav add` the same data again where you still have it"
