"""Two versions of a table, compared: the schema, the rows, the cells.  The rules are in
docs/reference/diff.md."""

import secrets
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow

from datav.errors import TableError, UsageError
from datav.storage.scratch import Scratch
from datav.tables.cellvalues import cell_values
from datav.tables.matching import EXAMPLES, Matched, match_rows
from datav.tables.moving import find_moved
from datav.tables.options import DiffOptions
from datav.tables.pairing import Pairing, pair_whole
from datav.tables.predicate import Predicate, parse_predicate
from datav.tables.renames import guess_renames
from datav.tables.result import ColumnChange, DuplicateKeys, RowDiff, SchemaDiff, TableDiff
from datav.tables.schema import compare_columns
from datav.tables.shared import Shared
from datav.tables.surplus import spread_surplus
from datav.tables.telling import Telling
from datav.tables.text import TextVersion
from datav.tables.textfacts import pair_texts
from datav.tables.version import U64, TableVersion, View
from datav.tables.views import Compared, choose_views, no_such_column

if TYPE_CHECKING:
    from datav.tables.harvesting import Harvest
    from datav.tables.labelflips import FlipCounter


def compare(
    before: TableVersion,
    after: TableVersion,
    options: DiffOptions,
    *,
    scratch: Scratch,
    executor: Executor,
    shared: Shared | None = None,
) -> TableDiff:
    """Compare two versions of a table.

    Args:
        options: what is compared, and how; a key of None is none.
        scratch: open as long as the result's rows are read.
        executor: does the work that can be done at the same time.
        shared: what is known of the bytes that both versions have; makes it faster and nothing else.

    Returns:
        The schemas, and the rows unless `options.rows` is False.  What cannot be compared as rows is refused,
        in `rows.refused`.

    Raises:
        UsageError: an option names a column that is in neither version, or contradicts another.
        What the versions' sources raise.
    """
    if before.format == after.format == "jsonl":
        from datav.tables.jsonpair import share_lines

        shared = share_lines(before, after, shared, executor)
    spoken_of = (options.spoken_of(version.columns) for version in (before, after))
    schema = replace(compare_columns(*spoken_of), written=_compare_writing(before, after))
    if not schema.added:
        options = replace(options, added_columns=False)
    where = parse_predicate(options.where) if options.where is not None else None
    _check(options, where, before, after)
    compared = choose_views(before, after, options)
    if before.format != after.format:
        schema = replace(schema, changed=_retyped(schema, before, after, compared))
    if not options.rows:
        return TableDiff(schema, None)
    try:
        rows = _compare_rows(compared, options, where, scratch, executor, shared)
        layouts = _layout(before), _layout(after)
        rows = replace(rows, schemas=layouts, is_narrowed=options.is_narrowed)
        renamed = guess_renames(compared, schema, executor)
    except TableError as exc:
        return TableDiff(schema, RowDiff(key=options.key or (), refused=str(exc)))
    return TableDiff(replace(schema, renamed=renamed), rows)


def _retyped(
    schema: SchemaDiff, before: TableVersion, after: TableVersion, compared: Compared
) -> tuple[ColumnChange, ...]:
    """The columns whose types changed, but for the change from text, which has none of its own, or to it."""
    if None not in before.types and None not in after.types:
        return schema.changed
    return tuple(change for change in schema.changed if change.name not in compared.by_value)


def _compare_writing(before: TableVersion, after: TableVersion) -> tuple[ColumnChange, ...]:
    sides = [_writing(version) for version in (before, after)]
    return tuple(
        ColumnChange(name, sides[0][name], sides[1][name])
        for name in sides[0]
        if name in sides[1] and sides[0][name] != sides[1][name]
    )


def _writing(version: TableVersion) -> dict[str, str]:
    found = {"format": version.format}
    if isinstance(version, TextVersion):
        dialect = version.dialect
        found |= {"encoding": version.encoding, "delimiter": dialect.delimiter}
        found |= {"quoting": "with quotes" if dialect.quoting else "without quotes"}
    return found


