"""The diff of JSON Lines by what two versions share, held against that of both as a whole.

DATAV_DIFF_SEEDS and DATAV_DIFF_ROUNDS say how many seeds a test has, and how many rounds each.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from datav.errors import DatavError
from datav.storage.caching import Cache
from datav.tables import (
    jsonl,
    jsonpair,
    jsonpaths,
    linegaps,
)
from datav.tables.dialect import TextDialect
from datav.tables.jsoncells import cell_of, columns_of, plain_cells
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.jsonpair import as_text
from datav.tables.jsonpaths import Pairs, derive_paths, kind_of, lines
from datav.tables.options import DiffOptions, Tolerance
from datav.tables.shared import Shared
from datav.tables.textpair import pair_text
from datav.tables.version import View
from tests.support.comparing import BytesSource, Comparing, comparing
from tests.support.randomtables import random_gaps
from tests.support.smallness import shrink_blocks, shrink_gaps

SEEDS = range(int(os.environ.get("DATAV_DIFF_SEEDS", "8")))
ROUNDS = int(os.environ.get("DATAV_DIFF_ROUNDS", "25"))

with_seeds = pytest.mark.parametrize("seed", SEEDS)

# fmt: off
VALUES = (
    "null", "true", "false", "0", "-0", "1", "1.0", "1e0", "-7", "123456789012345678901234567890", "NaN",
    "-Infinity", '""', '"a"', '"1"', '"true"', '"null"', '"[x"', '"\\u0061"', '"\\u00e9"', '"é"', '"\\ud83d"',
    '"\\ud83d\\ude00"', '"\\u0000"', '"2024-01-02"', '"say \\"a\\": null"', "{}", "{ }", "[]", "[1, 2]",
    '[{"b": 1, "a": null}]', '{"x": 1}', '{"x": null}', '{"x": {"y": "z"}}', '{"x": 1, "x": 2}', '{"x": {}}',
)
PLAIN = ("null", "0", "1", "2", "17", "-5", '"a"', '"b"', '"é"', "true", '{"x": 1}', '{"x": 2}')
WRONG = (
    "{", "[1]", "1", '{"a": 1} {"a": 2}', '{"a": 1}{"a": 2}', '{"a": 01}', '{"a": Inf}', '{"a": "\x01"}',
    '{"a": 1,}', '{"a":', "1}", "\x0c1", '{"a": "\x00"}', '{"a": +1}',
)
# fmt: on
NAMES = ("id", "a", "b", "c.d", "n", "\\u0061", "é", "", "a\\ud83d")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, seed):
    """Blocks, parts and files so small that some lines take many of them."""
    shrink_blocks(monkeypatch)
    monkeypatch.setattr(jsonpair, "_WORTH_IT", 0)
    monkeypatch.setattr(linegaps, "_NEAR", 8)
    monkeypatch.setattr(jsonl, "_PART", 40 if seed % 4 < 2 else 400)
    monkeypatch.setattr(jsonl, "RECORDS_SAMPLED", 5)
    if seed % 2:
        shrink_gaps(monkeypatch)
        monkeypatch.setattr(jsonl, "_BLOCK", 100)
        monkeypatch.setattr(jsonl, "_GLANCE", 8)
        monkeypatch.setattr(jsonl, "_LINES_AT_ONCE", 3)
        monkeypatch.setattr(linegaps, "_STEP", 8)
        monkeypatch.setattr(jsonpaths, "_MOST_UNEVEN", 1)


@with_seeds
def test_what_versions_share_and_what_is_remembered_changes_no_answer(seed, tmp_path, monkeypatch):
    for number in range(ROUNDS):
        case = f"seed {seed}, round {number}"
        rng = Random(case)
        files = random_history(rng)
        options = random_options(rng)
        if not all(b'"id"' in data for data in files):
            options = replace(options, where=None)
        cache = Cache(tmp_path / case)
        pairs = [(at, at + 1) for at in range(len(files) - 1)] * 2 + [(0, len(files) - 1), (1, 0)]
        rng.shuffle(pairs)
        for old, new in pairs:
            before, after = files[old], files[new]
            shared = None
            # Other texts are converted first, and then nothing is known of what they share.
            if rng.random() < 0.7 and b"\xff" not in before + after:
                ids = [hashlib.sha256(data).digest() for data in (before, after)]
                shared = Shared(
                    random_gaps(rng, before, after),
                    *ids,
                    rng.choice((cache, cache, None)),
                    is_after_near=rng.random() < 0.5,
                )
            found = outcome(before, after, options, shared)
            with monkeypatch.context() as patch:
                patch.setattr(jsonpair, "_WORTH_IT", 10**9)
                wanted = outcome(before, after, options, None)
            assert found == wanted, f"{case}: {options}\n{before!r}\n{after!r}\n{shared}"


@with_seeds
def test_facts_of_a_version_are_those_that_python_finds(seed):
    for number in range(4 * ROUNDS):
        case = f"seed {seed}, round {number}"
        data = random_history(Random(case))[-1]
        with comparing() as tables:
            version = open_lines(data)
            wanted = or_error(partial(python_columns, version, data))
            found = or_error(partial(found_columns, version, tables))
            assert found == wanted, f"{case}\n{data!r}"
            if not isinstance(found, str):
                assert version.facts.map.rows == len(list(lines(version.body, data[version.body :])))


@with_seeds
def test_derived_facts_are_those_that_are_found(seed):
    for number in range(2 * ROUNDS):
        rng = Random(f"seed {seed}, round {number}")
        files = random_history(rng, wrong=0)
        with comparing() as tables:
            facts = open_lines(files[0]).find_facts(tables.executor)
            for before, after in pairwise(files):
                gaps = random_gaps(rng, before, after)
                old, new = open_lines(before), open_lines(after)
                pair = pair_text(as_text(old), as_text(new), gaps, facts.map, tables.executor)

                facts = derive_paths(
                    facts,
                    (len(before), len(after)),
                    Pairs(pair.before, pair.after),
                    (old.parts, new.parts),
                    new.parse,
                    new.sample_kinds(),
                    tables.executor,
                )

                wanted = new.find_facts(tables.executor)
                assert facts.found == wanted.found, f"round {number}\n{before!r}\n{after!r}\n{gaps}"
                assert (facts.sample, facts.map.rows) == (wanted.sample, wanted.map.rows)


@with_seeds
def test_cells_that_pyarrow_reads_are_those_that_python_reads(seed):
    read = 0
    for number in range(20 * ROUNDS):
        rng = Random(f"seed {seed}, round {number}")
        values = rng.choice((PLAIN, (*PLAIN, *VALUES)))
        chosen = [rng.sample(values, 2) for _ in range(2)]
        records = [
            json_object({name: rng.choice(some) for name, some in zip("ab", chosen, strict=True)}, rng)
            for _ in range(rng.randrange(1, 4))
        ]
        data = "\n".join(records).encode()
        kinds = {
            path: rng.choice(("integer", "text", "boolean", "empty"))
            for path in ("a", "b", "b.x")[: rng.randrange(1, 3)]
        }

        found = plain_cells(data, kinds)

        if found is not None:
            read += 1
            version = open_lines(data)
            wanted = columns_of((version.parse(*line) for line in lines(0, data)), list(kinds))
            assert [column.to_pylist() for column in found.columns] == [
                column.to_pylist() for column in wanted
            ], f"{data!r} {kinds}"
            assert found.starts.tolist() == [place for place, _ in lines(0, data)]
    assert read


@with_seeds
def test_a_narrow_scan_gives_the_fingerprints_of_a_whole_one(seed):
    for number in range(ROUNDS):
        case = f"seed {seed}, round {number}"
        data = random_history(Random(case), wrong=0)[0]
        with comparing() as tables:
            version = open_lines(data)
            width = len(version.columns)
            for column in range(width):
                whole = View(tuple(range(width)), (column,), (None,) * width)
                scans = [
                    list(version.scan(view, 7, tables.executor))
                    for view in (whole, View((column,), (0,), (None,)))
                ]
                keys, places = (
                    [np.concatenate([prints[n] for prints in scan]).tolist() for scan in scans]
                    for n in (1, 0)
                )
                assert keys[0] == keys[1], f"{case} {version.columns[column]}\n{data!r}"
                assert places[0] == places[1]


def random_history(rng: Random, wrong: float = 0.1) -> list[bytes]:
    """Some versions of one file, each a few edits from the one before."""
    ends = rng.choice(
        (("\n",), ("\n",), ("\r\n",), ("\r",), ("\n", "\r\n", "\r", "\n\n", "\n \t\n", "\n\x0b\n"))
    )
    names = rng.sample(NAMES, rng.randrange(1, 5))
    values = PLAIN if rng.random() < 0.4 else (*PLAIN, *VALUES)
    records = [random_record(rng, names, values) for _ in range(rng.choice((0, 3, 15, 60)))]
    versions = [records]
    while len(versions) < rng.choice((2, 2, 3, 4)):
        records = list(records)
        for _ in range(rng.choice((0, 1, 1, 2, 5))):
            edit(rng, records, names, values)
        versions.append(records)
    if rng.random() < wrong:
        spoilt = rng.choice(versions)
        spoilt.insert(rng.randrange(len(spoilt) + 1), rng.choice(WRONG))
    seed = rng.random()
    files = [written(Random(seed), rng, version, ends) for version in versions]
    if rng.random() < wrong / 10:
        files[-1] += b"\xff"
    return files


def edit(rng: Random, records: list[str], names: list[str], values: tuple[str, ...]) -> None:
    at = rng.randrange(len(records) + 1)
    match rng.randrange(8):
        case 0 | 1:
            more = rng.choice((names, [*names, "late"]))
            records.insert(at, random_record(rng, more, values))
        case 2 | 3:
            del records[at : at + rng.choice((1, 1, 3, 20))]
        case 4 if records:
            records.insert(at, rng.choice(records))
        case 5:
            rng.shuffle(records)
        case _ if at < len(records):
            records[at] = (
                rewritten(rng, records[at]) if rng.random() < 0.5 else random_record(rng, names, values)
            )


def random_record(rng: Random, names: list[str], values: tuple[str, ...]) -> str:
    record = {"id": str(rng.randrange(100))} if rng.random() < 0.8 else {}
    record |= {name: rng.choice(values) for name in names if rng.random() < 0.7}
    return json_object(record, rng)


def json_object(record: dict[str, str], rng: Random) -> str:
    space = rng.choice(("", "", " "))
    return "{" + f",{space}".join(f'"{name}":{space}{value}' for name, value in record.items()) + "}"


def rewritten(rng: Random, record: str) -> str:
    """The same record in other bytes, mostly."""
    try:
        read: dict[str, Any] = json.loads(record)
    except ValueError:
        return record
    items = list(read.items()) if isinstance(read, dict) else []
    rng.shuffle(items)
    return rng.choice(("", " ", "\t")) + json.dumps(
        dict(items), ensure_ascii=not is_unicode(repr(items)) or rng.random() < 0.5
    )


def is_unicode(text: str) -> bool:
    return "\\ud" not in text


def written(same: Random, rng: Random, records: list[str], ends: tuple[str, ...]) -> bytes:
    found = "".join(record + same.choice(ends) for record in records)
    mark = "\ufeff" if rng.random() < 0.1 else ""
    if rng.random() < 0.3:
        found = found.rstrip("\r\n")
    return (mark + found).encode()


def random_options(rng: Random) -> DiffOptions:
    key = rng.choice(((), (), ("id",), ("id",), ("id", "a"), ("a",)))
    return DiffOptions(
        key=key,
        ignored=("b",) if rng.random() < 0.1 else (),
        columns=("a",) if rng.random() < 0.1 else (),
        tolerances={"": Tolerance(0.5)} if key and rng.random() < 0.1 else {},
        where="id < 50" if rng.random() < 0.1 else None,
        ordered=rng.random() < 0.1,
        typed=rng.random() < 0.1,
    )


def or_error(call: Callable[[], Any]) -> Any:
    """Return what comes back, or what an error says."""
    try:
        return call()
    except DatavError as error:
        return str(error)


def is_compared(name: str, options: DiffOptions) -> bool:
    """Of rows that differ only in what is not compared any one is shown."""
    return name not in options.ignored and (not options.columns or name in options.columns)


def open_lines(data: bytes) -> JsonLinesVersion:
    encoding = "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"
    return JsonLinesVersion(BytesSource(data), TextDialect("jsonl", ",", encoding, False, ()))


def found_columns(version: JsonLinesVersion, tables: Comparing) -> list[tuple[str, str]]:
    return list(version.find_facts(tables.executor).kinds.items())


def python_columns(version: JsonLinesVersion, data: bytes) -> list[tuple[str, str]]:
    """Return paths and what is there, by the rules of jsonpaths.py, in the plainest way."""
    kinds: dict[str, str] = {}
    sample = version.sample_kinds()
    for line in lines(version.body, data[version.body :]):
        for path, value in version.parse(*line).items():
            cell_of(value)
            if kinds.get(path, "empty") == "empty":
                kinds[path] = kind_of(value)
    kinds |= {path: kind for path, kind in sample.items() if kind != "empty"}
    inner = {
        path[:at] for path in kinds for at, char in enumerate(path) if char == "." and not escapes(path[:at])
    }
    return [(path, kind) for path, kind in kinds.items() if kind != "empty" or path not in inner]


def escapes(path: str) -> bool:
    return (len(path) - len(path.rstrip("\\"))) % 2 == 1


def outcome(before: bytes, after: bytes, options: DiffOptions, shared: Shared | None) -> object:
    """Return all that a comparison says, but for which keys it shows as examples."""
    with comparing() as tables:
        try:
            versions = [tables.open_any("a.jsonl", data) for data in (before, after)]
            if not all(isinstance(version, JsonLinesVersion) for version in versions):
                return [str(version) for version in versions if not isinstance(version, JsonLinesVersion)]
            found = tables.diff(("a.jsonl", before), ("a.jsonl", after), options, shared)
            rows = found.rows
            assert rows is not None
            changes: Counter[str] = Counter()
            for change in rows.changes():
                sides = [
                    {name: cell for name, cell in side.items() if is_compared(name, options)}
                    for side in (change.before, change.after)
                ]
                changes[f"{change.op} {change.key} {sides}"] += change.count
        except DatavError as error:
            return type(error), str(error)
    twice = (rows.duplicates.before, rows.duplicates.after) if rows.duplicates else None
    refused = rows.refused.partition(", such as")[0] if rows.refused else None
    counts = rows.added, rows.removed, rows.changed, rows.unchanged, rows.moved, rows.changed_cells
    sizes = rows.from_rows, rows.to_rows
    return found.schema, rows.key, sizes, counts, twice, refused, changes
