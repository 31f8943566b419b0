"""JSON Lines, some lines at a time."""

import io
from typing import Any

import pyarrow
from pyarrow import json

from datav.profiles.profile import TableProfile
from datav.profiles.sketching import sketch_array, sketch_cells
from datav.tables.jsoncells import columns_of
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.jsonpaths import find_kinds, lines

# What columns of cells that pyarrow cannot read in one type are taken for.
_KINDS = {"integer": "integer", "float": "float"}


def sketch_lines(version: JsonLinesVersion, offset: int, data: bytes) -> TableProfile:
    """Return the sketches of whole lines.

    Args:
        offset: of the lines in the file.

    Raises:
        TableError: one is no JSON object.
    """
    table = _read(data)
    if table is None:
        records = [version.parse(*line) for line in lines(offset, data)]
        kinds = find_kinds(records)
        cells = columns_of(records, list(kinds))
        columns = [
            sketch_cells(path, _KINDS.get(kind, "text"), column.fill_null(b""))
            for (path, kind), column in zip(kinds.items(), cells, strict=True)
        ]
        return TableProfile(len(records), tuple(columns))
    sketches = [
        sketch
        for name, column in zip(table.column_names, table.columns, strict=True)
        for sketch in sketch_array(name, column.combine_chunks())
    ]
    return TableProfile(table.num_rows, tuple(sketches))


# Any: pyarrow has no types of its own that mypy could see.
def _read(data: bytes) -> Any:
    """Return lines as a table; None where a column holds cells of several types, or something is no JSON."""
    if data.isspace() or not data:
        return None
    options = json.ReadOptions(use_threads=False, block_size=len(data) + 1)
    try:
        return json.read_json(io.BytesIO(data), options)
    except pyarrow.ArrowInvalid:
        return None