# Any: pyarrow has no types of its own that mypy could see.
def _layout(version: TableVersion) -> Any:
    """The columns of a version; text that is bytes to us is text to everybody else."""
    return pyarrow.schema(
        (column.name, kind if kind is not None else pyarrow.large_string())
        for column, kind in zip(version.columns, version.types, strict=True)
    )


def _check(options: DiffOptions, where: Predicate | None, before: TableVersion, after: TableVersion) -> None:
    known = dict.fromkeys(column.name for version in (before, after) for column in version.columns)
    for name in where.columns if where is not None else ():
        if name not in known:
            raise no_such_column(name, list(known))
    if options.tolerances and not options.key:
        raise UsageError(
            "a tolerance needs a key: without one no two rows belong together",
            hint="name the columns that identify a row with `--key`",
        )


def _compare_rows(
    compared: Compared,
    options: DiffOptions,
    where: Predicate | None,
    scratch: Scratch,
    executor: Executor,
    shared: Shared | None,
) -> RowDiff:
    pairing, seed = _pair(compared, options, scratch, executor, shared)
    prints = pairing.prints or (
        pairing.before.scan(compared.before_view, seed, executor),
        pairing.after.scan(compared.after_view, seed, executor),
    )
    harvest = _harvest(pairing, compared)
    matched = match_rows(
        iter(prints[0]),
        iter(prints[1]),
        scratch,
        has_key=compared.has_key,
        suspects=pairing.suspects,
        on_step=harvest,
    )
    # Where all that changed was found by pairing, it is known in which columns.
    is_paired = pairing.differing is not None and not len(matched.changed[0])
    matched = _with_pairing(matched, pairing)
    versions = harvest.result() if harvest is not None else (pairing.before, pairing.after)
    told = replace(compared, before=versions[0], after=versions[1])
    if is_paired and pairing.differing is not None:
        told = told.only(pairing.differing)
    moved = find_moved(compared, executor, seed) if options.ordered else None
    telling = Telling(
        told,
        matched,
        scratch,
        executor,
        where=where,
        tolerances=options.tolerances,
        moved=moved,
        spread=partial(spread_surplus, compared, matched, seed, executor),
        shown=options.spoken_of,
    )
    flips = _flips(compared, options, scratch)
    counts = telling.count(flips.add if flips is not None else None)
    unchanged = matched.unchanged + counts.same if where is None else None
    duplicates, refused = _describe_duplicates(compared, matched, seed, executor)
    return RowDiff(
        key=compared.key,
        from_rows=matched.rows_before,
        to_rows=matched.rows_after,
        added=counts.added,
        removed=counts.removed,
        changed=counts.changed,
        unchanged=unchanged,
        changed_cells=counts.cells,
        moved=counts.moved,
        duplicates=duplicates,
        refused=compared.key_problem or refused,
        label_flips=flips.result(telling, counts, unchanged) if flips is not None else None,
        batches=telling.batches,
    )


def _pair(
    compared: Compared, options: DiffOptions, scratch: Scratch, executor: Executor, shared: Shared | None
) -> tuple[Pairing, int]:
    """Return what is left to be scanned, and the seed for it."""
    seed = secrets.randbits(64)
    if shared is None or options.ordered or options.added_columns:
        return pair_whole(compared), seed
    found = _pair_formats(compared, scratch, executor, shared, seed)
    if found is not None:
        return found
    shared.refuse_reading_all()
    return pair_whole(compared), seed


def _pair_formats(
    compared: Compared, scratch: Scratch, executor: Executor, shared: Shared, seed: int
) -> tuple[Pairing, int] | None:
    """Pair two versions of one format.  What reads a format is imported where there is a file of it."""
    match {compared.before.format, compared.after.format}:
        case formats if formats == {"parquet"}:
            from datav.tables.parquetfacts import pair_parquets

            return pair_parquets(compared, shared, seed, executor)
        case formats if formats == {"jsonl"}:
            from datav.tables.jsonpair import pair_lines

            return pair_lines(compared, shared, seed, executor, scratch=scratch)
    return pair_texts(compared, shared, seed, executor)


