"""Where to cut, how many rows, which ids, what not to compress.

Pure functions over buffers.  `reference` defines them in Python; `_native` is the same in C, ten to a
thousand times as fast, and is used where it could be built.  (What it has for files is for
`datav.storage.files`.)  Every function takes any contiguous buffer of bytes, keeps none, and raises only
ValueError, TypeError or MemoryError.
"""

from datav.core.constants import ABSENT, LEAD, finish_rows
from datav.core.cutter import Cutter
from datav.core.params import ChunkerParams

# The signatures that this package was written for; ABI in _native.c.
_ABI = 2

try:
    from datav.core import _native as _fast
except ImportError:
    _native_fits = False
else:
    # A stale build next to newer sources must not be believed.
    _native_fits = getattr(_fast, "ABI", None) == _ABI

if _native_fits:
    from datav.core import _native as chosen

    IMPLEMENTATION = f"native {chosen.variant()}"
else:
    # Only here: it needs numpy, which alone takes longer to import than a whole command should.
    from datav.core import reference as chosen  # type: ignore[no-redef]  # the same functions

    IMPLEMENTATION = "pure Python"

find_candidates = chosen.find_candidates
select_cuts = chosen.select_cuts
find_cuts = chosen.find_cuts
find_cuts_many = chosen.find_cuts_many
count_rows = chosen.count_rows
count_rows_exact = chosen.count_rows_exact
find_ids = chosen.find_ids
is_incompressible = chosen.is_incompressible
incompressible_flags = chosen.incompressible_flags
split_entries = chosen.split_entries

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
