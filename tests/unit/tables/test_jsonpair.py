"""datav.tables.jsonpair: what two versions of JSON Lines share is not parsed, and not read twice."""

import hashlib
import json
import random

import pytest

from datav.errors import TableError
from datav.storage.caching import Cache
from datav.tables import jsonl, jsonpair, text
from datav.tables.dialect import TextDialect
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.options import DiffOptions
from datav.tables.result import RowDiff
from datav.tables.shared import Shared
from tests.support.texts import compare_all, exact_gap

BY_ID = DiffOptions(key=("id",))


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    monkeypatch.setattr(jsonpair, "_WORTH_IT", 0)
    # Read once or twice of any file, so a file has to be much larger.
    monkeypatch.setattr(text, "HEAD_SIZE", 2**12)
    monkeypatch.setattr(jsonl, "_BLOCK", 2**14)


@pytest.fixture
def parsed(monkeypatch):
    """Lines that Python's json module has parsed."""
    found: list[bytes] = []
    parse = JsonLinesVersion.parse

    def parse_and_tell(self, place, line):
        found.append(line)
        return parse(self, place, line)

    monkeypatch.setattr(JsonLinesVersion, "parse", parse_and_tell)
    return found


@pytest.fixture
def open_lines(in_memory):
    def open_text(data: bytes) -> JsonLinesVersion:
        return JsonLinesVersion(in_memory(data), TextDialect("jsonl", ",", "utf-8", False, ()))

    return open_text


@pytest.fixture
def compare(open_lines, tmp_path):
    """Compares two texts by the one gap between them, with a cache."""
    cache = Cache(tmp_path / "cache")

    def compare_texts(before: bytes, after: bytes, options=BY_ID, **more):
        shared = Shared(exact_gap(before, after), id_of(before), id_of(after), cache, **more)
        versions = open_lines(before), open_lines(after)
        diff, changes = compare_all(*versions, options, shared)
        return diff, changes, versions

    return compare_texts


