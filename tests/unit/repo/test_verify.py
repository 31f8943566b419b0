"""verify: what is missing for whom, and what was never here."""

import shutil

import pytest

from datav.repo.verify import Verified, verify
from tests.support.datasets import DatavRepo, random_bytes


def check(repo: DatavRepo, **options) -> Verified:
    with repo.open() as repository:
        return verify(repository, **options)


@pytest.fixture
def data(repo: DatavRepo) -> DatavRepo:
    """`a.bin` and the directory `d`, committed, each stored in a pack of its own."""
    repo.write("a.bin", random_bytes(100_000, 1))
    repo.add("a.bin")
    for number in range(40):
        repo.write(f"d/{number}", random_bytes(3_000, 10 + number))
    repo.add("d")
    repo.commit("data")
    return repo


def _packs(repo: DatavRepo, name: str):
    """The pack that holds the top of a dataset."""
    with repo.open() as repository:
        place = repository.store.lookup.places([repo.manifest(name).content.id])[0]
        assert place is not None
        return repository.store.layout.pack(place.pack), place


def test_a_sound_repository_is_sound(data):
    found = check(data)

    assert found.ok
    assert found.manifests == 2
    assert (found.missing, found.absent, found.unreadable) == ((), (), ())
    assert found.store.bytes > 200_000


def test_a_repository_without_data_is_sound(repo):
    assert check(repo).ok


def test_a_clone_without_data_is_not_complete_and_its_datasets_absent(data, tmp_path):
    data.git("clone", "-q", str(data.root), str(tmp_path / "clone"))

    found = check(DatavRepo(tmp_path / "clone"))

    assert (found.ok, found.store.ok, found.missing) == (False, True, ())
    assert found.needed == ("a.bin.datav", "d.datav")
    assert found.absent == tuple(sorted(f"b3:{data.manifest(n).content.id.hex()}" for n in ("a.bin", "d")))


def test_older_versions_may_have_been_never_fetched(data, tmp_path):
    clone = DatavRepo(tmp_path / "clone")
    data.git("clone", "-q", str(data.root), str(clone.root))
    for name in ("a.bin", "d/x"):
        clone.write(name, random_bytes(3_000, 7))
    clone.add("a.bin", "d")

    found = check(clone)

    assert (found.ok, found.needed, len(found.absent)) == (True, (), 2)


def test_a_store_that_was_deleted_is_noticed(data):
    shutil.rmtree(data.root / ".git/datav/store")

    found = check(data)

    assert (found.ok, found.needed) == (False, ("a.bin.datav", "d.datav"))


def test_versions_that_were_never_fetched_are_named_by_dataset_and_commit(data, tmp_path):
    first = data.rev("HEAD")
    data.write("a.bin", random_bytes(5_000, 2))
    data.add("a.bin")
    data.commit("second")
    data.move("a.bin", "b.bin")
    moved = data.commit("moved: the name it has now")
    clone = DatavRepo(tmp_path / "clone")
    data.git("clone", "-q", str(data.root), str(clone.root))
    text = data.read("d.datav").decode()
    fresh = text.replace(text.partition("b3:")[2][:64], "ab" * 32)
    clone.write("new.bin.datav", fresh.encode())

    found = check(clone).absent_versions

    names = [(str(item.path), item.commit) for item in found]
    assert names[0] == ("b.bin", moved)
    assert sorted(names[1:3]) == [("a.bin", first), ("d", first)]
    assert names[3:] == [("new.bin", None)]
    assert sorted(item.id for item in found) == list(check(clone).absent)


def test_a_lost_pack_is_missed_by_the_dataset_that_needs_it(data):
    path, _ = _packs(data, "a.bin")
    path.unlink()

    found = check(data)

    assert not found.ok
    assert [missing.id for missing in found.missing] == [f"b3:{data.manifest('a.bin').content.id.hex()}"]
    assert any(where.endswith("a.bin.datav") for where in found.missing[0].where)
    assert any(where.startswith("blob ") for where in found.missing[0].where)
    assert found.store.lost_packs == (f"b3:{path.stem}",)


def test_missing_chunks_are_counted_for_each_dataset(data):
    data.write("copy.bin", data.read("a.bin") + random_bytes(20_000, 7))
    data.add("copy.bin")
    with data.open() as repository:
        (place,) = repository.store.lookup.places([data.manifest("copy.bin").content.id])
        assert place is not None
        repository.store.layout.pack(place.pack).unlink()

    found = check(data)

    assert [m.id for m in found.missing] == [f"b3:{data.manifest('copy.bin').content.id.hex()}"]


def test_damage_is_found_and_named(data):
    path, place = _packs(data, "d")
    content = bytearray(path.read_bytes())
    content[place.offset + 25] ^= 1
    path.write_bytes(content)

    found = check(data)

    assert not found.ok
    assert [damage.id for damage in found.store.damaged] == [f"b3:{data.manifest('d').content.id.hex()}"]
    assert [missing.missing_nodes for missing in found.missing] == [1]


def test_packs_that_lost_their_index_are_missed(data):
    for path in data.path(".git/datav/store/index").iterdir():
        path.unlink()

    found = check(data)

    assert not found.ok
    assert sorted(item.is_profile for item in found.missing) == [False, False, True]
    assert found.absent == ()
    assert len(found.store.unindexed_packs) == 2


def test_what_only_history_needs_is_looked_for_too(data):
    path, _ = _packs(data, "a.bin")
    data.git("rm", "-q", "a.bin.datav")
    data.commit("removed")
    path.unlink()

    found = check(data)

    assert [missing.id[:3] for missing in found.missing] == ["b3:"]
    assert all(where.startswith("blob ") for where in found.missing[0].where)


def test_a_manifest_that_cannot_be_read_is_told(data):
    data.write("a.bin.datav", data.read("a.bin.datav").replace(b"depth", b"deepth"))

    found = check(data)

    assert not found.ok
    assert [unreadable.where.endswith("a.bin.datav") for unreadable in found.unreadable] == [True]


def test_a_sample_still_looks_for_everything_that_is_missing(data):
    path, _ = _packs(data, "a.bin")
    path.unlink()

    assert len(check(data, sample=0.01).missing) == 1
