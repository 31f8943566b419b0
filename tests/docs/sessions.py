"""Sessions in the documentation: ```console blocks that are run, so that they cannot lie.

    $ datav status
    2 datasets, all clean

A line that begins with `$ ` is a command, with `> ` the rest of it; what follows is what it prints, standard
error included.  All blocks of a page are one session, in one scratch directory, in the order they stand.

Some things differ from run to run: times, commit ids, dates.  They count as equal.  Sizes in the store depend
a little on the version of zstd, so sizes need only be near.

    python -m tests.docs.sessions PAGE...      write what the commands print today into the pages
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Where the reader's session takes place, as the pages show it.
HOME = "/home/ann"

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_UNITS = {"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9}
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) (B|KB|MB|GB)\b")
# A tenth, or what a frame or two take.
_NEAR, _NEAR_BYTES = 0.1, 200.0
_VARYING = (
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?([+-]\d\d:\d\d)?"), "DATE"),
    (re.compile(r"(?<![:\w])[0-9a-f]{7,40}\b"), "COMMIT"),
    # A key that the page makes.
    (re.compile(r"SHA256:[A-Za-z0-9+/]{43}"), "KEY"),
    (re.compile(r'"seconds": [\d.]+'), '"seconds": TIME'),
    (re.compile(r'("ratio": |, )[\d.]+(?=,?$| times the store)', re.MULTILINE), r"\1RATIO"),
    (re.compile(r'("\w*(?:stored|shared|bytes_\w+|pack_bytes|index_bytes)": |"bytes": )\d+'), r"\1BYTES"),
    # Each thread that writes has a pack of its own.
    (re.compile(r"\b\d+ packs?, \d+ index(es)?"), "PACKS"),
    (re.compile(r'("pack(?:s|s_kept)": )\d+'), r"\1PACKS"),
    (re.compile(r"pack b3:[0-9a-f]{12}"), "PACK"),
    (re.compile(r"datav \d+\.\S+ \(core: .*\)"), "VERSION"),
    (re.compile(r"  +"), "  "),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One command and what the page says that it prints."""

    command: str
    output: str
    start: int
    """Where in the page the output begins, and where it ends."""
    end: int


def find_steps(page: str) -> list[Step]:
    """Return the commands of a page, in order."""
    return [step for block in _BLOCK.finditer(page) for step in _steps_of(block.group(1), block.start(1))]


def _steps_of(text: str, at: int) -> Iterator[Step]:
    command: list[str] = []
    output = ""
    start = at
    for line in text.splitlines(keepends=True):
        is_start = line.startswith("$ ")
        if is_start and command:
            yield Step("".join(command).rstrip("\n"), output, start, at)
        if is_start:
            command, output = [line[2:]], ""
        elif line.startswith("> ") and command and not output:
            command.append(line[2:])
        else:
            output += line
        at += len(line)
        if not output:
            start = at
    if command:
        yield Step("".join(command).rstrip("\n"), output, start, at)


@dataclass(frozen=True, slots=True)
class Session:
    """A shell in a scratch directory that shows itself as `HOME`."""

    place: Path
    where: list[str]
    """Its working directory; one, changed by `cd`."""

    @classmethod
    def start(cls, place: Path) -> "Session":
        programs = place / ".bin"
        programs.mkdir()
        # `datav` is this checkout, `python` this Python, whatever is installed.
        for name, arguments in (("datav", " -m datav"), ("python", "")):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n', "utf-8")
            program.chmod(0o755)
        return cls(place, [str(place)])

    def run(self, command: str) -> str:
        """Return what `command` prints."""
        environment = {
            **os.environ,
            "PATH": f"{self.place / '.bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": "0",
            "COLUMNS": "80",
            "LC_ALL": "C.UTF-8",
            # As git is where nobody has configured it: a page that goes on to name `main` must ask for it.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "init.defaultBranch",
            "GIT_CONFIG_VALUE_0": "master",
        }
        after = self.place / ".where"
        script = f"{command}\nstatus=$?\npwd > '{after}'\nexit $status\n"
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.where[0],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        self.where[:] = [after.read_text("utf-8").strip()]
        output = done.stdout.decode("utf-8").replace(str(self.place), HOME)
        if done.returncode != 0 and not output:
            output = f"(exit status {done.returncode}, and not a word)\n"
        return output


def is_same(said: str, printed: str) -> bool:
    """Whether a page says what a command printed, but for what differs from run to run."""
    if normalise(said) != normalise(printed):
        return False
    pairs = zip(_sizes(said), _sizes(printed), strict=True)
    return all(abs(a - b) <= max(_NEAR_BYTES, _NEAR * max(a, b)) for a, b in pairs)


def normalise(text: str) -> str:
    text = _SIZE.sub("SIZE", text)
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def _sizes(text: str) -> list[float]:
    return [float(number) * _UNITS[unit] for number, unit in _SIZE.findall(text)]


def rewrite(page: Path) -> None:
    """Put what the commands print today where the page says something else."""
    text = page.read_text("utf-8")
    with tempfile.TemporaryDirectory(prefix="datav-docs-") as scratch:
        session = Session.start(Path(scratch).resolve())
        printed = [(step, session.run(step.command)) for step in find_steps(text)]
    for step, output in reversed(printed):
        if "Traceback (most recent call last)" in output:
            raise AssertionError(f"{page}: $ {step.command}\n{output}")
        if not is_same(step.output, output):
            text = text[: step.start] + output + text[step.end :]
    page.write_text(text, "utf-8")


def main() -> None:
    import pytest

    from tests.support.repos import isolate_git

    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        isolate_git(patch, Path(home))
        for name in sys.argv[1:]:
            rewrite(Path(name))


if __name__ == "__main__":
    main()
