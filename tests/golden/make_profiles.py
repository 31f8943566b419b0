"""How the files in tests/golden/profiles were made, once, with the first version.  Kept for the record.

They are never made again: a change that cannot read them, or writes them otherwise, is a change of the format
and needs a version of its own.  The values are made up, so that no sketch that becomes better changes them.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow

from datav.profiles.columns import NO_NUMBERS, NO_TEXTS, NO_TIMES, ColumnSketch, Numbers, Texts, Times
from datav.profiles.distinct import Distinct
from datav.profiles.encoding import encode_profile, encode_table
from datav.profiles.folders import ExtensionProfile, FolderProfile, ImagesProfile
from datav.profiles.frequent import Frequent
from datav.profiles.groups import GroupedColumn, LabelGroups
from datav.profiles.profile import Profile, TableProfile
from datav.profiles.ranks import NO_RANKS, Ranks

FOLDER = Path(__file__).parent / "profiles"


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def ranks(points, own, gaps=None, error: int = 0) -> Ranks:
    points = np.array(points)
    upto = np.cumsum(integers(*own)) + np.cumsum([0, *(gaps or [0] * (len(own) - 1))])
    return Ranks(points, upto - integers(*own), upto, error)


def frequent(values, counts, unseen: int = 0) -> Frequent:
    kind = pyarrow.large_string() if isinstance(values[0], str) else None
    return Frequent(pyarrow.array(values, kind), integers(*counts), unseen)


def exact(*hashes: int) -> Distinct:
    return Distinct(np.array(hashes, np.uint64), None)


def sketched() -> Distinct:
    return Distinct(None, (np.arange(4096) * 7 % 54).astype(np.uint8))


def columns() -> tuple[ColumnSketch, ...]:
    extremes = Numbers(
        ranks=ranks([-(2**63), -1, 0, 2**63 - 1], [1, 2, 3, 1]),
        mean=0.1,
        squares=1e300,
        zeros=3,
        negatives=3,
        nans=0,
        infinities=0,
        frequent=frequent([0, -1, -(2**63), 2**63 - 1], [3, 2, 1, 1]),
    )
    decimals = Numbers(
        ranks=ranks([-1.25, 0.1, 3.0, 70000.01], [1, 2, 1, 1], gaps=[0, 300, 70000], error=12),
        mean=1e-7,
        squares=2.5,
        zeros=0,
        negatives=1,
        nans=4,
        infinities=5,
        frequent=frequent([0.1, 3.0], [2, 1], unseen=9),
    )
    floats = Numbers(
        ranks=ranks([-1e308, 0.0, 1 / 3], [1, 1, 1]),
        mean=-1e307,
        squares=sys.float_info.max,
        zeros=1,
        negatives=1,
        nans=0,
        infinities=0,
        frequent=frequent([-1e308, 0.0, 1 / 3], [1, 1, 1]),
    )
    times = Times(
        ranks=ranks([-1, 1_700_000_000_000_000], [2, 5]),
        hours=integers(*[1] * 7, *[0] * 17),
        weekdays=integers(7, 0, 0, 0, 0, 0, 0),
        days=frequent([19675, -1], [5, 2]),
    )
    texts = Texts(
        lengths=ranks([0, 1, 300], [1, 2, 1]),
        empty=1,
        as_numbers=2,
        as_times=1,
        frequent=frequent(["ä\n", "", "x" * 300], [2, 1, 1]),
    )
    return (
        ColumnSketch("id", "int64", 9, 2, extremes, NO_TIMES, NO_TEXTS, exact(0, 5, 2**64 - 1), "number"),
        ColumnSketch("price", "float", 70314, 0, decimals, NO_TIMES, NO_TEXTS, sketched(), "number"),
        ColumnSketch("Größe\udcff", "float64", 3, 0, floats, NO_TIMES, NO_TEXTS, exact(1, 2, 3), "number"),
        ColumnSketch("when", "date", 11, 0, NO_NUMBERS, times, texts, exact(7), "time"),
        ColumnSketch("", "empty", 4, 4, NO_NUMBERS, NO_TIMES, NO_TEXTS, exact(), "empty"),
    )


def groups() -> LabelGroups:
    by_size = GroupedColumn("size", ("1", "2", None), np.array([[1, 0, 300], [0, 2, 0], [1, 0, 0]]))
    return LabelGroups("kind", ("", "ä", None), integers(301, 2, 1), (by_size,), ("id", "price"))


def folder() -> FolderProfile:
    sizes = ranks([0, 10, 2**40], [1, 1, 2])
    images = ImagesProfile(
        files=3,
        unreadable=1,
        examples=("a/broken\udcfe.png",),
        widths=ranks([640], [2]),
        heights=ranks([479, 480], [1, 1]),
        dimensions=frequent(["640x479", "640x480"], [1, 1]),
        modes=frequent(["RGB"], [2]),
        formats=frequent(["PNG"], [2]),
    )
    return FolderProfile(
        files=4,
        links=1,
        total=2**70,
        empty=1,
        sizes=sizes,
        extensions=(
            ExtensionProfile(".png", 3, sizes, 2**70, 1),
            ExtensionProfile("", 0, NO_RANKS, 0, 0),
        ),
        other_files=1,
        images=images,
        images_skipped=False,
        tables=2,
        no_table="columns differ",
    )


def profiles() -> dict[str, bytes]:
    table = TableProfile(304, columns(), groups())
    return {
        "table.profile": encode_table(table),
        "dataset.profile": encode_profile(Profile(table, folder(), "0123456789abcdef" * 4)),
        "empty.profile": encode_profile(Profile(TableProfile(0, ()), None)),
    }


def main() -> None:
    if FOLDER.exists():
        sys.exit(f"{FOLDER} is there: golden files are written once")
    FOLDER.mkdir()
    for name, data in profiles().items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
