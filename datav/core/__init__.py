"""Where to cut, how many rows, which ids, what not to compress.

Pure functions over buffers.  `reference` defines them in Python; `_native` is the same in C, ten to a
thousand times as fast, and is used where it could be built.  Every function takes any contiguous
buffer of bytes, keeps none, and raises only ValueError, TypeError or MemoryError.
"""

from datav.core import reference
from datav.core.cutter import Cutter
from datav.core.params import ChunkerParams
from datav.core.reference import ABSENT, LEAD, finish_rows

# The signatures that this package was written for; ABI in _native.c.
_ABI = 1

try:
    from datav.core import _native
except ImportError:
    _native_fits = False
else:
    # A stale build next to newer sources must not be believed.
    _native_fits = getattr(_native, "ABI", None) == _ABI

if _native_fits:
    IMPLEMENTATION = f"native {_native.variant()}"
    find_candidates = _native.find_candidates
    select_cuts = _native.select_cuts
    find_cuts = _native.find_cuts
    find_cuts_many = _native.find_cuts_many
    count_rows = _native.count_rows
    count_rows_exact = _native.count_rows_exact
    find_ids = _native.find_ids
    is_incompressible = _native.is_incompressible
    incompressible_flags = _native.incompressible_flags
    split_entries = _native.split_entries
else:
    IMPLEMENTATION = "pure Python"
    find_candidates = reference.find_candidates
    select_cuts = reference.select_cuts
    find_cuts = reference.find_cuts
    find_cuts_many = reference.find_cuts_many
    count_rows = reference.count_rows
    count_rows_exact = reference.count_rows_exact
    find_ids = reference.find_ids
    is_incompressible = reference.is_incompressible
    incompressible_flags = reference.incompressible_flags
    split_entries = reference.split_entries

__all__ = [
    "ABSENT",
    "IMPLEMENTATION",
    "LEAD",
    "ChunkerParams",
    "Cutter",
    "count_rows",
    "count_rows_exact",
    "find_candidates",
    "find_cuts",
    "find_cuts_many",
    "find_ids",
    "finish_rows",
    "incompressible_flags",
    "is_incompressible",
    "select_cuts",
    "split_entries",
]
