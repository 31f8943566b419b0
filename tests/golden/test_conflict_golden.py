"""Records of conflicts of each version as they were first written: readable for ever, and written so again.

The files are never regenerated: a change that breaks this test breaks the format.
"""

from pathlib import Path

import pytest

from datav.formats.conflict import ConflictItem, ConflictRecord, Given, encode_record, parse_record

HERE = Path(__file__).parent / "conflict"

SIDES = [{"id": f"b3:{digit * 64}", "depth": depth, "bytes": 7} for depth, digit in enumerate("abc")]
ROW = {"id": 9, "name": "Gatow", "open": True}

RECORDS = {
    "table.conflict": ConflictRecord(
        {"base": b"datav = 1\n", "ours": b"datav = 2\r\n", "theirs": "# 100% é \x7f\u2028\n".encode()},
        (
            ConflictItem("cell", "Tempelhof", "Berlin", "THF", key=(("id", "7"),), column="name"),
            ConflictItem("cell", 1, 2.5, None, key=(("id", 8), ("", None)), column="", taken="theirs"),
            ConflictItem("cell", 1e16, -0.5, 2**70, key=(("id", 8),), column="a\ud800", taken=Given("0.1")),
            ConflictItem("cell", [1, {"b": 2, "a": []}], [], {}, key=(("id", "日😀"),), column="x"),
            ConflictItem("add_add", None, "a\tb", 'c"\\', key=(("id", 9),), column="n", taken=Given(None)),
            ConflictItem("delete_modify", ROW, None, ROW | {"open": False}, key=(("id", 9),), taken="base"),
            ConflictItem("schema", {"type": "int32"}, {"type": "int64"}, None, column="n", taken="ours"),
            ConflictItem("meta", None, "[meta]\na = 1\n", "[meta]\na = 2\n"),
        ),
    ),
    "directory.conflict": ConflictRecord(
        {"ours": b"\xff\xfe%\0", "theirs": b""},
        (
            ConflictItem("file", SIDES[0], SIDES[1], SIDES[2], path=b"a/50%\xff.bin", reason="not a table"),
            ConflictItem("file", None, SIDES[1], None, path="ä".encode()),
        ),
    ),
    "none.conflict": ConflictRecord({}),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_written_long_ago_is_read(name):
    assert parse_record((HERE / name).read_bytes(), name) == RECORDS[name]


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_written_as_it_was_long_ago(name):
    assert encode_record(RECORDS[name]) == (HERE / name).read_bytes()
