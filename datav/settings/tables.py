"""`[table."GLOB"]` of `datav.toml`: how the tables at some paths are read, and what their columns are for."""

import codecs
from dataclasses import dataclass
from typing import Any

from datav.settings.toml import UNKNOWN, Malformed, take_table

TABLE_FORMATS = ("csv", "tsv", "jsonl", "parquet", "arrow")
_TABLE_KEYS = ("key", "label", "format", "delimiter", "encoding", "quoting", "header")


@dataclass(frozen=True, slots=True)
class TableSettings:
    """How the tables at some paths are to be read; what is None is found out."""

    glob: str
    """As in a `.gitignore`: without a slash any name, else from the root of the repository."""
    key: tuple[str, ...] | None = None
    """The columns that identify a row; none: there is no key."""
    format: str | None = None
    """One of TABLE_FORMATS."""
    delimiter: str | None = None
    """One ASCII character."""
    encoding: str | None = None
    """As Python calls it."""
    quoting: bool | None = None
    header: bool | None = None
    """Whether the first record holds the names of the columns."""
    label: str | None = None
    """The column that a model is to learn from the others."""


def take_tables(values: dict[str, Any]) -> tuple[TableSettings, ...]:
    """Take what is said of tables out of the `values` of `datav.toml`."""
    tables = take_table(values, "table")
    return tuple(_table_settings(glob, take_table(tables, glob, ("table",))) for glob in list(tables))


def _table_settings(glob: str, table: dict[str, Any]) -> TableSettings:
    above = ("table", glob)
    if not glob:
        raise Malformed(above, "is for no paths", hint='`[table."*.csv"]` is for all CSV files')
    for name in table:
        if name not in _TABLE_KEYS:
            raise Malformed(
                (*above, name),
                UNKNOWN,
                hint=f"of a table there are {', '.join(_TABLE_KEYS[:-1])} and {_TABLE_KEYS[-1]}",
            )
    form = table.get("format")
    if form is not None and form not in TABLE_FORMATS:
        raise Malformed(
            (*above, "format"),
            "is no format of tables",
            hint=f"there are {', '.join(TABLE_FORMATS[:-1])} and {TABLE_FORMATS[-1]}",
        )
    delimiter = table.get("delimiter")
    if delimiter is not None and not _is_delimiter(delimiter):
        raise Malformed(
            (*above, "delimiter"),
            "is not one ASCII character",
            hint='such as ";", "|" or "\\t"; no quote and no line end',
        )
    for flag in ("quoting", "header"):
        if not isinstance(table.get(flag, True), bool):
            raise Malformed((*above, flag), "is neither true nor false")
    encoding = table.get("encoding")
    if encoding is not None and not _is_encoding(encoding):
        raise Malformed((*above, "encoding"), "is no encoding that Python knows", hint='such as "latin-1"')
    key = _key_columns(table["key"], above) if "key" in table else None
    label = _label_column(table["label"], key, above) if "label" in table else None
    return TableSettings(
        glob, key, form, delimiter, encoding, table.get("quoting"), table.get("header"), label
    )


def _key_columns(value: Any, above: tuple[str, ...]) -> tuple[str, ...]:
    columns = [value] if isinstance(value, str) else value
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise Malformed((*above, "key"), "is no list of columns", hint='such as `key = ["id"]`')
    if len(set(columns)) < len(columns):
        raise Malformed((*above, "key"), "names a column twice")
    return tuple(columns)


def _label_column(value: Any, key: tuple[str, ...] | None, above: tuple[str, ...]) -> str:
    if not isinstance(value, str) or not value:
        raise Malformed((*above, "label"), "is no name of a column", hint='such as `label = "species"`')
    if value in (key or ()):
        raise Malformed(
            (*above, "label"),
            "is a column of the key too",
            hint="a key identifies a row whatever its label is; name other columns",
        )
    return value


def _is_delimiter(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 1 and value.isascii() and value not in '"\r\n\0'


def _is_encoding(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(codecs.lookup(value))
    except (LookupError, ValueError):
        return False
