"""Native modules of datav.core with each of the instruction sets that this machine has."""

from collections.abc import Iterator
from typing import Any

import pytest


def variants(native: Any) -> tuple[str, ...]:
    """The names of the instruction sets; none where `native` was not built (None)."""
    return tuple(native.variants()) if native else ()


def every_variant(native: Any) -> Iterator[Any]:
    """For tests that draw data: all variants over one example."""
    if not native:
        pytest.skip("the extension is not built")
    for variant in variants(native):
        yield from one_variant(native, variant)


def one_variant(native: Any, variant: str) -> Iterator[Any]:
    """The module with one instruction set, and with the one before when that is over."""
    before = native.variant()
    native.use(variant)
    try:
        yield native
    finally:
        native.use(before)
