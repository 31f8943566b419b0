"""The data of the benchmark of row diffs, and how the two versions of each workload really differ.

    python tests/bench/diff_workloads.py DIRECTORY [--scale 1] [csv parquet ...]

    DIRECTORY/s<scale>/csv/v1/data.csv       the 12 million rows of W2 (workloads.py), 1.5 GB; v2: 1,000 rows
                                             updated, 1,000 inserted, 1,000 deleted
    DIRECTORY/s<scale>/parquet/...           the same tables; zstd, row groups of a million rows
    DIRECTORY/s<scale>/parquet-in-place/...  v1 again; v2: one cell of 1,000 rows, row groups as they were
    DIRECTORY/s<scale>/csv-ten/...           v1 again; v2: one cell of 10 rows
    DIRECTORY/s<scale>/csv-all/...           v1 again; v2: one cell of every row
    DIRECTORY/s<scale>/csv-small/...         100,000 rows, for tools that take no more; fewer below scale 0.01
    DIRECTORY/s<scale>/rows100m/...          100 million rows of two columns, 1.9 GB; v2: edits as in `csv`

All tables have the key `id`.  `truth.json` beside the versions says how many rows were added, removed and
changed, and the digest of their keys (diff_peers.py).  What is there and complete stays.  The scale
multiplies rows and edits; there are ten edits of each kind at least.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from diff_peers import Answer, answer_of
from workloads import SEED, make_as_told, two_tables, write_csv

_SMALL_ROWS = 100_000
_MANY_ROWS = 100_000_000
_ROWS_AT_ONCE = 1_000_000
_ROWS_IN_GROUP = 1_000_000

_TRUTH = "truth.json"


def make(data: Path, scale: float, workload: str) -> None:
    """Write both versions of a workload and the truth about them, unless they are there."""
    place = data / f"s{scale:g}" / workload
    if (place / _TRUTH).exists():
        return
    shutil.rmtree(place, ignore_errors=True)
    for version in ("v1", "v2"):
        (place / version).mkdir(parents=True)
    truth = _MAKERS[workload](place, scale)
    # Last, for it says that all else is complete.
    (place / _TRUTH).write_text(json.dumps(truth._asdict()))


def make_csv(place: Path, scale: float) -> Answer:
    return _write_both(place, *two_tables(scale), "data.csv")


def make_parquet(place: Path, scale: float) -> Answer:
    return _write_both(place, *two_tables(scale), "data.parquet")


def make_in_place(place: Path, scale: float) -> Answer:
    before, _ = two_tables(scale)
    return _write_both(place, before, _with_amounts(before, max(10, int(1000 * scale))), "data.parquet")


def make_ten(place: Path, scale: float) -> Answer:
    before, _ = two_tables(scale)
    return _write_both(place, before, _with_amounts(before, 10), "data.csv")


def make_all(place: Path, scale: float) -> Answer:
    before, _ = two_tables(scale)
    return _write_both(place, before, _with_amounts(before, before.num_rows), "data.csv")


def make_small(place: Path, scale: float) -> Answer:
    before, after = two_tables(_SMALL_ROWS / 12_000_000 * min(scale * 100, 1))
    return _write_both(place, before, after, "data.csv")


def make_many(place: Path, scale: float) -> Answer:
    """Both versions are written side by side, a million rows at a time."""
    rows, edits = int(_MANY_ROWS * scale), max(10, int(1000 * scale))
    chance = np.random.default_rng([SEED, 100])
    touched = chance.choice(rows, 2 * edits, replace=False) + 1
    updated, removed = np.sort(touched[:edits]), np.sort(touched[edits:])
    added = np.arange(rows + 1, rows + 1 + edits)
    behind = np.sort(chance.integers(1, rows + 1, edits))
    schema = pa.schema([("id", pa.int64()), ("value", pa.int32())])
    with _csv_writer(place / "v1", schema) as first, _csv_writer(place / "v2", schema) as second:
        for start in range(1, rows + 1, _ROWS_AT_ONCE):
            ids = np.arange(start, min(start + _ROWS_AT_ONCE, rows + 1))
            values = np.random.default_rng([SEED, 101, start]).integers(0, 10**8, len(ids), np.int32)
            first.write_table(pa.table([ids, values], schema=schema))
            values = values + np.isin(ids, updated).astype(np.int32)
            here = (behind >= ids[0]) & (behind <= ids[-1])
            kept = ~np.isin(ids, removed)
            at = np.searchsorted(ids[kept], behind[here], "right")
            new_ids = np.insert(ids[kept], at, added[here])
            new_values = np.insert(values[kept], at, added[here].astype(np.int32))
            second.write_table(pa.table([new_ids, new_values], schema=schema))
    return answer_of(added.tolist(), removed.tolist(), updated.tolist())


_MAKERS: dict[str, Callable[[Path, float], Answer]] = {
    "csv": make_csv,
    "csv-ten": make_ten,
    "csv-all": make_all,
    "csv-small": make_small,
    "parquet": make_parquet,
    "parquet-in-place": make_in_place,
    "rows100m": make_many,
}
WORKLOADS = tuple(_MAKERS)


def true_answer(before: pa.Table, after: pa.Table) -> Answer:
    """Return how two tables with the key `id` differ, by looking at all cells."""
    ours, theirs = before["id"].to_numpy(), after["id"].to_numpy()
    _, at, there = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    differs = np.zeros(len(at), bool)
    for name in before.column_names:
        old, new = before[name].take(pa.array(at)), after[name].take(pa.array(there))
        unequal = pc.fill_null(pc.not_equal(old, new), pc.xor(pc.is_null(old), pc.is_null(new)))
        differs |= unequal.to_numpy()
    return answer_of(
        np.setdiff1d(theirs, ours, assume_unique=True).tolist(),
        np.setdiff1d(ours, theirs, assume_unique=True).tolist(),
        ours[at[differs]].tolist(),
    )


def _write_both(place: Path, before: pa.Table, after: pa.Table, name: str) -> Answer:
    for version, table in (("v1", before), ("v2", after)):
        path = place / version / name
        if path.suffix == ".csv":
            write_csv(table, path)
        else:
            pq.write_table(table, path, compression="zstd", row_group_size=_ROWS_IN_GROUP)
    return true_answer(before, after)


def _with_amounts(table: pa.Table, edits: int) -> pa.Table:
    """Return the table with another amount in so many rows."""
    places = np.random.default_rng([SEED, 23]).choice(table.num_rows, edits, replace=False)
    amounts = table["amount"].to_numpy().copy()
    amounts[places] = np.round(amounts[places] + 1, 2)
    return table.set_column(table.schema.get_field_index("amount"), "amount", pa.array(amounts))


def _csv_writer(directory: Path, schema: pa.Schema) -> pyarrow.csv.CSVWriter:
    return pyarrow.csv.CSVWriter(directory / "data.csv", schema)


if __name__ == "__main__":
    sys.exit(make_as_told(__doc__, WORKLOADS, make))
