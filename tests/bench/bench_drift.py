"""How often `datav diff --stats` cries wolf: two samples of one distribution, and what the verdicts say.

    python tests/bench/bench_drift.py [--rounds 2000] [--sizes 20 100 1000 ...] [--data DIR] [--seed 0]

Four tables in Markdown:

    independent   both versions are samples of one distribution, of each kind of column, of equal and of very
                  different sizes; every column is judged as the only one of its table
    measures      the same, by measure: how often chance alone exceeds its limit of noise, whatever the effect
    resamples     the tables below DIR (DATAV_TEST_DATA; ../shared/data beside the repository), drawn with
                  replacement, against what they were drawn from
    power         how often a shift that is there is seen, in a table of ten columns

An alarm is a verdict that is not `stable`.  The rate that the verdicts promise is FALSE_ALARMS a table, and
FALSE_ALARMS / MEASURES a measure.

Exit status: 1 when some rate is, at the 99.9 % level, above what is promised.
"""

import argparse
import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from datav.drift import comparing, verdicts
from datav.profiles.columns import ColumnSketch
from datav.profiles.profile import TableProfile
from datav.profiles.sketching import sketch_array

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DATAV_TEST_DATA") or ROOT.parent / "shared" / "data")

_DAY = 86_400_000_000
_START = 18_628 * _DAY


@dataclass
class Rate:
    """How many of some columns had an alarm."""

    columns: int = 0
    alarms: int = 0
    why: Counter[str] = field(default_factory=Counter)

    def add(self, found: comparing.ColumnDrift) -> None:
        self.columns += 1
        if found.verdict != "stable":
            self.alarms += 1
            self.why.update(finding.measure for finding in found.findings if finding.verdict != "stable")

    def exceeds(self, promised: float) -> bool:
        """Return whether so many alarms come with less than 0.1 % chance of a rate that is kept."""
        return _poisson_tail(self.alarms, self.columns * promised) < 0.001


def _poisson_tail(count: int, mean: float) -> float:
    below = sum(math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(count))
    return max(0.0, 1 - below)


def normal(random: Any, rows: int) -> Any:
    return pa.array(random.normal(5, 2, rows))


def log_normal(random: Any, rows: int) -> Any:
    return pa.array(random.lognormal(0, 2, rows))


def cauchy(random: Any, rows: int) -> Any:
    return pa.array(random.standard_cauchy(rows))


def counts(random: Any, rows: int) -> Any:
    return pa.array(random.poisson(3, rows))


def zero_inflated(random: Any, rows: int) -> Any:
    return pa.array(np.where(random.random(rows) < 0.9, 0.0, random.exponential(10, rows)))


def rare_nulls(random: Any, rows: int) -> Any:
    return pa.array(random.normal(size=rows), mask=random.random(rows) < 0.02)


def identifiers(random: Any, rows: int) -> Any:
    return pa.array(np.unique(random.integers(0, 2**40, rows)))


def few_texts(random: Any, rows: int) -> Any:
    return pa.array(random.choice(["yes", "no", "perhaps"], rows, p=[0.6, 0.39, 0.01]))


def many_texts(random: Any, rows: int) -> Any:
    return pa.array([f"{'w' * (k % 13)}{k}" for k in random.zipf(1.3, rows) % 100_000])


def different_texts(random: Any, rows: int) -> Any:
    return pa.array([f"{k:x}" for k in random.integers(0, 2**60, rows)])


def booleans(random: Any, rows: int) -> Any:
    return pa.array(random.random(rows) < 0.1)


