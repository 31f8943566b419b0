"""Two clones that push to one remote and collect it at once, round after round.

    python -m tests.crash.remote_rounds --rounds 50 --seed 1
    python -m tests.crash.remote_rounds --rounds 50 --seed 1 --place s3

In each round each clone, beside the other, edits, commits and pushes, leaves branches and commits behind that
nobody can see any more, and collects the remote without any grace.  Then everything that either clone's refs
reach is fetched into a fresh clone, is sound, and is the same bytes.  Only what a clone pushed successfully
is asked for, and it pushes all that it has.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from datav.settings import RemoteSettings
from tests.crash.impatient import make_impatient
from tests.crash.remote_faults import opened_servers
from tests.crash.sharing import Running, can_collect, clone, command, data_files, point_at, succeed
from tests.support.datasets import DatavRepo, random_bytes

GC = ("gc", "--remote", "origin", "--grace", "0", "--apply")
# What a collector says that finds another at work; nothing was deleted.
_BUSY = "collect"


class Clone:
    """One of the two: a repository of its own, whose commands run beside those of the other."""

    def __init__(self, repo: DatavRepo, seed: str, *, with_gc: bool) -> None:
        self.repo = repo
        self.rng = random.Random(seed)
        self.with_gc = with_gc
        self.ends: Counter[str] = Counter()

    def play(self) -> None:
        """One round."""
        rng = self.rng
        self._edit()
        self.repo.commit("change")
        if rng.random() < 0.5:
            self._push()
        if rng.random() < 0.6:
            self._leave_a_branch_behind()
        if rng.random() < 0.4:
            self._edit()
            self.repo.git("add", "-A")
            self.repo.git("commit", "-q", "--amend", "--allow-empty", "-m", "amended")
        if rng.random() < 0.3:
            self.repo.git("tag", "-f", "kept")
        self.repo.git("reflog", "expire", "--expire=now", "--all")
        for action in rng.choice(((self._push, self._collect), (self._collect, self._push), (self._push,))):
            action()
        self._push()

    def _edit(self) -> None:
        rng = self.rng
        if rng.random() < 0.5:
            # The same data in both clones: what one needs no more the other may just begin to need.
            self.repo.write("shared.bin", random_bytes(150_000, rng.randrange(6)))
            self.repo.add("shared.bin")
        data = bytearray(self.repo.read("table.bin"))
        at = rng.randrange(len(data))
        data[at : at + 7] = rng.randbytes(7)
        self.repo.write("table.bin", bytes(data))
        self.repo.write(f"d/{rng.randrange(10)}", random_bytes(20_000, rng.randrange(30)))
        self.repo.add("table.bin", "d")

    def _leave_a_branch_behind(self) -> None:
        self.repo.git("checkout", "-q", "-b", "side")
        self._edit()
        self.repo.commit("side")
        self._push()
        self.repo.git("checkout", "-q", "main")
        self.repo.git("branch", "-q", "-D", "side")
        self.repo.checkout(force=True)

    def _push(self) -> None:
        status, errors = Running(self.repo.root, "push", "--all").end()
        assert status == 0, f"push ended with {status}: {errors}"
        self.ends["pushed"] += 1

    def _collect(self) -> None:
        if not self.with_gc:
            return
        status, errors = Running(self.repo.root, *GC).end()
        assert status == 0 or (status == 2 and _BUSY in errors and errors.count("error: ") == 1), errors
        self.ends["collected" if status == 0 else "gave way"] += 1


def begin(home: Path, remote: RemoteSettings, seed: int, *, with_gc: bool) -> list[Clone]:
    """Return two clones of a repository that has some data and has pushed it."""
    origin = DatavRepo.init(home / "origin")
    origin.set_up()
    origin.write("table.bin", random_bytes(200_000, 1))
    for number in range(10):
        origin.write(f"d/{number}", random_bytes(20_000, number))
    origin.write("shared.bin", random_bytes(150_000, 0))
    origin.add("table.bin", "d", "shared.bin")
    origin.commit("first")
    point_at(origin.root, remote, 4)
    succeed(origin.root, "push")
    clones = []
    for name in ("ann", "bob"):
        repo = clone(origin.root, home / name, remote)
        repo.git("remote", "remove", "origin")
        succeed(repo.root, "pull")
        clones.append(Clone(repo, f"{seed} {name}", with_gc=with_gc))
    return clones


def play_round(clones: list[Clone]) -> None:
    """Let both play at once; AssertionError when a command of either fails."""
    with ThreadPoolExecutor(len(clones)) as executor:
        for future in [executor.submit(each.play) for each in clones]:
            future.result()


def find_losses(clones: list[Clone], remote: RemoteSettings, home: Path) -> list[str]:
    """Return what of either clone does not come back in a fresh one."""
    problems = []
    for number, each in enumerate(clones):
        fresh = clone(each.repo.root, home / f"fresh-{number}", remote)
        fresh.git("fetch", "-q", "--tags", "origin")
        for arguments in (("fetch", "--all"), ("pull",), ("verify",)):
            status, said = command(fresh.root, *arguments)
            if status:
                problems.append(f"{each.repo.root.name}: `{' '.join(arguments)}` ended with {status}: {said}")
        if data_files(fresh.root) != data_files(each.repo.root):
            problems.append(f"{each.repo.root.name}: a fresh clone has other bytes")
        shutil.rmtree(fresh.root)
    status, said = command(clones[0].repo.root, "verify", "--remote", "origin")
    return [*problems, said] if status else problems


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--place", choices=("directory", "s3", "gcs"), default="directory")
    chosen = parser.parse_args()
    make_impatient()
    with tempfile.TemporaryDirectory() as name, opened_servers(Path(name)) as servers:
        home = Path(name)
        remote = servers[chosen.place].settings()
        clones = begin(home, remote, chosen.seed, with_gc=can_collect())
        for number in range(chosen.rounds):
            play_round(clones)
            problems = find_losses(clones, remote, home)
            print(f"round {number}: {'; '.join(problems) or 'nothing is lost'}", flush=True)
            if problems:
                return 1
    ends = clones[0].ends + clones[1].ends
    summary = ", ".join(f"{count} times {end}" for end, count in sorted(ends.items()))
    print(f"seed {chosen.seed}, {chosen.place}: {chosen.rounds} rounds, nothing is lost; {summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
