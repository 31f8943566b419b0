"""Two columns of a tagged version, read by four libraries from a clone that has no data.

What is fetched is counted: the bytes of the columns and under a tenth more, indexes and trees included.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest

import datav
from datav.repo.connecting import cache_directory, opened_objects
from datav.repo.farreading import close_connections, connections
from datav.repo.remotes import add_remote, find_remote, remove_remote
from datav.repo.repository import Repository, init
from tests.support.datasets import DatavRepo
from tests.support.inplace import move_to_remote

COLUMNS = ["price", "volume"]
MOST_OF_COLUMNS = 1.10


def make_table(rows: int, seed: int = 0) -> pa.Table:
    """Twelve columns; those that are read have values that do not compress."""
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "id": np.arange(rows),
            "time": pa.array(1_700_000_000_000 + np.cumsum(rng.integers(1, 900, rows)), pa.timestamp("ms")),
            "symbol": pa.array(rng.choice(["ABC", "DEF", "GHI"], rows)),
            "price": rng.normal(100, 20, rows),
            "bid": rng.normal(100, 20, rows),
            "ask": rng.normal(100, 20, rows),
            "ratio": rng.random(rows),
            "flag": rng.random(rows) < 0.1,
            "volume": rng.integers(-(2**63), 2**63 - 1, rows),
            "venue": rng.integers(0, 40, rows),
            "hash": rng.integers(-(2**63), 2**63 - 1, rows),
            "weight": rng.random(rows),
        }
    )


@dataclass
class FreshClone:
    """A repository whose data lies on a remote alone.

    At the tag `v1` there are `trades.parquet` and, in two parts, `parts/`; later versions are others.
    """

    repo: DatavRepo
    table: pa.Table
    """What is read at `v1`: COLUMNS."""
    column_bytes: int
    """What these take in `trades.parquet`."""

    def bytes_fetched(self, read: Callable[[], object]) -> int:
        """Return what `read` fetches when nothing is known of the remote."""
        close_connections()
        with Repository.open(self.repo.root) as repository:
            shutil.rmtree(cache_directory(repository, find_remote(repository, None)), ignore_errors=True)
        read()
        (connection,) = connections()
        return connection.remote.objects.traffic.bytes_received


def make_clone(root: Path, rows: int, row_group_size: int) -> FreshClone:
    repo = DatavRepo.init(root / "repo")
    assert isinstance(repo, DatavRepo)
    init(repo.root)
    table = make_table(rows)
    repo.path("parts").mkdir()
    for version, what in (("v1", table), ("v2", table.slice(1))):
        half = rows // 2
        pa.parquet.write_table(what, repo.path("trades.parquet"), row_group_size=row_group_size)
        pa.parquet.write_table(what.slice(0, half), repo.path("parts/1.parquet"))
        pa.parquet.write_table(what.slice(half), repo.path("parts/2.parquet"))
        if version == "v1":
            metadata = pa.parquet.read_metadata(repo.path("trades.parquet"))
        repo.add("trades.parquet", "parts")
        repo.commit(version)
        repo.git("tag", version)
    move_to_remote(repo, root / "remote")
    numbers = [table.column_names.index(name) for name in COLUMNS]
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    size = sum(group.column(number).total_compressed_size for group in groups for number in numbers)
    return FreshClone(repo, table.select(COLUMNS), size)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return make_clone(tmp_path_factory.mktemp("small"), 250_000, 250_000)


@pytest.fixture
def clone(small, monkeypatch):
    """A fresh clone, with a remote in a directory."""
    monkeypatch.chdir(small.repo.root)
    yield small
    close_connections()


@pytest.fixture
def s3_clone(clone, s3_server, monkeypatch):
    """The same with its remote on an S3 server."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    before, remote = clone.repo.read("datav.toml"), s3_server.settings("origin")
    with Repository.open(clone.repo.root) as repository:
        here = Path(find_remote(repository, None).url)
        here = here if here.is_absolute() else clone.repo.root / here
        with opened_objects(repository, remote) as objects:
            for path in here.rglob("*"):
                if path.is_file():
                    objects.put(path.relative_to(here).as_posix(), path)
        remove_remote(repository, "origin")
    with Repository.open(clone.repo.root) as repository:
        add_remote(repository, remote)
    yield clone
    close_connections()
    clone.repo.write("datav.toml", before)


def with_pandas() -> pa.Table:
    return pa.Table.from_pandas(pd.read_parquet("datav://trades.parquet@v1", columns=COLUMNS))


