"""datav.tables.describe over text tables: rows, names, types."""

import pytest

from datav.formats.entry import Content
from datav.formats.manifest import MAX_COLUMNS, Manifest, TableInfo, encode_manifest
from datav.tables.celltypes import cell_type
from datav.tables.describe import describe
from datav.tables.dialect import HEAD_SIZE
from datav.tables.source import NotATable


@pytest.fixture
def columns(in_memory):
    """Names and types of the columns of a text table."""

    def of(name: str, data: bytes) -> list[tuple[str, str]]:
        found = describe(name, in_memory(data), None)
        assert isinstance(found, TableInfo), found
        return [(column.name, column.type) for column in found.columns]

    return of


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("0", "integer"),
        ("-17", "integer"),
        ("9" * 40, "integer"),
        ("007", "text"),
        ("1.0", "float"),
        (".5", "float"),
        ("5.", "float"),
        ("-1e-9", "float"),
        ("00.5", "text"),
        ("NaN", "float"),
        ("-inf", "float"),
        (".", "text"),
        ("1,5", "text"),
        ("1_000", "text"),
        ("１", "text"),
        ("true", "boolean"),
        ("FALSE", "boolean"),
        ("yes", "text"),
        ("2024-02-29", "date"),
        ("2024-13-01", "text"),
        ("20240229", "integer"),
        ("2024-02-29T12:30", "timestamp"),
        ("2024-02-29 12:30:59.123456789+05:30", "timestamp"),
        ("2024-02-29T12:30:59Z", "timestamp"),
        ("2024-02-29T24:30", "text"),
        (" 1", "text"),
        ("NA", "text"),
        ("1\n", "text"),
        ("1" * 1_000_000, "text"),
    ],
)
def test_a_cell_looks_like(cell, expected):
    assert cell_type(cell) == expected


def test_the_type_of_a_column_fits_all_its_sampled_cells(columns):
    data = b"a,b,c,d,e,f\n1,1,2024-01-01,,x,1\n2,1.5,2024-01-01T00:00,,1,2024-01-01\n,,,,,\n"

    assert columns("x.csv", data) == [
        ("a", "integer"), ("b", "float"), ("c", "timestamp"), ("d", "empty"), ("e", "text"), ("f", "text"),
    ]  # fmt: skip


def test_ragged_rows_and_repeated_names_break_nothing(columns):
    data = b"a,,a\n1\n1,2,3,4\nx,y,z\n"

    assert columns("x.csv", data) == [("a", "text"), ("", "text"), ("a", "text")]


def test_keys_of_json_lines_come_in_the_order_they_come_up(columns):
    data = (
        b'{"a": 1, "b": null, "c": "x", "d": [1], "e": {"x": 1}, "f": true}\n'
        b'{"g": NaN, "a": 1.5, "c": 1, "h": ' + b"9" * 5000 + b"}\n"
        b"[1, 2]\nnot json\n"
        b'{"\\ud800": 1}'
    )

    assert columns("x.jsonl", data) == [
        ("a", "float"), ("b", "empty"), ("c", "mixed"), ("d", "list"), ("e", "object"), ("f", "boolean"),
        ("g", "float"), ("h", "integer"), ("\\ud800", "integer"),
    ]  # fmt: skip


@pytest.mark.parametrize("data", [b'[\n{"a": 1}\n]\n', b'{"a": 1} x\n', b'{"a": 1', b"[" * 100_000 + b"\n"])
def test_json_that_is_not_in_lines_is_no_table(in_memory, data):
    found = describe("x.jsonl", in_memory(data), 1)

    assert isinstance(found, NotATable)
    assert found.reason.startswith("the first line is not JSON: ")
    assert found.reason.isprintable()


@pytest.mark.parametrize(
    ("name", "data", "records", "rows"),
    [
        ("x.csv", b"a,b\n1,2\n", 2, 1),
        ("x.csv", b"a,b\n", 1, 0),
        ("x.csv", b"a,b\n", None, None),
        ("x.jsonl", b'{"a": 1}\n', 1, 1),
    ],
)
def test_rows_are_the_records_without_the_header(in_memory, name, data, records, rows):
    found = describe(name, in_memory(data), records)

    assert isinstance(found, TableInfo)
    assert found.rows == rows
    assert found.sampled
    assert found.key == ()
    assert found.delimiter == ("," if name == "x.csv" else None)


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_record_cut_by_the_end_of_the_head_says_nothing_of_its_types(in_memory, name):
    start, cut = (b"a\n" + b"\n" * (HEAD_SIZE - 4), b"1234x\n")
    if name == "x.jsonl":
        start, cut = b'{"a": 1}\n' + b"\n" * (HEAD_SIZE - 17), b'{"a": "x"}\n'
    source = in_memory(start + cut)

    found = describe(name, source, None)

    assert isinstance(found, TableInfo)
    assert found.columns[0].type == ("empty" if name == "x.csv" else "integer")
    assert source.bytes_read <= HEAD_SIZE + 100


def test_more_columns_than_a_manifest_lists_are_counted(in_memory):
    names = [f"c{i}" for i in range(9000)]
    data = (",".join(names) + "\n" + ",".join("1" for _ in names) + "\n").encode()

    found = describe("x.csv", in_memory(data), 2)

    assert isinstance(found, TableInfo)
    assert [column.name for column in found.columns] == names[:MAX_COLUMNS]
    assert found.more_columns == 8000
    assert found.columns[-1].type == "integer"


def test_names_of_any_text_fit_a_manifest(in_memory):
    data = '"\x1b[31m\n\u202e""",\ud7ff,\U0010ffff,\x01'.encode() + b"\x01" * 500_000 + b"\n1,2,3,4\n"

    found = describe("x.csv", in_memory(data), 2)

    assert isinstance(found, TableInfo)
    assert len(found.columns) == 3
    assert found.more_columns == 1
    encode_manifest(Manifest("file", Content(b"x" * 32, 1, len(data)), 1, table=found))


@pytest.mark.parametrize("name", ["x", "x.bin", "x.csv.gz", "x.txt", "x.png"])
def test_what_does_not_claim_to_be_a_table_is_none_and_is_hardly_read(in_memory, name):
    source = in_memory(b"\x89PNG\0" * 1_000_000)

    assert describe(name, source, None) is None
    assert source.bytes_read <= (HEAD_SIZE + 100 if name == "x.txt" else 100)
