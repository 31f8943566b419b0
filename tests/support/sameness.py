"""Whether two profiles are the same, to the last bit and type: their dataclasses have no `==`."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import numpy as np
import pyarrow


def differences(one: object, other: object) -> list[str]:
    """Return where two values made of dataclasses, tuples, arrays and plain values differ."""
    return list(_walk("", one, other))


def _walk(path: str, one: object, other: object) -> Iterator[str]:
    if type(one) is not type(other):
        yield f"{path}: {type(one).__name__} and {type(other).__name__}"
    elif is_dataclass(one):
        for field in fields(one):
            yield from _walk(f"{path}.{field.name}", getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, tuple):
        if len(one) != len(other):
            yield f"{path}: {len(one)} and {len(other)} items"
        for place, (left, right) in enumerate(zip(one, other, strict=False)):
            yield from _walk(f"{path}[{place}]", left, right)
    elif isinstance(one, np.ndarray):
        if (one.dtype, one.shape, one.tobytes()) != (other.dtype, other.shape, other.tobytes()):
            yield f"{path}: {one.dtype}{one.shape} {one} and {other.dtype}{other.shape} {other}"
    elif isinstance(one, pyarrow.Array):
        if not one.equals(other):
            yield f"{path}: {one} and {other}"
    elif repr(one) != repr(other):
        yield f"{path}: {one!r} and {other!r}"
