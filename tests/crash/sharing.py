"""Clones that share a remote: repositories, commands in this process and in one of their own."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

from datav.cli.main import main
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo

_ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120


def point_at(root: Path, remote: RemoteSettings, jobs: int, *, stall_timeout_s: float = 60) -> None:
    """Say in a clone's private configuration where its remote is."""
    values = {"url": remote.url, "endpoint": remote.endpoint, "region": remote.region}
    lines = ["[remote.origin]", *(f"{key} = {json.dumps(value)}" for key, value in values.items() if value)]
    if remote.anonymous:
        lines.append("anonymous = true")
    lines += ["[transfer]", f"jobs = {jobs}", f"stall_timeout = {stall_timeout_s}"]
    path = root / ".git/datav/config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def clone(source: Path, target: Path, remote: RemoteSettings, jobs: int = 4) -> DatavRepo:
    """`git clone`, with datav set up and pointed at the remote; no data in it."""
    subprocess.run(["git", "clone", "-q", str(source), str(target)], check=True, stdin=subprocess.DEVNULL)
    point_at(target, remote, jobs)
    succeed(target, "init")
    return DatavRepo(target)


def command(root: Path, *arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit status and all that it said."""
    said = io.StringIO()
    output = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(said):
        status = main(["-C", str(root), *arguments])
    return status, output.buffer.getvalue().decode() + said.getvalue()


def succeed(root: Path, *arguments: str) -> str:
    status, said = command(root, *arguments)
    assert status == 0, f"`datav {' '.join(arguments)}` ended with {status}: {said}"
    return said


class Running:
    """A command in a process of its own, which is impatient."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.impatient", "-C", str(root), *arguments],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL; fine when it has ended."""
        self._process.kill()

    def end(self) -> tuple[int, str]:
        """Wait for it; return its exit status and what it said on standard error."""
        try:
            _, errors = self._process.communicate(timeout=TIMEOUT_S)
        finally:
            self._process.kill()
        return self._process.returncode, errors


def data_files(root: Path) -> dict[str, bytes]:
    """Every file in a work tree that is not git's, by path."""
    found = {}
    for place, directories, files in os.walk(root):
        directories[:] = [name for name in directories if name != ".git"]
        for name in files:
            path = Path(place, name)
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


def can_collect() -> bool:
    """Whether this datav collects remotes."""
    return "--remote" in command(Path.cwd(), "gc", "--help")[1]
