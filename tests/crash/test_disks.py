"""Disks that are full, read-only, gone, or others than the work tree's: these tests mount real ones."""

import os
import subprocess

import pytest

from datav.settings import Settings, encode_settings
from tests.crash.checks import find_damage, find_leftovers
from tests.crash.processes import fail, succeed
from tests.crash.scenarios import CHUNKS
from tests.support.datasets import DatavRepo, random_bytes

MIB = 2**20


class Disk:
    """A file system in memory."""

    def __init__(self, place):
        self.place = place

    def remount(self, options):
        subprocess.run(
            ["mount", "-o", f"remount,{options}", str(self.place)], check=True, capture_output=True
        )


@pytest.fixture
def mount(tmp_path):
    """Makes disks of a given size; they go at the end."""
    places = []

    def make(size_mib):
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(place)]
        if os.name != "posix" or os.geteuid() != 0:
            pytest.skip("only root can mount a disk")
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        places.append(place)
        return Disk(place)

    yield make
    for place in places:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def _repository(root, store=None):
    repo = DatavRepo.init(root)
    repo.write("datav.toml", encode_settings(Settings(CHUNKS)).encode())
    succeed(repo.root, "init", *(["--store", str(store)] if store is not None else []))
    repo.commit("set up datav")
    return repo


def _two_versions(repo, size=MIB):
    for version in (1, 2):
        repo.write("a.bin", random_bytes(size, version))
        repo.write("d/b.txt", f"version {version}\n".encode())
        succeed(repo.root, "add", "a.bin", "d")
        repo.git("tag", f"v{version}", repo.commit(f"version {version}"))


def _sizes(directory):
    return {path.name: path.stat().st_size for path in directory.iterdir()}


def test_a_store_on_another_disk(mount, tmp_path):
    disk = mount(32)
    repo = _repository(tmp_path / "repo", disk.place / "store")
    _two_versions(repo)

    succeed(repo.root, "checkout", "v1")
    succeed(repo.root, "verify")
    succeed(repo.root, "gc", "--apply", "--only-user")

    assert repo.read("a.bin") == random_bytes(MIB, 1)
    assert any((disk.place / "store/packs").iterdir())
    assert not repo.path(".git/datav/store").exists()


def test_a_work_tree_on_another_disk_than_git(mount, tmp_path):
    disk = mount(32)
    (disk.place / "tree").mkdir()
    repo = DatavRepo(disk.place / "tree")
    repo.git("init", "-q", "--separate-git-dir", str(tmp_path / "git"))
    repo.write("datav.toml", encode_settings(Settings(CHUNKS)).encode())
    succeed(repo.root, "init")
    repo.commit("set up datav")
    _two_versions(repo)

    succeed(repo.root, "checkout", "v1")
    succeed(repo.root, "mv", "a.bin", "c.bin")
    succeed(repo.root, "rm", "--force", "c.bin")

    assert repo.read("d/b.txt") == b"version 1\n"
    assert not repo.path("c.bin").exists()


def test_add_to_a_full_disk(mount, tmp_path):
    disk = mount(3)
    repo = _repository(tmp_path / "repo", disk.place / "store")
    repo.write("small.bin", random_bytes(500_000, 1))
    succeed(repo.root, "add", "small.bin")
    repo.commit("small")
    repo.write("large.bin", random_bytes(8 * MIB, 2))
    before = _sizes(disk.place / "store/packs")

    error = fail(repo.root, "add", "large.bin")

    assert "No space left on device" in error
    assert _sizes(disk.place / "store/packs") == before
    assert _sizes(disk.place / "store/tmp") == _sizes(disk.place / "store/locks") == {}
    assert not repo.path("large.bin.datav").exists()
    assert repo.states() == {"small.bin": "clean"}
    assert list(find_damage(str(repo.root))) == []
    disk.remount("size=32m")
    succeed(repo.root, "add", "large.bin")
    assert repo.states() == {"small.bin": "clean", "large.bin": "clean"}
    assert list(find_damage(str(repo.root))) == []


