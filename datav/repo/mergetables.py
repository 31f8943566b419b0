"""The tables of a merge: three contents in, one merged content out."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from datav.formats.conflict import ConflictItem, Given, Side
from datav.formats.entry import Content
from datav.merging.result import MergeCounts
from datav.repo.repository import Repository
from datav.settings import Settings
from datav.store.reading import Reading
from datav.store.writing import StoreWriter


@dataclass(frozen=True, slots=True)
class MergedTable:
    """What became of one table."""

    content: Content
    items: tuple[ConflictItem, ...]
    """What is in conflict, with what was decided of it; `path` is empty."""
    counts: MergeCounts
    key: tuple[str, ...]
    notes: tuple[str, ...]
    """Such as "no key: rows were matched by all of their cells"."""


@dataclass(frozen=True, slots=True)
class NotMerged:
    """Why three versions could not be merged as tables."""

    reason: str


class TableMerger:
    """Merges tables of one repository.  A context manager.

    Args:
        reader: where the versions are read from.
        writer: takes what is written.
    """

    def __init__(
        self, repository: Repository, reader: Reading, writer: StoreWriter, settings: Settings
    ) -> None:
        self._repository = repository
        self._reader = reader
        self._writer = writer
        self._settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def merge(
        self,
        path: bytes,
        base: Content | None,
        ours: Content,
        theirs: Content,
        key: tuple[str, ...] | None,
        decisions: Mapping[str, Side | Given],
    ) -> MergedTable | NotMerged:
        """Merge three versions of the table at `path`, which is from the root of the repository.

        Args:
            key: the columns that identify a row; None: what `datav.toml` says.
            decisions: what was decided of conflicts before, by their identity.
        """
        return NotMerged("tables are not merged yet")
