"""Values of properties in `[check."GLOB"]`, each refused with what it may be if it is something else.

Every function takes what TOML has of one property and the property's key, and raises Malformed.
"""

import math
import re
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from datav.errors import UnsafePathError
from datav.relpath import RelPath
from datav.settings.checks import Bounds, Disjoint, Reference
from datav.settings.toml import UNKNOWN, Malformed

Key = tuple[str | int, ...]

_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_TIME_HINT = 'such as `0`, `"2024-01-31"` or `"2024-01-31T12:00:00Z"`'

_AGE = re.compile(r"(\d+(?:\.\d+)?) *(minute|hour|day|week)s?", re.ASCII)
_UNITS_S = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}
# `timedelta` and dates end before that.
_MOST_AGE_S = 366 * 86400 * 1000

# Not in RE2, which needs time that is linear in the text; the engine of Python has them.
_NOT_RE2 = re.compile(r"\(\?(?:=|!|<=|<!|>|\(|P=|P>|#)")
_ESCAPED_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
# `\12` is a character by its octal number.
_ESCAPED = re.compile(r"\\.[0-7]?", re.DOTALL)
_BACK_REFERENCE = re.compile(r"\\(?:[1-7]|[89][0-7]?)")
# What RE2 refuses too; of anything else Python and RE2 may think differently.
_SAME_IN_RE2 = (
    "missing ), unterminated subpattern",
    "unbalanced parenthesis",
    "unterminated character set",
    "nothing to repeat at position 0",
    "min repeat greater than max repeat",
    "bad escape (end of pattern)",
)


def flag(value: Any, key: Key) -> bool:
    if not isinstance(value, bool):
        raise Malformed(key, "is neither true nor false")
    return value


def choice(*choices: str, what: str) -> Callable[[Any, Key], str]:
    """Return what takes one of `choices`; `what` is wrong with anything else."""

    def take(value: Any, key: Key) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise Malformed(key, what, hint=suggest(value, choices, f"there are {join_texts(choices)}", '"'))

    return take


def column_names(value: Any, key: Key) -> tuple[str, ...]:
    return _texts(value, key, "column", 'such as `columns = ["id", "price"]`')


def limit(value: Any, key: Key) -> float | str:
    """Take a number, or a date or a timestamp, which is a text in ISO 8601 from then on."""
    if isinstance(value, date):
        return value.isoformat()
    if is_number(value):
        number: float = value
        return number
    if isinstance(value, str) and _ISO_TIME.fullmatch(value):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise Malformed(key, "is a time that no calendar has", hint=_TIME_HINT) from None
        return value
    raise Malformed(key, "is neither a number nor a date or a timestamp", hint=_TIME_HINT)


def refuse_crossed(least: float | str, most: float | str, key: Key) -> None:
    """Raise Malformed if nothing lies between `least`, which stands at `key`, and `most`."""
    if isinstance(least, str) and isinstance(most, str):
        is_crossed = _moment(least) > _moment(most)
    elif isinstance(least, str) or isinstance(most, str):
        kinds = ("time", "number") if isinstance(least, str) else ("number", "time")
        raise Malformed(key, f"is a {kinds[0]} and `max` is a {kinds[1]}", hint=_TIME_HINT)
    else:
        is_crossed = least > most
    if is_crossed:
        raise Malformed(key, "is greater than `max`", hint="no value is in between; both ends are allowed")


def shares(value: Any, key: Key) -> Bounds:
    return _bounds(value, key, _is_share, "is not a number from 0 to 1", "{ min = 0.05, max = 0.9 }")


def counts(value: Any, key: Key) -> Bounds:
    return _bounds(value, key, _is_count, "is not a whole number of at least 0", "{ min = 1, max = 1000 }")


def factors(value: Any, key: Key) -> Bounds:
    return _bounds(value, key, _is_factor, "is not a number of at least 0", "{ min = 0.9, max = 1.5 }")


def share(value: Any, key: Key) -> float:
    if not _is_share(value):
        raise Malformed(key, "is not a number from 0 to 1", hint="it is a share: `0.02` is 2 %")
    return float(value)


