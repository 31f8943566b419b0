"""Any file as a version of a table, or why it is none."""

import codecs
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from datav.errors import TableError
from datav.storage.scratch import Scratch
from datav.tables import arrow_ipc
from datav.tables.describe import BINARY_NAMES, describe
from datav.tables.dialect import (
    HEAD_SIZE,
    TextDialect,
    extension_of,
    find_dialect,
    is_named_like_text,
    read_records,
)
from datav.tables.encodings import decode_head
from datav.tables.rules import TableRules
from datav.tables.sniff import TableFormat, sniff_source
from datav.tables.source import NotATable, RandomAccess
from datav.tables.text import TextVersion
from datav.tables.unpacking import GZIP_MAGIC, ZSTD_MAGIC, recoded, to_scratch, unpacked
from datav.tables.version import TableVersion

# What a file of each format is called, to whom names tell formats.
_NAMES = {"csv": ".csv", "tsv": ".tsv", "jsonl": ".jsonl"}
_PACKED = {".gz": ("gzip", GZIP_MAGIC), ".zst": ("zstd", ZSTD_MAGIC)}

# Files of these names hold many things, JSON Lines among them.
_MAYBE_JSON_LINES = ("", ".json", ".log", ".txt")

_UTF8 = ("utf-8", "utf-8-sig")


def open_table(
    name: str, source: RandomAccess, scratch: Scratch, rules: TableRules | None = None
) -> TableVersion | NotATable:
    """Return a file as a version of a table.

    What a file is shows in its content first, then in its name.  A file whose name has no extension is taken
    for a table if its head leaves no doubt.  Text that is compressed (`.gz`, `.zst`), or in another encoding
    than UTF-8, is converted to a scratch file first.

    Args:
        name: of the file; only its extension counts.
        source: read from several threads at the same time.
        scratch: must stay open as long as what is returned is used.
        rules: what is known of it, and need not be found out.

    Raises:
        What reading the source raises, and StorageError; nothing else, whatever the file holds.

    Cost: at most a MiB of a text table, the footer of another; all of it where it is converted.
    """
    rules = rules or TableRules()
    try:
        packed = _PACKED.get(extension_of(name))
        if packed is None:
            return _open(name, source, scratch, rules)
        kind, magic = packed
        if source.read_at(0, len(magic)) != magic:
            return NotATable(f"is named like {kind} but is not")
        return _open_packed(name.rpartition(".")[0], unpacked(source, kind), scratch, rules)
    except TableError as exc:
        return NotATable(str(exc))


def _open_packed(
    name: str, pieces: Iterator[bytes], scratch: Scratch, rules: TableRules
) -> TableVersion | NotATable:
    """Open what comes out of a compressed file, whose name would be `name`."""
    head = b""
    if rules.format is None and not is_named_like_text(name) and extension_of(name) not in BINARY_NAMES:
        # A large archive is not unpacked just to find that it is no table.
        while len(head) < HEAD_SIZE and (piece := next(pieces, b"")):
            head += piece
        found = _find_dialect(name, head[:HEAD_SIZE], rules)
        if isinstance(found, NotATable):
            return found
    return _open(name, to_scratch(chain((head,), pieces), scratch), scratch, rules)


def _open(name: str, source: RandomAccess, scratch: Scratch, rules: TableRules) -> TableVersion | NotATable:
    if rules.format in _NAMES:
        return _open_text(name, source, scratch, rules)
    if rules.format == "parquet":
        return _parquet(source)
    if rules.format == "arrow":
        magic = arrow_ipc.FILE_MAGIC
        return _arrow(source, stream=source.read_at(0, len(magic)) != magic)
    match sniff_source(name, source):
        case TableFormat.PARQUET:
            return _parquet(source)
        case TableFormat.ARROW_FILE:
            return _arrow(source, stream=False)
        case TableFormat.ARROW_STREAM:
            return _arrow(source, stream=True)
        case TableFormat.FEATHER_V1:
            return _describe_failure(name, source)
    if extension_of(name) in BINARY_NAMES:
        return _describe_failure(name, source)
    return _open_text(name, source, scratch, rules)


