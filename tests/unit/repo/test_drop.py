"""drop: nothing goes that the remote was not seen to have, and what is needed elsewhere stays."""

import shutil

import pytest

from datav.errors import DataLossError, IntegrityError, UnknownDatasetError
from datav.repo.collect import collect
from datav.repo.drop import Dropped, drop
from datav.repo.fetch import fetch
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.repo.verify import verify
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo, random_bytes


def run(repo: DatavRepo, *names: str, **options) -> Dropped:
    with repo.open() as repository:
        return drop(repository, names, **options)


def send(repo: DatavRepo) -> None:
    with repo.open() as repository:
        push(repository)


def check(repo: DatavRepo):
    with repo.open() as repository:
        return verify(repository)


@pytest.fixture
def data(repo, tmp_path) -> DatavRepo:
    """Two versions of `a.bin`, `b.bin` with the first half of it, and `d`; pushed."""
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(tmp_path / "remote")))
    repo.write("a.bin", random_bytes(100_000, 1))
    repo.add("a.bin")
    repo.commit("first")
    repo.write("a.bin", random_bytes(100_000, 2))
    repo.write("b.bin", random_bytes(100_000, 1)[:50_000] + random_bytes(50_000, 3))
    repo.write("d/one", random_bytes(30_000, 4))
    repo.add("a.bin", "b.bin", "d")
    repo.commit("second")
    send(repo)
    return repo


def test_a_dropped_dataset_is_freed_and_comes_back(data):
    done = run(data, "a.bin")

    assert (done.remote, done.versions) == ("origin", 2)
    assert done.collected.bytes_freed > 140_000
    assert check(data).ok
    assert len(check(data).absent) == 2
    data.path("a.bin").unlink()
    with data.open() as repository:
        fetch(repository)
    data.checkout()
    assert data.read("a.bin") == random_bytes(100_000, 2)
    assert len(check(data).absent) == 1


def test_what_other_datasets_need_stays(data):
    run(data, "a.bin")

    data.path("b.bin").unlink()
    shutil.rmtree(data.path("d"))
    data.checkout(None, ["b.bin", "d"])
    assert data.read("b.bin") == random_bytes(100_000, 1)[:50_000] + random_bytes(50_000, 3)


def test_a_content_that_another_dataset_names_stays(data):
    data.write("copy.bin", data.read("a.bin"))
    data.add("copy.bin")
    data.commit("a copy")
    send(data)

    run(data, "a.bin")

    data.path("copy.bin").unlink()
    data.checkout(None, ["copy.bin"])
    assert data.read("copy.bin") == random_bytes(100_000, 2)


@pytest.mark.parametrize("is_remembered", [True, False])
def test_the_files_on_disk_stay_and_are_clean(data, is_remembered):
    run(data, "a.bin", "d")
    if not is_remembered:
        for path in data.path(".git/datav/worktrees").glob("*/stat/*"):
            path.unlink()

    assert data.states() == {"a.bin": "clean", "b.bin": "clean", "d": "clean"}
    assert data.read("a.bin") == random_bytes(100_000, 2)
    shutil.rmtree(data.path("d"))
    assert data.states()["d"] == "missing"


def test_the_current_version_can_be_kept(data):
    done = run(data, "a.bin", keep_current=True)

    assert done.versions == 1
    data.path("a.bin").unlink()
    data.checkout()
    assert data.read("a.bin") == random_bytes(100_000, 2)


def test_a_version_that_was_not_pushed_is_not_dropped(data):
    data.write("a.bin", random_bytes(100_000, 5))
    data.add("a.bin")
    data.commit("third")
    before = sorted(data.path(".git/datav/store").rglob("*.pack"))

    with pytest.raises(DataLossError):
        run(data, "a.bin")

    assert sorted(data.path(".git/datav/store").rglob("*.pack")) == before


def test_what_another_clone_pushed_is_no_proof(data, tmp_path):
    clone = DatavRepo(tmp_path / "clone")
    data.git("clone", "-q", str(data.root), str(clone.root))
    with clone.open() as repository:
        fetch(repository)

    with pytest.raises(DataLossError):
        run(clone, "a.bin")

    send(clone)
    assert run(clone, "a.bin").versions == 1


def test_a_remote_that_lost_a_pack_is_no_proof(data, tmp_path):
    for path in (tmp_path / "remote/packs").iterdir():
        path.unlink()

    with pytest.raises(IntegrityError):
        run(data, "a.bin")

    assert check(data).ok
    assert check(data).absent == ()


def test_a_dry_run_drops_nothing(data):
    done = run(data, "a.bin", dry_run=True)

    assert done.collected.dry_run
    assert done.collected.bytes_freed > 140_000
    assert check(data).absent == ()


def test_what_is_no_dataset_is_refused(data):
    with pytest.raises(UnknownDatasetError):
        run(data, "nothing")


def test_a_collection_after_a_drop_has_nothing_to_do(data):
    run(data, "a.bin")

    with data.open() as repository:
        collected = collect(repository, apply=True)

    assert collected.packs_deleted == 0
    assert data.states()["a.bin"] == "clean"


def test_dropped_data_that_is_added_again_is_stored_again(data):
    run(data, "a.bin")

    data.add("a.bin")

    data.path("a.bin").unlink()
    data.checkout()
    assert data.read("a.bin") == random_bytes(100_000, 2)


def test_killed_anywhere_a_drop_is_no_damage_and_goes_on(data, tmp_path):
    shutil.copytree(data.path(".git/datav"), tmp_path / "kept")
    killed = 0

    for number in range(0, 1_000, 3):
        # What is in it, not the directory itself: that would be another clone.
        for path in data.path(".git/datav").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(tmp_path / "kept", data.path(".git/datav"), dirs_exist_ok=True)
        if not data.run_killed(lambda: run(data, "a.bin"), number):
            break
        killed += 1
        assert check(data).ok, number
        run(data, "a.bin")
        assert check(data).ok, number

    assert killed > 3
