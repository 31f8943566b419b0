"""datav.tables.text: records and cells are those of the csv module, whatever blocks a text is cut into."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datav.errors import TableError
from datav.tables import text
from datav.tables.text import Span, TextVersion
from datav.tables.version import View
from tests.support.comparing import BytesSource
from tests.support.texts import all_columns, comma_dialect, csv_records, text_version

HEADER = b"id,x\n"


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture(params=[(1, 1), (7, 1), (16, 16), (200, 3)], ids=str)
def blocks(request, monkeypatch):
    """Blocks so small that a few records take many of them."""
    block, behind = request.param
    monkeypatch.setattr(text, "BLOCK", block)
    monkeypatch.setattr(text, "_LOOK_BEHIND", behind)


def rows_of(version: TextVersion, executor) -> list[list[bytes]]:
    """Return all rows of a version, scanned and then taken."""
    places = places_of(version, executor)
    return take(version, places)


def places_of(version: TextVersion, executor) -> np.ndarray:
    found = [prints.places for prints in version.scan(all_columns(version), 1, executor)]
    return np.concatenate([np.zeros(0, np.uint64), *found])


def take(version: TextVersion, places: np.ndarray) -> list[list[bytes]]:
    width = len(version.columns)
    table = version.take(places, range(width), [None] * width)
    return [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def uneven(records: list[list[bytes]]) -> list[bytes] | None:
    return next((record for record in records if len(record) != len(records[0])), None)


# Whatever makes records hard to tell apart, in one text.
PIECES = st.sampled_from(
    [*'a1,\n\r"', "\r\n", '""', '"\n"', ',"', '",', '"\r\n",', "\n\n", "é", "b,c\n", '"x,\ny",z\n', "\ufeff"]
)
SOUPS = st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode())


@given(SOUPS)
@example(b'1,a"\n2,"b\n3,c"\n4,d\n')
@example(b'"1\n2",3\n"4\n5",6\n')
@example(b'1,"\r\n\r\n"\r2,\r\n\r\n3,\n')
@example(b'1,"unclosed\n2,b\n3,c\n')
@example(b"\n\n\n1,a\n\n\n")
@example(b"\r1,a\r\r\n2,b\r")
@pytest.mark.usefixtures("blocks")
def test_rows_are_those_of_the_csv_module(executor, soup):
    version = text_version(HEADER + soup, comma_dialect(["id", "x"]))
    header, *records = csv_records(HEADER + soup, version.dialect)

    odd = uneven([header, *records])
    if odd is not None:
        with pytest.raises(TableError, match=f"^a row has {len(odd)} cells? where the header has 2 "):
            places_of(version, executor)
    else:
        assert rows_of(version, executor) == records


@given(st.lists(st.lists(st.text('ab,\n\r"é ', max_size=5), min_size=2, max_size=2), max_size=20), st.data())
@pytest.mark.usefixtures("blocks")
def test_rows_of_a_table_and_any_of_them(executor, rows, data):
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    last = data.draw(st.sampled_from(["", end, end * 3]))
    quoted = ['"' + '","'.join(cell.replace('"', '""') for cell in row) + '"' for row in rows]
    content = end.join(["id,x", *quoted]) + last
    version = text_version(content.encode(), comma_dialect(["id", "x"]))
    expected = [[cell.encode() for cell in row] for row in rows]

    places = places_of(version, executor)
    chosen = [number for number in range(len(rows)) if data.draw(st.booleans())]

    assert take(version, places) == expected
    assert take(version, places[chosen]) == [expected[number] for number in chosen]


@given(SOUPS)
@pytest.mark.usefixtures("blocks")
def test_without_quoting_a_quote_is_a_character(executor, soup):
    version = text_version(HEADER + soup, comma_dialect(["id", "x"], quoting=False))
    records = csv_records(HEADER + soup, version.dialect)
    if uneven(records) is None:
        assert rows_of(version, executor) == records[1:]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("seed", range(10))
def test_equal_rows_have_equal_fingerprints_whatever_they_are_cut_into(executor, seed):
    rng = Random(seed)
    cells = ["a", '"a"', "", '""', '"a\nb"', "é", '"q""q"', '","']
    content = "id,x\n" + "".join(f"{rng.choice(cells)},{rng.choice(cells)}\n" for _ in range(50))
    version = text_version(content.encode(), comma_dialect(["id", "x"]))
    records = csv_records(content.encode(), version.dialect)[1:]

    scanned = list(version.scan(all_columns(version, (1,)), 5, executor))

    for name, part in (("rows", slice(0, 2)), ("keys", slice(1, 2))):
        prints = np.concatenate([getattr(found, name) for found in scanned]).tolist()
        meant = {}
        for fingerprint, record in zip(prints, records, strict=True):
            assert meant.setdefault(fingerprint, record[part]) == record[part]
        assert len(meant) == len({tuple(record[part]) for record in records})


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("seed", range(10))
def test_only_some_spans_are_scanned(executor, seed):
    rng = Random(seed)
    lines = [
        rng.choice([f"{n},a\n", f'{n},"l\nm"\n', f"{n},b\r\n\n", f"\n{n},\n"]).encode() for n in range(30)
    ]
    content = HEADER + b"".join(lines)
    starts = np.cumsum([len(HEADER), *map(len, lines)]).tolist()
    cuts = sorted(rng.sample(range(31), 6))
    version = text_version(content, comma_dialect(["id", "x"]))
    spans = [Span(starts[cuts[at]], starts[cuts[at + 1]]) for at in (0, 2, 4)]

    part = version.only(spans, BytesSource(content))

    wanted = HEADER + b"".join(content[span.start : span.end] for span in spans)
    assert rows_of(part, executor) == csv_records(wanted, version.dialect)[1:]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("seed", range(5))
def test_all_quotes_are_found_where_they_are_asked_for(executor, seed):
    rng = Random(seed)
    content = HEADER + b"".join(
        rng.choice([b"1,a\n", b'2,"b\n"\n', b'3,"q""q"\r\n', b"\n"]) for _ in range(40)
    )
    version = text_version(content, comma_dialect(["id", "x"]))

    found = list(version.scan_records(all_columns(version), 1, executor, quotes=True))

    quotes = [place for records in found if records.quotes is not None for place in records.quotes.tolist()]
    assert quotes == [at for at, byte in enumerate(content) if byte == ord('"')]
    for before, after in pairwise(found):
        assert before.end <= after.begin


@pytest.mark.parametrize(
    ("body", "line", "cells"),
    [
        (b"1,a\n2\n", 3, 1),
        (b"1,a\n\n\n2,b,c\n3,c\n", 5, 3),
        (b'1,"a\n"\n"2\n",b,\n', 4, 3),
        (b"1,a\n2,b\nxyz", 4, 1),
        (b"1,a\r\n\r\n2,b\r\n3\r\n", 5, 1),
    ],
)
@pytest.mark.usefixtures("blocks")
def test_a_ragged_row_is_named_by_the_line_on_which_it_begins(executor, body, line, cells):
    version = text_version(HEADER + body, comma_dialect(["id", "x"]))

    with pytest.raises(TableError) as error:
        places_of(version, executor)

    number = "1 cell" if cells == 1 else f"{cells} cells"
    shown = f"a row has {number} where the header has 2 (line {line})"
    assert str(error.value) == shown


@pytest.mark.parametrize("joined", [False, True])
def test_a_ragged_row_in_a_span_is_named_by_its_line_in_the_file(executor, joined):
    content = HEADER + b"1,a\n2,b\n3,c\n4\n5,e\n"
    version = text_version(content, comma_dialect(["id", "x"]))
    spans = [Span(5, 9), Span(17, 23)] if joined else [Span(17, 23)]

    with pytest.raises(TableError, match=r"\(line 5\)"):
        places_of(version.only(spans, BytesSource(content)), executor)


@pytest.mark.parametrize(
    ("content", "names", "rows"),
    [
        (b"id,x", ["id", "x"], []),
        (b"id,x\n", ["id", "x"], []),
        (b"id,x\r\n\r\n", ["id", "x"], []),
        (b"\n\r\nid,x\n1,a", ["id", "x"], [[b"1", b"a"]]),
        (b"\xef\xbb\xbfid,x\n1,a\n", ["id", "x"], [[b"1", b"a"]]),
        (b'\xef\xbb\xbf"id","x,y"\n1,a\n', ["id", "x,y"], [[b"1", b"a"]]),
        (b'"i\nd",x\n1,a\n', ["i\nd", "x"], [[b"1", b"a"]]),
        (b"id,x\r1,a\r2,b", ["id", "x"], [[b"1", b"a"], [b"2", b"b"]]),
        (b"x,x,x\n1,2,3\n", ["x", "x.2", "x.3"], [[b"1", b"2", b"3"]]),
        (b"x,,\n1,2,3\n", ["x", "", ".2"], [[b"1", b"2", b"3"]]),
        (b"one\n1\n\n2\n", ["one"], [[b"1"], [b"2"]]),
        (b'one\n""\n', ["one"], [[b""]]),
        (b"id;x\n1;a\n", ["id", "x"], [[b"1", b"a"]]),
        (b"id\tx\n1\ta\n", ["id", "x"], [[b"1", b"a"]]),
    ],
)
def test_headers(executor, content, names, rows):
    version = text_version(content)

    assert [column.name for column in version.columns] == names
    assert rows_of(version, executor) == rows


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_without_a_header_the_first_record_is_a_row(executor, mark):
    version = text_version(mark + b'"1",a\n2,b\n', has_header=False)

    assert [column.name for column in version.columns] == ["1", "2"]
    assert rows_of(version, executor) == [[b"1", b"a"], [b"2", b"b"]]


@pytest.mark.parametrize("longest", [15, 2**20 - 1])
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_records_longer_than_a_place_can_say(executor, monkeypatch, longest, at, end):
    if longest < text.LONGEST:
        monkeypatch.setattr(text, "_LENGTH_BITS", 4)
        monkeypatch.setattr(text, "LONGEST", longest)
    rows = [[b"%d" % number, b"v"] for number in range(3)]
    for extra in (-5, -4, -3, 0, 1, longest, 5 * longest):
        cell = b"x\n" + b"y" * (longest + extra - 2)
        rows[at][1] = cell
        lines = [b'%s,"%s"' % tuple(row) for row in rows]
        version = text_version(HEADER + b"\n".join(lines) + end)

        places = places_of(version, executor)

        assert take(version, places) == rows
        assert take(version, places[[at]]) == [rows[at]]
        begin, stop = version.text_of(int(places[at]))
        assert version.source.read_at(begin, stop - begin).rstrip(b"\n") == lines[at]


def test_columns_in_any_order_and_twice(executor):
    version = text_version(b"a,b,c\n1,2,3\n4,5,6\n")
    (prints,) = version.scan(View((2, 0), (1,), (None, None)), 1, executor)

    table = version.take(prints.places, (2, 0, 2), (None,) * 3)

    assert [column.to_pylist() for column in table.columns] == [[b"3", b"6"], [b"1", b"4"], [b"3", b"6"]]
    assert table.column_names == ["c", "a", "c"]


def test_a_file_that_has_changed_since_it_was_scanned_is_an_error(executor):
    version = text_version(HEADER + b"1,a\n2,b\n")
    places = places_of(version, executor)
    version.source = BytesSource(HEADER + b"1,aaaaa\n2,b\n")

    with pytest.raises(TableError, match="the file has changed"):
        version.take(places, (0, 1), (None, None))
