"""check: promises about the data, and whether a change is like those before it.

What fits no rule and has not changed costs nothing but a look at it.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from datav.checks.finding import Checked, CheckResult, NotChecked
from datav.errors import DatavError, UnknownDatasetError, UsageError
from datav.relpath import one_line
from datav.repo.checkends import State, find_check_ends, find_origins_of, is_same
from datav.repo.datasets import Dataset, list_datasets
from datav.repo.diffchosen import ALL, Chosen, Part, check_parts, choose_among, may_reach_into
from datav.repo.diffends import DatasetVersion, is_revision, refuse_shallow
from datav.repo.pathrules import find_all_rules
from datav.repo.repository import Repository
from datav.repo.specs import list_names
from datav.settings.checks import CheckSettings

if TYPE_CHECKING:
    from datav.repo.checkdataset import Checker

_Version = DatasetVersion | DatavError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check came to."""

    result: CheckResult
    errors: tuple[DatavError, ...]
    """Why promises could not be looked at: damage, data that is nowhere; `result` says so too."""


def check(
    repository: Repository,
    rev: str | None = None,
    *,
    staged: bool = False,
    against: str | None = None,
    names: Sequence[str] = (),
    now: datetime,
) -> Outcome:
    """Look at the promises that `datav.toml` makes of the data, and at how the data drifted.

    Args:
        rev: what is checked; None: the files on disk, or what is staged.
        against: what that is compared with; by default the commit before.
        names: datasets, paths in one, directories above some, globs; by default everything.
        now: with a time zone.

    Raises:
        UnknownRevisionError: git does not know `rev` or `against`.
        UnknownDatasetError: a name means nothing at either end.
        UsageError: both `rev` and `staged` are given.

    Cost: for what profiles answer, that of starting; rows are read once for all other promises of a table.
    """
    end, other, notes = find_check_ends(repository, rev, staged=staged, against=against)
    head = State(repository, end)
    base = State(repository, other) if other is not None else None
    with ExitStack() as stack:
        work = _Checking(repository, head, base, now, stack, list(notes))
        work.run(_choose(repository, head, base, names))
        work.end()
    result = CheckResult(
        rev=rev,
        commit=end.commit,
        staged=staged,
        against=other.rev if other is not None else None,
        against_commit=other.commit if other is not None else None,
        datasets=tuple(work.found),
        notes=tuple(map(one_line, work.notes)),
    )
    return Outcome(result, tuple(work.errors))


