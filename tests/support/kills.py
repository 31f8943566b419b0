"""A process that is killed, as far as one process can show it.

    for number in count():
        if not run_killed(lambda: repo.move("a", "b"), number):
            break
        ... everything must be readable, and running it again must finish the work

Python tells its audit hooks of each call that changes a file system and of each process that is started;
the call with the wanted number, and every call after it, raises instead, so nothing can be cleaned up either.
"""

import sys
from collections.abc import Callable

_EVENTS = frozenset(
    {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "subprocess.Popen"}
)


class Killed(BaseException):
    """Nobody catches it."""


class _Fuse:
    """Counts events while it is armed."""

    left: int | None = None

    def __call__(self, event: str, arguments: object) -> None:
        if self.left is None or event not in _EVENTS:
            return
        if self.left <= 0:
            raise Killed(event)
        self.left -= 1


_fuse = _Fuse()
sys.addaudithook(_fuse)


def run_killed(action: Callable[[], object], number: int) -> bool:
    """Run `action` and kill it just before event `number`, from 0 on; False when it ended before that."""
    _fuse.left = number
    try:
        action()
    except Killed:
        return True
    finally:
        _fuse.left = None
    return False
