"""One dataset checked: the promises that fit it, those that fit files in it, and its drift."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from datav.checks.expectations import Checks, check_expectations
from datav.checks.finding import Checked, Finding, NotChecked
from datav.errors import DatavError, IntegrityError, MissingChunkError, StorageError, TableError
from datav.formats.entry import Entry
from datav.profiles.folders import find_extension
from datav.profiles.partitions import FORMATS
from datav.relpath import one_line
from datav.repo.checkapart import take_apart
from datav.repo.checkends import State
from datav.repo.checkothers import OthersAt
from datav.repo.checksubjects import SubjectAt, list_files, subject_in, subject_of
from datav.repo.checkversions import CheckedVersion, Opened
from datav.repo.datasets import Dataset
from datav.repo.diffchosen import Part
from datav.repo.diffends import DatasetVersion
from datav.repo.gate import Gate, Gated
from datav.repo.pathrules import find_all_rules
from datav.repo.profile import NoProfile
from datav.repo.profilefolders import full_path
from datav.repo.repository import Repository
from datav.settings.checks import DRIFT_POLICIES, CheckSettings, DriftPolicy

_T = TypeVar("_T")

# What makes a pattern of a name.
_WILD = "*?["


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one dataset."""

    version: DatasetVersion
    before: DatasetVersion | None
    """What it is compared with."""
    rules: Sequence[CheckSettings]
    """Those that fit the dataset itself."""
    rules_inside: Sequence[CheckSettings]
    """Those that may fit files in it."""
    parts: Sequence[Part]
    """What of it was named; one of them is all of it unless paths in it were."""
    turned: Sequence[CheckSettings] = ()
    """Those of `rules_inside` that fit the dataset itself, whose files are no table."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one dataset."""

    checked: tuple[Checked, ...]
    """The dataset itself, then files in it."""
    fitting: frozenset[int] = frozenset()
    """Of `rules_inside`, by their identity, those that fit a file."""
    notes: tuple[str, ...] = ()
    errors: tuple[DatavError, ...] = ()
    """Why promises could not be looked at; the reasons are in `checked` as well."""