def test_checkout_to_a_full_disk(mount, tmp_path):
    disk = mount(8)
    repo = _repository(disk.place / "repo", tmp_path / "store")
    _two_versions(repo, 3 * MIB)
    filler = disk.place / "filler"
    room = os.statvfs(disk.place).f_bavail * os.statvfs(disk.place).f_frsize
    filler.write_bytes(bytes(room - MIB))

    error = fail(repo.root, "checkout", "v1")

    # git has moved, the data has not: both versions of it are stored.
    assert "No space left on device" in error
    assert repo.read("a.bin") == random_bytes(3 * MIB, 2)
    assert find_leftovers(str(repo.root)) == []
    assert list(find_damage(str(repo.root))) == []
    filler.unlink()
    succeed(repo.root, "checkout")
    assert repo.read("a.bin") == random_bytes(3 * MIB, 1)
    assert repo.read("d/b.txt") == b"version 1\n"
    assert repo.states() == {"a.bin": "clean", "d": "clean"}


def test_a_disk_without_a_byte_left(mount, tmp_path):
    disk = mount(8)
    repo = _repository(disk.place / "repo")
    _two_versions(repo)
    filler = disk.place / "filler"
    room = os.statvfs(disk.place).f_bavail * os.statvfs(disk.place).f_frsize
    filler.write_bytes(bytes(room))
    repo.path("a.bin").write_bytes(repo.read("a.bin")[::-1])

    for command in (["add", "a.bin"], ["restore", "--force", "a.bin"], ["mv", "d", "e"]):
        fail(repo.root, *command)

    succeed(repo.root, "status")
    assert find_leftovers(str(repo.root)) == []
    assert repo.read("a.bin") == random_bytes(MIB, 2)[::-1]
    assert repo.read("d/b.txt") == b"version 2\n"
    filler.unlink()
    assert list(find_damage(str(repo.root))) == []
    succeed(repo.root, "add", "a.bin")
    succeed(repo.root, "mv", "d", "e")
    assert repo.states() == {"a.bin": "clean", "e": "clean"}


def _can_be_read(repo):
    assert "clean" in succeed(repo.root, "status")
    assert "a.bin" in succeed(repo.root, "ls")
    assert succeed(repo.root, "cat", "d/b.txt") == "version 2\n"
    succeed(repo.root, "verify")


def test_a_store_that_is_read_only(mount, tmp_path):
    disk = mount(32)
    repo = _repository(tmp_path / "repo", disk.place / "store")
    _two_versions(repo)
    disk.remount("ro")

    _can_be_read(repo)
    repo.path("a.bin").unlink()
    succeed(repo.root, "restore", "a.bin")
    assert repo.read("a.bin") == random_bytes(MIB, 2)
    succeed(repo.root, "checkout", "v1")
    assert repo.read("a.bin") == random_bytes(MIB, 1)
    repo.write("new.bin", b"new")
    assert "Read-only file system" in fail(repo.root, "add", "new.bin")
    assert "Read-only file system" in fail(repo.root, "gc", "--apply", "--only-user")
    assert repo.states() == {"a.bin": "clean", "d": "clean"}

    disk.remount("rw")
    succeed(repo.root, "add", "new.bin")
    assert list(find_damage(str(repo.root))) == []


def test_a_disk_that_is_read_only(mount):
    disk = mount(32)
    repo = _repository(disk.place / "repo")
    _two_versions(repo)
    disk.remount("ro")

    _can_be_read(repo)
    for command in (["add", "a.bin"], ["checkout", "v1"], ["mv", "d", "e"], ["rm", "d"], ["gc", "--apply"]):
        fail(repo.root, *command)

    disk.remount("rw")
    assert repo.states() == {"a.bin": "clean", "d": "clean"}
    assert repo.read("a.bin") == random_bytes(MIB, 2)
    assert list(find_damage(str(repo.root))) == []


def test_a_store_that_went_away(mount, tmp_path):
    disk = mount(32)
    repo = _repository(tmp_path / "repo", disk.place / "store")
    _two_versions(repo)
    subprocess.run(["umount", str(disk.place)], check=True)

    for command in (["add", "a.bin"], ["checkout", "v1"], ["verify"], ["gc", "--only-user"]):
        fail(repo.root, *command)

    # Nothing has been made in the place of the disk, and nothing was changed.
    assert list(disk.place.iterdir()) == []
    assert repo.read("a.bin") == random_bytes(MIB, 2)
