"""Tables of typed columns, their rows edited: a part at a time, each a row group or a batch."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow
from pyarrow import compute
from pyarrow import types as arrow_types

from datav.tables.arrays import integers
from datav.tables.batches import as_type
from datav.tables.edits import Column
from datav.tables.version import I64


class PartEdit(NamedTuple):
    """What happens to some rows that follow upon each other; rows are counted from the first of them."""

    replaced: I64
    # Any, here and below: pyarrow has no types of its own that mypy could see.
    rows: Any
    """What they become, in step; the columns of the result, of types that can be cast to its."""
    removed: I64
    boundaries: I64
    """Before which row each new one goes, not decreasing; may be the number of rows."""
    new: Any

    @property
    def is_empty(self) -> bool:
        return not (len(self.replaced) or len(self.removed) or len(self.boundaries))


class PartEdits(Protocol):
    """What happens to the rows of a table.  Asked for part after part, in order, each once."""

    def within(self, first: int, end: int, *, is_last: bool) -> PartEdit:
        """Return what happens to the rows from number `first` up to `end`.

        Args:
            is_last: nothing follows, so what is new at the end is new here.
        """

    def ahead(self) -> Sequence[Any]:
        """Return tables of rows that will come into the result: all of them, or as many as are kept at hand.

        To be called first.
        """


class Part(NamedTuple):
    """Rows of a table that are written together."""

    rows: Any
    """A table or a record batch."""
    is_last: bool
    metadata: Any = None
    """What the file says beside them."""


class Layout(NamedTuple):
    """The columns of a result."""

    schema: Any
    sources: tuple[int | None, ...]
    """For each column which of the table's it is; None: a new one."""


def plan_layout(schema: Any, names: Sequence[str], columns: Sequence[Column], types: Sequence[Any]) -> Layout:
    """Return the columns of a result: what the schema says of them stays, but for what changes.

    Args:
        schema: of the table.
        names: of its columns, each its own: in the schema two may be the same.
        columns, types: of the result.
    """
    fields = []
    for (name, source), kind in zip(columns, types, strict=True):
        if source is None:
            fields.append(pyarrow.field(name, kind))
            continue
        field = schema.field(source)
        if not field.type.equals(kind):
            field = field.with_type(kind)
        fields.append(field if names[source] == name else field.with_name(name))
    return Layout(pyarrow.schema(fields, schema.metadata), tuple(column.source for column in columns))


def edited_parts(
    parts: Iterable[Part], layout: Layout, edits: PartEdits, dictionaries: "Dictionaries"
) -> Iterator[Part]:
    """Yield the parts of a table, edited, as tables; those without rows are left out.

    Args:
        parts: in order; the last one says that it is.

    Raises:
        TableError: cells cannot be cast to their new type.

    Cost: a part in memory, and what becomes of it.
    """
    first = 0
    is_last = False
    for part in parts:
        is_last = part.is_last
        size = part.rows.num_rows
        edit = edits.within(first, first + size, is_last=is_last)
        yield from _edited_part(part, layout, edit, dictionaries)
        first += size
    if not is_last:
        nothing = Part(pyarrow.table({"": []}), is_last=True)
        no_columns = Layout(layout.schema, (None,) * len(layout.sources))
        edit = edits.within(first, first, is_last=True)
        yield from _edited_part(nothing, no_columns, edit, dictionaries)


def _edited_part(part: Part, layout: Layout, edit: PartEdit, dictionaries: "Dictionaries") -> Iterator[Part]:
    size = part.rows.num_rows
    chosen = _choose(size, edit) if not edit.is_empty else None
    columns = []
    for number, (field, source) in enumerate(zip(layout.schema, layout.sources, strict=True)):
        cells = (
            pyarrow.nulls(size, field.type)
            if source is None
            else as_type(part.rows.column(source), field.type, field.name)
        )
        if chosen is None:
            columns.append(dictionaries.joined(number, [cells], field.type))
            continue
        others = [as_type(rows.column(number), field.type, field.name) for rows in (edit.rows, edit.new)]
        columns.append(_take(dictionaries.joined(number, [cells, *others], field.type), chosen))
    table = pyarrow.Table.from_arrays(columns, schema=layout.schema)
    if len(table):
        yield part._replace(rows=table.combine_chunks())


