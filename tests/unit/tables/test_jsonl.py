"""datav.tables.jsonl: JSON Lines as a version of a table."""

import json
import random
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from datav.errors import TableError
from datav.tables import jsonl, jsonpaths
from datav.tables.dialect import TextDialect
from datav.tables.jsonl import JsonLinesVersion, is_json_lines
from datav.tables.version import View


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def open_lines(in_memory):
    def open_text(text: str | bytes, encoding="utf-8") -> JsonLinesVersion:
        data = text if isinstance(text, bytes) else text.encode()
        return JsonLinesVersion(in_memory(data), TextDialect("jsonl", ",", encoding, False, ()))

    return open_text


def view_of(version, key=()) -> View:
    return View(tuple(range(len(version.columns))), tuple(key), version.types)


def scan(version, executor, key=()):
    parts = list(version.scan(view_of(version, key), 1, executor))
    return [np.concatenate([np.zeros(0, np.uint64), *(part[i] for part in parts)]) for i in range(3)]


def cells_of(version, executor) -> list[dict[str, bytes | None]]:
    places = scan(version, executor)[0]
    return version.take(places, range(len(version.columns)), version.types).to_pylist()


def columns_of(version) -> list[tuple[str, str]]:
    return [(column.name, column.type) for column in version.columns]


def test_columns_are_the_paths_of_all_records(open_lines):
    version = open_lines('{"a": 1, "b": {"c": "x", "d": {"e": [1]}}}\n{"f": true, "b": {"c": null}}\n')

    assert columns_of(version) == [("a", "integer"), ("b.c", "text"), ("b.d.e", "list"), ("f", "boolean")]
    assert version.types == (None,) * 4
    assert version.format == "jsonl"


def test_a_dot_in_a_key_is_not_the_one_of_a_path(open_lines, executor):
    version = open_lines(r'{"a.b": 1, "a": {"b": 2}, "a\\": {"b": 3}}')

    assert cells_of(version, executor) == [{r"a\.b": b"1", "a.b": b"2", r"a\\.b": b"3"}]


def test_a_number_is_as_it_is_written(open_lines, executor):
    version = open_lines(
        '{"n": 1}\n{"n": 1.0}\n{"n": 1e0}\n{"n": -0}\n{"n": 123456789012345678901234567890}\n{"n": NaN}'
    )

    assert [row["n"] for row in cells_of(version, executor)] == [
        b"1",
        b"1.0",
        b"1e0",
        b"-0",
        b"123456789012345678901234567890",
        b"NaN",
    ]
    assert len(set(scan(version, executor)[2].tolist())) == 6


@pytest.mark.parametrize(
    "text",
    ["1", "-1.5e3", "true", "null", "NaN", "-Infinity", "[", "{}", '"', '"a"', "\ud800", "[1, 2]"],
)
def test_a_string_that_would_be_json_stays_json(open_lines, executor, text):
    version = open_lines(json.dumps({"a": text}))

    (row,) = cells_of(version, executor)

    assert row["a"].startswith(b'"')
    assert json.loads(row["a"]) == text


@pytest.mark.parametrize("text", ["", "a", "Ünïcode", "2024-01-01", "01", "1.", "+1", "nul", "a\nb", " 1"])
def test_any_other_string_is_its_own_text(open_lines, executor, text):
    version = open_lines(json.dumps({"a": text}))

    assert cells_of(version, executor) == [{"a": text.encode()}]


def test_lists_are_json_without_white_space_and_with_sorted_keys(open_lines, executor):
    version = open_lines('{"a": [ 1.0, "é\\n", {"b": null, "a": [true] } ], "e": {}, "l": []}')

    assert cells_of(version, executor) == [
        {"a": '[1.0,"é\\n",{"a":[true],"b":null}]'.encode(), "e": b"{}", "l": b"[]"}
    ]


def test_the_order_of_keys_and_white_space_are_nothing(open_lines, executor):
    version = open_lines('{"a": 1, "b": {"c": 2, "d": 3}}\n  {"b":{"d":3,"c":2},"a":1}  \n')

    rows = scan(version, executor)[2]

    assert rows[0] == rows[1]


