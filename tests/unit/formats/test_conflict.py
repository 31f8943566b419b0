"""datav.formats.conflict: what is refused, what tells conflicts apart, what was decided of them."""

import re
from dataclasses import replace

import pytest

from datav.errors import FormatError, UsageError
from datav.formats import conflict
from datav.formats.conflict import (
    MAX_NESTING,
    MAX_SIZE,
    ConflictItem,
    ConflictRecord,
    Given,
    TooManyConflictsError,
    content_of,
    describe_content,
    encode_record,
    identity,
    open_items,
    parse_record,
    with_decisions,
)
from datav.formats.entry import EMPTY_CONTENT, Content

NAME = ConflictItem("cell", "a", "b", "c", path=b"d/x.csv", key=(("id", 7),), column="name")
GONE = ConflictItem("delete_modify", {"id": 8}, None, {"id": 8.5}, key=(("id", 8),))
FILE = ConflictItem("file", None, describe_content(EMPTY_CONTENT), None, path=b"y", reason="not a table")
RECORD = ConflictRecord({"ours": b"datav = 1\n", "theirs": b"x"}, (NAME, GONE, FILE))
TEXT = encode_record(RECORD).decode()


def parse(text: str) -> ConflictRecord:
    return parse_record(text.encode(), "of a.csv")


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            '"datav-conflict":1',
            '"datav-conflict":2',
            "was written by a newer datav (this one reads version 1)",
        ),
        ('"datav-conflict":1,"items":3', '"datav-conflict":2,"parts":[', "line 1 is not JSON"),
        ('"datav-conflict":1', '"datav-conflict":0', "is none"),
        ('"datav-conflict":1', '"datav-conflict":true', "is none"),
        ('{"datav-conflict":1', "[1", "line 1 is not JSON"),
        ('"items":3', '"items":4', "says that it has 4 conflicts, and has 3"),
        ('"items":3', '"items":-1', "does not say how many"),
        ('"items":3', '"items":200001', "does not say how many"),
        ('"items":3', '"items":3.0', "does not say how many"),
        ('"items":3', '"items":3,"more":1', "first line that is not written as it must be"),
        ('"ours":"datav', '"hers":"datav', "other sides"),
        ('"theirs":"x"', '"theirs":1', "manifest of theirs that is no text"),
        ('"theirs":"x"', '"theirs":"\\ud800"', "manifest of theirs that is no text"),
        ('"theirs":"x"', '"theirs":"' + "x" * (2**20 + 1) + '"', "manifest of theirs of more than"),
        ('"theirs":"x"', '"theirs":"%78"', "first line that is not written as it must be"),
        ('"kind":"cell"', '"kind":"sell"', "line 2: has a kind of conflict that there is not"),
        ('"kind":"cell"', '"kind":["cell"]', "has a kind of conflict that there is not"),
        ('"kind":"cell"', '"kind":"cell","kind":"cell"', "is not written as it must be"),
        ('"kind":"cell"', '"kind": "cell"', "is not written as it must be"),
        ('"kind":"cell"', '"kind":"cell","bind":1', "has 'bind', which is not a field"),
        ('"path":"d/x.csv"', '"path":"../x.csv"', "`..` part"),
        ('"path":"d/x.csv"', '"path":"/x.csv"', "absolute"),
        ('"path":"d/x.csv"', '"path":"d/.git/x"', "has a `.git` part"),
        ('"path":"d/x.csv"', '"path":"d/%x.csv"', "is not written as it must be"),
        ('"path":"d/x.csv"', '"path":"d/%2e%2e/x"', "is not written as it must be"),
        ('"path":"d/x.csv"', '"path":7', "a path that is no text"),
        ('[["id",7]]', '{"id":7}', "a key that is not pairs"),
        ('[["id",7]]', "[[7,7]]", "a key that is not pairs"),
        ('[["id",7]]', '[["id",7,7]]', "a key that is not pairs"),
        ('[["id",7]]', "[]", "is not written as it must be"),
        ('"column":"name"', '"column":7', "has a `column` that is no text"),
        ('"reason":"not a table"', '"reason":7', "has a `reason` that is no text"),
        ('"theirs":"c"', '"theirs":"c","taken":"hers"', "a decision for something else"),
        ('"theirs":"c"', '"theirs":"c","taken":{"given":7}', "a decision for something else"),
        ('"theirs":"c"', '"theirs":"c","taken":{"given":"7","by":1}', "a decision for something else"),
        ('"theirs":"c"', '"theirs":"c","taken":null', "is not written as it must be"),
        ('"base":"a",', "", "is not written as it must be"),
        ('"base":"a"', '"base":NaN', "NaN is no number of JSON"),
        ('"base":"a"', '"base":-Infinity', "-Infinity is no number of JSON"),
        ('"base":"a"', '"base":1e999', "a record of conflicts cannot hold this"),
        ('"base":"a"', '"base":1.0e2', "is not written as it must be"),
        ('"base":"a"', '"base":' + "9" * 5000, "line 2 is not JSON"),
        ('"base":"a"', '"base":' + "[" * 100_000 + "]" * 100_000, "nested more than 100 deep"),
        ('"base":"a"', '"base":' + "[" * 100_000, "nested more than 100 deep"),
        ('"base":"a"', '"base":"\\u0061"', "is not written as it must be"),
        ('{"id":8.5}', "8", "has a side that is no row"),
        ('"depth":0', '"depth":14', "names no content"),
        ('"depth":0', '"depth":true', "names no content"),
        ('"bytes":0', '"bytes":-1', "names no content"),
        ('"id":"b3:', '"id":"b4:', "is not an id"),
        ('{"kind":"file"', '\n{"kind":"file"', "and has 4"),
        ('"kind":"delete_modify"', '"kind":"meta"', "has a side that is no text"),
    ],
)
def test_what_is_wrong_is_named(old, new, reason):
    assert old in TEXT

    with pytest.raises(FormatError, match=re.escape(reason)) as error:
        parse(TEXT.replace(old, new, 1))

    assert len(str(error.value)) < 500
    assert str(error.value).isprintable()


