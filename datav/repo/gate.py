"""The drift gate of a check: limits found or learned, versions measured, what is beyond told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from datav.checks.finding import Finding, NotChecked
from datav.checks.gate import Judged, judge_steps, warn_of_broken
from datav.checks.learning import FEWEST_STEPS, WINDOWS, Step, learn
from datav.checks.moves import measure_rows
from datav.drift.comparing import compare_profiles
from datav.errors import DatavError
from datav.formats.limits import Limits
from datav.profiles.profile import TableProfile
from datav.relpath import one_line
from datav.repo.checkends import CheckEnd, State
from datav.repo.checkversions import CheckedVersion, Opened
from datav.repo.limitsfile import read_limits
from datav.repo.pastversions import find_past
from datav.repo.profile import NoProfile
from datav.repo.steps import End, Steps, past_end
from datav.settings.checks import DriftPolicy

# Columns that are compared to learn limits that nobody wrote down: some milliseconds each, once.
_MOST_COMPARED = 5000


@dataclass(frozen=True, slots=True)
class Gated:
    """What the gate says of one dataset."""

    findings: tuple[Finding, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    measures: int = 0
    """How many were looked at."""
    read_rows: bool = False


class Gate:
    """Looks at what changed between two states, dataset by dataset.

    Args:
        state: what is checked: its limits count, so that who changes data on purpose can say so in the same
            commit.
        base: what it is compared with: what is normal is learned from its history.
    """

    def __init__(self, opened: Opened, state: State, base: CheckEnd) -> None:
        self._opened = opened
        self._state = state
        self._base = base
        self._steps = Steps(opened, rows=False, make=False)
        self._learned: list[str] = []
        self._is_cut = False
        self._accepted = 0

    def check(self, before: CheckedVersion, after: CheckedVersion, policy: DriftPolicy | None) -> Gated:
        """Return what is not normal about a change of a dataset; nothing of what is no table.

        Raises:
            FormatError: the file of limits is damaged.
            MissingChunkError: a profile is nowhere, nor the data to make it of.
        """
        if policy == "off":
            return Gated()
        tables = [_table_of(version) for version in (before, after)]
        old, new = tables
        if old is None or new is None:
            return Gated()
        path = str(after.dataset)
        ends = _end_of(before), _end_of(after)
        self._steps.give({ends[0].id: old, ends[1].id: new})
        past = self._find_past(before, ends[0])
        limits = read_limits(self._opened.repository, self._state, after.dataset)
        if limits is None:
            limits = learn(self._steps.walk(past[-_affordable(len(new.columns)) :]))
            if limits.steps >= FEWEST_STEPS:
                self._learned.append(path)
        if limits.steps < FEWEST_STEPS:
            steps = "there is 1 step" if limits.steps == 1 else f"there are {limits.steps} steps"
            why = f"{steps} of history with profiles to learn from, and {FEWEST_STEPS} are needed"
            drift = compare_profiles(old, new)
            return Gated(warn_of_broken(path, drift, why), measures=len(drift.columns))
        judged, not_checked, read_rows = self._judge(path, limits, past, ends[1], (old, new), policy)
        self._accepted += len(judged.accepted)
        return Gated(judged.findings, not_checked, judged.measures, read_rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing of all that was looked at."""
        found = []
        if self._learned:
            names = ", ".join(self._learned[:3]) + (" and others" if len(self._learned) > 3 else "")
            found.append(
                f"limits of {names} were learned just now; `datav check --calibrate` writes them down, "
                "and looks at rows too"
            )
        if self._is_cut:
            found.append(
                "history is cut off in this shallow clone: what drifts slowly may not be seen "
                "(`git fetch --unshallow` brings all of it)"
            )
        if self._accepted:
            one = "1 unusual measure is" if self._accepted == 1 else f"{self._accepted} unusual measures are"
            found.append(f"{one} listed as known in the files of limits")
        return tuple(found)

    def _find_past(self, before: CheckedVersion, end: End) -> list[End]:
        """Return the versions up to the one compared with."""
        if self._base.commit is None:
            return [end]
        past = find_past(self._opened.repository, before.dataset, self._base.commit)
        self._is_cut = self._is_cut or past.is_cut
        ends = [past_end(version) for version in past.versions]
        if not ends or ends[-1].id != end.id:
            ends.append(end)
        ends[-1] = replace(end, commit=ends[-1].commit)
        return ends

    def _judge(
        self,
        path: str,
        limits: Limits,
        past: Sequence[End],
        after: End,
        tables: tuple[TableProfile, TableProfile],
        policy: DriftPolicy | None,
    ) -> tuple[Judged, tuple[NotChecked, ...], bool]:
        now = [self._measure(past, after, window) for window in WINDOWS]
        earlier = {
            window: self._measure(past[:-1], past[-1], window)
            for window in WINDOWS
            if window > 1 and len(past) > window
        }
        steps = [step for step in now if step is not None]
        not_checked: tuple[NotChecked, ...] = ()
        read_rows = False
        if limits.row_steps >= FEWEST_STEPS and steps:
            try:
                rows = self._steps.compare_rows(past[-1], after, *tables, far=True)
            except DatavError as exc:
                not_checked = (NotChecked(path, "drift", None, f"rows: {one_line(str(exc))}"),)
            else:
                read_rows = rows is not None
                if rows is not None:
                    steps[0] = replace(steps[0], moves={**steps[0].moves, **measure_rows(rows)})
        severity: Literal["error", "warn"] = "warn" if policy == "warn" else "error"
        told = {window: step for window, step in earlier.items() if step is not None}
        return judge_steps(path, limits, steps, told, severity), not_checked, read_rows

    def _measure(self, past: Sequence[End], after: End, window: int) -> Step | None:
        """Return how far a version is from the one so many versions back; None if that is not there."""
        if len(past) < window:
            return None
        return self._steps.measure(past[-window], after, window, past[len(past) - window + 1 :])


def _affordable(columns: int) -> int:
    """Return of how many versions is learned while somebody waits."""
    return max(FEWEST_STEPS + 1, _MOST_COMPARED // (len(WINDOWS) * max(1, columns)))


def _table_of(version: CheckedVersion) -> TableProfile | None:
    found = version.found_profile
    return None if isinstance(found, NoProfile) else found.profile.table


def _end_of(version: CheckedVersion) -> End:
    return End(f"b3:{version.content.id.hex()}", version.commit or "", version.version)
