"""Push and pull beside DVC, restic, cp and a plain upload, to a directory and to a local S3 server.

    python tests/bench/bench_remotes.py run --data DIR --out FILE [--workloads W1 W3] [--places dir s3]
        [--peers datav dvc restic cp raw] [--scale 1] [--reps 1] [--count]
    python tests/bench/bench_remotes.py table FILE...

The data are those of workloads.py, made below DIR when they are not there.  Every peer has a new tree, home
and place for each workload.  Each version is added (datav, DVC) and pushed; the last is pushed again with
nothing new, three times; then it is pulled into a new clone with an empty store, and compared with the data
byte by byte.

    datav    `datav push`, and in a new clone `datav pull`
    dvc      `dvc push`, and in a new clone `dvc pull`
    restic   `restic backup` and `restic restore`: it has no store of its own, so it cuts, packs and encrypts
             as it pushes
    cp       `cp -r`, of many files, to the directory
    raw      the same bytes as one file: `cp`, and for S3 put_file and get_file of s3fs

The S3 server is `rclone serve s3` over a directory below DIR, a new one for each peer; it takes its share of
the machine.  Wall time, CPU time and peak memory are what `wait4` says of the command: of memory, the largest
process, and not less than this program takes, some 25 MB.  Where it is permitted the page cache is dropped
before add, push and pull.  What a command leaves to the kernel to write is timed apart, as `sync`.  Sent is
what datav says; for others, by how many bytes the place grew.

Requests are what datav says.  With --count the S3 requests of all peers pass through a proxy that counts
them; that takes time, so of such a run only requests and bytes are shown.

Exit status: 1 when what was pulled is not what was pushed, or a command failed.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from remote_peers import DATAV, ONE_FILE, PEERS, PLACES, TARGETS, VERSIONS, WORKLOADS, Peer
from remote_tables import print_tables

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.faultproxy import FaultProxy  # noqa: E402  # the checkout is not always on the path

NOTHING_NEW = 3
"""Times that a push with nothing new is timed."""

HOST, BUCKET = "127.0.0.1", "bench"
KEY_ID, KEY = "benchmark", "benchmark-secret"
_START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Place:
    """Where one peer pushes to."""

    url: str
    endpoint: str
    """Of the S3 server; empty for a directory."""
    files: Path
    """Where its bytes lie in the end."""
    proxy: FaultProxy | None


@dataclass(frozen=True)
class Cell:
    """One peer with one workload and one place: its commands, and where they run."""

    peer: Peer
    workload: str
    source: Path
    """Holds the versions."""
    base: Path
    place: Place
    programs: dict[str, str]
    limit_s: float

    @property
    def target(self) -> str:
        return (ONE_FILE if self.peer.one_file else TARGETS)[self.workload]

    def run(self, script: str, version: str, *, where: str = "tree") -> None:
        """Run a script that nobody times."""
        environment = self.environment(version, where)
        subprocess.run(
            ["sh", "-ec", script],
            cwd=self.base / where,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def measure(self, script: str, version: str, *, where: str = "tree", cold: bool = True) -> dict[str, Any]:
        """Run a script and return its figures, with `failed` where it did."""
        if self.place.proxy is not None:
            self.place.proxy.forget()
        before = size_of(self.place.files)
        environment = self.environment(version, where)
        record = measure(script, self.base / where, environment, cold=cold, limit_s=self.limit_s)
        record["sent"] = size_of(self.place.files) - before
        if self.peer is DATAV and "failed" not in record:
            record |= what_datav_says(self.base / _OUTPUT)
        if self.place.proxy is not None:
            record["requests"] = self.place.proxy.count()
        return record

    def environment(self, version: str, where: str) -> dict[str, str]:
        home = self.base / ("home" if where == "tree" else "other-home")
        home.mkdir(exist_ok=True)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return {
            **os.environ,
            **self.programs,
            "PYTHON": sys.executable,
            "PYTHONPATH": path if self.peer is DATAV else "",
            "TARGET": self.target,
            "VERSION": version,
            "URL": self.place.url,
            "ENDPOINT": self.place.endpoint,
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_NAME": "Bench" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "bench@example.org" for who in ("AUTHOR", "COMMITTER")},
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(home / "site"),
            "RESTIC_REPOSITORY": restic_url(self.place),
            "RESTIC_PASSWORD": "bench",
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            # The checksums that botocore sends and expects otherwise, rclone answers wrongly.
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
            "NO_PROXY": HOST,
            "no_proxy": HOST,
        }


_OUTPUT, _ERRORS = "output", "errors"


def restic_url(place: Place) -> str:
    return f"s3:{place.endpoint}/{place.url.removeprefix('s3://')}" if place.endpoint else place.url


def what_datav_says(output: Path) -> dict[str, int]:
    """Return requests and bytes out of a JSON result; of a pull, those of its fetch."""
    text = output.read_text()
    if not text.strip():
        return {}  # an add
    said = json.loads(text)
    said = said.get("fetch", said)
    names = {"requests": "requests", "bytes_sent": "sent", "bytes_received": "received"}
    return {name: said[key] for key, name in names.items() if key in said}


def measure(
    script: str, directory: Path, environment: dict[str, str], *, cold: bool, limit_s: float
) -> dict[str, Any]:
    """Run `sh -ec script` and return its figures: seconds, bytes.  What it prints goes beside."""
    was_cold = drop_caches() if cold else False
    beside = directory.parent
    with open(beside / _OUTPUT, "wb") as output, open(beside / _ERRORS, "wb") as errors:
        began = time.monotonic()
        process = subprocess.Popen(
            ["sh", "-ec", script],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        timer = threading.Timer(limit_s, os.killpg, [process.pid, signal.SIGKILL])
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            seconds = time.monotonic() - began
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    began = time.monotonic()
    os.sync()
    record: dict[str, Any] = {
        "wall_s": round(seconds, 3),
        "sync_s": round(time.monotonic() - began, 3),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "cold": was_cold,
    }
    if process.returncode != 0:
        said = (beside / _ERRORS).read_text(errors="replace").strip()[-500:]
        record["failed"] = f"killed after {limit_s:.0f} s" if seconds >= limit_s else said or "without a word"
    return record


def drop_caches() -> bool:
    """Write everything out and empty the page cache; whether that is permitted."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def size_of(directory: Path) -> int:
    return sum((Path(top) / name).stat().st_size for top, _, names in os.walk(directory) for name in names)