class Checker:
    """Checks datasets of one end; a context manager: leaving it closes what was opened."""

    def __init__(self, repository: Repository, head: State, base: State | None, now: datetime) -> None:
        self._repository = repository
        self._head, self._base = head, base
        self._now = now
        self._stack = ExitStack()
        self._opened = self._stack.enter_context(Opened(repository))
        self._others = OthersAt(self._opened, head)
        self._gate: Gate | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def check(self, asked: Asked) -> Answered:
        """Look at all that is asked of a dataset; what cannot be is in the answer."""
        work = _Work(str(asked.version.dataset))
        version = self._opened.version(asked.version, self._head.end.commit)
        before = None
        if asked.before is not None:
            assert self._base is not None, "what is compared with is at an end"
            before = self._opened.version(asked.before, self._base.end.commit)
        is_whole = any(part.is_all for part in asked.parts)
        is_changed = work.attempt(asked.rules, None, partial(_is_changed, version, before))
        if work.errors:
            return work.answer()
        if version.is_directory and asked.rules:
            asked = work.attempt(asked.rules, None, partial(_turned_inside, asked, version)) or asked
        if is_whole and not work.errors:
            work.checked.append(self._check_whole(asked, version, before, is_changed, work))
        if asked.rules_inside and version.is_directory and not work.errors:
            files = partial(self._check_inside, asked, version, before, work)
            work.attempt(asked.rules_inside, None, files)
            for rule in asked.turned if is_whole else ():
                if id(rule) not in work.fitting:
                    reason = f"{version.dataset} is no table, and no table in it fits"
                    work.missed.append(NotChecked(work.path, "check", None, reason, _line([rule])))
        if not is_whole and not work.checked and not work.errors:
            names = ", ".join(part.name for part in asked.parts)
            work.notes.append(
                f"nothing is promised of {names} alone; `datav check {work.path}` checks all of it"
            )
        # Of what was edited meanwhile nobody knows which half was seen.
        work.attempt(asked.rules, None, self._opened.sources.check)
        return work.answer()

    def _check_whole(
        self,
        asked: Asked,
        version: CheckedVersion,
        before: CheckedVersion | None,
        is_changed: bool | None,
        work: "_Work",
    ) -> Checked:
        drift = Gated()
        if before is not None and is_changed:
            judge = partial(self._judge, version, before, asked.rules)
            drift = work.attempt(asked.rules, "drift", judge) or drift
        checks = Checks()
        if asked.rules:
            base = self._base_subject(asked.rules, before, work)
            expect = partial(self._expect, subject_of(version), asked.rules, base, work)
            checks = work.attempt(asked.rules, None, expect) or checks
        return _joined(work.path, None, is_changed, checks, drift)

    def _judge(
        self, version: CheckedVersion, before: CheckedVersion, rules: Sequence[CheckSettings]
    ) -> Gated:
        """Return whether a change is like those that the dataset took before."""
        assert self._base is not None, "what is compared with is at an end"
        if self._gate is None:
            self._gate = Gate(self._opened, self._head, self._base.end)
        return self._gate.check(before, version, _policy(rules))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing of the drift of all datasets together."""
        return self._gate.notes if self._gate is not None else ()

    def _check_inside(
        self, asked: Asked, version: CheckedVersion, before: CheckedVersion | None, work: "_Work"
    ) -> None:
        """Look at the files of a directory that rules fit, each a table of its own."""
        files = [
            (entry, rules)
            for entry in list_files(version)
            if any(part.holds(version.dataset, entry.path) for part in asked.parts)
            if (rules := _rules_of(full_path(version.at, entry.path), asked.rules_inside))
        ]
        if not files:
            return
        old: dict[bytes, Entry] = {}
        if before is not None and before.is_directory:
            old = {
                entry.path: entry
                for entry in work.try_base(partial(list_files, before), before.dataset) or ()
            }
        for entry, rules in files:
            work.fitting.update(map(id, rules))
            subject = subject_in(version, entry)
            base, is_changed = None, None
            if before is not None and entry.path in old:
                was = old[entry.path]
                is_changed = was.content != entry.content
                base = subject_in(before, was)
                if not _needs_base(rules) or work.try_base(partial(_profile, base), before.dataset) is None:
                    base = None
            inside = _Work(subject.path)
            expect = partial(self._expect, subject, rules, base, inside)
            checks = inside.attempt(rules, None, expect) or Checks()
            checked = _joined(subject.path, str(version.dataset), is_changed, checks, Gated())
            work.checked.append(inside.with_missed(checked))
            work.errors += inside.errors

    def _base_subject(
        self, rules: Sequence[CheckSettings], before: CheckedVersion | None, work: "_Work"
    ) -> SubjectAt | None:
        """Return what a dataset is compared with; None where no rule asks, or it cannot be read."""
        if before is None or not _needs_base(rules):
            return None
        base = subject_of(before)
        return None if work.try_base(partial(_profile, base), before.dataset) is None else base

    def _expect(
        self, subject: SubjectAt, rules: Sequence[CheckSettings], base: SubjectAt | None, work: "_Work"
    ) -> Checks:
        try:
            return check_expectations(subject, rules, self._others, base, self._now)
        except TableError as exc:
            # What its manifest declares can be looked at all the same.
            declared = [_only_meta(rule) for rule in rules]
            checks = check_expectations(subject, declared, self._others, None, self._now)
            missed = [rule for rule, kept in zip(rules, declared, strict=True) if rule != kept]
            return _without_table(subject, missed, checks, exc)
        except (IntegrityError, StorageError) as exc:
            # Its data is nowhere, or cannot be reached; the profile may know some of what is asked.
            work.errors.append(_named(exc, work.path))
            return self._expect_each(subject, rules, base)

    def _expect_each(
        self, subject: SubjectAt, rules: Sequence[CheckSettings], base: SubjectAt | None
    ) -> Checks:
        """Look at promises one by one; those that need what cannot be read are not checked."""
        found: list[Checks] = []
        missed: list[NotChecked] = []
        for single in take_apart(rules):
            try:
                found.append(check_expectations(subject, single.settings, self._others, base, self._now))
            except DatavError as exc:
                reason = one_line(str(exc))
                missed.append(NotChecked(subject.path, single.rule, single.column, reason, single.line))
        # That a column is not there each of its promises says.
        findings = dict.fromkeys(finding for each in found for finding in each.findings)
        not_checked = [item for each in found for item in each.not_checked]
        return Checks(
            tuple(findings),
            (*not_checked, *missed),
            sum(each.rules for each in found),
            any(each.read_rows for each in found),
        )


@dataclass
class _Work:
    """One dataset, or a file in one, under way."""

    path: str
    checked: list[Checked] = field(default_factory=list)
    missed: list[NotChecked] = field(default_factory=list)
    fitting: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    errors: list[DatavError] = field(default_factory=list)

    def attempt(
        self, rules: Sequence[CheckSettings], rule: str | None, action: Callable[[], _T]
    ) -> _T | None:
        """Return what an action does; None where it cannot be done, which is kept as what was missed."""
        try:
            return action()
        except DatavError as exc:
            self.errors.append(_named(exc, self.path))
            reason = one_line(str(exc))
            if rule is not None or not rules:
                self.missed.append(NotChecked(self.path, rule or "drift", None, reason))
            else:
                self.missed.append(NotChecked(self.path, "check", None, reason, _line(rules)))
        return None

    def try_base(self, action: Callable[[], _T], dataset: Dataset) -> _T | None:
        """Return what is known of the version compared with; a note where that cannot be told."""
        try:
            return action()
        except DatavError as exc:
            note = f"{dataset} as it was before cannot be compared with: {exc}"
            if note not in self.notes:
                self.notes.append(note)
        return None

    def with_missed(self, checked: Checked) -> Checked:
        return replace(checked, not_checked=(*checked.not_checked, *self.missed))

    def answer(self) -> Answered:
        checked = list(self.checked)
        if self.missed and not any(each.path == self.path for each in checked):
            checked.insert(0, Checked(self.path, 0, ()))
        checked = [self.with_missed(each) if each.path == self.path else each for each in checked]
        return Answered(tuple(checked), frozenset(self.fitting), tuple(self.notes), tuple(self.errors))


def _line(rules: Sequence[CheckSettings]) -> int | None:
    """Return the first line of `datav.toml` at which one of some rules stands."""
    return min((line for rule in rules for line in rule.lines.values()), default=None)


def _turned_inside(asked: Asked, version: CheckedVersion) -> Asked:
    """Return what is asked of a directory; of one that is no table, what is promised of tables is asked of
    those in it."""
    found = version.found_profile
    if not isinstance(found, NoProfile) and found.profile.table is not None:
        return asked
    turned = [rule for rule in asked.rules if not _is_name(rule.glob)]
    kept = [_only_meta(rule) if rule in turned else rule for rule in asked.rules]
    return replace(asked, rules=kept, rules_inside=[*turned, *asked.rules_inside], turned=turned)


def _is_changed(version: CheckedVersion, before: CheckedVersion | None) -> bool | None:
    if before is None:
        return None
    return version.is_directory != before.is_directory or version.content != before.content


def _joined(path: str, dataset: str | None, is_changed: bool | None, checks: Checks, drift: Gated) -> Checked:
    findings = (*checks.findings, *drift.findings)
    return Checked(
        path=path,
        rules=checks.rules,
        measures=drift.measures,
        findings=tuple(sorted(findings, key=lambda each: each.severity != "error")),
        not_checked=(*checks.not_checked, *drift.not_checked),
        read_rows=checks.read_rows or drift.read_rows,
        is_changed=is_changed,
        dataset=dataset,
    )


def _policy(rules: Sequence[CheckSettings]) -> DriftPolicy | None:
    """Return the strictest that any rule says."""
    said = [rule.drift for rule in rules]
    return next((policy for policy in DRIFT_POLICIES if policy in said), None)


def _needs_base(rules: Sequence[CheckSettings]) -> bool:
    return any(rule.growth is not None or rule.schema_changes is not None for rule in rules)


def _profile(subject: SubjectAt) -> object:
    return subject.profile


def _only_meta(rule: CheckSettings) -> CheckSettings:
    return CheckSettings(glob=rule.glob, meta=rule.meta, warn=rule.warn, lines=rule.lines)


def _without_table(
    subject: SubjectAt, rules: Sequence[CheckSettings], checks: Checks, error: TableError
) -> Checks:
    """Return what is to be said of what is no table although something is promised of one."""
    if not rules:
        return checks
    line = _line(rules)
    reason = one_line(str(error))
    if not _claims_to_be_table(subject.raw_path):
        missed = NotChecked(subject.path, "check", None, reason, line)
        return replace(checks, not_checked=(*checks.not_checked, missed))
    broken = Finding(
        path=subject.path,
        rule="table",
        severity="error",
        column=None,
        message=reason if subject.path in reason else f"{subject.path} {reason}",
        measure="table",
        value=None,
        limit=None,
        origin="datav.toml" if line is None else f"datav.toml:{line}",
        line=line,
    )
    return replace(checks, findings=(broken, *checks.findings), rules=checks.rules + 1)


def _rules_of(path: bytes, rules: Sequence[CheckSettings]) -> list[CheckSettings]:
    """Return the rules that fit a file in a directory.

    A pattern means tables; another file is meant by its name, or by the end of it.
    """
    found = find_all_rules(rules, path)
    if _claims_to_be_table(path):
        return found
    end = find_extension(path.rpartition(b"/")[2]).decode("utf-8", "replace")
    return [rule for rule in found if _is_name(rule.glob) or (end and rule.glob.endswith(end))]


def _claims_to_be_table(path: bytes) -> bool:
    """Whether a name says that the file is a table; `.txt` says nothing."""
    name = path.rpartition(b"/")[2]
    for packed in (b".gz", b".zst"):
        name = name.removesuffix(packed)
    return find_extension(name) in FORMATS


def _is_name(glob: str) -> bool:
    return not any(mark in glob for mark in _WILD)


def _named(error: DatavError, path: str) -> DatavError:
    """Return an error that says of which data."""
    if path in (word.strip(":,") for word in str(error).split()):
        return error
    if isinstance(error, MissingChunkError):
        return MissingChunkError(f"{path}: {error}", hint=error.hint)
    return DatavError(f"{path}: {error}", hint=error.hint)
