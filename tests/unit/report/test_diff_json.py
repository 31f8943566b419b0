"""What `diff --json` prints."""

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa

from datav.formats.manifest import ColumnInfo
from datav.repo.diffresult import FileItem, FilesDiff
from datav.report.diff_json import diff_json, write_diff_json
from datav.report.diff_sections import Sections
from datav.tables.result import (
    ChangeBatch,
    ColumnRename,
    DuplicateKeys,
    RowDiff,
    SchemaDiff,
    TableDiff,
)
from tests.support.diffs import changed_batch, diff_of, row_diff, table_dataset, text_table


def rows_of(document):
    (dataset,) = document["datasets"]
    return dataset["rows"]


def written(diff, **options) -> str:
    pieces: list[str] = []
    write_diff_json(diff, pieces.append, **options)
    return "".join(pieces)


def one_of_each() -> RowDiff:
    return row_diff(
        ChangeBatch("removed", text_table(id=["1"], n=["a"]), None, {}),
        ChangeBatch("added", None, text_table(id=["2"], n=["b"]), {}),
        changed_batch(text_table(id=["3"], n=["c"]), text_table(id=["3"], n=["d"])),
        from_rows=2,
        to_rows=2,
        unchanged=0,
    )


def test_a_table_has_the_names_that_programs_rely_on():
    schema = SchemaDiff(
        added=(ColumnInfo("x", "text"),),
        removed=(ColumnInfo("y", "text"),),
        renamed=(ColumnRename("y", "x", 0.5),),
    )

    document = diff_json(diff_of(table_dataset(one_of_each(), schema)), limit=20)

    assert document == {
        "format": 1,
        "from": {"rev": "HEAD", "commit": "c" * 40},
        "to": {"rev": None, "commit": None},
        "datasets": [
            {
                "path": "a.csv",
                "status": "modified",
                "before_path": None,
                "kind": "file",
                "before": {"id": "b3:" + "1" * 64, "bytes": 1000, "files": 1, "rows": 2},
                "after": {"id": "b3:" + "2" * 64, "bytes": 1200, "files": 1, "rows": 2},
                "meta_changed": False,
                "reason": None,
                "files": {"added": 0, "removed": 0, "modified": 0, "renamed": 0, "items": []},
                "schema": {
                    "added": [{"name": "x", "type": "text"}],
                    "removed": [{"name": "y", "type": "text"}],
                    "changed": [],
                    "renamed": [{"from": "y", "to": "x", "share": 0.5}],
                    "reordered": False,
                    "written": [],
                },
                "rows": {
                    "key": ["id"],
                    "from_rows": 2,
                    "to_rows": 2,
                    "added": 1,
                    "removed": 1,
                    "changed": 1,
                    "unchanged": 0,
                    "moved": None,
                    "changed_cells": {"n": 1},
                    "refused": None,
                    "duplicate_keys": None,
                    "label_flips": None,
                    "items": [
                        {
                            "op": "removed",
                            "key": {"id": "1"},
                            "before": {"id": "1", "n": "a"},
                            "after": {},
                            "count": 1,
                        },
                        {
                            "op": "added",
                            "key": {"id": "2"},
                            "before": {},
                            "after": {"id": "2", "n": "b"},
                            "count": 1,
                        },
                        {
                            "op": "changed",
                            "key": {"id": "3"},
                            "before": {"n": "c"},
                            "after": {"n": "d"},
                            "count": 1,
                        },
                    ],
                    "truncated": False,
                },
                "stats": None,
            }
        ],
    }


def test_what_is_written_in_pieces_is_the_same_document():
    files = FilesDiff(
        (FileItem(b"t.csv", "modified", None, 1, 2, TableDiff(SchemaDiff(), one_of_each()), None),)
    )
    diff = diff_of(table_dataset(one_of_each()), table_dataset(kind="directory", table=None, files=files))

    for limit in (0, 2, None):
        text = written(diff, limit=limit)

        assert text.startswith('{"format": 1, ')
        assert json.loads(text) == diff_json(diff, limit=limit)