def with_polars() -> pa.Table:
    filesystem = fsspec.filesystem("datav", rev="v1")
    trades = pyarrow.dataset.dataset("trades.parquet", filesystem=filesystem)
    return pl.scan_pyarrow_dataset(trades).select(COLUMNS).collect().to_arrow()


def with_duckdb() -> pa.Table:
    with duckdb.connect() as connection:
        connection.register_filesystem(fsspec.filesystem("datav"))
        query = "SELECT price, volume FROM read_parquet('datav://trades.parquet@v1')"
        return pa.Table.from_pandas(connection.sql(query).df())


def with_pyarrow() -> pa.Table:
    filesystem = fsspec.filesystem("datav", rev="v1")
    return pyarrow.dataset.dataset("trades.parquet", filesystem=filesystem).to_table(columns=COLUMNS)


def with_datav() -> pa.Table:
    return datav.read_table("trades.parquet", "v1", COLUMNS)


READERS = [with_pandas, with_polars, with_duckdb, with_pyarrow, with_datav]


def is_same(found: pa.Table, wanted: pa.Table) -> bool:
    return all(
        np.array_equal(found[name].to_numpy(), wanted[name].to_numpy()) for name in wanted.column_names
    )


@pytest.mark.parametrize("read", READERS)
def test_two_columns_are_read_from_a_directory(clone, read):
    assert is_same(read(), clone.table)


@pytest.mark.parametrize("read", READERS)
def test_two_columns_are_read_from_s3(s3_clone, read):
    assert is_same(read(), s3_clone.table)


@pytest.mark.parametrize("read", READERS)
def test_hardly_more_is_fetched_than_the_columns(clone, read):
    fetched = clone.bytes_fetched(read)

    assert clone.column_bytes * 0.9 < fetched < clone.column_bytes * MOST_OF_COLUMNS


def test_hardly_more_is_fetched_from_s3(s3_clone):
    fetched = s3_clone.bytes_fetched(with_pandas)

    assert fetched < s3_clone.column_bytes * MOST_OF_COLUMNS


@pytest.mark.slow
def test_hardly_more_is_fetched_of_a_large_file(tmp_path, monkeypatch):
    clone = make_clone(tmp_path, 1_000_000, 250_000)
    monkeypatch.chdir(clone.repo.root)

    fetched = clone.bytes_fetched(with_pandas)

    assert fetched < clone.column_bytes * MOST_OF_COLUMNS
    close_connections()


def test_a_directory_of_parts_is_one_table(clone):
    fixed, free = fsspec.filesystem("datav", rev="v1"), fsspec.filesystem("datav")
    found = {
        "pandas": pa.Table.from_pandas(pd.read_parquet("datav://parts@v1", columns=COLUMNS)),
        "pyarrow": pyarrow.dataset.dataset("parts", filesystem=fixed).to_table(columns=COLUMNS),
        "pyarrow by its path": pyarrow.dataset.dataset("parts@v1", filesystem=free).to_table(columns=COLUMNS),
    }

    assert [name for name, table in found.items() if not is_same(table, clone.table)] == []


def test_duckdb_joins_two_versions(clone):
    with duckdb.connect() as connection:
        connection.register_filesystem(fsspec.filesystem("datav"))
        query = """
            SELECT count(*) FROM read_parquet('datav://trades.parquet@v1') AS old
            ANTI JOIN read_parquet('datav://parts/*.parquet@v2') AS new ON old.id = new.id
        """
        assert connection.sql(query).fetchall() == [(1,)]


def test_pyarrow_reads_from_several_threads_what_is_asked_for_once(clone):
    filesystem = fsspec.filesystem("datav", rev="v1")

    def read_everything() -> object:
        table = pyarrow.dataset.dataset("parts", filesystem=filesystem).to_table(use_threads=True)
        assert is_same(table, clone.table)
        return table

    fetched = clone.bytes_fetched(read_everything)
    stored = sum(info["size"] for info in filesystem.find("parts", detail=True).values())

    assert fetched < stored * MOST_OF_COLUMNS


def test_ranges_that_lie_near_each_other_are_one_request(clone):
    filesystem = fsspec.filesystem("datav", rev="v1")
    size = filesystem.info("trades.parquet")["size"]
    starts = list(range(1_000_000, 3_000_000, 10_000))

    def read_parts() -> Any:
        return filesystem.cat_ranges(["trades.parquet"] * len(starts), starts, [at + 100 for at in starts])

    clone.bytes_fetched(read_parts)
    (connection,) = connections()

    assert size > 3_000_000
    # At worst each chunk lies in a pack of another writer; there are some thirty of them, and 200 ranges.
    assert connection.remote.objects.traffic.requests < len(starts) // 3
