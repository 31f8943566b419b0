"""Changed rows one by one, as values of Python, made from batches of columns as they are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datav.tables.cellvalues import cell_values
from datav.tables.result import OPS, ChangeBatch, Op, RowChange, RowDiff

if TYPE_CHECKING:
    import pyarrow

# Values of Python take twenty times the memory of columns: so many rows at a time keep both that and the cost
# of a call small.
_SLICE_ROWS = 256


def iter_changes(rows: RowDiff) -> Iterator[RowChange]:
    """Yield the changes of `rows`, in the order of its batches; nothing is read before it is asked for."""
    for batch in rows.batches():
        yield from batch_changes(batch, rows.key)


def some_changes(rows: RowDiff, limit: int | None) -> Iterator[RowChange]:
    """Yield at most `limit` changes, some of every kind that there is; None: all.

    Kinds of which there are few are shown in full, and what is left is shared between the others: a thousand
    removed rows do not hide the two that changed.
    """
    if limit is None:
        yield from iter_changes(rows)
        return
    left = share_limit({"removed": rows.removed, "added": rows.added, "changed": rows.changed}, limit)
    # Rows that only stand elsewhere come last: whatever changed says more.
    left["moved"] = min(rows.moved or 0, limit - sum(left.values()))
    if not any(left.values()):
        return
    for kind in filter(left.get, OPS):
        # Kind by kind: a million removed rows are not read for the sake of two that changed.
        for batch in rows.batches(ops=(kind,)):
            for change in batch_changes(batch, rows.key, left[kind]):
                left[kind] -= 1
                yield change
            if not left[kind]:
                break


def share_limit(counts: Mapping[Op, int], limit: int) -> dict[Op, int]:
    """Return how many of each kind are shown when at most `limit` are."""
    shares: dict[Op, int] = {}
    kinds = sorted((kind for kind in counts if counts[kind]), key=lambda kind: counts[kind])
    for place, kind in enumerate(kinds):
        # The last gets what the division left over; the smallest come first and leave what they do not need.
        shares[kind] = min(counts[kind], -(-limit // (len(kinds) - place)))
        limit -= shares[kind]
    return shares


def batch_changes(batch: ChangeBatch, key: Sequence[str], limit: int | None = None) -> Iterator[RowChange]:
    """Yield the changes of one batch, at most `limit`."""
    table = batch.before if batch.after is None else batch.after
    if table is None:
        return
    total = table.num_rows if limit is None else min(limit, table.num_rows)
    for start in range(0, total, _SLICE_ROWS):
        yield from _slice_changes(batch, key if batch.has_key else (), start, min(_SLICE_ROWS, total - start))


def _slice_changes(batch: ChangeBatch, key: Sequence[str], start: int, size: int) -> Iterator[RowChange]:
    before = None if batch.before is None else batch.before.slice(start, size)
    after = None if batch.after is None else batch.after.slice(start, size)
    keys = _rows(before if after is None else after, key, size)
    olds: list[dict[str, object]] = [{} for _ in range(size)]
    news: list[dict[str, object]] = [{} for _ in range(size)]
    match batch.op:
        case "removed":
            olds = _rows(before, None, size)
        case "added":
            news = _rows(after, None, size)
        case "changed":
            _fill_changed(batch, start, olds, news)
        case "moved" if not key:
            # Without a key only its cells say which row this is.
            news = _rows(before if after is None else after, None, size)
    counts = [1] * size if batch.counts is None else batch.counts.slice(start, size).to_pylist()
    for row in range(size):
        yield RowChange(batch.op, keys[row], olds[row], news[row], counts[row])


def _rows(table: "pyarrow.Table | None", names: Sequence[str] | None, size: int) -> list[dict[str, object]]:
    """The cells of the columns `names` (None: of all) as a dict a row."""
    rows: list[dict[str, object]] = [{} for _ in range(size)]
    if table is not None:
        # By place: a name is looked for among all others each time.
        columns = dict(zip(table.column_names, table.columns, strict=True))
        for name in columns if names is None else names:
            for row, cell in zip(rows, cell_values(columns[name]), strict=True):
                row[name] = cell
    return rows


def _fill_changed(
    batch: ChangeBatch, start: int, olds: list[dict[str, object]], news: list[dict[str, object]]
) -> None:
    """Put the cells that differ, and only those, into the dicts of their rows."""
    # Only here: whoever has no changed rows needs no numpy.
    from datav.tables.arrays import integers

    # A changed row is there on both sides.
    assert batch.before is not None
    assert batch.after is not None
    sides = [
        (dict(zip(side.column_names, side.columns, strict=True)), rows)
        for side, rows in ((batch.before, olds), (batch.after, news))
    ]
    for name in batch.after.column_names:
        mask = batch.differs.get(name)
        if mask is None:
            continue
        places = _true_places(mask.slice(start, len(olds)))
        if not places:
            continue
        chosen = integers([start + place for place in places])
        for columns, rows in sides:
            for place, cell in zip(places, cell_values(columns[name].take(chosen)), strict=True):
                rows[place][name] = cell


# Any: a pyarrow.BooleanArray, of which mypy knows nothing.
def _true_places(mask: Any) -> list[int]:
    return [place for place, differs in enumerate(mask.to_pylist()) if differs]