# --- places


@contextmanager
def open_place(kind: str, base: Path, rclone: str, *, counted: bool) -> Iterator[Place]:
    """A new, empty place, for as long as the block runs."""
    files = base / "place"
    if kind == "dir":
        files.mkdir()
        yield Place(str(files), "", files, None)
        return
    (files / BUCKET).mkdir(parents=True)
    proxy = FaultProxy() if counted else None
    with serve(rclone, files, base) as port:
        if proxy is not None:
            port = proxy.start(port)
        try:
            yield Place(f"s3://{BUCKET}/data", f"http://{HOST}:{port}", files, proxy)
        finally:
            if proxy is not None:
                proxy.stop()


@contextmanager
def serve(rclone: str, files: Path, base: Path) -> Iterator[int]:
    """Run an S3 server over a directory; its port."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    command = [rclone, "serve", "s3", "--addr", f"{HOST}:{port}", "--auth-key", f"{KEY_ID},{KEY}"]
    command += ["--vfs-cache-mode", "off", "--cache-dir", str(base / "rclone"), str(files)]
    with open(base / "rclone.log", "wb") as log:
        environment = {**os.environ, "RCLONE_CONFIG": str(base / "rclone.conf")}
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_for(server, port, base / "rclone.log")
        yield port
    finally:
        server.terminate()
        server.wait()


def wait_for(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"the S3 server does not start:\n{log.read_text(errors='replace')[-2000:]}")


# --- one cell


def run_cell(cell: Cell, write: Callable[..., None]) -> bool:
    """Do all that is done with one peer; whether all went well."""
    versions = VERSIONS[cell.workload]
    if cell.peer.set_up:
        cell.run(cell.peer.set_up, versions[0])
    todo = []
    for version in versions:
        todo += [("add", cell.peer.add, version)] if cell.peer.add else []
        todo += [("push", cell.peer.push, version)]
    if cell.peer.has_nothing_new:
        todo += [("nothing new", cell.peer.push, versions[-1])] * NOTHING_NEW
    for what, script, version in todo:
        if what != "nothing new":
            put_version(cell, version)
        record = cell.measure(script, version, cold=what != "nothing new")
        write(what=what, version=version, **record)
        if "failed" in record:
            return False
    return pull(cell, versions[-1], write)


def put_version(cell: Cell, version: str) -> None:
    """Put a version into the tree as a program would: a new file in the place of the old."""
    target = cell.base / "tree" / cell.target
    if not (target.exists() and target.is_dir()):
        copy = cell.base / "new"
        subprocess.run(["cp", "-r", str(cell.source / version / cell.target), str(copy)], check=True)
        os.replace(copy, target)


def pull(cell: Cell, version: str, write: Callable[..., None]) -> bool:
    if cell.peer.clone:
        subprocess.run(
            ["sh", "-ec", cell.peer.clone],
            cwd=cell.base,
            env=cell.environment(version, "clone"),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    else:
        (cell.base / "clone").mkdir()
    record = cell.measure(cell.peer.pull, version, where="clone")
    if "failed" not in record:
        same = [
            "diff",
            "-rq",
            str(cell.source / version / cell.target),
            str(cell.base / "clone" / cell.target),
        ]
        if subprocess.run(same, stdout=subprocess.DEVNULL).returncode != 0:
            record["failed"] = "what was pulled is not what was pushed"
    write(what="pull", version=version, **record)
    return "failed" not in record


def run(options: argparse.Namespace) -> int:
    programs = find_programs(options)
    workloads = [str(Path(__file__).with_name("workloads.py")), str(options.data), *options.workloads]
    # Not in this process: what it takes of memory would be that of each command measured.
    subprocess.run([sys.executable, *workloads, "--scale", str(options.scale)], check=True)
    with open(options.out, "a") as out:
        print(json.dumps({"versions": versions_of(programs, options)}), file=out, flush=True)
        cells = [
            (workload, place, PEERS[name])
            for _ in range(options.reps)
            for workload in options.workloads
            for place in options.places
            for name in options.peers
            if not PEERS[name].only or (workload, place) in PEERS[name].only
        ]
        good = [run_one(workload, place, peer, programs, options, out) for workload, place, peer in cells]
    return 0 if all(good) else 1


def run_one(
    workload: str, kind: str, peer: Peer, programs: dict[str, str], options: argparse.Namespace, out: TextIO
) -> bool:
    base = options.data / "remotes"
    shutil.rmtree(base, ignore_errors=True)
    (base / "tree").mkdir(parents=True)
    common = {
        "workload": workload,
        "scale": options.scale,
        "place": kind,
        "peer": peer.name,
        "counted": options.count,
    }

    def write(**record: Any) -> None:
        print(json.dumps(common | record), file=out, flush=True)
        seconds, failed = record["wall_s"], record.get("failed", "")
        print(f"{workload} {kind} {peer.name} {record['what']} {record['version']} {seconds:.2f} s {failed}")
        sys.stdout.flush()

    try:
        with open_place(kind, base, programs.get("RCLONE", ""), counted=options.count) as place:
            source = options.data / f"s{options.scale:g}" / workload
            return run_cell(Cell(peer, workload, source, base, place, programs, options.limit), write)
    except subprocess.CalledProcessError as exc:
        write(what="set up", version="", wall_s=0.0, failed=str(exc))
        return False
    finally:
        shutil.rmtree(base, ignore_errors=True)


def find_programs(options: argparse.Namespace) -> dict[str, str]:
    """Return where the programs of peers and server are, by the names that the scripts use."""
    wanted = {PEERS[name].program for name in options.peers} - {None}
    if "s3" in options.places:
        wanted.add("rclone")
    found = {}
    for name in sorted(wanted):
        path = shutil.which(getattr(options, name))
        if path is None:
            raise SystemExit(f"no {getattr(options, name)}: say with --{name} where it is")
        found[name.upper()] = path
    return found


def versions_of(programs: dict[str, str], options: argparse.Namespace) -> dict[str, str]:
    commands = {name.lower(): [path, "version"] for name, path in programs.items()}
    commands["s3fs"] = [sys.executable, "-c", "import s3fs; print(s3fs.__version__)"]
    commands["datav"] = [sys.executable, "-m", "datav", "--version"]
    versions = {}
    for name, command in commands.items():
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        versions[name] = next(word for word in said.split() if any(c.isdigit() for c in word))
    return versions


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="measure, and append the figures to a file as JSON lines")
    runs.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="for the data and all that is made"
    )
    runs.add_argument("--out", type=Path, required=True, metavar="FILE")
    runs.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    runs.add_argument("--places", nargs="+", choices=PLACES, default=list(PLACES))
    runs.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    runs.add_argument("--scale", type=float, default=1.0)
    runs.add_argument("--reps", type=int, default=1, metavar="N", help="do all of it N times")
    runs.add_argument("--count", action="store_true", help="count the S3 requests of all peers; no times")
    runs.add_argument("--limit", type=float, default=3600, metavar="SECONDS", help="then a command is killed")
    for program in ("dvc", "restic", "rclone"):
        runs.add_argument(f"--{program}", default=program, metavar="PROGRAM", help="by default from the PATH")
    tables = commands.add_parser("table", help="print what runs have measured")
    tables.add_argument("files", type=Path, nargs="+", metavar="FILE")
    options = parser.parse_args()
    if options.command == "run":
        options.data = options.data.resolve()
        return run(options)
    print_tables(options.files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
