"""du: text and JSON."""

from dataclasses import asdict
from typing import Any

from datav.repo.usage import Usage
from datav.report.style import Style, columns, count, size


def usage_json(result: Usage) -> dict[str, Any]:
    history = asdict(result.history) if result.history is not None else None
    store = asdict(result.store)
    return {
        "format": 1,
        "datasets": [{**asdict(item), "path": item.path.text} for item in result.datasets],
        "store": {**store, "path": str(result.store.path), "bytes": result.store.bytes},
        "history": history,
        "ratio": result.ratio,
    }


def usage_text(result: Usage, style: Style) -> str:
    rows: list[tuple[str, ...]] = [("dataset", "size", "stored", "of it shared", "")]
    for item in result.datasets:
        if item.error is not None:
            rows.append((str(item.path), size(item.bytes), "", "", item.error))
        else:
            note = f"{count(item.missing, 'chunk')} not in the store" if item.missing else ""
            rows.append((str(item.path), size(item.bytes), size(item.stored), size(item.shared), note))
    lines = columns(rows) if result.datasets else ["no datasets yet"]
    profiles = sum(item.profile for item in result.datasets)
    if profiles:
        lines.append(f"of what is stored {size(profiles)} are profiles")
    store = result.store
    lines.append("")
    parts = [count(store.packs, "pack"), count(store.indexes, "index", "indexes")]
    if store.temporary:
        parts.append(f"{count(store.temporary, 'temporary file')} of {size(store.temporary_bytes)}")
    lines.append(f"store: {size(store.bytes)} in {', '.join(parts)} at {store.path}")
    if store.unreachable:
        lines.append(f"unreachable: {size(store.unreachable)}; `datav gc --apply` frees it")
    if result.history is not None:
        text = f"history: {count(result.history.versions, 'version')}, {size(result.history.bytes)} as copies"
        if result.ratio is not None:
            text += f", {result.ratio:.1f} times the store"
        lines.append(text)
    return "\n".join(lines)
