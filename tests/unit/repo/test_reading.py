"""cat: contents of files of any version."""

import pytest

from datav.errors import MissingChunkError, UnknownDatasetError, UnknownRevisionError, UsageError
from datav.repo.reading import open_content
from tests.support.datasets import random_bytes


def read(repo, spec, here="."):
    with repo.open(here) as repository:
        return b"".join(open_content(repository, spec).iter_blocks())


@pytest.mark.parametrize("size", [0, 1, 1024, 20_000, 3_000_000])
def test_a_file_is_read_as_it_was_added(repo, size):
    content = random_bytes(size)
    repo.write("a.bin", content)
    repo.add("a.bin")
    repo.path("a.bin").unlink()

    assert read(repo, "a.bin") == content


def test_an_old_version_is_read_from_its_commit(repo):
    for version in (b"one", b"two"):
        repo.write("data/a.bin", version)
        repo.add("data/a.bin")
        repo.commit(version.decode())

    assert read(repo, "HEAD~1:data/a.bin") == b"one"
    assert read(repo, "HEAD:data/a.bin") == b"two"
    assert read(repo, "HEAD~1:./a.bin", here="data") == b"one"


def test_any_part_can_be_read(repo):
    content = random_bytes(300_000)
    repo.write("a.bin", content)
    repo.add("a.bin")

    with repo.open() as repository:
        reader = open_content(repository, "a.bin")
        found = [
            reader.read_at(at, n)
            for at, n in [(0, 1), (150_000, 70_000), (299_999, 10), (300_000, 5), (5, 0)]
        ]

    assert reader.size == 300_000
    assert found == [content[:1], content[150_000:220_000], content[-1:], b"", b""]
    with pytest.raises(UsageError):
        reader.read_at(-1, 1)


def test_a_file_in_a_directory_is_read(repo):
    repo.write("d/sub/a.bin", random_bytes(50_000))
    repo.write("d/sub/a.bin.txt", b"other")
    repo.add("d")
    repo.commit("d")

    assert read(repo, "d/sub/a.bin") == random_bytes(50_000)
    assert read(repo, "HEAD:d/sub/a.bin.txt") == b"other"


def test_directories_are_refused_with_what_to_do(repo):
    repo.write("d/sub/a", b"1")
    repo.path("d/empty").mkdir()
    repo.add("d")

    for spec in ("d", "d/sub", "d/empty"):
        with pytest.raises(UsageError) as error:
            read(repo, spec)

        assert error.value.hint == f"`datav ls {spec}` lists what is in it"


def test_a_symbolic_link_tells_its_target(repo):
    repo.write("d/a", b"1")
    repo.path("d/link").symlink_to("a")
    repo.add("d")

    with pytest.raises(UsageError, match="symbolic link to a"):
        read(repo, "d/link")


def test_what_does_not_exist_is_told_apart(repo):
    repo.write("train.csv", b"id\n1\n")
    repo.write("d/a", b"1")
    repo.add("train.csv", "d")
    repo.commit("data")

    with pytest.raises(UnknownRevisionError):
        read(repo, "nowhere:train.csv")
    with pytest.raises(UnknownDatasetError) as error:
        read(repo, "HEAD:trian.csv")
    assert error.value.hint == "did you mean HEAD:train.csv?"
    with pytest.raises(UnknownDatasetError):
        read(repo, "d/b")
    with pytest.raises(UnknownDatasetError):
        read(repo, "train.csv/b")


def test_data_that_is_not_here_is_told_apart_from_damage(repo):
    repo.write("a.bin", b"content")
    repo.add("a.bin")
    for index in repo.path(".git/datav/store/index").iterdir():
        index.unlink()

    with pytest.raises(MissingChunkError) as error:
        read(repo, "a.bin")

    assert "datav verify" in error.value.hint
