"""Profiles of whole tables: as pandas, pyarrow or a few lines of Python find them."""

import csv
import io
import json
import math
import statistics
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import ipc, parquet

from datav.errors import TableError
from datav.profiles import chunkmap, jsonsegments, memory, tables
from datav.profiles.columns import ColumnSketch
from datav.profiles.encoding import parse_profile
from datav.profiles.ranks import Ranks
from datav.storage.caching import Cache
from datav.tables.rules import TableRules
from tests.support.profiling import Backwards, chunks_of, columns, cut, encoded, profile_bytes


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    """Segments of about four chunks."""
    monkeypatch.setattr(chunkmap, "_TARGET", 4)
    monkeypatch.setattr(chunkmap, "_MOST", 16)


def check_ranks(ranks: Ranks, values: list[Any]) -> None:
    """The count, both ends, and shares within the bound that the ranks give themselves."""
    ordered = np.sort(np.array(values))
    assert ranks.count == len(ordered)
    assert (ranks.points[0], ranks.points[-1]) == (ordered[0], ordered[-1])
    for side, shares in (("right", ranks.share_upto), ("left", ranks.share_below)):
        true = np.searchsorted(ordered, ordered, side=side) / len(ordered)
        assert np.abs(shares(ordered) - true).max() <= ranks.epsilon + 1e-12
    assert ranks.epsilon <= 0.01 or len(ordered) < 1000


def check_numbers(column: ColumnSketch, values: list[float]) -> None:
    """As plain Python finds them."""
    finite = [value for value in values if math.isfinite(value)]
    numbers = column.numbers
    assert numbers.count == len(values)
    assert numbers.nans == sum(map(math.isnan, values))
    assert numbers.infinities == sum(map(math.isinf, values))
    assert numbers.zeros == finite.count(0)
    assert numbers.negatives == sum(value < 0 for value in finite)
    if finite:
        check_ranks(numbers.ranks, finite)
        assert numbers.mean == pytest.approx(statistics.fmean(finite), rel=1e-9, abs=1e-9)
    if len(finite) > 1:
        assert numbers.deviation == pytest.approx(statistics.stdev(finite), rel=1e-9, abs=1e-9)
    check_counts(numbers.frequent, Counter(finite))


def check_counts(frequent: Any, true: Counter[Any]) -> None:
    """Exact where all were kept; else each count is a bound from below that is off by `unseen` at most."""
    found = dict(zip(frequent.values.to_pylist(), frequent.counts.tolist(), strict=True))
    if frequent.is_complete:
        assert found == true
    for value, number in found.items():
        assert number <= true[value] <= number + frequent.unseen
    assert max((count for value, count in true.items() if value not in found), default=0) <= frequent.unseen


def check_distinct(column: ColumnSketch, number: int) -> None:
    if column.distinct.is_exact:
        assert column.distinct.estimate() == number
    else:
        assert abs(column.distinct.estimate() - number) <= 0.08 * number


def check_texts(column: ColumnSketch, values: list[str]) -> None:
    assert column.texts.count == len(values)
    check_ranks(column.texts.lengths, [len(value) for value in values])
    check_counts(column.texts.frequent, Counter(values))
    check_distinct(column, len(set(values)))


def same_numbers(one: ColumnSketch, other: ColumnSketch) -> None:
    """What does not depend on how a table is cut."""
    for name in ("name", "type", "kind", "count", "nulls"):
        assert getattr(one, name) == getattr(other, name), name
    for part in ("numbers", "times", "texts"):
        assert getattr(one, part).count == getattr(other, part).count, part
    for one_ranks, other_ranks in (
        (one.numbers.ranks, other.numbers.ranks),
        (one.times.ranks, other.times.ranks),
        (one.texts.lengths, other.texts.lengths),
    ):
        assert one_ranks.count == other_ranks.count
        if one_ranks.count:
            assert one_ranks.points[0] == other_ranks.points[0]
            assert one_ranks.points[-1] == other_ranks.points[-1]
    assert one.numbers.mean == pytest.approx(other.numbers.mean)
    assert one.numbers.zeros == other.numbers.zeros
    assert one.times.hours.tolist() == other.times.hours.tolist()
    assert one.times.weekdays.tolist() == other.times.weekdays.tolist()


