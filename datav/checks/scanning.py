"""One pass over the rows of a table for all promises that need them, of the columns they need."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from datav.checks.cells import TEXT_FORMATS, Cells, Reading, readings_of
from datav.checks.finding import Finding
from datav.checks.subject import Subject


class Batch:
    """Some rows; what is made of their cells is made once for all promises."""

    def __init__(self, batch: Any, readings: Mapping[str, Reading], *, is_text: bool) -> None:
        self.rows: int = batch.num_rows
        self._batch = batch
        self._readings = readings
        self._bare = Reading("empty", is_text)
        self._cells: dict[str, Cells] = {}

    def cells(self, column: str) -> Cells:
        """Return the cells of a column that the pass reads."""
        if column not in self._cells:
            reading = self._readings.get(column, self._bare)
            self._cells[column] = Cells(self._batch.column(column), reading)
        return self._cells[column]


class Scan(Protocol):
    """A promise about rows while they are read.  Used once, from one thread."""

    @property
    def columns(self) -> Sequence[str]:
        """Those it needs, at least one."""

    def add(self, batch: Batch) -> None:
        """Look at some more rows."""

    def findings(self) -> tuple[Finding, ...]:
        """Return what breaks the promise, when all rows were seen."""


def read_batches(subject: Subject, columns: Sequence[str]) -> Iterator[Batch]:
    """Yield all rows of a table in order, of some columns, at least one."""
    readings = readings_of(subject)
    is_text = subject.format in TEXT_FORMATS
    for batch in subject.batches(list(columns)):
        yield Batch(batch, readings, is_text=is_text)


def run_scans(subject: Subject, scans: Sequence[Scan]) -> tuple[Finding, ...]:
    """Read a table once, and return what breaks any of some promises.

    Cost: one pass over the columns that any of them needs; none if there are no scans.
    """
    if not scans:
        return ()
    columns = dict.fromkeys(column for scan in scans for column in scan.columns)
    for batch in read_batches(subject, list(columns)):
        for scan in scans:
            scan.add(batch)
    return tuple(finding for scan in scans for finding in scan.findings())
