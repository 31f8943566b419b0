"""A smooth column that drifts a little with each version: only longer windows show it."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from datav.checks.gate import judge_steps
from datav.checks.learning import WINDOWS, Step, learn
from datav.checks.moves import measure_profiles
from datav.drift.comparing import compare_profiles
from datav.profiles.profile import TableProfile
from datav.profiles.sketching import sketch_array

BASE = np.random.default_rng(0).normal(20, 5, 2000)


def profile(values: np.ndarray) -> TableProfile:
    return TableProfile(len(values), tuple(sketch_array("degrees", pa.array(values))))


def step(versions: list[TableProfile], place: int, window: int) -> Step:
    names = [f"v{number}" for number in range(place - window, place + 1)]
    moves = measure_profiles(compare_profiles(versions[place - window], versions[place]), window)
    return Step(names[0], names[-1], "", window, moves, inside=tuple(pairwise(names)) if window > 1 else ())


def windows(versions: list[TableProfile], place: int) -> list[Step]:
    return [step(versions, place, window) for window in WINDOWS if window <= place]


@pytest.mark.parametrize("deviations", [0.06, 0.15])
def test_a_slow_drift_after_thirty_quiet_steps_is_seen_over_four_versions(deviations):
    quiet = profile(BASE)
    versions = [quiet] * 31
    limits = learn([each for place in range(1, 31) for each in windows(versions, place)])
    told = []
    for number in range(1, 9):
        versions.append(profile(BASE + 5 * deviations * number))
        before = {each.window: each for each in windows(versions, len(versions) - 2)}
        now = windows(versions, len(versions) - 1)
        found = judge_steps("x.csv", limits, now, before, "error").findings
        told += [(number, each.message) for each in found]

    assert told
    first, message = told[0]
    assert first <= 4
    assert message.startswith("degrees: ")
    assert message.endswith("over 4 versions")
