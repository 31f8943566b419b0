"""datav.tables.parquet: footers, good, bad and hostile."""

import io
from decimal import Decimal

import pytest

from datav.formats.manifest import ColumnInfo, TableInfo
from datav.tables import parquet
from datav.tables.describe import describe
from datav.tables.parquet_counts import parse_counts
from datav.tables.source import NotATable

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def parquet_bytes(table, **options) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


GOOD = parquet_bytes(pa.table({"id": [1, 2, 3, 4], "name": ["a", None, "c", None]}), row_group_size=2)


def footer_of(data: bytes) -> bytes:
    return data[-8 - int.from_bytes(data[-8:-4], "little") : -8]


def with_footer(footer: bytes) -> bytes:
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def test_rows_types_and_nulls_come_from_the_footer_alone(in_memory):
    data = parquet_bytes(pa.table({"x": range(200_000), "y": [None, 1.5] * 100_000}))
    source = in_memory(data)

    found = describe("x.parquet", source, None)

    assert found == TableInfo(
        "parquet",
        None,
        None,
        200_000,
        (),
        (ColumnInfo("x", "int64", 0), ColumnInfo("y", "float64", 100_000)),
        0,
        False,
    )
    assert source.bytes_read < len(footer_of(data)) + 100


def test_nulls_are_added_up_over_row_groups(in_memory):
    found = describe("any name", in_memory(GOOD), None)

    assert isinstance(found, TableInfo)
    assert [(column.name, column.nulls) for column in found.columns] == [("id", 0), ("name", 2)]


def test_nulls_are_unknown_where_the_footer_does_not_count_them(in_memory):
    data = parquet_bytes(pa.table({"a": [1, None], "b": [[1], None]}), write_statistics=False)

    found = describe("x.parquet", in_memory(data), None)

    assert isinstance(found, TableInfo)
    assert [column.nulls for column in found.columns] == [None, None]
    assert found.rows == 2


def test_nulls_belong_to_their_column_behind_nested_ones_too(in_memory):
    table = pa.table(
        {
            "s": pa.array([{"a": 1, "b": [2]}, None]),
            "m": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            "a.b": [None, None],
            "required": [1, 2],
        },
        schema=pa.schema(
            [
                pa.field("s", pa.struct([("a", pa.int64()), ("b", pa.list_(pa.int8()))])),
                pa.field("m", pa.map_(pa.string(), pa.int64())),
                pa.field("a.b", pa.string()),
                pa.field("required", pa.int64(), nullable=False),
            ]
        ),
    )

    found = describe("x.parquet", in_memory(parquet_bytes(table)), None)

    assert isinstance(found, TableInfo)
    assert found.columns == (
        ColumnInfo("s", "struct<a: int64, b: list<int8>>", None),
        ColumnInfo("m", "map<string, int64>", None),
        ColumnInfo("a.b", "string", 2),
        ColumnInfo("required", "int64", 0),
    )


def test_types_have_short_stable_names(in_memory):
    schema = pa.schema(
        [
            ("bool", pa.bool_()),
            ("int8", pa.int8()),
            ("float16", pa.float16()),
            ("float32", pa.float32()),
            ("binary", pa.binary()),
            ("fixed_size_binary[16]", pa.binary(16)),
            ("large_string", pa.large_string()),
            ("date32", pa.date32()),
            ("time64[us]", pa.time64("us")),
            ("timestamp[ms]", pa.timestamp("ms")),
            ("timestamp[ms, tz=UTC]", pa.timestamp("ms", "UTC")),
            ("decimal128(10, 2)", pa.decimal128(10, 2)),
            ("dictionary<string>", pa.dictionary(pa.int8(), pa.string())),
            ("fixed_size_list<int32>[3]", pa.list_(pa.int32(), 3)),
            ("large_list<int32>", pa.large_list(pa.int32())),
            ("null", pa.null()),
        ]
    )

    found = describe("x.parquet", in_memory(parquet_bytes(schema.empty_table())), None)

    assert isinstance(found, TableInfo)
    assert [column.type for column in found.columns] == schema.names
    assert found.rows == 0