def test_null_is_what_an_absent_key_is(open_lines, executor):
    version = open_lines('{"a": 1, "b": null}\n{"a": 1}\n{"a": 1, "b": ""}\n')

    rows = scan(version, executor)[2]

    assert rows[0] == rows[1] != rows[2]
    assert [row["b"] for row in cells_of(version, executor)] == [None, None, b""]


def test_an_object_that_is_null_at_times_is_no_column_of_its_own(open_lines):
    version = open_lines('{"a": null, "n": null}\n{"a": {"b": 1}}\n')

    assert columns_of(version) == [("n", "empty"), ("a.b", "integer")]


def test_of_a_key_that_occurs_twice_the_last_counts(open_lines, executor):
    assert cells_of(open_lines('{"a": 1, "a": 2}'), executor) == [{"a": b"2"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_ends_a_record_and_blank_lines_are_none(open_lines, executor, end):
    text = end.join(["", '{"a": 1}', "", "  \t", '{"a": 2}', '{"a": 3}'])

    assert [row["a"] for row in cells_of(open_lines(text), executor)] == [b"1", b"2", b"3"]


def test_a_byte_order_mark_is_skipped(open_lines, executor):
    version = open_lines(b'\xef\xbb\xbf{"a": 1}\n', "utf-8-sig")

    assert cells_of(version, executor) == [{"a": b"1"}]


def test_places_are_offsets_of_records(open_lines, executor):
    text = '{"a": 1}\n\n{"a": 2}\r\n{"a": 3}'
    version = open_lines(text)

    places = scan(version, executor)[0]

    assert places.tolist() == [match.start() for match in re.finditer("{", text)]
    found = version.take(places[[0, 2]], [0, 0], [None, None])
    assert [column.to_pylist() for column in found.columns] == [[b"1", b"3"]] * 2
    assert found.schema.types == [pa.large_binary()] * 2


def test_the_key_has_fingerprints_of_its_own(open_lines, executor):
    version = open_lines('{"a": 1, "b": 1}\n{"a": 1, "b": 2}\n{"a": 2, "b": 1}')

    _, keys, rows = scan(version, executor, key=(0,))

    assert keys[0] == keys[1] != keys[2]
    assert len(set(rows.tolist())) == 3


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"a": 1', "is not JSON: Expecting ',' delimiter at character 8"),
        (b'{"a": "x', "is not JSON: Unterminated string starting at character 7"),
        (b'{"a": 1} x', "is not JSON: Extra data at character 10"),
        (b'{"a": "\xff"}', "is not UTF-8: byte 8 of it"),
        (b"[1]", "is not a JSON object"),
        (b'{"a":' * 10_000, "is nested too deep"),
    ],
)
def test_a_line_that_is_no_record_is_named(open_lines, executor, monkeypatch, line, what):
    monkeypatch.setattr(jsonl, "_BLOCK", 1000)
    # More records than are sampled, and line ends of every kind.
    text = b"".join(b'{"a": 1}' + (b"\n", b"\r\n", b"\r")[i % 3] for i in range(1501)) + line + b"\n"

    with pytest.raises(TableError) as error:
        cells_of(open_lines(text), executor)

    assert str(error.value) == f"line 1502 {what}"


@pytest.mark.parametrize("depth", [90, 300, 900, 5000])
def test_deep_nesting_is_read_or_refused(open_lines, executor, depth):
    version = open_lines('{"a": ' + "[" * depth + "]" * depth + "}")

    try:
        (row,) = cells_of(version, executor)
    except TableError as error:
        row = {"a": str(error)}

    assert row["a"] in (
        b"[" * depth + b"]" * depth,
        "line 1 is nested too deep",
        "its records are nested too deep",
    )
    assert depth > 100 or isinstance(row["a"], bytes)


@pytest.mark.parametrize("unit", [('{"a":', "}"), ('{"a":[', "]}"), ('{"}":\n', "}"), ("[", "]")])
@pytest.mark.parametrize("depth", [3_000, 300_000])
def test_hostile_nesting_is_refused(open_lines, executor, unit, depth):
    deep = unit[0] * depth + "1" + unit[1] * depth

    for text in (f'{{"x": {deep}}}\n' * 2, '{"x": 1}\n' * 2000 + f'{{"x": {deep}}}\n', unit[0] * depth):
        with pytest.raises(TableError) as error:
            cells_of(open_lines(text), executor)

        assert str(error.value).isprintable()


