"""What a measured value breaks, in words; the same whether a profile knew it or rows were read."""

from collections.abc import Sequence
from datetime import datetime

from datav.checks.finding import Finding
from datav.checks.moments import microseconds, moment_text, parse_moment
from datav.checks.promises import KEPT, MOST_EXAMPLES, Promise, counted, listed, name, share, shown
from datav.relpath import one_line
from datav.settings.checks import Bounds


def tell_nulls(promise: Promise, nulls: int, count: int) -> tuple[Finding, ...]:
    """Return what so many nulls of so many cells break, where there may be none."""
    if not nulls:
        return KEPT
    verb = "is" if count == 1 else "are"
    return promise.broken(
        f"{nulls:,} of {counted(count, 'row')} {verb} null, none may be",
        measure="nulls",
        value=nulls,
        limit=0,
    )


def tell_null_fraction(promise: Promise, nulls: int, count: int, most: float) -> tuple[Finding, ...]:
    """Return what so many nulls of so many cells break, where a share of them may be."""
    # Divided, not multiplied: 29 of 100 are the float that 0.29 is, and 0.29 * 100 is less than 29.
    if not nulls or nulls / count <= most:
        return KEPT
    what = f"{share(nulls / count)} of {counted(count, 'row')} are null, at most {share(most)} may be"
    return promise.broken(what, measure="null_fraction", value=nulls / count, limit=most)


def noun_of(limit: float | str) -> str:
    """What a limit is about."""
    return "times" if isinstance(limit, str) else "numbers"


def tell_no_values(promise: Promise, noun: str, limit: float | str | None) -> tuple[Finding, ...]:
    """Return that a column has nothing that the promise could be about."""
    return promise.broken(f"it has no {noun}", measure=promise.rule, value=None, limit=limit)


def tell_extreme(
    promise: Promise,
    extreme: float | int,
    limit: float | str,
    beyond: int | None = None,
    examples: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """Return what the least or the greatest value breaks.

    Args:
        extreme: of times in microseconds since 1970.
        beyond: how many values are beyond the limit; None: nobody counted.
    """
    is_min = promise.rule == "min"
    bound = limit_value(limit)
    if isinstance(extreme, float):
        # A float is compared with what a float can be: 2**64 - 1 is none.
        bound = float(bound)
    if not (extreme < bound if is_min else extreme > bound):
        return KEPT
    seen = moment_text(int(extreme)) if isinstance(limit, str) else shown(extreme)
    told = moment_text(int(bound)) if isinstance(limit, str) else shown(limit)
    adjective = (
        ("first" if is_min else "last") if isinstance(limit, str) else ("least" if is_min else "greatest")
    )
    what = f"the {adjective} value is {seen}, {'at least' if is_min else 'at most'} {told} is expected"
    if beyond is not None:
        what += f"; {counted(beyond, 'row')} beyond it"
    value = seen if isinstance(limit, str) else extreme
    return promise.broken(what, measure=promise.rule, value=value, limit=limit, examples=map(name, examples))


def limit_value(limit: float | str) -> float | int:
    """Return a limit as cells are compared with it; the settings have seen to it that a text is a moment."""
    if not isinstance(limit, str):
        return limit
    moment = parse_moment(limit)
    assert moment is not None
    return moment


def tell_fresh(promise: Promise, newest: int | None, now: datetime, most_s: float) -> tuple[Finding, ...]:
    """Return what the newest time breaks, in microseconds since 1970; None: there is none."""
    if newest is None:
        return promise.broken("it has no times", measure="age", value=None, limit=most_s)
    age_s = (microseconds(now) - newest) / 1e6
    if age_s <= most_s:
        return KEPT
    what = (
        f"the newest time is {moment_text(newest)}, {duration(age_s)} old,"
        f" at most {duration(most_s)} is expected"
    )
    return promise.broken(what, measure="age", value=age_s, limit=most_s)


def duration(seconds: float) -> str:
    """Return a length of time for people: `3 days`."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return (
                f"{seconds / length:.3g} {unit}"
                if seconds < 1000 * length
                else f"{seconds / length:,.0f} {unit}"
            )
    return f"{seconds:.3g} seconds"


def tell_length(
    promise: Promise, least: int, greatest: int, bounds: Bounds, examples: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """Return what the shortest and the longest text break."""
    if bounds.min is not None and least < bounds.min:
        what = (
            f"the shortest text has {counted(least, 'character')}, at least {shown(bounds.min)} are expected"
        )
        value, limit = least, bounds.min
    elif bounds.max is not None and greatest > bounds.max:
        what = (
            f"the longest text has {counted(greatest, 'character')}, at most {shown(bounds.max)} are expected"
        )
        value, limit = greatest, bounds.max
    else:
        return KEPT
    return promise.broken(what, measure="length", value=value, limit=limit, examples=map(shown, examples))


def tell_repeated(promise: Promise, rows: int, count: int, values: Sequence[str]) -> tuple[Finding, ...]:
    """Return that some rows have a value that others have too."""
    what = f"{rows:,} of {counted(count, 'value')} are there more than once"
    first = f": {shown(values[0])}" if values else ""
    return promise.broken(
        what + first, measure="repeated", value=rows, limit=0, examples=map(shown, values[:5])
    )


def tell_strangers(
    promise: Promise, strangers: int, count: int, are: str, limit: str | None, examples: Sequence[str]
) -> tuple[Finding, ...]:
    """Return that some values are not what they are to be; none if there are none.

    Args:
        are: what they are instead, behind "are".
        examples: cells as texts.
    """
    if not strangers:
        return KEPT
    verb = "is" if count == 1 else "are"
    first = f": {shown(examples[0])}" if examples else ""
    what = f"{strangers:,} of {counted(count, 'value')} {verb} {are}{first}"
    return promise.broken(
        what, measure=promise.rule, value=strangers, limit=limit, examples=map(shown, examples)
    )


def tell_repeated_keys(
    promise: Promise, columns: Sequence[str], examples: Sequence[str]
) -> tuple[Finding, ...]:
    """Return that some columns do not identify each row.

    Args:
        examples: rows for people, as `Subject.is_key_unique` gives them.
    """
    told = [one_line(each) for each in examples[:MOST_EXAMPLES]]
    first = f": {told[0]}" if told else ""
    if promise.column is not None:
        what = "some values are there more than once"
    else:
        what = f"some rows have the same {listed(columns)}"
    return promise.broken(what + first, measure="repeated", value=None, limit=0, examples=told)
