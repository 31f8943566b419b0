"""What is promised of one version of a table, looked at: the way into the modules beside this one.

Each promise is answered by the profile where that knows for sure, then by one pass over the rows for all that
are left, of the columns they need.
"""

from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from datav.checks.cells import TEXT_FORMATS, Reading, readings_of, sketches_of
from datav.checks.cellscans import scan_column
from datav.checks.finding import Finding, NotChecked
from datav.checks.kinds import check_declared
from datav.checks.patterns import check_pattern
from datav.checks.predicates import Database, PredicateScan
from datav.checks.profiled import Known, answer
from datav.checks.promises import KEPT, Promise, listed, name, promise_of_column, promise_of_table
from datav.checks.references import Values, compare_values, known_values, mode_between, tell_no_table
from datav.checks.repeats import Repeats
from datav.checks.scanning import Scan, run_scans
from datav.checks.schema_rules import (
    NotAscii,
    check_growth,
    check_meta,
    check_rows,
    check_schema,
    extra_columns,
    missing_columns,
    names_of,
)
from datav.checks.splits import KEY_HINT, plan_overlap
from datav.checks.subject import Others, Subject
from datav.checks.verdicts import tell_repeated_keys
from datav.errors import TableError, UnknownDatasetError
from datav.profiles.columns import ColumnSketch
from datav.settings.checks import CheckSettings, ColumnChecks, Disjoint, Reference

_NO_BASE = "there is no version to compare with"
_OF_A_FIELD = "of a field inside another column only its profile is looked at, which does not tell"


@dataclass(frozen=True, slots=True)
class Checks:
    """What became of the expectations of one table."""

    findings: tuple[Finding, ...] = ()
    """Errors first, then as the rules stand in the file."""
    not_checked: tuple[NotChecked, ...] = ()
    rules: int = 0
    """Promises that were looked at, kept or broken."""
    read_rows: bool = False
    """Whether rows were read; else the profile knew everything."""


def check_expectations(
    subject: Subject,
    rules: Sequence[CheckSettings],
    others: Others,
    base: Subject | None,
    now: datetime,
) -> Checks:
    """Look at every promise that some rules make of a table.

    Args:
        rules: those whose glob fits the table.
        others: the tables that rules name beside it.
        base: the version that it is compared with, for promises about a change.
        now: with a time zone.

    Raises:
        UsageError: a pattern or a predicate is none, with its line; or `sql` is there and DuckDB is not.
        What the subjects raise.
    """
    with ExitStack() as stack:
        checking = _Checking(subject, others, base, now, stack)
        for settings in rules:
            checking.check_table(settings, rules)
            for column in settings.column_checks:
                checking.check_column(column)
        return checking.finish()


