"""`[check."GLOB"]` of `datav.toml`, taken into values.

Strict: a promise that is misspelt protects nothing, and nobody would notice.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from datav.settings import checkvalues as take
from datav.settings.checks import DRIFT_POLICIES, CheckSettings, ColumnChecks
from datav.settings.lines import LineFinder
from datav.settings.toml import UNKNOWN, Malformed, encode_key, encode_path, take_table

_Taker = Callable[[Any, take.Key], Any]

_OF_TABLES: Mapping[str, _Taker] = {
    "columns": take.column_names,
    "extra_columns": take.flag,
    "key_unique": take.flag,
    "rows": take.counts,
    "growth": take.factors,
    "schema_changes": take.choice(
        "forbid", "additive", "any", what="does not say which changes of the schema are allowed"
    ),
    "meta": take.meta,
    "disjoint": take.disjoint,
    "sql": take.predicates,
    "drift": take.choice(*DRIFT_POLICIES, what="does not say what becomes of drift"),
}
_OF_COLUMNS: Mapping[str, _Taker] = {
    "type": take.choice(
        "integer", "number", "boolean", "text", "date", "timestamp", "binary", "list",
        what="is no type of columns",
    ),
    "not_null": take.flag,
    "null_fraction": take.share,
    "unique": take.flag,
    "min": take.limit,
    "max": take.limit,
    "in": take.listed_values,
    "matches": take.pattern,
    "length": take.counts,
    "fresh": take.age,
    "references": take.reference,
    "documented_in": take.reference,
    "balance": take.shares,
}  # fmt: skip
# `in` cannot be the name of a field, and a number of seconds says so.
_FIELDS = {"in": "one_of", "fresh": "fresh_s"}


def take_checks(values: dict[str, Any], text: str) -> tuple[CheckSettings, ...]:
    """Take what is promised of tables out of the `values` of `datav.toml`, whose text is `text`.

    Raises:
        Malformed: something that is said there means nothing.
    """
    checks = take_table(values, "check")
    lines = LineFinder(text)
    return tuple(_check(glob, take_table(checks, glob, ("check",)), lines) for glob in list(checks))


def _check(glob: str, table: dict[str, Any], lines: LineFinder) -> CheckSettings:
    above = ("check", glob)
    if not glob:
        raise Malformed(above, "is for no paths", hint='`[check."*.csv"]` is for all CSV files')
    columns = take_table(table, "column", above)
    if isinstance(table.get("columns"), dict):
        place = encode_path((*above, "column", *list(table["columns"])[:1]))
        hint = f"what one column promises stands below `[{place}]`"
        raise Malformed((*above, "columns"), "is not a list of columns", hint=hint)
    for name, value in table.items():
        if name not in _OF_TABLES and name != "warn":
            raise Malformed((*above, name), UNKNOWN, hint=_hint_of_table(glob, name, value))
    found = _take_each(table, _OF_TABLES, above)
    places = {name: lines.find((*above, name)) for name in table}
    for name in found.get("sql", ()):
        places[f"sql.{name}"] = lines.find((*above, "sql", name))
    return CheckSettings(
        glob=glob,
        **found,
        column_checks=tuple(
            _column(name, take_table(columns, name, (*above, "column")), (*above, "column"), lines)
            for name in list(columns)
        ),
        warn=_warnings(table, above, places),
        lines=places,
    )


def _column(name: str, table: dict[str, Any], columns: tuple[str, ...], lines: LineFinder) -> ColumnChecks:
    above = (*columns, name)
    for key in table:
        if key not in _OF_COLUMNS and key != "warn":
            raise Malformed((*above, key), UNKNOWN, hint=_hint_of_column(columns[:2], key))
    found = _take_each(table, _OF_COLUMNS, above)
    if "min" in found and "max" in found:
        take.refuse_crossed(found["min"], found["max"], (*above, "min"))
    places = {key: lines.find((*above, key)) for key in table}
    return ColumnChecks(
        name,
        **{_FIELDS.get(key, key): value for key, value in found.items()},
        warn=_warnings(table, above, places),
        lines=places,
    )


def _take_each(table: dict[str, Any], takers: Mapping[str, _Taker], above: tuple[str, ...]) -> dict[str, Any]:
    return {name: takers[name](value, (*above, name)) for name, value in table.items() if name in takers}


def _warnings(table: dict[str, Any], above: tuple[str, ...], places: Iterable[str]) -> frozenset[str]:
    """Return which properties of a table only warn; of `sql` all its predicates too."""
    names = table.get("warn")
    if names is None:
        return frozenset()
    key: take.Key = (*above, "warn")
    there = sorted(set(places) - {"warn", "drift"})
    hint = f"`[{encode_path(above)}]` sets {take.join_texts(there)}" if there else None
    if not isinstance(names, list):
        raise Malformed(key, "is not a list of properties", hint=hint)
    if not names:
        raise Malformed(key, "names no property", hint=hint)
    for index, name in enumerate(names):
        place: take.Key = (*key, index)
        if not isinstance(name, str):
            raise Malformed(place, "has something that is no property", hint=hint)
        if name == "drift" and "drift" in table:
            raise Malformed(place, "names `drift`, which says so itself", hint='`drift = "warn"`')
        if name not in there:
            near = take.suggest(name, there, hint or "name what must be kept, then what only warns", '"')
            raise Malformed(place, f"names `{name}`, which is not set beside it", hint=near)
    every = {each for each in there if each.startswith("sql.") and "sql" in names}
    return frozenset(names) | every


def _hint_of_table(glob: str, name: str, value: Any) -> str:
    if glob in _OF_TABLES:
        return 'what is promised of a table stands below its pattern: `[check."data/*.csv"]`'
    if name in _OF_COLUMNS:
        place = encode_path(("check", glob, "column"))
        return f"it is promised of a column, below `[{place}.NAME]`"
    if isinstance(value, dict) and "." not in glob and "/" not in glob:
        return f'a pattern with a dot stands in quotes: `[check."{glob}.{encode_key(name)}"]`'
    of = f"of a table there are {take.join_texts([*_OF_TABLES, 'warn', 'column'], '`')}"
    return take.suggest(name, [*_OF_TABLES, "warn", "column"], of)


def _hint_of_column(table: tuple[str, ...], name: str) -> str:
    if name in _OF_TABLES:
        return f"it is promised of the whole table, below `[{encode_path(table)}]`"
    of = f"of a column there are {take.join_texts([*_OF_COLUMNS, 'warn'], '`')}"
    return take.suggest(name, [*_OF_COLUMNS, "warn"], of)
