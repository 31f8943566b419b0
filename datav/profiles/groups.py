"""How often each label comes with each value of another column."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from pyarrow import compute, types

from datav.profiles.arrays import I64
from datav.tables.arrays import integers
from datav.tables.cellvalues import cell_text, cell_values
from datav.tables.hashing import fold_cells

MOST_LABELS = 50
MOST_VALUES = 50
"""A column with more different values is not grouped; nulls are none."""

# Rows that are looked at before all are: of most columns these have too many values already.
_FIRST_ROWS = 2**10


@dataclass(frozen=True, slots=True, eq=False)
class GroupedColumn:
    """The rows of a table by label and by the value of one column, both as text; nulls are `None`."""

    name: str
    values: tuple[str | None, ...]
    """Different ones in the order of their characters, None last."""
    counts: I64
    """Shape (labels, values)."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelGroups:
    """Exact counts of a label's values, alone and by other columns."""

    label: str
    labels: tuple[str | None, ...]
    """Different ones in the order of their characters, None last."""
    counts: I64
    """Shape (labels,)."""
    columns: tuple[GroupedColumn, ...]
    """Those that have few enough values.  Of equal names only the first one is looked at."""
    too_many: tuple[str, ...]
    """Columns that have more than MOST_VALUES; the label's own name, and no `labels`, if it has more than
    MOST_LABELS."""


class _Codes(NamedTuple):
    """The cells of a column by number."""

    texts: tuple[str | None, ...]
    """Different ones, in order, None last; each is the text of some cell."""
    codes: I64
    """Shape (cells,): which of them each cell is."""


# Any, here and below: pyarrow has no types of its own that mypy could see.
def group_labels(label: tuple[str, Any], columns: Iterable[tuple[str, Any]]) -> LabelGroups:
    """Return how often each label comes with each value of other columns.

    Args:
        label: the name and the cells of the label's column: an array, or a chunked one, of any type; the
            cells of a text table are large_binary, of which an empty one is null.
        columns: names and cells likewise, of as many rows.  One that is named as the label is passed over.
    """
    name, cells = label
    labels = _encode_cells(cells, MOST_LABELS)
    if labels is None:
        return _no_groups(name)
    counts = np.bincount(labels.codes, minlength=len(labels.texts))
    grouped: list[GroupedColumn] = []
    too_many: list[str] = []
    seen = {name}
    for each, others in columns:
        if each in seen:
            continue
        seen.add(each)
        values = _encode_cells(others, MOST_VALUES)
        if values is None:
            too_many.append(each)
        else:
            grouped.append(GroupedColumn(each, values.texts, _count_pairs(labels, values)))
    return LabelGroups(name, labels.texts, counts, tuple(grouped), tuple(too_many))


def merge_groups(parts: Sequence[LabelGroups | None]) -> LabelGroups | None:
    """Return the groups of all parts; None where a part has none.

    The rows of a part that has not got a column have nulls there.  What has too many values in one part has
    too many in all.
    """
    present = [part for part in parts if part is not None]
    if not present or len(present) < len(parts):
        return None
    if len(present) == 1:
        return present[0]
    name = present[-1].label
    labels = _union(part.labels for part in present)
    if _count_texts(labels) > MOST_LABELS or any(part.label in part.too_many for part in present):
        return _no_groups(name)
    places = [_places(part.labels, labels) for part in present]
    counts = np.zeros(len(labels), np.int64)
    for part, place in zip(present, places, strict=True):
        counts[place] += part.counts
    too_many = dict.fromkeys(each for part in present for each in part.too_many)
    grouped: list[GroupedColumn] = []
    for each in dict.fromkeys(column.name for part in present for column in part.columns):
        if each not in too_many:
            merged = _merge_column(each, present, places, len(labels))
            if merged is None:
                too_many[each] = None
            else:
                grouped.append(merged)
    return LabelGroups(name, labels, counts, tuple(grouped), tuple(too_many))


def _no_groups(name: str) -> LabelGroups:
    return LabelGroups(name, (), np.zeros(0, np.int64), (), (name,))


def _merge_column(
    name: str, parts: Sequence[LabelGroups], places: Sequence[I64], labels: int
) -> GroupedColumn | None:
    """Return one column of all parts; None if it has too many values."""
    found = list(_columns_named(name, parts))
    values = _union(column.values for column in found)
    if _count_texts(values) > MOST_VALUES:
        return None
    counts = np.zeros((labels, len(values)), np.int64)
    for column, place in zip(found, places, strict=True):
        counts[np.ix_(place, _places(column.values, values))] += column.counts
    return GroupedColumn(name, values, counts)