def id_of(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def text_of(records: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def table(rows: int) -> list[dict[str, object]]:
    rng = random.Random(rows)
    return [{"id": n, "x": rng.random(), "in": {"y": f"text {n}"}} for n in range(rows)]


def counts(rows: RowDiff) -> tuple[object, ...]:
    return rows.from_rows, rows.to_rows, rows.added, rows.removed, rows.changed, rows.unchanged


def test_once_both_versions_are_known_little_more_than_the_gap_is_read(compare):
    records = table(20_000)
    before = text_of(records)
    records[7000]["x"] = 0
    after = text_of(records)
    compare(before, after)

    diff, changes, versions = compare(before, after)

    assert counts(diff.rows) == (20_000, 20_000, 0, 0, 1, 19_999)
    assert [(change.key["id"], change.after) for change in changes] == [("7000", {"x": "0"})]
    assert all(version.source.bytes_read < 100_000 < len(before) / 10 for version in versions)


def test_of_the_next_version_only_the_gap_is_looked_at(compare):
    records = table(40_000)
    versions = [text_of(records)]
    for n in (7000, 30_000):
        records[n]["x"] = 0
        versions.append(text_of(records))
    compare(*versions[:2])

    diff, _, opened = compare(*versions[1:])

    assert counts(diff.rows) == (40_000, 40_000, 0, 0, 1, 39_999)
    assert all(version.source.bytes_read < 300_000 < len(versions[0]) / 5 for version in opened)


def test_lines_that_both_have_are_not_parsed_wherever_they_stand(open_lines, parsed):
    records = table(5000)
    before = text_of(records)
    random.Random(1).shuffle(records)
    records[99]["x"] = 0
    versions = open_lines(before), open_lines(text_of(records))

    diff, _ = compare_all(*versions, BY_ID)

    assert counts(diff.rows) == (5000, 5000, 0, 0, 1, 4999)
    # A thousand of each version are the sample of its types; the changed line is scanned and shown.
    assert len(parsed) <= 2 * 1000 + 20


def test_lines_that_stand_in_one_version_more_often_count(compare):
    line = b'{"id": 1}\n'
    other = b'{"id": 2}\n'

    diff, _, _ = compare(line * 5 + other, other + line * 2, DiffOptions(key=()))

    assert counts(diff.rows) == (6, 3, 0, 3, 0, 3)


def test_a_key_that_is_twice_in_what_both_share_is_not_unique(compare):
    before = text_of([{"id": 1, "x": n} for n in range(2)] + table(50)[10:])
    after = before + b'{"id": 11, "x": 5}\n'

    for _ in range(2):
        diff, _, _ = compare(before, after)

        assert (diff.rows.duplicates.before, diff.rows.duplicates.after) == (1, 2)
        assert counts(diff.rows) == (42, 43, 1, 0, 0, 42)


def test_a_record_that_is_written_otherwise_has_not_changed(compare):
    diff, changes, _ = compare(b'{"id": 1, "x": "a"}\n', b' {"x":"\\u0061","id":1}\r\n')

    assert counts(diff.rows) == (1, 1, 0, 0, 0, 1)
    assert changes == []


def test_lines_of_white_space_are_no_rows(compare):
    diff, _, _ = compare(b'{"id": 1}\n \t\n{"id": 2}\n', b' \t\n \t\n{"id": 1}\n{"id": 3}\n')

    assert counts(diff.rows) == (2, 2, 1, 1, 0, 1)


def test_a_column_that_only_a_changed_line_had_is_gone(compare):
    same = text_of(table(3000))
    before = same + b'{"id": "late", "late": 1}\n' + same
    after = same + b'{"id": "late"}\n' + same

    diff, _, _ = compare(before, after)
    back, _, _ = compare(after, before)

    assert [column.name for column in diff.schema.removed] == ["late"]
    assert [(column.name, column.type) for column in back.schema.added] == [("late", "integer")]


def test_a_column_that_another_line_has_too_stays(compare):
    late = b'{"id": "late", "late": 1}\n'
    same = text_of(table(3000))
    before, after = same + late + same + late, same + same + late

    diff, _, versions = compare(before, after)

    assert diff.schema.is_empty
    assert versions[1].kinds["late"] == "integer"


def test_of_a_column_that_is_null_in_the_sample_the_first_value_tells_the_type(open_lines):
    version = open_lines(b'{"a": null}\n' * 5000 + b'{"a": 1}\n{"a": 1.5}\n')

    assert version.kinds == {"a": "integer"}


def test_a_line_that_is_no_record_is_told_of_though_both_share_it(compare):
    wrong = b'{"id": 1}{"id": 2}\n'
    same = text_of(table(3000)) + wrong

    with pytest.raises(TableError, match="line 3001 is not JSON: Extra data at character 10"):
        compare(same, same + b'{"id": 7}\n')


@pytest.mark.parametrize(
    "line",
    [
        '{"a": 1}{"a": 2}',
        '{"a": Inf}',
        '{"a": [-Inf]}',
        '{"a": 01}',
        '{"a": 1}\0',
        '{"a": "\1"}',
        '{"a":\n1}',
    ],
)
def test_what_only_other_readers_take_for_records_is_none(open_lines, line):
    version = open_lines(b'{"a": 1}\n' * 20_000 + line.encode())

    with pytest.raises(TableError, match="line 20001 is not JSON"):
        assert version.columns


def test_a_line_that_is_no_record_in_the_gap_is_told_of(compare):
    same = text_of(table(3000))

    with pytest.raises(TableError, match="line 3001 is not JSON"):
        compare(same, same + b"{\n")


def test_what_is_not_known_is_not_read_where_that_is_asked(compare):
    before, after = text_of(table(10)), text_of(table(11))

    with pytest.raises(TableError, match="larger than what is compared here"):
        compare(before, after, known_only=True)
    compare(before, after)
    diff, _, _ = compare(before, after, known_only=True)

    assert counts(diff.rows) == counts(compare(before, after)[0].rows)


def test_a_comma_in_a_path_is_not_one_between_two(compare):
    before = text_of([{"a,b": 1, "a": n, "b": n} for n in range(3)])
    after = before + b'{"a,b": 2, "a": 7, "b": 7}\n'

    one, _, _ = compare(before, after, DiffOptions(key=("a,b",)))
    two, _, _ = compare(before, after, DiffOptions(key=("a", "b")))

    assert (one.rows.duplicates.before, one.rows.duplicates.after) == (1, 1)
    assert two.rows.duplicates is None


def test_damaged_memory_is_found_out_again(compare, tmp_path):
    before, after = text_of(table(300)), text_of(table(300)[5:])
    wanted = counts(compare(before, after)[0].rows)
    for file in (tmp_path / "cache").iterdir():
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)

    assert counts(compare(before, after)[0].rows) == wanted
