"""Keys that more than one row of a table has: which, and where, in bounded memory whatever its size."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pyarrow import types as arrow_types

from datav.storage.scratch import Scratch
from datav.tables.cellvalues import cell_values
from datav.tables.jsonl import JsonLinesVersion
from datav.tables.matching import MAX_IN_MEMORY, find_repeated
from datav.tables.parting import Parts
from datav.tables.recordmap import KeyFacts
from datav.tables.source import line_number
from datav.tables.text import TextVersion
from datav.tables.version import U64, Prints, TableVersion, View

Part = tuple[str, TableVersion, Mapping[str, str | None]]
"""The name of a file, empty where it is all of the table; what it holds, and the cells that all of its rows
have beside these."""

SHOWN = 3
_ROWS_SHOWN = 2

# Which line a place is in takes reading all before it.
_FARTHEST_LINE = 64 * 2**20


def find_repeated_keys(
    parts: Iterable[Part], columns: Sequence[str], seed: int, scratch: Scratch, executor: Executor
) -> KeyFacts:
    """Return which keys more than one row has, of all parts together.

    Args:
        columns: those of the key; each part has them.
        seed: of 64 bits.

    Raises:
        TableError: a part is no table after all.

    Cost: one pass over these columns; 8 bytes a row, in scratch files beyond MAX_IN_MEMORY rows.
    """
    kept = Parts(scratch, MAX_IN_MEMORY, ("keys",))
    for _, _, _, keys in _scan(parts, columns, seed, executor):
        kept.add(0, (keys,))
    number = kept.wanted_parts()
    found = [find_repeated(kept.read(0, part, number)[0]) for part in range(number)]
    return KeyFacts(seed, np.sort(np.concatenate(found)))


def show_repeated_keys(
    parts: Iterable[Part], columns: Sequence[str], facts: KeyFacts, executor: Executor
) -> tuple[str, ...]:
    """Return some keys that more than one row has, for people: `id=17 (lines 3 and 90)`.

    Cost: a pass over these columns, as far as it takes.
    """
    seen: dict[int, _Seen] = {}
    wanted = facts.repeated
    first, last = 0, None
    for part, view, prints, keys in _scan(parts, columns, facts.seed, executor):
        if part is not last:
            first, last = 0, part
        found = np.flatnonzero(np.isin(keys, wanted))
        for at in found.tolist():
            key = int(keys[at])
            if key not in seen and len(seen) == SHOWN:
                continue
            if key not in seen:
                seen[key] = _Seen(_cells_at(part, view, prints.places[at : at + 1], columns))
            if len(seen[key].rows) < _ROWS_SHOWN:
                seen[key].rows.append(_where(part, int(prints.places[at]), first + at))
        first += len(keys)
        if len(seen) == min(SHOWN, len(wanted)) and all(len(x.rows) == _ROWS_SHOWN for x in seen.values()):
            break
    return tuple(f"{each.cells} ({_join(each.rows)})" for each in seen.values())


@dataclass(slots=True)
class _Seen:
    cells: str
    rows: list[tuple[str, str, int]] = field(default_factory=list)
    """File, `line` or `row`, and its number, from 1."""


def _join(rows: Sequence[tuple[str, str, int]]) -> str:
    names = {name for name, _, _ in rows}
    kinds = {kind for _, kind, _ in rows}
    if len(names) == 1 and len(kinds) == 1 and len(rows) > 1:
        return f"{kinds.pop()}s {' and '.join(f'{number:,}' for _, _, number in rows)}{_of(names.pop())}"
    return " and ".join(f"{kind} {number:,}{_of(name)}" for name, kind, number in rows)


def _of(name: str) -> str:
    return f" of {name}" if name else ""


def _where(part: Part, place: int, row: int) -> tuple[str, str, int]:
    name, version, _ = part
    offset = None
    if isinstance(version, TextVersion):
        offset = version.text_of(place)[0]
    elif isinstance(version, JsonLinesVersion):
        offset = place
    if offset is None or offset > _FARTHEST_LINE:
        return name, "row", row + 1
    return name, "line", line_number(version.source, offset)  # type: ignore[attr-defined]


# Any: pyarrow has no types of its own that mypy could see.
def _scan(
    parts: Iterable[Part], columns: Sequence[str], seed: int, executor: Executor
) -> Iterator[tuple[Part, View, Prints, U64]]:
    """Yield the fingerprints of the keys, some rows at a time."""
    kinds: dict[str, Any] = {}
    for name, version, given in parts:
        numbers = {column.name: number for number, column in enumerate(version.columns)}
        values = {each: given.get(each) for each in columns if each in given or each not in numbers}
        part = name, version, values
        stored = [name for name in columns if name not in values]
        types = version.types
        for each in stored:
            # Those of the first part are those of all: else the same key had two fingerprints.
            kinds.setdefault(each, _value_type(types[numbers[each]]))
        view = View(
            tuple(numbers[each] for each in stored),
            tuple(range(len(stored))),
            tuple(kinds[each] for each in stored),
        )
        salt = _salt([values[each] for each in columns if each in values])
        for prints in version.scan(view, seed, executor):
            yield part, view, prints, prints.keys ^ salt if salt else prints.keys


def _value_type(kind: Any) -> Any:
    return kind.value_type if kind is not None and arrow_types.is_dictionary(kind) else kind


def _salt(values: Sequence[str | None]) -> np.uint64:
    if not values:
        return np.uint64(0)
    digest = hashlib.blake2b(json.dumps(values).encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def _cells_at(part: Part, view: View, places: U64, columns: Sequence[str]) -> str:
    _, version, values = part
    table: Any = version.take(places, view.columns, view.types)
    cells = iter([cell_values(table.column(number))[0] for number in range(len(view.columns))])
    shown = [values[name] if name in values else next(cells) for name in columns]
    return ", ".join(
        f"{name}={'null' if cell is None else cell}" for name, cell in zip(columns, shown, strict=True)
    )
