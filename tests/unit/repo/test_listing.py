"""ls: datasets, and what lies in them."""

import pytest

from datav.errors import MissingChunkError, UnknownDatasetError, UnknownRevisionError, UsageError
from datav.repo.listing import list_datasets_at, list_entries, list_path
from datav.repo.specs import parse_spec
from tests.support.datasets import random_bytes


def entries(repo, spec, here=".", **options):
    with repo.open(here) as repository:
        listed = list_entries(repository, spec, **options).entries
    return {entry.path: (entry.kind, entry.bytes, entry.files) for entry in listed}


def datasets(repo, rev=None):
    with repo.open() as repository:
        return list_datasets_at(repository, rev).datasets


@pytest.fixture
def images(repo):
    """A directory dataset with folders, committed."""
    repo.write("images/a-b/1", b"x")
    repo.write("images/a.txt", b"four")
    repo.write("images/a/1", b"12")
    repo.write("images/a/sub/2", b"345")
    repo.write("images/z", b"")
    repo.path("images/empty").mkdir()
    repo.path("images/link").symlink_to("a.txt")
    repo.path("images/z").chmod(0o755)
    repo.add("images")
    repo.commit("images")
    return repo


def test_datasets_are_listed_with_what_their_manifests_say(images):
    images.write("t.csv", b"id,name\n1,a\n2,b\n")
    images.add("t.csv")

    listed = datasets(images)

    assert [(d.path, d.kind, d.bytes, d.files, d.rows) for d in listed] == [
        (b"images", "directory", 15, 7, None),
        (b"t.csv", "file", 16, 1, 2),
    ]


def test_datasets_of_a_commit_are_those_of_its_manifests(images):
    images.write("t.csv", b"id\n1\n")
    images.add("t.csv")
    images.commit("second")

    assert [d.path for d in datasets(images, "HEAD~1")] == [b"images"]
    assert [d.path for d in datasets(images, "HEAD")] == [b"images", b"t.csv"]


def test_a_manifest_that_is_none_is_listed_with_the_reason(images):
    images.write("images.datav", b"no manifest\n")
    images.commit("broken")

    (on_disk,) = datasets(images)
    (committed,) = datasets(images, "HEAD")

    assert on_disk.kind is None
    assert "images.datav" in on_disk.error
    assert "TOML" in committed.error


def test_an_unknown_revision_is_refused(repo):
    with pytest.raises(UnknownRevisionError):
        datasets(repo, "nowhere")


def test_folders_are_folded_and_added_up(images):
    assert entries(images, "images") == {
        b"a": ("directory", 5, 2),
        b"a-b": ("directory", 1, 1),
        b"a.txt": ("file", 4, 1),
        b"empty": ("directory", 0, 0),
        b"link": ("symlink", 5, 1),
        b"z": ("executable", 0, 1),
    }


def test_a_folder_is_listed_without_its_neighbours(images):
    assert entries(images, "images/a") == {b"a/1": ("file", 2, 1), b"a/sub": ("directory", 3, 1)}
    assert list(entries(images, "HEAD:images/a", recursive=True)) == [b"a/1", b"a/sub/2"]


def test_a_single_file_is_listed_as_itself(images):
    assert entries(images, "images/a/sub/2") == {b"a/sub/2": ("file", 3, 1)}


def test_recursive_lists_every_entry(images):
    assert list(entries(images, "images", recursive=True)) == [
        b"a-b/1",
        b"a.txt",
        b"a/1",
        b"a/sub/2",
        b"empty",
        b"link",
        b"z",
    ]


def test_a_dataset_that_is_a_file_lists_itself(repo):
    repo.write("data/t.csv", b"id\n1\n")
    repo.add("data/t.csv")

    assert entries(repo, "data/t.csv") == {b"t.csv": ("file", 5, 1)}
    assert entries(repo, "data/t.csv.datav") == {b"t.csv": ("file", 5, 1)}
    with pytest.raises(UnknownDatasetError):
        entries(repo, "data/t.csv/x")


def test_paths_on_disk_begin_where_the_user_is_and_those_of_a_revision_at_the_top(images):
    images.path("sub").mkdir()

    assert list(entries(images, "../images/a", here="sub")) == [b"a/1", b"a/sub"]
    assert list(entries(images, "HEAD:images/a", here="sub")) == [b"a/1", b"a/sub"]
    assert list(entries(images, "HEAD:../images/a", here="sub")) == [b"a/1", b"a/sub"]


def test_a_plain_directory_lists_the_datasets_below_it(repo):
    for name in ("data/x.csv", "data/y.csv", "database.csv"):
        repo.write(name, b"id\n1\n")
        repo.add(name)
    repo.commit("three")

    with repo.open() as repository:
        on_disk, committed, everything = (list_path(repository, spec) for spec in ("data", "HEAD:data", "."))
        with pytest.raises(UsageError):
            list_entries(repository, "data")

    assert [d.path for d in on_disk.datasets] == [b"data/x.csv", b"data/y.csv"]
    assert [d.path for d in committed.datasets] == [b"data/x.csv", b"data/y.csv"]
    assert len(everything.datasets) == 3


def test_a_name_that_is_nearly_right_is_suggested(images):
    with pytest.raises(UnknownDatasetError) as error:
        entries(images, "imgaes")

    assert error.value.hint == "did you mean images?"


def test_a_path_that_is_not_in_the_dataset_is_an_error(images):
    with pytest.raises(UnknownDatasetError):
        entries(images, "images/nothing")


def test_a_tree_that_is_not_in_the_store_is_told_apart_from_damage(images):
    for index in images.path(".git/datav/store/index").iterdir():
        index.unlink()

    with pytest.raises(MissingChunkError) as error:
        entries(images, "images")

    assert "datav verify" in error.value.hint


def test_large_directories_are_listed_like_small_ones(repo):
    names = [f"{i % 7}/{i % 3}/{i}" for i in range(3000)]
    for name in names:
        repo.write(f"d/{name}", random_bytes(8, int(name.rpartition("/")[2])))
    repo.add("d")

    folded = entries(repo, "d")
    inner = entries(repo, "d/3/1", recursive=True)

    assert folded == {
        b"%d" % i: ("directory", 8 * count, count) for i in range(7) for count in [len(range(i, 3000, 7))]
    }
    assert sorted(inner) == sorted(name.encode() for name in names if name.startswith("3/1/"))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a/b.csv", (None, "a/b.csv")),
        ("HEAD:a/b.csv", ("HEAD", "a/b.csv")),
        ("v1:a:b", ("v1", "a:b")),
        ("HEAD:", ("HEAD", "")),
        ("C:\\data\\x.csv", (None, "C:\\data\\x.csv")),
        ("C:/data/x.csv", (None, "C:/data/x.csv")),
    ],
)
def test_a_spec_is_split_at_its_first_colon(text, parsed):
    assert parse_spec(text) == parsed


def test_a_file_on_disk_may_have_a_colon_in_its_name(repo):
    repo.write("a:b", b"1")
    repo.add("a:b")

    assert parse_spec("a:b", exists=True) == (None, "a:b")
    assert entries(repo, "a:b") == {b"a:b": ("file", 1, 1)}


def test_the_index_of_git_cannot_be_asked():
    with pytest.raises(UsageError):
        parse_spec(":a.csv")
