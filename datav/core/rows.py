"""Rows as 64-bit fingerprints: records of text, columns of Arrow, and two sides walked in step.

Pure functions over buffers.  `rows_reference` defines them in Python; `_rows` is the same in C, hundreds
of times as fast, and is used where it could be built.
"""

# The signatures that this module was written for; ABI in _rows.c.
_ABI = 1

try:
    from datav.core import _rows as _fast
except ImportError:
    _native_fits = False
else:
    # A stale build next to newer sources must not be believed.
    _native_fits = getattr(_fast, "ABI", None) == _ABI

if _native_fits:
    from datav.core import _rows as chosen

    IMPLEMENTATION = f"native {chosen.variant()}"
else:
    # Only here: it needs numpy, which alone takes longer to import than a whole command should.
    from datav.core import rows_reference as chosen  # type: ignore[no-redef]  # the same functions

    IMPLEMENTATION = "pure Python"

scan_text = chosen.scan_text
read_text = chosen.read_text
gather = chosen.gather
hash_fixed = chosen.hash_fixed
hash_binary = chosen.hash_binary
hash_null = chosen.hash_null
align_rows = chosen.align_rows
first_difference = chosen.first_difference
last_difference = chosen.last_difference

__all__ = [
    "IMPLEMENTATION",
    "align_rows",
    "first_difference",
    "gather",
    "hash_binary",
    "hash_fixed",
    "hash_null",
    "last_difference",
    "read_text",
    "scan_text",
]
