"""fetch, pull and clone: text and JSON."""

from typing import Any

from datav.repo.checkout import Checkout
from datav.repo.clone import Cloned
from datav.repo.fetch import FetchResult
from datav.report.checkout import checkout_json, checkout_text
from datav.report.style import Style, count, size
from datav.report.traffic import ratio, requests, versions


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
        "lost_profiles": [f"b3:{version.content.id.hex()}" for version in result.lost_profiles],
        "seconds": round(result.seconds, 3),
    }


def fetch_text(result: FetchResult, style: Style) -> str:
    lines = [_fetched(result, style)]
    if result.lost_profiles:
        what = count(len(result.lost_profiles), "profile", "profiles")
        hint = f"`datav verify --remote {result.remote}` tells why; the data needs none"
        lines.append(style.warn(f"{result.remote} could not give {what}: {hint}"))
    return "\n".join(lines)


def _fetched(result: FetchResult, style: Style) -> str:
    where = f"{result.remote} ({result.url})"
    if not result.chunks and not result.nodes:
        return f"{versions(result.versions)}: all here already; {requests(result.requests, result.seconds)}"
    return style.good(
        f"fetched from {where}: {size(result.bytes_received)}"
        f" for {size(result.bytes_of_data)} of data{ratio(result.bytes_received, result.bytes_of_data)},"
        f" {count(result.chunks, 'chunk')}; {requests(result.requests, result.seconds)}"
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
