"""How two profiles differ: what moved, by how much, and whether that is more than chance.

Nothing but profiles is read.  Every number that a sketch stands behind has its bounds, and every verdict
holds at the end of the bounds that speaks against it.  docs/reference/drift.md has formulas and limits.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from datav.drift.measures import Bounded, exactly
from datav.drift.result import ColumnDrift, Pair, Quantile, TableDrift
from datav.drift.shifts import find_cells, ranks_quantiles
from datav.drift.values import compare_values
from datav.drift.verdicts import (
    CERTAIN,
    FALSE_ALARMS,
    MEASURES,
    NOTABLE,
    VERDICTS,
    Judgement,
    Move,
    Shift,
    Verdict,
    brief,
    judge,
)
from datav.profiles.columns import ColumnSketch, Kind
from datav.profiles.distinct import STANDARD_ERROR, Distinct
from datav.profiles.profile import TableProfile
from datav.profiles.ranks import Ranks

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

# An estimate of how many values are different is within three of its errors in 99.7 % of all cases.
_SIGMAS = 3
# So many are all different, but for the error of the sketch; and so few repeat each twice nearly.
_UNIQUE = 0.97
_REPEATED = 0.53
_KINDS: Mapping[Kind, str] = {
    "number": "numbers",
    "time": "times",
    "text": "texts",
    "boolean": "truths",
    "binary": "binary values",
    "list": "lists",
    "empty": "nulls",
}
# That so few rows are all gone is no wonder.
_FEW = 30


def compare_profiles(
    before: TableProfile, after: TableProfile, renamed: Mapping[str, str] | None = None
) -> TableDrift:
    """Return how the columns of two versions of a table differ.

    Args:
        renamed: the new names of columns by their old ones.

    Columns are matched by name and place among equal names.
    """
    names = renamed or {}
    old = {(names.get(name, name), place): column for name, place, column in _numbered(before)}
    new = {(name, place): column for name, place, column in _numbered(after)}
    common = [key for key in new if key in old]
    drifts = [compare_columns(old[key], new[key], columns=len(common)) for key in common]
    return TableDrift(
        before.rows,
        after.rows,
        # Sorting is stable: of columns with equal scores the first one in the table comes first.
        tuple(sorted(drifts, key=lambda drift: -drift.score)),
        tuple(column.name for key, column in new.items() if key not in old),
        tuple(column.name for key, column in old.items() if key not in new),
    )


def compare_columns(before: ColumnSketch, after: ColumnSketch, *, columns: int = 1) -> ColumnDrift:
    """Return how one column differs between two versions of a table.

    Args:
        columns: how many of the table are compared; the more, the surer each finding must be.
    """
    alarms = FALSE_ALARMS / (columns * MEASURES)
    judgements = [judge(shift) for shift in find_cells(before, after, alarms)]
    if before.count >= _FEW and not after.count:
        judgements.append(
            judge(Shift("cells", before.count, 0, exactly(1.0), CERTAIN, 0.0, "no cells are left"))
        )
    # What lies infinitely far apart in floats has no distance, and is left out.
    with np.errstate(over="ignore", invalid="ignore"):
        values = compare_values(before, after, alarms)
    judgements += values.judgements
    judgements += [judge(shift, most) for shift, most in _find_other_kind(before, after)]
    judgements += [judge(shift, "shifted") for shift in _find_repeated(before, after)]
    findings = sorted((each for each in judgements if each.finding is not None), key=lambda each: -each.score)
    score = max((each.score for each in judgements), default=0.0)
    numbers = (before.numbers, after.numbers)
    return ColumnDrift(
        name=after.name,
        renamed_from=before.name if before.name != after.name else None,
        type_before=before.type,
        type_after=after.type,
        kind_before=before.kind,
        kind_after=after.kind,
        verdict=VERDICTS[int(score)],
        score=score,
        findings=tuple(each.finding for each in findings if each.finding is not None),
        cells=Pair(before.count, after.count),
        nulls=_shares((before.nulls, after.nulls), before, after),
        empty=_shares((before.texts.empty, after.texts.empty), before, after),
        numbers=_shares(
            [each.numbers.count + each.texts.as_numbers for each in (before, after)], before, after
        ),
        times=_shares([each.times.count + each.texts.as_times for each in (before, after)], before, after),
        mean=Pair(*(_finite(each.mean) if each.ranks.count else None for each in numbers)),
        deviation=Pair(*(_finite(each.deviation) if each.ranks.count > 1 else None for each in numbers)),
        quantiles=_quantiles(before, after),
        lengths=_lengths(before, after),
        distinct_before=_count_distinct(before.distinct),
        distinct_after=_count_distinct(after.distinct),
        psi=values.distances.psi,
        js=values.distances.js,
        ks=values.distances.ks,
        wasserstein=values.distances.wasserstein,
        new=values.new,
        vanished=values.vanished,
        moved=values.moved,
        hours=values.hours,
        days=values.days,
        moves=_moves_of(judgements),
    )


def _moves_of(judgements: Iterable[Judgement]) -> tuple[Move, ...]:
    """Return the greatest move of each measure."""
    found: dict[str, Move] = {}
    for judgement in judgements:
        move = judgement.move
        if move is not None and (move.measure not in found or move.excess > found[move.measure].excess):
            found[move.measure] = move
    return tuple(found.values())


def _find_other_kind(before: ColumnSketch, after: ColumnSketch) -> Iterator[tuple[Shift, Verdict]]:
    """Yield what cells became that have no distribution in common: numbers texts, times texts."""
    sides = (before, after)
    if any(each.count - each.nulls < _FEW for each in sides) or before.kind == after.kind:
        return
    parts = [(each.numbers.ranks.count > 0, each.times.count > 0) for each in sides]
    if any(one and other for one, other in zip(*parts, strict=True)):
        return
    what = f"{_KINDS[before.kind]} are {_KINDS[after.kind]} now, and cannot be compared"
    # Numbers that are still written as such may only be read otherwise, by how the first rows look.
    most: Verdict = "shifted" if {before.kind, after.kind} == {"number", "text"} else "broken"
    yield Shift("kind", before.kind, after.kind, exactly(1.0), CERTAIN, 0.0, what), most


def _find_repeated(before: ColumnSketch, after: ColumnSketch) -> Iterator[Shift]:
    """Yield that values repeat of which each was there once: a table that was appended to itself.

    A sample with repetition has 63 % different values, which is no alarm.
    """
    rows = [each.count - each.nulls for each in (before, after)]
    different = before.distinct.estimate(), after.distinct.estimate()
    if min(rows) < _FEW or different[0] < _UNIQUE * rows[0]:
        return
    share = different[1] / rows[1]
    # More rows of the same kind would bring new values along.
    if share <= _REPEATED and different[1] * _UNIQUE <= different[0]:
        what = f"values that occurred once occur {brief(1 / share)} times on average"
        yield Shift("repeated", 1.0, share, exactly(1.0), NOTABLE, 0.0, what)


def _numbered(table: TableProfile) -> Iterator[tuple[str, int, ColumnSketch]]:
    """Yield each column with its place among those of its name."""
    seen: dict[str, int] = {}
    for column in table.columns:
        seen[column.name] = seen.get(column.name, 0) + 1
        yield column.name, seen[column.name], column


def _shares(hits: Sequence[int], before: ColumnSketch, after: ColumnSketch) -> Pair:
    return Pair(
        *(hit / each.count if each.count else None for hit, each in zip(hits, (before, after), strict=True))
    )


def _quantiles(before: ColumnSketch, after: ColumnSketch) -> tuple[Quantile, ...]:
    sides = [each.numbers.ranks if each.numbers.ranks.count else each.times.ranks for each in (before, after)]
    return _pair_quantiles(sides)


def _lengths(before: ColumnSketch, after: ColumnSketch) -> tuple[Quantile, ...]:
    return _pair_quantiles([before.texts.lengths, after.texts.lengths])


def _pair_quantiles(sides: Sequence[Ranks]) -> tuple[Quantile, ...]:
    if not any(ranks.count for ranks in sides):
        return ()
    return tuple(map(Quantile, QUANTILES, *(ranks_quantiles(ranks, QUANTILES) for ranks in sides)))


def _count_distinct(distinct: Distinct) -> Bounded:
    estimate = distinct.estimate()
    if distinct.is_exact:
        return exactly(float(estimate))
    error = _SIGMAS * STANDARD_ERROR * estimate
    return Bounded(float(estimate), estimate - error, estimate + error)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
