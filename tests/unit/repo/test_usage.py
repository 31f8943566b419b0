"""du: how much space datasets take."""

import pytest

from datav.errors import UnknownDatasetError
from datav.repo.usage import usage
from tests.support.datasets import random_bytes


def measure(repo, *names, **options):
    with repo.open() as repository:
        return usage(repository, names, **options)


def by_path(found):
    return {dataset.path.text: dataset for dataset in found.datasets}


def test_a_repository_without_datasets_takes_nothing(repo):
    found = measure(repo, history=True)

    assert found.datasets == ()
    assert (found.store.packs, found.store.bytes, found.history.versions, found.ratio) == (0, 0, 0, None)


def test_a_file_takes_its_chunks_and_its_tree(repo):
    repo.write("a.bin", random_bytes(200_000))
    repo.add("a.bin")

    (a,) = measure(repo).datasets

    assert (a.bytes, a.files, a.missing, a.error, a.shared) == (200_000, 1, 0, None, 0)
    assert a.chunks > 10
    assert a.nodes >= 1
    # Random bytes do not get smaller.
    assert 200_000 < a.stored < 210_000


def test_what_occurs_twice_counts_once(repo):
    repo.write("d/1", random_bytes(50_000))
    repo.write("d/2", random_bytes(50_000))
    repo.add("d")

    (d,) = measure(repo).datasets

    assert (d.bytes, d.files) == (100_000, 2)
    assert d.stored < 55_000


def test_what_two_datasets_have_in_common_is_told(repo):
    repo.write("d/1", random_bytes(50_000))
    repo.write("a.bin", random_bytes(50_000))
    repo.write("b.bin", random_bytes(50_000, 1))
    repo.add("d", "a.bin", "b.bin")

    found = by_path(measure(repo))

    assert found["a.bin"].shared == found["a.bin"].stored
    assert 0 < found["d"].shared < found["d"].stored
    assert found["b.bin"].shared == 0


def test_the_store_is_measured_as_it_lies_on_disk(repo):
    repo.write("a.bin", random_bytes(50_000))
    repo.add("a.bin")
    repo.write(".git/datav/store/tmp/tmp-x", b"12345")

    store = measure(repo).store

    packs = list(repo.path(".git/datav/store/packs").iterdir())
    assert (store.packs, store.pack_bytes) == (len(packs), sum(p.stat().st_size for p in packs))
    assert (store.indexes, store.temporary, store.temporary_bytes) == (1, 1, 5)
    assert store.bytes == store.pack_bytes + store.index_bytes + 5


def test_history_counts_each_version_that_git_can_reach_once(repo):
    for seed in (1, 2):
        repo.write("a.bin", random_bytes(50_000, seed))
        repo.add("a.bin")
        repo.commit("version")
    repo.write("b.bin", random_bytes(50_000, 2))
    repo.add("b.bin")
    repo.write("broken.datav", b"none")
    repo.commit("the same again")

    found = measure(repo, history=True)

    assert (found.history.versions, found.history.bytes, found.history.unreadable) == (2, 100_000, 1)
    assert found.ratio == pytest.approx(100_000 / found.store.bytes)
    assert measure(repo).history is None


def test_names_choose(repo):
    for name in ("x/a", "x/b", "c"):
        repo.write(name, b"1")
        repo.add(name)

    assert list(by_path(measure(repo, "x"))) == ["x/a", "x/b"]
    with pytest.raises(UnknownDatasetError):
        measure(repo, "nothing")


def test_what_is_not_in_the_store_is_told(repo):
    repo.write("a.bin", random_bytes(50_000))
    repo.write("d/1", b"small")
    repo.add("a.bin", "d")
    for index in repo.path(".git/datav/store/index").iterdir():
        index.unlink()

    found = by_path(measure(repo))

    assert (found["a.bin"].missing, found["a.bin"].stored, found["a.bin"].bytes) == (1, 0, 50_000)
    # The top of its tree, and its profile.
    assert (found["d"].missing, found["d"].error) == (2, None)


def test_a_manifest_that_is_none_is_told(repo):
    repo.write("a.bin.datav", b"none")

    (found,) = measure(repo).datasets

    assert "a.bin.datav" in found.error


def test_what_nothing_needs_is_told(repo):
    repo.write("a.bin", random_bytes(50_000, 1))
    repo.add("a.bin")
    with repo.open() as repository:
        assert usage(repository).store.unreachable == 0

    repo.write("a.bin", random_bytes(50_000, 2))
    repo.add("a.bin")

    with repo.open() as repository:
        assert 50_000 <= usage(repository).store.unreachable < 60_000


def test_what_nothing_needs_is_not_known_while_a_manifest_cannot_be_read(repo):
    repo.write("a.bin", random_bytes(50_000, 1))
    repo.add("a.bin")
    repo.write("b.bin.datav", b"b3:" + b"0" * 64)

    with repo.open() as repository:
        assert usage(repository).store.unreachable is None
