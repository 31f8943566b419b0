"""The rows of one version, found again in what changed between older ones.

A row is known by the fingerprint of its key, or without one by that of its cells.  Fingerprints are kept
sorted, so that the cost to find the rows of a change is that of the change.
"""

import secrets
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray

from datav.tables.hashing import fingerprint
from datav.tables.options import DiffOptions
from datav.tables.result import RowDiff
from datav.tables.typed import CanonicalVersion, canonical_cells
from datav.tables.version import I64, U64, TableVersion, View

Mask = NDArray[np.bool_]


class _Sorted(NamedTuple):
    """Fingerprints of all rows, ascending, and which rows they are of; of equal ones the first row first."""

    prints: U64
    rows: I64


class Tracked:
    """All rows of a version, called by their numbers from 0.

    Args:
        rows: how many it has.
        key: columns that identify a row; empty: a row is what its cells are.
        column: only the key and this column count; None: all.

    Cost: 16 bytes a row for each way in which the types of older versions differ.
    """

    def __init__(
        self,
        version: TableVersion,
        rows: int,
        key: tuple[str, ...],
        column: str | None,
        executor: Executor,
    ) -> None:
        self._version = version
        self._rows = rows
        self._key = key
        self._column = column
        self._executor = executor
        self._seed = secrets.randbits(64)
        self._sorted: dict[tuple[tuple[str, ...], frozenset[str]], _Sorted] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that count."""
        if self._column is not None:
            return (*self._key, self._column)
        return tuple(column.name for column in self._version.columns)

    def options(self, names: tuple[str, ...]) -> DiffOptions:
        """Return how a version that has the columns `names` is compared with one before it."""
        return DiffOptions(key=self._key, columns=names)

    def find_changed(
        self, rows: I64, names: tuple[str, ...], diff: RowDiff, before: TableVersion, after: TableVersion
    ) -> tuple[Mask, tuple[str, ...]]:
        """Return which of `rows` are in the second of two versions and not, or not so, in the first.

        Args:
            rows: numbers, increasing; the second version has them all, as far as the columns `names` say.
            diff: of the two, compared as `options(names)` says; its batches are read.

        Returns:
            The answer, in step with `rows`, and those of `names` that the first version has.
        """
        old, new = _types_by_name(before), _types_by_name(after)
        names = tuple(name for name in names if name in old)
        wanted = (*self._key, self._column) if self._column is not None else self._key
        if not names or any(name not in old for name in wanted):
            return np.ones(len(rows), bool), names
        own = _types_by_name(self._version)
        by_value = frozenset(name for name in names if not old[name] == new[name] == own[name])
        changed = np.zeros(self._rows, bool)
        alone: list[tuple[U64, I64]] = []
        for batch in diff.batches():
            if batch.after is None or batch.op not in ("added", "changed"):
                continue
            if batch.has_key and self._key:
                found, _ = self._find(self._key, by_value, self._print(batch.after, self._key, by_value))
                changed[found] = True
            else:
                counts = np.ones(len(batch.after)) if batch.counts is None else np.asarray(batch.counts)
                alone.append((self._print(batch.after, names, by_value), counts.astype(np.int64)))
        if alone:
            changed[self._find_some(rows, names, by_value, alone)] = True
        return changed[rows], names

    def _find_some(
        self,
        rows: I64,
        names: tuple[str, ...],
        by_value: frozenset[str],
        wanted: Sequence[tuple[U64, I64]],
    ) -> I64:
        """Return as many of `rows` as are asked for by fingerprint and number; of equal ones the last."""
        prints, groups = np.unique(np.concatenate([part for part, _ in wanted]), return_inverse=True)
        counts = np.zeros(len(prints), np.int64)
        np.add.at(counts, groups, np.concatenate([part for _, part in wanted]))
        found, group = self._find(names, by_value, prints)
        is_pending = np.zeros(self._rows, bool)
        is_pending[rows] = True
        found, group = found[is_pending[found]], group[is_pending[found]]
        order = np.lexsort((-found, group))
        found, group = found[order], group[order]
        first_of_group = np.searchsorted(group, group, side="left")
        rank = np.arange(len(group)) - first_of_group
        return found[rank < counts[group]]

    def _find(self, names: tuple[str, ...], by_value: frozenset[str], wanted: U64) -> tuple[I64, I64]:
        """Return the rows with these fingerprints, and for each which of `wanted` it has."""
        own = self._own(names, by_value)
        starts = np.searchsorted(own.prints, wanted, side="left")
        sizes = np.searchsorted(own.prints, wanted, side="right") - starts
        group = np.repeat(np.arange(len(wanted)), sizes)
        within = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return own.rows[np.repeat(starts, sizes) + within], group

    def _own(self, names: tuple[str, ...], by_value: frozenset[str]) -> _Sorted:
        which = (names, by_value.intersection(names))
        if which not in self._sorted:
            prints = self._scan(names, by_value)
            rows = np.argsort(prints, kind="stable")
            self._sorted[which] = _Sorted(prints[rows], rows)
        return self._sorted[which]

    def _scan(self, names: tuple[str, ...], by_value: frozenset[str]) -> U64:
        places = {column.name: number for number, column in enumerate(self._version.columns)}
        columns = tuple(places[name] for name in names)
        version: TableVersion = self._version
        if by_value.intersection(names):
            version = CanonicalVersion(version, [places[name] for name in by_value.intersection(names)])
        view = View(columns, (), tuple(version.types[column] for column in columns))
        parts = [prints.rows for prints in version.scan(view, self._seed, self._executor)]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint64)

    def _print(self, table: Any, names: Sequence[str], by_value: frozenset[str]) -> U64:
        cells = [table.column(table.column_names.index(name)) for name in names]
        plain = [
            canonical_cells(column) if name in by_value else column
            for name, column in zip(names, cells, strict=True)
        ]
        return fingerprint(plain, (), len(table), self._seed)[1]


def _types_by_name(version: TableVersion) -> "dict[str, pyarrow.DataType | None]":
    return {column.name: kind for column, kind in zip(version.columns, version.types, strict=True)}
