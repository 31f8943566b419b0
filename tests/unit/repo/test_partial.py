"""What was fetched in part: every command takes it as it is, and damage in it is still damage."""

import pytest

from datav.errors import DataLossError, MissingChunkError
from datav.repo.checkout import checkout
from datav.repo.collect import collect
from datav.repo.fetch import fetch
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.repo.usage import usage
from datav.repo.verify import Verified, verify
from datav.settings import RemoteSettings
from datav.store.fetching import KeepingReader
from datav.store.lazytree import read_below
from tests.support.datasets import DatavRepo, random_bytes

# More than one tree node holds.
FILES = 1500


def check(repo: DatavRepo) -> Verified:
    with repo.open() as repository:
        return verify(repository)


def fetch_into(repo: DatavRepo, *names: str) -> None:
    with repo.open() as repository:
        fetch(repository, None, names)


def empty_store(repo: DatavRepo) -> None:
    for name in ("packs", "index"):
        for path in repo.path(f".git/datav/store/{name}").iterdir():
            path.unlink()


@pytest.fixture
def origin(repo, tmp_path) -> DatavRepo:
    """A directory whose tree has several nodes, and a file; pushed."""
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(tmp_path / "remote")))
    for number in range(FILES):
        repo.write(f"d/{number:04}", b"%d" % number)
    repo.write("d/large", random_bytes(100_000, 1000))
    repo.write("a.bin", random_bytes(50_000, 1001))
    repo.add("d", "a.bin")
    repo.commit("data")
    with repo.open() as repository:
        push(repository)
    return repo


@pytest.fixture
def clone(origin, tmp_path) -> DatavRepo:
    """A clone that has fetched `d/large` alone."""
    clone = DatavRepo(tmp_path / "clone")
    origin.git("clone", "-q", str(origin.root), str(clone.root))
    fetch_into(clone, "d/large")
    return clone


def test_a_part_is_no_damage(clone):
    found = check(clone)

    assert found.partial == (f"b3:{clone.manifest('d').content.id.hex()}",)
    assert (found.missing, found.needed) == ((), ("a.bin.datav",))
    assert found.store.ok


def test_a_repository_of_parts_is_sound(clone):
    fetch_into(clone, "a.bin")

    found = check(clone)

    assert found.ok
    assert len(found.partial) == 1


def test_what_was_fetched_in_full_later_is_no_part(clone):
    fetch_into(clone)

    found = check(clone)

    assert (found.ok, found.partial) == (True, ())


def test_damage_in_a_part_is_damage(clone):
    for path in clone.path(".git/datav/store/packs").iterdir():
        path.unlink()

    found = check(clone)

    manifest = clone.manifest("d")
    assert {item.id for item in found.missing} == {f"b3:{each.id.hex()}" for each in manifest.contents}


def test_a_part_survives_a_collection(clone):
    with clone.open() as repository:
        collected = collect(repository, apply=True)

    assert collected.absent == 1
    clone.checkout(None, ["d/large"])
    assert clone.read("d/large") == random_bytes(100_000, 1000)


def test_a_collection_stops_where_a_part_was_lost(clone):
    clone.write("new", random_bytes(5_000, 7))
    clone.add("new")
    with clone.open() as repository:
        top = repository.store.lookup.places([clone.manifest("d").content.id])[0]
        repository.store.layout.pack(top.pack).unlink()

    with clone.open() as repository, pytest.raises(DataLossError):
        collect(repository, apply=True)


def test_a_version_below_a_part_may_be_a_part_too(origin, clone):
    origin.write("copy.bin", random_bytes(100_000, 1000))
    origin.add("copy.bin")
    origin.commit("a copy of what lies in the directory")
    clone.git("pull", "-q")
    empty_store(clone)
    directory, copy = (clone.manifest(name).content for name in ("d", "copy.bin"))
    with clone.open() as repository, origin.open() as source:
        reader = source.store.reader
        with repository.store.writing(repository.executor) as writer:
            # As a fetch that broke off leaves it.
            read_below(KeepingReader(reader, repository.store.lookup, writer), directory, b"large")
            writer.put_nodes([reader.read_node(copy.id)], [()])
        found = verify(repository)
        collected = collect(repository, apply=True)

    assert found.missing == ()
    assert found.partial == tuple(sorted(f"b3:{each.id.hex()}" for each in (directory, copy)))
    assert collected.missing_chunks > 0


def test_a_path_that_was_fetched_can_be_checked_out(clone):
    clone.checkout(None, ["d/large"])

    assert clone.read("d/large") == random_bytes(100_000, 1000)
    assert not clone.exists("d/0000")


def test_a_path_that_was_not_fetched_is_missing_and_the_hint_says_where_it_is(clone):
    with pytest.raises(MissingChunkError) as error:
        clone.checkout(None, ["d"])

    assert "`datav fetch`" in error.value.hint


def test_several_paths_of_a_part_can_be_checked_out(clone):
    fetch_into(clone, "d/0000", "d/0150")

    with clone.open() as repository:
        done = checkout(repository, None, ["d/0150", "d/large", "d/0000"])

    assert done.datasets[0].written == 3
    assert sorted(path.name for path in clone.path("d").iterdir()) == ["0000", "0150", "large"]


def test_du_counts_what_is_not_here(clone):
    with clone.open() as repository:
        found = {str(each.path): each for each in usage(repository).datasets}

    assert (found["d"].error, found["d"].missing) == (None, 1)


def test_status_can_look_at_a_part(clone):
    clone.checkout(None, ["d/large"])

    assert clone.states()["d"] == "modified"
