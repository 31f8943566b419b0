"""The data of the benchmarks, the same bytes for the same scale.

    python tests/bench/workloads.py DIRECTORY [--scale 1] [W1 W2 W3]

    DIRECTORY/s<scale>/W1/v1/data.bin     2 GiB of noise
    DIRECTORY/s<scale>/W2/v1/data.csv     a table of 12 million rows, 1.5 GB
    DIRECTORY/s<scale>/W2/v2/data.csv     the same after 1,000 updates, 1,000 inserts and 1,000 deletes
    DIRECTORY/s<scale>/W3/v1/tree         100,000 files of 1 to 20 KiB in 1,000 folders, half of them noise
    DIRECTORY/s<scale>/W3/v1/one.bin      the bytes of these files, one after the other

What is there and complete stays.  The scale multiplies sizes, rows, files and edits; there are ten edits of
each kind at least.
"""

import argparse
import base64
import shutil
import sys
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

SEED = 20261101
_BLOCK = 16 * 2**20
_ROWS_AT_ONCE = 1_000_000
_SYLLABLES = ("ka", "lo", "mi", "ren", "ta", "vor", "shi", "ber", "dan", "ul", "pe", "gra")
_WORDS = 4000
_COUNTRIES = ("DE", "FR", "US", "JP", "BR", "IN", "CN", "GB", "ES", "PL", "NG", "MX")
_STATES = {"new": 0.1, "paid": 0.3, "shipped": 0.5, "returned": 0.05, "cancelled": 0.05}

_COMPLETE = "complete"


def make(data: Path, scale: float, workload: str) -> None:
    """Write the versions of a workload, unless they are there."""
    place = data / f"s{scale:g}" / workload
    if (place / _COMPLETE).exists():
        return
    shutil.rmtree(place, ignore_errors=True)
    for version in ("v1", "v2"):
        (place / version).mkdir(parents=True)
    _MAKERS[workload](place, scale)
    (place / _COMPLETE).touch()


def make_noise(place: Path, scale: float) -> None:
    chance = np.random.default_rng([SEED, 1])
    left = int(2**31 * scale)
    with open(place / "v1" / "data.bin", "wb") as file:
        while left:
            left -= file.write(chance.bytes(min(left, _BLOCK)))


def make_tables(place: Path, scale: float) -> None:
    before, after = two_tables(scale)
    write_csv(before, place / "v1" / "data.csv")
    write_csv(after, place / "v2" / "data.csv")


def two_tables(scale: float) -> tuple[pa.Table, pa.Table]:
    """Return the two versions of W2."""
    rows, edits = int(12_000_000 * scale), max(10, int(1000 * scale))
    before = pa.concat_tables(
        _rows(np.random.default_rng([SEED, 2, at]), np.arange(at + 1, min(at + _ROWS_AT_ONCE, rows) + 1))
        for at in range(0, rows, _ROWS_AT_ONCE)
    )
    return before, _edited(np.random.default_rng([SEED, 22]), before, edits)


def make_files(place: Path, scale: float) -> None:
    chance = np.random.default_rng([SEED, 3])
    with open(place / "v1" / "one.bin", "wb") as one:
        for number in range(int(100_000 * scale)):
            folder = place / "v1" / "tree" / f"d{number % 40:02d}" / f"e{number // 40 % 25:02d}"
            folder.mkdir(parents=True, exist_ok=True)
            data = _small_file(chance)
            (folder / f"f{number:06d}.dat").write_bytes(data)
            one.write(data)


_MAKERS: dict[str, Callable[[Path, float], None]] = {
    "W1": make_noise,
    "W2": make_tables,
    "W3": make_files,
}


