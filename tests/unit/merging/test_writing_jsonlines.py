"""Merged JSON Lines are ours with edits: records that stay are not touched."""

import io

import pytest

from datav.errors import TableError
from datav.merging.jsonlines import json_edits
from datav.merging.plan import Edit
from datav.merging.writing import splice_edits, write_merge
from datav.storage.scratch import Scratch
from datav.tables.opening import open_table
from datav.tables.source import NotATable
from tests.support.comparing import BytesSource
from tests.support.merges import MadeMerge


@pytest.fixture
def merged():
    """Gives the bytes of the result, and its edits."""

    def merge(data, changed=(), removed=(), new=(), layout=None):
        target = io.BytesIO()
        source = BytesSource(data)
        with Scratch() as scratch:
            version = open_table("t.jsonl", source, scratch)
            assert not isinstance(version, NotATable)
            made = MadeMerge(version, dict(changed), removed, new, layout)
            write_merge(made, source, target)
            edits = None if splice_edits(made, source) is None else list(json_edits(made))
        return target.getvalue(), edits

    return merge


def test_a_changed_record_keeps_the_order_of_its_keys_and_its_numbers(merged):
    data, edits = merged(
        b'{"b":1.50,"a":{"x":1e3,"y":"1"},"c":null}\n{"b":2}\n',
        {0: (b"1.50", b"1e3", b"2", b"true")},
    )

    assert data == b'{"b":1.50,"a":{"x":1e3,"y":2},"c":true}\n{"b":2}\n'
    assert edits == [Edit(0, 41, b'{"b":1.50,"a":{"x":1e3,"y":2},"c":true}')]


def test_what_becomes_null_is_null_where_it_was_and_nothing_where_it_was_not(merged):
    data, _ = merged(
        b'{"id": 1, "a": {"x": 1, "y": 2}}\n{"id": 2}\n',
        {0: (b"1", None, b"2"), 1: (b"3", None, None)},
        new=[(2, (b"4", None, b'"5"'))],
    )

    assert data == b'{"id": 1, "a": {"x": null, "y": 2}}\n{"id": 3}\n{"id": 4, "a": {"y": "5"}}\n'


def test_the_last_cell_of_an_object_becomes_null_in_it_so_that_columns_stay(merged):
    assert merged(b'{"a":{"b":1}}\n', {0: (None,)})[0] == b'{"a":{"b":null}}\n'


def test_a_column_that_goes_goes_from_every_record_that_has_it(merged):
    data, edits = merged(
        b'{"id":1,"x":{"y":1}}\n{"id":2}\n{"id":3,"x":{"y":3}}\n{"id":4,"x":{"y":3}}\n',
        {2: (b"8", b"n")},
        [3],
        [(1, (b"0", None))],
        [("id", 0), ("k", None)],
    )

    assert data == b'{"id":1}\n{"id":0}\n{"id":2}\n{"id":8,"k":"n"}\n'
    assert edits is not None
    assert [edit.start for edit in edits] == [0, 21, 30, 51]


def test_another_order_of_columns_touches_no_record(merged):
    data = b'{"id":1,"n":2}\n'

    assert merged(data, layout=[("n", 1), ("id", 0)]) == (data, [])


@pytest.mark.parametrize(
    ("data", "removed", "new", "expected"),
    [
        (b'{"a":1}', [], [(1, (b"2",))], b'{"a":1}\n{"a":2}'),
        (b'{"a":1}\r\n{"a":2}', [1], [], b'{"a":1}'),
        (b'{"a":1}\n\n \t\n{"a":2}\n', [0], [], b'{"a":2}\n'),
        (b'{"a":1}\n{"a":2}\n\n{"a":3}', [1, 2], [], b'{"a":1}'),
        (b'{"a":1}\n', [0], [], b""),
        (b'\xef\xbb\xbf{"a":1}\n', [0], [(0, (b"2",))], b'\xef\xbb\xbf{"a":2}\n'),
        (b'{"a":1}\r{"a":2}\r', [], [(1, (b"x",))], b'{"a":1}\r{"a":"x"}\r{"a":2}\r'),
    ],
)
def test_the_end_of_the_file_stays_as_it_is(merged, data, removed, new, expected):
    assert merged(data, removed=removed, new=new)[0] == expected


def test_strings_like_json_and_half_characters_stay_what_they_are(merged):
    cells = [b'"1"', b" 1", b"1", b'"\\ud800"', b'"[x"', b"[1,2]", b"nul", b"null x", "é".encode()]

    data, _ = merged(b'{"a":0}\n', new=[(1, (cell,)) for cell in cells])

    assert data.decode().splitlines()[1:] == [
        '{"a":"1"}',
        '{"a":" 1"}',
        '{"a":1}',
        '{"a":"\\ud800"}',
        '{"a":"[x"}',
        '{"a":[1,2]}',
        '{"a":"nul"}',
        '{"a":"null x"}',
        '{"a":"é"}',
    ]


def test_a_cell_below_what_is_no_object_is_refused(merged):
    with pytest.raises(TableError, match=r"'a' of column 'a\.b' is no object"):
        merged(b'{"a":1}\n{"a":{"b":2}}\n', {0: (b"1", b"2")})


def test_a_cell_that_is_not_utf_8_is_refused(merged):
    with pytest.raises(TableError, match="column 'a' is not UTF-8"):
        merged(b'{"a":1}\n', {0: (b"\xff",)})


def test_a_long_line_is_read_whole(merged):
    long = b'{"a":"' + b"x" * 300_000 + b'"}'

    data, _ = merged(b'{"a":1}\n' + long + b'\n\n{"a":2}', {}, [1], [(1, (b"3",))])

    assert data == b'{"a":1}\n{"a":3}\n{"a":2}'


def test_another_encoding_is_written_whole(merged):
    data, edits = merged('{"a": "é"}\n'.encode("utf-16"), new=[(1, ("ü".encode(),))])

    assert data == '{"a": "é"}\n{"a": "ü"}\n'.encode("utf-16")
    assert edits is None
