"""Many small files in one call: the C and its twin read the same, and stop at the same."""

import os
import random
from pathlib import Path
from typing import Any

import pytest

from datav.storage import files

try:
    from datav.core import _native
except ImportError:
    _native = None  # type: ignore[assignment]  # a machine without a compiler

READERS = {"python": files.read_files_slowly}
if hasattr(_native, "read_files"):
    READERS["native"] = _native.read_files


@pytest.fixture(params=READERS)
def implementation(request: pytest.FixtureRequest) -> Any:
    return READERS[request.param]


def read(
    implementation: Any, root: Path, names: list[bytes], stamps: list[bytes] | None = None, room: int = 10_000
) -> tuple[int, bytes]:
    """How many files were read, and what is in the arena of these."""
    arena = bytearray(room)
    if stamps is None:
        stamps = stamps_of(root, names)
    count = implementation(os.fsencode(root), names, b"".join(stamps), memoryview(arena))
    return count, bytes(arena[: sum(map(files.size_in, stamps[:count]))])


def stamps_of(root: Path, names: list[bytes]) -> list[bytes]:
    return [files.stamp_of(os.lstat(os.path.join(os.fsencode(root), name))) for name in names]


def test_files_lie_back_to_back(implementation: Any, tmp_path: Path) -> None:
    contents = [random.Random(size).randbytes(size) for size in range(100)]
    (tmp_path / "below").mkdir()
    names = [f"below/{size}".encode() if size % 2 else b"%d" % size for size in range(100)]
    for name, content in zip(names, contents, strict=True):
        (tmp_path / os.fsdecode(name)).write_bytes(content)

    assert read(implementation, tmp_path, names) == (100, b"".join(contents))
    assert read(implementation, tmp_path, []) == (0, b"")


def _longer(path: Path) -> None:
    path.write_bytes(b"four and more")


def _shorter(path: Path) -> None:
    path.write_bytes(b"x")


def _other_mode(path: Path) -> None:
    path.chmod(0o755)


def _other_time(path: Path) -> None:
    os.utime(path, (1, 1))


def _missing(path: Path) -> None:
    path.unlink()


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("0")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes are POSIX")
@pytest.mark.parametrize(
    "odd", [_longer, _shorter, _other_mode, _other_time, _missing, _link, _directory, _pipe]
)
def test_it_stops_at_what_is_not_plain(implementation: Any, tmp_path: Path, odd: Any) -> None:
    names = [b"%d" % number for number in range(80)]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"four")
    stamps = stamps_of(tmp_path, names)
    odd(tmp_path / "40")
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0

    assert read(implementation, tmp_path, names, stamps) == (40, b"four" * 40)

    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_it_stops_at_what_does_not_fit(implementation: Any, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / str(number)).write_bytes(b"four")
    names = [b"0", b"1", b"2"]

    stamps = stamps_of(tmp_path, names)
    huge = (2**64 - 1).to_bytes(8, "little") + stamps[0][8:]

    assert read(implementation, tmp_path, names, room=11) == (2, b"fourfour")
    assert read(implementation, tmp_path, names, room=12)[0] == 3
    assert read(implementation, tmp_path, names, [huge, *stamps[1:]])[0] == 0


def test_few_descriptors_are_enough(implementation: Any, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    names = [b"%d" % number for number in range(80)]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"four")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = max(int(name) for name in os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 50
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 8, before[1]))
    try:
        count = read(implementation, tmp_path, names)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert count == 80


def test_there_may_be_no_directory(implementation: Any, tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"four")

    assert read(implementation, tmp_path / "none", [b"0"], stamps_of(tmp_path, [b"0"]))[0] == 0


def test_what_nobody_may_ask(implementation: Any, tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"four")
    arena = memoryview(bytearray(10))
    root = os.fsencode(tmp_path)
    (stamp,) = stamps_of(tmp_path, [b"0"])

    with pytest.raises(ValueError, match="as many stamps"):
        implementation(root, [b"0", b"1"], stamp, arena)
    with pytest.raises(ValueError, match="null"):
        implementation(root, [b"0\0"], stamp, arena)
    with pytest.raises(TypeError):
        implementation(root, [0], stamp, arena)


def test_times_before_1970_are_the_same(implementation: Any, tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"four")
    os.utime(path, ns=(-1_500_000_000, -1_500_000_000))

    assert read(implementation, tmp_path, [b"old"]) == (1, b"four")


STATTERS = {"python": files.stat_listing_slowly}
if files.stat_listing is not files.stat_listing_slowly:
    STATTERS["native"] = files.stat_listing


@pytest.mark.parametrize("stat_listing", STATTERS.values(), ids=STATTERS)
def test_a_listing_is_looked_at_in_one_call(stat_listing: Any, tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    for number in range(50):
        (tmp_path / str(number)).write_bytes(b"x" * number)
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "below").mkdir()
    with os.scandir(root) as found:
        listing = list(found)
    gone = next(number for number, entry in enumerate(listing) if entry.name == b"17")
    (tmp_path / "17").unlink()

    stamps = stat_listing(root, listing)

    wanted = [bytes(36) if n == gone else files.stamp_of(os.lstat(e.path)) for n, e in enumerate(listing)]
    assert stamps == b"".join(wanted)
    assert stat_listing(root, []) == b""


@pytest.mark.parametrize("stat_listing", STATTERS.values(), ids=STATTERS)
def test_a_listing_of_a_directory_that_is_gone(stat_listing: Any, tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (below / "a").write_bytes(b"x")
    with os.scandir(os.fsencode(below)) as found:
        listing = list(found)
    (below / "a").unlink()
    below.rmdir()

    assert stat_listing(os.fsencode(below), listing) in (b"", bytes(36))
