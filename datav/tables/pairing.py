"""What is left to be compared of two versions once is known what they share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from datav.tables.version import U64, Prints, TableVersion

if TYPE_CHECKING:
    from datav.tables.views import Compared


def _none() -> tuple[U64, U64]:
    return np.zeros(0, np.uint64), np.zeros(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two versions, of which only those rows are scanned that may differ."""

    before: TableVersion
    after: TableVersion
    changed: tuple[U64, U64] = field(default_factory=_none)
    """Places of rows that are known to be each other's, by the key, and to differ."""
    differing: tuple[int, ...] | None = None
    """Positions in the view of all columns in which those differ; None: any may."""
    unchanged: int = 0
    """Rows that are known to be equal and are not scanned."""
    suspects: U64 | None = None
    """Fingerprints of the keys that are not unique in either version, sorted; None: not known, and both
    versions are scanned as a whole."""
    duplicates: tuple[int, int] = (0, 0)
    """How many keys more than one row has, in each version, where `suspects` is known."""
    prints: tuple[Sequence[Prints], Sequence[Prints]] | None = None
    """What scans of both versions give, where that is known already."""


def pair_whole(compared: "Compared") -> Pairing:
    """Return both versions as they are, nothing known of either."""
    return Pairing(compared.before, compared.after)