class _Checking:
    """Promises of one table, one after the other; those that need rows wait for the end."""

    def __init__(
        self, subject: Subject, others: Others, base: Subject | None, now: datetime, stack: ExitStack
    ) -> None:
        self._subject, self._others, self._base, self._now = subject, others, base, now
        self._stack = stack
        self._findings: list[Finding] = []
        self._not_checked: list[NotChecked] = []
        self._scans: list[Scan] = []
        self._database: Database | None = None
        self._rules = 0
        self._read_rows = False

    # Made when a rule asks for them: a profile may be remote, or not there yet.

    @cached_property
    def _names(self) -> frozenset[str]:
        return names_of(self._subject)

    @cached_property
    def _sketches(self) -> dict[str, ColumnSketch]:
        return sketches_of(self._subject)

    @cached_property
    def _readings(self) -> dict[str, Reading]:
        return readings_of(self._subject)

    @cached_property
    def _declared(self) -> dict[str, str]:
        return {column.name: column.type for column in self._subject.columns}

    @property
    def _own_names(self) -> Container[str]:
        """Those of columns that rows can be read of."""
        return self._declared

    @property
    def _bare_reading(self) -> Reading:
        return Reading("empty", self._subject.format in TEXT_FORMATS)

    def check_table(self, settings: CheckSettings, rules: Sequence[CheckSettings]) -> None:
        """Look at what is promised of the table as a whole."""
        self._check_columns(settings, rules)
        self._check_size(settings)
        for member, wanted in settings.meta.items():
            promise = replace(self._promise(settings, f"meta.{member}"), rule="meta")
            found = check_meta(promise, self._subject, member, wanted)
            self._settle(found if found is not None else NotAscii(promise, self._subject, member))
        if settings.key_unique:
            self._check_key(self._promise(settings, "key_unique"))
        if settings.disjoint is not None:
            for table in settings.disjoint.tables:
                self._check_disjoint(self._promise(settings, "disjoint"), table, settings.disjoint)
        for predicate, text in settings.sql.items():
            self._check_predicate(self._promise(settings, f"sql.{predicate}"), text)

    def check_column(self, checks: ColumnChecks) -> None:
        """Look at what is promised of a column; one that is not there has its finding already."""
        promised = [promise_of_column(self._subject.path, checks, rule) for rule in _promised(checks)]
        if checks.matches is not None:
            check_pattern(promise_of_column(self._subject.path, checks, "matches"), checks.matches)
        if checks.name not in self._names:
            self._rules += len(promised)
            return
        for promise in promised:
            if promise.rule == "references" and checks.references is not None:
                self._check_reference(promise, checks.references)
            elif promise.rule == "documented_in" and checks.documented_in is not None:
                self._check_reference(promise, checks.documented_in)
            else:
                self._check_cells(promise, checks)

    def finish(self) -> Checks:
        """Read rows, if there is anything to find in them."""
        if self._scans:
            self._read_rows = True
            self._findings += run_scans(self._subject, self._scans)
        ordered = sorted(self._findings, key=lambda each: (each.severity != "error", each.line or 0))
        return Checks(tuple(ordered), tuple(self._not_checked), self._rules, self._read_rows)

    def _promise(self, settings: CheckSettings, rule: str) -> Promise:
        return promise_of_table(self._subject.path, settings, rule)

    def _settle(self, found: tuple[Finding, ...] | NotChecked | Scan) -> None:
        """Take an answer, the lack of one, or who will have one when rows were read."""
        if isinstance(found, NotChecked):
            self._not_checked.append(found)
            return
        self._rules += 1
        if isinstance(found, tuple):
            self._findings += found
        else:
            self._scans.append(found)

    # Of the table

    def _check_columns(self, settings: CheckSettings, rules: Sequence[CheckSettings]) -> None:
        missing = tuple(missing_columns(self._subject, settings))
        if settings.columns is not None:
            self._settle(missing)
        else:
            self._findings += missing
        if not settings.extra_columns:
            named = {column for each in rules for column in each.columns or ()}
            named |= {column.name for each in rules for column in each.column_checks}
            promise = self._promise(settings, "extra_columns")
            self._settle(extra_columns(promise, self._subject, frozenset(named)))

    def _check_size(self, settings: CheckSettings) -> None:
        subject, base = self._subject, self._base
        if settings.rows is not None:
            self._settle(check_rows(self._promise(settings, "rows"), subject.row_count, settings.rows))
        if settings.growth is not None:
            promise = self._promise(settings, "growth")
            if base is None:
                self._settle(promise.not_checked(_NO_BASE))
            elif not base.row_count:
                self._settle(promise.not_checked("the version it is compared with has no rows"))
            else:
                self._settle(check_growth(promise, subject.row_count, base.row_count, settings.growth))
        if settings.schema_changes is not None:
            promise = self._promise(settings, "schema_changes")
            if base is None:
                self._settle(promise.not_checked(_NO_BASE))
            else:
                self._settle(check_schema(promise, subject, base, settings.schema_changes))

    def _check_key(self, promise: Promise) -> None:
        key = self._subject.key
        if not key:
            self._settle(promise.not_checked(f"there is no key: {KEY_HINT}"))
            return
        missing = [column for column in key if column not in self._names]
        if missing:
            what = f"the key {listed(key)} is not there: no column {listed(missing)}"
            self._settle(promise.broken(what, measure="key_unique", value=None, limit=", ".join(key)))
        else:
            self._settle(self._ask_key(promise, key))

    def _ask_key(self, promise: Promise, columns: Sequence[str]) -> tuple[Finding, ...]:
        if self._subject.row_count < 2:
            return KEPT
        self._read_rows = True
        is_unique, examples = self._subject.is_key_unique(columns)
        return KEPT if is_unique else tell_repeated_keys(promise, columns, examples)

    def _check_disjoint(self, promise: Promise, table: str, disjoint: Disjoint) -> None:
        other = self._find(promise, table)
        if isinstance(other, tuple):
            self._settle(other)
            return
        if other.path == self._subject.path:
            # A rule for all splits names each of them.
            self._settle(KEPT)
            return
        # What this table is not is to be told of it, and not of the other one, whose rows are read at once.
        sketches_of(self._subject)
        try:
            found = plan_overlap(promise, self._subject, other, disjoint)
        except TableError as exc:
            found = tell_no_table(promise, table, exc)
        self._read_rows |= not isinstance(found, tuple | NotChecked)
        self._settle(found)

    def _check_predicate(self, promise: Promise, text: str) -> None:
        if self._database is None:
            self._database = self._stack.enter_context(closing(Database(promise.origin)))
        columns = [column.name for column in self._subject.columns]
        scan = PredicateScan(self._database, promise, text, columns, self._shown_key(columns))
        self._settle(scan if self._subject.row_count else KEPT)

    def _shown_key(self, columns: Sequence[str]) -> tuple[str, ...]:
        key = self._subject.key
        return key if set(key) <= set(columns) else ()

    def _find(self, promise: Promise, table: str) -> Subject | tuple[Finding, ...]:
        """Return another table, or the finding that there is none."""
        try:
            other = self._others.find(table)
            # Only its profile tells whether it is a table after all.
            sketches_of(other)
        except UnknownDatasetError:
            what = f"{name(table)}, which it speaks of, is not there"
            return promise.broken(what, measure=promise.rule, value=None, limit=table)
        except TableError as exc:
            return tell_no_table(promise, table, exc)
        return other

    # Of a column

    def _check_cells(self, promise: Promise, checks: ColumnChecks) -> None:
        known = self._known(checks.name)
        found = answer(promise, checks, known, self._now) if known is not None else None
        if found is not None:
            self._settle(found)
        elif checks.name not in self._own_names:
            self._settle(promise.not_checked(_OF_A_FIELD))
        elif promise.rule == "type" and checks.type is not None and known is None:
            declared = self._declared[checks.name]
            self._settle(check_declared(promise, declared, checks.type))
        elif promise.rule == "unique":
            if known is not None and known.sketch.nulls < 2:
                self._settle(self._ask_key(promise, (checks.name,)))
            else:
                self._settle(Repeats(promise, self._subject, checks.name))
        else:
            reading = self._readings.get(checks.name) or self._bare_reading
            self._settle(scan_column(promise, checks, reading, self._now))

    def _check_reference(self, promise: Promise, reference: Reference) -> None:
        other = self._find(promise, reference.table)
        if isinstance(other, tuple):
            self._settle(other)
            return
        assert promise.column is not None
        if reference.column not in {column.name for column in other.columns}:
            what = f"{name(reference.table)} has no column `{name(reference.column)}`"
            found = promise.broken(what, measure=promise.rule, value=None, limit=reference.column)
            self._settle(found)
            return
        mode = mode_between(self._subject, promise.column, other, reference.column)
        counts = known_values(self._subject, promise.column, mode)
        if counts is not None:
            self._settle(compare_values(promise, counts, other, reference))
            self._read_rows |= known_values(other, reference.column, mode) is None and counts.total > 0
        elif promise.column not in self._own_names:
            self._settle(promise.not_checked(_OF_A_FIELD))
        else:
            self._settle(Values(promise, promise.column, other, reference, mode))

    def _known(self, column: str) -> Known | None:
        sketch = self._sketches.get(column)
        if sketch is None:
            return None
        declared = self._declared.get(column, sketch.type)
        return Known(sketch, self._readings[column], self._subject.format, declared)


def _promised(checks: ColumnChecks) -> Iterator[str]:
    """Yield the names of the properties that are promised, as in the file."""
    for rule, value in (
        ("type", checks.type),
        ("not_null", checks.not_null or None),
        ("null_fraction", checks.null_fraction),
        ("unique", checks.unique or None),
        ("min", checks.min),
        ("max", checks.max),
        ("in", checks.one_of),
        ("matches", checks.matches),
        ("length", checks.length),
        ("fresh", checks.fresh_s),
        ("references", checks.references),
        ("documented_in", checks.documented_in),
        ("balance", checks.balance),
    ):
        if value is not None:
            yield rule