def test_rows_are_written_as_they_are_found():
    seen = []

    def batches():
        for n in range(3):
            seen.append(n)
            yield ChangeBatch("added", None, text_table(id=[str(n)]), {})

    counts: list[int] = []
    write_diff_json(
        diff_of(table_dataset(RowDiff(key=("id",), added=3, batches=batches))),
        lambda piece: counts.append(len(seen)) if '"added", "key"' in piece else None,
        limit=None,
    )

    assert counts == [1, 2, 3]


def test_a_limit_truncates_and_says_so():
    diff = diff_of(table_dataset(one_of_each()))

    assert rows_of(diff_json(diff, limit=2))["truncated"] is True
    assert len(rows_of(diff_json(diff, limit=2))["items"]) == 2
    assert "items" not in rows_of(diff_json(diff, limit=0))
    assert "items" not in diff_json(diff, limit=0)["datasets"][0]["files"]


def test_sections_that_are_not_wanted_are_null():
    (dataset,) = diff_json(
        diff_of(table_dataset(one_of_each())),
        limit=1,
        sections=Sections(files=False, schema=False, rows=False),
    )["datasets"]

    assert (dataset["files"], dataset["schema"], dataset["rows"]) == (None, None, None)


def test_cells_that_json_lacks_are_text():
    cells = {
        "decimal": pa.array([Decimal("1.50")]),
        "date": pa.array([dt.date(2020, 1, 2)]),
        "time": pa.array([dt.datetime(2020, 1, 2, 3, tzinfo=dt.UTC)]),
        "span": pa.array([dt.timedelta(days=1)]),
        "nan": pa.array([float("nan")]),
        "inf": pa.array([[float("-inf")]]),
        "bytes": pa.array([b"\xff\x00"]),
        "text": pa.array([b"text"]),
        "null": pa.array([None], pa.int8()),
        "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())),
    }
    rows = row_diff(ChangeBatch("added", None, pa.table(cells), {}), key=())

    (item,) = rows_of(diff_json(diff_of(table_dataset(rows)), limit=1))["items"]

    assert item["after"] == {
        "decimal": "1.50",
        "date": "2020-01-02",
        "time": "2020-01-02T03:00:00+00:00",
        "span": "PT86400S",
        "nan": "NaN",
        "inf": ["-Infinity"],
        "bytes": {"base64": "/wA="},
        "text": "text",
        "null": None,
        "map": {"k": 1},
    }


def test_rows_that_were_not_compared_have_no_numbers():
    ragged = rows_of(diff_json(diff_of(table_dataset(RowDiff(refused="ragged"))), limit=1))
    no_table = rows_of(diff_json(diff_of(table_dataset(table=None, reason="is blank")), limit=1))
    no_key = rows_of(
        diff_json(
            diff_of(
                table_dataset(
                    row_diff(
                        ChangeBatch("added", None, text_table(id=["1"]), {}, pa.array([2]), has_key=False),
                        duplicates=DuplicateKeys(0, 1, ({"id": "1"},)),
                    )
                )
            ),
            limit=1,
        )
    )

    assert (ragged["added"], ragged["refused"]) == (None, "ragged")
    assert (no_table["changed"], no_table["refused"]) == (None, "is blank")
    assert no_key["duplicate_keys"] == {"from": 0, "to": 1, "examples": [{"id": "1"}]}
    assert (no_key["added"], no_key["truncated"], no_key["items"][0]["count"]) == (2, False, 2)


def test_what_an_encoding_lacks_is_escaped():
    rows = row_diff(ChangeBatch("added", None, text_table(id=["é\u2028😀"]), {}))
    diff = diff_of(table_dataset(rows, path=b"\xff.csv"))

    text = written(diff, limit=None, encoding="latin-1")

    assert text.encode("latin-1")
    assert json.loads(text)["datasets"][0]["path"] == "\udcff.csv"
    assert rows_of(json.loads(text))["items"][0]["after"] == {"id": "é\u2028😀"}
