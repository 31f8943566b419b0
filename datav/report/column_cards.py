"""Columns as cards of an HTML page: facts and a chart, of one version or of two side by side."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from datav.drift.binning import draw_histogram, find_categories
from datav.drift.measures import Bounded
from datav.drift.result import ColumnDrift
from datav.profiles.columns import ColumnSketch
from datav.profiles.distinct import STANDARD_ERROR
from datav.profiles.ranks import NO_RANKS, Ranks
from datav.report.cells import shown_cell, shown_name
from datav.report.html.model import Bars, Chart, ColumnCard, Fact, Histogram
from datav.report.profile_json import frequent_of, iso_time, top_values
from datav.report.stats_text import findings_text
from datav.report.style import percent, significant

_BARS = 20
_LABEL_WIDTH = 40
_LISTED = 8

_NOTHING = 0.005

_Told = Callable[[ColumnSketch], str | None]


def profile_card(column: ColumnSketch) -> ColumnCard:
    """Return what is known of a column of one version."""
    return ColumnCard(
        name=column.name,
        type=column.type,
        summary=_one_line(column),
        facts=tuple(_facts(column, None)),
        chart=_chart(column, None),
        notes=tuple(_notes(column)),
    )


def drift_card(drift: ColumnDrift, before: ColumnSketch, after: ColumnSketch) -> ColumnCard:
    """Return how a column differs between two versions."""
    return ColumnCard(
        name=drift.name,
        type=drift.type_after
        if drift.type_before == drift.type_after
        else f"{drift.type_before} → {drift.type_after}",
        verdict=drift.verdict,
        score=_score(drift),
        summary=findings_text(drift),
        facts=(*_facts(before, after), *_measures(drift)),
        chart=_chart(before, after),
        notes=tuple(_drift_notes(drift)),
    )


def _facts(before: ColumnSketch, after: ColumnSketch | None) -> Iterator[Fact]:
    """Yield what there is to say of either side; a line that changed is drawn strong."""
    for label, told in _FACTS:
        one, other = told(before), told(after) if after is not None else None
        if one is not None or other is not None:
            yield Fact(label, one, other, is_notable=after is not None and one != other)


def _nulls(column: ColumnSketch) -> str | None:
    return percent(column.nulls / column.count) if column.count else None


def _different(column: ColumnSketch) -> str | None:
    estimate = min(column.distinct.estimate(), column.count - column.nulls)
    if column.distinct.is_exact or not estimate:
        return f"{estimate:,}"
    return f"{_rounded(estimate):,} ± {percent(3 * STANDARD_ERROR)}"


def _rounded(number: int) -> int:
    return round(number, 3 - len(str(number)))


def _mean(column: ColumnSketch) -> str | None:
    return (
        significant(column.numbers.mean, 5)
        if column.numbers.ranks.count and column.kind == "number"
        else None
    )


def _deviation(column: ColumnSketch) -> str | None:
    numbers = column.numbers
    has_one = numbers.ranks.count > 1 and numbers.has_deviation and column.kind == "number"
    return significant(column.numbers.deviation, 5) if has_one else None


def _zeros(column: ColumnSketch) -> str | None:
    numbers = column.numbers
    return percent(numbers.zeros / numbers.count) if numbers.zeros and column.kind == "number" else None


def _negatives(column: ColumnSketch) -> str | None:
    numbers = column.numbers
    return percent(numbers.negatives / numbers.count) if numbers.negatives else None


def _not_finite(column: ColumnSketch) -> str | None:
    number = column.numbers.nans + column.numbers.infinities
    return f"{number:,}" if number else None


def _others(column: ColumnSketch) -> str | None:
    """Texts among numbers and times."""
    if column.kind in ("number", "time") and column.texts.count:
        return percent(column.texts.count / (column.count - column.nulls))
    return None


def _empty(column: ColumnSketch) -> str | None:
    return percent(column.texts.empty / column.texts.count) if column.texts.empty else None


def _as_numbers(column: ColumnSketch) -> str | None:
    texts = column.texts
    return percent(texts.as_numbers / texts.count) if texts.as_numbers and column.kind == "text" else None


def _as_times(column: ColumnSketch) -> str | None:
    texts = column.texts
    return percent(texts.as_times / texts.count) if texts.as_times and column.kind == "text" else None


def _lengths(column: ColumnSketch) -> str | None:
    lengths = column.texts.lengths
    if not lengths.count or column.kind not in ("text", "binary"):
        return None
    return f"{lengths.quantile(0):,} to {lengths.quantile(1):,}, median {lengths.quantile(0.5):,}"


def _quantile(share: float) -> _Told:
    def told(column: ColumnSketch) -> str | None:
        ranks = _ranks(column)
        if not ranks.count:
            return None
        value = ranks.quantile(share)
        if column.kind == "time":
            return iso_time(value)
        return f"{value:,}" if isinstance(value, int) else significant(value, 5)

    return told


def _ranks(column: ColumnSketch) -> Ranks:
    return column.times.ranks if column.kind == "time" else column.numbers.ranks


_FACTS: tuple[tuple[str, _Told], ...] = (
    ("null", _nulls),
    ("different values", _different),
    ("least", _quantile(0)),
    ("5 % are below", _quantile(0.05)),
    ("median", _quantile(0.5)),
    ("95 % are below", _quantile(0.95)),
    ("greatest", _quantile(1)),
    ("mean", _mean),
    ("standard deviation", _deviation),
    ("zeros", _zeros),
    ("negative", _negatives),
    ("NaN and infinite", _not_finite),
    ("texts among them", _others),
    ("characters", _lengths),
    ("empty texts", _empty),
    ("could be numbers", _as_numbers),
    ("could be dates", _as_times),
)


def _measures(drift: ColumnDrift) -> Iterator[Fact]:
    for label, measure in (
        ("PSI", drift.psi),
        ("Jensen-Shannon distance", drift.js),
        ("Kolmogorov-Smirnov", drift.ks),
        ("Wasserstein, in deviations", drift.wasserstein),
    ):
        if measure is not None:
            yield Fact(label, None, bounded_text(measure))


def bounded_text(number: Bounded) -> str:
    """A number and the error of the sketches, where there is one."""
    return f"{number.value:.3f} ± {number.error:.3f}" if number.error >= 0.0005 else f"{number.value:.3f}"


def _score(drift: ColumnDrift) -> str:
    for name, measure in (("KS", drift.ks), ("JS", drift.js)):
        # What moved may be the nulls alone.
        if measure is not None and measure.value >= _NOTHING:
            return f"{name} {measure.value:.2f}"
    return ""


def _chart(before: ColumnSketch, after: ColumnSketch | None) -> Chart | None:
    if "number" in (before.kind, after.kind if after else "") or before.kind == "list":
        return _histogram(before.numbers.ranks, after.numbers.ranks if after else None, is_time=False)
    if "time" in (before.kind, after.kind if after else ""):
        return _histogram(before.times.ranks, after.times.ranks if after else None, is_time=True)
    return _bars(before, after)


def _histogram(before: Ranks, after: Ranks | None, *, is_time: bool) -> Histogram | None:
    drawn = draw_histogram(before, after if after is not None else NO_RANKS)
    if drawn is None:
        return None
    edges = np.array(drawn.edges) / (1000 if is_time else 1)
    if not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        # Beyond what floats can part.
        return None
    return Histogram(
        tuple(edges.tolist()),
        _clipped(drawn.before),
        _clipped(drawn.after) if after is not None else None,
        is_time,
    )


def _clipped(shares: Sequence[float]) -> tuple[float, ...]:
    return tuple(min(1.0, max(0.0, share)) for share in shares)


def _bars(before: ColumnSketch, after: ColumnSketch | None) -> Bars | None:
    sides = before, after if after is not None else before
    rows = tuple(max(1, side.texts.count) for side in sides)
    found = find_categories(sides[0].texts.frequent, sides[1].texts.frequent, (rows[0], rows[1]))
    chosen = [each for each in found if max(each.before, each.after) > 1][:_BARS]
    if not chosen:
        return None
    labels = _unique([shown_cell(each.value, _LABEL_WIDTH) for each in chosen])
    return Bars(
        labels,
        _clipped([each.before / rows[0] for each in chosen]),
        _clipped([each.after / rows[1] for each in chosen]) if after is not None else None,
    )


def _unique(labels: list[str]) -> tuple[str, ...]:
    """Labels that are the same when they are cut get numbers."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return tuple(found)


