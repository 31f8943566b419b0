"""What only a process of its own shows: start-up, pipes, signals, encodings."""

import os
import signal
import subprocess
import sys
import time

import pytest

from datav import __version__
from datav.core import IMPLEMENTATION
from tests.cli.conftest import process_environment

ONLY_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes and signals")

# What a command must not load until it is needed: each costs more than a whole command should.
HEAVY = ("numpy", "pyarrow", "fsspec", "rich.progress")

# Prints, behind what the command says, which modules it loaded.
LOADED = """\
import sys
from datav.cli.main import main
status = main(sys.argv[1:])
print("loaded", *sorted(sys.modules), file=sys.stderr)
sys.exit(status)
"""

# The same of the whole program.
LOADED_BY_ALL = """\
import atexit, sys
from datav.cli.main import run
atexit.register(lambda: print("loaded", *sorted(sys.modules), file=sys.stderr))
run()
"""

# As where the C extension could not be compiled.
WITHOUT_NATIVE = """\
import sys
sys.modules["datav.core._native"] = None
from datav.cli.main import run
run()
"""


def run_code(code, *arguments, cwd, **options):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        capture_output=True,
        env=process_environment(),
        **options,
    )


def loaded_by(cwd, *arguments, code=LOADED):
    done = run_code(code, *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.decode().splitlines()[-1].split()[1:])


native_only = pytest.mark.skipif(IMPLEMENTATION == "pure Python", reason="the reference needs numpy at once")


@native_only
def test_version_loads_nothing_that_takes_time(tmp_path):
    assert loaded_by(tmp_path, "--version") & {"typer", *HEAVY} == set()


@native_only
def test_status_of_what_is_clean_loads_nothing_that_takes_time(shared_data):
    assert loaded_by(shared_data.repo.root, "status") & set(HEAVY) == set()


@native_only
@pytest.mark.parametrize("command", [("ls",), ("log",), ("cat", "a.csv"), ("checkout",)], ids=" ".join)
def test_looking_loads_nothing_that_takes_time(shared_data, command):
    assert loaded_by(shared_data.repo.root, *command) & set(HEAVY) == set()


def test_a_table_is_added_and_compared_without_pandas(data):
    pytest.importorskip("pandas")
    data.repo.write("a.csv", b"id,v\n1,z\n7,x\n")

    for command in (("diff", "--stat"), ("add", "a.csv")):
        loaded = loaded_by(data.repo.root, *command, code=LOADED_BY_ALL)
        assert "pyarrow" in loaded
        assert "pandas" not in loaded


def test_version_names_the_core(cli):
    assert cli.process("--version").out == f"datav {__version__} (core: {IMPLEMENTATION})\n"
    assert cli.process("--version", "--json").out == f"datav {__version__} (core: {IMPLEMENTATION})\n"


def test_version_without_the_native_core_says_so(cli):
    done = run_code(WITHOUT_NATIVE, "--version", cwd=cli.repo.root)

    assert done.stdout.decode().split() == ["datav", __version__, "(core:", "pure", "Python)"]


def test_the_main_job_works_without_the_native_core(data):
    root = data.repo.root
    data.repo.write("b.csv", b"id\n1\n")

    for arguments in (
        ["add", "-q", "b.csv"],
        ["checkout", "-q"],
        ["verify", "-q"],
        ["status", "--exit-code"],
    ):
        done = run_code(WITHOUT_NATIVE, *arguments, cwd=root)
        assert (done.returncode, done.stderr) == (0, b"")
    assert data.ok("status", "--json").json["datasets"][1]["state"] == "clean"


@ONLY_POSIX
@pytest.mark.parametrize("arguments", [("ls",), ("cat", "big"), ("status", "--json")], ids=" ".join)
def test_a_reader_that_leaves_is_no_failure(data, arguments):
    data.repo.write("big", bytes(3_000_000))
    data.ok("add", "big")
    ours, theirs = os.pipe()
    os.close(ours)

    done = subprocess.run(
        [sys.executable, "-m", "datav", *arguments],
        cwd=data.repo.root,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=process_environment(),
    )
    os.close(theirs)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk to write to")
@pytest.mark.parametrize("arguments", [("ls",), ("cat", "big")], ids=" ".join)
def test_a_full_disk_is_an_error(data, arguments):
    data.repo.write("big", bytes(3_000_000))
    data.ok("add", "big")

    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "datav", *arguments],
            cwd=data.repo.root,
            stdout=full,
            stderr=subprocess.PIPE,
            env=process_environment(),
        )

    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "error: cannot write to standard output: No space left on device"
    ]


@ONLY_POSIX
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_files_are_no_failure(shared_data, closed):
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m datav status {closed}'],
        cwd=shared_data.repo.root,
        capture_output=True,
        env=process_environment(),
    )

    assert (done.returncode, done.stderr) == (0, b"")


@ONLY_POSIX
def test_an_interrupt_ends_with_130_and_a_word(cli):
    os.mkfifo(cli.repo.path("waits.toml"))
    cli.repo.path("datav.toml").unlink()
    # Opening a pipe that nobody writes to waits for ever, as reading a slow disk seems to.
    cli.repo.path("waits.toml").rename(cli.repo.path("datav.toml"))
    with subprocess.Popen(
        [sys.executable, "-m", "datav", "status"],
        cwd=cli.repo.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=process_environment(),
    ) as process:
        # Opening our end succeeds once the other has it open: then it is in the middle of its work.
        writer = None
        while writer is None and process.poll() is None:
            try:
                writer = os.open(cli.repo.path("datav.toml"), os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()

    assert writer is not None
    os.close(writer)
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_lacks_a_character_shows_the_rest(cli, encoding):
    cli.repo.write("größe 🎉.csv", b"id\n")
    cli.ok("add", "größe 🎉.csv")

    done = cli.process("ls", environment={"PYTHONIOENCODING": encoding})
    document = cli.process("ls", "--json", environment={"PYTHONIOENCODING": encoding})

    assert (done.status, done.err) == (0, "")
    assert "csv" in done.out
    assert document.json["datasets"][0]["path"] == "größe 🎉.csv"


def test_python_m_datav_and_the_function_are_the_same(shared_data):
    assert shared_data.process("ls").out == shared_data.ok("ls").out
