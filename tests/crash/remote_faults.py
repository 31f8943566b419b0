"""Commands that talk to a real remote while something goes wrong.

    python -m tests.crash.remote_faults --runs 200 --seed 1
    python -m tests.crash.remote_faults --seed 1 --only 17       one run, as a failure names it

Each run chooses by its number and the seed a place, a command and a fault: connections that are cut at the
n-th request or after some bytes, errors, stalls, bytes that change or do not come on the way up or down, the
command killed, the server killed and started again.  Afterwards the same command, undisturbed, must succeed,
`verify` must pass on both sides, and a fresh clone must get identical bytes.
"""

import argparse
import collections
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from datav.settings import RemoteSettings
from tests.crash.impatient import make_impatient
from tests.crash.sharing import Running, can_collect, clone, command, data_files, point_at, succeed
from tests.support.datasets import DatavRepo, random_bytes
from tests.support.faultproxy import FaultProxy
from tests.support.repos import isolate_git
from tests.support.servers import Directory, GcsServer, S3Server, Server

COMMANDS = ("push", "pull", "gc")
_CONNECTION_FAULTS = ("reset", "cut", "cut_down", "refuse", "drop_response", "delay")
FAULTS = (*_CONNECTION_FAULTS, "status", "blackhole", "corrupt", "corrupt_down", "kill", "kill server")
_POLL_S = 0.002


@dataclass(frozen=True)
class Plan:
    """What one run does."""

    place: str
    """`s3`, `gcs` or `directory`."""
    command: str
    fault: str
    is_first: bool
    """Push: nothing was pushed before.  Pull: nothing was pulled before."""
    jobs: int
    rule: dict[str, Any] = field(default_factory=dict)
    """Of the proxy."""
    at: int = 0
    """Kill at that request."""
    delay_s: float = 0
    """And so much later."""

    def __str__(self) -> str:
        rule = " ".join(f"{key}={value}" for key, value in self.rule.items())
        kind = "first" if self.is_first else "later"
        moment = f" at={self.at} delay={self.delay_s:.3f}" if "kill" in self.fault else ""
        return f"{self.place} {kind} {self.command} jobs={self.jobs}: {self.fault} {rule}{moment}"


def choose(seed: int, number: int, *, with_gc: bool) -> Plan:
    """Return the plan of a run: the same for the same arguments."""
    rng = random.Random(f"{seed} {number}")
    commands = COMMANDS if with_gc else COMMANDS[:2]
    return plan(rng, rng.choice(commands), rng.choice([*FAULTS, "kill", "kill"]))


def plan(rng: random.Random, what: str, fault: str) -> Plan:
    if fault == "corrupt_down" and what == "gc":
        # A listing that hides a root hides what is needed: that is for TLS to prevent, not for us.
        fault = "cut_down"
    if fault == "corrupt" and what == "pull":
        fault = "corrupt_down"
    # moto forgets everything when it is killed.
    place = {"kill server": "gcs", "kill": rng.choice(("s3", "directory"))}.get(fault, "s3")
    rule: dict[str, Any] = {}
    if "kill" not in fault:
        match = rng.choice((".", "^GET", "^PUT"))
        if fault == "corrupt":
            match = "^PUT"
        if what == "pull" and match == "^PUT":
            match = "^GET"
        rule = {"do": fault, "match": match, **_when(rng)}
    if fault in ("reset", "cut", "cut_down", "corrupt_down"):
        rule["after"] = rng.choice((0, rng.randrange(300), rng.randrange(3000), rng.randrange(3_000_000)))
    if fault == "corrupt":
        # Behind the headers: a server that checks signatures refuses a name that has changed; moto does not.
        rule["after"] = 2500 + rng.choice((0, rng.randrange(2000), rng.randrange(3_000_000)))
    if fault == "status":
        rule["code"] = rng.choice((500, 502, 503, 429))
    if fault == "delay":
        rule["ms"] = rng.randrange(300)
    if fault == "blackhole":
        rule["times"] = rng.randint(1, 2)
    return Plan(
        place,
        what,
        fault,
        is_first=rng.random() < 0.5,
        jobs=rng.choice((1, 2, 8)),
        rule=rule,
        at=rng.randrange(1, 25),
        delay_s=rng.uniform(0.3, 1.6) if place == "directory" else rng.uniform(0, 0.05),
    )


