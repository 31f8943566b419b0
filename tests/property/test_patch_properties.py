"""Whatever the tables are, the change feed between them leads from the first to the second."""

import csv
import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from datav.storage.scratch import Scratch
from datav.tables.compare import compare
from datav.tables.dialect import TextDialect
from datav.tables.feed import read_feed, write_feed
from datav.tables.options import DiffOptions
from datav.tables.patch import apply_feed
from datav.tables.text import TextVersion
from datav.tables.textstyle import record_splitter, split_record
from tests.unit.tables.conftest import MemorySource

EXECUTOR = ThreadPoolExecutor(2)

# Few different cells, so that rows and keys repeat.
CELLS = st.text(st.sampled_from('ab",\n\ré'), max_size=4)
ROWS = st.lists(st.tuples(st.sampled_from("123456"), CELLS, CELLS), max_size=8)
STYLES = st.tuples(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]), st.sampled_from(["\n", "\r\n"]))


def encode(rows, style) -> bytes:
    quoting, line_end = style
    if any("\r" in cell for row in rows for cell in row):
        # The csv module leaves it without quotes if its own line end is another, and then reads two rows.
        quoting = csv.QUOTE_ALL
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=line_end)
    writer.writerow(["id", "x", "y"])
    writer.writerows(rows)
    return text.getvalue().encode()


def decode(data: bytes):
    header, *rows = filter(None, csv.reader(io.StringIO(data.decode(), newline="")))
    return header, Counter(map(tuple, rows))


KEYS = st.sampled_from([(), ("id",), ("id", "x")])


@given(ROWS, ROWS, STYLES, STYLES, KEYS, st.sampled_from(["csv", "parquet"]))
def test_a_patched_table_has_the_rows_of_the_other(before, after, style, other_style, key, form):
    old, new = encode(before, style), encode(after, other_style)
    with Scratch() as scratch:
        dialect = TextDialect("csv", ",", "utf-8", True, ("id", "x", "y"))
        first, second = (TextVersion(MemorySource(data), dialect) for data in (old, new))
        diff = compare(first, second, DiffOptions(key=key), scratch=scratch, executor=EXECUTOR)
        assert diff.rows is not None
        feed, target = io.BytesIO(), io.BytesIO()
        write_feed(diff.rows, feed, form)
        read = read_feed(MemorySource(feed.getvalue()))
        done = apply_feed("t.csv", MemorySource(old), read, target, scratch=scratch, executor=EXECUTOR)

    assert decode(target.getvalue()) == decode(new)
    assert (done.rows_before, done.rows_after) == (len(before), len(after))
    assert before != after or target.getvalue() == old


@given(st.binary(max_size=30).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"")))
def test_a_record_is_cut_where_the_csv_module_cuts_it(line):
    text = line.decode("latin-1").replace("\0", "")
    splitter = record_splitter(TextDialect("csv", ",", "latin-1", True, ()))
    (cells,) = csv.reader(io.StringIO(text, newline="")) if text else ([""],)

    record = split_record(text.encode("latin-1") + b"\r\n\r\n", splitter)

    if text.count('"') % 2 == 0:
        assert len(record.cells) == len(cells)
        assert b",".join(record.cells) == text.encode("latin-1")
        assert record.tail == b"\r\n\r\n"
