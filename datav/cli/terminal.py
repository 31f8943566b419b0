"""Where output goes: results to standard output, everything else to standard error."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datav.errors import StorageError
from datav.relpath import one_line
from datav.report.style import Style

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# What is done in less time than this needs no bar.
_PATIENCE_S = 1.0


@dataclass(slots=True)
class Terminal:
    """What the global options chose."""

    here: Path
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: bool = True
    started: float = field(default_factory=time.monotonic)

    @property
    def style(self) -> Style:
        wanted = self.color and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        return Style(wanted and sys.stdout.isatty())

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    def show(self, text: str, document: dict[str, Any]) -> None:
        """Print a result: as JSON when asked for, else as text, else nothing."""
        with writing_output():
            if self.as_json:
                print(_encode_json(document))
            elif not self.quiet:
                print(text)

    def warn(self, lines: list[str]) -> None:
        for line in lines:
            print(f"warning: {one_line(line)}", file=sys.stderr)

    def progress(self) -> "Bar | Quiet":
        if self.quiet or not sys.stderr.isatty():
            return Quiet()
        return Bar()


def complain(message: str, hint: str | None) -> None:
    """Say what went wrong, behind all that was printed so far."""
    sys.stdout.flush()
    print(f"error: {one_line(message)}", file=sys.stderr)
    if hint:
        print(f"hint: {one_line(hint)}", file=sys.stderr)


class OutputError(StorageError):
    """Standard output takes no more: a full disk, mostly."""

    code = "output"


@contextmanager
def writing_output() -> Iterator[None]:
    """Turn what the system says into an OutputError; a reader that left stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise OutputError(f"cannot write to standard output: {exc.strerror}") from exc


def _encode_json(document: dict[str, Any]) -> str:
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # A name that is not UTF-8, or a terminal that is not: escapes say the same.
        return json.dumps(document)
    return text


class Quiet:
    """Progress that is not drawn."""

    def start(self, what: str, total: int | None, unit: str) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass

    def close(self) -> None:
        pass


class Bar:
    """A bar on standard error, drawn once the work has taken a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._phase: tuple[str, int | None, str] | None = None
        self._done = 0
        self._drawn: Progress | None = None
        self._task: TaskID | None = None

    def start(self, what: str, total: int | None, unit: str) -> None:
        with self._lock:
            self._phase, self._done = (what, total, unit), 0
            if self._drawn is not None:
                self._add_task()

    def advance(self, amount: int) -> None:
        with self._lock:
            self._done += amount
            if self._phase is None or time.monotonic() - self._began < _PATIENCE_S:
                return
            if self._drawn is None:
                self._drawn = _make_bar()
                self._drawn.start()
                self._add_task()
            if self._task is not None:
                self._drawn.update(self._task, completed=self._done)

    def close(self) -> None:
        with self._lock:
            if self._drawn is not None:
                self._drawn.stop()

    def _add_task(self) -> None:
        assert self._phase is not None
        assert self._drawn is not None
        what, total, _ = self._phase
        if self._task is not None:
            self._drawn.remove_task(self._task)
        self._task = self._drawn.add_task(what, total=total)


def _make_bar() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