def same_tables(one: Any, other: Any) -> None:
    assert one.rows == other.rows
    assert [column.name for column in one.columns] == [column.name for column in other.columns]
    for mine, its in zip(one.columns, other.columns, strict=True):
        same_numbers(mine, its)


# ---------------------------------------------------------------- delimited text


def some_rows(count: int, seed: int, *, lines: str = "\n") -> list[list[str]]:
    """Integers, floats with gaps, categories, dates, texts with everything that needs quotes."""
    random = Random(seed)
    start = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    rows = []
    for number in range(count):
        moment = datetime.fromtimestamp(start + random.randrange(10**7), UTC)
        rows.append(
            [
                str(number),
                "" if random.random() < 0.1 else repr(random.gauss(10, 3)),
                random.choice(["red", "green", "blue, light", 'a "quoted" one']),
                moment.strftime("%Y-%m-%d %H:%M:%S"),
                lines.join(["ab"] * random.choice([1, 1, 1, 2, 40])),
                random.choice(["1", "2", "3", "N/A"] if random.random() < 0.05 else ["4", "5"]),
            ]
        )
    return rows


HEADER = ["id", "value", "colour", "when", "text", "code"]


def write_csv(rows: list[list[str]], *, delimiter: str = ",", end: str = "\n") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows([HEADER, *rows])
    return out.getvalue().encode()


