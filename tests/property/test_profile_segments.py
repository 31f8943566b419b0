"""Versions of a table, each an edit of the one before: what is remembered changes no byte of a profile."""

import csv
import io
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datav.errors import TableError
from datav.profiles import chunkmap, merging
from datav.storage.caching import Cache
from datav.tables.rules import TableRules
from tests.support.profiling import Backwards, cut, encoded, profile_bytes

CELLS = ["1", "2", "-3", "4.5", "1e3", "", "x", "a,b", 'say "so"', "two\nlines", "7,8\n9,10\n11,12\n" * 5]
CELLS += ["2024-01-01", "2024-02-03 04:05:06", "true", "N/A", "é", "007", "\r", "\r\n", '"', '\n"\n,"\n']
"""Much that looks like the end of a record and is none."""

RAW = [b"\n", b'"', b",", b"\r", b"x", b"1,2\n", b'"1\n2",3\n', b"\n\n\n", b'",\n"', b"\r\n", b"\xff"]


@pytest.fixture(scope="module", autouse=True)
def small_segments():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunkmap, "_TARGET", 3)
        patch.setattr(chunkmap, "_MOST", 12)
        patch.setattr(merging, "_GROUP", 3)
        yield


def some_csv(random: Random) -> bytes:
    out = io.StringIO()
    end = random.choice(["\n", "\r\n"])
    rows = [[random.choice(CELLS), random.choice(CELLS)] for _ in range(random.randrange(1, 200))]
    csv.writer(out, lineterminator=end).writerows([["a", "b"], *rows])
    return out.getvalue().encode()


def some_lines(random: Random) -> bytes:
    values = [1, 2.5, "x", None, True, [1, 2], {"k": 1}, {}, "2024-01-01", 10**30, [{"d": "y"}], ""]
    records = [
        {key: random.choice(values) for key in random.sample("abcd", random.randrange(4))}
        for _ in range(random.randrange(2, 150))
    ]
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def edited(data: bytes, random: Random, raw: list[bytes]) -> bytes:
    """Rows inserted, deleted, moved, appended; sometimes a few bytes that need not fit."""
    lines = data.splitlines(keepends=True)
    at = random.randrange(1, len(lines) + 1)
    match random.randrange(6):
        case 0:
            return b"".join([*lines[:at], *lines[at + random.randrange(20) :]])
        case 1:
            return b"".join([*lines, *lines[at : at + 10]])
        case 2:
            return b"".join([*lines[:at], *lines[at : at + 5], *lines[at:]])
        case 3:
            place = random.randrange(len(data))
            return data[:place] + random.choice(raw) + data[place:]
        case 4:
            return data[: random.randrange(min(5, len(data)), len(data) + 1)]
        case _:
            return data + random.choice(raw) * random.randrange(1, 5)


def outcome(name: str, data: bytes, cache: Cache | None) -> bytes | str:
    """The profile, or what is wrong with the table; without a cache one part after another, by one thread."""
    executor = Backwards() if cache is None else None
    try:
        return encoded(profile_bytes(name, data, cut(data, 24), cache=cache, executor=executor))
    except TableError as exc:
        return str(exc)
    except AssertionError as exc:
        return f"no table: {exc}"


@pytest.mark.parametrize(("name", "make"), [("a.csv", some_csv), ("a.jsonl", some_lines)])
@given(st.integers(0, 2**32))
def test_what_is_remembered_changes_no_byte(tmp_path_factory, name, make, seed):
    random = Random(seed)
    data = make(random)
    cache = Cache(tmp_path_factory.mktemp("cache"))

    for _ in range(4):
        assert outcome(name, data, cache) == outcome(name, data, None)
        changed = edited(data, random, RAW)
        data = changed if len(changed) > 8 else data


@given(st.integers(0, 2**32))
def test_rows_are_those_of_csv(seed):
    random = Random(seed)
    data = some_csv(random)
    for _ in range(random.randrange(3)):
        data = edited(data, random, [b"1,2\n", b"\n", b'"1\n2",3\n'])
    text = data.decode(errors="replace")
    records = [row for row in csv.reader(io.StringIO(text, newline="")) if row]

    try:
        # Told, and not guessed: of what does not fit quotes may be characters as any other.
        rules = TableRules(delimiter=",", quoting=True)
        table = profile_bytes("a.csv", data, cut(data, 24), rules=rules)
    except TableError:
        assert any(len(row) != len(records[0]) for row in records)
        return

    assert table.rows == len(records) - 1
    for place, column in enumerate(table.columns):
        assert column.count == table.rows
        assert column.nulls == sum(not row[place] for row in records[1:])
        present = column.numbers.count + column.times.count + column.texts.count
        assert present == column.count - column.nulls


def _profile_with(directory: str, seed: int) -> bytes:
    chunkmap._TARGET, chunkmap._MOST = 3, 12
    data = some_csv(Random(seed)) * 1
    cache = Cache(Path(directory))
    return encoded(profile_bytes("a.csv", data, cut(data, 24), cache=cache))


def test_processes_write_one_cache_at_the_same_time(tmp_path):
    expected = [_profile_with(str(tmp_path / "alone"), seed % 3) for seed in range(24)]

    with ProcessPoolExecutor(4) as executor:
        found = list(executor.map(_profile_with, [str(tmp_path / "shared")] * 24, [s % 3 for s in range(24)]))

    assert found == expected