def days(random: Any, rows: int) -> Any:
    return pa.array((_START // _DAY + random.integers(0, 200, rows)).astype(np.int32), pa.date32())


def timestamps(random: Any, rows: int) -> Any:
    clock = (random.normal(14, 3, rows) * _DAY / 24).astype(np.int64) % _DAY
    return pa.array(_START + random.integers(0, 400, rows) * _DAY + clock, pa.timestamp("us"))


KINDS: tuple[Callable[[Any, int], Any], ...] = (
    normal, log_normal, cauchy, counts, zero_inflated, rare_nulls, identifiers, few_texts, many_texts,
    different_texts, booleans, days, timestamps,
)  # fmt: skip


# What is true of the second version and not of the first.
SHIFTS: dict[str, Callable[[Any, int, bool], Any]] = {
    "nulls 1 % to 10 %": lambda random, rows, is_after: pa.array(
        random.normal(size=rows), mask=random.random(rows) < (0.1 if is_after else 0.01)
    ),
    "nulls 1 % to 3 %": lambda random, rows, is_after: pa.array(
        random.normal(size=rows), mask=random.random(rows) < (0.03 if is_after else 0.01)
    ),
    "mean by 0.25 deviations": lambda random, rows, is_after: pa.array(
        random.normal(0.25 * is_after, 1, rows)
    ),
    "mean by 0.5 deviations": lambda random, rows, is_after: pa.array(random.normal(0.5 * is_after, 1, rows)),
    "metres to feet, around 0": lambda random, rows, is_after: pa.array(
        random.normal(size=rows) * (3.28084 if is_after else 1)
    ),
    "a category of 7 % gone": lambda random, rows, is_after: pa.array(
        random.choice(list("abcd"), rows, p=[0.5, 0.3, 0.2, 0] if is_after else [0.45, 0.28, 0.2, 0.07])
    ),
}


def sketch(array: Any, name: str = "x") -> ColumnSketch:
    return next(sketch_array(name, array))


def measure_independent(rounds: int, sizes: list[int], seed: int) -> tuple[dict[Any, Rate], dict[str, Rate]]:
    """Return alarms by kind of column and sizes, and crossings of the noise by measure."""
    by_kind: dict[Any, Rate] = {}
    by_measure: dict[str, Rate] = {}
    original = verdicts.judge

    def judge(shift: verdicts.Shift, most: verdicts.Verdict = "broken") -> verdicts.Judgement:
        rate = by_measure.setdefault(shift.measure, Rate())
        rate.columns += 1
        rate.alarms += shift.value.low > shift.noise
        return original(shift, most)

    comparing.judge = judge  # type: ignore[attr-defined]
    pairs = [(n, n) for n in sizes] + [(min(sizes), max(sizes)), (max(sizes), min(sizes)), (100, 1000)]
    for kind in KINDS:
        for n, m in pairs:
            random = np.random.default_rng([seed, n, m, KINDS.index(kind)])
            rate = by_kind.setdefault((kind.__name__, n, m), Rate())
            for _ in range(max(20, int(rounds * min(1.0, 2000 / (n + m))))):
                rate.add(comparing.compare_columns(sketch(kind(random, n)), sketch(kind(random, m))))
    comparing.judge = original  # type: ignore[attr-defined]
    return by_kind, by_measure


def measure_power(rounds: int, sizes: list[int], seed: int) -> dict[str, list[float]]:
    """Return how often each shift is seen between independent samples, as a column of a table of ten."""
    found = {}
    for name, draw in SHIFTS.items():
        random = np.random.default_rng([seed, len(found)])
        found[name] = [
            sum(
                comparing.compare_columns(
                    sketch(draw(random, rows, False)), sketch(draw(random, rows, True)), columns=10
                ).verdict
                != "stable"
                for _ in range(rounds)
            )
            / rounds
            for rows in sizes
        ]
    return found


def read_tables(data: Path) -> Iterator[tuple[str, Any]]:
    """Yield the last version of each table that can be read, with types as they are guessed."""
    for folder in sorted(path for path in data.iterdir() if (path / "diffs.json").exists()):
        for path in sorted(folder.glob("v*.csv"), reverse=True):
            try:
                yield folder.name, csv.read_csv(path)
                break
            except pa.ArrowInvalid:
                continue


def measure_resamples(data: Path, times: int, seed: int) -> dict[str, tuple[int, int, int, Counter[str]]]:
    """Return rows, tables compared, tables with an alarm, and which columns had one."""
    found = {}
    for name, table in read_tables(data):
        random = np.random.default_rng([seed, len(table)])
        before = profile(table)
        alarms, why = 0, Counter[str]()
        for _ in range(times):
            after = profile(table.take(pa.array(random.integers(0, len(table), len(table)))))
            moved = [each for each in comparing.compare_profiles(before, after).columns if each.score >= 1]
            alarms += bool(moved)
            why.update(f"{each.name}: {each.findings[0].what}" for each in moved)
        found[name] = (len(table), times, alarms, why)
    return found


def profile(table: Any) -> TableProfile:
    names = [sketch for name in table.column_names for sketch in sketch_array(name, _whole(table[name]))]
    return TableProfile(len(table), tuple(names))


def _whole(column: Any) -> Any:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 20, 50, 100, 1000, 10_000, 100_000])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    by_kind, by_measure = measure_independent(options.rounds, options.sizes, options.seed)
    failed = False
    print("| column | before | after | compared | alarms | by |\n|---|--:|--:|--:|--:|---|")
    for (kind, n, m), rate in by_kind.items():
        failed |= rate.exceeds(verdicts.FALSE_ALARMS)
        why = ", ".join(f"{measure} {count}" for measure, count in rate.why.items())
        print(f"| {kind} | {n:,} | {m:,} | {rate.columns:,} | {rate.alarms} | {why} |")
    print("\n| measure | measured | beyond chance |\n|---|--:|--:|")
    for measure, rate in sorted(by_measure.items()):
        print(f"| {measure} | {rate.columns:,} | {rate.alarms} |")
    print("\n| table | rows | resamples | with an alarm | of |\n|---|--:|--:|--:|---|")
    for name, (rows, times, alarms, why) in measure_resamples(
        options.data, options.times, options.seed
    ).items():
        failed |= alarms > 1
        print(f"| {name} | {rows:,} | {times} | {alarms} | {dict(why)} |")
    sizes = [50, 100, 300, 1000, 10_000]
    print(f"\n| shift | {' | '.join(f'{rows:,}' for rows in sizes)} |\n|---|{'--:|' * len(sizes)}")
    for name, rates in measure_power(100, sizes, options.seed).items():
        print(f"| {name} | {' | '.join(f'{rate:.0%}' for rate in rates)} |")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