def _one_line(column: ColumnSketch) -> str:
    parts = [f"{percent(column.nulls / column.count)} null"] if column.nulls else []
    ranks = _ranks(column)
    if ranks.count:
        low, high = _quantile(0)(column), _quantile(1)(column)
        parts.append(f"{low} to {high}")
    elif column.kind in ("text", "boolean"):
        parts += [shown_cell(value, 20) for value, _ in top_values(column, 3)]
    return ", ".join(parts)


def _notes(column: ColumnSketch) -> Iterator[str]:
    frequent = frequent_of(column)
    if column.kind in ("number", "time"):
        top = [f"{shown_cell(value, 30)} ({number:,})" for value, number in top_values(column, _LISTED)]
        if top and not top[0].endswith(" (1)"):
            yield f"Most frequent: {', '.join(top)}."
    if frequent.unseen and len(frequent.counts):
        yield f"No value that is not counted occurs more than {frequent.unseen:,} times."
    if column.kind in ("number", "time") and column.texts.count:
        shown = ", ".join(shown_cell(each, 30) for each in column.texts.frequent.values[:_LISTED].to_pylist())
        yield f"Texts among them: {shown}."
    epsilon = _ranks(column).epsilon
    if epsilon:
        yield f"Quantiles are within {percent(epsilon)} of the rows."


def _drift_notes(drift: ColumnDrift) -> Iterator[str]:
    for finding in drift.findings:
        yield f"{finding.what[:1].upper()}{finding.what[1:]}."
    if drift.renamed_from is not None:
        yield f"It was called {shown_name(drift.renamed_from)}."
    for what, categories in (("New", drift.new), ("Gone", drift.vanished)):
        if categories:
            shown = ", ".join(
                f"{shown_cell(each.value, 30)} ({percent(max(each.before, each.after))})"
                for each in categories[:_LISTED]
            )
            more = f" and {len(categories) - _LISTED} more" if len(categories) > _LISTED else ""
            yield f"{what}: {shown}{more}."
