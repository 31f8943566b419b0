"""The row diff of real tables against what others counted, against DuckDB, and against the twin.

The tables and their diffs are the shared data (tests/support/shareddata.py).
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest

import datav
from datav.tables import textfacts
from datav.tables.options import DiffOptions
from datav.tables.result import TableDiff
from tests.cli.conftest import Cli
from tests.support.comparing import comparing, told
from tests.support.repos import ScratchRepo
from tests.support.rowtwin import Rules, TwinDiff, diff_rows
from tests.support.shareddata import DATA, Pair, Series, digest_of_keys, find_series, read_csv

SERIES = find_series()
SAMPLE = 4
"""Pairs of each table that go through the command line as well."""

pytestmark = pytest.mark.skipif(not SERIES, reason=f"no tables in {DATA}; DATAV_TEST_DATA names a folder")

each_series = pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)


@each_series
def test_every_version_differs_from_the_next_as_others_counted(series):
    for pair in series.pairs:
        found = datav.diff(pair.before, pair.after, key=pair.key)

        assert isinstance(found, TableDiff)
        check(pair, found)


@each_series
def test_every_version_differs_from_the_next_as_the_twin_says(series):
    for pair in sample(series):
        # The twin is slow; what it has to add are keys that are not unique, and no key at all.
        if pair.is_ragged or pair.before.stat().st_size > 1_000_000:
            continue
        before, after = read_csv(pair.before), read_csv(pair.after)
        shared = [name for name in before.columns if name in after.columns]
        for key in (pair.key, ()):
            with comparing() as tables:
                found = tables.diff(named(pair.before), named(pair.after), DiffOptions(key=key))

                assert told(found, shared) == diff_rows(before, after, Rules(key=key)), (str(pair), key)


@each_series
def test_every_version_differs_from_the_next_as_a_full_outer_join_says(series):
    for pair in series.pairs:
        if pair.refused:
            continue
        with comparing() as tables:
            found = tables.diff(named(pair.before), named(pair.after), DiffOptions(key=pair.key))
        assert found.rows is not None

        assert joined(pair) == (
            found.rows.added,
            found.rows.removed,
            found.rows.changed,
            dict(found.rows.changed_cells),
        ), str(pair)


@each_series
def test_the_command_says_what_others_counted(series, tmp_path):
    cli = Cli(ScratchRepo(tmp_path))
    for pair in sample(series):
        files = [str(pair.before), str(pair.after)]

        done = cli("diff", "--no-index", *files, "--key", ",".join(pair.key), "--json", "--limit", "0")

        assert done.status in (0, 1), (str(pair), done.err)
        (dataset,) = done.json["datasets"] or [None]
        check_document(pair, dataset)


@pytest.mark.parametrize("name", ["regions", "airport-frequencies", "covid-countries"])
def test_every_commit_differs_from_the_next_as_others_counted(git_repo, monkeypatch, name):
    series = next((one for one in SERIES if one.name == name), None)
    if series is None:
        pytest.skip(f"no {name} in {DATA}")
    # Smaller texts are otherwise read as a whole, whatever they share.
    monkeypatch.setattr(textfacts, "_WORTH_IT", 0)
    cli = Cli(git_repo)
    cli.ok("init")
    # A hundred chunks a version and more, so that gaps begin and end everywhere.
    git_repo.write("datav.toml", b"datav = 1\n\n[chunks]\nsmallest = 1024\ntarget = 4096\nlargest = 16384\n")
    revisions = {path: commit_version(cli, path) for path in series.versions}
    for pair in series.pairs:
        ends = revisions[pair.before], revisions[pair.after]

        done = cli("diff", *ends, "--key", ",".join(pair.key), "--json", "--limit", "1000000")

        assert done.status == 0, (str(pair), done.err)
        (dataset,) = done.json["datasets"]
        check_document(pair, dataset)
        assert digests_of(dataset["rows"]["items"], pair) == pair.truth["sha256"], str(pair)


def named(path: Path) -> tuple[str, bytes]:
    return path.name, path.read_bytes()


def sample(series: Series) -> list[Pair]:
    """Return the pairs that are refused and a few others."""
    counted = [pair for pair in series.pairs if not pair.refused]
    refused = [pair for pair in series.pairs if pair.refused]
    return refused[:SAMPLE] + counted[:: max(1, len(counted) // SAMPLE)][:SAMPLE]


def commit_version(cli: Cli, path: Path) -> str:
    cli.repo.write("table.csv", path.read_bytes())
    cli.ok("add", "-q", "table.csv")
    return cli.repo.commit(path.stem)


def check(pair: Pair, found: TableDiff) -> None:
    """Hold a diff against diffs.json."""
    rows, truth = found.rows, pair.truth
    assert rows is not None
    assert (rows.refused is not None) == (pair.refused is not None), (str(pair), rows.refused)
    if pair.is_ragged:
        assert rows.is_empty
        assert list(rows.changes()) == []
        return
    if pair.refused:
        assert rows.duplicates is not None
        return
    said: TwinDiff = told(found, pair.key)
    assert {
        "rows_from": said.from_rows,
        "rows_to": said.to_rows,
        "columns_added": list(said.columns_added),
        "columns_removed": list(said.columns_removed),
        "columns_reordered": said.reordered,
        "added": said.added,
        "removed": said.removed,
        "changed": said.changed,
        "unchanged": said.unchanged,
        "changed_cells": said.changed_cells,
    } == {name: truth[name] for name in truth if name not in _NOT_COUNTS}, str(pair)
    items = ({"op": change.op, "key": change.key} for change in rows.changes())
    assert digests_of(items, pair) == truth["sha256"], str(pair)


_NOT_COUNTS = ("from", "to", "counted_by_duckdb_too", "sha256")


def check_document(pair: Pair, dataset: dict[str, Any] | None) -> None:
    """Hold what `diff --json` says of a dataset against diffs.json."""
    truth = pair.truth
    if dataset is None:
        # Nothing differs, so there is nothing to tell.
        assert truth["added"] == truth["removed"] == truth["changed"] == 0
        return
    rows, schema = dataset["rows"], dataset["schema"]
    assert (rows["refused"] is not None) == (pair.refused is not None), (str(pair), rows["refused"])
    if pair.refused:
        return
    names = ("added", "removed", "changed", "unchanged", "changed_cells")
    assert {name: rows[name] for name in names} == {name: truth[name] for name in names}, str(pair)
    assert (rows["from_rows"], rows["to_rows"]) == (truth["rows_from"], truth["rows_to"]), str(pair)
    assert rows["key"] == list(pair.key)
    assert [column["name"] for column in schema["added"]] == truth["columns_added"]
    assert [column["name"] for column in schema["removed"]] == truth["columns_removed"]
    assert schema["reordered"] == truth["columns_reordered"]


def digests_of(items: Iterable[dict[str, Any]], pair: Pair) -> dict[str, str]:
    keys: dict[str, list[list[str]]] = {"added": [], "removed": [], "changed": []}
    for item in items:
        keys[item["op"]].append([item["key"][name] for name in pair.key])
    return {op: digest_of_keys(found) for op, found in keys.items()}


def joined(pair: Pair) -> tuple[int, int, int, dict[str, int]]:
    """Return rows added, removed and changed, and changed cells by column, as DuckDB counts them."""
    header = [
        next(csv.reader(io.StringIO(path.read_text("utf-8-sig")))) for path in (pair.before, pair.after)
    ]
    others = [name for name in header[0] if name in header[1] and name not in pair.key]
    tables = [
        f"read_csv('{path}', all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')"
        for path in (pair.before, pair.after)
    ]
    same = " AND ".join(f"{cell('a', name)} = {cell('b', name)}" for name in pair.key)
    differs = [f"{cell('a', name)} <> {cell('b', name)}" for name in others]
    both = "a.there AND b.there"
    counted = [
        "count(*) FILTER (a.there IS NULL)",
        "count(*) FILTER (b.there IS NULL)",
        f"count(*) FILTER ({both} AND ({' OR '.join(differs) or 'false'}))",
        *(f"count(*) FILTER ({both} AND {one})" for one in differs),
    ]
    sides = [f"(SELECT *, true AS there FROM {table})" for table in tables]
    query = f"SELECT {', '.join(counted)} FROM {sides[0]} a FULL OUTER JOIN {sides[1]} b ON {same}"
    row = duckdb.connect().execute(query).fetchone()
    assert row is not None
    added, removed, changed, *cells = row
    return added, removed, changed, {name: n for name, n in zip(others, cells, strict=True) if n}


def cell(side: str, name: str) -> str:
    # An empty field, quoted or not, is the same cell.
    quoted = name.replace('"', '""')
    return f"coalesce({side}.\"{quoted}\", '')"
