"""A process that forks one child for each command, so that thousands of crashes cost a few minutes.

`Driver` starts it and asks; `python -m tests.crash.driver` is it.  It has imported all of datav and has never
started a thread, so a fork of it is a clean process a few milliseconds later.  Lines of JSON go both ways.
"""

import contextlib
import gc
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.crash.faults import Counter, Fault, counting

_ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 60
NO_FAULT = Fault()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one child."""

    status: int
    """Its exit status; the negative number of the signal that killed it."""
    result: Any
    """What the function returned."""
    output: str
    calls: tuple[str, ...]
    """The storage calls that it made."""
    happened: bool
    """Whether the fault did."""


class Driver:
    """The process, from outside.  One question at a time."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.driver"],
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(_TIMEOUT_S)

    def call(
        self,
        function: str,
        *arguments: Any,
        root: Path,
        fault: Fault = NO_FAULT,
        tune: dict[str, int] | None = None,
    ) -> Outcome:
        """Call `function` ("module:name") in a fork, in `root`; storage calls on what lies below are counted.

        Args:
            tune: constants ("module:NAME") that have another value there.
        """
        question = {
            "function": function,
            "arguments": arguments,
            "root": str(root),
            "fault": asdict(fault),
            "tune": tune or {},
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise AssertionError(f"the driver ended with {self._process.wait()}")
        told = json.loads(answer)
        return Outcome(**{**told, "calls": tuple(told["calls"])})

    def datav(
        self,
        *arguments: str,
        root: Path,
        fault: Fault = NO_FAULT,
        tune: dict[str, int] | None = None,
    ) -> Outcome:
        """Run a command; the result is its exit status once more."""
        return self.call("tests.crash.driver:run_datav", *arguments, root=root, fault=fault, tune=tune)


def run_datav(*arguments: str) -> int:
    from datav.cli.main import main

    status = main(list(arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _serve() -> None:
    _warm_up()
    # A child that looks for cycles would write to, and so copy, all that it shares with this process.
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    scratch = Path(tempfile.mkdtemp(prefix="datav-crash-"))
    try:
        for line in sys.stdin:
            answers.write(json.dumps(_answer(json.loads(line), scratch)) + "\n")
            answers.flush()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _warm_up() -> None:
    """Import what commands import when they run."""
    from datav.cli.main import main, set_up_process

    set_up_process()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        # The class of each argument is made of others when the first command is called.
        main(["-C", "/", "status"])
    for name in ("PIL.Image", "numpy", "tests.crash.checks", "tests.crash.mergedriver"):
        importlib.import_module(name)
    sys.modules["PIL.Image"].init()
    for path in sorted((_ROOT / "datav").rglob("*.py")):
        # What cannot be imported fails the command that needs it, with a better message than here.
        with contextlib.suppress(ImportError, SyntaxError):
            importlib.import_module(".".join(path.relative_to(_ROOT).with_suffix("").parts))


def _answer(question: dict[str, Any], scratch: Path) -> dict[str, Any]:
    counter = Counter()
    for name in ("log", "output", "result"):
        (scratch / name).write_bytes(b"")
    child = os.fork()
    if child == 0:
        _run_child(question, scratch, counter)
    status = _wait(child)
    # Power that goes takes git along, and a command that was killed must not have one at work behind us.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    result = (scratch / "result").read_text()
    return {
        "status": status,
        "result": json.loads(result) if result else None,
        "output": (scratch / "output").read_text(errors="replace"),
        "calls": (scratch / "log").read_text(errors="replace").splitlines(),
        "happened": counter.happened,
    }


def _wait(child: int) -> int:
    end = time.monotonic() + _TIMEOUT_S
    pause = 0.0005
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -signal.SIGALRM
        time.sleep(pause)
        pause = min(0.005, pause * 1.5)


def _run_child(question: dict[str, Any], scratch: Path, counter: Counter) -> None:
    """Never returns."""
    status = 99
    try:
        os.setsid()
        output = os.open(scratch / "output", os.O_WRONLY | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        log = os.open(scratch / "log", os.O_WRONLY | os.O_APPEND)
        result = os.open(scratch / "result", os.O_WRONLY)
        os.chdir(question["root"])
        for name, value in question["tune"].items():
            module, _, constant = name.partition(":")
            setattr(importlib.import_module(module), constant, value)
        module, _, name = question["function"].partition(":")
        function = getattr(importlib.import_module(module), name)
        # On the file system of the root: what is backed up there is a second name of it.
        backups = f"{question['root']}.backups"
        with counting(question["root"], Fault(**question["fault"]), counter, log, backups):
            value = function(*question["arguments"])
        os.write(result, json.dumps(value).encode())
        status = value if isinstance(value, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
