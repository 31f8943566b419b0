"""Which git process has started this one.

git shows two versions of a file by running a command for each.  They know that they belong together by being
children of the same process, however many shells are in between.
"""

import os
from pathlib import Path

# Between git and the command that it runs there is a shell, perhaps a script that starts datav.
_MAX_STEPS = 8


def find_caller() -> str:
    """Return a name for the nearest git above this process; one of its process group where that is not known.

    No two processes have the same name, unless they are of one group on a system without /proc.
    """
    pid = os.getppid()
    for _ in range(_MAX_STEPS):
        found = _read_stat(pid)
        if found is None:
            break
        name, parent, started = found
        if name == b"git":
            return f"{pid}-{started.decode()}"
        pid = parent
    return f"group-{os.getpgrp() if hasattr(os, 'getpgrp') else os.getppid()}"


def _read_stat(pid: int) -> tuple[bytes, int, bytes] | None:
    """Return a process's name, its parent, and when it was started; None where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name, in parentheses, may hold anything.
    head, _, rest = text.rpartition(b")")
    fields = rest.split()
    return head.partition(b"(")[2], int(fields[1]), fields[19]
