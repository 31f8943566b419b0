"""datav.tables.dialect and sniff: what is a table, and how it is written."""

import pytest

from datav.tables.dialect import HEAD_SIZE, TextDialect, find_dialect, needs_exact_count, text_dialect
from datav.tables.sniff import TableFormat, sniff
from datav.tables.source import NotATable


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.csv", b"a,b\n1,2\n", ("csv", ",", "utf-8", ("a", "b"))),
        ("A.CSV", b"a,b\r\n1,2\r\n", ("csv", ",", "utf-8", ("a", "b"))),
        ("a.csv", b"a,b\r1,2\r", ("csv", ",", "utf-8", ("a", "b"))),
        ("a.csv", b"a;b\n1,5;2,5\n", ("csv", ";", "utf-8", ("a", "b"))),
        ("a.csv", b"a\tb\n1\t2\n", ("tsv", "\t", "utf-8", ("a", "b"))),
        ("a.csv", b"a|b\n1|2\n", ("csv", "|", "utf-8", ("a", "b"))),
        ("a.psv", b"a,b|c\n1|2\n", ("csv", "|", "utf-8", ("a,b", "c"))),
        ("a.tsv", b"a,b\tc\n1\t2\n", ("tsv", "\t", "utf-8", ("a,b", "c"))),
        ("a.tab", b"a,b\n1,2\n", ("csv", ",", "utf-8", ("a", "b"))),
        ("a.csv", b"a\n1\n", ("csv", ",", "utf-8", ("a",))),
        ("a.csv", b"a", ("csv", ",", "utf-8", ("a",))),
        ("a.csv", b"\n\r\n\na,b\n", ("csv", ",", "utf-8", ("a", "b"))),
        ("a.csv", b'"a\nb","c""d",\n1,2,3\n', ("csv", ",", "utf-8", ("a\nb", 'c"d', ""))),
        ("a.csv", b"a,,a, b\n", ("csv", ",", "utf-8", ("a", "", "a", " b"))),
        ("a.csv", b"a,b,c\n1,2\n1,2,3,4\n", ("csv", ",", "utf-8", ("a", "b", "c"))),
        ("a.csv", b'\xef\xbb\xbf"a",b\n', ("csv", ",", "utf-8-sig", ("a", "b"))),
        ("a.csv", "\ufeffä,b\n".encode("utf-16-le"), ("csv", ",", "utf-16-le", ("ä", "b"))),
        ("a.csv", "\ufeffä\tb\n".encode("utf-16-be"), ("tsv", "\t", "utf-16-be", ("ä", "b"))),
        ("a.csv", b"a,b\xe9\n1,2\n", ("csv", ",", "latin-1", ("a", "b\xe9"))),
        ("a.csv", b"a,\xc3", ("csv", ",", "latin-1", ("a", "\xc3"))),
        ("a.txt", b"a\tb\n1\t2\n3\t4\n", ("tsv", "\t", "utf-8", ("a", "b"))),
        ("a.jsonl", b'{"a": 1}\n', ("jsonl", ",", "utf-8", ())),
        ("a.ndjson", b'\xef\xbb\xbf{"a": 1}\n', ("jsonl", ",", "utf-8-sig", ())),
    ],
)
def test_a_text_table_is_read_off_its_head(name, head, expected):
    found = text_dialect(name, head)

    assert found is not None
    assert (found.format, found.delimiter, found.encoding, found.header) == expected
    assert sniff(name, head, head[-12:]) == TableFormat(found.format)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.py", b"a,b\n1,2\n"),
        ("csv", b"a,b\n1,2\n"),
        (".csv.gz", b"a,b\n1,2\n"),
        ("a.csv.gz", b"\x1f\x8b\x08"),
        ("a.json", b'{"a": 1}\n'),
        ("a.txt", b"a\tb\n1\t2\n"),
        ("a.txt", b"Roses are red,\nviolets are blue,\nsugar is sweet,\n"),
        ("a.txt", b"a,b\n1,2\n3,4,5\n"),
        ("a.txt", b"a,a\n1,2\n3,4\n"),
        ("a.txt", b""),
        ("a.txt", b"\n"),
        ("a.txt", b"a\0"),
    ],
)
def test_other_texts_are_no_tables_and_nobody_complains(name, head):
    assert find_dialect(name, head) is None
    assert sniff(name, head, head[-12:]) is None


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n", "is blank"),
        ("a.csv", b"\xef\xbb\xbf", "is blank"),
        ("a.jsonl", b" \r\n\t\n", "is blank"),
        ("a.csv", b"a,b\n1,\0\n", "is not text"),
        ("a.csv", "\ufeffa,b".encode("utf-32-le"), "is not text"),
        ("a.csv", b"\xff\xfea", "is not text"),
        ("a.csv", b"\xef\xbb\xbfa,\xff\n", "is not text"),
        ("a.csv", b'a,"' + b"b" * HEAD_SIZE, "header"),
    ],
)
def test_a_text_that_claims_to_be_a_table_and_is_none_is_told_why(name, head, reason):
    found = find_dialect(name, head)

    assert isinstance(found, NotATable)
    assert reason in found.reason
    assert text_dialect(name, head) is None