def read_words(repository: Repository, words: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return the revision, if the first word is one, and the names that words mean which no `--` parts.

    Raises:
        UnknownDatasetError: the first word is neither.
        ShallowHistoryError: it is a revision that this clone has not got.
        UsageError: it is two revisions.
    """
    if not words:
        return None, ()
    first, *rest = words
    if ".." in first and is_revision(repository, first):
        before, _, after = first.partition("..." if "..." in first else "..")
        raise UsageError(
            f"{first} is two states, and one is checked",
            hint=f"`datav check {after or 'HEAD'} --against {before or 'HEAD'}` compares it with the other",
        )
    known = dict.fromkeys(list_datasets(repository))
    if (head := repository.git.head()) is not None:
        known |= dict.fromkeys(map(Dataset, list_names(repository, head)))
    if is_revision(repository, first):
        _refuse_second(repository, first, rest, known)
        return first, tuple(rest)
    try:
        choose_among(repository, [first], known)
    except UnknownDatasetError as exc:
        refuse_shallow(repository, first)
        raise UnknownDatasetError(f"{exc}, and git knows no such revision", hint=exc.hint) from exc
    return None, tuple(words)


def _refuse_second(
    repository: Repository, first: str, rest: Sequence[str], known: Mapping[Dataset, None]
) -> None:
    """Raise UsageError where a revision follows another."""
    try:
        choose_among(repository, rest[:1], known)
    except UnknownDatasetError:
        if is_revision(repository, rest[0]):
            raise UsageError(
                f"{first} and {rest[0]} are two revisions, and one is checked",
                hint=f"`datav check {rest[0]} --against {first}` compares it with the other",
            ) from None


def _choose(repository: Repository, head: State, base: State | None, names: Sequence[str]) -> Chosen | None:
    if not names:
        return None
    known = dict.fromkeys([*head.datasets, *(base.datasets if base is not None else ())])
    return choose_among(repository, names, known)


@dataclass
class _Checking:
    """One check under way."""

    repository: Repository
    head: State
    base: State | None
    now: datetime
    opened: ExitStack
    notes: list[str]
    found: list[Checked] = field(default_factory=list)
    errors: list[DatavError] = field(default_factory=list)
    fitting: set[int] = field(default_factory=set)
    """Rules that fit something, by their identity."""
    has_unknown: bool = False
    """Whether there is a directory of which nobody could tell what is in it."""
    _checker: "Checker | None" = None

    def run(self, chosen: Chosen | None) -> None:
        wanted = [each for each in self.head.datasets if chosen is None or each in chosen]
        before = self._read_base(wanted)
        versions = self.head.read(wanted, before)
        if chosen is not None:
            self._check_parts(chosen, before, versions)
        gone = {each: version for each, version in before.items() if each not in versions}
        new = {each: version for each, version in versions.items() if each not in before}
        origins = find_origins_of(new, gone) if gone and new else {}
        for dataset, version in versions.items():
            parts = chosen.get(dataset, ()) if chosen is not None else ALL
            was = before.get(origins.get(dataset, dataset))
            self._check(dataset, version, was, parts, is_named=chosen is not None)
        self._note_gone(set(gone) - set(origins.values()), chosen)
        if chosen is None and not self.has_unknown:
            self._note_idle_rules()

    def end(self) -> None:
        """Add what is worth knowing of all datasets together."""
        self.notes += self._checker.notes if self._checker is not None else ()

    def _check_parts(
        self, chosen: Chosen, before: Mapping[Dataset, _Version], after: Mapping[Dataset, _Version]
    ) -> None:
        """Raise UnknownDatasetError if a name means a path in datasets that neither end has."""
        if all(part.is_all for parts in chosen.values() for part in parts):
            return
        from datav.repo.farreading import Source

        sides = [(before.get(dataset), after.get(dataset)) for dataset in chosen]
        manifests = {
            dataset: [each.manifest for each in both if isinstance(each, DatasetVersion)]
            for dataset, both in zip(chosen, sides, strict=True)
        }
        check_parts(self.repository, Source(self.repository), chosen, manifests)

    def _read_base(self, wanted: Iterable[Dataset]) -> Mapping[Dataset, _Version]:
        """Return what is compared with, and what is there no more."""
        if self.base is None:
            return {}
        here = set(self.head.datasets)
        gone = [each for each in self.base.datasets if each not in here]
        return self.base.read(dict.fromkeys([*wanted, *gone]), {})

    def _check(
        self,
        dataset: Dataset,
        version: _Version,
        before: _Version | None,
        parts: Sequence[Part],
        *,
        is_named: bool,
    ) -> None:
        if isinstance(version, DatavError):
            self._fail(dataset, version)
            return
        if isinstance(before, DatavError):
            self.notes.append(f"{dataset} as it was before cannot be compared with: {before}")
            before = None
        rules = find_all_rules(self.repository.settings.checks, bytes(dataset.path))
        inside = self._rules_inside(dataset, version, rules)
        self.fitting.update(map(id, rules))
        same = is_same(before, version) if before is not None else True
        if same and not rules and not inside:
            if is_named:
                self.found.append(Checked(str(dataset), 0, (), is_changed=None if before is None else False))
            return
        self._look(version, before, rules, inside, parts)

    def _look(
        self,
        version: DatasetVersion,
        before: DatasetVersion | None,
        rules: Sequence[CheckSettings],
        inside: Sequence[CheckSettings],
        parts: Sequence[Part],
    ) -> None:
        # Only here: what reads profiles and tables takes longer to import than most checks.
        from datav.repo.checkdataset import Asked, Checker

        if self._checker is None:
            checker = Checker(self.repository, self.head, self.base, self.now)
            self._checker = self.opened.enter_context(checker)
        answer = self._checker.check(Asked(version, before, rules, inside, parts))
        self.found += answer.checked
        self.fitting |= answer.fitting
        self.notes += answer.notes
        self.errors += answer.errors
        self.has_unknown |= bool(answer.errors) and bool(inside)

    def _rules_inside(
        self, dataset: Dataset, version: DatasetVersion, rules: Sequence[CheckSettings]
    ) -> list[CheckSettings]:
        """Return the rules that may fit files in a directory, and do not fit all of it."""
        if version.kind != "directory":
            return []
        return [
            rule
            for rule in self.repository.settings.checks
            if rule not in rules and _may_fit_inside(rule.glob, dataset)
        ]

    def _fail(self, dataset: Dataset, error: DatavError) -> None:
        self.errors.append(error)
        self.has_unknown = True
        self.fitting.update(map(id, find_all_rules(self.repository.settings.checks, bytes(dataset.path))))
        missed = NotChecked(str(dataset), "check", None, one_line(str(error)))
        self.found.append(Checked(str(dataset), 0, (), (missed,)))

    def _note_gone(self, gone: Iterable[Dataset], chosen: Chosen | None) -> None:
        for dataset in sorted(gone, key=str):
            if chosen is None or dataset in chosen:
                self.notes.append(f"{dataset} is not there any more, and nothing was checked of it")

    def _note_idle_rules(self) -> None:
        for rule in self.repository.settings.checks:
            if id(rule) not in self.fitting:
                line = min(rule.lines.values(), default=None)
                where = "" if line is None else f" (datav.toml:{line})"
                self.notes.append(f'[check."{rule.glob}"]{where} fits no dataset, and no file in one')


def _may_fit_inside(glob: str, dataset: Dataset) -> bool:
    return "/" not in glob or may_reach_into(glob.removeprefix("/").encode(), dataset)
