"""datav.tables.opening: any file as a version of a table, or why it is none."""

import gzip
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pyarrow import ipc

from datav.errors import RemoteError, TableError
from datav.storage.scratch import Scratch
from datav.tables import unpacking
from datav.tables.arrowversion import ArrowVersion
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.opening import open_table
from datav.tables.parquetversion import ParquetVersion
from datav.tables.rules import TableRules
from datav.tables.source import NotATable
from datav.tables.text import TextVersion
from datav.tables.version import View

DATA = Path(os.environ.get("DATAV_TEST_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
# One file takes more than two GiB of memory when it is read.
FILES = sorted(path for path in DATA.glob("awkward/*/*") if "large_string_map" not in path.name)

CSV = b"id,name\n1,a\n2,b\n3,c\n"
JSONL = b'{"id": 1, "name": "a"}\n{"id": 2, "name": "b"}\n'
TABLE = pa.table({"id": [1, 2], "name": ["a", "b"]})


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def open_bytes(in_memory):
    with Scratch() as scratch:
        yield lambda name, data, **rules: open_table(name, in_memory(data), scratch, TableRules(**rules))


def parquet_bytes() -> bytes:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink)
    return sink.getvalue()


def arrow_bytes(*, stream: bool) -> bytes:
    sink = io.BytesIO()
    with (ipc.new_stream if stream else ipc.new_file)(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    return sink.getvalue()


def read_table(version, executor) -> pa.Table:
    view = View(tuple(range(len(version.columns))), (), version.types)
    parts = [part.places for part in version.scan(view, 1, executor)]
    places = np.concatenate([np.zeros(0, np.uint64), *parts])
    return version.take(places, view.columns, view.types)


def read_rows(version, executor) -> list[dict]:
    return read_table(version, executor).to_pylist()


@pytest.mark.parametrize(
    ("name", "data", "kind", "form"),
    [
        ("a.csv", CSV, TextVersion, "csv"),
        ("a.tsv", CSV.replace(b",", b"\t"), TextVersion, "tsv"),
        ("a.txt", CSV.replace(b",", b"\t"), TextVersion, "tsv"),
        ("a.jsonl", JSONL, JsonLinesVersion, "jsonl"),
        ("a.NDJSON", JSONL, JsonLinesVersion, "jsonl"),
        ("a.parquet", parquet_bytes(), ParquetVersion, "parquet"),
        ("no-extension", parquet_bytes(), ParquetVersion, "parquet"),
        ("wrong.csv", parquet_bytes(), ParquetVersion, "parquet"),
        ("a.arrow", arrow_bytes(stream=False), ArrowVersion, "arrow"),
        ("a.arrow", arrow_bytes(stream=True), ArrowVersion, "arrow"),
        ("no-extension", CSV, TextVersion, "csv"),
        ("no-extension", JSONL, JsonLinesVersion, "jsonl"),
        ("a.json", JSONL, JsonLinesVersion, "jsonl"),
    ],
)
def test_the_content_tells_the_format_and_then_the_name(open_bytes, executor, name, data, kind, form):
    version = open_bytes(name, data)

    assert isinstance(version, kind)
    assert version.format == form
    assert [column.name for column in version.columns] == ["id", "name"]
    assert len(read_rows(version, executor)) == (3 if data.startswith(b"id") else 2)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.bin", CSV, "is no table: its name ends in .bin"),
        ("a.py", b"import this, that\n" * 9, "is no table: its name ends in .py"),
        ("README", b"Some prose,\nof no width.\n", "is no table"),
        ("a.json", b'{"a": 1}', "is no table: its name ends in .json"),
        ("a.\x1b[31m", b"", "is no table: its name ends in .?[31m"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n \n", "is blank"),
        ("a.csv", b"a,b\n\0,1\n", "is not text: it holds NUL characters or a wrong byte order mark"),
        ("a.parquet", CSV, "is named like Parquet but is not; it may be cut"),
        ("a.feather", b"FEA1....FEA1", "is Feather version 1, which is not read; version 2 is"),
        ("a.csv.gz", CSV, "is named like gzip but is not"),
        ("a.csv.zst", CSV, "is named like zstd but is not"),
        ("a.tar.gz", gzip.compress(b"\0" * 9999, mtime=0), "is no table: its name ends in .tar"),
    ],
)
def test_what_is_no_table_says_why(open_bytes, name, data, reason):
    assert open_bytes(name, data) == NotATable(reason)


def test_a_header_alone_is_a_table_without_rows(open_bytes, executor):
    for name, data in (
        ("a.csv", b"id,name\n"),
        ("a.csv", b"id,name"),
        ("a.csv.gz", gzip.compress(b"id,name\n")),
    ):
        version = open_bytes(name, data)

        assert [column.name for column in version.columns] == ["id", "name"]
        assert read_rows(version, executor) == []


@pytest.mark.parametrize(
    "pack",
    [
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]), id="gzip members"),
        pytest.param(zstandard.compress, id="zstd"),
        pytest.param(
            lambda data: zstandard.compress(data[:9]) + zstandard.compress(data[9:]), id="zstd frames"
        ),
    ],
)
def test_compressed_text_is_unpacked(open_bytes, executor, pack):
    extension = ".gz" if pack(b"").startswith(b"\x1f") else ".zst"

    for name, data in (("a.csv", CSV), ("a", CSV), ("a.jsonl", JSONL)):
        plain, packed = open_bytes(name, data), open_bytes(name + extension, pack(data))

        assert packed.columns == plain.columns
        assert read_rows(packed, executor) == read_rows(plain, executor)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_compressed_file_that_is_damaged_says_so(open_bytes, pack):
    data = pack(bytes(range(256)) * 4000)
    extension = ".gz" if data.startswith(b"\x1f") else ".zst"

    for damaged in (data[: len(data) // 2], data[:20] + b"\xff" * 40 + data[60:]):
        found = open_bytes("a.csv" + extension, damaged)
        assert isinstance(found, NotATable)
        assert found.reason.isprintable()


def test_a_file_that_unpacks_without_end_is_refused(open_bytes, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_SIZE", 10 * 2**20)

    found = open_bytes("a.csv.zst", zstandard.compress(b"a,b\n" * 5 * 2**20))

    assert found == NotATable(f"unpacks to more than {10 * 2**20} bytes")


def test_a_large_archive_is_not_unpacked_to_find_that_it_is_no_table(open_bytes, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_SIZE", 0)

    found = open_bytes("a.tar.zst", zstandard.compress(b"\0" * 50 * 2**20))

    assert found == NotATable("is no table: its name ends in .tar")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "latin-1", "utf-8-sig"])
def test_other_encodings_are_read_as_utf_8(open_bytes, executor, encoding):
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    text = "näme,wért\r\n" + '"ä\nö",ü\r\n' * 3

    version = open_bytes("a.csv", (mark + text).encode(encoding))

    assert [column.name for column in version.columns] == ["näme", "wért"]
    assert read_rows(version, executor) == [{"näme": "ä\nö".encode(), "wért": "ü".encode()}] * 3


def test_json_lines_may_be_in_utf_16(open_bytes, executor):
    version = open_bytes("a.jsonl", '\ufeff{"ä": "ö"}\n'.encode("utf-16-le"))

    assert read_rows(version, executor) == [{"ä": "ö".encode()}]


def test_a_text_that_is_not_what_its_byte_order_mark_says_is_no_table(open_bytes):
    cut = ("\ufeff" + "a,b\n" * 400_000).encode("utf-16-le") + b"\0\xd8"

    found = open_bytes("a.csv", cut)

    assert isinstance(found, NotATable)
    assert found.reason.startswith("is not utf-16-le near byte")


def test_rules_say_how_a_file_is_read(open_bytes, executor):
    assert read_rows(open_bytes("a.dat", b"a;b\n1,5;2\n", delimiter=";"), executor) == [
        {"a": b"1,5", "b": b"2"}
    ]
    assert read_rows(open_bytes("a.csv", b"a\tb\n1\t2\n", delimiter=","), executor) == [{"a\tb": b"1\t2"}]
    assert read_rows(open_bytes("a.dat", CSV, format="csv"), executor)[0] == {"id": b"1", "name": b"a"}
    assert read_rows(open_bytes("a.log", b'{"a": 1}', format="jsonl"), executor) == [{"a": b"1"}]
    assert read_rows(open_bytes("a.csv", b'a,b\n"1",2\n', quoting=False), executor) == [
        {"a": b'"1"', "b": b"2"}
    ]
    assert read_rows(open_bytes("a.csv", b"1,2\n3,4\n", header=False), executor) == [
        {"1": b"1", "2": b"2"},
        {"1": b"3", "2": b"4"},
    ]
    japanese = "名前,値\n日本,1\n".encode("shift-jis")
    assert read_rows(open_bytes("a.csv", japanese, encoding="shift_jis"), executor) == [
        {"名前": "日本".encode(), "値": b"1"}
    ]
    assert open_bytes("x", parquet_bytes(), format="parquet").format == "parquet"
    for stream in (False, True):
        assert open_bytes("x", arrow_bytes(stream=stream), format="arrow").format == "arrow"


def test_rules_that_do_not_fit_say_so(open_bytes):
    for name, data, rules, reason in (
        ("a.csv", CSV, {"format": "parquet"}, "does not end like a Parquet file"),
        ("a.csv", CSV, {"format": "arrow"}, "its Arrow schema cannot be read"),
        ("a.csv", b"a,b\n\xff,1\n", {"encoding": "utf-8"}, "is not UTF-8"),
        ("a.csv", b"a,b\n\xff,1\n", {"encoding": "ascii"}, "is not ascii"),
        ("a.csv", b"", {"delimiter": ";"}, "is empty"),
        ("a.csv", b"\n\n", {"format": "csv", "delimiter": ";"}, "is blank"),
    ):
        found = open_bytes(name, data, **rules)

        assert isinstance(found, NotATable)
        assert found.reason.startswith(reason)
        assert found.reason.isprintable()


def test_what_the_source_raises_comes_through(in_memory):
    class Failing(type(in_memory(b""))):
        def read_at(self, offset, size):
            if offset:
                raise RemoteError("the remote is gone")
            return super().read_at(offset, size)

    packed = gzip.compress(os.urandom(3 * 2**20))
    for name, data in (("a.parquet", parquet_bytes()), ("a.csv.gz", packed)):
        with Scratch() as scratch, pytest.raises(RemoteError, match="the remote is gone"):
            open_table(name, Failing(data), scratch)


@pytest.mark.skipif(not FILES, reason=f"no awkward files in {DATA}; DATAV_TEST_DATA names a folder with them")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_awkward_file_is_read_or_says_why_not(in_memory, executor, path):
    with Scratch() as scratch:
        try:
            found = open_table(path.name, in_memory(path.read_bytes()), scratch)
            rows = None if isinstance(found, NotATable) else read_table(found, executor)
            reason = found.reason if isinstance(found, NotATable) else ""
        except TableError as error:
            rows, reason = None, str(error)

    assert (rows is None) == bool(reason)
    assert reason.isprintable()
    assert reason[:1].islower() or not reason
