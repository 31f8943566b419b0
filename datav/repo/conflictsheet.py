"""Conflicts as a sheet: written for a spreadsheet, edited there by people, read again as decisions.

A row a conflict.  Two columns are the user's: `take` says which side, `value` is for a value of one's own.
The others tell what it is about; of these only `conflict` and `dataset` are read.
"""

import csv
import io
import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datav.errors import UsageError
from datav.formats.conflict import SIDES, ConflictItem, Given, Side, identity
from datav.relpath import show_path
from datav.repo.conflicts import Conflicts
from datav.repo.outputs import refuse_output
from datav.storage.durable import write_atomic

COLUMNS = (
    "conflict",
    "dataset",
    "path",
    "kind",
    "key",
    "column",
    "base",
    "ours",
    "theirs",
    "take",
    "value",
)
_NEEDED = ("conflict", "dataset", "take")
# What has so many of the columns is meant as a sheet, whatever became of the others.
_TELLING = 6
_DELIMITERS = ",;\t"
# A sheet has a row for each conflict, of which there are at most 200 000.
_MOST = 2**30


def write_sheet(path: Path, found: Conflicts, *, every: bool) -> int:
    """Write conflicts to a file, CSV or Parquet by its name; return how many.

    Args:
        every: also what is decided.

    Raises:
        UsageError: the name is that of neither, or of a dataset.
        StorageError: the system refuses.
    """
    refuse_output(path, path.name, [])
    rows = list(_rows(found, every=every))
    if path.suffix.lower() == ".parquet":
        data = _as_parquet(rows)
    elif path.suffix.lower() == ".csv":
        data = _as_csv(rows)
    else:
        raise UsageError(f"{path.name} is neither .csv nor .parquet")
    write_atomic(path, data, sync=False)
    return len(rows)


def read_sheet(path: Path) -> dict[str, dict[str, Side | Given]] | None:
    """Return what an edited sheet says: decisions by identity, by dataset; None if it is no sheet.

    Raises:
        UsageError: it cannot be read; it is one, and lacks columns that it must have; a word in `take` means
            nothing; a conflict is decided twice, in different ways.
    """
    rows = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    if rows is None:
        return None
    found: dict[str, dict[str, Side | Given]] = {}
    for number, row in enumerate(rows, 2):
        where = f"line {number} of {path.name}"
        taken = _taken(row, where)
        decided = found.setdefault(row["dataset"], {})
        if taken is not None and decided.setdefault(row["conflict"], taken) != taken:
            raise UsageError(f"{where} decides a conflict otherwise than a line before it")
    return found


def text_of(value: Any) -> str:
    """Return one side of a conflict as a cell shows it: a text as it is, nothing as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _rows(found: Conflicts, *, every: bool) -> Iterator[tuple[str, ...]]:
    for each in found.datasets:
        for item in each.items if every else each.open:
            yield (
                identity(item),
                each.dataset.path.text,
                show_path(item.path),
                item.kind,
                json.dumps(dict(item.key), ensure_ascii=False) if item.key else "",
                item.column or "",
                text_of(item.base),
                text_of(item.ours),
                text_of(item.theirs),
                *_decision_cells(item),
            )


def _decision_cells(item: ConflictItem) -> tuple[str, str]:
    if isinstance(item.taken, Given):
        return ("value", item.taken.text) if item.taken.text is not None else ("null", "")
    return (item.taken or "", "")


def _taken(row: Mapping[str, str], where: str) -> Side | Given | None:
    word, value = row["take"].strip().lower(), row.get("value") or ""
    for side in SIDES:
        if word == side:
            if value:
                raise UsageError(
                    f"{where} takes {side}, and has a value as well", hint="leave one of them empty"
                )
            return side
    if word == "value" or (not word and value):
        return Given(value)
    if word == "null":
        return Given(None)
    if word:
        raise UsageError(
            f"{where} takes {word[:40]!r}",
            hint="there are ours, theirs, base, value and null, or nothing yet",
        )
    return None


def _as_csv(rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _as_parquet(rows: list[tuple[str, ...]]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    cells = zip(*rows, strict=True) if rows else ([] for _ in COLUMNS)
    columns = [
        pyarrow.array([cell.encode("utf-8", "backslashreplace").decode() for cell in each], pyarrow.string())
        for each in cells
    ]
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns, names=list(COLUMNS)), sink)
    return bytes(sink.getvalue())


def _read_csv(path: Path) -> list[dict[str, str]] | None:
    text, is_known = _decoded(_read(path))
    head = text.partition("\n")[0]
    for delimiter in _DELIMITERS:
        try:
            names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
        except csv.Error:
            continue  # a line as no sheet begins
        if not _is_sheet(names, path):
            continue
        if not is_known:
            raise UsageError(f"{path.name} is not UTF-8", hint="save the sheet as `CSV UTF-8`")
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
        try:
            return [{str(name).strip(): cell for name, cell in row.items() if name} for row in reader]
        except csv.Error as exc:
            raise UsageError(f"{path.name} cannot be read: {exc}") from exc
    return None


def _decoded(data: bytes) -> tuple[str, bool]:
    """Return a text, and whether its encoding is known; what is not is enough to look at the first line."""
    try:
        return data.decode("utf-16" if data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("latin-1"), False


def _is_sheet(names: Sequence[str], path: Path) -> bool:
    """Whether columns are those of a sheet.

    Raises:
        UsageError: it is one that lost columns, or its first line: to be taken for data it is not meant.
    """
    if set(_NEEDED) <= set(names):
        return True
    lost = names and names[0].startswith("[") and len(names) >= len(COLUMNS) - 1
    if lost or len(set(names) & set(COLUMNS)) >= _TELLING:
        missing = ", ".join(name for name in _NEEDED if name not in names)
        raise UsageError(
            f"{path.name} is like a sheet of conflicts, and lacks the columns {missing}",
            hint="the first line of the sheet must stay as it is; `datav conflicts -o FILE` writes it anew",
        )
    return False


def _read_parquet(path: Path) -> list[dict[str, str]] | None:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(_read(path)))
        if not _is_sheet(file.schema_arrow.names, path):
            return None
        names = [name for name in (*_NEEDED, "value") if name in file.schema_arrow.names]
        rows = file.read(columns=names).to_pylist()
    except pyarrow.ArrowException:
        return None
    return [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in rows]


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST:
            # No sheet is that long.
            return b"\xff"
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(f"cannot read {path}: {exc.strerror}") from exc
