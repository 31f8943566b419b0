"""A merged text is ours with edits: what they do not name stays as it is."""

import gzip
import io
from itertools import pairwise

import pytest
import zstandard

from datav.errors import TableError
from datav.merging.plan import Edit
from datav.merging.text import text_edits
from datav.merging.writing import splice_edits, write_merge
from datav.storage.scratch import Scratch
from datav.tables import textedits
from datav.tables.dialect import TextDialect
from datav.tables.opening import open_table
from datav.tables.source import NotATable
from datav.tables.text import TextVersion
from tests.support.comparing import BytesSource
from tests.support.merges import MadeMerge


def opened(data, *, header=True, quoting=True, width=2, encoding="utf-8", delimiter=","):
    """Return a text as a version; nothing of it is guessed."""
    names = tuple(str(number) for number in range(width))
    dialect = TextDialect("csv", delimiter, encoding, quoting, names)
    return TextVersion(BytesSource(data), dialect, has_header=header)


def merged(version, changed=(), removed=(), new=(), layout=None):
    """Return the bytes of the result."""
    target = io.BytesIO()
    write_merge(MadeMerge(version, dict(changed), removed, new, layout), version.source, target)
    return target.getvalue()


def test_cells_that_stay_keep_their_quotes_and_changed_ones_those_of_the_old():
    version = opened(b'id,n,x\n1,"a",01\n2,b,"c ""q"""\n3,"a"b,1\n', width=3)

    data = merged(version, {0: (b"1", b"B", b"01"), 1: (b"2", b"x", b'c "q"'), 2: (b"3", b"ab", b"2")})

    assert data == b'id,n,x\n1,"B",01\n2,x,"c ""q"""\n3,"a"b,2\n'


def test_a_cell_may_come_to_be_what_is_written_of_the_old():
    assert merged(opened(b'i,n\n1,"a"\n'), {0: (b"1", b'"a"')}) == b'i,n\n1,"""a"""\n'


def test_only_the_changed_records_are_edited():
    version = opened(b"id,n\n1,a\n2,b\n3,c\n4,d\n")
    merge = MadeMerge(version, {1: (b"2", b"B")}, [2], [(1, (b"9", b"z")), (4, (b"5", b"e"))])

    edits = list(text_edits(merge))

    # What is new stands right before what is changed, so both are one edit.
    assert edits == [Edit(9, 12, b"9,z\n2,B"), Edit(13, 17, b""), Edit(21, 21, b"5,e\n")]


def test_a_record_that_comes_to_be_what_it_was_is_no_edit():
    version = opened(b'id,n\n1,"a"\n')

    assert list(text_edits(MadeMerge(version, {0: (b"1", b"a")}))) == []


def test_new_rows_are_written_in_the_dialect_of_the_file():
    version = opened(b'"id";"n"\r\n"1";"a"\r\n', delimiter=";")

    data = merged(version, new=[(0, (b"0", b"")), (1, (b"2", b'q"')), (1, (b"3", b"x;\ny"))])

    assert data == b'"id";"n"\r\n"0";""\r\n"1";"a"\r\n"2";"q"""\r\n"3";"x;\ny"\r\n'


