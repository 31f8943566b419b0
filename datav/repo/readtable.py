"""`datav.read_table`: a table of any version, or some of its columns."""

import os
from collections.abc import Sequence
from typing import Any

import pyarrow

from datav.errors import FormatError, UsageError
from datav.repo.contentfile import ContentFile
from datav.repo.inplace import StrPath, open_binary
from datav.tables.dialect import HEAD_SIZE, TextDialect, find_dialect, is_named_like_text
from datav.tables.sniff import MAGIC_SIZE, TableFormat, sniff_magic

# As the module `codecs` calls them, for pyarrow: those with a mark skip it.
_ENCODINGS = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}


def read_table(
    path: StrPath,
    rev: str | None = None,
    columns: Sequence[str] | None = None,
    *,
    repo: StrPath | None = None,
) -> pyarrow.Table:
    """Return a table of any version: Parquet, Arrow IPC (Feather), CSV and the like, JSON Lines.

    Args:
        path: from the top of the repository.
        rev: what git calls the commit; by default the manifests in the work tree count.
        columns: which, in this order; by default all.  Of Parquet and Arrow nothing else is fetched.
        repo: a directory of the repository; by default the current one.

    Raises:
        UsageError: it is no table, or has no such column.
        FormatError: it is a table, and pyarrow cannot read it.
        Also what `datav.open` raises.
    """
    with open_binary(path, rev, repo) as file:
        kind = _kind_of(file)
        try:
            return _read(file, kind, None if columns is None else list(columns))
        except pyarrow.ArrowInvalid as exc:
            raise FormatError(f"{file.name} cannot be read as {_name_of(kind)}: {exc}") from exc


def _kind_of(file: ContentFile) -> TableFormat | TextDialect:
    head = file.read(MAGIC_SIZE)
    file.seek(max(0, file.size - MAGIC_SIZE))
    found = sniff_magic(os.path.basename(file.name), head, file.read())
    if found == TableFormat.FEATHER_V1:
        raise UsageError(f"{file.name} is Feather version 1, which is not read", hint="version 2 is")
    if found is not None:
        return found
    file.seek(0)
    dialect = find_dialect(file.name, file.read(HEAD_SIZE) if is_named_like_text(file.name) else b"")
    if isinstance(dialect, TextDialect):
        return dialect
    reason = "is no table" if dialect is None else dialect.reason
    raise UsageError(f"{file.name} {reason}", hint="`datav.open` reads any file")


def _name_of(kind: TableFormat | TextDialect) -> str:
    return kind.format if isinstance(kind, TextDialect) else kind.value


def _read(file: ContentFile, kind: TableFormat | TextDialect, columns: list[str] | None) -> pyarrow.Table:
    file.seek(0)
    if isinstance(kind, TextDialect):
        return (
            _read_jsonl(file, columns) if kind.format == TableFormat.JSONL else _read_csv(file, kind, columns)
        )
    if kind == TableFormat.PARQUET:
        return _read_parquet(file, columns)
    return _read_arrow(file, columns, stream=kind == TableFormat.ARROW_STREAM)


def _read_parquet(file: ContentFile, columns: list[str] | None) -> pyarrow.Table:
    from pyarrow import parquet

    opened = parquet.ParquetFile(pyarrow.PythonFile(file, "r"), pre_buffer=True)
    _check_columns(file, columns, opened.schema_arrow.names)
    table = opened.read(columns)
    return table if columns is None else table.select(columns)


def _read_arrow(file: ContentFile, columns: list[str] | None, *, stream: bool) -> pyarrow.Table:
    from pyarrow import ipc

    source = pyarrow.PythonFile(file, "r")
    open_any = ipc.open_stream if stream else ipc.open_file
    if columns is None:
        return open_any(source).read_all()
    names = open_any(source).schema.names
    _check_columns(file, columns, names)
    file.seek(0)
    options = ipc.IpcReadOptions(included_fields=[names.index(column) for column in columns])
    return open_any(pyarrow.PythonFile(file, "r"), options=options).read_all().select(columns)


def _read_csv(file: ContentFile, dialect: TextDialect, columns: list[str] | None) -> pyarrow.Table:
    from pyarrow import csv

    _check_columns(file, columns, dialect.header)
    return csv.read_csv(
        pyarrow.PythonFile(file, "r"),
        csv.ReadOptions(encoding=_ENCODINGS.get(dialect.encoding, dialect.encoding)),
        csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char='"' if dialect.quoting else False,
            newlines_in_values=dialect.quoting,
        ),
        csv.ConvertOptions(include_columns=columns),
    )


def _read_jsonl(file: ContentFile, columns: list[str] | None) -> pyarrow.Table:
    from pyarrow import json

    table = json.read_json(pyarrow.PythonFile(file, "r"))
    _check_columns(file, columns, table.column_names)
    return table if columns is None else table.select(columns)


def _check_columns(file: ContentFile, columns: list[str] | None, names: Sequence[Any]) -> None:
    missing = [column for column in columns or () if column not in names]
    if missing:
        shown = ", ".join(map(str, names[:20])) + (", ..." if len(names) > 20 else "")
        raise UsageError(f"{file.name} has no column {missing[0]}", hint=f"it has {shown}")
