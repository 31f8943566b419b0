"""Rows whose label changed and whose features did not: how many, and what became of which label.

A feature is a compared column of both versions that is neither the label nor part of the key.  Rows that were
matched by key say cell by cell what changed.  Rows without a key, or whose key is not unique, are removed and
added ones; of these, rows with the same features belong together, as a multiset.  The rules are in
docs/reference/diff.md.
"""

import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datav.storage.scratch import Scratch
from datav.tables.arrays import integers, mask_of
from datav.tables.cellvalues import cell_values
from datav.tables.hashing import fingerprint
from datav.tables.labelpairs import Alike, LabelPairs, Names, pair_alike
from datav.tables.parting import Parts
from datav.tables.result import ChangeBatch, FlipCount, LabelFlips, Op
from datav.tables.telling import Counts, Telling
from datav.tables.typed import meant_cells, plain_strings
from datav.tables.version import U64
from datav.tables.views import Compared

# A matrix that somebody reads; ten classes have ninety pairs.
MOST_PAIRS = 100
EXAMPLES = 5
# Rows paired by their features that are in memory at a time, 32 bytes each and copies to sort them.
MAX_IN_MEMORY = 2**21


class FlipCounter:
    """Counts the flips of one comparison, batch by batch.

    Args:
        compared: all that is compared.
        label: a column; whether its flips can be told is found out.
    """

    def __init__(self, compared: Compared, label: str, scratch: Scratch) -> None:
        self._compared = compared
        self._label = label
        self._scratch = scratch
        self._refused = _why_not(compared, label)
        seed = secrets.randbits(64)
        self._sides = _Side(compared, label, 0, seed), _Side(compared, label, 1, seed)
        self._pairs = LabelPairs(scratch)
        self._examples: list[Mapping[str, object]] = []
        self._with_changes = 0
        self._seen = 0

    def add(self, batch: ChangeBatch) -> None:
        """Count among changed rows that were matched by key."""
        mask = batch.differs.get(self._label)
        if self._refused is not None or mask is None:
            return
        relabelled = mask_of(mask)
        flipped = relabelled.copy()
        for name, differs in batch.differs.items():
            if name != self._label:
                flipped &= ~mask_of(differs)
        rows = np.flatnonzero(flipped)
        self._with_changes += int(relabelled.sum()) - len(rows)
        labels = [
            side.labels(table, rows)
            for side, table in zip(self._sides, (batch.before, batch.after), strict=True)
        ]
        self._pairs.add(labels[0], labels[1], np.ones(len(rows), np.uint64), self._number(rows))
        self._seen += len(flipped)
        few = rows[: EXAMPLES - len(self._examples)]
        if len(few):
            self._examples += self._sides[1].keys(batch.after, few)

    def result(self, telling: Telling, counts: Counts, unchanged: int | None) -> LabelFlips:
        """Return what was found, once all changed rows were added.

        Args:
            telling: gives the rows that were not matched by key.
            counts: of the changes.
            unchanged: how many rows are the same in both versions, where that is known.
        """
        if self._refused is not None:
            return LabelFlips(self._label, refused=self._refused)
        by_key = self._pairs.total
        undecided = self._pair_by_features(telling)
        flipped = self._pairs.total + undecided
        matrix = self._matrix(telling)
        return LabelFlips(
            label=self._label,
            flipped=flipped,
            by_features=flipped - by_key,
            relabelled_with_changes=self._with_changes if self._compared.has_key else None,
            rows_compared=None if unchanged is None else unchanged + counts.changed + flipped - by_key,
            matrix=matrix,
            other=self._pairs.total - sum(each.count for each in matrix),
            undecided=undecided,
            examples=tuple(self._examples),
        )

    def _pair_by_features(self, telling: Telling) -> int:
        """Count among rows that have no key; return how many have a partner, and nobody knows which."""
        rows = Parts(self._scratch, MAX_IN_MEMORY, ("keys", "labels", "counts", "numbers"))
        for number, side in enumerate(self._sides):
            seen = 0
            for batch in telling.alike(side.op, side.view):
                table = side.table(batch)
                every = np.arange(len(table))
                counts = np.asarray(batch.counts).astype(np.uint64)
                rows.add(
                    number,
                    (side.features(table), side.labels(table, every), counts, self._number(every + seen)),
                )
                seen += len(table)
        parts, undecided = rows.wanted_parts(), 0
        for part in range(parts):
            found = pair_alike(Alike(*rows.read(0, part, parts)), Alike(*rows.read(1, part, parts)))
            self._pairs.add(found.before, found.after, found.counts, found.numbers)
            undecided += found.undecided
        return undecided

    def _number(self, rows: NDArray[np.int64]) -> U64:
        """Numbers of rows in the order in which they are told."""
        return (rows + self._seen).astype(np.uint64)

    def _matrix(self, telling: Telling) -> tuple[FlipCount, ...]:
        before, after, counts = self._pairs.most_frequent(MOST_PAIRS)
        wanted = [
            side.names.missing(labels) for side, labels in zip(self._sides, (before, after), strict=True)
        ]
        if any(map(len, wanted)):
            # More different labels than are kept: those that are told of are looked for.
            self._learn(telling, wanted)
        old, new = (side.names for side in self._sides)
        pairs = zip(before.tolist(), after.tolist(), counts.tolist(), strict=True)
        return tuple(FlipCount(old[was], new[now], number) for was, now, number in pairs)

    def _learn(self, telling: Telling, wanted: list[U64]) -> None:
        for side, prints in zip(self._sides, wanted, strict=True):
            for batch in telling.alike(side.op, side.view):
                side.learn(side.table(batch), prints)
        for batch in telling.paired():
            if self._label in batch.differs:
                for side, prints in zip(self._sides, wanted, strict=True):
                    side.learn(side.table(batch), prints)


