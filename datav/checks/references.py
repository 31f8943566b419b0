"""`references` and `documented_in`: each value of a column is a value of a column of another table."""

from datav.checks.cells import readings_of, sketches_of
from datav.checks.declared import is_rough
from datav.checks.finding import Finding
from datav.checks.promises import KEPT, MOST_EXAMPLES, Promise, counted, name
from datav.checks.scanning import Batch, read_batches
from datav.checks.subject import Subject
from datav.checks.valuecounts import Mode, ValueCounts, known_counts, part_text
from datav.errors import TableError
from datav.relpath import one_line
from datav.settings.checks import Reference


class Values:
    """A scan: the values of a column, to be looked for in another table."""

    def __init__(
        self, promise: Promise, column: str, other: Subject, reference: Reference, mode: Mode
    ) -> None:
        self.columns = (column,)
        self._promise, self._other, self._reference, self._mode = promise, other, reference, mode
        self._counts = ValueCounts(mode)

    def add(self, batch: Batch) -> None:
        self._counts.add(batch.cells(self.columns[0]))

    def findings(self) -> tuple[Finding, ...]:
        return compare_values(self._promise, self._counts, self._other, self._reference)


def known_values(subject: Subject, column: str, mode: Mode) -> ValueCounts | None:
    """Return the values of a column as its profile knows them; None if it does not know all of them."""
    sketch, reading = sketches_of(subject).get(column), readings_of(subject).get(column)
    if sketch is None or reading is None or is_rough(sketch.type):
        return None
    return known_counts(sketch, mode, is_text=reading.is_text)


def compare_values(
    promise: Promise, counts: ValueCounts, other: Subject, reference: Reference
) -> tuple[Finding, ...]:
    """Return what breaks the promise: values that the other table has not got.

    Cost: one pass over the column of the other table, if its profile does not know all of its values.
    """
    if not counts.total:
        return KEPT
    theirs = known_values(other, reference.column, counts.mode)
    if theirs is None:
        try:
            theirs = _read_values(other, reference.column, counts.mode)
        except TableError as exc:
            return tell_no_table(promise, reference.table, exc)
    missing = counts.missing_from(theirs)
    if not missing.total:
        return KEPT
    examples = [
        part_text(part, value)
        for part, values, _ in missing.parts()
        for value in values.slice(0, MOST_EXAMPLES).to_pylist()
    ][:MOST_EXAMPLES]
    verb = "is" if counts.total == 1 else "are"
    where = f"{name(reference.table)}, column `{name(reference.column)}`"
    noun = "value" if missing.different == 1 else "different values"
    what = (
        f"{missing.total:,} of {counted(counts.total, 'cell')} {verb} not in {where}:"
        f" {missing.different:,} {noun}, {examples[0]}"
    )
    return promise.broken(
        what, measure=promise.rule, value=missing.total, limit=f"{where}", examples=examples
    )


def tell_no_table(promise: Promise, table: str, error: TableError) -> tuple[Finding, ...]:
    """Return that the other table of a promise is none."""
    what = f"{name(table)}, which it speaks of, is no table: {one_line(str(error))}"
    return promise.broken(what, measure=promise.rule, value=None, limit=table)


def _read_values(subject: Subject, column: str, mode: Mode) -> ValueCounts:
    found = ValueCounts(mode)
    for batch in read_batches(subject, (column,)):
        found.add(batch.cells(column))
    return found


def mode_between(subject: Subject, column: str, other: Subject, theirs: str) -> Mode:
    """Return how the values of two columns are compared: by what they mean where both mean the same."""
    own, its = readings_of(subject).get(column), readings_of(other).get(theirs)
    if own is None or its is None:
        # Of a struct the profile has the fields.
        return "text"
    kinds = {reading.kind for reading in (own, its) if reading.kind != "empty"}
    if kinds == {"number"}:
        mine, others = sketches_of(subject)[column], sketches_of(other)[theirs]
        return "text" if is_rough(mine.type) and is_rough(others.type) else "number"
    return "time" if kinds == {"time"} else "text"
