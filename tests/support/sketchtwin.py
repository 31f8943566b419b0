"""What a sketch of a column must say, compared with all of its cells, one by one."""

import math
import statistics
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from datav.core.rows_reference import combine, hash_cell
from datav.profiles.columns import ColumnSketch
from datav.profiles.distinct import STANDARD_ERROR
from datav.profiles.frequent import Frequent
from datav.profiles.ranks import POINTS, Ranks
from tests.support.randomarrays import Tree

DAY, HOUR = 86_400_000_000, 3_600_000_000
MAX_TEXT = 200


class Leaf(NamedTuple):
    """One column, or one leaf of a nested one."""

    name: str
    kind: str
    cells: list[Any]


def leaves_of(name: str, tree: Tree, values: list[Any]) -> Iterator[Leaf]:
    """Yield the leaves of a column, in the order of its sketches."""
    if tree.kind == "struct":
        for field, child in tree.children:
            inside = [None if value is None else value[field] for value in values]
            yield from leaves_of(f"{name}.{field}", child, inside)
    elif tree.kind == "list":
        yield Leaf(name, "list", [None if value is None else len(value) for value in values])
        items = [item for value in values if value is not None for item in value]
        yield from leaves_of(f"{name}[]", tree.children[0][1], items)
    else:
        yield Leaf(name, tree.kind, values)


def check_leaf(sketch: ColumnSketch, leaf: Leaf) -> float | None:
    """Assert that a sketch is right, within what it promises; return the error of its estimate of how many
    different values there are, in standard errors, if that is not exact."""
    present = [cell for cell in leaf.cells if cell is not None]
    assert sketch.name == leaf.name
    if leaf.kind == "opaque":
        # A union below a null struct is no null.
        assert (sketch.count, sketch.numbers.count, sketch.texts.count) == (len(leaf.cells), 0, 0)
        return check_distinct(sketch, set(present)) if len(present) == len(leaf.cells) else None
    assert (sketch.count, sketch.nulls) == (len(leaf.cells), len(leaf.cells) - len(present))
    assert sketch.kind == leaf.kind
    counts = [part.count for part in (sketch.numbers, sketch.times, sketch.texts)]
    wanted = {"number": 0, "list": 0, "time": 1, "text": 2, "boolean": 2, "binary": 2}.get(leaf.kind)
    assert counts == [len(present) if place == wanted else 0 for place in range(3)]
    match leaf.kind:
        case "number" | "list":
            check_numbers(sketch, present)
        case "time":
            check_times(sketch, present)
        case "text" | "boolean":
            check_texts(sketch, present)
        case "binary":
            check_ranks(sketch.texts.lengths, [len(cell) for cell in present])
            assert sketch.texts.empty == present.count(b"")
    if leaf.kind == "list":
        return None
    if leaf.kind == "number" and sketch.numbers.ranks.points.dtype == np.float64:
        present = [float(cell) for cell in present]
    return check_distinct(sketch, {cell for cell in present if not is_endless(cell)})


def is_endless(cell: Any) -> bool:
    return isinstance(cell, float) and not math.isfinite(cell)


def check_distinct(sketch: ColumnSketch, different: set[Any]) -> float | None:
    estimate = sketch.distinct.estimate()
    if sketch.distinct.is_exact:
        assert estimate == len(different)
        return None
    return (estimate / len(different) - 1) / STANDARD_ERROR


def check_numbers(sketch: ColumnSketch, present: list[Any]) -> None:
    numbers = sketch.numbers
    finite = [cell for cell in present if not is_endless(cell)]
    assert numbers.nans == sum(cell != cell for cell in present)
    assert numbers.infinities == len(present) - len(finite) - numbers.nans
    assert numbers.zeros == sum(cell == 0 for cell in finite)
    assert numbers.negatives == sum(cell < 0 for cell in finite)
    if numbers.ranks.points.dtype == np.float64:
        # Integers of more than 64 bits, among others.
        finite = [float(cell) for cell in finite]
    check_ranks(numbers.ranks, finite)
    check_frequent(numbers.frequent, Counter(finite))
    if not finite:
        return
    largest = max(abs(float(cell)) for cell in finite)
    assert math.isclose(numbers.mean, math.fsum(finite) / len(finite), rel_tol=1e-9, abs_tol=1e-9 * largest)
    if len(finite) > 1 and largest < 1e150:
        exact = (
            statistics.stdev(map(float, finite)) if len(finite) < 500 else np.std(np.float64(finite), ddof=1)
        )
        assert math.isclose(numbers.deviation, exact, rel_tol=1e-6, abs_tol=1e-7 * largest)


def check_times(sketch: ColumnSketch, present: list[int]) -> None:
    times = sketch.times
    check_ranks(times.ranks, present)
    hours = Counter(cell % DAY // HOUR for cell in present)
    weekdays = Counter((cell // DAY + 3) % 7 for cell in present)
    assert times.hours.tolist() == [hours[hour] for hour in range(24)]
    assert times.weekdays.tolist() == [weekdays[day] for day in range(7)]
    check_frequent(times.days, Counter(cell // DAY for cell in present))


def check_texts(sketch: ColumnSketch, present: list[str]) -> None:
    texts = sketch.texts
    check_ranks(texts.lengths, [len(cell) for cell in present])
    assert texts.empty == present.count("")
    check_frequent(texts.frequent, Counter(map(cut, present)))


def cut(text: str) -> str:
    """Return a text as it is kept."""
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}… {combine(0, hash_cell(text.encode(), 0)):016x}"


def check_frequent(frequent: Frequent, exact: Counter[Any]) -> None:
    listed = dict(zip(frequent.values.to_pylist(), frequent.counts.tolist(), strict=True))
    assert len(listed) == len(frequent.counts)
    order = sorted(listed, key=lambda value: (-listed[value], _sortable(value)))
    assert order == list(listed)
    for value, count in listed.items():
        assert count <= exact[value] <= count + frequent.unseen, value
    assert max((exact[value] for value in exact if value not in listed), default=0) <= frequent.unseen


def _sortable(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def check_ranks(ranks: Ranks, cells: list[Any]) -> None:
    """Assert that every share is within the bound, at the points, at the cells and beside them."""
    assert ranks.count == len(cells)
    assert len(ranks.points) <= POINTS + 1
    if not cells:
        return
    ordered = np.sort(np.array(cells, ranks.points.dtype))
    assert (ranks.points[0], ranks.points[-1]) == (ordered[0], ordered[-1])
    some = ordered[:: max(1, len(ordered) // 300)]
    probes = np.concatenate([ranks.points, some, some[:-1] // 2 + some[1:] // 2, ordered[:1], ordered[-1:]])
    upto = np.searchsorted(ordered, probes, side="right") / len(cells)
    below = np.searchsorted(ordered, probes, side="left") / len(cells)
    bound = ranks.epsilon + 1e-12
    assert np.abs(ranks.share_upto(probes) - upto).max() <= bound
    assert np.abs(ranks.share_below(probes) - below).max() <= bound
    for share in (0.0, 0.01, 0.25, 0.5, 0.9, 1.0):
        found = ranks.quantile(share)
        # The values that stand there are ranks from `low` to `high`.
        low = np.searchsorted(ordered, found, side="left")
        high = np.searchsorted(ordered, found, side="right")
        off = 2 * bound * len(cells) + 1
        assert low - off <= share * (len(cells) - 1) <= high + off
    if ranks.is_exact:
        points, counts = np.unique(ordered, return_counts=True)
        assert ranks.points.tolist() == points.tolist()
        assert (ranks.upto - ranks.less).tolist() == counts.tolist()