def check_csv(table: Any, rows: list[list[str]]) -> None:
    assert table.rows == len(rows)
    assert [column.name for column in table.columns] == HEADER
    identity, value, colour, when, text, code = table.columns
    for place, column in enumerate(table.columns):
        assert column.count == len(rows)
        assert column.nulls == sum(not row[place] for row in rows)
    check_numbers(identity, [int(row[0]) for row in rows])
    check_numbers(value, [float(row[1]) for row in rows if row[1]])
    check_texts(colour, [row[2] for row in rows])
    check_texts(text, [row[4] for row in rows])
    moments = [datetime.fromisoformat(row[3]).replace(tzinfo=UTC) for row in rows]
    check_ranks(when.times.ranks, [round(moment.timestamp() * 1e6) for moment in moments])
    assert when.times.hours.tolist() == [sum(m.hour == hour for m in moments) for hour in range(24)]
    assert when.times.weekdays.tolist() == [sum(m.weekday() == day for m in moments) for day in range(7)]
    # `N/A` makes no text of a column of numbers.
    check_numbers(code, [int(row[5]) for row in rows if row[5] != "N/A"])
    assert code.kind == "number"
    assert code.texts.count == sum(row[5] == "N/A" for row in rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("is_cut", [False, True])
def test_text_is_what_csv_reads(delimiter, end, is_cut):
    rows = some_rows(600, 1, lines=end)
    data = write_csv(rows, delimiter=delimiter, end=end)

    table = profile_bytes("a.csv", data, cut(data) if is_cut else None)

    check_csv(table, rows)


@pytest.mark.parametrize("part", [64, 700, 5000])
def test_parts_that_follow_no_content_agree_as_well(part, monkeypatch):
    rows = some_rows(400, 2)
    monkeypatch.setattr(tables, "_PART", part)

    check_csv(profile_bytes("a.csv", write_csv(rows)), rows)


def test_a_segment_that_begins_inside_quotes_is_never_believed(monkeypatch):
    # Each quoted cell looks like rows of the right width, from its second line on.
    cell = '"' + "\n".join(["7,8"] * 40) + '"'
    data = ("a,b\n" + "".join(f"{number},{cell}\n" for number in range(100))).encode()
    monkeypatch.setattr(tables, "_PART", 100)

    for chunks in (None, cut(data, 16)):
        table = profile_bytes("a.csv", data, chunks)
        assert table.rows == 100
        assert columns(table)["a"].numbers.ranks.is_exact
        check_numbers(columns(table)["a"], list(range(100)))
        check_texts(columns(table)["b"], [cell[1:-1]] * 100)


def test_what_is_ragged_only_by_a_wrong_guess_is_no_error():
    cell = '"' + "\n".join(["1,2,3,4"] * 30) + '"'
    data = ("a,b\n" + "".join(f"{number},{cell}\n" for number in range(60))).encode()

    assert profile_bytes("a.csv", data, cut(data, 16)).rows == 60


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_are_no_rows(end):
    lines = ["a,b"]
    for number in range(300):
        lines += [f"{number},x"] + [""] * (number % 7)
    data = end.join(lines).encode()

    for chunks in (None, cut(data, 16)):
        table = profile_bytes("a.csv", data, chunks)
        assert table.rows == 300
        check_numbers(columns(table)["a"], list(range(300)))


@pytest.mark.parametrize("row", [b"1", b"1,2,3"])
@pytest.mark.parametrize("place", [0, 150, 299])
def test_a_row_that_is_not_as_wide_as_the_header_is_an_error(row, place):
    lines = [b"a,b"] + [b"%d,x" % number for number in range(300)]
    lines[1 + place] = row
    data = b"\n".join(lines)

    for chunks in (None, cut(data, 16)):
        with pytest.raises(TableError, match=rf"where the header has 2 \(line {place + 2}\)"):
            profile_bytes("a.csv", data, chunks)


@pytest.mark.parametrize("data", [b"a,b", b"a,b\n", b"\xef\xbb\xbfa,b\r\n", b"a,b\n\n\n"])
def test_a_header_alone_is_a_table_of_no_rows(data):
    table = profile_bytes("a.csv", data, cut(data))

    assert table.rows == 0
    assert [(column.name, column.kind, column.count) for column in table.columns] == [
        ("a", "empty", 0),
        ("b", "empty", 0),
    ]
    assert parse_profile(encoded(table), "x").table is not None


def test_a_byte_order_mark_is_no_part_of_a_name():
    data = b"\xef\xbb\xbfa,b\n" + b"1,x\n" * 200

    for chunks in (None, cut(data, 16)):
        table = profile_bytes("a.csv", data, chunks)
        assert (table.rows, [column.name for column in table.columns]) == (200, ["a", "b"])


def test_a_last_row_without_a_line_end_is_a_row():
    data = b"a,b\n" + b"1,x\n" * 100 + b"2,y"

    for chunks in (None, cut(data, 16)):
        assert columns(profile_bytes("a.csv", data, chunks))["a"].numbers.ranks.count == 101


def test_quotes_that_never_close_hold_the_rest_of_the_file():
    data = b"a,b\n" + b"1,x\n" * 50 + b'2,"' + b"3,y\n" * 50

    for chunks in (None, cut(data, 16)):
        table = profile_bytes("a.csv", data, chunks)
        assert table.rows == 51
        assert columns(table)["b"].texts.lengths.points[-1] == 200


def test_cells_that_are_not_utf_8_are_shown_as_well_as_can_be():
    # Beyond the first MiB, by which the encoding is told.
    good = 2**20 // 4 + 10
    data = b"a,b\n" + b"1,x\n" * good + b"2,\xff\xfe\n" * 3

    table = profile_bytes("a.csv", data)

    check_texts(columns(table)["b"], ["x"] * good + ["\\xff\\xfe"] * 3)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_other_encodings_are_read_by_the_rules(encoding):
    data = ("name,n\n" + "Zoë,1\nJürgen,2\n" * 50).encode(encoding)

    table = profile_bytes("a.csv", data, rules=TableRules(encoding=encoding))

    check_texts(columns(table)["name"], ["Zoë", "Jürgen"] * 50)
    check_numbers(columns(table)["n"], [1, 2] * 50)


def test_columns_without_a_header_are_called_by_their_number():
    data = b"1,x\n2,y\n" * 50

    for chunks in (None, cut(data, 16)):
        table = profile_bytes("a.csv", data, chunks, rules=TableRules(header=False))
        assert table.rows == 100
        check_numbers(columns(table)["1"], [1, 2] * 50)


@pytest.mark.parametrize(
    "cell",
    [
        "1e400", "-1e400", "1e-400", "0x1f", "nan", "NaN", "inf", "-Infinity", "+5", " 7 ", "1_000", "١٢",
        "9" * 400, "-" + "9" * 30, "0001-01-01", "9999-12-31T23:59:59.9999999", "2024-02-30", "0000-00-00",
        "2024-13-01 00:00:00", "2024-01-01T24:00:00", "2024-01-01T10:00:00+99:99", "\u2028", "true",
        "x" * 5000, "e", "-", ".", "1e", "--1", "1,5",
    ],
)  # fmt: skip
@pytest.mark.parametrize("usual", ["5", "2.5", "2024-01-01", "2024-01-01 10:00:00", "true", "word"])
def test_no_cell_breaks_a_profile(cell, usual):
    lines = ["a,b"] + [f"{number},{usual}" for number in range(50)] + [f'50,"{cell}"']
    data = "\n".join(lines).encode()

    table = profile_bytes("a.csv", data)

    column = columns(table)["b"]
    assert (column.count, column.nulls) == (51, 0)
    assert column.numbers.count + column.times.count + column.texts.count == 51
    again = parse_profile(encoded(table), "x")
    assert again.table is not None
    assert encoded(again.table) == encoded(table)


# ---------------------------------------------------------------- JSON Lines


def write_lines(records: list[Any], *, last: bytes = b"\n") -> bytes:
    return b"\n".join(json.dumps(record).encode() for record in records) + last


def test_json_lines_are_what_json_reads():
    random = Random(3)
    records = []
    for number in range(500):
        record: dict[str, Any] = {"id": number, "s": random.choice(["é\n", "b", "\u2603", ""])}
        if number % 3:
            record["x"] = random.gauss(0, 1)
        if number % 5 == 0:
            record["x"] = None
        record["o"] = {"p": number % 4, "q": [1] * (number % 3)}
        record["b"] = bool(number % 2)
        records.append(record)
    data = write_lines(records)

    for chunks in (None, cut(data)):
        table = profile_bytes("a.jsonl", data, chunks)
        found = columns(table)
        assert table.rows == 500
        assert list(found) == ["id", "s", "x", "o.p", "o.q", "o.q[]", "b"] or list(found)[:2] == ["id", "s"]
        check_numbers(found["id"], list(range(500)))
        check_texts(found["s"], [record["s"] for record in records])
        present = [record["x"] for record in records if record.get("x") is not None]
        assert (found["x"].count, found["x"].nulls) == (500, 500 - len(present))
        check_numbers(found["x"], present)
        check_numbers(found["o.p"], [number % 4 for number in range(500)])
        check_numbers(found["o.q"], [number % 3 for number in range(500)])
        check_numbers(found["o.q[]"], [1] * sum(number % 3 for number in range(500)))
        assert found["b"].kind == "boolean"
        check_texts(found["b"], ["true" if number % 2 else "false" for number in range(500)])


def test_a_key_that_comes_late_was_null_before():
    data = write_lines([{"a": n} for n in range(200)] + [{"a": n, "late": 1} for n in range(50)])

    for chunks in (None, cut(data, 16)):
        late = columns(profile_bytes("a.jsonl", data, chunks))["late"]
        assert (late.count, late.nulls, late.numbers.count) == (250, 200, 50)


def test_one_text_among_numbers_makes_no_text_of_these():
    records = [{"a": "N/A" if n == 70 else n, "tags": ["x", "y"]} for n in range(300)]
    data = write_lines(records)

    for chunks in (None, cut(data)):
        found = columns(profile_bytes("a.jsonl", data, chunks))
        assert (found["a"].kind, found["a"].numbers.count, found["a"].texts.count) == ("number", 299, 1)
        # Nor does it make anything else of other columns.
        assert (found["tags"].kind, found["tags"].count, found["tags[]"].texts.count) == ("list", 300, 600)


def test_a_few_texts_that_look_like_times_are_texts():
    records = [{"a": "2024-01-01" if n % 50 < 30 else "word", "t": "2024-01-01T10:00:00"} for n in range(500)]
    data = write_lines(records)

    for chunks in (None, cut(data, 16)):
        found = columns(profile_bytes("a.jsonl", data, chunks))
        assert (found["a"].kind, found["a"].texts.count, found["a"].texts.as_times) == ("text", 500, 300)
        assert (found["t"].kind, found["t"].times.count) == ("time", 500)
        assert found["t"].times.hours.tolist()[10] == 500


def test_an_object_that_is_null_in_some_part_is_no_column_of_its_own():
    data = write_lines([{"o": None} for _ in range(100)] + [{"o": {"p": n}} for n in range(100)])

    for chunks in (None, cut(data, 16)):
        found = columns(profile_bytes("a.jsonl", data, chunks))
        assert list(found) == ["o.p"]
        assert (found["o.p"].count, found["o.p"].nulls) == (200, 100)


# Lists and numbers have one place in a sketch, so no column has both.
MIXED: list[Any] = [
    {"a": 1}, {"a": "1"}, {"a": "x"}, {"a": None}, {"a": 2.5}, {"l": [1, "x", None]}, {"a": {}},
    {"a": {"b": 1}}, {"a": {"b": {"c": [{"d": 1}, {"d": "x"}, 3]}}}, {"a": 10**40}, {"a": "\ud800"}, {},
    {"a.b": 5}, {"a\\b": 6}, {"": 7}, {"a": "2024-01-01"}, {"a": ""}, {"z": float("nan")},
    {"z": float("inf")}, {"m": [[[]]]}, {"m": [[], [[1]]]}, {"m": [{}]}, {"z": -0.0},
    {"z": "😀"}, {"n": [10**30, 1.5]},
    {"t": True}, {"t": False}, {"t": None}, {"l": None}, {"d": "2024-01-01"}, {"d": "2024-01-01 10:20:30"},
]  # fmt: skip


def test_any_records_are_cut_alike():
    random = Random(4)
    for seed in range(30):
        records = random.choices(MIXED, k=random.choice([2, 30, 150]))
        data = write_lines(records, last=random.choice([b"", b"\n", b"\n\n"]))
        whole = profile_bytes("a.jsonl", data)
        parts = profile_bytes("a.jsonl", data, cut(data, 16))
        assert whole.rows == parts.rows == len(records)
        assert {c.name for c in whole.columns} == {c.name for c in parts.columns}, seed
        for name, column in columns(whole).items():
            same_numbers(column, columns(parts)[name])
        parse_profile(encoded(parts), "x")


@pytest.mark.parametrize(
    "line",
    [b"[1]", b"1", b"{", b'{"a":1} {"a":2}', b'{"a":Inf}', b"nothing", b'{"a":1}}'],
)
def test_a_line_that_is_no_object_is_an_error(line):
    good = b'{"a": 1}\n' * 100

    for data in (good + line + b"\n" + good, good + line):
        for chunks in (None, cut(data, 16)):
            with pytest.raises(TableError, match=r"^line 101 is not"):
                profile_bytes("a.jsonl", data, chunks)


@pytest.mark.parametrize("depth", [100, 900, 5000, 200_000])
@pytest.mark.parametrize("pair", [(b'{"a":', b"}"), (b"[", b"]"), (b'[{"a":', b"}]")])
def test_what_is_nested_deep_is_read_or_refused(depth, pair):
    line = b'{"x":' + pair[0] * depth + b"1" + pair[1] * depth + b"}\n"
    data = b'{"a": 1}\n' * 3 + line

    if depth >= 1000:
        with pytest.raises(TableError, match="nested too deep"):
            profile_bytes("a.jsonl", data)
    else:
        with suppress(TableError):
            table = profile_bytes("a.jsonl", data)
            assert table.rows == 4
            parse_profile(encoded(table), "x")


def test_keys_that_are_in_few_records_each_take_little(monkeypatch):
    records = [{"id": n, f"of_{n % 400}": n, "o": {"p": 1}} for n in range(4000)]
    data = write_lines(records)
    expected = profile_bytes("a.jsonl", data)
    monkeypatch.setattr(jsonsegments, "_MOST_CELLS_READ", 10**5)
    monkeypatch.setattr(jsonsegments, "_read_as", None)

    found = profile_bytes("a.jsonl", data)

    assert len(found.columns) == 402
    for name, column in columns(found).items():
        same_numbers(column, columns(expected)[name])


@pytest.mark.parametrize("odd", ["a", 5], ids=["of one type", "of two types"])
def test_labels_of_records_are_counted_whatever_reads_these(odd):
    records = [{"c": "ab"[number % 2], "y": "dog" if number % 3 else "cat"} for number in range(300)]
    records[0]["c"] = odd
    data = write_lines(records)

    whole = profile_bytes("a.jsonl", data, label="y").groups
    parts = profile_bytes("a.jsonl", data, cut(data, 16), label="y").groups

    assert whole.labels == parts.labels == ("cat", "dog")
    assert whole.counts.tolist() == parts.counts.tolist() == [100, 200]
    (column,) = parts.columns
    true = Counter((record["y"], str(record["c"])) for record in records)
    told = {
        (label, value): int(column.counts[row, place])
        for row, label in enumerate(parts.labels)
        for place, value in enumerate(column.values)
    }
    assert +Counter(told) == true


def test_ids_are_no_columns():
    data = b"".join(b'{"user_%d": 1}\n' % number for number in range(30_000))

    for chunks in (None, chunks_of([data[:200_000], data[200_000:]])):
        with pytest.raises(TableError, match="more than 10000 different keys"):
            profile_bytes("a.jsonl", data, chunks)


def test_of_a_key_that_comes_twice_the_last_counts():
    data = b'{"a": 1, "a": "x"}\n' * 50

    column = columns(profile_bytes("a.jsonl", data))["a"]

    assert (column.count, column.numbers.count, column.texts.count) == (50, 0, 50)


# ---------------------------------------------------------------- Parquet and Arrow


def some_table(rows: int, seed: int) -> pyarrow.Table:
    random = np.random.default_rng(seed)
    words = np.array(["red", "green", "blue"])[random.integers(0, 3, rows)]
    values = random.normal(0, 1, rows)
    holes = random.random(rows) < 0.1
    lists = [list(range(count)) for count in random.integers(0, 4, rows)]
    return pyarrow.table(
        {
            "id": pyarrow.array(np.arange(rows)),
            "value": pyarrow.array(values, mask=holes),
            "word": pyarrow.array(words).dictionary_encode(),
            "nested": pyarrow.array([{"a": int(n), "b": {"c": str(n % 5)}} for n in range(rows)]),
            "list": pyarrow.array(lists, pyarrow.list_(pyarrow.int32())),
            "when": pyarrow.array(np.arange(rows) * 10**9, pyarrow.timestamp("ms", "UTC")),
            "nothing": pyarrow.nulls(rows),
        }
    )


def check_table(found: Any, table: pyarrow.Table) -> None:
    assert found.rows == table.num_rows
    by_name = columns(found)
    assert list(by_name) == [
        "id", "value", "word", "nested.a", "nested.b.c", "list", "list[]", "when", "nothing",
    ]  # fmt: skip
    rows = table.to_pydict()
    check_numbers(by_name["id"], rows["id"])
    check_numbers(by_name["value"], [value for value in rows["value"] if value is not None])
    assert by_name["value"].nulls == table["value"].null_count
    check_texts(by_name["word"], rows["word"])
    check_numbers(by_name["nested.a"], [value["a"] for value in rows["nested"]])
    check_texts(by_name["nested.b.c"], [value["b"]["c"] for value in rows["nested"]])
    check_numbers(by_name["list"], [len(items) for items in rows["list"]])
    check_numbers(by_name["list[]"], [item for items in rows["list"] for item in items])
    check_ranks(by_name["when"].times.ranks, [round(t.timestamp() * 1e6) for t in rows["when"]])
    assert by_name["nothing"].nulls == table.num_rows


def as_parquet(table: pyarrow.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(table, out, **options)
    return out.getvalue()


def as_arrow(table: pyarrow.Table, *, stream: bool, batch: int = 700) -> bytes:
    out = io.BytesIO()
    open_any = ipc.new_stream if stream else ipc.new_file
    with open_any(out, table.schema) as writer:
        for some in table.to_batches(max_chunksize=batch):
            writer.write_batch(some)
    return out.getvalue()


@pytest.mark.parametrize("group", [50, 1000, 10_000])
@pytest.mark.parametrize("is_cut", [False, True])
def test_parquet_is_what_pyarrow_reads(group, is_cut):
    table = some_table(2000, 5)
    data = as_parquet(table, row_group_size=group)

    check_table(profile_bytes("a.parquet", data, cut(data, 4096) if is_cut else None), table)


@pytest.mark.parametrize("stream", [False, True])
def test_arrow_is_what_pyarrow_reads(stream):
    table = some_table(2000, 6)

    check_table(profile_bytes("a.arrow", as_arrow(table, stream=stream)), table)


@pytest.mark.parametrize("stream", [False, True])
def test_many_arrow_batches_are_merged_as_they_come(stream, monkeypatch):
    monkeypatch.setattr(tables, "_MERGED_AT_ONCE", 3)
    table = some_table(2000, 6)

    check_table(profile_bytes("a.arrow", as_arrow(table, stream=stream, batch=50)), table)


@pytest.mark.parametrize("kind", ["parquet", "file", "stream", "empty groups"])
def test_binary_tables_without_rows_have_columns(kind):
    table = some_table(0, 7)
    if kind == "empty groups":
        out = io.BytesIO()
        with parquet.ParquetWriter(out, table.schema) as writer:
            for _ in range(3):
                writer.write_table(table)
        data = out.getvalue()
    else:
        data = as_parquet(table) if kind == "parquet" else as_arrow(table, stream=kind == "stream")

    found = profile_bytes("a.parquet" if "arquet" in kind or "groups" in kind else "a.arrow", data)

    assert found.rows == 0
    assert [column.name for column in found.columns][:3] == ["id", "value", "word"]
    assert all(column.count == 0 for column in found.columns)
    parse_profile(encoded(found), "x")


def test_row_groups_without_rows_add_nothing():
    table = some_table(300, 8)
    out = io.BytesIO()
    with parquet.ParquetWriter(out, table.schema) as writer:
        for some in (table.slice(0, 0), table.slice(0, 100), table.slice(0, 0), table.slice(100)):
            writer.write_table(some)

    check_table(profile_bytes("a.parquet", out.getvalue()), table)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_a_table_without_columns_has_its_rows_or_none(form):
    table = pyarrow.table({"a": [1, 2, 3]}).select([])
    data = as_parquet(table) if form == "parquet" else as_arrow(table, stream=False)

    assert profile_bytes(f"a.{form}", data).columns == ()


# ---------------------------------------------------------------- what makes no difference


def files() -> dict[str, bytes]:
    rows = some_rows(300, 9)
    records = [{"a": row[0], "b": float(row[1] or 0), "t": row[3], "l": [row[5]]} for row in rows]
    return {
        "a.csv": write_csv(rows),
        "a.jsonl": write_lines(records),
        "a.parquet": as_parquet(some_table(600, 9), row_group_size=100),
        "a.arrow": as_arrow(some_table(600, 9), stream=False, batch=50),
    }


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.arrow"])
@pytest.mark.parametrize("label", [None, "colour", "word"])
def test_the_bytes_follow_from_nothing_but_the_bytes(name, label):
    data = files()[name]
    chunks = cut(data, 64 if name[2] in "cj" else 512)
    expected = encoded(profile_bytes(name, data, chunks, label=label))

    for workers in (1, 3, 8):
        with ThreadPoolExecutor(workers) as executor:
            assert encoded(profile_bytes(name, data, chunks, executor=executor, label=label)) == expected
    assert encoded(profile_bytes(name, data, chunks, executor=Backwards(), label=label)) == expected


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.arrow"])
def test_how_a_file_is_cut_changes_errors_and_nothing_else(name):
    data = files()[name]

    same_tables(profile_bytes(name, data), profile_bytes(name, data, cut(data, 256)))


# ---------------------------------------------------------------- what is remembered


@pytest.fixture
def parsed(monkeypatch):
    """How often a segment was parsed, since the list was emptied."""
    calls: list[str] = []

    def counting(name):
        real = getattr(tables, name)

        def call(*arguments, **options):
            calls.append(name)
            return real(*arguments, **options)

        monkeypatch.setattr(tables, name, call)

    for name in ("sketch_section", "sketch_lines"):
        counting(name)
    # Each column of a row group.
    real = tables.ParquetVersion.read_group

    def read_group(self, group, some, kinds):
        calls.append("read_group")
        return real(self, group, some, kinds)

    monkeypatch.setattr(tables.ParquetVersion, "read_group", read_group)
    return calls


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_what_is_remembered_is_not_parsed_again(name, parsed, tmp_path):
    data = files()[name]
    chunks = cut(data, 256)
    cache = Cache(tmp_path)
    first = encoded(profile_bytes(name, data, chunks, cache=cache))
    number = len(parsed)
    parsed.clear()

    again = encoded(profile_bytes(name, data, chunks, cache=cache))

    assert again == first
    assert number > 10
    # Some end behind a chunk that is shorter than a record.
    assert len(parsed) <= (0 if name == "a.parquet" else 0.5 * number)


def test_one_edit_is_the_work_of_the_segments_around_it(parsed, tmp_path):
    lines = [b"a,b"] + [b"%d,%d" % (number, number * 7919 % 1000) for number in range(3000)]
    cache = Cache(tmp_path)
    before, after = b"\n".join(lines), b"\n".join([*lines[:1500], b"77,88", *lines[1500:]])
    profile_bytes("a.csv", before, cut(before), cache=cache)
    number = len(parsed)
    parsed.clear()
    profile_bytes("a.csv", before, cut(before), cache=cache)
    always = len(parsed)
    parsed.clear()

    found = encoded(profile_bytes("a.csv", after, cut(after), cache=cache))

    assert number > 50
    assert always < 0.2 * number
    assert always < len(parsed) <= always + 6
    assert found == encoded(profile_bytes("a.csv", after, cut(after)))


def test_a_changed_column_is_the_work_of_one_column(parsed, tmp_path):
    table = some_table(1000, 11)
    data = as_parquet(table, row_group_size=500)
    changed = table.set_column(1, "value", pyarrow.array(np.arange(1000.0)))
    other = as_parquet(changed, row_group_size=500)
    cache = Cache(tmp_path)
    # In chunks of one byte a column chunk shares nothing with its neighbours.
    profile_bytes("a.parquet", data, cut(data, 1), cache=cache)
    parsed.clear()

    found = encoded(profile_bytes("a.parquet", other, cut(other, 1), cache=cache))

    assert len(parsed) == 2
    assert found == encoded(profile_bytes("a.parquet", other, cut(other, 1)))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_damaged_cache_is_as_good_as_none(name, tmp_path):
    data = files()[name]
    chunks = cut(data, 64 if name != "a.parquet" else 512)
    cache = Cache(tmp_path)
    expected = encoded(profile_bytes(name, data, chunks, cache=cache))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    random = Random(12)

    for _ in range(20):
        spoiled = bytearray(whole[: random.choice([len(whole), random.randrange(len(whole))])])
        if spoiled:
            spoiled[random.randrange(len(spoiled))] ^= 1 << random.randrange(8)
        path.write_bytes(spoiled)
        assert encoded(profile_bytes(name, data, chunks, cache=cache)) == expected


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize("kept", [0, 5, 16, 24, 40, 100])
def test_an_entry_that_is_no_profile_is_made_again(name, kept, tmp_path, monkeypatch):
    """The checksum of the file is right, as if a program of another version had written it."""
    data = files()[name]
    chunks = cut(data, 64 if name != "a.parquet" else 512)
    cache = Cache(tmp_path)
    expected = encoded(profile_bytes(name, data, chunks))
    real = memory.SegmentMemory.put
    with monkeypatch.context() as patch:
        patch.setattr(memory.SegmentMemory, "put", lambda self, key, data: real(self, key, data[:kept]))
        profile_bytes(name, data, chunks, cache=cache)

    assert encoded(profile_bytes(name, data, chunks, cache=cache)) == expected
    # And remembered this time.
    assert encoded(profile_bytes(name, data, chunks, cache=cache)) == expected


def test_what_is_remembered_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_MOST", 300_000)
    cache = Cache(tmp_path, 2**20)
    for seed in range(12):
        data = write_csv(some_rows(300, 100 + seed))
        profile_bytes("a.csv", data, cut(data), cache=cache)

    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 1
    assert sum(sizes) <= 2**19


def test_a_file_that_is_no_table_in_its_middle_leaves_the_cache_readable(tmp_path):
    data = b"a,b\n" + b"1,2\n" * 500
    cache = Cache(tmp_path)
    expected = encoded(profile_bytes("a.csv", data, cut(data, 16), cache=cache))
    broken = data + b"1\n"
    with pytest.raises(TableError):
        profile_bytes("a.csv", broken, cut(broken, 16), cache=cache)

    assert encoded(profile_bytes("a.csv", data, cut(data, 16), cache=cache)) == expected


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_row_that_ended_with_the_file_may_go_on_behind_it(name, tmp_path, monkeypatch):
    """The same chunks, and more behind them: the last record is another one."""
    if name == "a.csv":
        old, more = b'a,b\n1,x\n2,"y', b'z"\n'
    else:
        old, more = b'{"a":1}\n{"a":2}  ', b"  {\n"
    monkeypatch.setattr(chunkmap, "_TARGET", 1)
    cache = Cache(tmp_path)
    new = old + more
    pieces = [old[place : place + 6] for place in range(0, len(old), 6)]
    profile_bytes(name, old, chunks_of(pieces), cache=cache)

    if name == "a.csv":
        found = profile_bytes(name, new, chunks_of([*pieces, more]), cache=cache)
        assert encoded(found) == encoded(profile_bytes(name, new, chunks_of([*pieces, more])))
        assert columns(found)["b"].texts.frequent.values.to_pylist() == ["x", "yz"]
    else:
        with pytest.raises(TableError):
            profile_bytes(name, new, chunks_of([*pieces, more]), cache=cache)
