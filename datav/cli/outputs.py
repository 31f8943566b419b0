"""Whether a file that the user named for a result is standard output."""

import io
import os
import sys
from pathlib import Path


def is_standard_output(path: Path) -> bool:
    """Whether `path` is called `-`, or leads to where standard output goes: /dev/stdout, a pipe's name."""
    if path.name == "-":
        return True
    try:
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError, io.UnsupportedOperation):
        # Nothing is there, or standard output is closed or is no file of the system's.
        return False
