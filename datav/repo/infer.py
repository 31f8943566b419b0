"""check --infer: a first set of promises, from the data and its history, appended to `datav.toml`.

Every promise is looked at in all versions that have a profile before it is written; what one of them breaks
is left out.  The user's text stays byte for byte.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from datav.checks.expectations import check_expectations
from datav.checks.history import History, read_facts, recent_history, scan_patterns
from datav.checks.inferring import Surroundings, columns_to_read, infer_promises, tell_rest
from datav.checks.promises import counted
from datav.checks.proposals import Proposal, encode_block
from datav.checks.subject import Subject
from datav.errors import DatavError, FormatError, NotARepositoryError, UsageError
from datav.formats.manifest import ColumnInfo
from datav.profiles.profile import TableProfile
from datav.relpath import RelPath, one_line
from datav.repo import settingstext
from datav.repo.checkends import CheckEnd, State
from datav.repo.checkothers import OthersAt
from datav.repo.checksubjects import SubjectAt, subject_of
from datav.repo.checkversions import CheckedVersion, Opened
from datav.repo.datasets import Dataset
from datav.repo.diffchosen import choose_among
from datav.repo.diffends import DatasetVersion
from datav.repo.pastversions import Past, PastVersion, find_past
from datav.repo.pathrules import fits
from datav.repo.repository import Repository, read_settings_text
from datav.settings import FILE_NAME, encode_text, parse_settings
from datav.settings.checks import CheckSettings
from datav.storage.durable import write_atomic

# Whether keys of earlier versions repeat takes reading them: so many bytes of these, the newest first.
_MOST_READ = 64 * 2**20

_SPLIT = re.compile(
    rb"(?<![a-zA-Z])(?:train|training|test|testing|val|valid|validation|dev)(?![a-zA-Z])", re.I
)
_SPECIAL = re.compile(r"([*?\[\\])")


@dataclass(frozen=True, slots=True)
class Inferred:
    """What was inferred of one dataset."""

    path: RelPath
    pattern: str = ""
    """Under which it stands in the settings."""
    proposals: tuple[Proposal, ...] = ()
    dropped: tuple[Proposal, ...] = ()
    """What speaks for itself and is broken by a version all the same."""
    text: str = ""
    """The tables of `datav.toml`."""
    versions: int = 0
    """That it is inferred from, the one on disk included."""
    left_out: int = 0
    """Older versions, whose columns are others."""
    without_profile: int = 0
    """Versions of which nothing is known."""
    is_cut: bool = False
    """Whether there may be older versions that this shallow clone has not got."""
    is_written: bool = False
    line: int | None = None
    """Where it stands in `datav.toml`, now or before."""
    error: DatavError | None = None
    """Why nothing was inferred."""

    @property
    def promised(self) -> int:
        return sum(each.is_active for each in self.proposals)


@dataclass(frozen=True, slots=True)
class Inference:
    """What was inferred."""

    datasets: tuple[Inferred, ...]


def infer(repository: Repository, names: Sequence[str], *, now: datetime) -> Inference:
    """Propose promises of datasets, and append those of which nothing is promised yet to `datav.toml`.

    Args:
        names: datasets, directories above some, globs.
        now: with a time zone.

    Raises:
        UnknownDatasetError: a name means nothing.
        UsageError: a name means a path in a dataset, or `datav.toml` cannot be edited.

    Cost: profiles of all versions that have one; the rows on disk, where a profile cannot tell whether a
    promise is kept; of earlier versions, up to _MOST_READ, whether keys repeat.
    """
    state = State(repository, CheckEnd(None, None))
    chosen = choose_among(repository, names, state.datasets)
    for dataset, parts in chosen.items():
        for part in parts:
            if not part.is_all and not any(each.is_all for each in parts):
                hint = f"`datav check --infer {repository.shown(dataset.path)}` infers promises of all of it"
                raise UsageError(f"{part.name} is in a dataset, whose versions are one", hint=hint)
    versions = state.read(list(chosen), {})
    found = []
    with Opened(repository) as opened:
        for dataset in chosen:
            work = _Inferring(opened, state, dataset, now)
            try:
                found.append(work.run(versions.get(dataset)))
            except DatavError as exc:
                found.append(Inferred(dataset.path, error=exc))
        opened.sources.check()
    return Inference(_written(repository, found))


@dataclass
class _Inferring:
    """One dataset under way."""

    opened: Opened
    state: State
    dataset: Dataset
    now: datetime
    unread: int = _MOST_READ
    missing: int = 0

    def run(self, version: DatasetVersion | DatavError | None) -> Inferred:
        if isinstance(version, DatavError):
            raise version
        if version is None:
            raise FormatError(f"{self.dataset} is not there")
        pattern = self._pattern()
        now = self.opened.version(version)
        subject = subject_of(now)
        past, is_cut = self._find_past(now)
        self.opened.repository.progress.start(f"inferring from {len(past) + 1} versions", None, "versions")
        known = [(each, facts) for each in past if (facts := self._facts(each)) is not None]
        history = recent_history([*(facts for _, facts in known), read_facts(subject)])
        recent = [each for each, _ in known[history.left_out :]]
        patterns = scan_patterns(subject, columns_to_read(history))
        encoding = subject.meta.get("encoding")
        around = Surroundings(patterns, encoding if isinstance(encoding, str) else None, self._splits())
        found = infer_promises(history, around)
        kept = self._without_broken(found, pattern, subject, recent)
        return Inferred(
            self.dataset.path,
            pattern,
            tuple(kept),
            tuple(each for each in found if each not in kept),
            encode_block(pattern, kept, _heading(history), tell_rest(history)),
            len(history.versions),
            history.left_out,
            self.missing,
            is_cut,
        )

    def _pattern(self) -> str:
        """Return a pattern that fits this dataset and, as things are, nothing else.

        Raises:
            UsageError: no text of TOML says its path.
        """
        text = self.dataset.path.text
        if not settingstext.is_utf8(text):
            raise UsageError(f"{self.dataset} cannot be named in {FILE_NAME}: its name is not UTF-8")
        pattern = _SPECIAL.sub(r"\\\1", text)
        if "/" not in pattern:
            others = [each for each in self.state.datasets if each != self.dataset]
            is_elsewhere = any(fits(pattern, bytes(each.path)) for each in others)
            pattern = f"/{pattern}" if is_elsewhere else pattern
        return pattern

    def _find_past(self, now: CheckedVersion) -> tuple[list[PastVersion], bool]:
        """Return the versions before the one that is there, the oldest first."""
        repository = self.opened.repository
        past = find_past(repository, self.dataset, "HEAD") if repository.git.head() else Past((), False)
        found = list(past.versions)
        if now.manifest.conflict is None:
            found.append(PastVersion("", self.dataset, now.manifest))
        # Each is another one than the one before; the last is that of the manifest, or was edited since.
        ids = [each.id for each in found] + [f"b3:{now.content.id.hex()}"]
        kept = [each for each, (own, after) in zip(found, pairwise(ids), strict=True) if own != after]
        return kept, past.is_cut

    def _facts(self, past: PastVersion) -> Any:
        """Return what is known of a version; None: nothing."""
        with suppress(DatavError):
            subject = self._try_subject(past)
            if subject is not None:
                return read_facts(subject)
        self.missing += 1
        return None

    def _try_subject(self, past: PastVersion) -> "_ByProfile | None":
        """Return an earlier version; None: it has no profile, or nobody can read it."""
        with suppress(DatavError):
            if self.opened.profiles.named(past.dataset, past.manifest) is not None:
                stored = DatasetVersion(past.dataset, past.manifest, on_disk=False)
                return _ByProfile(subject_of(self.opened.version(stored, past.commit or None)))
        return None

    def _splits(self) -> tuple[str, ...]:
        """Return the other datasets that are called as other parts of one data set are: `test.csv`."""
        own = _template(self.dataset)
        if own is None:
            return ()
        others = (each for each in self.state.datasets if each != self.dataset and _template(each) == own)
        return tuple(each.path.text for each in others if settingstext.is_utf8(each.path.text))

    def _without_broken(
        self, found: Sequence[Proposal], pattern: str, subject: Subject, past: Sequence[PastVersion]
    ) -> list[Proposal]:
        """Return what no version breaks, and what is only suggested."""
        rule = _parse(pattern, found)
        if rule is None:
            return list(found)
        before = self._try_subject(past[-1]) if past else None
        broken = self._broken(subject, rule, before)
        # The newest first: of these keys are read.
        for place in range(len(past) - 1, -1, -1):
            after, before = before, self._try_subject(past[place - 1]) if place else None
            if after is None:
                continue
            size = past[place].manifest.content.size
            after.may_read = size <= self.unread
            with suppress(DatavError):
                broken |= self._broken(after, rule, before)
            self.unread -= size * after.has_read
        return _kept(found, broken)

    def _broken(
        self, subject: Subject, rule: CheckSettings, before: Subject | None
    ) -> set[tuple[str | None, str]]:
        checks = check_expectations(subject, [rule], OthersAt(self.opened, self.state), before, self.now)
        missed = {
            (each.column, each.rule)
            for each in checks.not_checked
            # The first version has none before it.
            if before is not None or each.rule not in ("growth", "schema_changes")
        }
        return {(each.column, each.rule) for each in checks.findings} | missed


@dataclass
class _ByProfile:
    """An earlier version, of which what its profile does not tell counts as kept; implements Subject.

    Args:
        may_read: its rows may be read for whether keys repeat.
    """

    subject: SubjectAt
    may_read: bool = False
    has_read: bool = field(default=False, init=False)

    @property
    def path(self) -> str:
        return self.subject.path

    @property
    def format(self) -> str:
        return self.subject.format

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        return self.subject.columns

    @property
    def key(self) -> tuple[str, ...]:
        return self.subject.key

    @property
    def encoding(self) -> str | None:
        return self.subject.info.encoding if self.subject.info is not None else None

    @property
    def meta(self) -> Any:
        return self.subject.meta

    @property
    def row_count(self) -> int:
        return self.subject.row_count

    @property
    def profile(self) -> TableProfile:
        return self.subject.profile

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        return iter(())

    def is_key_unique(self, columns: Sequence[str]) -> tuple[bool, tuple[str, ...]]:
        if not self.may_read:
            return True, ()
        self.has_read = True
        with suppress(DatavError):
            return self.subject.is_key_unique(columns)
        return True, ()


def _heading(history: History) -> tuple[str, ...]:
    number, rows = counted(len(history.versions), "version"), counted(history.last.rows, "row")
    return (
        f"Inferred by `datav check --infer` from {number}, the last of {rows}; so far each promise is kept.",
        "Lines that are commented out are suggestions: remove the `#` where they are meant.",
        'The drift gate is on as well, by limits of its own; `drift = "warn"` makes it only warn.',
    )


def _parse(pattern: str, proposals: Sequence[Proposal]) -> CheckSettings | None:
    """Return what is promised, as the settings have it; None: nothing."""
    active = [each for each in proposals if each.is_active]
    if not active:
        return None
    (rule,) = parse_settings(f"datav = 1\n{encode_block(pattern, active)}").checks
    return rule


def _kept(found: Sequence[Proposal], broken: set[tuple[str | None, str]]) -> list[Proposal]:
    gone = {column for column, rule in broken if rule == "columns" and column is not None}
    kept = [
        each
        for each in found
        if not each.is_active
        or not (
            (each.column, each.rule) in broken or (each.column in gone) or (each.rule == "columns" and gone)
        )
    ]
    has_lost = any(
        each.is_active and (each.column is not None or each.rule == "columns")
        for each in found
        if each not in kept
    )
    if has_lost and not any(each.rule == "columns" for each in kept):
        # Nothing else names the columns that there may be.
        kept = [each for each in kept if each.rule != "extra_columns"]
    return kept


def _template(dataset: Dataset) -> bytes | None:
    """Return a path with a mark in place of the word that says which split it is; None: it says none."""
    above, slash, name = bytes(dataset.path).rpartition(b"/")
    found, number = _SPLIT.subn(b"\0", name)
    return above + slash + found if number == 1 else None


def _written(repository: Repository, found: Sequence[Inferred]) -> tuple[Inferred, ...]:
    """Append what is new to `datav.toml`, if it still is what was read; return all with where it stands.

    Raises:
        UsageError: the file is written in a way that cannot be edited, or was changed meanwhile.
    """
    file = repository.root / FILE_NAME
    before = read_settings_text(file)
    if before is None:
        raise NotARepositoryError(f"datav is not set up in {repository.root}", hint="run `datav init`")
    promised = {each.glob.removeprefix("/"): each for each in parse_settings(before).checks}
    text, results = before, []
    for each in found:
        known = promised.get(each.pattern.removeprefix("/"))
        if known is not None:
            results.append(replace(each, line=min(known.lines.values(), default=None)))
        elif each.promised:
            text = settingstext.append_table(text, each.text)
            line = text.count("\n") - each.text.count("\n") + 1
            results.append(replace(each, is_written=True, line=line))
        else:
            results.append(each)
    if text != before:
        _refuse_other(before, text, [each for each in results if each.is_written])
        with repository.editing():
            if read_settings_text(file) != before:
                raise UsageError(
                    f"{FILE_NAME} was changed by somebody else meanwhile",
                    hint="look at it, then run the command again",
                )
            repository.claim()
            write_atomic(file, text.encode())
    return tuple(results)


def _refuse_other(before: str, after: str, written: Sequence[Inferred]) -> None:
    """Raise UsageError unless a text says what it said, and what was written."""
    try:
        new, old = parse_settings(after), parse_settings(before)
    except UsageError as exc:
        names = ", ".join(encode_text(each.pattern) for each in written)
        raise UsageError(
            f"{FILE_NAME} is written in a way that datav cannot append to: {one_line(str(exc))}",
            hint=f"tables such as `[check.{names}]` have to fit behind its text",
        ) from exc
    same = replace(new, checks=new.checks[: len(old.checks)]) == old
    if not same or [each.glob for each in new.checks[len(old.checks) :]] != [
        each.pattern for each in written
    ]:
        raise UsageError(f"{FILE_NAME} is written in a way that datav cannot append to")
