"""Which columns of two versions are compared with which, and as what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow
from pyarrow import types

from datav.errors import UsageError
from datav.tables.options import DiffOptions
from datav.tables.typed import CanonicalVersion
from datav.tables.version import TableVersion, View
from datav.tables.widened import WidenedVersion

if TYPE_CHECKING:
    from collections.abc import Iterable

_SMALL_INTEGER_BITS = 32


@dataclass(frozen=True, slots=True)
class Compared:
    """Two versions, and what of them is compared."""

    before: TableVersion
    after: TableVersion
    names: tuple[str, ...]
    """The columns that are compared, in the order of the first version."""
    key: tuple[str, ...]
    before_view: View
    after_view: View
    by_value: frozenset[str]
    """Those of the columns whose cells are compared by what they mean."""
    key_problem: str | None
    """Why there is no key although one was named."""

    @property
    def has_key(self) -> bool:
        return bool(self.key)

    def only(self, positions: Sequence[int]) -> "Compared":
        """Return the same, of only some columns of the views and the key."""
        kept = sorted({*positions, *self.before_view.key})
        key = tuple(kept.index(position) for position in self.before_view.key)
        views = (
            View(tuple(view.columns[n] for n in kept), key, tuple(view.types[n] for n in kept))
            for view in (self.before_view, self.after_view)
        )
        before_view, after_view = views
        return replace(
            self, names=tuple(self.names[n] for n in kept), before_view=before_view, after_view=after_view
        )

    @property
    def by_bytes(self) -> bool:
        """Whether equal bytes of the two files are equal rows, and nothing else has to be known of them."""
        return not isinstance(self.before, CanonicalVersion) and self.before_view == self.after_view


def choose_views(before: TableVersion, after: TableVersion, options: DiffOptions) -> Compared:
    """Return what is compared.

    Raises:
        UsageError: an option names a column that neither version has.
    """
    old = {column.name: number for number, column in enumerate(before.columns)}
    new = {column.name: number for number, column in enumerate(after.columns)}
    _check_names(options, before, after)
    key, problem = options.key or (), None
    for name in key:
        if name not in old or name not in new:
            which = "first" if name not in old else "second"
            key, problem = (), f"the key column {name} is not in the {which} version"
            break
    asked = replace(options, key=key)
    chosen = frozenset(column.name for side in (before, after) for column in asked.spoken_of(side.columns))
    if options.added_columns:
        before = WidenedVersion(before, after, [number for name, number in new.items() if name not in old])
        # Behind all others, which is where the fingerprints of a version that lacks them can be made longer.
        old |= {name: len(old) + place for place, name in enumerate(n for n in new if n not in old)}
    names = [name for name in old if name in new and name in chosen]
    # Once: a version makes them when it is asked, and there may be as many as columns.
    old_types, new_types = before.types, after.types
    # Cells of both are text, and yet JSON writes a truth value, a null and a number in its own way.
    typed = options.typed or (before.format != after.format and "jsonl" in (before.format, after.format))
    kinds = [_common_type(old_types[old[name]], new_types[new[name]], typed=typed) for name in names]
    by_value = [name for name, kind in zip(names, kinds, strict=True) if kind is _BY_VALUE]
    if by_value:
        before = CanonicalVersion(before, [old[name] for name in by_value])
        after = CanonicalVersion(after, [new[name] for name in by_value])
    shown = tuple(pyarrow.large_binary() if kind is _BY_VALUE else kind for kind in kinds)
    positions = tuple(names.index(name) for name in key)
    return Compared(
        before,
        after,
        tuple(names),
        tuple(key),
        View(tuple(old[name] for name in names), positions, shown),
        View(tuple(new[name] for name in names), positions, shown),
        frozenset(by_value),
        problem,
    )


# Stands for: as canonical text.
_BY_VALUE: Any = object()


def _common_type(before: Any, after: Any, *, typed: bool) -> Any:
    """What the cells of a column are compared as; None: as their text."""
    if before is None and after is None:
        return _BY_VALUE if typed else None
    if before is None or after is None:
        return _BY_VALUE
    before, after = _plain(before), _plain(after)
    if before.equals(after):
        return before
    for common in (_common_number, _common_time, _common_text):
        found = common(before, after)
        if found is not None:
            return found
    if types.is_null(before) or types.is_null(after):
        return after if types.is_null(before) else before
    return _BY_VALUE


def _plain(kind: Any) -> Any:
    return kind.value_type if types.is_dictionary(kind) else kind


def _common_number(before: Any, after: Any) -> Any:
    if types.is_integer(before) and types.is_integer(after):
        signs = {types.is_signed_integer(before), types.is_signed_integer(after)}
        if len(signs) == 1:
            return before if before.bit_width >= after.bit_width else after
        largest = max(kind.bit_width for kind in (before, after) if types.is_unsigned_integer(kind))
        return pyarrow.int64() if largest <= _SMALL_INTEGER_BITS else None
    kinds = before, after
    if any(map(types.is_floating, kinds)) and all(
        types.is_floating(kind) or (types.is_integer(kind) and kind.bit_width <= _SMALL_INTEGER_BITS)
        for kind in kinds
    ):
        return pyarrow.float64()
    return None


def _common_time(before: Any, after: Any) -> Any:
    if types.is_timestamp(before) and types.is_timestamp(after) and (before.tz is None) == (after.tz is None):
        units = ("s", "ms", "us", "ns")
        if before.unit != after.unit and "ns" in (before.unit, after.unit):
            # In nanoseconds there are no years before 1677 and after 2262.
            return None
        return pyarrow.timestamp(max(before.unit, after.unit, key=units.index), before.tz)
    if types.is_date(before) and types.is_date(after):
        return pyarrow.date64()
    return None


def _common_text(before: Any, after: Any) -> Any:
    for is_it, common in ((_is_string, pyarrow.large_string()), (_is_binary, pyarrow.large_binary())):
        if is_it(before) and is_it(after):
            return common
    return None


def _is_string(kind: Any) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_binary(kind: Any) -> bool:
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def _check_names(options: DiffOptions, before: TableVersion, after: TableVersion) -> None:
    known = dict.fromkeys(column.name for version in (before, after) for column in version.columns)
    tolerated = [name for name in options.tolerances if name]
    asked: Iterable[str] = (*(options.key or ()), *options.columns, *options.ignored, *tolerated)
    for name in asked:
        if name not in known:
            raise no_such_column(name, list(known))


def no_such_column(name: str, known: Sequence[str]) -> UsageError:
    """The error for a column that is not there."""
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return UsageError(f"there is no column {name}", hint=f"there are {shown}")
