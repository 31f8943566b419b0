"""Which files of a directory are one table."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.dataset
import pytest
from pyarrow import csv, parquet

from datav.errors import StorageError
from datav.formats.entry import Kind
from datav.formats.manifest import ColumnInfo, TableInfo
from datav.profiles.columns import merge_columns
from datav.profiles.partitions import constant_column, plan_table
from datav.profiles.sketching import sketch_cells
from datav.tables.describe import describe
from datav.tables.source import NotATable
from tests.support.shareddata import DATA


class DiskSource:
    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self.size = len(self.data)

    def read_at(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def plan_of(executor):
    """Plan a directory by the columns of its files, `NAME` or `NAME:TYPE` each; None: not to be asked for."""

    def plan(files: dict[str, list[str] | NotATable | None]):
        def columns_of(path: bytes):
            columns = files[path.decode()]
            assert columns is not None, path
            if isinstance(columns, NotATable):
                return columns
            pairs = (name.partition(":") for name in columns)
            return [ColumnInfo(name, kind or "int64") for name, _, kind in pairs]

        entries = [(path.encode(), Kind.FILE, 1) for path in sorted(files)]
        return plan_table(entries, columns_of, executor)

    return plan


def plan_directory(root: Path, executor):
    """Plan a directory on disk."""

    def columns_of(path: bytes):
        found = describe(os.fsdecode(path), DiskSource(root / os.fsdecode(path)), None)
        return found.columns if isinstance(found, TableInfo) else found

    paths = sorted(path for path in root.rglob("*") if path.is_file())
    entries = [
        (os.fsencode(path.relative_to(root).as_posix()), Kind.FILE, path.stat().st_size) for path in paths
    ]
    return plan_table(entries, columns_of, executor)


def values_of(plan) -> dict[str, tuple]:
    return {path.decode(): values for path, values in plan.parts}


def keys_of(plan) -> list[tuple[str, str]]:
    return [(key.name, key.type) for key in plan.keys]


# One table


def test_files_with_the_same_columns_are_one_table(plan_of):
    plan = plan_of({"a.csv": ["x", "y"], "b/c.csv": ["y", "x"], "b/D.CSV.GZ": ["x", "y"], "e.png": None})

    assert (plan.format, plan.keys, plan.reason) == ("csv", (), None)
    assert values_of(plan) == {"a.csv": (), "b/c.csv": (), "b/D.CSV.GZ": ()}


def test_one_table_among_other_files_is_the_table(plan_of):
    plan = plan_of({"labels.csv": ["file", "label"], "1.png": None, "README.md": None, "x.parquet.txt": None})

    assert values_of(plan) == {"labels.csv": ()}


@pytest.mark.parametrize("files", [[], ["a.png"], ["csv", ".csv"], ["_tmp/a.csv", ".x/a.csv", "_a.csv"]])
def test_a_directory_without_table_files_has_no_plan(plan_of, files):
    assert plan_of(dict.fromkeys(files)) is None


def test_what_is_hidden_or_kept_by_a_writer_is_no_part(plan_of):
    others = ["_SUCCESS", "_metadata", "_common_metadata", ".part-0.parquet.crc", "_temporary/0/b.parquet",
              "k=1/.c.parquet", "k=1/_d.parquet"]  # fmt: skip

    plan = plan_of({"k=1/a.parquet": ["x"], "_k=2/a.parquet": ["x"]} | dict.fromkeys(others))
    other = plan_of({"_k=1/a.parquet": ["x"]} | dict.fromkeys(others[:5]))

    assert plan.reason == "_k=2/a.parquet lies in directories `_k=` and k=1/a.parquet in directories `k=`"
    assert values_of(other) == {"_k=1/a.parquet": ("1",)}


def test_texts_without_a_byte_links_and_directories_are_no_parts(executor):
    entries = [
        (b"a.csv", Kind.FILE, 9),
        (b"b.csv", Kind.FILE, 0),
        (b"c.csv", Kind.SYMLINK, 9),
        (b"d.csv", Kind.EMPTY_DIRECTORY, 0),
    ]

    plan = plan_table(entries, lambda path: [ColumnInfo("x", "integer")], executor)

    assert values_of(plan) == {"a.csv": ()}


def test_directories_named_by_keys_are_columns(plan_of):
    plan = plan_of(
        {
            "data/year=2023/region=N%C3%BCrnberg%2FS/a.parquet": ["x"],
            "data/year=2024/region=__HIVE_DEFAULT_PARTITION__/a.parquet": ["x"],
            "data/region=a=b/year=2025/a.parquet": ["x"],
            "data/year=2025/region=/a=b.parquet": ["x"],
        }
    )

    assert keys_of(plan) == [("region", "text"), ("year", "integer")]
    assert [values for _, values in plan.parts] == [
        ("a=b", "2025"),
        ("Nürnberg/S", "2023"),
        (None, "2024"),
        (None, "2025"),
    ]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "30"], "integer"),
        (["1", "a"], "text"),
        (["01", "10"], "text"),
        (["1", "__HIVE_DEFAULT_PARTITION__"], "integer"),
        (["__HIVE_DEFAULT_PARTITION__"], "empty"),
        (["2024-01-01", "2024-01-02"], "date"),
        (["0.1", "1"], "float"),
        (["true", "false"], "boolean"),
    ],
)
def test_a_key_has_the_type_that_all_of_its_values_have(plan_of, values, kind):
    plan = plan_of({f"k={value}/a.csv": ["x"] for value in values})

    assert keys_of(plan) == [("k", kind)]


def test_keys_that_the_files_have_too_are_theirs(plan_of):
    plan = plan_of({"a=1/b=2/c.parquet": ["x", "a"], "a=2/b=3/c.parquet": ["x", "a"]})

    assert keys_of(plan) == [("b", "integer")]
    assert values_of(plan) == {"a=1/b=2/c.parquet": ("2",), "a=2/b=3/c.parquet": ("3",)}


def test_types_of_one_family_are_one_column(plan_of):
    types = ["int32", "float64", "null", "decimal128(5, 2)", "dictionary<int64>", "uint8"]
    files = {f"{number}.parquet": [f"x:{kind}", "y:null"] for number, kind in enumerate(types)}

    assert plan_of(files).reason is None
    assert plan_of({"a.parquet": ["x:string"], "b.parquet": ["x:dictionary<large_string>"]}).reason is None
    assert plan_of({"a.parquet": ["x:date32"], "b.parquet": ["x:timestamp[us]"]}).reason is None


def test_types_of_texts_are_guesses_and_do_not_count(plan_of):
    assert plan_of({"a.csv": ["x:integer"], "b.csv": ["x:text"]}).reason is None


def test_lines_of_json_may_leave_out_columns(plan_of):
    assert plan_of({"a.jsonl": ["x", "y"], "b.jsonl": ["x", "y", "z"]}).reason is None
    assert (
        plan_of({"a.jsonl": ["x", "y"], "b.jsonl": ["x", "z"]}).reason
        == "a.jsonl has `y` and b.jsonl has `z`"
    )


# No table


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            {"a.csv": None, "b.parquet": None, "c.csv": None},
            "its tables are of several formats: 2 csv, 1 parquet",
        ),
        ({"a.csv": ["x", "y"], "b.csv": ["x"]}, "a.csv has `y` and b.csv has not"),
        ({"a.csv": ["x"], "b.csv": ["x", "z"]}, "b.csv has `z` and a.csv has not"),
        ({"a.csv": ["x", "x"], "b.csv": ["x"]}, "a.csv has `x` and b.csv has not"),
        ({"a.csv": ["x", "y"], "b.csv": ["X", "y"]}, "a.csv has `x` and b.csv has `X`"),
        ({"a.csv": list("vwxyz"), "b.csv": ["q"]}, "a.csv has `v`, `w`, `x` and 2 more and b.csv has `q`"),
        (
            {"a.parquet": ["x:null"], "b.parquet": ["x:int64"], "c.parquet": ["x:string"]},
            "`x` is int64 in b.parquet and string in c.parquet",
        ),
        ({"a.csv": ["x"], "b.csv": NotATable("is not text")}, "b.csv is not text"),
        (
            {"a.csv": None, "k=1/b.csv": None},
            "a.csv lies in no directory with a key and k=1/b.csv in directories `k=`",
        ),
        ({"k=1/k=2/b.csv": None}, "k=1/k=2/b.csv has one key twice in its directories"),
        (
            {"_delta_log/0.json": None, "a.parquet": None},
            "Delta Lake has written it, whose log alone tells which files count",
        ),
        (
            {"metadata/v1.metadata.json": None, "data/a.parquet": None},
            "Iceberg has written it, whose log alone tells which files count",
        ),
        (
            {"a.csv": ["x"], "b.csv": ["\x1b[31m" + 80 * "y"]},
            f"a.csv has `x` and b.csv has `\\x1b[31m{51 * 'y'}…`",
        ),
    ],
)
def test_what_is_not_one_table_has_a_reason(plan_of, files, reason):
    plan = plan_of(files)

    assert plan.reason == reason
    assert (plan.parts, plan.keys) == ((), ())
    assert plan.reason.isprintable()


def test_no_columns_are_read_beyond_the_first_that_differ(executor):
    asked = []

    def columns_of(path: bytes):
        asked.append(path)
        return [ColumnInfo("x" if path < b"0003" else "y", "int64")]

    entries = [(b"%04d.csv" % number, Kind.FILE, 1) for number in range(1000)]

    plan = plan_table(entries, columns_of, executor)

    assert plan.reason == "0000.csv has `x` and 0003.csv has `y`"
    assert len(asked) < 30


def test_what_reading_columns_raises_is_raised(executor):
    def columns_of(path: bytes):
        raise StorageError("gone")

    with pytest.raises(StorageError, match="gone"):
        plan_table([(b"a.csv", Kind.FILE, 1)], columns_of, executor)


def test_many_files_are_one_table(executor):
    columns = [ColumnInfo("x", "int64")]
    entries = [
        (b"day=%d/hour=%d/part.parquet" % divmod(number, 24), Kind.FILE, 1) for number in range(100_000)
    ]

    plan = plan_table(entries, lambda path: columns, executor)

    assert len(plan.parts) == 100_000
    assert plan.parts[-1].values == ("4166", "15")


# On disk


def frame(rows: int = 300):
    number = np.arange(rows)
    return pyarrow.table(
        {
            "id": number,
            "year": 2020 + number % 3,
            "city": pyarrow.array([None, "a/b", "ü %", "x=y"]).take(pyarrow.array(number % 4)),
            "value": number / 7,
        }
    )


@pytest.mark.parametrize("form", ["parquet", "feather", "csv"])
def test_a_dataset_that_pyarrow_partitions_is_one_table(tmp_path, executor, form):
    table = frame()
    keys = pyarrow.schema([("year", pyarrow.int64()), ("city", pyarrow.string())])
    hive = pyarrow.dataset.partitioning(keys, flavor="hive")
    pyarrow.dataset.write_dataset(table, tmp_path, format=form, partitioning=hive)
    (tmp_path / "_SUCCESS").touch()

    plan = plan_directory(tmp_path, executor)

    assert plan.reason is None
    assert keys_of(plan) == [("year", "integer"), ("city", "text")]
    expected = {(str(row["year"]), row["city"]) for row in table.select(["year", "city"]).to_pylist()}
    assert {part.values for part in plan.parts} == expected
    assert len(plan.parts) == len(expected) == 12


def test_schemas_on_disk_that_differ_are_told(tmp_path, executor):
    parquet.write_table(frame(), tmp_path / "a.parquet")
    parquet.write_table(frame().drop_columns(["value"]), tmp_path / "b.parquet")

    assert plan_directory(tmp_path, executor).reason == "a.parquet has `value` and b.parquet has not"


def test_a_part_that_is_cut_is_told(tmp_path, executor):
    parquet.write_table(frame(), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-5])

    assert (
        plan_directory(tmp_path, executor).reason
        == "b.parquet is named like Parquet but is not; it may be cut"
    )


def test_formats_on_disk_that_differ_are_told(tmp_path, executor):
    parquet.write_table(frame(), tmp_path / "a.parquet")
    csv.write_csv(frame(), tmp_path / "b.csv")

    assert plan_directory(tmp_path, executor).reason == "its tables are of several formats: 1 csv, 1 parquet"


@pytest.mark.skipif(
    not (DATA / "flags").is_dir(), reason=f"no flags in {DATA}; DATAV_TEST_DATA names a folder"
)
def test_real_pictures_and_recordings_are_no_table(executor):
    assert plan_directory(DATA / "flags" / "v001", executor) is None
    assert plan_directory(DATA / "spoken-digits" / "v001" / "recordings", executor) is None


@pytest.mark.skipif(not (DATA / "regions").is_dir(), reason=f"no tables in {DATA}")
def test_versions_of_a_real_table_are_one_table(tmp_path, executor):
    for path in sorted((DATA / "regions").glob("v*.csv"))[:3]:
        (tmp_path / f"version={path.stem}").mkdir()
        (tmp_path / f"version={path.stem}" / path.name).write_bytes(path.read_bytes())

    plan = plan_directory(tmp_path, executor)

    assert (plan.format, keys_of(plan)) == ("csv", [("version", "text")])
    assert [part.values for part in plan.parts] == [("v001",), ("v002",), ("v003",)]


# Columns of keys


def told(sketch) -> dict:
    """Return all that a sketch says, as plain values."""
    ranks = [sketch.numbers.ranks, sketch.times.ranks, sketch.texts.lengths]
    frequent = [sketch.numbers.frequent, sketch.times.days, sketch.texts.frequent]
    numbers, texts = sketch.numbers, sketch.texts
    return {
        "column": (sketch.name, sketch.type, sketch.kind, sketch.count, sketch.nulls),
        "ranks": [(r.points.tolist(), r.less.tolist(), r.upto.tolist(), r.error) for r in ranks],
        "frequent": [(f.values.to_pylist(), f.counts.tolist(), f.unseen) for f in frequent],
        "numbers": (numbers.zeros, numbers.negatives, numbers.nans, numbers.infinities),
        "moments": (pytest.approx(numbers.mean), pytest.approx(numbers.squares, abs=1e-9)),
        "times": (sketch.times.hours.tolist(), sketch.times.weekdays.tolist()),
        "texts": (texts.empty, texts.as_numbers, texts.as_times),
        "distinct": sketch.distinct.hashes.tolist(),
    }


@pytest.mark.parametrize("rows", [0, 1, 2, 1000])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "2024"),
        ("integer", "-7"),
        ("integer", "0"),
        ("integer", None),
        ("integer", "9" * 30),
        ("float", "0.1"),
        ("float", "nan"),
        ("float", "-inf"),
        ("date", "2024-02-29"),
        ("timestamp", "2024-02-29 13:00:00"),
        ("boolean", "true"),
        ("text", "Nürnberg"),
        ("text", "2024"),
        ("text", "2024-01-01"),
        ("text", "x" * 500),
        ("text", None),
        ("empty", None),
    ],
)
def test_a_column_of_one_value_is_like_one_of_that_many_cells(kind, value, rows):
    cells = pyarrow.array([(value or "").encode()] * rows, "large_binary")

    sketch = constant_column(ColumnInfo("k", kind), value, rows)

    assert told(sketch) == told(sketch_cells("k", kind, cells))


def test_columns_of_all_parts_merge():
    key = ColumnInfo("k", "integer")

    whole = merge_columns([constant_column(key, value, 10) for value in ("1", "3", None, "1")])

    assert (whole.count, whole.nulls, whole.distinct.estimate()) == (40, 10, 2)
    assert whole.numbers.frequent.values.to_pylist() == [1, 3]
    assert whole.numbers.frequent.counts.tolist() == [20, 10]
    assert whole.numbers.mean == pytest.approx(5 / 3)


def test_a_column_of_one_value_takes_memory_for_one_row():
    sketch = constant_column(ColumnInfo("k", "integer"), "5", 10**12)

    assert (sketch.count, sketch.numbers.count, sketch.numbers.mean) == (10**12, 10**12, 5)