class _Side:
    """The cells of one of the two versions: as they are compared, and as they are shown.

    Args:
        number: 0 or 1.
    """

    def __init__(self, compared: Compared, label: str, number: int, seed: int) -> None:
        self._compared = compared
        self._label = label
        self._number = number
        self._seed = seed
        self._format = (compared.before, compared.after)[number].format
        self._is_quoted = self._format == "jsonl" and compared.before.format != compared.after.format
        self.view = (compared.before_view, compared.after_view)[number]
        self.op: Op = "added" if number else "removed"
        self.names = Names()

    # Any, here and below: pyarrow has no types of its own that mypy could see.
    def table(self, batch: ChangeBatch) -> Any:
        return batch.after if self._number else batch.before

    def features(self, table: Any) -> U64:
        """Return fingerprints of all cells that are compared but the labels."""
        names = self._compared.names
        cells = [self._meant(name, table.column(at)) for at, name in enumerate(names) if name != self._label]
        return fingerprint(cells, (), len(table), self._seed)[1]

    def labels(self, table: Any, rows: NDArray[np.int64], wanted: U64 | None = None) -> U64:
        """Return fingerprints of the labels of some rows, and learn what these are; see Names.learn."""
        cells = table.column(self._label).take(integers(rows))
        prints = fingerprint([self._meant(self._label, cells)], (), len(rows), self._seed)[1]
        self.names.learn(prints, self._shown(cells), wanted)
        return prints

    def learn(self, table: Any, wanted: U64) -> None:
        """Learn what some labels are, if they are here."""
        self.labels(table, np.arange(len(table)), wanted)

    def keys(self, table: Any, rows: NDArray[np.int64]) -> list[dict[str, object]]:
        """Return the keys of some rows, by column."""
        key = self._compared.key
        cells = [cell_values(self._shown(table.column(name).take(integers(rows)))) for name in key]
        return [dict(zip(key, row, strict=True)) for row in zip(*cells, strict=True)]

    def _meant(self, name: str, cells: Any) -> Any:
        return meant_cells(cells, self._format) if name in self._compared.by_value else cells

    def _shown(self, cells: Any) -> Any:
        """Quotes that tell strings of JSON from its numbers say nothing next to another format."""
        return plain_strings(cells) if self._is_quoted else cells


def _why_not(compared: Compared, label: str) -> str | None:
    """Return why no flips can be told of a label; None if they can."""
    missing = [
        which
        for which, version in (("first", compared.before), ("second", compared.after))
        if all(column.name != label for column in version.columns)
    ]
    if missing:
        where = "either version" if len(missing) == 2 else f"the {missing[0]} version"
        return f"there is no column {label} in {where}"
    if label not in compared.names:
        return f"the column {label} is not compared"
    if label in compared.key:
        return f"the column {label} is part of the key"
    if compared.names == (label,):
        return "there is neither a key nor another column by which rows could be paired"
    return None
