"""Change feeds of version 1 as they were first written: applied for ever, and written so again.

The files are never regenerated: a change that breaks this test breaks the format.
"""

import csv
import shutil
from pathlib import Path

import pytest
from pyarrow import parquet

from datav.cli.main import main

HERE = Path(__file__).parent / "feed"
SIDES = str(HERE / "before.csv"), str(HERE / "after.csv")


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return sorted(csv.reader(file))


@pytest.mark.parametrize("feed", ["changes.csv", "changes.parquet"])
def test_a_feed_is_applied(tmp_path: Path, feed: str):
    shutil.copy(HERE / "before.csv", tmp_path / "table.csv")

    assert main(["-q", "patch", str(tmp_path / "table.csv"), str(HERE / feed)]) == 0

    assert rows_of(tmp_path / "table.csv") == rows_of(HERE / "after.csv")


def test_a_csv_feed_is_written_so(tmp_path: Path):
    made = tmp_path / "made.csv"

    assert main(["-q", "diff", "--no-index", *SIDES, "--key", "id", "-o", str(made)]) == 0

    assert made.read_bytes() == (HERE / "changes.csv").read_bytes()


def test_a_parquet_feed_is_written_with_these_columns(tmp_path: Path):
    made = tmp_path / "made.parquet"

    assert main(["-q", "diff", "--no-index", *SIDES, "--key", "id", "-o", str(made)]) == 0

    new, old = parquet.read_table(made), parquet.read_table(HERE / "changes.parquet")
    assert new.equals(old)
    assert new.schema.metadata[b"datav.feed"] == old.schema.metadata[b"datav.feed"]