@pytest.mark.parametrize(
    ("data", "changed", "removed", "new", "expected"),
    [
        # Behind the last line.
        (b"i,n\n1,a", {}, [], [(1, (b"2", b"b")), (1, (b"3", b"c"))], b"i,n\n1,a\n2,b\n3,c"),
        (b"i,n\r\n1,a", {0: (b"1", b"A")}, [], [(1, (b"2", b"b"))], b"i,n\r\n1,A\r\n2,b"),
        (b"i,n\n1,a", {}, [], [(0, (b"0", b"z"))], b"i,n\n0,z\n1,a"),
        # In its place.
        (b"i,n\n1,a", {}, [0], [(1, (b"2", b"b"))], b"i,n\n2,b"),
        (b"i,n\n1,a", {}, [0], [(0, (b"2", b"b"))], b"i,n\n2,b"),
        (b"i,n\n1,a\n2,b", {0: (b"1", b"A")}, [1], [], b"i,n\n1,A"),
        # It goes: what comes to be the last loses its line end, and blank lines behind it.
        (b"i,n\n1,a\n2,b", {}, [1], [], b"i,n\n1,a"),
        (b"i,n\r\n1,a\r\n\r\n2,b", {}, [1], [], b"i,n\r\n1,a"),
        (b"i,n\n1,a\n2,b\n\n3,c", {}, [1, 2], [], b"i,n\n1,a"),
        (b"i,n\n1,a\n2,b", {}, [0, 1], [], b"i,n"),
        (b"i,n", {}, [], [(0, (b"1", b"a"))], b"i,n\n1,a"),
        # With a line end all is simple.
        (b"i,n\n1,a\n", {}, [], [(1, (b"2", b"b"))], b"i,n\n1,a\n2,b\n"),
        (b"i,n\n1,a\n2,b\n", {}, [0, 1], [], b"i,n\n"),
        (b"i,n\n1,a\n2,b\n", {}, [1], [(2, (b"3", b"c"))], b"i,n\n1,a\n3,c\n"),
        (b"i,n\n", {}, [], [(0, (b"1", b"a"))], b"i,n\n1,a\n"),
        (b"i,n\n1,a\n\n\n", {}, [], [(1, (b"2", b"b"))], b"i,n\n1,a\n\n\n2,b\n"),
    ],
)
def test_the_end_of_the_file_stays_as_it_is(data, changed, removed, new, expected):
    assert merged(opened(data), changed, removed, new) == expected


@pytest.mark.parametrize(
    ("data", "removed", "new", "expected"),
    [
        (b"1,a\n2,b\n", [0, 1], [], b""),
        (b"1,a\n2,b", [0, 1], [], b""),
        (b"1,a\n2,b", [0, 1], [(2, (b"3", b"c"))], b"3,c"),
        (b"\n1,a\n", [], [(0, (b"0", b"z"))], b"\n0,z\n1,a\n"),
        (b"1,a", [0], [(0, (b"\xef\xbb\xbfx", b"z"))], b'"\xef\xbb\xbfx",z'),
    ],
)
def test_a_file_without_a_header(data, removed, new, expected):
    assert merged(opened(data, header=False), {}, removed, new) == expected


def test_marks_blank_lines_and_lone_carriage_returns_stay():
    data = b"\xef\xbb\xbfi,n\r\r1,a\r\r2,b\r"

    assert merged(opened(data, encoding="utf-8-sig"), {1: (b"2", b"B")}, [], [(0, (b"0", b"z"))]) == (
        b"\xef\xbb\xbfi,n\r\r0,z\r1,a\r\r2,B\r"
    )


def test_a_blank_line_goes_with_the_record_before_it():
    assert merged(opened(b"i,n\n1,a\n\n2,b\n"), removed=[0]) == b"i,n\n2,b\n"


def test_cells_of_several_lines_are_one_record():
    version = opened(b'i,n\n1,"a\nb"\n2,"c\r\n\r\nd"\n3,x\n')

    data = merged(version, {1: (b"2", b"e\nf")}, [0], [(2, (b"9", b"g\rh"))])

    assert data == b'i,n\n2,"e\nf"\n9,"g\rh"\n3,x\n'


@pytest.mark.parametrize("mark", [b"", b"\n"])
def test_quotes_that_nothing_ends_are_ended_before_anything_comes_behind(mark):
    version = opened(b'i,n\n1,"a' + mark)

    assert merged(version, new=[(1, (b"2", b"b"))]) == b'i,n\n1,"a' + mark + b'"\n2,b'
    assert merged(version, layout=[("1", 1), ("0", 0)]) == b'n,i\n"a' + mark + b'",1'


@pytest.mark.parametrize("ending", [b'"', b'"\n', b""])
def test_how_a_long_cell_ends_is_not_guessed(ending, monkeypatch):
    # What a block by itself shows of the end is another cell.
    monkeypatch.setattr(textedits, "BLOCK", 16)
    data = b'n\n"' + b"a line\n" * 10 + ending

    assert (
        merged(opened(data, width=1), new=[(1, (b"x",))])
        == {
            b'"': data + b"\nx",
            b'"\n': data + b"x\n",
            b"": data + b'"\nx',
        }[ending]
    )


