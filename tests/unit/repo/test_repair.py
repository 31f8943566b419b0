"""repair: what is good stays, what is damaged comes from whatever still has it, what is lost is named."""

import itertools
import shutil

import pytest

from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.repo.repair import Repaired, repair
from datav.repo.verify import Verified, verify
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo, random_bytes
from tests.unit.store.stores import flip

OLD, NEW = random_bytes(100_000, 1), random_bytes(100_000, 1)[:-5_000] + random_bytes(5_000, 2)


def check(repo: DatavRepo) -> Verified:
    with repo.open() as repository:
        return verify(repository)


def mend(repo: DatavRepo, **options) -> Repaired:
    with repo.open() as repository:
        return repair(repository, **options)


def send(repo: DatavRepo, place) -> None:
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(place)))
    with repo.open() as repository:
        push(repository)


def packs(repo: DatavRepo):
    return sorted(repo.path(".git/datav/store/packs").iterdir())


def pack_of(repo: DatavRepo, name: str):
    """The pack of the top of a dataset."""
    with repo.open() as repository:
        (place,) = repository.store.lookup.places([repo.manifest(name).content.id])
        assert place is not None
        return repository.store.layout.pack(place.pack)


def first_pack(repo: DatavRepo):
    """The pack that only the first commit's version and what rests on it need."""
    others = (pack_of(repo, "a.bin"), pack_of(repo, "d"))
    (path,) = (path for path in packs(repo) if path not in others)
    return path


def spoil_chunks(repo: DatavRepo, name: str) -> None:
    """Flip a byte of the first frame of the pack that has the top of a dataset."""
    flip(pack_of(repo, name), 16 + 30)


@pytest.fixture
def data(repo: DatavRepo) -> DatavRepo:
    """Two versions of `a.bin`, and the directory `d`; each commit has a pack of its own."""
    repo.write("a.bin", OLD)
    repo.add("a.bin")
    repo.commit("first")
    repo.write("a.bin", NEW)
    repo.add("a.bin")
    repo.commit("second")
    for number in range(40):
        repo.write(f"d/{number}", random_bytes(3_000, 10 + number))
    repo.add("d")
    repo.commit("third")
    return repo


def test_a_sound_store_is_left_alone(data):
    before = {path: path.stat().st_mtime_ns for path in data.path(".git/datav/store/index").iterdir()}

    done = mend(data)

    assert done.ok
    assert (done.damaged, done.damaged_packs, done.from_files) == (0, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in data.path(".git/datav/store/index").iterdir()} == before


@pytest.mark.parametrize("spoil", ["delete", "flip", "empty"])
def test_lost_and_broken_indexes_are_made_again(data, spoil):
    for path in data.path(".git/datav/store/index").iterdir():
        if spoil == "delete":
            path.unlink()
        elif spoil == "flip":
            flip(path, 200)
        else:
            path.write_bytes(b"")

    done = mend(data)

    assert done.ok
    assert done.unindexed_packs == 3
    assert (check(data).ok, check(data).missing) == (True, ())
    data.checkout("HEAD~2")
    assert data.read("a.bin") == OLD


def test_a_damaged_chunk_comes_from_the_file_that_still_has_it(data):
    spoil_chunks(data, "d")

    done = mend(data)

    assert (done.ok, done.damaged, done.damaged_packs, done.from_files) == (True, 1, 1, 1)
    assert check(data).ok
    assert len(packs(data)) == 4
    assert not list(data.path(".git/datav/store/damaged").iterdir())


def test_a_damaged_chunk_comes_from_the_remote(data, tmp_path):
    send(data, tmp_path / "remote")
    spoil_chunks(data, "a.bin")
    first = next(
        path for path in packs(data) if path != pack_of(data, "a.bin") and path != pack_of(data, "d")
    )
    first.unlink()
    for path in (data.path("a.bin"), data.path("d")):
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    done = mend(data)

    assert (done.ok, done.remote, done.from_files) == (True, "origin", 0)
    assert done.from_remote > 1
    assert check(data).ok
    data.checkout("HEAD~2")
    assert data.read("a.bin") == OLD


