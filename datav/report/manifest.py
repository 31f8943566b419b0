"""A manifest in words, one thing a line, so that what git shows of two versions are the lines that differ."""

from collections.abc import Iterator

from datav.formats.manifest import Manifest, TableInfo
from datav.ids import Id
from datav.relpath import one_line
from datav.report.style import count


def manifest_text(manifest: Manifest) -> str:
    """Return the lines, each with its end."""
    return "".join(f"{line}\n" for line in _lines(manifest))


def _lines(manifest: Manifest) -> Iterator[str]:
    yield manifest.kind + (", may be executed" if manifest.executable else "")
    yield f"content: {Id(manifest.content.id).short}"
    yield f"size: {count(manifest.content.size, 'byte')}"
    if manifest.kind == "directory":
        yield f"files: {manifest.files:,}"
    if manifest.conflict is not None:
        yield f"conflicts: {manifest.conflict.open:,} to be decided"
    if manifest.table is not None:
        yield from _table_lines(manifest.table)
    if manifest.meta:
        yield ""
        # The user's own text: its lines are theirs, what a terminal would obey in them is not.
        yield from map(one_line, manifest.meta.rstrip("\n").split("\n"))


def _table_lines(table: TableInfo) -> Iterator[str]:
    yield f"format: {table.format}"
    if table.encoding is not None:
        yield f"encoding: {table.encoding}"
    if table.delimiter is not None:
        yield f"delimiter: {table.delimiter!r}"
    yield f"rows: {'not counted' if table.rows is None else f'{table.rows:,}'}"
    yield f"key: {', '.join(map(one_line, table.key)) or 'none'}"
    yield "columns:"
    for column in table.columns:
        nulls = f", {count(column.nulls, 'null')}" if column.nulls else ""
        yield f"  {one_line(column.name)}: {one_line(column.type)}{nulls}"
    if table.more_columns:
        yield f"  and {table.more_columns:,} more"
