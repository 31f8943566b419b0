"""What comparing needs of a version of a table, whatever it is written in.

A version is scanned for the fingerprints of its rows, and asked for the cells of those few rows that the
other version has not got.  Fingerprints are of 64 bits and say nothing across processes: the seed is one of
this process, so that nobody can prepare a table whose rows collide.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from datav.formats.manifest import ColumnInfo

if TYPE_CHECKING:
    import pyarrow

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]


class Prints(NamedTuple):
    """Fingerprints of some rows of one version, in the order of the file; all of shape (n,)."""

    places: U64
    """Where the rows are, as `take` wants to be told; increasing over the whole scan."""
    keys: U64
    """Of the cells of the key; the same array as `rows` where the view has no key."""
    rows: U64
    """Of all cells of the view."""


@dataclass(frozen=True, slots=True)
class View:
    """Which cells of a version are compared, and as what.

    The views of two versions that are compared with each other have the same number of columns, the same key,
    and the same types: only then do equal rows have equal fingerprints.
    """

    columns: tuple[int, ...]
    """Which of the version's columns, in the order in which both versions are looked at."""
    key: tuple[int, ...]
    """Positions in `columns`; empty without a key."""
    types: "tuple[pyarrow.DataType | None, ...]"
    """What the cells are converted to before they are compared; None: their text as it stands (text tables
    only)."""

    @property
    def key_only(self) -> "View":
        """The key columns alone: their fingerprints are those that the whole view gives the keys."""
        columns = tuple(self.columns[position] for position in self.key)
        return View(columns, tuple(range(len(columns))), tuple(self.types[position] for position in self.key))


class TableVersion(Protocol):
    """One version of a table.  Used from several threads.

    Raises, whenever it is read:
        TableError: what is in the file is no table after all (ragged rows, damage, encryption).
        What its source raises.
    """

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """In order; names are unique: of a name that occurs twice the second is `NAME.2`."""

    @property
    def format(self) -> str:
        """As in a manifest: `csv`, `tsv`, `jsonl`, `parquet`, `arrow`; `memory`."""

    @property
    def types(self) -> "tuple[pyarrow.DataType | None, ...]":
        """Of the columns; None for text."""

    @property
    def row_count(self) -> int | None:
        """Without reading any; None where only a scan tells."""

    def scan(self, view: View, seed: int, executor: Executor) -> Iterator[Prints]:
        """Yield the fingerprints of all rows, in the order of the file, some at a time."""

    def take(self, places: U64, columns: Sequence[int], types: Sequence[object]) -> "pyarrow.Table":
        """Return cells of the rows at `places`, which increase; the columns in the order asked for.

        Text cells (`types` None) are `large_binary`, in UTF-8 wherever the file's encoding could be read;
        others as `types` say.
        """
