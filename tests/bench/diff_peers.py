"""One row diff by one tool that people use today: `diff_peers.py METHOD BEFORE AFTER [--counts]`.

Run with a Python that has the tool.  Prints an Answer as JSON: how many rows were added, removed and changed
and, without --counts, a digest of their keys.  Tables are CSV or Parquet with the key `id`, whole numbers.
Imports nothing but the tool, so that peak memory is the tool's.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What a row diff says."""

    added: int
    removed: int
    changed: int
    digest: str | None = None
    """Of all keys by kind; None where only counts were asked for."""

    def agrees_with(self, truth: "Answer") -> bool:
        return self[:3] == truth[:3] and self.digest in (None, truth.digest)


def answer_of(added: Iterable[int], removed: Iterable[int], changed: Iterable[int]) -> Answer:
    """Return the answer that consists of these keys."""
    kinds = [sorted(keys) for keys in (added, removed, changed)]
    digest = hashlib.sha256("|".join(",".join(map(str, keys)) for keys in kinds).encode()).hexdigest()
    return Answer(*map(len, kinds), digest)


def of_two_sides(before: Iterable[int], after: Iterable[int]) -> Answer:
    """Return the answer out of the keys of rows that differ, of each side."""
    ours, theirs = set(before), set(after)
    return answer_of(theirs - ours, ours - theirs, ours & theirs)


def duckdb_join(before: str, after: str, counts: bool) -> Answer:
    import duckdb

    database = duckdb.connect()
    a, b = (
        f"read_parquet('{path}')" if path.endswith(".parquet") else f"read_csv('{path}')"
        for path in (before, after)
    )
    names = [row[0] for row in database.execute(f"DESCRIBE FROM {a}").fetchall() if row[0] != "id"]
    differs = " OR ".join(f'a."{name}" IS DISTINCT FROM b."{name}"' for name in names)
    joined = (
        f"FROM {a} a FULL OUTER JOIN {b} b ON a.id = b.id WHERE a.id IS NULL OR b.id IS NULL OR {differs}"
    )
    if counts:
        said = "count(*) FILTER (a.id IS NULL), count(*) FILTER (b.id IS NULL), count(a.id + b.id)"
        found = database.execute(f"SELECT {said} {joined}").fetchone()
        assert found is not None
        return Answer(*found)
    rows = database.execute(f"SELECT a.id, b.id {joined}").fetchall()
    return of_two_sides((x for x, _ in rows if x is not None), (y for _, y in rows if y is not None))


def polars_join(before: str, after: str, counts: bool) -> Answer:
    import polars as pl

    scan = pl.scan_parquet if before.endswith(".parquet") else pl.scan_csv
    a, b = scan(before), scan(after)
    names = [name for name in a.collect_schema().names() if name != "id"]
    ours, theirs = pl.col("id"), pl.col("id_right")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_right")) for name in names)
    joined = a.join(b, on="id", how="full").filter(ours.is_null() | theirs.is_null() | differs)
    if counts:
        both = ours.is_not_null() & theirs.is_not_null()
        said = [ours.is_null().sum().alias("a"), theirs.is_null().sum().alias("r"), both.sum().alias("c")]
        return Answer(*joined.select(said).collect(engine="streaming").row(0))
    rows = joined.select("id", "id_right").collect(engine="streaming")
    return of_two_sides(rows["id"].drop_nulls(), rows["id_right"].drop_nulls())


def datacompy(before: str, after: str, counts: bool) -> Answer:
    import datacompy as tool
    import polars as pl

    read = pl.read_parquet if before.endswith(".parquet") else pl.read_csv
    found = tool.PolarsCompare(read(before), read(after), join_columns=["id"])
    kinds = (found.df2_unq_rows, found.df1_unq_rows, found.all_mismatch(ignore_matching_cols=False))
    if counts:
        return Answer(*map(len, kinds))
    return answer_of(*(frame["id"] for frame in kinds))


def csv_diff(before: str, after: str, counts: bool) -> Answer:
    import csv_diff as tool

    with open(before) as a, open(after) as b:
        found = tool.compare(tool.load_csv(a, key="id"), tool.load_csv(b, key="id"))
    return answer_of(
        (int(row["id"]) for row in found["added"]),
        (int(row["id"]) for row in found["removed"]),
        (int(row["key"]) for row in found["changed"]),
    )


def daff(before: str, after: str, counts: bool) -> Answer:
    import csv

    import daff as tool

    views = []
    for path in (before, after):
        with open(path, newline="") as file:
            views.append(tool.PythonTableView(list(csv.reader(file))))
    flags = tool.CompareFlags()
    flags.addPrimaryKey("id")
    flags.ordered = False
    flags.unchanged_context = 0
    shown = tool.PythonTableView([])
    tool.TableDiff(tool.Coopy.compareTables(*views, flags).align(), flags).hilite(shown)
    kinds: dict[str, list[Any]] = {"+++": [], "---": [], "->": []}
    for row in range(shown.get_height()):
        mark, key = shown.getCell(0, row), shown.getCell(1, row)
        if mark and (mark in kinds or mark.endswith("->")):
            kinds["->" if mark.endswith("->") else mark].append(int(key))
    return answer_of(*kinds.values())


METHODS: dict[str, Callable[[str, str, bool], Answer]] = {
    "duckdb": duckdb_join,
    "polars": polars_join,
    "datacompy": datacompy,
    "csv-diff": csv_diff,
    "daff": daff,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--counts", action="store_true")
    options = parser.parse_args()
    found = METHODS[options.method](options.before, options.after, options.counts)
    print(json.dumps(found._asdict()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
