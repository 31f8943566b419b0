"""The tables of bench_remotes.py: medians of what runs have written, side by side."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remote_peers import DATAV, PLACES, VERSIONS, WORKLOADS


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    title: str
    what: str
    key: str
    version: str = "v1"
    unit: float = 1
    whole: bool = False
    """Whether it is a number of things."""


ROWS = (
    Row("add, s", "add", "wall_s"),
    Row("push, s", "push", "wall_s"),
    Row("push and sync, s", "push", "synced_s"),
    Row("push, CPU s", "push", "cpu_s"),
    Row("push, peak memory, MB", "push", "memory", unit=1e6),
    Row("push, sent, MB", "push", "sent", unit=1e6),
    Row("push, requests", "push", "requests", whole=True),
    Row("push of version 2, s", "push", "wall_s", "v2"),
    Row("push of version 2, sent, MB", "push", "sent", "v2", unit=1e6),
    Row("push of version 2, requests", "push", "requests", "v2", whole=True),
    Row("push, nothing new, s", "nothing new", "wall_s", "last"),
    Row("push, nothing new, requests", "nothing new", "requests", "last", whole=True),
    Row("pull, s", "pull", "wall_s", "last"),
    Row("pull and sync, s", "pull", "synced_s", "last"),
    Row("pull, CPU s", "pull", "cpu_s", "last"),
    Row("pull, peak memory, MB", "pull", "memory", "last", unit=1e6),
    Row("pull, requests", "pull", "requests", "last", whole=True),
)
# What a run that counts is good for.
_COUNTED = {"requests", "sent"}

Records = list[dict[str, Any]]


def print_tables(paths: list[Path]) -> None:
    """Print a table for each workload, scale and place; medians of all runs in these files."""
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    versions = {name: version for line in lines for name, version in line.get("versions", {}).items()}
    print(", ".join(f"{name} {version}" for name, version in sorted(versions.items())))
    cells: dict[tuple[str, float, str], dict[str, Records]] = {}
    for line in lines:
        if "versions" not in line:
            cell = cells.setdefault((line["workload"], line["scale"], line["place"]), {})
            cell.setdefault(line["peer"], []).append(line)
    for (workload, scale, place), peers in cells.items():
        at = "" if scale == 1 else f", at scale {scale:g}"
        print(f"\n### {workload}, {PLACES[place]}: {WORKLOADS[workload]}{at}\n")
        print_table(workload, peers)


def print_table(workload: str, peers: dict[str, Records]) -> None:
    print("| | " + " | ".join(peers) + " |")
    print("|---|" + "--:|" * len(peers))
    for row in ROWS:
        figures = {peer: figure(records, row, VERSIONS[workload][-1]) for peer, records in peers.items()}
        known = [value for value in figures.values() if value is not None]
        if known:
            base = figures.get(DATAV.name)
            words = [shown(value, row, best=min(known), base=base) for value in figures.values()]
            print(f"| {row.title} | " + " | ".join(words) + " |")
    failed = [
        record | {"peer": peer} for peer, records in peers.items() for record in records if "failed" in record
    ]
    for record in failed:
        print(f"\n{record['peer']}, {record['what']}: {record['failed']}")
    if not failed:
        print("\nAll that was pulled is what was pushed.")


def figure(records: Records, row: Row, last: str) -> float | None:
    """Return the median of what a row is about, None where nobody measured it."""
    version = last if row.version == "last" else row.version
    values = []
    for record in records:
        fits = (record["what"], record["version"]) == (row.what, version) and "failed" not in record
        if fits and not (record["counted"] and row.key not in _COUNTED):
            record = record | {"synced_s": record["wall_s"] + record["sync_s"]}
            values += [record[row.key]] if row.key in record else []
    return statistics.median(values) / row.unit if values else None


def shown(value: float | None, row: Row, *, best: float, base: float | None) -> str:
    """The figure, bold if it is the best, and how many times that of datav it is."""
    if value is None:
        return ""
    words = (
        f"{value:,.0f}" if row.whole or value >= 1000 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"
    )
    words = f"**{words}**" if value == best else words
    if not base or value == base:
        return words
    ratio = value / base
    return f"{words} (x{ratio:,.0f})" if ratio >= 10 else f"{words} (x{ratio:.2g})"
