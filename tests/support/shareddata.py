"""The shared data: real tables with real history, their row diffs, counted by others, and awkward files.

DATAV_TEST_DATA names the folder; without it, ../shared/data beside the repository is looked for.  What uses
it is skipped where it is not.
"""

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.rowtwin import PlainTable

DATA = Path(os.environ.get("DATAV_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


@dataclass(frozen=True)
class Pair:
    """Two successive versions of a table, and how they differ."""

    table: str
    key: tuple[str, ...]
    before: Path
    after: Path
    truth: dict[str, Any]
    """As in diffs.json, whose rules are in the README of the data."""

    @property
    def refused(self) -> str | None:
        return self.truth.get("refused")

    @property
    def is_ragged(self) -> bool:
        return "ragged" in (self.refused or "")

    def __str__(self) -> str:
        return f"{self.table}-{self.before.stem}-{self.after.stem}"


@dataclass(frozen=True)
class Series:
    """One table and its versions."""

    directory: Path

    @property
    def name(self) -> str:
        return self.directory.name

    @cached_property
    def key(self) -> tuple[str, ...]:
        said = re.search(r"^- Key columns: (.*?)(?:;|$)", self._readme, re.MULTILINE)
        assert said, self.directory
        return tuple(re.findall(r"`([^`]+)`", said[1]))

    @cached_property
    def _readme(self) -> str:
        return (self.directory / "README.md").read_text()

    @cached_property
    def versions(self) -> list[Path]:
        return sorted(self.directory.glob("v*.csv"))

    @cached_property
    def pairs(self) -> list[Pair]:
        told = json.loads((self.directory / "diffs.json").read_text())
        return [
            Pair(self.name, self.key, self.directory / one["from"], self.directory / one["to"], one)
            for one in told
        ]


def find_series() -> list[Series]:
    """Return the tables of the shared data of which the diffs are known."""
    directories = sorted(path.parent for path in DATA.glob("*/diffs.json"))
    return [Series(path) for path in directories if next(path.glob("v*.csv"), None)]


def read_csv(path: Path) -> PlainTable:
    """Read a table of the shared data with the csv module."""
    records = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    header, *rows = filter(None, records)
    return PlainTable(tuple(header), [dict(zip(header, row, strict=True)) for row in rows])


def digest_of_keys(keys: Iterable[Sequence[str]]) -> str:
    """Return the sha256 of a set of keys, by the rules of the README of the data."""
    lines = sorted("\x1f".join(key) for key in keys)
    return hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
