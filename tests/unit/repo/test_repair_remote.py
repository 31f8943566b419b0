"""repair --remote: what is good there stays, what is lost is sent again, and readers find the good copy."""

import shutil

import pytest

from datav.errors import BusyError
from datav.formats.root import Collecting, encode_collecting
from datav.repo.collect_remote import only_collection
from datav.repo.fetch import fetch
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.repo.repair_remote import RepairedRemote, repair_remote
from datav.repo.verify import Verified
from datav.repo.verify_remote import verify_remote
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo, random_bytes
from tests.unit.store.stores import flip

A = random_bytes(100_000, 1)


def check(repo: DatavRepo) -> Verified:
    with repo.open() as repository:
        return verify_remote(repository, "origin")


def mend(repo: DatavRepo, **options) -> RepairedRemote:
    with repo.open() as repository:
        return repair_remote(repository, "origin", **options)


def send(repo: DatavRepo) -> None:
    with repo.open() as repository:
        push(repository)


def assert_a_clone_has_all(repo: DatavRepo, place) -> None:
    repo.git("clone", "-q", str(repo.root), str(place))
    clone = DatavRepo(place)
    with clone.open() as repository:
        fetch(repository)
    clone.checkout()
    assert clone.read("a.bin") == A
    assert clone.read("d/7") == random_bytes(3_000, 17)


@pytest.fixture
def place(tmp_path):
    """Where the remote lies."""
    return tmp_path / "remote"


@pytest.fixture
def pushed(repo, place) -> DatavRepo:
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(place)))
    repo.write("a.bin", A)
    repo.add("a.bin")
    repo.commit("first")
    send(repo)
    for number in range(40):
        repo.write(f"d/{number}", random_bytes(3_000, 10 + number))
    repo.add("d")
    repo.commit("second")
    send(repo)
    return repo


def test_a_sound_remote_is_left_alone(pushed, place):
    before = sorted(path for path in place.rglob("*") if path.is_file())

    done = mend(pushed)

    assert (done.ok, done.damaged, done.done.sent) == (True, 0, 0)
    assert sorted(path for path in place.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize("spoil", ["delete", "flip"])
def test_lost_and_broken_indexes_are_made_again(pushed, place, spoil, tmp_path):
    for path in (place / "index").iterdir():
        if spoil == "delete":
            path.unlink()
        else:
            flip(path, 200)

    done = mend(pushed)

    assert done.ok
    assert check(pushed).ok
    assert_a_clone_has_all(pushed, tmp_path / "clone")


def test_an_index_that_is_made_again_as_it_was_stays(repo, place):
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(place)))
    repo.write("a.bin", A)
    repo.add("a.bin")
    repo.commit("first")
    send(repo)
    (index,) = (place / "index").iterdir()
    flip(index, 200)

    done = mend(repo)

    assert done.ok
    assert check(repo).ok
    assert [*(place / "index").iterdir()] == [index]


def test_what_rotted_is_sent_again_and_its_pack_goes(pushed, place, tmp_path):
    for path in (place / "packs").iterdir():
        flip(path, 16 + 30)

    done = mend(pushed)

    assert (done.ok, done.damaged, done.done.damaged_packs, done.done.deleted_packs) == (True, 2, 2, 2)
    assert done.done.sent == 2
    assert check(pushed).ok
    assert not list((place / "collecting").iterdir())
    assert_a_clone_has_all(pushed, tmp_path / "clone")


def test_a_lost_pack_is_sent_again(pushed, place, tmp_path):
    next((place / "packs").iterdir()).unlink()

    done = mend(pushed)

    assert done.ok
    assert done.done.sent > 1
    assert check(pushed).ok
    assert_a_clone_has_all(pushed, tmp_path / "clone")


def test_a_lost_pack_with_its_index_is_sent_again(pushed, place, tmp_path):
    for directory in ("packs", "index"):
        for path in (place / directory).iterdir():
            path.unlink()

    assert mend(pushed).ok
    assert check(pushed).ok
    assert_a_clone_has_all(pushed, tmp_path / "clone")


def test_a_damaged_table_of_contents_costs_nothing(pushed, place, tmp_path):
    other = DatavRepo(tmp_path / "other")
    pushed.git("clone", "-q", str(pushed.root), str(other.root))
    for path in (place / "packs").iterdir():
        flip(path, path.stat().st_size - 80)

    done = mend(other)

    assert (done.ok, done.done.sent) == (True, 0)
    assert check(other).ok
    assert_a_clone_has_all(pushed, tmp_path / "clone")


def test_what_nobody_here_has_is_named_by_who_pushed_it_and_comes_from_who_has_it(pushed, place, tmp_path):
    other = DatavRepo(tmp_path / "other")
    pushed.git("clone", "-q", str(pushed.root), str(other.root))
    for path in (place / "packs").iterdir():
        flip(path, 16 + 30)

    done = mend(other)

    assert not done.ok
    assert {name.partition(" on ")[0] for each in done.lost for name in each.who} == {"repo"}
    assert mend(pushed).ok
    assert check(pushed).ok
    assert_a_clone_has_all(pushed, tmp_path / "clone")


def test_a_dry_run_changes_nothing(pushed, place):
    for path in (place / "packs").iterdir():
        flip(path, 16 + 30)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}

    done = mend(pushed, dry_run=True)

    assert (done.dry_run, done.damaged, done.done.damaged_packs, done.done.unsound) == (True, 2, 2, 2)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_it_gives_way_to_a_collection_of_another_clone(pushed, place):
    for path in (place / "packs").iterdir():
        flip(path, 16 + 30)
    (place / "collecting").mkdir(exist_ok=True)
    (place / "collecting" / ("ab" * 16)).write_bytes(encode_collecting(Collecting("cd" * 16, frozenset())))

    with pytest.raises(BusyError):
        mend(pushed)

    assert [path.name for path in (place / "collecting").iterdir()] == ["ab" * 16]


def test_it_gives_way_to_a_collection_of_this_clone(pushed, place):
    with (
        pushed.open() as repository,
        only_collection(repository, "another spelling"),
        pytest.raises(BusyError, match="another command of this clone"),
    ):
        mend(pushed)

    assert mend(pushed).ok


def test_killed_anywhere_a_repair_loses_nothing_and_goes_on(pushed, place, tmp_path):
    for path in (place / "packs").iterdir():
        flip(path, 16 + 30)
    shutil.copytree(place, tmp_path / "kept")
    shutil.copytree(pushed.path(".git/datav"), tmp_path / "private")
    killed = 0

    for number in range(0, 1_000, 4):
        for kept, lived in ((tmp_path / "kept", place), (tmp_path / "private", pushed.path(".git/datav"))):
            shutil.rmtree(lived)
            shutil.copytree(kept, lived)
        if not pushed.run_killed(lambda: mend(pushed), number):
            break
        pushed.path(".git/datav/remote-collector").unlink(missing_ok=True)
        killed += 1
        assert mend(pushed).ok, number
        assert check(pushed).ok, number
        assert not list((place / "collecting").iterdir()), number

    assert killed > 3
