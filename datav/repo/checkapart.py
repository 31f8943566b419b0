"""Rules taken apart into single promises: where the data of a table is nowhere, its profile knows some."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple, TypeVar

from datav.settings.checks import CheckSettings, ColumnChecks

# As they are called in `datav.toml`.
_NAMES = {"one_of": "in", "fresh_s": "fresh"}
_T = TypeVar("_T", CheckSettings, ColumnChecks)

_NO_PROMISES = ("glob", "name", "warn", "lines", "column_checks")


class Single(NamedTuple):
    """One promise."""

    rule: str
    """As in `datav.toml`."""
    column: str | None
    line: int | None
    settings: tuple[CheckSettings, ...]
    """Rules that promise nothing else."""


def take_apart(rules: Sequence[CheckSettings]) -> Iterator[Single]:
    """Yield what some rules of one table promise, one by one."""
    for rule in rules:
        bare = CheckSettings(glob=rule.glob, warn=rule.warn, lines=rule.lines)
        for name in _promised(rule):
            value: Any = getattr(rule, name)
            if name == "extra_columns":
                # Columns that any rule names are no extra ones.
                named = (_names_only(each) for each in rules if each is not rule)
                both = replace(_names_only(rule), extra_columns=False)
                yield Single(name, None, rule.lines.get(name), (both, *named))
            elif name in ("sql", "meta"):
                for key in value:
                    shown = f"sql.{key}" if name == "sql" else name
                    yield Single(shown, None, rule.lines.get(shown), (_with(bare, name, {key: value[key]}),))
            else:
                yield Single(name, None, rule.lines.get(name), (_with(bare, name, value),))
        for checks in rule.column_checks:
            yield from _columns_apart(bare, checks)


def _columns_apart(bare: CheckSettings, checks: ColumnChecks) -> Iterator[Single]:
    for name in _promised(checks):
        value: Any = getattr(checks, name)
        shown = _NAMES.get(name, name)
        only = _with(_name_only(checks), name, value)
        yield Single(shown, checks.name, checks.lines.get(shown), (replace(bare, column_checks=(only,)),))


# Any: what each field is, its own rule says already.
def _with(values: _T, name: str, value: Any) -> _T:
    changes: dict[str, Any] = {name: value}
    return replace(values, **changes)


def _names_only(rule: CheckSettings) -> CheckSettings:
    return CheckSettings(
        glob=rule.glob,
        columns=rule.columns,
        column_checks=tuple(map(_name_only, rule.column_checks)),
        warn=rule.warn,
        lines=rule.lines,
    )


def _name_only(checks: ColumnChecks) -> ColumnChecks:
    return ColumnChecks(checks.name, warn=checks.warn, lines=checks.lines)


def _promised(values: CheckSettings | ColumnChecks) -> Iterator[str]:
    """Yield the fields that promise something."""
    empty = CheckSettings() if isinstance(values, CheckSettings) else ColumnChecks(values.name)
    for field in fields(values):
        is_said = getattr(values, field.name) != getattr(empty, field.name)
        if field.name not in (*_NO_PROMISES, "drift") and is_said:
            yield field.name
