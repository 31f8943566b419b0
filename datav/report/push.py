"""push: text and JSON."""

from typing import Any

from datav.repo.push import PushResult
from datav.report.style import Style, count, size
from datav.report.traffic import ratio, requests, versions

_SHOWN = 5


def push_json(result: PushResult) -> dict[str, Any]:
    return {
        "format": 1,
        "remote": result.remote,
        "versions": result.versions,
        "new_versions": result.new_versions,
        "packs": result.packs,
        "chunks": result.chunks,
        "nodes": result.nodes,
        "bytes_sent": result.bytes_sent,
        "bytes_of_data": result.bytes_of_data,
        "requests": result.requests,
        "seconds": round(result.seconds, 3),
        "incomplete": [
            {
                "path": version.dataset.text if version.dataset else None,
                "id": f"b3:{version.content.id.hex()}",
            }
            for version in result.incomplete
        ],
    }


def push_text(result: PushResult, style: Style) -> str:
    where = f"{result.remote} ({result.url})"
    if not result.new_versions:
        if not result.versions:
            return "nothing to push: no commit has a dataset"
        return f"{where} has {versions(result.versions)} already; {requests(result.requests, result.seconds)}"
    parts = [
        f"pushed {versions(result.new_versions)} to {where}: sent {size(result.bytes_sent)}",
        f"for {size(result.bytes_of_data)} of data{ratio(result.bytes_sent, result.bytes_of_data)}",
    ]
    moved = f"{count(result.chunks, 'chunk')} in {count(result.packs, 'pack')}"
    detail = f"{moved}; {requests(result.requests, result.seconds)}"
    return "\n".join([style.good(" ".join(parts)), detail])


def push_warnings(result: PushResult) -> list[str]:
    if not result.incomplete:
        return []
    names = [str(version.dataset or version.content.id.hex()[:12]) for version in result.incomplete]
    shown = ", ".join(dict.fromkeys(names[:_SHOWN]))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    what = "version is" if len(names) == 1 else "versions are"
    return [f"{count(len(names), what, what)} neither here nor there, and could not be pushed: {shown}{more}"]
