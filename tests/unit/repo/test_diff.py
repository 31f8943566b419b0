"""diff: which datasets, files and rows differ between two states, and where they are read from."""

from contextlib import contextmanager

import pytest

from datav.errors import UnknownDatasetError, UnknownRevisionError, UsageError
from datav.repo.diff import Limits, comparing
from datav.repo.diffends import read_words
from datav.tables.options import DiffOptions
from tests.support.datasets import random_bytes

TABLE = b"id,v\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(3000))


@contextmanager
def compared(repo, *revisions, names=(), here=".", **options):
    with repo.open(here) as repository, comparing(repository, revisions, names, **options) as found:
        yield found


def diff(repo, *revisions, **options):
    with compared(repo, *revisions, **options) as found:
        return found.diff


def by_path(result):
    return {str(dataset.path): dataset for dataset in result.datasets}


def statuses(result):
    return {str(dataset.path): dataset.status for dataset in result.datasets}


def files(dataset):
    return {item.path.decode(): item.status for item in dataset.files.items}


@pytest.fixture
def filled(repo):
    """One commit with a table, a file and a directory; nothing changed since."""
    repo.write("a.csv", TABLE)
    repo.write("b.bin", random_bytes(50_000))
    for number in range(40):
        repo.write(f"d/{number % 3}/f{number}", b"%d" % number)
    repo.write("d/t.csv", TABLE)
    repo.add("a.csv", "b.bin", "d")
    repo.commit("first")
    return repo


# --- which ends


def test_nothing_that_changed_is_an_empty_diff(filled):
    result = diff(filled)

    assert result.is_empty
    assert result.datasets == ()
    assert (result.before.rev, result.after.rev) == ("HEAD", None)


def test_without_a_revision_files_on_disk_are_compared_with_head(filled):
    filled.write("a.csv", TABLE + b"9999,0\n")

    (dataset,) = diff(filled).datasets

    assert (dataset.status, dataset.table.rows.added, dataset.table.rows.removed) == ("modified", 1, 0)
    assert (dataset.before.rows, dataset.after.rows) == (3000, 3001)


def test_what_was_added_and_not_committed_is_still_compared_with_head(filled):
    filled.write("a.csv", TABLE + b"9999,0\n")
    filled.add("a.csv")

    assert statuses(diff(filled)) == {"a.csv": "modified"}


def test_two_revisions_are_compared_in_every_way_of_writing_them(filled):
    filled.write("a.csv", TABLE + b"9999,0\n")
    filled.add("a.csv")
    filled.commit("second")
    filled.write("b.bin", b"not committed")

    for words in (["HEAD~1", "HEAD"], ["HEAD~1..HEAD"], ["HEAD~1.."], ["HEAD~1...HEAD"]):
        assert statuses(diff(filled, *words)) == {"a.csv": "modified"}
    assert statuses(diff(filled, "HEAD~1")) == {"a.csv": "modified", "b.bin": "modified"}


def test_three_dots_begin_where_both_branched_off(filled):
    filled.git("checkout", "-q", "-b", "side")
    filled.write("b.bin", b"side")
    filled.add("b.bin")
    filled.commit("side")
    filled.git("checkout", "-q", "main")
    filled.checkout()
    filled.write("a.csv", TABLE + b"9999,0\n")
    filled.add("a.csv")
    filled.commit("main")

    assert statuses(diff(filled, "main...side")) == {"b.bin": "modified"}
    assert statuses(diff(filled, "main..side")) == {"a.csv": "modified", "b.bin": "modified"}


def test_before_the_first_commit_everything_is_new(repo):
    repo.git("update-ref", "-d", "HEAD")
    repo.write("a.csv", TABLE)
    repo.add("a.csv")

    result = diff(repo)

    assert statuses(result) == {"a.csv": "added"}
    assert result.before.commit is None


def test_a_revision_that_git_does_not_know_is_an_error(filled):
    with pytest.raises(UnknownRevisionError):
        diff(filled, "nope")
    with pytest.raises(UsageError):
        diff(filled, "HEAD", "HEAD", "HEAD")


def test_words_are_revisions_as_long_as_git_knows_them_and_then_paths(filled):
    with filled.open() as repository:
        assert read_words(repository, ["HEAD", "a.csv"])[:2] == (("HEAD",), ("a.csv",))
        assert read_words(repository, ["a.csv", "d"])[:2] == ((), ("a.csv", "d"))
        assert read_words(repository, ["HEAD..main", "d"])[:2] == (("HEAD..main",), ("d",))
        with pytest.raises(UnknownDatasetError):
            read_words(repository, ["mian"])


