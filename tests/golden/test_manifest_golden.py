"""Manifests of each version as they were first written: readable for ever, and written so again.

The files are never regenerated: a change that breaks this test breaks the format.
"""

from pathlib import Path

import pytest

from datav.formats.entry import EMPTY_CONTENT, Content
from datav.formats.manifest import (
    ColumnInfo,
    ConflictInfo,
    Manifest,
    TableInfo,
    encode_manifest,
    parse_manifest,
)

HERE = Path(__file__).parent / "manifest"

MANIFESTS = {
    "table.datav": Manifest(
        "file",
        Content(bytes(range(32)), 1, 482113),
        1,
        table=TableInfo(
            format="csv",
            encoding="utf-8",
            delimiter=",",
            rows=3987,
            key=("id",),
            columns=(ColumnInfo("id", "integer"), ColumnInfo("code", "text")),
            more_columns=0,
            sampled=True,
        ),
        meta='# asked by mail\n[meta]\nsource = "ourairports.com"\n\n[meta.units]\nelevation = "ft"\n',
    ),
    "parquet.datav": Manifest(
        "file",
        Content(bytes(range(32, 64)), 2, 2**40),
        1,
        table=TableInfo(
            format="parquet",
            encoding=None,
            delimiter=None,
            rows=0,
            key=(),
            columns=(
                ColumnInfo("t", "timestamp[ms, tz=UTC]", 0),
                ColumnInfo("", "struct<a: int32>"),
                ColumnInfo('"\\\b\t\n\f\r\0\x1b\x7f\x85\u202e\u2028\ufeff é日😀\U000e0041', "string", 7),
            ),
            more_columns=12,
            sampled=False,
        ),
    ),
    "empty.datav": Manifest("file", EMPTY_CONTENT, 1, executable=True),
    "directory.datav": Manifest("directory", Content(bytes(range(64, 96)), 3, 123456789), 250),
    # Of version 2, as all that have a profile.
    "profile.datav": Manifest(
        "file",
        Content(bytes(range(96, 128)), 1, 482113),
        1,
        executable=True,
        table=TableInfo(
            format="jsonl",
            encoding="utf-8",
            delimiter=None,
            rows=3987,
            key=(),
            columns=(ColumnInfo("id", "integer"),),
            more_columns=0,
            sampled=True,
        ),
        meta='[meta]\nsource = "ourairports.com"\n',
        profile=Content(bytes(range(128, 160)), 0, 12345),
    ),
    "directory_profile.datav": Manifest(
        "directory",
        Content(bytes(range(64, 96)), 3, 123456789),
        250,
        profile=Content(bytes(range(160, 192)), 2, 16 * 2**20),
    ),
    # Of version 3, as all that have a conflict.
    "conflict.datav": Manifest(
        "file",
        Content(bytes(range(192, 224)), 1, 482131),
        1,
        table=TableInfo(
            format="csv",
            encoding="utf-8",
            delimiter=",",
            rows=3987,
            key=("id",),
            columns=(ColumnInfo("id", "integer"), ColumnInfo("code", "text")),
            more_columns=0,
            sampled=True,
        ),
        meta='[meta]\nsource = "ourairports.com"\n',
        profile=Content(bytes(range(128, 160)), 0, 12345),
        conflict=ConflictInfo(
            Content(bytes(range(224, 256)), 0, 2310),
            3,
            (
                Content(bytes(range(32)), 1, 482113),
                Content(bytes(range(1, 33)), 1, 482131),
                Content(bytes(range(2, 34)), 0, 8),
            ),
        ),
    ),
    # Added on both sides, one of them empty, all decided and not finished.
    "directory_conflict.datav": Manifest(
        "directory",
        Content(bytes(range(64, 96)), 3, 123456789),
        250,
        conflict=ConflictInfo(
            Content(bytes(range(3, 35)), 2, 64 * 2**20),
            0,
            (Content(bytes(range(64, 96)), 3, 123456789), EMPTY_CONTENT),
        ),
    ),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_written_long_ago_is_read(name):
    assert parse_manifest((HERE / name).read_bytes(), name) == MANIFESTS[name]


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_written_as_it_was_long_ago(name):
    assert encode_manifest(MANIFESTS[name]) == (HERE / name).read_bytes()
