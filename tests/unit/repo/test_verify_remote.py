"""verify --remote: what is wrong on a remote is found there, and nothing else is called wrong."""

import pytest

from datav.errors import RemoteError
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.repo.verify import Verified
from datav.repo.verify_remote import verify_remote
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo, random_bytes
from tests.unit.store.stores import flip


def check(repo: DatavRepo, **options) -> Verified:
    with repo.open() as repository:
        return verify_remote(repository, "origin", **options)


def send(repo: DatavRepo) -> None:
    with repo.open() as repository:
        push(repository)


@pytest.fixture
def place(tmp_path):
    """Where the remote lies."""
    return tmp_path / "remote"


@pytest.fixture
def pushed(repo, place) -> DatavRepo:
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(place)))
    repo.write("a.bin", random_bytes(100_000, 1))
    repo.write("d/one", random_bytes(20_000, 2))
    repo.add("a.bin", "d")
    repo.commit("data")
    send(repo)
    return repo


def only(directory):
    (path,) = directory.iterdir()
    return path


def test_a_sound_remote_is_sound(pushed):
    found = check(pushed)

    assert (found.ok, found.remote, found.manifests) == (True, "origin", 2)
    assert found.store.bytes > 100_000
    assert (found.missing, found.absent) == ((), ())


def test_what_was_never_pushed_is_named_and_is_no_damage(pushed):
    pushed.write("b.bin", random_bytes(20_000, 3))
    pushed.add("b.bin")
    commit = pushed.commit("more")

    found = check(pushed)

    assert found.ok
    assert [(str(item.path), item.commit) for item in found.absent_versions] == [("b.bin", commit)]


def test_rot_in_a_pack_is_found_though_everything_is_cached(pushed, place):
    check(pushed)
    flip(only(place / "packs"), 3_000)

    found = check(pushed)

    assert not found.ok
    assert len(found.store.damaged) == 1


def test_a_table_of_contents_that_rotted_is_found_though_it_is_cached(pushed, place):
    check(pushed)
    path = only(place / "packs")
    flip(path, path.stat().st_size - 100)

    assert not check(pushed).store.ok


def test_an_index_that_rotted_is_found_though_it_is_cached(pushed, place):
    flip(only(place / "index"), 500)

    found = check(pushed)

    assert [name.partition("/")[0] for name, _ in found.store.broken_indexes] == ["index"]
    assert not found.ok


def test_a_root_that_rotted_is_found(pushed, place):
    flip(only(place / "roots"), 60)

    found = check(pushed)

    assert [name.partition("/")[0] for name, _ in found.store.broken_indexes] == ["roots"]


def test_a_lost_pack_is_missed_by_what_was_promised(pushed, place):
    only(place / "packs").unlink()

    found = check(pushed)

    assert not found.ok
    assert len(found.store.lost_packs) == 1
    assert sorted(item.is_profile for item in found.missing) == [False, False, True]
    assert "pushed" in found.missing[0].where[0]


def test_what_another_clone_pushed_is_looked_for_too(pushed, place, tmp_path):
    other = DatavRepo(tmp_path / "other")
    pushed.git("clone", "-q", str(pushed.root), str(other.root))
    other.write("theirs.bin", random_bytes(50_000, 4))
    other.add("theirs.bin")
    other.commit("theirs")
    before = set((place / "packs").iterdir())
    send(other)
    (added,) = set((place / "packs").iterdir()) - before
    added.unlink()

    found = check(pushed)

    assert [item.id for item in found.missing] == [f"b3:{other.manifest('theirs.bin').content.id.hex()}"]


def test_a_sample_reads_less_and_still_finds_what_is_missing(pushed, place):
    whole = check(pushed).store.bytes

    assert check(pushed, sample=0.0001).store.bytes < whole
    only(place / "packs").unlink()
    assert len(check(pushed, sample=0.0001).missing) == 3


def test_a_place_without_a_store_is_an_error(repo, place):
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(place)))
    place.mkdir()

    with pytest.raises(RemoteError):
        check(repo)