def test_two_files_that_are_no_data_are_told_from_datasets(filled):
    filled.write("x.csv", b"a\n1\n")
    filled.write("y.csv", b"a\n2\n")

    with filled.open() as repository:
        assert read_words(repository, ["x.csv", "y.csv"]).are_files
        assert not read_words(repository, ["a.csv", "b.bin"]).are_files


# --- datasets


def test_datasets_come_and_go_and_are_renamed(filled):
    filled.move("b.bin", "c.bin")
    filled.remove("a.csv")
    filled.write("n.csv", b"x\n1\n")
    filled.add("n.csv")

    result = diff(filled)

    assert statuses(result) == {"a.csv": "removed", "c.bin": "renamed", "n.csv": "added"}
    assert by_path(result)["c.bin"].before_path == b"b.bin"


def test_a_dataset_that_was_deleted_on_disk_is_removed_and_one_never_fetched_is_not(filled, tmp_path):
    filled.path("b.bin").unlink()
    filled.git("clone", "-q", str(filled.root), str(tmp_path / "clone"))
    clone = type(filled)(tmp_path / "clone")
    with clone.open():
        pass

    assert statuses(diff(filled)) == {"b.bin": "removed"}
    assert diff(clone).is_empty


def test_names_restrict_what_is_compared(filled):
    filled.write("a.csv", TABLE + b"9999,0\n")
    filled.write("d/0/f0", b"changed")
    filled.write("d/1/f1", b"changed")

    assert statuses(diff(filled, names=["*.csv"])) == {"a.csv": "modified"}
    assert files(by_path(diff(filled, names=["d/1"]))["d"]) == {"1/f1": "modified"}
    assert diff(filled, names=["b.bin"]).is_empty
    with pytest.raises(UnknownDatasetError):
        diff(filled, names=["nope"])


def test_a_manifest_whose_meta_changed_is_told_of_without_reading_data(filled):
    path = filled.path("a.csv.datav")
    path.write_bytes(path.read_bytes() + b'\n[meta]\nsource = "here"\n')

    (dataset,) = diff(filled).datasets

    assert (dataset.status, dataset.meta_changed, dataset.table) == ("unchanged", True, None)


def test_a_file_that_may_be_executed_now_is_modified(filled):
    filled.path("b.bin").chmod(0o755)

    assert statuses(diff(filled)) == {"b.bin": "modified"}


def test_touching_a_file_is_no_change(filled):
    filled.write("a.csv", TABLE)
    filled.write("d/t.csv", TABLE)

    assert diff(filled).is_empty


def test_a_damaged_manifest_is_that_datasets_error_and_the_others_are_shown(filled):
    filled.write("a.csv.datav", b"nonsense")
    filled.write("b.bin", b"changed")

    with compared(filled) as found:
        assert statuses(found.diff) == {"a.csv": "modified", "b.bin": "modified"}
        assert by_path(found.diff)["a.csv"].reason is not None
        (error,) = found.errors
        assert "a.csv" in str(error)


def test_data_that_is_nowhere_is_that_datasets_error(filled):
    filled.write("a.csv", TABLE + b"9999,0\n")
    filled.write("d/0/f0", b"changed")
    for pack in (filled.root / ".git/datav/store/packs").iterdir():
        pack.unlink()

    with compared(filled) as found:
        assert statuses(found.diff) == {"a.csv": "modified", "d": "modified"}
        assert len(found.errors) == 2


# --- directories


def test_files_of_a_directory_come_go_change_and_move(filled):
    root = filled.path("d")
    filled.write("d/0/f0", b"changed")
    filled.write("d/new", b"new")
    (root / "1/f1").unlink()
    (root / "2/f11").rename(root / "2/g11")
    (root / "2/f14").rename(root / "0/f14")

    (dataset,) = diff(filled).datasets

    assert files(dataset) == {
        "0/f0": "modified",
        "0/f14": "moved",
        "1/f1": "removed",
        "2/g11": "renamed",
        "new": "added",
    }
    assert (dataset.files.added, dataset.files.removed, dataset.files.renamed) == (1, 1, 2)
    origins = {item.path: item.before_path for item in dataset.files.items if item.before_path}
    assert origins == {b"0/f14": b"2/f14", b"2/g11": b"2/f11"}