# What reads a format is imported where there is a file of it: that takes longer than most comparisons.


def _parquet(source: RandomAccess) -> TableVersion:
    from datav.tables.parquetversion import ParquetVersion

    return ParquetVersion(source)


def _arrow(source: RandomAccess, *, stream: bool) -> TableVersion:
    from datav.tables.arrowversion import ArrowVersion

    return ArrowVersion(source, stream=stream)


def _json_lines(source: RandomAccess, dialect: TextDialect, encoding: str | None) -> TableVersion:
    from datav.tables.jsonl import JsonLinesVersion

    return JsonLinesVersion(source, dialect, encoding=encoding)


def _are_json_lines(head: bytes) -> bool:
    from datav.tables.jsonl import is_json_lines

    return is_json_lines(head, len(head) < HEAD_SIZE)


def _describe_failure(name: str, source: RandomAccess) -> NotATable:
    found = describe(name, source, None)
    return found if isinstance(found, NotATable) else NotATable("is no table")


def _open_text(
    name: str, source: RandomAccess, scratch: Scratch, rules: TableRules
) -> TableVersion | NotATable:
    encoding = None if rules.encoding is None else codecs.lookup(rules.encoding).name
    own = encoding
    if encoding is not None and encoding not in _UTF8:
        source = to_scratch(recoded(source, encoding), scratch)
    dialect = _find_dialect(name, source.read_at(0, HEAD_SIZE), rules)
    if isinstance(dialect, NotATable):
        return dialect
    if dialect.encoding not in _UTF8:
        if encoding is not None:
            return NotATable("is not UTF-8")
        own = dialect.encoding
        source = to_scratch(recoded(source, own), scratch)
        dialect = replace(dialect, encoding="utf-8", bytewise=True)
    if dialect.format == TableFormat.JSONL:
        return _json_lines(source, dialect, own)
    return TextVersion(source, dialect, has_header=rules.header is not False, encoding=own)


def _find_dialect(name: str, head: bytes, rules: TableRules) -> TextDialect | NotATable:
    """Return how a text is written, or why it is no table.

    Args:
        head: the first HEAD_SIZE bytes of it, or all of it if it is shorter.
    """
    extension = extension_of(name)
    if rules.format is not None:
        extension = _NAMES[rules.format]
    elif rules.delimiter is not None and not is_named_like_text(name):
        extension = ".csv"
    elif extension in _MAYBE_JSON_LINES and _are_json_lines(head):
        extension = ".jsonl"
    elif not extension:
        # A .txt claims nothing either, and is only taken for a table if it is very regular.
        extension = ".txt"
    found = find_dialect(f"name{extension}", head)
    if extension != ".jsonl" and (rules.delimiter is not None or rules.quoting is not None):
        found = _overrule(found, head, rules)
    if found is not None:
        return found
    shown = extension_of(name)
    return NotATable(f"is no table: its name ends in {_printable(shown)}" if shown else "is no table")


def _overrule(
    found: TextDialect | NotATable | None, head: bytes, rules: TableRules
) -> TextDialect | NotATable | None:
    """Return the dialect with what the rules say of it in place of what was found."""
    decoded = decode_head(head, len(head) < HEAD_SIZE)
    if decoded is None or not decoded[1].strip(" \t\r\n"):
        return found
    encoding, text = decoded
    guess = found if isinstance(found, TextDialect) else TextDialect("csv", ",", encoding, True, ())
    delimiter = guess.delimiter if rules.delimiter is None else rules.delimiter
    quoting = guess.quoting if rules.quoting is None else rules.quoting
    form = "tsv" if delimiter == "\t" else "csv"
    dialect = TextDialect(form, delimiter, encoding, quoting, (), guess.bytewise)
    header = next(read_records(text, dialect, len(head) < HEAD_SIZE), None)
    if header is None:
        return NotATable("has no end of its header in the first MiB")
    return replace(dialect, header=tuple(header))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:40])
