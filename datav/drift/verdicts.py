"""What a measured shift means: nothing, something to look at, or something that breaks what was built on it.

All limits of effects are here.  docs/reference/drift.md says what they stand for.
"""

import math
from dataclasses import dataclass
from typing import Literal

from datav.drift.measures import Bounded

Verdict = Literal["stable", "shifted", "broken"]
"""`stable`: no more than chance and taste allow.  `shifted`: it moved for sure, and by enough to look at.
`broken`: a model or a report that was built on the old values surely suffers."""

VERDICTS: tuple[Verdict, ...] = ("stable", "shifted", "broken")

FALSE_ALARMS = 0.001
"""With which probability any column of two samples of one distribution is not `stable`, at most: it is
divided by the number of columns and by MEASURES."""

MEASURES = 20
"""Of one column, of all kinds together."""


@dataclass(frozen=True, slots=True)
class Effect:
    """From which value on a measure says `shifted`, and from which on `broken`."""

    shifted: float
    broken: float = math.inf


# Cohen's h.  From no nulls at all, a fourth of a percent is `shifted` and four percent are `broken`; from ten
# percent on, 13 and 24 percent.
NULLS = Effect(0.1, 0.4)
# Cohen's h: "small" and "large".  From nothing, one and 15 percent; from one half, 60 and 86 percent.
SHARE = Effect(0.2, 0.8)
# A fifth of a standard deviation, Cohen's "small", and a whole one, beyond his "large".
MEAN = Effect(0.2, 1.0)
WASSERSTEIN = Effect(0.2, 1.0)
# Normal values that move by a quarter of a deviation have a distance of 0.1, by a whole one 0.38.
KOLMOGOROV_SMIRNOV = Effect(0.1, 0.4)
# 0.1 is where those who score credits begin to look, and 0.25 where they act; normal values that move by a
# whole deviation have 1.
PSI = Effect(0.1, 1.0)
# As far as the others: a quarter of a deviation, and a whole one.
JENSEN_SHANNON = Effect(0.1, 0.4)
# Lengths of texts are a shadow of these.
LENGTHS = Effect(0.15, 0.6)
CERTAIN = Effect(0.05, 0.05)
"""Of what is there or is not, and then has the value 1."""
NOTABLE = Effect(0.5)
"""The same, of what is never `broken`."""

GONE = 0.05
"""A value that had this share and is no longer there is `broken`."""


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much a column moved by one measure, and how much is nothing."""

    measure: str
    before: float | str | None
    after: float | str | None
    value: Bounded
    effect: Effect
    noise: float
    """How far chance drives `value` at these sizes."""
    what: str
    """In plain words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A shift that is more than chance, more than the error of the sketches, and more than a trifle."""

    measure: str
    verdict: Verdict
    """`stable` of what is worth a word and no alarm."""
    before: float | str | None
    after: float | str | None
    value: float
    error: float
    """Of `value`, by the sketches; 0: it is exact."""
    limit: float
    """What `value` less its error exceeds: the greater one of effect and chance."""
    what: str
    """In plain words: `nulls 1.0 % -> 10.2 %`."""


@dataclass(frozen=True, slots=True)
class Move:
    """How far a column moved by one measure, whatever comes of it: what limits are learned from."""

    measure: str
    value: float
    """The least that it can be, by the bounds of the sketches; 0 where it is no wonder, as of what grows.  Of
    an event 1 or 0."""
    floor: float
    """What chance may do at these sizes, and an effect below which nobody cares."""
    is_event: bool
    """It is there or is not, and has no size: another type, a factor, a day that came twice."""
    before: float | str | None
    after: float | str | None
    what: str
    """In plain words."""
    verdict: Verdict = "stable"
    """What it comes to without any history."""

    @property
    def excess(self) -> float:
        """As a multiple of the floor."""
        return self.value / self.floor if self.floor else 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one shift comes to."""

    score: float
    """Below 1: stable, from 1 on: shifted, from 2 on: broken, always below 3; it grows with the measure."""
    finding: Finding | None
    move: Move | None = None
    """None of what is only noted."""


def judge(shift: Shift, most: Verdict = "broken") -> Judgement:
    """Return what a shift comes to, and no worse than `most`."""
    score = _score(shift, most)
    move = _move(shift, most, score)
    if score < 1:
        return Judgement(score, None, move)
    limit = max(shift.effect.shifted, shift.noise)
    verdict = VERDICTS[int(score)]
    if verdict == "broken":
        limit = max(limit, shift.effect.broken)
    value = shift.value
    return Judgement(
        score,
        Finding(
            shift.measure,
            verdict,
            shift.before,
            shift.after,
            value.value,
            value.value - value.low,
            limit,
            shift.what,
        ),
        move,
    )


def note(measure: str, before: float | str | None, after: float | str | None, what: str) -> Finding:
    """Return what is worth a word and no alarm."""
    return Finding(measure, "stable", before, after, 0.0, 0.0, 0.0, what)


def percent(share: float) -> str:
    """Return a share for people: with as many digits as show that it is neither none nor all."""
    hundredths = 100 * share
    if 0 < hundredths < 0.1 or 99.9 < hundredths < 100:
        return f"{hundredths:.2g} %" if hundredths < 1 else f"{hundredths:.4g} %"
    return f"{hundredths:.1f} %"


def brief(number: float) -> str:
    """Return a number for people."""
    # Never 2.5e+04 of what people write with all of its digits.
    return f"{number:.0f}" if 1e4 <= abs(number) < 1e15 else f"{number:.4g}"


# Where chance may do anything; and a number of JSON.
_UNREACHED = 1e300


def _move(shift: Shift, most: Verdict, score: float) -> Move:
    floor = min(max(shift.effect.shifted, shift.noise), _UNREACHED)
    is_event = shift.effect in (CERTAIN, NOTABLE)
    low = shift.value.low
    value = 0.0 if most == "stable" or not math.isfinite(low) else max(low, 0.0)
    if is_event:
        value, floor = float(score >= 1), 1.0
    told = (shift.before, shift.after, shift.what)
    return Move(shift.measure, value, floor, is_event, *told, VERDICTS[int(score)])


def _score(shift: Shift, most: Verdict) -> float:
    """Return 0 to 3, continuous and never falling in the surest value of the measure."""
    low = shift.value.low
    shifted = max(shift.effect.shifted, shift.noise)
    if most == "stable" or not low > 0 or math.isinf(shifted) or not math.isfinite(low):
        return 0.0
    if low < shifted or low <= shift.noise:
        return min(low / shifted, math.nextafter(1, 0))
    broken = max(shift.effect.broken, shifted) if most == "broken" else math.inf
    if low >= broken:
        return 3 - max(broken / low, math.ulp(3.0))
    if math.isinf(broken):
        return 2 - max(shifted / low, math.ulp(2.0))
    return min(1 + (low - shifted) / (broken - shifted), math.nextafter(2, 0))
