"""How a text table is written: its encoding, its delimiter, whether quotes mean anything, its header.

A text is a table only if its name says so; how it is written is then read off its head.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from datav.tables.encodings import BOMS, BYTEWISE, decode_head
from datav.tables.source import NotATable

HEAD_SIZE = 2**20
"""How much of the start of a file is looked at.  A shorter head is taken for the whole file."""

JSON_LINES = (".jsonl", ".ndjson")

# Delimiters in the order in which they are tried.  A .txt is only taken for a table if it is very regular.
_DELIMITERS = {
    ".csv": ",;\t|",
    ".tsv": "\t,;|",
    ".tab": "\t,;|",
    ".psv": "|,;\t",
    ".txt": "\t|;,",
}

# In JSON Lines a line of white space is as blank as an empty one; to whoever counts line ends it is a record.
_WHITE_LINE = re.compile(r"(?:\A|(?<=[\r\n]))[ \t]++(?:[\r\n]|\Z)")

# Enough to see which delimiter gives rows of one width.
_ROWS_TRIED = 100

# A few ragged rows, a total line, must not turn the choice.
_REGULAR = 0.9


@dataclass(frozen=True, slots=True)
class TextDialect:
    """How a text table is written."""

    format: str
    """`csv`, `tsv` (with tabs) or `jsonl`."""
    delimiter: str
    """One ASCII character; a comma without meaning in JSON Lines."""
    encoding: str
    """One of `utf-8`, `utf-8-sig`, `utf-16-le`, `utf-16-be`, `latin-1`; utf-16 starts with its mark."""
    quoting: bool
    """Whether a quote at the start of a cell lets it hold delimiters and line ends."""
    header: tuple[str, ...]
    """Names as they stand there: may be empty, may repeat.  Empty in JSON Lines."""
    bytewise: bool = True
    """Counting line ends outside quotes in the bytes as they are gives the number of records."""

    @property
    def bom_size(self) -> int:
        """Bytes to skip before the first record: a quote right behind the mark still opens a cell."""
        return len(BOMS.get(self.encoding, b""))


def needs_exact_count(dialect: TextDialect) -> bool:
    """True if rows cannot be counted in the bytes as they are, only by `count_records_slow`."""
    return not dialect.bytewise


def text_dialect(name: str, head: bytes) -> TextDialect | None:
    """Return how the text table `name` is written; None if it is none.

    Args:
        name: of the file; only its extension is looked at.
        head: the first HEAD_SIZE bytes of the file, or all of it if it is shorter.
    """
    found = find_dialect(name, head)
    return found if isinstance(found, TextDialect) else None


def find_dialect(name: str, head: bytes) -> TextDialect | NotATable | None:
    """Like text_dialect, but says why a file that is named like a table is none."""
    if not is_named_like_text(name):
        return None
    extension = extension_of(name)
    if not head:
        return _unless_txt(extension, "is empty")
    whole = len(head) < HEAD_SIZE
    decoded = decode_head(head, whole)
    if decoded is None:
        return _unless_txt(extension, "is not text: it holds NUL characters or a wrong byte order mark")
    encoding, text = decoded
    if not text.strip(" \t\r\n"):
        return _unless_txt(extension, "is blank")
    if extension in JSON_LINES:
        bytewise = encoding in BYTEWISE and not _WHITE_LINE.search(text)
        return TextDialect("jsonl", ",", encoding, False, (), bytewise)
    delimiter, quoting, records = _choose(text, whole, _DELIMITERS[extension])
    if not records:
        return _unless_txt(extension, "has no end of its header in the first MiB")
    if extension == ".txt" and not _is_very_regular(records):
        return None
    form = "tsv" if delimiter == "\t" else "csv"
    return TextDialect(form, delimiter, encoding, quoting, tuple(records[0]), encoding in BYTEWISE)


def is_named_like_text(name: str) -> bool:
    """True if the extension is one of a text table."""
    extension = extension_of(name)
    return extension in _DELIMITERS or extension in JSON_LINES


def extension_of(name: str) -> str:
    """`.csv` of `data/A.CSV`; empty without one."""
    stem, dot, extension = name.rpartition(".")
    return dot + extension.lower() if stem else ""


def read_records(text: str, dialect: TextDialect, whole: bool) -> Iterator[list[str]]:
    """Yield the records of the head of a table, the header first; blank lines and a cut record left out."""
    return _complete_records(text, dialect.delimiter, dialect.quoting, whole)


def _unless_txt(extension: str, reason: str) -> NotATable | None:
    # Nobody who names a file .txt has claimed that it is a table.
    return None if extension == ".txt" else NotATable(reason)


def _choose(text: str, whole: bool, delimiters: str) -> tuple[str, bool, list[list[str]]]:
    """Return the delimiter, whether quotes count, and the first records read so.

    The first delimiter that gives rows of one width wins, quotes honoured if that works; then the one that
    comes nearest.  A table of one column has none, and gets the first.
    """
    best = (0.0, delimiters[0], True, _first(text, delimiters[0], True, whole))
    for quoting in (True, False) if '"' in text else (True,):
        for delimiter in filter(text.__contains__, delimiters):
            records = _first(text, delimiter, quoting, whole)
            share = _regular_share(records)
            if share >= _REGULAR:
                return delimiter, quoting, records
            if quoting and share > best[0]:
                best = (share, delimiter, quoting, records)
    return best[1:]


def _first(text: str, delimiter: str, quoting: bool, whole: bool) -> list[list[str]]:
    return list(islice(_complete_records(text, delimiter, quoting, whole), _ROWS_TRIED))


def _regular_share(records: Sequence[Sequence[str]]) -> float:
    """The share of records as wide as the first; 0 if that is a single cell."""
    if not records or len(records[0]) < 2:
        return 0.0
    return sum(len(record) == len(records[0]) for record in records) / len(records)


def _is_very_regular(records: Sequence[Sequence[str]]) -> bool:
    """True if no prose looks like this: three rows of one width under distinct, short names."""
    header = [name.strip() for name in records[0]]
    named = all(re.search(r"\w", name) and len(name) <= 64 for name in header)
    return len(records) >= 3 and _regular_share(records) == 1.0 and named and len(set(header)) == len(header)


def _complete_records(text: str, delimiter: str, quoting: bool, whole: bool) -> Iterator[list[str]]:
    # The limit is one for the whole process, so it is only ever raised; no cell is longer than its text.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    lines = io.StringIO(text, newline="")
    rules: Literal[0, 3] = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=delimiter, quoting=rules)
    held: list[str] | None = None
    for record in filter(None, reader):
        if held is not None:
            yield held
        held = record
    # The last record of a head may go on behind it.
    if whole and held is not None:
        yield held