def listed_values(value: Any, key: Key) -> tuple[str | float | bool, ...]:
    hint = 'such as `in = ["a", "b"]` or `in = [1, 2]`'
    if not isinstance(value, list):
        raise Malformed(key, "is not a list of values", hint=hint)
    if not value:
        raise Malformed(key, "has no values: no cell could be one of them", hint=hint)
    return tuple(_cell(item, (*key, index), hint) for index, item in enumerate(value))


def pattern(value: Any, key: Key) -> str:
    """Take a regular expression; what only RE2 can say of it is left to who uses it."""
    if not isinstance(value, str) or not value:
        raise Malformed(key, "is not a regular expression", hint='such as `matches = "[A-Z]{2}"`')
    fault = _find_foreign(value) or _find_fault(value)
    if fault is not None:
        hint = "the syntax is that of RE2: `.*` is anything, no looking around; the whole cell must fit"
        raise Malformed(key, f"is not a regular expression of RE2: {fault}", hint=hint)
    return value


def age(value: Any, key: Key) -> float:
    """Take a time span; return seconds."""
    match = _AGE.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    seconds = float(match[1]) * _UNITS_S[match[2]] if match else 0.0
    if not 0 < seconds <= _MOST_AGE_S:
        raise Malformed(
            key, "is no time span", hint='such as "7 days"; there are minutes, hours, days and weeks'
        )
    return seconds


def reference(value: Any, key: Key) -> Reference:
    hint = f'such as `{key[-1]} = {{ table = "data/countries.csv", column = "code" }}`'
    if not isinstance(value, dict):
        raise Malformed(key, "is not a table of `table` and `column`", hint=hint)
    refuse_unknown(value, key, ("table", "column"))
    for name in ("table", "column"):
        if name not in value:
            raise Malformed(key, f"does not say which `{name}`", hint=hint)
    column = value["column"]
    if not isinstance(column, str) or not column:
        raise Malformed((*key, "column"), "is no name of a column", hint=hint)
    return Reference(_path(value["table"], (*key, "table")), column)


def disjoint(value: Any, key: Key) -> Disjoint:
    hint = 'such as `disjoint = { from = ["data/test.csv"], by = "key" }`'
    if not isinstance(value, dict):
        raise Malformed(key, "is not a table of `from` and `by`", hint=hint)
    refuse_unknown(value, key, ("from", "by"))
    for name in ("from", "by"):
        if name not in value:
            raise Malformed(key, f"does not say `{name}`", hint=hint)
    tables = _texts(value["from"], (*key, "from"), "table", hint)
    for index, table in enumerate(tables):
        _path(table, (*key, "from", index))
    by = value["by"]
    if by == "key" or by == "row":
        return Disjoint(tables, by)
    by_hint = 'there are "key", "row" and a list of columns such as ["id"]'
    if isinstance(by, str):
        raise Malformed((*key, "by"), "does not say by what", hint=suggest(by, ("key", "row"), by_hint, '"'))
    return Disjoint(tables, _texts(by, (*key, "by"), "column", by_hint))


def meta(value: Any, key: Key) -> dict[str, str | None]:
    """Take names, or names and what they say; return them dotted, None for anything."""
    hint = 'such as `meta = { encoding = "utf-8", source = true }`; true stands for anything'
    if isinstance(value, list):
        return dict.fromkeys(_texts(value, key, "name", hint))
    if not isinstance(value, dict):
        raise Malformed(key, "is neither a table nor a list of names", hint=hint)
    said: dict[str, str | None] = {}
    for name, what in value.items():
        place = (*key, name)
        if isinstance(what, dict):
            found = {f"{name}.{rest}": text for rest, text in meta(what, place).items()}
        elif name and (what is True or isinstance(what, str)):
            found = {name: None if what is True else what}
        else:
            raise Malformed(place, "is neither true nor a text" if name else "has no name", hint=hint)
        if found.keys() & said.keys():
            raise Malformed(place, "is said twice, once with dots", hint=hint)
        said |= found
    if not said:
        raise Malformed(key, "names nothing", hint=hint)
    return said


def predicates(value: Any, key: Key) -> dict[str, str]:
    hint = 'such as `sql = { paid = "price >= 0 OR refunded" }`'
    if not isinstance(value, dict):
        raise Malformed(key, "is not a table of names and predicates", hint=hint)
    if not value:
        raise Malformed(key, "has no predicates", hint=hint)
    for name, predicate in value.items():
        if not name or not name.isprintable():
            raise Malformed((*key, name), "has no name that could be shown", hint=hint)
        if not isinstance(predicate, str) or not predicate.strip():
            raise Malformed((*key, name), "is not a predicate in SQL", hint=hint)
    return dict(value)


