"""Commands as users start them: processes of their own, several at a time."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120


class Running:
    """A command under way; killed when a test forgets it."""

    def __init__(self, root: Path, arguments: tuple[str, ...]) -> None:
        self.arguments = arguments
        self._process = subprocess.Popen(
            [sys.executable, "-m", "datav", *arguments],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def end(self) -> tuple[int, str, str]:
        """Wait for it; return exit status, standard output and standard error."""
        try:
            output, errors = self._process.communicate(timeout=TIMEOUT_S)
        finally:
            self._process.kill()
        return self._process.returncode, output, errors


def start(root: Path, *arguments: str) -> Running:
    return Running(root, arguments)


def run(root: Path, *arguments: str) -> tuple[int, str, str]:
    return start(root, *arguments).end()


def succeed(root: Path, *arguments: str) -> str:
    """Run a command that must succeed; return what it prints."""
    return check(start(root, *arguments))


def check(running: Running) -> str:
    """Wait for a command that must succeed; return what it prints."""
    status, output, errors = running.end()
    assert status == 0, f"datav {' '.join(running.arguments)} ended with {status}: {errors}"
    return output


def fail(root: Path, *arguments: str) -> str:
    """Run a command that must fail with one clear error; return that line."""
    status, _, errors = run(root, *arguments)
    return one_error(status, errors)


def one_error(status: int, errors: str) -> str:
    assert status == 2, f"it ended with {status}: {errors}"
    lines = [line for line in errors.splitlines() if not line.startswith(("hint: ", "warning: "))]
    assert len(lines) == 1, errors
    assert lines[0].startswith("error: "), errors
    return lines[0]


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.002)