def _harvest(pairing: Pairing, compared: Compared) -> "Harvest | None":
    """Return what takes cells while both versions are scanned, where that saves decoding them twice."""
    before, after = pairing.before, pairing.after
    if not before.format == after.format == "parquet":
        return None
    from datav.tables.harvesting import Harvest, can_harvest
    from datav.tables.parquetversion import ParquetVersion

    if not isinstance(before, ParquetVersion) or not isinstance(after, ParquetVersion):
        return None
    if not can_harvest(before, compared.before_view) or not can_harvest(after, compared.after_view):
        return None
    for version in (before, after):
        version.keep_decoded(True)
    return Harvest((before, after), (compared.before_view, compared.after_view))


def _flips(compared: Compared, options: DiffOptions, scratch: Scratch) -> "FlipCounter | None":
    """Return what counts flips of labels, where somebody wants to know; nobody does who writes a feed."""
    if options.label is None or options.added_columns:
        return None
    from datav.tables.labelflips import FlipCounter

    return FlipCounter(compared, options.label, scratch)


def _with_pairing(matched: Matched, pairing: Pairing) -> Matched:
    """Add what was known before anything was scanned."""
    places = [np.concatenate(sides) for sides in zip(matched.changed, pairing.changed, strict=True)]
    order = np.argsort(places[0], kind="stable")
    known = pairing.unchanged + len(pairing.changed[0])
    return replace(
        matched,
        rows_before=matched.rows_before + known,
        rows_after=matched.rows_after + known,
        changed=(places[0][order], places[1][order]),
        unchanged=matched.unchanged + pairing.unchanged,
        duplicates=pairing.duplicates if pairing.suspects is not None else matched.duplicates,
        repeated=pairing.suspects if pairing.suspects is not None else matched.repeated,
    )


def _describe_duplicates(
    compared: Compared, matched: Matched, seed: int, executor: Executor
) -> tuple[DuplicateKeys | None, str | None]:
    """Return what is said of keys that are not unique."""
    if not any(matched.duplicates):
        return None, None
    examples = _examples(compared, matched.repeated[:EXAMPLES], seed, executor)
    before, after = matched.duplicates
    which = " and ".join(
        f"{number:,} in the {name} version"
        for number, name in ((before, "first"), (after, "second"))
        if number
    )
    names = ", ".join(compared.key)
    shown = "; ".join(", ".join(f"{name}={cell}" for name, cell in key.items()) for key in examples[:3])
    several = f"{before + after:,} keys have" if before + after != 1 else "1 key has"
    return (
        DuplicateKeys(before, after, tuple(examples)),
        f"the key {names} is not unique: {several} more than one row ({which}), such as {shown}",
    )


def _examples(compared: Compared, wanted: U64, seed: int, executor: Executor) -> list[dict[str, object]]:
    """Return the cells of the keys whose fingerprints are given."""
    found: dict[int, dict[str, object]] = {}
    for version, whole in ((compared.before, compared.before_view), (compared.after, compared.after_view)):
        # The key columns alone: their fingerprints are those that the whole view gives them.
        view = whole.key_only
        for prints in version.scan(view, seed, executor):
            rows = np.flatnonzero(np.isin(prints.keys, wanted))[: 4 * EXAMPLES]
            if not len(rows):
                continue
            for fingerprint, key in zip(
                prints.keys[rows].tolist(), _keys_at(version, view, prints.places[rows]), strict=True
            ):
                found.setdefault(fingerprint, key)
            if len(found) == len(wanted):
                return list(found.values())
    return list(found.values())


def _keys_at(version: TableVersion, view: View, places: U64) -> list[dict[str, object]]:
    columns = [view.columns[position] for position in view.key]
    table: Any = version.take(places, columns, [view.types[position] for position in view.key])
    cells = [cell_values(table.column(number)) for number in range(len(columns))]
    names = [version.columns[column].name for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
