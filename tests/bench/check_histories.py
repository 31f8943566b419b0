"""The drift gate on all histories of the shared data: each version checked by what those before it teach.

Profiles alone: rows are not compared.  Each alarm is printed with what it says; what really happened is for
people to find out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from datav.checks.finding import Finding
from datav.checks.gate import judge_steps
from datav.checks.learning import FEWEST_STEPS, WINDOWS, Step, learn
from datav.checks.moves import measure_profiles
from datav.drift.comparing import compare_profiles
from datav.errors import DatavError
from datav.profiles.profile import TableProfile
from datav.repo.profile import profile_path


@dataclass(frozen=True)
class Checked:
    """One version, beside all before it."""

    table: str
    version: str
    measures: int
    findings: tuple[Finding, ...]

    @property
    def is_alarm(self) -> bool:
        return any(each.severity == "error" for each in self.findings)


class History:
    """The versions of one table that are tables."""

    def __init__(self, directory: Path) -> None:
        self.name = directory.name
        found = [(path.stem, _profile(path)) for path in sorted(directory.glob("v*.csv"))]
        self.refused = [name for name, profile in found if profile is None]
        self._profiles = [(name, profile) for name, profile in found if profile is not None]
        self._step = cache(self._measure)

    def __len__(self) -> int:
        return len(self._profiles)

    def check(self) -> Iterator[Checked]:
        """Check every version with enough history before it."""
        for place in range(FEWEST_STEPS + 1, len(self)):
            limits = learn(self.steps(place))
            now = [self._step(place, window) for window in WINDOWS if window <= place]
            before = {
                window: self._step(place - 1, window) for window in WINDOWS if window > 1 and window < place
            }
            judged = judge_steps(self.name, limits, now, before, "error")
            yield Checked(self.name, self._profiles[place][0], judged.measures, judged.findings)

    def steps(self, end: int) -> list[Step]:
        """Return all steps between the first so many versions."""
        return [self._step(place, window) for place in range(1, end) for window in WINDOWS if window <= place]

    def _measure(self, place: int, window: int) -> Step:
        (first, old), (last, new) = self._profiles[place - window], self._profiles[place]
        names = [name for name, _ in self._profiles[place - window : place + 1]]
        inside = tuple(pairwise(names)) if window > 1 else ()
        moves = measure_profiles(compare_profiles(old, new), window)
        return Step(first, last, last, window, moves, inside=inside)


def _profile(path: Path) -> TableProfile | None:
    try:
        return profile_path(path, path.name).profile.table
    except DatavError:
        return None


def check_histories(histories: Sequence[History]) -> None:
    """Check all of them, and print what was found as Markdown."""
    told: list[Checked] = []
    checks = 0
    print("| table | versions | checked | with an error | with a warning alone |\n|---|--:|--:|--:|--:|")
    for history in histories:
        checked = list(history.check())
        found = [each for each in checked if each.findings]
        alarms = sum(each.is_alarm for each in found)
        print(f"| {history.name} | {len(history)} | {len(checked)} | {alarms} | {len(found) - alarms} |")
        told, checks = told + found, checks + len(checked)
    alarms = sum(each.is_alarm for each in told)
    print(f"| all | | {checks} | {alarms} | {len(told) - alarms} |")
    print("\n| table | version | columns | severity | first finding |\n|---|---|--:|---|---|")
    for each in told:
        first, *_ = sorted(each.findings, key=lambda finding: finding.severity != "error")
        print(
            f"| {each.table} | {each.version} | {len(each.findings)} | {first.severity} "
            f"| {first.message} ({first.origin}) |"
        )