def _when(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(("nth", "every", "prob", "always"))
    if kind == "nth":
        return {"nth": rng.randrange(1, 20)}
    if kind == "every":
        return {"every": rng.randrange(2, 6)}
    if kind == "prob":
        return {"prob": round(rng.uniform(0.05, 0.6), 2), "seed": rng.randrange(1000)}
    return {}


class Stage:
    """Servers, proxies, and a repository of three versions that each run works on a copy of."""

    def __init__(self, home: Path, servers: dict[str, Server]) -> None:
        self.home = home
        self.servers = servers
        self.proxies: dict[str, FaultProxy] = {}
        self._ports: dict[str, int] = {}
        self.template = DatavRepo.init(home / "template")
        _fill(self.template)
        self.wanted = data_files(self.template.root)

    def port(self, place: str) -> int:
        """Where the proxy before a server listens."""
        if place not in self.proxies:
            self.proxies[place] = FaultProxy()
            self._ports[place] = self.proxies[place].start(self.servers[place].port)
        return self._ports[place]

    def stop(self) -> None:
        for proxy in self.proxies.values():
            proxy.stop()

    def settings(self, place: str) -> tuple[RemoteSettings, RemoteSettings]:
        """Return a remote that nobody has used, and the way to it through the proxy."""
        server = self.servers[place]
        direct = server.settings()
        if place == "directory":
            return direct, direct
        prefix = direct.url.rpartition("/")[2]
        return direct, server.through(self.port(place)).settings(prefix=prefix)


def _fill(repo: DatavRepo) -> None:
    repo.set_up()
    big, table = random_bytes(9_000_000, 1), _table()
    for version in range(3):
        at = 1_000_000 * version
        big = big[:at] + b"version %d" % version + big[at + 9 :]
        table = table.replace(b"\n%d000," % version, b"\nedited,", 1)
        repo.write("big.bin", big)
        repo.write("table.csv", table)
        for number in range(30):
            repo.write(
                f"d/{number % 3}/{number}",
                random_bytes(3_000, number if number % 5 else number + 100 * version),
            )
        repo.add("big.bin", "table.csv", "d")
        repo.git("tag", f"v{version + 1}", repo.commit(f"version {version + 1}"))


def _table() -> bytes:
    rng = random.Random(7)
    return b"".join(b"%d,%d,%.3f\n" % (row, rng.randrange(10**6), rng.random()) for row in range(9_000))


def run(stage: Stage, what: Plan, directory: Path) -> tuple[int, list[str]]:
    """Carry out a plan; return how the disturbed command ended, and what is wrong afterwards."""
    direct, through = stage.settings(what.place)
    proxy = stage.proxies.get(what.place)
    victim, arguments = _prepare(stage, what, directory, direct)
    # Where somebody waits for nothing it must not take long; elsewhere a busy machine is no fault.
    point_at(victim, through, what.jobs, stall_timeout_s=1 if what.fault == "blackhole" else 60)
    if proxy is not None:
        proxy.forget()
        proxy.rules([what.rule] if what.rule else [])
    running = Running(victim, *arguments)
    _disturb(stage, what, running)
    status, errors = running.end()
    if proxy is not None:
        proxy.rules([])
    point_at(victim, direct, what.jobs)

    problems = _check_words(status, errors, was_killed=what.fault == "kill")
    if status == 0 and what.command == "push":
        problems += _check(victim, "verify", "--remote", "origin")
    status_again, errors_again = Running(victim, *arguments).end()
    if status_again != 0:
        problems.append(f"the second run ended with {status_again}: {errors_again}")
    problems += _check(victim, "verify")
    problems += _check(victim, "verify", "--remote", "origin")
    problems += _check_fresh(stage, directory, direct)
    return status, problems


def _prepare(stage: Stage, what: Plan, directory: Path, direct: RemoteSettings) -> tuple[Path, list[str]]:
    """Return who runs the command that is disturbed, and the command."""
    origin = directory / "origin"
    shutil.copytree(stage.template.root, origin, symlinks=True)
    point_at(origin, direct, 4)
    if what.command == "push":
        if not what.is_first:
            succeed(origin, "push", "--rev", "v1")
        return origin, ["push"]
    if what.command == "pull":
        succeed(origin, "push")
        victim = clone(origin, directory / "victim", direct).root
        if not what.is_first:
            succeed(victim, "fetch", "v1")
        return victim, ["pull"]
    # Something that nobody needs any more, beside what is needed and in packs of its own.
    repo = DatavRepo(origin)
    repo.write("table.csv", random_bytes(200_000, 5))
    repo.add("table.csv")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side")
    succeed(origin, "push")
    repo.git("checkout", "-q", "main")
    repo.git("branch", "-q", "-D", "side")
    repo.git("reflog", "expire", "--expire=now", "--all")
    succeed(origin, "checkout", "--force")
    succeed(origin, "push")
    return origin, ["gc", "--remote", "origin", "--grace", "0", "--apply"]


def _disturb(stage: Stage, what: Plan, running: Running) -> None:
    """Kill what is to be killed when its time has come."""
    if "kill" not in what.fault:
        return
    proxy = stage.proxies.get(what.place)
    while proxy is not None and running.is_running and proxy.count() < what.at:
        time.sleep(_POLL_S)
    time.sleep(what.delay_s)
    if what.fault == "kill":
        running.kill()
    else:
        server = stage.servers[what.place]
        server.kill()
        server.restart()


def _check_words(status: int, errors: str, *, was_killed: bool) -> list[str]:
    if was_killed and status == -9:
        return []
    lines = [
        line for line in errors.splitlines() if not line.startswith(("hint: ", "warning: ", "caused by: "))
    ]
    if status == 0 or (status == 2 and len(lines) == 1 and lines[0].startswith("error: ")):
        return []
    return [f"it ended with {status} and said: {errors}"]


def _check(root: Path, *arguments: str) -> list[str]:
    status, said = command(root, *arguments)
    return [f"`{' '.join(arguments)}` ended with {status}: {said}"] if status else []


def _check_fresh(stage: Stage, directory: Path, direct: RemoteSettings) -> list[str]:
    fresh = clone(directory / "origin", directory / "fresh", direct).root
    problems = _check(fresh, "pull")
    if data_files(fresh) != stage.wanted:
        problems.append("a fresh clone has other bytes")
    return problems


@contextmanager
def opened_servers(home: Path) -> Iterator[dict[str, Server]]:
    """For the command line: servers, by kind, and an environment like that of tests."""
    with pytest.MonkeyPatch.context() as patch:
        (home / "home").mkdir()
        isolate_git(patch, home / "home")
        servers: dict[str, Server] = {}
        try:
            for kind in (S3Server, GcsServer, Directory):
                (home / kind.kind).mkdir()
                server = servers[kind.kind] = kind(home / kind.kind)
                for name, value in server.environment().items():
                    patch.setenv(name, value)
                server.restart()
            yield servers
        finally:
            for server in servers.values():
                server.kill()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this run alone")
    chosen = parser.parse_args()
    make_impatient()
    numbers = range(chosen.runs) if chosen.only is None else [chosen.only]
    ends: collections.Counter[str] = collections.Counter()
    failures = 0
    with tempfile.TemporaryDirectory() as home, opened_servers(Path(home)) as servers:
        stage = Stage(Path(home), servers)
        with_gc = can_collect()
        for number in numbers:
            failures += _report(stage, chosen.seed, number, Path(home) / "run", ends, with_gc=with_gc)
        stage.stop()
    summary = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    print(f"seed {chosen.seed}: {len(numbers)} runs, {failures} failures; the disturbed commands: {summary}")
    return 1 if failures else 0


def _report(
    stage: Stage, seed: int, number: int, directory: Path, ends: "collections.Counter[str]", *, with_gc: bool
) -> bool:
    """Carry out one run and print what came of it; return whether it failed."""
    what = choose(seed, number, with_gc=with_gc)
    directory.mkdir()
    try:
        status, problems = run(stage, what, directory)
    finally:
        shutil.rmtree(directory)
    end = {0: "succeeded", 2: "ended with an error", -9: "were killed"}.get(status, f"ended with {status}")
    ends[f"{what.command} {end}"] += 1
    print(f"{number} {what}: {end}", flush=True)
    for problem in problems:
        print(f"    {problem}", flush=True)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