def test_too_many_different_keys_are_no_columns(open_lines, monkeypatch):
    assert jsonpaths.MAX_PATHS == 10_000
    # Each row has a cell for each key: so many would take half a minute.
    monkeypatch.setattr(jsonpaths, "MAX_PATHS", 500)
    lines = [f'{{"k{i}": 1}}\n' for i in range(501)]

    assert len(open_lines("".join(lines[:500])).columns) == 500
    with pytest.raises(TableError, match="more than 500 different keys"):
        open_lines("".join(lines)).columns


@pytest.mark.parametrize(
    "late",
    [
        '{"z": {"y": 1}}',
        '{"z": {"y": {}}}',
        '{"a": [{"x": 1}], "z": {"y": "s"}}',
        '{"a": {"b": 2}, "z": {"y": 2.5}}',
    ],
)
def test_keys_that_come_up_behind_the_sample_are_columns(open_lines, executor, late):
    version = open_lines('{"a": 1}\n' * 5000 + late + "\n")

    names = [column.name for column in version.columns]

    assert "z.y" in names
    assert cells_of(version, executor)[-1]["z.y"] is not None


def random_value(rng: random.Random, depth: int = 0):
    choices = [None, True, False, 0, 1, 1.5, -2e300, "", "x", "1", "true", "é", "\ud83d", {}, []]
    if depth < 3 and rng.random() < 0.4:
        if rng.random() < 0.5:
            return [random_value(rng, depth + 1) for _ in range(rng.randrange(3))]
        return {rng.choice("abc.\\"): random_value(rng, depth + 1) for _ in range(rng.randrange(3))}
    return rng.choice(choices)


def flat(record, prefix=()):
    """What is compared: values by path, but for nulls."""
    found = {}
    for key, value in record.items():
        if isinstance(value, dict) and value:
            found |= flat(value, (*prefix, key))
        elif value is not None:
            found[*prefix, key] = json.dumps(value, sort_keys=True)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_random_records_have_the_same_fingerprint_just_if_they_are_the_same(
    open_lines, executor, monkeypatch, seed
):
    monkeypatch.setattr(jsonl, "_BLOCK", 200)
    monkeypatch.setattr(jsonl, "RECORDS_SAMPLED", 5)
    rng = random.Random(seed)
    records = [{key: random_value(rng) for key in rng.sample("abcd", rng.randrange(4))} for _ in range(150)]
    version = open_lines("".join(json.dumps(record) + "\n" for record in records))

    rows = scan(version, executor)[2].tolist()

    by_value: dict[str, int] = {}
    for record, row in zip(records, rows, strict=True):
        assert by_value.setdefault(repr(sorted(flat(record).items())), row) == row
    assert len(set(by_value.values())) == len(by_value)


def test_records_are_read_wherever_they_lie(open_lines, executor, monkeypatch):
    monkeypatch.setattr(jsonl, "_BLOCK", 64)
    rng = random.Random(1)
    records = [{"a": "x" * rng.randrange(300), "n": i} for i in range(200)]
    version = open_lines("\n".join(json.dumps(record) for record in records))
    places = scan(version, executor)[0]

    for chosen in ([0], [199], [0, 199], sorted(rng.sample(range(200), 50)), range(200)):
        found = version.take(places[list(chosen)], [1], [None])
        assert found.column(0).to_pylist() == [str(i).encode() for i in chosen]


def test_a_text_is_taken_for_json_lines_if_all_of_it_is():
    assert is_json_lines(b'{"a": 1}\n{"a": 2}\n', whole=True)
    assert is_json_lines(b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n{"a"', whole=False)
    assert not is_json_lines(b'{"a": 1}\n', whole=True)
    assert not is_json_lines(b'{"a": 1}\n[2]\n', whole=True)
    assert not is_json_lines(b'{"a": 1}\n{"a": 2}\nx\n', whole=True)
    assert not is_json_lines(b"", whole=True)