def test_a_remote_that_cannot_be_reached_is_no_reason_to_stop(data, tmp_path):
    send(data, tmp_path / "remote")
    shutil.rmtree(tmp_path / "remote")
    spoil_chunks(data, "d")

    done = mend(data)

    assert (done.ok, done.from_remote, done.from_files) == (True, 0, 1)
    assert done.remote_error


def test_what_is_lost_is_named_by_path_and_commit(data):
    first = data.rev("HEAD~2")
    spoil_chunks(data, "a.bin")
    flip(first_pack(data), 100_000)

    done = mend(data)

    assert not done.ok
    assert [(str(each.version.path), each.version.commit) for each in done.lost] == [("a.bin", first)]
    assert (done.lost[0].chunks, done.lost[0].nodes) in ((1, 0), (0, 1))
    assert check(data).store.ok
    assert len(check(data).missing) == 1


def test_what_was_lost_is_good_again_when_a_file_comes_back(data):
    data.write("a.bin", b"something else")
    for path in packs(data):
        flip(path, 16 + 30)
    assert not mend(data).ok
    assert list(data.path(".git/datav/store/damaged").iterdir())

    data.write("a.bin", OLD)
    data.add("a.bin")
    data.write("a.bin", NEW)
    data.add("a.bin")

    assert mend(data).ok
    assert check(data).ok
    assert not list(data.path(".git/datav/store/damaged").iterdir())


def test_deltas_come_back_when_what_they_rest_on_does(repo, tmp_path):
    rows = [f"{number},row {number},{number * 7919 % 1013}\n" for number in range(3_000)]
    repo.write("t.csv", "".join(rows).encode())
    repo.add("t.csv")
    repo.commit("first")
    send(repo, tmp_path / "remote")
    base = pack_of(repo, "t.csv")
    rows[1500] = "1500,changed,1\n"
    changed = "".join(rows).encode()
    repo.write("t.csv", changed)
    assert repo.add("t.csv").tally.deltas > 0
    repo.commit("second, not pushed")
    base.unlink()
    repo.path("t.csv").unlink()

    done = mend(repo)

    assert done.ok
    assert done.from_remote > 0
    repo.checkout()
    assert repo.read("t.csv") == changed
    assert check(repo).ok


def test_a_table_of_contents_that_is_damaged_costs_nothing(data):
    path = pack_of(data, "a.bin")
    flip(path, path.stat().st_size - 80)
    for name in ("a.bin", "d"):
        shutil.rmtree(data.path(name), ignore_errors=True)
    data.path("a.bin").unlink()

    done = mend(data)

    assert (done.ok, done.damaged_packs, done.unsound) == (True, 1, 0)
    data.checkout()
    assert data.read("a.bin") == NEW


def test_a_dry_run_changes_nothing(data):
    spoil_chunks(data, "d")
    before = {path: path.read_bytes() for path in data.path(".git/datav/store").rglob("*") if path.is_file()}

    done = mend(data, dry_run=True)

    assert (done.dry_run, done.damaged, done.damaged_packs, done.unsound) == (True, 1, 1, 1)
    assert {
        path: path.read_bytes() for path in data.path(".git/datav/store").rglob("*") if path.is_file()
    } == before


def test_a_repair_is_done_once(data):
    spoil_chunks(data, "d")
    mend(data)

    again = mend(data)

    assert (again.ok, again.damaged, again.damaged_packs, again.unindexed_packs) == (True, 0, 0, 0)


def test_killed_anywhere_a_repair_loses_nothing_and_goes_on(data):
    spoil_chunks(data, "d")
    next(data.path(".git/datav/store/index").iterdir()).unlink()
    shutil.copytree(data.path(".git/datav"), data.path("../kept"))
    killed = 0

    for number in itertools.count():
        shutil.rmtree(data.path(".git/datav"))
        shutil.copytree(data.path("../kept"), data.path(".git/datav"))
        if not data.run_killed(lambda: mend(data), number):
            break
        killed += 1
        done = mend(data)
        assert done.ok, number
        found = check(data)
        assert found.ok, number
        assert found.absent == (), number

    assert killed > 10
