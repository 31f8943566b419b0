"""push, fetch, pull and clone: text and JSON."""

from typing import Any

from datav.ids import Id
from datav.repo.checkout import Checkout
from datav.repo.clone import Cloned
from datav.repo.fetch import FetchResult
from datav.repo.push import PushResult
from datav.report.checkout import checkout_json, checkout_text
from datav.report.style import Style, count, seconds, size

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
        return f"{where} has {_versions(result.versions)} already; {_requests(result)}"
    parts = [
        f"pushed {_versions(result.new_versions)} to {where}: sent {size(result.bytes_sent)}",
        f"for {size(result.bytes_of_data)} of data{_ratio(result.bytes_sent, result.bytes_of_data)}",
    ]
    detail = f"{count(result.chunks, 'chunk')} in {count(result.packs, 'pack')}; {_requests(result)}"
    return "\n".join([style.good(" ".join(parts)), detail])


def push_warnings(result: PushResult) -> list[str]:
    if not result.incomplete:
        return []
    names = [str(version.dataset or version.content.id.hex()[:12]) for version in result.incomplete]
    shown = ", ".join(dict.fromkeys(names[:_SHOWN]))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    what = "old version is" if len(names) == 1 else "old versions are"
    return [f"{count(len(names), what, what)} neither here nor there, and could not be pushed: {shown}{more}"]


def fetch_json(result: FetchResult) -> dict[str, Any]:
    return {
        "format": 1,
        "remote": result.remote,
        "versions": result.versions,
        "chunks": result.chunks,
        "nodes": result.nodes,
        "bytes_received": result.bytes_received,
        "bytes_of_data": result.bytes_of_data,
        "requests": result.requests,
        "seconds": round(result.seconds, 3),
    }


def fetch_text(result: FetchResult, style: Style) -> str:
    where = f"{result.remote} ({result.url})"
    if not result.chunks and not result.nodes:
        return f"{_versions(result.versions)}: all here already; {_requests(result)}"
    return style.good(
        f"fetched from {where}: {size(result.bytes_received)}"
        f" for {size(result.bytes_of_data)} of data{_ratio(result.bytes_received, result.bytes_of_data)},"
        f" {count(result.chunks, 'chunk')}; {_requests(result)}"
    )


def pull_json(fetched: FetchResult, done: Checkout) -> dict[str, Any]:
    return {**fetch_json(fetched), "checkout": checkout_json(done, fetched.seconds)}


def pull_text(fetched: FetchResult, done: Checkout, style: Style, elapsed_s: float) -> str:
    return "\n".join([fetch_text(fetched, style), checkout_text(done, style, elapsed_s)])


def clone_json(
    cloned: Cloned, fetched: FetchResult | None, done: Checkout | None, elapsed_s: float
) -> dict[str, Any]:
    return {
        "format": 1,
        "root": str(cloned.root),
        "is_set_up": cloned.is_set_up,
        "fetch": fetch_json(fetched) if fetched is not None else None,
        "checkout": checkout_json(done, elapsed_s) if done is not None else None,
    }


def clone_text(
    cloned: Cloned, fetched: FetchResult | None, done: Checkout | None, style: Style, elapsed_s: float
) -> str:
    lines = [f"cloned into {cloned.root}"]
    if not cloned.is_set_up:
        lines.append(style.faint("the repository does not use datav; `datav init` there sets it up"))
    elif fetched is None or done is None:
        lines.append("it has no datasets yet")
    else:
        lines += [fetch_text(fetched, style), checkout_text(done, style, elapsed_s)]
    return "\n".join(lines)


def _versions(number: int) -> str:
    return count(number, "version")


def _requests(result: PushResult | FetchResult) -> str:
    return f"{count(result.requests, 'request')} in {seconds(result.seconds)}"


def _ratio(moved: int, data: int) -> str:
    return f" ({100 * moved / data:.3g} %)" if data else ""