def test_a_cell_that_needs_quotes_where_there_are_none_is_named():
    version = opened(b'i,n\n1,"a\n', quoting=False)

    assert merged(version, {0: (b"1", b'"b"')}) == b'i,n\n1,"b"\n'
    with pytest.raises(TableError, match=r"the cell 'b,c' of column '.*' needs quotes"):
        merged(version, {0: (b"1", b"b,c")})


def test_a_single_empty_cell_is_no_blank_line():
    version = opened(b"i,n\n1,\n2,b\n")

    data = merged(version, {}, [], [(2, (b"",))], [(version.columns[1].name, 1)])

    assert data == b'n\n""\nb\n""\n'


def test_with_other_columns_every_record_is_written_anew():
    version = opened(b'\xef\xbb\xbf"i",n,x\r\n1,"a",z\r\n\n2,b,"z"\r\n3,c,z', width=3, encoding="utf-8-sig")
    names = [column.name for column in version.columns]
    layout = [(names[2], 2), ("new,", None), (names[0], 0)]

    data = merged(version, {1: (b"Z", b"7", b"2")}, [2], [(0, (b"", b"8", b"0"))], layout)

    assert data == b'\xef\xbb\xbfx,"new,","i"\r\n,8,0\r\nz,,1\r\n\n"Z",7,2'


def test_a_column_may_be_called_otherwise():
    version = opened(b"i,n\n1,a\n")

    assert merged(version, layout=[(version.columns[0].name, 0), ("m", 1)]) == b"i,m\n1,a\n"


def test_many_edits_of_a_large_file_are_bounded_and_in_order():
    lines = [b"%d,text %d\n" % (number, number) for number in range(300_000)]
    version = opened(b"i,n\n" + b"".join(lines))
    names = [column.name for column in version.columns]

    edits = list(text_edits(MadeMerge(version, {}, [5, 250_000], [(7, (b"x", b"y"))], [(names[1], 1)][:1])))

    assert len(edits) > 3
    assert max(len(edit.data) for edit in edits) < 2 * 2**20
    assert all(before.end <= after.start for before, after in pairwise(edits))


def through_files(name, data, changed=(), new=()):
    target = io.BytesIO()
    source = BytesSource(data)
    with Scratch() as scratch:
        version = open_table(name, source, scratch)
        assert not isinstance(version, NotATable)
        merge = MadeMerge(version, dict(changed), [], new)
        can_splice = splice_edits(merge, source) is not None
        write_merge(merge, source, target)
    return target.getvalue(), can_splice


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_the_encoding_of_the_file_stays(encoding):
    before, after = "id,n\r\n1,é\r\n2,ü\r\n", "id,n\r\n1,é\r\n2,ö\r\n3,ä\r\n"

    data, can_splice = through_files(
        "t.csv", before.encode(encoding), {1: (b"2", "ö".encode())}, [(2, (b"3", "ä".encode()))]
    )

    assert data == after.encode(encoding)
    assert not can_splice


@pytest.mark.parametrize("cell", ["€".encode(), b"\xff"])
def test_what_the_encoding_lacks_is_refused(cell):
    with pytest.raises(TableError, match="latin-1"):
        through_files("t.csv", "id,n\n1,é\n".encode("latin-1"), {0: (b"1", cell)})


def test_a_cell_may_be_any_bytes():
    version = opened(b"id,n\n1,\xfe\n2,x\n")

    data = merged(version, {1: (b"2", b"\xff\x80")}, [], [(0, (b"\x00", b"\xed\xa0\x80"))])

    assert data == b"id,n\n\x00,\xed\xa0\x80\n1,\xfe\n2,\xff\x80\n"


def test_a_compressed_file_is_compressed_again_always_the_same_way():
    for name, pack, unpack in (
        ("t.csv.gz", gzip.compress, gzip.decompress),
        (
            "t.csv.zst",
            zstandard.compress,
            lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        ),
    ):
        once, again = (
            through_files(name, pack("i,n\n1,é\n".encode("utf-16")), {0: (b"1", b"b")}) for _ in "ab"
        )

        assert unpack(once[0]) == "i,n\n1,b\n".encode("utf-16")
        assert once == again
        assert not once[1]
        # Neither a time nor a name is in it.
        assert not name.endswith("gz") or once[0][3:8] == bytes(5)
