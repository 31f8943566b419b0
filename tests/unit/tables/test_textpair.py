"""datav.tables.textpair: what lies between shared bytes, widened to where records begin in both versions."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from random import Random

import pytest

from datav.errors import TableError
from datav.tables import recordmap, text, textpair
from datav.tables.options import DiffOptions
from datav.tables.recordmap import scan_facts
from datav.tables.shared import Gap, Shared
from datav.tables.text import Span
from datav.tables.textpair import TextPair, pair_text
from datav.tables.version import View
from tests.support.comparing import BytesSource
from tests.support.smallness import pair_small_files
from tests.support.texts import (
    comma_dialect,
    compare_all,
    csv_records,
    edit_bytes,
    exact_gap,
    text_version,
)

HEADER = b"id,x\n"
DIALECT = comma_dialect(["id", "x"])
UNQUOTED = comma_dialect(["id", "x"], quoting=False)


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture(params=[(1, 1, 1), (8, 40, 3), (64, 10**6, 64)], ids=str)
def sizes(request, monkeypatch):
    stride, block, at_once = request.param
    monkeypatch.setattr(recordmap, "STRIDE", stride)
    monkeypatch.setattr(text, "BLOCK", block)
    monkeypatch.setattr(textpair, "_GAPS_AT_ONCE", at_once)


@pytest.fixture(autouse=True)
def small_files_are_paired(monkeypatch):
    pair_small_files(monkeypatch)


def pair(before: bytes, after: bytes, gaps, executor, dialect=DIALECT) -> TextPair:
    versions = [text_version(side, dialect) for side in (before, after)]
    known, _ = scan_facts(versions[0], View((), (), ()), 1, executor)
    return pair_text(*versions, gaps, known, executor)


def check_pair(before: bytes, after: bytes, gaps, executor, dialect=DIALECT) -> None:
    """Hold the spans of two texts against their records, if the first has the record map of a table."""
    with suppress(TableError):
        check(before, after, pair(before, after, gaps, executor, dialect), dialect)


def records_in(content: bytes, spans, dialect=DIALECT) -> list[list[list[bytes]]]:
    return [csv_records(content[span.start : span.end], dialect) for span in spans]


def check(before: bytes, after: bytes, found: TextPair, dialect=DIALECT) -> None:
    """Hold spans against the records of both texts."""
    bodies = [text_version(side, dialect).body for side in (before, after)]
    between = []
    for content, spans, body in zip((before, after), (found.before, found.after), bodies, strict=True):
        bounds = [body, *(place for span in spans for place in span), len(content)]
        assert bounds == sorted(bounds)
        parts = [content[start:end] for start, end in pairwise(bounds)]
        # Cut at the spans, the records are those of the whole.
        cut = [record for part in parts for record in csv_records(part, dialect)]
        assert cut == csv_records(content, dialect)[1:]
        between.append(parts[::2])
    # Whatever is not in a span is the same in both.
    assert between[0] == between[1]


def table(*rows: bytes, end: bytes = b"\n") -> bytes:
    return HEADER + b"".join(row + end for row in rows)


ROWS = [b"%d,v%d" % (number, number) for number in range(60)]


@pytest.mark.usefixtures("sizes")
def test_a_gap_without_quotes_becomes_the_lines_that_differ(executor):
    before = table(*ROWS)
    after = table(*ROWS[:30], b"30,other", *ROWS[31:])
    (exact,) = exact_gap(before, after)
    wide = Gap(exact[0] - 20, exact[1] + 30, exact[2] - 20, exact[3] + 30)

    found = pair(before, after, [wide], executor)

    assert records_in(before, found.before) == [[[b"30", b"v30"]]]
    assert records_in(after, found.after) == [[[b"30", b"other"]]]


def test_spans_of_narrowed_gaps_are_at_hand(executor):
    before, after = table(*ROWS), table(*ROWS[:30], b"30,other", *ROWS[31:])
    (exact,) = exact_gap(before, after)
    found = pair(before, after, [Gap(exact[0] - 20, exact[1] + 30, exact[2] - 20, exact[3] + 30)], executor)
    (span,) = found.after

    assert found.after_source.size == len(after)
    for start, size in (
        (span.start, span.end - span.start),
        (span.start + 2, 3),
        (span.start - 3, 9),
        (0, 4),
    ):
        assert found.after_source.read_at(start, size) == after[start : start + size]


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        # At the very beginning, in the header, at the very end.
        (table(*ROWS), table(b"new,row", *ROWS)),
        (table(*ROWS), table(*ROWS[1:])),
        (table(*ROWS), b"id,y\n" + table(*ROWS)[5:]),
        (table(*ROWS), b"id,longer\n" + table(*ROWS)[5:]),
        (table(*ROWS), b"\xef\xbb\xbf" + table(*ROWS)),
        (table(*ROWS), b'"id",x\n' + table(*ROWS)[5:]),
        (table(*ROWS), b"id,x\r\n\r\n" + table(*ROWS)[5:]),
        (table(*ROWS), table(*ROWS, b"last,row")),
        (table(*ROWS), table(*ROWS)[:-1]),
        (table(*ROWS)[:-1], table(*ROWS)[:-1] + b"more"),
        (table(*ROWS)[:-1], table(*ROWS, b"last,row")[:-1]),
        (table(*ROWS), table(*ROWS[:-1])),
        (table(), table(*ROWS)),
        (table(*ROWS), table()),
        (table(*ROWS), HEADER[:-1]),
        # A quote that opens swallows the records behind it; one that closes gives them back.
        (table(*ROWS), table(*ROWS[:20], b'20,"v20', *ROWS[21:30], b'30,v30"', *ROWS[31:])),
        (table(*ROWS[:20], b'20,"v20', *ROWS[21:30], b'30,v30"', *ROWS[31:]), table(*ROWS)),
        (table(*ROWS), table(*ROWS[:20], b'20,"v20', *ROWS[21:])),
        (table(*ROWS[:20], b'20,"v20', *ROWS[21:]), table(*ROWS)),
        (
            table(*ROWS[:20], b'20,"a\nb"', *ROWS[21:40], b'40,"a\nb"', *ROWS[41:]),
            table(*ROWS[:20], b'20,"a\nb', *ROWS[21:40], b'40,""a\nb"', *ROWS[41:]),
        ),
        # Only inside of quotes.
        (table(b'1,"a\nb\nc"', *ROWS), table(b'1,"a\nB\nc"', *ROWS)),
        (table(b'1,"a\nb\nc"', *ROWS), table(b'1,"a\nb"\n2,"c"', *ROWS)),
        # Line ends.
        (table(*ROWS), table(*ROWS[:20], end=b"\n") + table(*ROWS[20:], end=b"\r\n")[5:]),
        (table(*ROWS, end=b"\r"), table(*ROWS[:20], b"20,w", *ROWS[21:], end=b"\r")),
        (table(*ROWS, end=b"\r\n"), table(*ROWS[:20], b"20,w", *ROWS[21:], end=b"\r\n")),
        (table(*ROWS), table(*ROWS[:20], b"", b"", *ROWS[20:])),
        (table(*ROWS[:20], b"", b"", *ROWS[20:]), table(*ROWS)),
    ],
)
def test_gaps_of_all_kinds(executor, before, after):
    gaps = exact_gap(before, after)

    for dialect in (DIALECT, UNQUOTED):
        check_pair(before, after, gaps, executor, dialect)
        swapped = [Gap(gap[2], gap[3], gap[0], gap[1]) for gap in gaps]
        check_pair(after, before, swapped, executor, dialect)


PIECES = [b"", b"7", b"\n", b"5,z\n", b'"', b'6,"l\nm"\n', b'",\n', b"\r", b",", b'""', b"\r\n\r\n"]


def random_text(rng: Random, rows: int) -> bytes:
    cells = [b"a", b"bb", b'"q"', b'"l\nm"', b'"x""y"', b'in"side', b""]
    ends = rng.choice([(b"\n",), (b"\r\n",), (b"\r",), (b"\n", b"\r\n", b"\n\n")])
    quoted = rng.random() < 0.6
    lines = [
        b"%d,%s%s" % (number, rng.choice(cells) if quoted else b"v%d" % number, rng.choice(ends))
        for number in range(rows)
    ]
    content = b"id,x" + ends[0] + b"".join(lines)
    return content if rng.random() < 0.7 else content.rstrip(b"\r\n")


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("seed", range(30))
def test_spans_hold_what_differs_and_whole_records(executor, seed):
    rng = Random(seed)
    for _ in range(10):
        before = random_text(rng, rng.choice((0, 3, 40)))
        after, gaps = edit_bytes(rng, before, PIECES, rng.choice((1, 2, 6)), rng.choice((0, 5, 5)))
        if not after.startswith(b"id,x"):
            continue
        dialect = rng.choice((DIALECT, DIALECT, UNQUOTED))

        check_pair(before, after, gaps, executor, dialect)


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("key", [(), ("id",)])
def test_what_the_gaps_say_is_what_the_whole_files_say(seed, key):
    rng = Random(seed)
    for _ in range(4):
        before = random_text(rng, rng.choice((3, 40)))
        after, gaps = edit_bytes(rng, before, PIECES, rng.choice((1, 2, 6)), 5)
        dialect = rng.choice((DIALECT, DIALECT, UNQUOTED))
        answers = []
        for shared in (None, Shared(gaps)):
            versions = [text_version(side, dialect) for side in (before, after)]
            found, changes = compare_all(*versions, DiffOptions(key=key), shared)
            answers.append((summary(found.rows), counted(changes)))

        assert answers[0] == answers[1], (before, after, gaps)


def summary(rows):
    refused = rows.refused if rows.refused is None or rows.duplicates is None else "not unique"
    duplicates = rows.duplicates and (rows.duplicates.before, rows.duplicates.after)
    numbers = rows.from_rows, rows.to_rows, rows.added, rows.removed, rows.changed, rows.unchanged
    return refused, duplicates, numbers, rows.changed_cells


def counted(changes) -> Counter:
    found = Counter()
    for change in changes:
        cells = (tuple(sorted(side.items())) for side in (change.key, change.before, change.after))
        found[change.op, *cells] += change.count
    return found


class CountingSource(BytesSource):
    """Counts the bytes that are read of it."""

    count = 0

    def read_at(self, offset: int, size: int) -> bytes:
        data = super().read_at(offset, size)
        self.count += len(data)
        return data


def test_nothing_is_read_but_the_gaps_where_no_quotes_are(executor):
    before = table(*[b"%d,value" % number for number in range(5000)])
    after = before.replace(b"\n2500,value\n", b"\n2500,other\n")
    (exact,) = exact_gap(before, after)
    gap = Gap(exact[0] - 50, exact[1] + 50, exact[2] - 50, exact[3] + 50)
    versions = [text_version(side) for side in (before, after)]
    known, _ = scan_facts(versions[0], View((), (), ()), 1, executor)
    for version in versions:
        version.source = CountingSource(version.source.data)

    pair_text(*versions, [gap], known, executor)

    assert [version.source.count for version in versions] == [gap[1] - gap[0], gap[3] - gap[2]]


def test_a_quote_that_stays_open_is_looked_for_in_one_pass_or_two(executor, monkeypatch):
    monkeypatch.setattr(recordmap, "STRIDE", 64)
    before = table(*[b"%d,value" % number for number in range(5000)])
    after = before.replace(b"\n50,value\n", b'\n50,"value\n')
    gaps = exact_gap(before, after)
    versions = [text_version(side) for side in (before, after)]
    known, _ = scan_facts(versions[0], View((), (), ()), 1, executor)
    versions[1].source = CountingSource(after)

    found = pair_text(*versions, gaps, known, executor)

    assert found.after[-1].end == len(after)
    assert versions[1].source.count < 3 * len(after)


def test_spans_do_not_touch_what_is_the_same_on_both_sides_of_a_quoted_gap(executor, monkeypatch):
    monkeypatch.setattr(recordmap, "STRIDE", 1)
    before = table(*ROWS[:30], b'30,"v\nw"', *ROWS[31:])
    after = table(*ROWS[:30], b'30,"v\nx"', *ROWS[31:])

    found = pair(before, after, exact_gap(before, after), executor)

    start = before.index(b"30,")
    assert found.before == found.after == (Span(start, start + len(b'30,"v\nw"\n')),)