def _columns_named(name: str, parts: Iterable[LabelGroups]) -> Iterator[GroupedColumn]:
    for part in parts:
        column = next((column for column in part.columns if column.name == name), None)
        # Nothing but nulls; of no rows not even these.
        nulls = (None,) if len(part.labels) else ()
        yield column or GroupedColumn(name, nulls, part.counts.reshape(-1, len(nulls) or 1)[:, : len(nulls)])


def _union(lists: Iterable[tuple[str | None, ...]]) -> tuple[str | None, ...]:
    return _in_order({text for texts in lists for text in texts})


def _in_order(texts: Iterable[str | None]) -> tuple[str | None, ...]:
    return tuple(sorted(set(texts), key=lambda text: (text is None, text or "")))


def _count_texts(texts: tuple[str | None, ...]) -> int:
    return len(texts) - (None in texts)


def _places(texts: Sequence[str | None], ordered: Sequence[str | None]) -> I64:
    """Return which of `ordered` each of `texts` is."""
    places = {text: place for place, text in enumerate(ordered)}
    return np.array([places[text] for text in texts], np.int64)


def _count_pairs(labels: _Codes, values: _Codes) -> I64:
    shape = len(labels.texts), len(values.texts)
    pairs = labels.codes * shape[1] + values.codes
    return np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)


def _encode_cells(cells: Any, most: int) -> _Codes | None:
    """Return the cells by number; None if more than `most` are different, nulls apart."""
    array = cells.combine_chunks() if isinstance(cells, pyarrow.ChunkedArray) else cells
    if len(array) > _FIRST_ROWS and _encode_array(array.slice(0, _FIRST_ROWS), most) is None:
        return None
    return _encode_array(array, most)


def _encode_array(array: Any, most: int) -> _Codes | None:
    array = _plain(array)
    try:
        encoded = array.dictionary_encode()
    except (pyarrow.ArrowNotImplementedError, pyarrow.ArrowInvalid):
        different, codes = _encode_by_hash(array)
    else:
        different, codes = encoded.dictionary, _codes_of(encoded)
    # More that are written alike: a text and what stands for bytes that are not UTF-8.
    if len(different) > 2 * most:
        return None
    texts = _texts_of(different)
    if (codes == len(different)).any():
        texts.append(None)
    ordered = _in_order(texts)
    if _count_texts(ordered) > most:
        return None
    return _Codes(ordered, _places(texts, ordered)[codes])


def _plain(array: Any) -> Any:
    """Return the same cells in a type that can be encoded, if there is one."""
    while True:
        kind = array.type
        if isinstance(kind, pyarrow.BaseExtensionType) and kind.extension_name != "arrow.uuid":
            array = array.storage
        elif types.is_run_end_encoded(kind):
            array = compute.run_end_decode(array)
        elif types.is_dictionary(kind):
            array = array.dictionary_decode()
        else:
            return array


def _codes_of(encoded: Any) -> I64:
    """Return which of the dictionary each cell is; a null is the one behind the last."""
    indices = encoded.indices.cast(pyarrow.int64()).fill_null(len(encoded.dictionary))
    return np.asarray(indices.to_numpy())


def _encode_by_hash(array: Any) -> tuple[Any, I64]:
    """Return the different cells of an array, and which of them each cell is, as _codes_of."""
    prints = np.zeros(len(array), np.uint64)
    fold_cells(prints, [array], 0)
    is_null = array.is_null().to_numpy(zero_copy_only=False)
    _, firsts, codes = np.unique(prints[~is_null], return_index=True, return_inverse=True)
    all_codes = np.full(len(array), len(firsts), np.int64)
    all_codes[~is_null] = codes
    return array.take(integers(np.flatnonzero(~is_null)[firsts])), all_codes


def _texts_of(different: Any) -> list[str | None]:
    """Return cells as people write them; None for a cell of a text table without a character."""
    kind = different.type
    if types.is_string(kind) or types.is_large_string(kind):
        # A broken file may have texts that are not UTF-8.
        different = different.cast(pyarrow.binary())
    texts = [None if cell is None else cell_text(cell) for cell in cell_values(different)]
    return [text or None for text in texts] if types.is_large_binary(kind) else texts