def test_the_name_of_a_long_or_deep_type_ends_in_an_ellipsis(in_memory):
    deep = pa.int8()
    for _ in range(30):
        deep = pa.list_(deep)
    wide = pa.struct([(f"field {i} \x1b[31m", pa.int8()) for i in range(500)])

    found = describe(
        "x.parquet", in_memory(parquet_bytes(pa.schema([("d", deep), ("w", wide)]).empty_table())), None
    )

    assert isinstance(found, TableInfo)
    names = [column.type for column in found.columns]
    assert names[0] == "list<" * 7 + "..." + ">" * 7
    assert names[1].endswith("...")
    assert all(len(name) <= 120 and name.isprintable() for name in names)


def test_decimals_and_zones_are_named(in_memory):
    table = pa.table({"d": [Decimal("1.25")]})

    found = describe("x.parquet", in_memory(parquet_bytes(table)), None)

    assert isinstance(found, TableInfo)
    assert found.columns[0].type == "decimal128(3, 2)"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        b"PAR1PAR1",
        b"id,name\n1,2\n",
        GOOD[:-1],
        GOOD[:700],
        GOOD[4:],
        with_footer(b""),
        with_footer(b"\0"),
        with_footer(b"x" * 1000),
        with_footer(footer_of(GOOD)[:-30]),
        b"PAR1" + b"\xff\xff\xff\xff" + b"PAR1",
        b"PARE" + b"\0" * 100 + b"PARE",
    ],
)
def test_what_is_cut_or_corrupt_says_why_it_is_no_table(in_memory, data):
    found = describe("x.parquet", in_memory(data), None)

    assert isinstance(found, NotATable)
    assert found.reason.isprintable()
    assert 0 < len(found.reason) < 300


def test_an_encrypted_footer_is_named(in_memory):
    found = describe("x", in_memory(b"PARE" + b"\0" * 100 + b"PARE"), None)

    assert found == NotATable("its Parquet footer is encrypted")


def test_a_footer_is_not_read_when_it_is_too_large(in_memory, monkeypatch):
    monkeypatch.setattr(parquet, "MAX_FOOTER_SIZE", 100)
    source = in_memory(GOOD)

    found = describe("x.parquet", source, None)

    assert isinstance(found, NotATable)
    assert "are not read" in found.reason
    assert source.bytes_read < 100


def test_rows_are_unknown_when_the_footer_contradicts_itself(in_memory):
    # num_rows is field 3 of FileMetaData; 4 rows are zigzag 8, and each row group holds 2.
    footer = footer_of(GOOD)
    head, tail = footer[: footer.index(b"\x16\x08")], footer[footer.index(b"\x16\x08") + 2 :]

    found = describe("x.parquet", in_memory(with_footer(head + b"\x16\x0a" + tail)), None)

    assert isinstance(found, TableInfo)
    assert found.rows is None
    assert len(found.columns) == 2


def test_no_change_of_a_single_byte_of_a_footer_raises(in_memory):
    footer = footer_of(GOOD)
    for i in range(len(footer)):
        for value in (0, 0x7F, 0xFF, footer[i] ^ 1):
            changed = with_footer(footer[:i] + bytes([value]) + footer[i + 1 :])
            assert isinstance(describe("x.parquet", in_memory(changed), None), TableInfo | NotATable)


@pytest.mark.parametrize(
    "footer",
    [
        b"\x19\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a list of 2^63 structs
        b"\x18\xff\xff\xff\xff\x7f",  # a text longer than the footer
        b"\x1c" * 10_000,  # structs in structs
        b"\x19\x19" * 10_000,  # lists in lists
        b"\x16" + b"\xff" * 100,  # an integer without an end
        b"\x1f\0",  # a type that does not exist
        b"\x49\x15\0",  # row groups that are no structs
        b"\x38\0\0",  # rows that are no number
        b"",
    ],
)
def test_a_hostile_footer_is_no_more_than_refused(footer):
    with pytest.raises((ValueError, IndexError)):
        parse_counts(footer)


def test_what_pyarrow_counts_is_what_is_counted_here():
    metadata = pq.read_metadata(io.BytesIO(GOOD))

    counts = parse_counts(footer_of(GOOD))

    assert counts.agree
    assert counts.rows == metadata.num_rows
    assert [group.nulls for group in counts.groups] == [
        [metadata.row_group(g).column(c).statistics.null_count for c in range(2)] for g in range(2)
    ]
