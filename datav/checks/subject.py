"""A table as rules see it: its manifest, its profile, and its rows for what these cannot answer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from datav.formats.manifest import ColumnInfo
from datav.profiles.profile import TableProfile

if TYPE_CHECKING:
    import pyarrow


class Subject(Protocol):
    """One version of one table.

    Raises, whenever it is read:
        MissingChunkError: its data is neither here nor on a remote.
        TableError: what is in the file is no table after all.
    """

    @property
    def path(self) -> str:
        """For people, from the root of the repository."""

    @property
    def format(self) -> str:
        """As in a manifest: `csv`, `tsv`, `jsonl`, `parquet`, `arrow`."""

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """In order; the same names as `batches` has."""

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row; empty: there is no key."""

    @property
    def encoding(self) -> str | None:
        """Of a text table, as it was found."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """The user's part of the manifest."""

    @property
    def row_count(self) -> int:
        """Exact."""

    @property
    def profile(self) -> TableProfile:
        """Stored, remembered or made now."""

    def batches(self, columns: Sequence[str]) -> "Iterator[pyarrow.RecordBatch]":
        """Yield all rows in order, of the columns asked for.

        Cells of CSV and TSV are `large_string`, an empty one null, as in a profile; cells of JSON Lines and
        of the columnar formats have their own types.
        """

    def is_key_unique(self, columns: Sequence[str]) -> tuple[bool, tuple[str, ...]]:
        """Return whether the cells of some columns together identify each row, and some that do not, for
        people: `id=17 (lines 3 and 90)`."""


class Others(Protocol):
    """The tables that rules name beside the one they are about, at the same version."""

    def find(self, table: str) -> Subject:
        """Return a table by its path from the root of the repository.

        Raises:
            UnknownDatasetError: no dataset, no file in one, and no file that git tracks has that path.
            TableError: it is no table.
        """