def test_what_is_cut_off_is_refused():
    for end in range(len(TEXT)):
        with pytest.raises(FormatError):
            parse(TEXT[:end])
    with pytest.raises(FormatError, match="not JSON"):
        parse_record(b'{"datav-conflict":1,"\xff\n', "x")
    with pytest.raises(FormatError, match="longer than"):
        parse_record(b"\n" * (MAX_SIZE + 1), "x")
    with pytest.raises(FormatError, match="more than 200000 conflicts"):
        parse_record(b"\n" * 300_000, "x")


@pytest.mark.parametrize(
    "item",
    [
        replace(NAME, base=float("nan")),
        replace(NAME, base=(1, 2)),
        replace(NAME, base={1: 2}),
        replace(NAME, base=b"1"),
        replace(NAME, base="\ud83d\ude00"),
        replace(NAME, base=nested(MAX_NESTING)),
        replace(NAME, base=nested(100_000)),
        replace(NAME, kind="sell"),
        replace(NAME, path=b"../x"),
        replace(NAME, taken="hers"),
        replace(NAME, column=7),
        replace(FILE, ours={"id": "b3:"}),
    ],
)
def test_what_could_not_be_read_back_is_never_written(item):
    with pytest.raises(FormatError) as error:
        encode_record(replace(RECORD, items=(NAME, item)))

    assert not isinstance(error.value, TooManyConflictsError)


def test_cells_may_be_nested_up_to_the_limit_and_brackets_in_texts_do_not_count():
    deep = replace(NAME, base=nested(MAX_NESTING - 1), ours="[{" * 200 + '\\"[')

    record = replace(RECORD, items=(deep,))

    assert parse_record(encode_record(record), "x") == record


def test_more_conflicts_than_fit_are_told_from_what_cannot_be_written(monkeypatch):
    with pytest.raises(TooManyConflictsError, match="longer than 67108864 bytes"):
        encode_record(replace(RECORD, items=(replace(NAME, base="x" * MAX_SIZE),)))

    monkeypatch.setattr(conflict, "MAX_ITEMS", 2)
    with pytest.raises(TooManyConflictsError, match="3 conflicts are more than 2"):
        encode_record(RECORD)


def test_a_conflict_is_told_by_what_it_is_about_and_not_by_its_sides():
    again = replace(NAME, base="x", ours=None, theirs=None, reason="r", taken="ours")

    assert identity(again) == identity(NAME) == '["cell","d/x.csv",[["id",7]],"name"]'
    others = [
        replace(NAME, kind="add_add"),
        replace(NAME, path=b"d/y.csv"),
        replace(NAME, path=b"d/\xff.csv"),
        replace(NAME, path=b"d/%FF.csv"),
        replace(NAME, key=(("id", "7"),)),
        replace(NAME, key=()),
        replace(NAME, column=None),
        replace(NAME, column=""),
    ]
    assert len({identity(item) for item in [NAME, *others]}) == 9


def test_the_identity_of_a_key_is_that_of_its_value():
    one, other = ({"a": 1, "b": 2}, {"b": 2, "a": 1})

    assert identity(replace(NAME, key=(("id", one),))) == identity(replace(NAME, key=(("id", other),)))


def test_what_is_decided_is_open_no_more():
    decided = with_decisions(RECORD, {identity(NAME): Given("d"), identity(FILE): "ours"})

    assert [item.taken for item in decided.items] == [Given("d"), None, "ours"]
    assert open_items(decided) == (GONE,)
    assert open_items(RECORD) == RECORD.items
    assert with_decisions(decided, {}) == decided
    assert with_decisions(decided, {identity(NAME): "base"}).items[0].taken == "base"


def test_equal_rows_are_decided_as_one():
    twice = replace(RECORD, items=(NAME, NAME))

    assert not open_items(with_decisions(twice, {identity(NAME): "ours"}))


def test_a_decision_of_what_is_no_conflict_is_refused():
    with pytest.raises(UsageError, match="has no conflict"):
        with_decisions(RECORD, {identity(NAME): "ours", "other": "ours"})


def test_a_content_is_told_by_a_side_and_back():
    for content in (EMPTY_CONTENT, Content(bytes(range(32)), 3, 2**40)):
        assert content_of(describe_content(content)) == content
    assert content_of(None) is None
    with pytest.raises(FormatError):
        content_of({"id": 7, "depth": 0, "bytes": 0})