def test_two_revisions_of_a_directory_say_the_same_as_the_files_on_disk_did(filled):
    root = filled.path("d")
    filled.write("d/t.csv", TABLE.replace(b"\n7,49\n", b"\n7,50\n"))
    (root / "2/f11").rename(root / "2/g11")
    before = files(by_path(diff(filled))["d"])
    filled.add("d")
    filled.commit("second")

    (dataset,) = diff(filled, "HEAD~1", "HEAD").datasets

    assert files(dataset) == before == {"2/g11": "renamed", "t.csv": "modified"}
    assert by_path(diff(filled, "HEAD~1"))["d"].files == dataset.files


def test_a_table_in_a_directory_is_compared_as_one(filled):
    filled.write("d/t.csv", TABLE.replace(b"\n7,49\n", b"\n7,50\n"))

    (dataset,) = diff(filled, options=DiffOptions(key=("id",))).datasets

    (item,) = dataset.files.items
    assert item.table.rows.changed_cells == {"v": 1}


def test_a_file_that_became_a_directory_is_told_of(filled):
    filled.path("b.bin").unlink()
    filled.write("b.bin/x", b"1")

    (dataset,) = diff(filled).datasets

    assert (dataset.status, dataset.kind) == ("modified", "directory")
    assert dataset.reason == "was a file, is a directory"


# --- tables


def test_rows_can_be_read_while_the_comparison_is_open(filled):
    filled.write("a.csv", TABLE.replace(b"\n7,49\n", b"\n7,50\n"))

    with compared(filled, options=DiffOptions(key=("id",))) as found:
        (change,) = found.diff.datasets[0].table.rows.changes()

    assert (change.op, change.key, change.before, change.after) == (
        "changed",
        {"id": "7"},
        {"v": "49"},
        {"v": "50"},
    )


def test_the_key_is_that_of_the_options_else_of_the_manifest_else_of_the_settings(filled):
    filled.write("a.csv", TABLE.replace(b"\n7,49\n", b"\n7,50\n"))

    def key():
        return diff(filled).datasets[0].table.rows.key

    assert key() == ()
    settings = filled.path("datav.toml")
    settings.write_text(settings.read_text() + '[table."*.csv"]\nkey = "v"\n')
    assert key() == ("v",)
    manifest = filled.path("a.csv.datav")
    manifest.write_text(manifest.read_text().replace("key = []", 'key = ["id"]'))
    assert key() == ("id",)
    assert diff(filled, options=DiffOptions(key=())).datasets[0].table.rows.key == ()


def test_only_the_files_are_looked_at_when_nothing_else_is_asked_for(filled):
    filled.write("a.csv", TABLE + b"9999,0\n")
    filled.write("d/t.csv", TABLE + b"9999,0\n")

    found = by_path(diff(filled, depth="files"))

    assert found["a.csv"].table is None
    assert found["d"].files.items[0].table is None


def test_a_file_that_is_no_table_after_all_says_why(filled):
    filled.write("a.csv", b"\0" * 100)

    (dataset,) = diff(filled).datasets

    assert dataset.table is None
    assert "is not text" in dataset.reason


def test_a_file_that_never_claimed_to_be_a_table_says_nothing(filled):
    filled.write("b.bin", b"changed")

    (dataset,) = diff(filled).datasets

    assert (dataset.table, dataset.reason) == (None, None)


def test_more_gaps_than_are_allowed_are_not_read(filled):
    filled.write("a.csv", random_bytes(100_000).hex().encode())

    (dataset,) = diff(filled, limits=Limits(gaps=1000)).datasets

    assert dataset.table is None
    assert "more has changed" in dataset.reason


def test_a_column_that_one_table_has_not_got_is_that_tables_error(filled):
    filled.write("a.csv", TABLE + b"9999,0\n")
    filled.write("d/t.csv", b"other\n1\n")
    filled.add("d")
    filled.commit("another table")
    filled.write("d/t.csv", b"other\n2\n")

    with compared(filled, options=DiffOptions(columns=("v",))) as found:
        assert by_path(found.diff)["a.csv"].table.rows.added == 1
        assert "v" in by_path(found.diff)["d"].files.items[0].reason
        assert len(found.errors) == 1
    with pytest.raises(UsageError), compared(filled, options=DiffOptions(columns=("nope",))):
        pass