def test_quotes_are_honoured_where_rows_come_out_of_one_width():
    quoted = text_dialect("a.csv", b'a,b\n"1,\n2",3\n')
    stray = text_dialect("a.tsv", b'a\tb\n"1\t2\n3\t4\n5\t6"\n')

    assert quoted is not None
    assert quoted.quoting
    assert stray is not None
    assert not stray.quoting


def test_a_character_cut_by_the_end_of_the_head_is_no_reason_to_doubt_the_encoding():
    head = (b"a,bc\n" + "é".encode() * HEAD_SIZE)[:HEAD_SIZE]
    assert head.endswith(b"\xc3")

    found = text_dialect("a.csv", head)

    assert found is not None
    assert found.encoding == "utf-8"


def test_a_header_longer_than_what_the_csv_module_allows_by_default_is_read():
    head = b"a" * 200_000 + b",b\n1,2\n"

    found = text_dialect("a.csv", head)

    assert found is not None
    assert len(found.header[0]) == 200_000


def test_rows_are_counted_in_bytes_unless_that_would_be_wrong():
    def exact(name: str, head: bytes) -> bool:
        found = text_dialect(name, head)
        assert found is not None
        return needs_exact_count(found)

    assert not exact("a.csv", b"a,b\n")
    assert not exact("a.csv", b"a,\xe9\n")
    assert not exact("a.jsonl", b'{"a": 1}\n\n{"a": 2}\n')
    assert exact("a.jsonl", b'{"a": 1}\n  \n{"a": 2}\n')
    assert exact("a.csv", "\ufeffa,b\n".encode("utf-16-le"))


def test_the_mark_in_front_of_a_text_is_not_part_of_its_first_record():
    sizes = {
        encoding: TextDialect("csv", ",", encoding, True, ()).bom_size
        for encoding in ("utf-8", "latin-1", "utf-8-sig", "utf-16-le", "utf-16-be")
    }

    assert sizes == {"utf-8": 0, "latin-1": 0, "utf-8-sig": 3, "utf-16-le": 2, "utf-16-be": 2}


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a", b"PAR1____PAR1", TableFormat.PARQUET),
        ("a.csv", b"PARE____PARE", TableFormat.PARQUET),
        ("a", b"PAR1PAR1", None),
        ("a", b"PAR1____", None),
        ("a", b"ARROW1\0\0____ARROW1", TableFormat.ARROW_FILE),
        ("a.feather", b"\xff\xff\xff\xff\0\0\0\0", TableFormat.ARROW_STREAM),
        ("a", b"\xff\xff\xff\xff\0\0\0\0", None),
        ("a", b"FEA1____FEA1", TableFormat.FEATHER_V1),
        ("a.csv.gz", b"\x1f\x8b", None),
        ("", b"", None),
    ],
)
def test_binary_tables_are_told_by_their_magic(name, data, expected):
    assert sniff(name, data, data[-12:]) == expected
