"""Random tables, random edits of them, and random ways of writing them, all from one `random.Random`.

Cells come out of small pools, so that rows and keys meet by chance, and the pools hold what trips readers.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import accumulate, chain, count, pairwise
from random import Random
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from pyarrow import ipc

from datav.tables.dialect import HEAD_SIZE, TextDialect, text_dialect
from datav.tables.shared import Gap
from tests.support.rowtwin import PlainTable

Cell = Any
Rows = list[list[Cell]]

_NASTY = (
    *("", " ", "a", "b", "ab", "A", "0", "00", "1", "1.0", "-0", "1e3", "NaN", "null", "NULL", "NA", "true"),
    *('"', '""', 'q"q', '"q"', "it's", "a,b", "a;b", "a\tb", "a|b", "x\ny", "x\r\ny", "x\ry", "\n", '"\n"'),
    *("ä", "e\u0301", "\u00e9", "日本", "😀", "\u202eabc", "\x1b[31m", "\x0b\x0c\x1c\x85\u2028", "\ufeffx"),
    *("=1+1", "x" * 70, "\\", "\\n", "#", "--", "2024-01-02", " lead", "trail "),
)
_PLAIN = ("", "a", "b", "c", "1", "2", "10", "x y", "ä", "0.5")
_NAMES = ("id", "name", "value", "x", "Größe", "a b", "UPPER", "with,comma", 'q"', "2", "日", "note", "v.2")


class RandomTable(NamedTuple):
    """Columns and rows; `new_cell` of a column gives a cell that may stand there."""

    names: list[str]
    new_cells: list[Callable[[Random], Cell]]
    rows: Rows

    def new_row(self, rng: Random) -> list[Cell]:
        return [new_cell(rng) for new_cell in self.new_cells]


class Written(NamedTuple):
    """A table in a file."""

    name: str
    data: bytes


# --- tables


def random_text_table(rng: Random, max_rows: int) -> RandomTable:
    """Cells are str; the first column is mostly unique."""
    width = rng.choice((1, 2, 2, 3, 4, 7))
    pools = [rng.choice((_NASTY, _PLAIN)) for _ in range(width)]
    makers = [_from_pool(pool) for pool in pools]
    if rng.random() < 0.3:
        makers[-1] = paragraph
    if rng.random() < 0.8:
        makers[0] = _numbers(rng.choice((max_rows, max_rows * 50)), rng.choice(("", "k", "ä,")))
    table = RandomTable(rng.sample(_NAMES, width), makers, [])
    table.rows.extend(table.new_row(rng) for _ in range(rng.randint(0, max_rows)))
    return table


def random_typed_table(rng: Random, max_rows: int) -> tuple[RandomTable, list[pa.DataType]]:
    """Cells are what `pyarrow.array` takes for the types that come with it; any of them may be null."""
    width = rng.choice((1, 2, 3, 5))
    kinds = [rng.choice(_TYPES) for _ in range(width)]
    makers = [_nullable(_from_pool(pool)) for _, pool in kinds]
    types = [kind for kind, _ in kinds]
    if rng.random() < 0.8:
        types[0] = rng.choice((pa.int64(), pa.int32(), pa.string(), pa.large_string()))
        makers[0] = _whole_numbers(max_rows * 50, as_text=pa.types.is_integer(types[0]) is False)
    table = RandomTable(rng.sample(_NAMES, width), makers, [])
    table.rows.extend(table.new_row(rng) for _ in range(rng.randint(0, max_rows)))
    return table, types


def edit(rng: Random, table: RandomTable, edits: int) -> RandomTable:
    """Return the table with so many rows inserted, removed, changed, moved or doubled."""
    rows = [list(row) for row in table.rows]
    for _ in range(edits):
        at = rng.randrange(len(rows) + 1)
        action = rng.choice(("insert", "update", "update", "update", "remove", "double", "move", "copy-key"))
        if action == "insert" or not rows:
            rows.insert(at, table.new_row(rng))
            continue
        at = min(at, len(rows) - 1)
        column = rng.randrange(len(table.names))
        match action:
            case "update":
                rows[at][column] = table.new_cells[column](rng)
            case "remove":
                del rows[at]
            case "double":
                rows.insert(rng.randrange(len(rows) + 1), list(rows[at]))
            case "move":
                rows.insert(rng.randrange(len(rows)), rows.pop(at))
            case "copy-key":
                rows[at][0] = rng.choice(rows)[0]
    if rng.random() < 0.05:
        rng.shuffle(rows)
    return RandomTable(list(table.names), list(table.new_cells), rows)


def edit_columns(rng: Random, table: RandomTable, kept: Sequence[str]) -> list[int]:
    """Return which columns an edited table has, in which order; those of `kept` are among them."""
    order = list(range(len(table.names)))
    if rng.random() < 0.4:
        rng.shuffle(order)
    dropped = [at for at in order if table.names[at] not in kept]
    if dropped and len(order) > 1 and rng.random() < 0.4:
        order.remove(rng.choice(dropped))
    return order


def with_columns(table: RandomTable, order: Sequence[int]) -> RandomTable:
    """Return the table with only these columns, in this order."""
    return RandomTable(
        [table.names[at] for at in order],
        [table.new_cells[at] for at in order],
        [[row[at] for at in order] for row in table.rows],
    )


def with_new_column(rng: Random, table: RandomTable, name: str) -> RandomTable:
    new_cell = _from_pool(_PLAIN)
    at = rng.randrange(len(table.names) + 1)
    names, makers = list(table.names), list(table.new_cells)
    names.insert(at, name)
    makers.insert(at, new_cell)
    return RandomTable(names, makers, [[*row[:at], new_cell(rng), *row[at:]] for row in table.rows])


def paragraph(rng: Random) -> str:
    """Some lines, most of them those of any other paragraph: what differs of two is often in the middle."""
    lines = [f"{number},line {number}" for number in range(rng.choice((1, 6, 6, 6)))]
    lines[rng.randrange(len(lines))] = rng.choice(("some,words", "0,line 0", "a\nb", 'q"q', ""))
    return rng.choice(("\n", "\n", "\r\n")).join(lines)


def _from_pool(pool: Sequence[Cell]) -> Callable[[Random], Cell]:
    return lambda rng: rng.choice(pool)


def _numbers(most: int, prefix: str) -> Callable[[Random], str]:
    return lambda rng: f"{prefix}{rng.randrange(1, most + 2)}"


def _whole_numbers(most: int, *, as_text: bool) -> Callable[[Random], Cell]:
    return lambda rng: str(rng.randrange(most + 1)) if as_text else rng.randrange(most + 1)


def _nullable(new_cell: Callable[[Random], Cell]) -> Callable[[Random], Cell]:
    return lambda rng: None if rng.random() < 0.15 else new_cell(rng)


_NOW = datetime(2024, 1, 2, 3, 4, 5, 678901)
_TYPES: tuple[tuple[pa.DataType, Sequence[Cell]], ...] = (
    (pa.int8(), (-128, -1, 0, 1, 127)),
    (pa.int16(), (0, 1, 300)),
    (pa.int32(), (0, 1, 2, -(2**31))),
    (pa.int64(), (0, 1, 2, 2**53, 2**53 + 1, -(2**63))),
    (pa.uint64(), (0, 1, 2**64 - 1)),
    (pa.float32(), (0.0, 1.5, float("nan"), float("inf"))),
    (pa.float64(), (0.0, 0.1, 0.30000000000000004, 1e300, float("nan"), float("-inf"))),
    (pa.bool_(), (True, False)),
    (pa.string(), _NASTY),
    (pa.large_string(), _NASTY),
    (pa.binary(), (b"", b"\0", b"\xff\xfe", b"abc")),
    (pa.binary(3), (b"abc", b"\0\0\0")),
    (pa.timestamp("s"), (_NOW.replace(microsecond=0), datetime(1969, 12, 31))),
    (pa.timestamp("ms"), (_NOW.replace(microsecond=678000), datetime(1, 1, 1))),
    (pa.timestamp("us"), (_NOW, datetime(1900, 1, 1))),
    (pa.timestamp("us", "UTC"), (_NOW.replace(tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC))),
    (pa.date32(), (date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31))),
    (pa.time64("us"), (time(0), time(23, 59, 59, 999999))),
    (pa.duration("ms"), (timedelta(0), timedelta(days=-1), timedelta(milliseconds=5))),
    (pa.decimal128(10, 2), (Decimal("0.00"), Decimal("1.10"), Decimal("-99999999.99"))),
    (pa.decimal128(38, 10), (Decimal("1"), Decimal("1.0000000001"))),
    (pa.list_(pa.int32()), ([], [1], [1, None], [1, 2, 3])),
    (pa.list_(pa.string()), ([], [""], [None], ["a", "b"], ["ab"])),
    (pa.struct([("a", pa.int32()), ("b", pa.string())]), ({"a": 1, "b": "x"}, {"a": None, "b": ""})),
    (pa.list_(pa.struct([("a", pa.list_(pa.float64()))])), ([], [{"a": [1.0]}], [{"a": None}, {"a": []}])),
    (pa.dictionary(pa.int32(), pa.string()), ("", "red", "green")),
    (pa.null(), (None,)),
)


# --- files


def write_text(rng: Random, names: Sequence[str], rows: Rows, *, compressed: bool = True) -> Written:
    """Write a table of text in a random dialect."""
    delimiter = rng.choice(",,,;\t|")
    end = rng.choice(("\n", "\n", "\r\n", "\r"))
    quotes_more = rng.choice((0.0, 0.1, 1.0))
    records = [
        delimiter.join(_written(rng, cell, delimiter, quotes_more) for cell in record)
        for record in (list(names), *rows)
    ]
    # A record of one empty cell is not a blank line.
    records = [record or '""' for record in records]
    if rng.random() < 0.1:
        records.insert(rng.randrange(1, len(records) + 1), "")
    text = end.join(records) + (end if rng.random() < 0.8 else "")
    extension = "tsv" if delimiter == "\t" and rng.random() < 0.5 else "csv"
    data = text.encode(rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig")))
    return (
        compress(rng, Written(f"table.{extension}", data))
        if compressed
        else Written(f"table.{extension}", data)
    )


def compress(rng: Random, file: Written) -> Written:
    match rng.randrange(10):
        case 0:
            return Written(f"{file.name}.gz", gzip.compress(file.data, 1))
        case 1:
            return Written(f"{file.name}.zst", zstandard.compress(file.data, 1))
    return file


def _written(rng: Random, cell: str, delimiter: str, quotes_more: float) -> str:
    must = any(mark in cell for mark in (delimiter, "\r", "\n")) or cell.startswith('"')
    if must or rng.random() < quotes_more:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def arrow_table(names: Sequence[str], types: Sequence[pa.DataType], rows: Rows) -> pa.Table:
    columns = [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(types)]
    return pa.Table.from_arrays(columns, names=list(names))


def write_parquet(rng: Random, table: pa.Table) -> Written:
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        row_group_size=rng.choice((1, 3, 10, 1000)),
        compression=rng.choice(("none", "snappy", "zstd")),
        use_dictionary=rng.random() < 0.5,
        data_page_version=rng.choice(("1.0", "2.0")),
        write_statistics=rng.random() < 0.5,
    )
    return Written("table.parquet", sink.getvalue())


def write_arrow(rng: Random, table: pa.Table) -> Written:
    sink = io.BytesIO()
    is_stream = rng.random() < 0.5
    codec = rng.choice((None, "zstd", "lz4"))
    options = ipc.IpcWriteOptions(compression=codec)
    new = ipc.new_stream if is_stream else ipc.new_file
    # The batches of a file share their dictionaries; this makes one of all chunks.
    table = table.unify_dictionaries()
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rng.choice((1, 7, 1000)))
    return Written("table.arrows" if is_stream else "table.arrow", sink.getvalue())


_JSON = (
    *(
        '""',
        '"a"',
        '"1"',
        '"true"',
        '"null"',
        '"[1]"',
        '"{"',
        '"\\"q\\""',
        '"x\\ny"',
        '"\\u00e9"',
        '"é"',
        '"日本"',
    ),
    *("0", "-0", "1", "1.0", "1e3", "1E3", "123456789012345678901234567890", "0.1", "true", "false", "null"),
    *("[]", "[1, 2]", "[1,2]", '["a", null]', '[{"b": 1, "a": "é"}]', "{}", '[[], {"x": {}}]', '"😀"', '" "'),
)


def random_json_table(rng: Random, max_rows: int) -> RandomTable:
    """Cells are JSON as it is written; None: the member is left out."""
    width = rng.choice((1, 2, 3, 5))
    makers = [_nullable(_from_pool(_JSON)) for _ in range(width)]
    if rng.random() < 0.8:
        makers[0] = _numbers(max_rows * 50, "")
    names = rng.sample(("id", "name", "o.in", "o.on", "o.p.q", "Größe", "a b", "x"), width)
    table = RandomTable(names, makers, [])
    table.rows.extend(table.new_row(rng) for _ in range(rng.randint(0, max_rows)))
    return table


def write_json_lines(rng: Random, names: Sequence[str], rows: Rows, *, compressed: bool = True) -> Written:
    """Write rows as objects, their members in any order; `a.b` is the member `b` of the object `a`."""
    end = rng.choice(("\n", "\n", "\r\n"))
    comma, colon = rng.choice(((",", ":"), (", ", ": "), (" ,\t", " : ")))
    lines = []
    for row in rows:
        record: dict[str, Any] = {}
        members = [(name, cell) for name, cell in zip(names, row, strict=True) if cell is not None]
        if rng.random() < 0.3:
            rng.shuffle(members)
        for name, cell in members:
            *outer, last = name.split(".")
            inside = record
            for step in outer:
                inside = inside.setdefault(step, {})
            inside[last] = cell
        lines.append(_json_object(record, comma, colon))
        if rng.random() < 0.02:
            lines.append(rng.choice(("", "  ")))
    text = end.join(lines) + (end if rng.random() < 0.8 else "")
    written = Written("table.jsonl", text.encode())
    return compress(rng, written) if compressed else written


def _json_object(record: dict[str, Any], comma: str, colon: str) -> str:
    members = (
        json.dumps(name) + colon + (_json_object(cell, comma, colon) if isinstance(cell, dict) else cell)
        for name, cell in record.items()
    )
    return "{" + comma.join(members) + "}"


# --- what these files hold, read the plain way


def decompress(file: Written) -> Written:
    stem, _, extension = file.name.rpartition(".")
    match extension:
        case "gz":
            return Written(stem, gzip.decompress(file.data))
        case "zst":
            return Written(stem, zstandard.decompress(file.data))
    return file


def dialect_of(file: Written) -> TextDialect:
    """Return how a table of text is written, by what its head shows."""
    file = decompress(file)
    dialect = text_dialect(file.name, file.data[:HEAD_SIZE])
    assert dialect is not None, file
    return dialect


def read_text(file: Written, dialect: TextDialect | None = None) -> PlainTable | None:
    """Read a table of text with the csv module, by default in the dialect that its head shows.

    Returns:
        None if a record is not as wide as the header.
    """
    dialect = dialect or dialect_of(file)
    text = decompress(file).data[dialect.bom_size :].decode(dialect.encoding.replace("-sig", ""))
    rules: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, quoting=rules)
    header, *records = filter(None, reader)
    names = told_apart(header)
    if any(len(record) != len(names) for record in records):
        return None
    return PlainTable(tuple(names), [dict(zip(names, record, strict=True)) for record in records])


def told_apart(names: Iterable[str]) -> list[str]:
    """Return names of which no two are the same: of a name that occurs twice the second is `NAME.2`."""
    found: dict[str, None] = {}
    for name in names:
        candidates = chain([name], (f"{name}.{number}" for number in count(2)))
        found[next(candidate for candidate in candidates if candidate not in found)] = None
    return list(found)


def read_arrow(table: pa.Table) -> PlainTable:
    return PlainTable(tuple(table.column_names), table.to_pylist())


def read_binary(file: Written) -> pa.Table:
    """Read Parquet or Arrow, by the name of the file."""
    if file.name.endswith(".parquet"):
        return pq.read_table(io.BytesIO(file.data))
    opened = ipc.open_stream if file.name.endswith(".arrows") else ipc.open_file
    return opened(file.data).read_all()


class _Number(str):
    """A number in JSON, as it is written."""


def read_json_lines(file: Written) -> PlainTable:
    """Read JSON Lines with the json module; what is in an object is a column of its own.

    Cells are text, None where there is nothing: a number as it is written, a list as JSON without white
    space, a string as itself, or as JSON where it would be JSON otherwise.
    """
    text = decompress(file).data.decode("utf-8-sig").replace("\r", "\n")
    lines = filter(str.strip, text.split("\n"))
    records = [_flat(json.loads(line, parse_int=_Number, parse_float=_Number)) for line in lines]
    names = dict.fromkeys(name for record in records for name in record)
    return PlainTable(tuple(names), [{name: record.get(name) for name in names} for record in records])


def _flat(record: dict[str, Any]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value:
            found |= {f"{name}.{inner}": cell for inner, cell in _flat(value).items()}
        else:
            found[name] = None if value is None else _json_cell(value)
    return found


def _json_cell(value: Any) -> str:
    if isinstance(value, str) and not isinstance(value, _Number) and not _looks_like_json(value):
        return value
    return _plain_json(value)


def _looks_like_json(text: str) -> bool:
    if text.startswith(('"', "[", "{")):
        return True
    try:
        json.loads(text)
    except ValueError:
        return False
    return text == text.strip()


def _plain_json(value: Any) -> str:
    match value:
        case _Number():
            return str(value)
        case list():
            return "[" + ",".join(map(_plain_json, value)) + "]"
        case dict():
            return (
                "{"
                + ",".join(f"{_plain_json(name)}:{_plain_json(value[name])}" for name in sorted(value))
                + "}"
            )
    return json.dumps(value, ensure_ascii=False)


# --- what two files share


def toy_chunks(rng: Random, data: bytes, most: int) -> list[bytes]:
    """Cut bytes where their content says so, as a store does, into pieces of some bytes."""
    salt, size = rng.randrange(256), rng.randrange(4, most)
    cuts = [
        at for at in range(4, len(data)) if (sum(data[at - 4 : at]) * 31 + data[at - 1] + salt) % size == 0
    ]
    return [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]


def random_gaps(rng: Random, before: bytes, after: bytes) -> list[Gap]:
    """Return what the chunks of two files do not share, chunks of a random size; or any larger gaps."""
    # Not so many chunks that comparing them takes longer than what is tested.
    most = max(rng.choice((8, 40, 400, 4000)), len(before) // 50)
    seed = rng.random()
    sides = [toy_chunks(Random(seed), data, most) for data in (before, after)]
    offsets = [[0, *accumulate(map(len, side))] for side in sides]
    runs = SequenceMatcher[bytes](None, sides[0], sides[1], autojunk=False).get_opcodes()
    gaps = [
        Gap(offsets[0][a], offsets[0][b], offsets[1][c], offsets[1][d])
        for kind, a, b, c, d in runs
        if kind != "equal"
    ]
    while len(gaps) > 1 and rng.random() < 0.2:
        at = rng.randrange(len(gaps) - 1)
        first, second = gaps[at : at + 2]
        gaps[at : at + 2] = [Gap(first[0], second[1], first[2], second[3])]
    return gaps
