"""The row diff of files that trip readers: right, or a plain word about what is wrong, and never a traceback.

The files are those of the shared data (tests/support/shareddata.py).
"""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datav.errors import TableError
from datav.tables.options import DiffOptions
from datav.tables.result import RowDiff
from datav.tables.source import NotATable
from tests.cli.conftest import Cli, assert_is_error
from tests.support.comparing import comparing, told
from tests.support.randomtables import Written, read_text
from tests.support.repos import ScratchRepo
from tests.support.rowtwin import PlainTable, Rules, diff_rows
from tests.support.shareddata import DATA

FILES = sorted(
    path for folder in ("csv", "jsonl", "parquet", "made") for path in DATA.glob(f"awkward/{folder}/*")
)
# Its corpus expects another telephone number than it has.
WRONG = "csv-spectrum--location_coordinates.json"
EXPECTED = sorted(path for path in DATA.glob("awkward/csv-expected/*.json") if path.name != WRONG)
# A map of some GB, which every comparison unpacks.
HUGE = "large_string_map"
TEXTS = (".csv", ".tsv", ".tab", ".psv", ".txt")

pytestmark = pytest.mark.skipif(
    not FILES, reason=f"no awkward files in {DATA}; DATAV_TEST_DATA names a folder with them"
)


def of(files: list[Path], *extensions: str) -> pytest.MarkDecorator:
    """One test for each of the files that are called so; all without extensions."""
    chosen = [path for path in files if not extensions or path.suffix in extensions]
    return pytest.mark.parametrize("path", chosen, ids=lambda path: f"{path.parent.name}/{path.name}")


@of(FILES)
def test_no_file_differs_from_itself(path):
    data = path.read_bytes()

    rows = diff((path.name, data), (path.name, data))

    assert isinstance(rows, str) or rows.is_empty


@of(FILES)
def test_the_command_has_no_bug_with_any_file(path, tmp_path):
    cli = Cli(ScratchRepo(tmp_path))
    data = path.read_bytes()
    half = tmp_path / f"half-{path.name}"
    half.write_bytes(data[: len(data) // 2] + data[len(data) * 2 // 3 :])
    for options in ([], ["--json"], ["--typed"], ["--ordered"])[: 1 if HUGE in path.name else None]:
        done = cli("diff", "--no-index", str(path), str(half), *options)

        assert done.status in (0, 1, 2), done.err
        if done.status == 2:
            assert_is_error(done.err, ends_as_typed=True)


@of(FILES, *TEXTS)
def test_a_text_with_one_other_cell_differs_in_that_cell(path):
    plain = read_as_text(Written(path.name, path.read_bytes()))
    if plain is None or not plain.rows:
        pytest.skip("the csv module finds no table in it")
    rows = [dict(row) for row in plain.rows]
    # Behind the last cell, so that no line gets another look at its start.
    rows[len(rows) // 2][plain.columns[-1]] = f"{rows[len(rows) // 2][plain.columns[-1]]}x"
    changed = PlainTable(plain.columns, list(rows))
    copy = written_by_csv(changed)
    key = plain.columns[:1] if len(plain.columns) > 1 else ()
    with comparing() as tables:
        found = tables.diff((path.name, path.read_bytes()), ("copy.csv", copy), DiffOptions(key=key))

        assert told(found, plain.columns) == diff_rows(plain, changed, Rules(key=key))


@of(EXPECTED)
def test_a_text_is_read_as_its_corpus_says(path):
    source = DATA / "awkward" / "csv" / f"{path.stem}.csv"
    expected = json.loads(path.read_text())
    if b"\r" not in source.read_bytes():
        # Its copy has lost what made it special on the way here.
        expected = [{name: cell.replace("\r\n", "\n") for name, cell in row.items()} for row in expected]
    no_rows = written_by_csv(PlainTable(tuple(expected[0]), []))
    with comparing() as tables:
        found = tables.diff((source.name, no_rows), (source.name, source.read_bytes()), DiffOptions(key=()))
        assert found.rows is not None
        read: Counter[tuple[tuple[str, object], ...]] = Counter()
        for change in found.rows.changes():
            read[tuple(sorted(change.after.items()))] += change.count

    assert read == Counter(tuple(sorted(row.items())) for row in expected)


@of(FILES, ".jsonl", ".ndjson")
def test_json_lines_without_their_last_record_lack_one_row(path):
    data = path.read_bytes().rstrip()
    before = (path.name, data)
    shorter = (path.name, data[: data.rfind(b"\n") + 1])
    if isinstance(rows := diff(before, before), str) or not (rows.from_rows or 0) > 1 or b"\n" not in data:
        pytest.skip("no records, a single one, or no line ends of this kind")

    rows = diff(before, shorter)

    assert not isinstance(rows, str)
    assert (rows.added, rows.removed) == (0, 1)


@of(FILES, ".parquet", ".encrypted")
def test_a_parquet_file_written_anew_without_its_last_row_lacks_one_row(path):
    table = read_parquet(path)
    if table is None or not table.num_rows:
        pytest.skip("pyarrow finds no rows in it")
    sink = io.BytesIO()
    try:
        pq.write_table(table.slice(0, table.num_rows - 1), sink)
    except (pa.ArrowException, NotImplementedError) as exc:
        pytest.skip(f"pyarrow cannot write it: {exc}")

    rows = diff((path.name, path.read_bytes()), (path.name, sink.getvalue()))

    assert not isinstance(rows, str), rows
    assert (rows.from_rows, rows.to_rows) == (table.num_rows, table.num_rows - 1)
    assert (rows.added, rows.removed, rows.changed) == (0, 1, 0)
    assert rows.unchanged == table.num_rows - 1


@pytest.mark.parametrize("other", ["same-rows-zstd-rowgroups", "same-rows-nodict-v2"])
def test_parquet_files_of_the_same_rows_do_not_differ(other):
    files = [DATA / "awkward" / "made" / f"{name}.parquet" for name in ("same-rows-snappy", other)]

    rows = diff(*((file.name, file.read_bytes()) for file in files))

    assert not isinstance(rows, str)
    assert rows.is_empty
    assert rows.unchanged == 2000


def diff(before: tuple[str, bytes], after: tuple[str, bytes]) -> RowDiff | str:
    """Compare two files without a key, all changes read; or say why they are not compared."""
    with comparing() as tables:
        reason, rows = None, None
        try:
            sides = [tables.open_any(*side) for side in (before, after)]
            reason = next((side.reason for side in sides if isinstance(side, NotATable)), None)
            rows = tables.diff(before, after, DiffOptions(key=())).rows if reason is None else None
        except TableError as exc:
            reason = str(exc)
        if rows is not None and rows.refused is not None:
            assert rows.is_empty
            reason = rows.refused
        if reason is not None:
            assert reason.isprintable()
            return reason
        assert rows is not None
        told_of = Counter[str]()
        for change in rows.changes():
            told_of[change.op] += change.count
        assert (told_of["added"], told_of["removed"]) == (rows.added, rows.removed)
        return rows


def read_as_text(file: Written) -> PlainTable | None:
    try:
        return read_text(file)
    except (AssertionError, UnicodeDecodeError, csv.Error):
        return None


def written_by_csv(table: PlainTable) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(table.columns)
    writer.writerows([row[name] for name in table.columns] for row in table.rows)
    return sink.getvalue().encode()


def read_parquet(path: Path) -> pa.Table | None:
    try:
        return pq.read_table(io.BytesIO(path.read_bytes()), page_checksum_verification=True)
    except (pa.ArrowException, OSError, NotImplementedError, ValueError):
        return None
