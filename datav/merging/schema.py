"""The columns of a merge: what became of each, and in which order they stand.

Pure.  What can be told by names and types is told here; whether a column that one side removed has cells that
the other changed is told by who can look at cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from datav.merging.plan import MergedColumn
from datav.tables.version import TableVersion

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True, slots=True)
class ColumnSides:
    """Where the three versions have a column, and as what."""

    name: str
    base: int | None
    ours: int | None
    theirs: int | None
    kinds: "tuple[pyarrow.DataType | None, pyarrow.DataType | None, pyarrow.DataType | None]"
    """None: text, or not there."""

    @property
    def removed_by(self) -> Literal["ours", "theirs"] | None:
        """Which side alone removed it."""
        if self.base is None or (self.ours is None) == (self.theirs is None):
            return None
        return "ours" if self.ours is None else "theirs"

    @property
    def is_retyped_twice(self) -> bool:
        """Whether both sides have it, in different types that are not base's."""
        if self.ours is None or self.theirs is None:
            return False
        base, ours, theirs = self.kinds
        is_known = self.base is not None and (_same(base, ours) or _same(base, theirs))
        return not _same(ours, theirs) and not is_known


def find_sides(base: TableVersion | None, ours: TableVersion, theirs: TableVersion) -> list[ColumnSides]:
    """Return the columns of three versions: ours in order, then those that only others have."""
    versions = (base, ours, theirs)
    places = [
        {column.name: number for number, column in enumerate(version.columns)} if version is not None else {}
        for version in versions
    ]
    # Once: a version makes them when it is asked.
    kinds = [version.types if version is not None else () for version in versions]
    names = dict.fromkeys([*places[1], *places[2], *places[0]])
    found = []
    for name in names:
        at = [side.get(name) for side in places]
        types = [kind[place] if place is not None else None for kind, place in zip(kinds, at, strict=True)]
        found.append(ColumnSides(name, at[0], at[1], at[2], (types[0], types[1], types[2])))
    return found


def merge_columns(
    sides: Sequence[ColumnSides], kept: Mapping[str, bool], retyped: Mapping[str, Literal["ours", "theirs"]]
) -> tuple[MergedColumn, ...]:
    """Return the columns of the result, in order.

    Args:
        kept: of columns that one side alone removed, whether they stay.
        retyped: of columns that both sides retyped, whose type they get; the other side's cells are not
            looked at.
    """
    chosen = {side.name: side for side in sides if _is_in(side, kept)}
    return tuple(_merged(chosen[name], retyped.get(name)) for name in _ordered(chosen, sides))


def _is_in(side: ColumnSides, kept: Mapping[str, bool]) -> bool:
    if side.ours is None and side.theirs is None:
        return False
    return kept.get(side.name, False) if side.removed_by is not None else True


def _merged(side: ColumnSides, retyped: Literal["ours", "theirs"] | None) -> MergedColumn:
    base, ours, theirs = side.kinds
    if retyped is not None:
        kind = ours if retyped == "ours" else theirs
    elif side.ours is None:
        kind = theirs
    elif side.theirs is None or side.base is None or not _same(base, ours):
        kind = ours
    else:
        kind = theirs
    return MergedColumn(side.name, side.base, side.ours, side.theirs, kind)


def _ordered(chosen: Mapping[str, ColumnSides], sides: Sequence[ColumnSides]) -> list[str]:
    """Return the names in the order of the result: ours, unless only theirs moved columns; what the spine
    lacks stands behind its left neighbour."""
    is_by_theirs = _is_moved(sides, "theirs") and not _is_moved(sides, "ours")
    spine, other = ("theirs", "ours") if is_by_theirs else ("ours", "theirs")
    order = [side.name for side in _in_order(chosen.values(), spine)]
    present = set(order)
    left: str | None = None
    behind: dict[str | None, list[str]] = {}
    for side in _in_order(chosen.values(), other):
        if side.name in present:
            left = side.name
        else:
            behind.setdefault(left, []).append(side.name)
    result = behind.get(None, [])
    for name in _with_own_additions(order, chosen, behind):
        result.append(name)
        result += behind.get(name, [])
    return result


def _with_own_additions(
    order: list[str], chosen: Mapping[str, ColumnSides], behind: dict[str | None, list[str]]
) -> list[str]:
    """Return `order`, and have `behind` name the last column that the spine added at the same place: what it
    added itself stands first."""
    for at, name in enumerate(order):
        if name not in behind:
            continue
        last = at
        while last + 1 < len(order) and _is_added_once(chosen[order[last + 1]]):
            last += 1
        if last > at:
            behind.setdefault(order[last], []).extend(behind.pop(name))
    return order


def _is_added_once(side: ColumnSides) -> bool:
    return side.base is None and (side.ours is None or side.theirs is None)


def _in_order(sides: Any, which: str) -> list[ColumnSides]:
    found = [side for side in sides if getattr(side, which) is not None]
    return sorted(found, key=lambda side: int(getattr(side, which)))


def _is_moved(sides: Sequence[ColumnSides], which: str) -> bool:
    """Whether a side has base's columns in another order."""
    common = [side.base for side in _in_order(sides, which) if side.base is not None]
    return common != sorted(common)


def _same(a: "pyarrow.DataType | None", b: "pyarrow.DataType | None") -> bool:
    if a is None or b is None:
        return a is b
    return bool(a.equals(b))
