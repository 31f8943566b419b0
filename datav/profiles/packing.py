"""Arrays in the bytes of a profile: integers as narrow as they go, decimals as integers, texts.

The layout is specified in docs/formats/profile.md, under "Arrays".  A packer takes arrays one by one and
gives each a number; unpacking gives them back by number, each once, so that bytes which are hostile cannot
name an array a million times.
"""

from array import array
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from datav.profiles.arrays import F64, I64, U64, Values

MAX_ITEMS = 2**16
"""Of one array."""

_WIDTHS = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}
_LENGTH_WIDTHS = (1, 2, 4)
_UNSCALED = {"scaled": "int", "scaled delta": "delta"}
_LOW, _HIGH = -(2**63), 2**63 - 1
_TENS = [float(10**digits) for digits in range(10)]
# Integers up to here are floats, and one divided by a power of ten is the float nearest to the decimal.
_WHOLE = 2**53


class Wrong(Exception):
    """Bytes are no profile; the message says what about them is wrong."""


class Packer:
    """Collects arrays."""

    def __init__(self) -> None:
        self.elements: list[list[str | int]] = []
        """What the header says of each array."""
        self.blocks: list[bytes] = []
        """Their bytes."""

    def add_values(self, values: Values, *, increasing: bool = False) -> int:
        """Add integers or floats, and return their number."""
        if values.dtype != np.float64:
            return self._add_integers("", values.astype(np.int64), increasing, [])
        digits, whole = _as_decimals(values)
        if whole is None or not len(values):
            return self._add(["float", len(values)], values.astype("<f8").tobytes())
        return self._add_integers("scaled", whole, increasing, [digits])

    def add_hashes(self, hashes: U64) -> int:
        return self._add(["hash", len(hashes)], hashes.astype("<u8").tobytes())

    def add_bytes(self, values: NDArray[np.uint8]) -> int:
        return self._add(["byte", len(values)], values.tobytes())

    # Any, here and below: pyarrow has no types of its own that mypy could see.
    def add_texts(self, texts: Any) -> int:
        """Add an array of large_string."""
        encoded = [text.encode() for text in texts.to_pylist()]
        lengths = np.array([len(text) for text in encoded], np.uint64)
        width, packed = _narrow(lengths)
        joined = b"".join(encoded)
        return self._add(["text", len(encoded), width, len(joined)], packed + joined)

    def _add_integers(self, scaled: str, values: I64, increasing: bool, more: list[int]) -> int:
        if increasing and len(values):
            coding, base = f"{scaled} delta".strip(), int(values[0])
            # Modulo 2**64, which the difference of two integers of 64 bits needs.
            words = values.view(np.uint64)
            stored = words[1:] - words[:-1]
        else:
            coding, base = scaled or "int", int(values.min()) if len(values) else 0
            stored = values.view(np.uint64) - np.uint64(base % 2**64)
        width, packed = _narrow(stored)
        return self._add([coding, len(values), width, base, *more], packed)

    def _add(self, element: list[str | int], block: bytes) -> int:
        self.elements.append(element)
        self.blocks.append(block)
        return len(self.elements) - 1


class Unpacked:
    """Arrays by number, each of which is taken once, and unpacked then."""

    def __init__(self, elements: object, data: memoryview) -> None:
        """Find the arrays in `data`; Wrong if they are not all of it, or no arrays."""
        if type(elements) is not list:
            raise Wrong("lists no arrays")
        self._elements, self._data = elements, data
        self._ends = array("Q", [0])
        for element in elements:
            self._ends.append(self._ends[-1] + _size_of(element))
            if self._ends[-1] > len(data):
                raise Wrong("is cut short")
        if self._ends[-1] != len(data):
            raise Wrong("has bytes behind its last array")

    def take_integers(self, number: object) -> I64:
        found: I64 = self._take(number, ("int", "delta"))
        return found

    def take_values(self, number: object) -> Values:
        """Return integers or floats."""
        found: Values = self._take(number, ("int", "delta", "scaled", "scaled delta", "float"))
        return found

    def take_hashes(self, number: object) -> U64:
        found: U64 = self._take(number, ("hash",))
        return found

    def take_bytes(self, number: object) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = self._take(number, ("byte",))
        return found

    def take_texts(self, number: object) -> Any:
        return self._take(number, ("text",))

    def check_all_taken(self) -> None:
        if any(element is not None for element in self._elements):
            raise Wrong("has an array that nothing names")

    def _take(self, number: object, codings: tuple[str, ...]) -> Any:
        if type(number) is not int or not 0 <= number < len(self._elements):
            raise Wrong("names an array that it does not have")
        element = self._elements[number]
        if element is None:
            raise Wrong("names an array twice")
        if element[0] not in codings:
            raise Wrong("names an array of another kind than is meant")
        self._elements[number] = None
        return _unpack(element, self._data[self._ends[number] : self._ends[number + 1]])