def refuse_unknown(table: dict[str, Any], key: Key, names: Sequence[str]) -> None:
    for name in table:
        if name not in names:
            raise Malformed(
                (*key, name), UNKNOWN, hint=suggest(name, names, f"there are {join_texts(names, '`')}")
            )


def suggest(value: Any, choices: Sequence[str], otherwise: str, quote: str = "`") -> str:
    """Return a hint: which one of `choices` is meant, if one is near, and `otherwise`."""
    import difflib

    text = value.strip().lower() if isinstance(value, str) else ""
    near = difflib.get_close_matches(text, choices, n=1)
    return f"did you mean {quote}{near[0]}{quote}? {otherwise}" if near else otherwise


def join_texts(texts: Sequence[str], quote: str = '"') -> str:
    quoted = [f"{quote}{text}{quote}" for text in texts]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(quoted) > 1 else "".join(quoted)


def is_number(value: Any) -> bool:
    """Whether it is a finite number, and one that a float can be."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and is_number(value) and value >= 0


def _is_factor(value: Any) -> bool:
    return is_number(value) and value >= 0


def _bounds(value: Any, key: Key, is_right: Callable[[Any], bool], wrong: str, example: str) -> Bounds:
    hint = f"such as `{key[-1]} = {example}`"
    if not isinstance(value, dict):
        raise Malformed(key, "is not a table of `min` and `max`", hint=hint)
    refuse_unknown(value, key, ("min", "max"))
    if not value:
        raise Malformed(key, "has neither `min` nor `max`", hint=hint)
    for name, end in value.items():
        if not is_right(end):
            raise Malformed((*key, name), wrong, hint=hint)
    least, most = value.get("min"), value.get("max")
    if least is not None and most is not None:
        refuse_crossed(least, most, (*key, "min"))
    return Bounds(least, most)


def _texts(value: Any, key: Key, what: str, hint: str) -> tuple[str, ...]:
    """Take a list of different texts, each the name of `what`."""
    if not isinstance(value, list):
        raise Malformed(key, f"is not a list of {what}s", hint=hint)
    if not value:
        raise Malformed(key, f"names no {what}", hint=hint)
    for index, text in enumerate(value):
        if not isinstance(text, str) or not text:
            raise Malformed((*key, index), f"has something that is no {what}", hint=hint)
        if text in value[:index]:
            raise Malformed((*key, index), f"names the {what} `{text}` twice")
    return tuple(value)


def _path(value: Any, key: Key) -> str:
    hint = 'a path from the root of the repository, such as "data/countries.csv"'
    if not isinstance(value, str):
        raise Malformed(key, "is no path of a table", hint=hint)
    try:
        RelPath.from_text(value)
    except UnsafePathError as exc:
        raise Malformed(key, f"is no path of a table: {exc}", hint=hint) from None
    return value


def _cell(value: Any, key: Key, hint: str) -> str | float | bool:
    if isinstance(value, str | bool) or is_number(value):
        # Any: what TOML may be has no type; these three are what was asked for.
        cell: str | float | bool = value
        return cell
    if isinstance(value, date | time):
        return value.isoformat()
    raise Malformed(key, "has something that is neither a text nor a number nor true nor false", hint=hint)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _find_foreign(value: str) -> str | None:
    """Return what of a pattern Python knows and RE2 does not."""
    if r"\Q" in value:
        return None  # All after it is meant as it stands.
    group = _NOT_RE2.search(_ESCAPED_OR_CLASS.sub("", value))
    if group is not None:
        return f"`{group[0]}`"
    if any(_BACK_REFERENCE.fullmatch(found[0]) for found in _ESCAPED.finditer(value)):
        return "a back reference"
    return None


def _find_fault(value: str) -> str | None:
    """Return what Python finds wrong with a pattern, if RE2 finds it wrong too."""
    if "[:" in value:
        return None  # Python does not know `[[:alpha:]]`.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(value)
    except re.error as exc:
        fault = str(exc)
        return fault if fault.startswith(_SAME_IN_RE2) else None
    except (OverflowError, RecursionError):
        return None
    return None
