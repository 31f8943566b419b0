"""push: text and JSON."""

from collections.abc import Sequence
from typing import Any

from datav.repo.push import PushResult
from datav.repo.wanted import Version
from datav.report.style import Style, count, size
from datav.report.traffic import ratio, requests, versions

_SHOWN = 5


def push_json(result: PushResult) -> dict[str, Any]:
    return {
        "format": 1,
        "remote": result.remote,
        "versions": result.versions,
        "new_versions": result.new_versions,
        "new_profiles": result.new_profiles,
        "packs": result.packs,
        "chunks": result.chunks,
        "nodes": result.nodes,
        "bytes_sent": result.bytes_sent,
        "bytes_of_data": result.bytes_of_data,
        "requests": result.requests,
        "seconds": round(result.seconds, 3),
        "incomplete": [_version_json(version) for version in result.incomplete],
        "lost_profiles": [_version_json(version) for version in result.lost_profiles],
    }


def _version_json(version: Version) -> dict[str, Any]:
    return {
        "path": version.dataset.text if version.dataset else None,
        "id": f"b3:{version.content.id.hex()}",
    }


def push_text(result: PushResult, style: Style) -> str:
    where = f"{result.remote} ({result.url})"
    if not result.new_versions and result.new_profiles:
        what = f"pushed {count(result.new_profiles, 'profile')} to {where}: sent {size(result.bytes_sent)}"
        return "\n".join([style.good(what), _detail(result)])
    if not result.new_versions:
        if not result.versions:
            return "nothing to push: no commit has a dataset"
        return f"{where} has {versions(result.versions)} already; {requests(result.requests, result.seconds)}"
    parts = [
        f"pushed {versions(result.new_versions)} to {where}: sent {size(result.bytes_sent)}",
        f"for {size(result.bytes_of_data)} of data{ratio(result.bytes_sent, result.bytes_of_data)}",
    ]
    return "\n".join([style.good(" ".join(parts)), _detail(result)])


def _detail(result: PushResult) -> str:
    moved = f"{count(result.chunks, 'chunk')} in {count(result.packs, 'pack')}"
    return f"{moved}; {requests(result.requests, result.seconds)}"


def push_warnings(result: PushResult) -> list[str]:
    warnings = []
    if result.incomplete:
        what = count(len(result.incomplete), "version is", "versions are")
        names = _names(result.incomplete)
        warnings.append(f"{what} neither here nor there, and could not be pushed: {names}")
    # Where the data is not to be had either, that says it all.
    without_data = {version.dataset for version in result.incomplete}
    profiles = [version for version in result.lost_profiles if version.dataset not in without_data]
    if profiles:
        what = count(len(profiles), "profile is", "profiles are")
        warnings.append(f"{what} neither here nor there; the data is not touched by that: {_names(profiles)}")
    return warnings


def _names(found: Sequence[Version]) -> str:
    names = [str(version.dataset or version.content.id.hex()[:12]) for version in found]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(dict.fromkeys(names[:_SHOWN])) + more
