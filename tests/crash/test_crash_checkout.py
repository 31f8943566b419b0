"""checkout and restore, interrupted at a selection of their storage calls (O7, O10)."""

import os

import pytest

from datav.errors import DataLossError
from tests.crash.sweep import find_failures
from tests.support.datasets import DatavRepo, random_bytes


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["checkout-old", "checkout-new", "restore"])
def test_an_interrupted_command_loses_nothing_and_can_be_given_again(scenario):
    assert find_failures(scenario) == []


@pytest.fixture
def switched(tmp_path):
    """A repository whose last checkout wrote `a.bin`, of which there are two versions."""
    repo = DatavRepo.init(tmp_path / "repo")
    repo.set_up()
    for version in (1, 2):
        repo.write("a.bin", random_bytes(20_000, version))
        repo.add("a.bin")
        repo.git("tag", f"v{version}", repo.commit(f"version {version}"))
    repo.checkout("v1")
    return repo


def _keep_mtime(path, data):
    """Change a file as a power cut does: nobody has written to it."""
    before = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_that_a_power_cut_tore_is_brought_back(switched):
    _keep_mtime(switched.path("a.bin"), random_bytes(20_000, 1)[:9_000].ljust(20_000, b"\0"))

    switched.checkout()

    assert switched.read("a.bin") == random_bytes(20_000, 1)


def test_a_file_that_was_written_to_since_is_the_users(switched):
    switched.write("a.bin", b"mine")

    with pytest.raises(DataLossError):
        switched.checkout("v2")

    assert switched.read("a.bin") == b"mine"


def test_a_file_that_is_whole_is_not_overwritten_when_the_store_has_lost_it(switched):
    for path in switched.path(".git/datav/store/packs").iterdir():
        path.unlink()
    switched.path("a.bin").rename(switched.path("other"))
    switched.write("a.bin", random_bytes(20_000, 2))
    switched.add("a.bin")
    switched.path("other").replace(switched.path("a.bin"))

    with pytest.raises(DataLossError):
        switched.checkout("v2")

    assert switched.read("a.bin") == random_bytes(20_000, 1)