def _as_decimals(values: F64) -> tuple[int, I64 | None]:
    """Return the fewest digits behind the point that all values have, and all without it; None: too many."""
    for digits, ten in enumerate(_TENS):
        with np.errstate(over="ignore"):
            scaled = np.rint(values * ten)
        if not (np.abs(scaled) <= _WHOLE).all():
            break
        whole = scaled.astype(np.int64)
        # Bits, not values: -0.0 has no integer.
        if ((whole / ten).view(np.int64) == values.view(np.int64)).all():
            return digits, whole
    return 0, None


def _narrow(values: U64) -> tuple[int, bytes]:
    """Return the least width that holds all values, and them."""
    highest = int(values.max(initial=0))
    width = next(width for width in _WIDTHS if highest < 2 ** (8 * width))
    return width, values.astype(_WIDTHS[width]).tobytes()


def _size_of(element: Any) -> int:
    """Return how many bytes an array takes; Wrong if no writer makes one that is described so."""
    if type(element) is not list or not 2 <= len(element) <= 5 or type(element[0]) is not str:
        raise Wrong("lists something that is no array")
    coding, *numbers = element
    if any(type(number) is not int for number in numbers) or not 0 <= numbers[0] <= MAX_ITEMS:
        raise Wrong("lists an array of an impossible size")
    match coding, numbers:
        case "int", [count, width, base] if width in _WIDTHS and _LOW <= base <= _HIGH:
            return int(count * width)
        case "delta", [count, width, base] if count and width in _WIDTHS and _LOW <= base <= _HIGH:
            return int((count - 1) * width)
        case (("scaled" | "scaled delta"), [count, width, base, digits]) if 0 <= digits < len(_TENS):
            return _size_of([_UNSCALED[coding], count, width, base])
        case (("float" | "hash"), [count]):
            return int(8 * count)
        case "byte", [count]:
            return int(count)
        case "text", [count, width, size] if width in _LENGTH_WIDTHS and 0 <= size <= _HIGH:
            return int(count * width + size)
    raise Wrong("lists an array that no writer makes")


def _unpack(element: list[Any], data: memoryview) -> Any:
    match element:
        case ["int", _, width, base]:
            return _read_offsets(data, width, base)
        case ["delta", _, width, base]:
            return _read_steps(data, width, base)
        case ["float", _]:
            return np.frombuffer(data, "<f8").astype(np.float64)
        case ["hash", _]:
            return np.frombuffer(data, "<u8").astype(np.uint64)
        case ["byte", _]:
            return np.frombuffer(data, np.uint8).copy()
        case ["text", count, width, _]:
            return _read_texts(data, count, width)
        case [scaled, *plain, digits]:
            return _divide(_unpack([_UNSCALED[scaled], *plain], data), digits)


def _read_offsets(data: memoryview, width: int, base: int) -> I64:
    stored = np.frombuffer(data, _WIDTHS[width]).astype(np.uint64)
    if base:
        stored += np.uint64(base % 2**64)
    values = stored.view(np.int64)
    # What wraps around is less than the base.
    if len(values) and int(values.min()) < base:
        raise Wrong("has an integer of more than 64 bits")
    return values


def _read_steps(data: memoryview, width: int, base: int) -> I64:
    stored = np.frombuffer(data, _WIDTHS[width])
    values = np.empty(len(stored) + 1, np.uint64)
    values[0] = base % 2**64
    values[1:] = stored
    return np.cumsum(values, out=values).view(np.int64)


def _divide(values: I64, digits: int) -> F64:
    if len(values) and (int(values.min()) < -_WHOLE or int(values.max()) > _WHOLE):
        raise Wrong("has a decimal of too many digits")
    return values / _TENS[digits]


def _read_texts(data: memoryview, count: int, width: int) -> Any:
    lengths = np.frombuffer(data[: count * width], _WIDTHS[width])
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(lengths, dtype=np.int64, out=offsets[1:])
    joined = bytes(data[count * width :])
    if offsets[-1] != len(joined):
        raise Wrong("has texts of another length than it says")
    buffers = [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(joined)]
    texts = pyarrow.Array.from_buffers(pyarrow.large_string(), count, buffers)
    try:
        texts.validate(full=True)
    except pyarrow.ArrowInvalid as exc:
        raise Wrong("has a text that is not UTF-8") from exc
    return texts