def _choose(size: int, edit: PartEdit) -> I64:
    """Return which rows make the result, of those of a part, what they become, and new ones, end to end."""
    chosen = np.arange(size)
    chosen[edit.replaced] = size + np.arange(len(edit.replaced))
    chosen[edit.removed] = -1
    new = size + len(edit.replaced) + np.arange(len(edit.boundaries))
    chosen = np.insert(chosen, edit.boundaries, new)
    kept: I64 = chosen[chosen >= 0]
    return kept


def _take(cells: Any, chosen: I64) -> Any:
    try:
        return cells.take(integers(chosen))
    except pyarrow.ArrowNotImplementedError:
        # Not every type can be taken from, but every one can be cut.
        cuts = np.flatnonzero(np.diff(chosen) != 1) + 1
        runs = np.split(chosen, cuts) if len(chosen) else []
        chunks = [chunk for run in runs for chunk in cells.slice(int(run[0]), len(run)).chunks]
        return pyarrow.chunked_array(chunks, cells.type)


class Dictionaries:
    """The dictionaries of columns, which parts share and which only grow.

    What stands in a file's dictionary keeps its number there: so a later part's cells mean what they meant,
    and an Arrow file needs to say only what is new.

    Args:
        expected: rows that will come into the result; None: every part has a dictionary of its own.
    """

    def __init__(self, expected: Sequence[Any] | None) -> None:
        self._expected = expected
        self._shared: dict[int, Any] = {}

    def joined(self, number: int, parts: Sequence[Any], kind: Any) -> Any:
        """Return cells end to end, the first of them in the part's dictionary, to which the others add."""
        own, *chunks = [_chunks(part) for part in parts]
        others = [chunk for some in chunks for chunk in some]
        if not arrow_types.is_dictionary(kind) or len(own) != 1:
            return pyarrow.chunked_array([*own, *others], kind)
        base = self._base(number, own[0].dictionary)
        # Not so where the file's column is no dictionary, and this one was made of a part.
        is_known = base.slice(0, len(own[0].dictionary)).equals(own[0].dictionary)
        cells = [chunk.dictionary_decode() for chunk in (others if is_known else [*own, *others])]
        grown = _extended(base, cells)
        if self._expected is not None:
            self._shared[number] = grown
        old = [_with_dictionary(own[0], grown)] if is_known else []
        return pyarrow.chunked_array([*old, *(_as_dictionary(each, grown, kind) for each in cells)], kind)

    def _base(self, number: int, own: Any) -> Any:
        """Return the dictionary that a part gets, as far as it is known before its cells are looked at."""
        if self._expected is None:
            return own
        if number not in self._shared:
            columns = [as_type(table.column(number), own.type, "") for table in self._expected]
            self._shared[number] = _extended(own, [chunk for column in columns for chunk in _chunks(column)])
        return self._shared[number]


def _extended(base: Any, cells: Sequence[Any]) -> Any:
    """Return a dictionary with the values of cells that it lacks at its end, each once."""
    if not any(map(len, cells)):
        return base
    values = pyarrow.chunked_array(cells, base.type).unique()
    is_new = compute.invert(compute.is_in(values, base))
    missing = values.filter(compute.and_(is_new, values.is_valid()))
    return pyarrow.concat_arrays([base, missing]) if len(missing) else base


def _as_dictionary(cells: Any, values: Any, kind: Any) -> Any:
    places = compute.index_in(cells, values)
    # What is null has no place.
    places = compute.if_else(cells.is_valid(), places, pyarrow.scalar(None, places.type))
    return pyarrow.DictionaryArray.from_arrays(places.cast(kind.index_type), values, ordered=kind.ordered)


def _with_dictionary(cells: Any, values: Any) -> Any:
    if cells.dictionary is values:
        return cells
    return pyarrow.DictionaryArray.from_arrays(cells.indices, values, ordered=cells.type.ordered)


def _chunks(cells: Any) -> list[Any]:
    return list(cells.chunks) if isinstance(cells, pyarrow.ChunkedArray) else [cells]