def _small_file(chance: np.random.Generator) -> bytes:
    """1 to 20 KiB; every other file incompressible, the rest noise in base64."""
    size = int(chance.integers(2**10, 20 * 2**10))
    if chance.random() < 0.5:
        return chance.bytes(size)
    return base64.encodebytes(chance.bytes(size * 3 // 4))[:size]


def write_csv(table: pa.Table, path: Path) -> None:
    pyarrow.csv.write_csv(table, path, pyarrow.csv.WriteOptions(quoting_style="none", batch_size=100_000))


def _vocabulary() -> list[str]:
    chance = np.random.default_rng([SEED, 99])
    return [
        "".join(_SYLLABLES[i] for i in chance.integers(0, len(_SYLLABLES), chance.integers(1, 5)))
        for _ in range(_WORDS)
    ]


def _notes(chance: np.random.Generator, number: int) -> pa.ChunkedArray:
    """2 to 7 words of a skewed vocabulary; one in twenty null."""
    words = pa.array(_vocabulary())
    lengths = chance.integers(2, 8, number)
    columns = []
    for position in range(7):
        picked = (chance.random(number) ** 2 * _WORDS).astype(np.int32)
        columns.append(words.take(pa.array(picked, mask=lengths <= position)))
    text = pc.binary_join_element_wise(*columns, " ", null_handling="skip")
    return pc.if_else(pa.array(chance.random(number) < 0.05), pa.scalar(None, pa.string()), text)


def _rows(chance: np.random.Generator, ids: np.ndarray) -> pa.Table:
    """Rows with these ids.  The order of the calls is part of the data."""
    number = len(ids)
    weights = 1 / np.arange(1, 25)
    times = 1_700_000_000_000 + ids.astype(np.int64) * 2_500 + chance.integers(0, 2_500, number)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "ts": pa.array(times, pa.timestamp("ms")),
            "user_id": pa.array(chance.integers(1, 2_000_000, number), pa.int32()),
            "category": _picks(chance, number, [f"cat_{i:02d}" for i in range(24)], weights / weights.sum()),
            "country": _picks(chance, number, list(_COUNTRIES)),
            "status": _picks(chance, number, list(_STATES), list(_STATES.values())),
            "quantity": pa.array(chance.integers(1, 50, number), pa.int16()),
            "amount": pa.array(np.round(chance.lognormal(4, 1, number), 2)),
            "score": pa.array(np.round(chance.normal(0, 10, number), 6), mask=chance.random(number) < 0.02),
            "x": pa.array(chance.random(number)),
            "note": _notes(chance, number),
        }
    )


def _picks(
    chance: np.random.Generator,
    number: int,
    names: list[str],
    weights: np.ndarray | list[float] | None = None,
) -> pa.Array:
    return pa.array(names).take(pa.array(chance.choice(len(names), number, p=weights)))


def _edited(chance: np.random.Generator, table: pa.Table, edits: int) -> pa.Table:
    """Return the table with so many rows updated, inserted and deleted, at random places.

    Every updated row has another amount, half of them another note, a tenth no score any more.
    """
    touched = chance.choice(table.num_rows, 2 * edits, replace=False)
    updated, deleted = np.sort(touched[:edits]), np.sort(touched[edits:])
    old = table.take(pa.array(updated))
    changed = _changed(chance, old)
    new = _rows(chance, np.arange(table.num_rows + 1, table.num_rows + 1 + edits))
    inserted = np.sort(chance.integers(0, table.num_rows, edits))
    events = [(int(at), "update", i) for i, at in enumerate(updated)]
    events += [(int(at), "delete", 0) for at in deleted]
    events += [(int(at), "insert", i) for i, at in enumerate(inserted)]
    parts, at = [], 0
    for position, kind, number in sorted(events, key=_order):
        parts.append(table.slice(at, position - at))
        if kind == "insert":
            parts.append(new.slice(number, 1))
        elif kind == "update":
            parts.append(changed.slice(number, 1))
        at = position if kind == "insert" else position + 1
    parts.append(table.slice(at))
    return pa.concat_tables(parts).combine_chunks()


def _order(event: tuple[int, str, int]) -> tuple[int, bool, int]:
    """What is inserted before a row comes before what happens to the row."""
    position, kind, number = event
    return position, kind != "insert", number


def _changed(chance: np.random.Generator, old: pa.Table) -> pa.Table:
    number = old.num_rows
    amount = np.round(old["amount"].to_numpy() + chance.uniform(1, 100, number), 2)
    renoted = chance.random(number) < 0.5
    new_notes = np.array(_notes(chance, number).to_pylist(), object)
    notes = np.where(renoted, new_notes, np.array(old["note"].to_pylist(), object))
    score = old["score"].to_numpy()
    scoreless = np.isnan(score) | (chance.random(number) < 0.1)
    columns = {
        "amount": pa.array(amount),
        "note": pa.array(notes.tolist(), pa.string()),
        "score": pa.array(score, mask=scoreless),
    }
    for name, column in columns.items():
        old = old.set_column(old.schema.get_field_index(name), name, column)
    return old


def make_as_told(
    description: str | None, names: Collection[str], make: Callable[[Path, float, str], None]
) -> int:
    """Make the workloads that the command line names; for programs of which these are all."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("workloads", nargs="*", metavar="W", help=f"of {' '.join(names)}; by default all")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    unknown = set(options.workloads) - set(names)
    if unknown:
        parser.error(f"no such workload: {' '.join(sorted(unknown))}")
    for workload in options.workloads or names:
        make(options.directory, options.scale, workload)
    return 0


if __name__ == "__main__":
    sys.exit(make_as_told(__doc__, _MAKERS, make))
