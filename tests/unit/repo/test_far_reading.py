"""Reading in place: what is not here comes from the remote."""

import shutil

import pytest

from datav.errors import IntegrityError, MissingChunkError, RemoteError, UsageError
from datav.repo.farreading import Source, close_connections
from datav.repo.listing import list_entries
from datav.repo.reading import open_content
from datav.repo.remotes import add_remote, remove_remote
from datav.settings import RemoteSettings
from tests.support.datasets import random_bytes
from tests.support.inplace import move_to_remote


@pytest.fixture(autouse=True)
def closed():
    yield
    close_connections()


@pytest.fixture
def far(repo, tmp_path):
    """`data/` and `a.bin` in two versions, on a remote alone."""
    for version in (1, 2):
        repo.write("a.bin", random_bytes(300_000, version))
        for number in range(50):
            repo.write(f"data/{number:02}/x", b"%d of %d" % (number, version))
        repo.add("a.bin", "data")
        repo.commit(f"version {version}")
    move_to_remote(repo, tmp_path / "remote")
    return repo


def read(repo, spec):
    with repo.open() as repository:
        return b"".join(open_content(repository, spec).iter_blocks())


def test_any_version_is_read_from_the_remote(far):
    assert read(far, "a.bin") == random_bytes(300_000, 2)
    assert read(far, "HEAD~1:a.bin") == random_bytes(300_000, 1)
    assert read(far, "HEAD~1:data/07/x") == b"7 of 1"


def test_what_lies_in_a_dataset_is_listed_from_the_remote(far):
    with far.open() as repository:
        listed = list_entries(repository, "HEAD~1:data").entries

    assert [(entry.path, entry.files) for entry in listed] == [(b"%02d" % n, 1) for n in range(50)]


def test_reading_in_place_stores_nothing(far):
    read(far, "a.bin")

    assert not any(far.path(".git/datav/store/packs").iterdir())


def test_what_is_here_is_read_without_the_remote(far, tmp_path):
    shutil.copytree(tmp_path / "remote/packs", far.path(".git/datav/store/packs"), dirs_exist_ok=True)
    far.path(".git/datav/store/index").mkdir(parents=True)
    shutil.copytree(tmp_path / "remote/index", far.path(".git/datav/store/index"), dirs_exist_ok=True)
    far.write(".git/datav/store/format", (tmp_path / "remote/format").read_bytes())
    shutil.rmtree(tmp_path / "remote")

    assert read(far, "a.bin") == random_bytes(300_000, 2)


def test_a_damaged_pack_here_is_read_from_the_remote(repo, tmp_path):
    repo.write("a.bin", random_bytes(50_000))
    repo.add("a.bin")
    repo.commit("a")
    store = repo.path(".git/datav/store")
    shutil.copytree(store, tmp_path / "remote")
    for pack in (store / "packs").iterdir():
        pack.chmod(0o644)
        data = bytearray(pack.read_bytes())
        data[200:260] = bytes(60)
        pack.write_bytes(data)
    with pytest.raises(IntegrityError):
        read(repo, "a.bin")

    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(tmp_path / "remote")))

    assert read(repo, "a.bin") == random_bytes(50_000)


def test_what_is_nowhere_names_both_places(far, tmp_path):
    for index in (tmp_path / "remote/index").iterdir():
        index.unlink()

    with pytest.raises(MissingChunkError) as error:
        read(far, "HEAD:a.bin")

    assert str(error.value).startswith("the data of HEAD:a.bin is neither in the local store nor at ")
    assert "datav push" in error.value.hint


def test_without_a_remote_the_hint_is_to_add_one(far):
    with far.open() as repository:
        remove_remote(repository, "origin")

    for spec in ("a.bin", "data/00/x"):
        with pytest.raises(MissingChunkError, match="not in the local store") as error:
            read(far, spec)
        assert "datav remote add" in error.value.hint


def test_several_remotes_without_a_default_are_an_error(far, tmp_path):
    with far.open() as repository:
        remove_remote(repository, "origin")
    for name in ("one", "two"):
        with far.open() as repository:
            add_remote(repository, RemoteSettings(name, str(tmp_path / "remote")))
    text = far.read("datav.toml").decode().replace("default = true\n", "")
    far.write("datav.toml", text.encode())

    with pytest.raises(UsageError, match="no remote is the default"):
        read(far, "a.bin")
    with far.open() as repository:
        assert Source(repository, "two").contains(far.manifest("a.bin").content.id)


def test_a_remote_that_cannot_be_reached_is_no_missing_data(far, tmp_path):
    shutil.rmtree(tmp_path / "remote/index")
    (tmp_path / "remote/index").write_bytes(b"a file")

    with pytest.raises(RemoteError):
        read(far, "a.bin")


def test_a_remote_is_listed_once_until_something_is_missing(far, tmp_path):
    other = tmp_path / "later"
    read(far, "a.bin")
    with far.open() as repository:
        source = Source(repository)
        listings = source._connect().listings
        assert source.contains(far.manifest("data").content.id)
        assert source._connect().listings == listings == 1

    far.write("b.bin", random_bytes(20_000, 9))
    far.add("b.bin")
    store = far.path(".git/datav/store")
    for directory in ("packs", "index"):
        shutil.copytree(store / directory, tmp_path / "remote" / directory, dirs_exist_ok=True)
    shutil.move(store, other)
    far.path("b.bin").unlink()

    assert read(far, "b.bin") == random_bytes(20_000, 9)
    with far.open() as repository:
        assert Source(repository)._connect().listings == 2
