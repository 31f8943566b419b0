"""What is checked, what it is compared with, and what is said of what cannot be looked at."""

import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from datav.errors import (
    MissingChunkError,
    UnknownDatasetError,
    UnknownRevisionError,
    UnresolvedConflictError,
    UsageError,
)
from datav.repo.check import Outcome, check, read_words
from datav.repo.checkcommit import check_staged
from datav.repo.profilestore import read_profile, store_profile
from tests.support.datasets import DatavRepo

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rules(repo: DatavRepo, text: str) -> None:
    """Promise something."""
    path = repo.path("datav.toml")
    path.write_text(path.read_text().partition("# rules\n")[0] + "# rules\n" + text)


def run(repo: DatavRepo, rev: str | None = None, *names: str, **options) -> Outcome:
    with repo.open() as repository:
        return check(repository, rev, names=names, now=NOW, **options)


def broken(outcome: Outcome) -> list[tuple[str, str]]:
    """Where which promises are broken."""
    return [(each.path, each.rule) for checked in outcome.result.datasets for each in checked.findings]


def looked_at(outcome: Outcome) -> list[str]:
    return [checked.path for checked in outcome.result.datasets if checked.rules]


def csv(*ids: int) -> bytes:
    return b"id\n" + b"".join(b"%d\n" % number for number in ids)


@pytest.fixture
def table(repo) -> DatavRepo:
    """`a.csv` of two rows is committed; then of three; then of one on disk.  At least two are promised."""
    for ids in ((1, 2), (1, 2, 3)):
        repo.write("a.csv", csv(*ids))
        repo.add("a.csv")
        repo.commit()
    repo.write("a.csv", csv(1))
    rules(repo, '[check."a.csv"]\nrows = { min = 2 }\n')
    return repo


def test_the_files_on_disk_are_checked_and_compared_with_head(table):
    outcome = run(table)

    assert broken(outcome) == [("a.csv", "rows")]
    result = outcome.result
    assert (result.rev, result.against, result.against_commit) == (None, "HEAD", table.rev("HEAD"))
    assert result.datasets[0].is_changed
    assert not result.ok
    assert not outcome.errors


def test_a_revision_is_compared_with_its_parent(table):
    result = run(table, "HEAD").result

    assert result.ok
    assert (result.commit, result.against_commit) == (table.rev("HEAD"), table.rev("HEAD~1"))
    assert result.datasets[0].is_changed


def test_the_first_commit_is_compared_with_nothing(table):
    rules(table, '[check."a.csv"]\ngrowth = { min = 1 }\n')

    result = run(table, "HEAD~2").result
    with_data = run(table, "HEAD~1").result

    assert (result.against, result.datasets) == (None, ())
    assert [(each.rule, each.column) for each in with_data.datasets[0].not_checked] == [("growth", None)]


def test_what_is_staged_is_what_the_index_says(table):
    assert run(table, staged=True).result.ok

    table.add("a.csv")
    shutil.rmtree(table.path("a.csv"), ignore_errors=True)
    table.write("a.csv", csv(1, 2, 3, 4))

    assert broken(run(table, staged=True)) == [("a.csv", "rows")]
    assert run(table).result.ok


def test_growth_is_that_since_the_version_compared_with(table):
    rules(table, '[check."a.csv"]\ngrowth = { min = 0.4 }\n')

    assert broken(run(table)) == [("a.csv", "growth")]
    assert run(table, against="HEAD~1").result.ok


def test_a_renamed_dataset_is_compared_with_its_former_self(table):
    table.checkout(None, ["a.csv"], force=True)
    table.move("a.csv", "b.csv")
    rules(table, '[check."b.csv"]\ngrowth = { min = 1, max = 1 }\n')

    outcome = run(table)

    assert looked_at(outcome) == ["b.csv"]
    assert outcome.result.datasets[0].is_changed is False
    assert outcome.result.datasets[0].not_checked == ()
    assert outcome.result.notes == ()


def test_a_dataset_that_is_gone_is_a_note(table):
    table.remove("a.csv", force=True)

    outcome = run(table)

    assert outcome.result.datasets == ()
    assert outcome.result.ok
    assert any("a.csv is not there any more" in note for note in outcome.result.notes)


def test_names_choose_datasets(table):
    table.write("d/b.csv", csv(1))
    table.add("d/b.csv")
    rules(table, '[check."*.csv"]\nrows = { min = 2 }\n')

    assert looked_at(run(table)) == ["a.csv", "d/b.csv"]
    assert looked_at(run(table, None, "d")) == ["d/b.csv"]
    assert looked_at(run(table, None, "?.csv")) == ["a.csv"]
    with pytest.raises(UnknownDatasetError):
        run(table, None, "nope.csv")


def test_all_rules_that_fit_count(table):
    rules(table, '[check."*"]\nrows = { min = 2 }\n[check."/a.csv"]\ncolumns = ["id", "more"]\n')

    assert {rule for _, rule in broken(run(table))} == {"rows", "columns"}


def test_a_rule_that_fits_nothing_is_told_with_its_line(table):
    rules(table, '[check."b.csv"]\nrows = { min = 2 }\n')

    (note,) = (note for note in run(table).result.notes if "fits no" in note)

    assert note.startswith('[check."b.csv"] (datav.toml:')
    assert not any("fits no" in note for note in run(table, None, "a.csv").result.notes)


def test_warnings_alone_are_fine(table):
    rules(table, '[check."a.csv"]\nrows = { min = 2 }\nwarn = ["rows"]\n')

    result = run(table).result

    assert (result.ok, result.warnings) == (True, 1)


def test_files_in_a_directory_are_tables_of_their_own(repo):
    repo.write("d/a.csv", csv(1, 2))
    repo.write("d/b.csv", b"other\n1\n")
    repo.write("d/readme.txt", b"words\n")
    repo.add("d")
    rules(repo, '[check."d/**"]\nrows = { min = 2 }\n[check."d/a.csv"]\ncolumns = ["id"]\n')

    outcome = run(repo)

    assert broken(outcome) == [("d/b.csv", "rows")]
    assert looked_at(outcome) == ["d/a.csv", "d/b.csv"]
    assert {each.dataset for each in outcome.result.datasets if each.rules} == {"d"}
    assert looked_at(run(repo, None, "d/a.csv")) == ["d/a.csv"]
    assert outcome.result.notes == ()


def test_a_directory_whose_files_are_one_table_is_that_table(repo):
    for name in ("x", "y"):
        repo.write(f"d/{name}.csv", csv(1, 2))
    repo.add("d")
    rules(repo, '[check."d"]\nrows = { min = 4 }\n[check."x.csv"]\nrows = { min = 3 }\n')

    outcome = run(repo)

    assert broken(outcome) == [("d/x.csv", "rows")]
    assert looked_at(outcome) == ["d", "d/x.csv"]


def test_a_path_in_a_directory_of_which_nothing_is_promised_is_told(repo):
    repo.write("d/x.csv", csv(1, 2))
    repo.add("d")
    rules(repo, '[check."d"]\nrows = { min = 2 }\n')

    outcome = run(repo, None, "d/x.csv")

    assert outcome.result.datasets == ()
    assert outcome.result.notes == ("nothing is promised of d/x.csv alone; `datav check d` checks all of it",)
    with pytest.raises(UnknownDatasetError):
        run(repo, None, "d/nope.csv")


def test_a_directory_without_tables_says_why_its_promises_are_not_looked_at(repo):
    repo.write("d/a.bin", b"\0")
    repo.add("d")
    rules(repo, '[check."d"]\nrows = { min = 4 }\nmeta = { source = true }\n')

    (checked,) = run(repo).result.datasets

    assert [each.rule for each in checked.findings] == ["meta"]
    assert [each.rule for each in checked.not_checked] == ["check"]
    assert "d is no table" in checked.not_checked[0].reason


def test_what_claims_to_be_a_table_and_is_none_is_an_error(table):
    table.write("a.csv", b"id,v\n1\n1,2,3\n")

    outcome = run(table)

    assert broken(outcome) == [("a.csv", "table")]
    assert not outcome.errors


def test_damage_and_conflicts_are_told_after_everything_else(table):
    for name in ("b.csv", "c.csv", "e.csv"):
        table.write(name, csv(1))
        table.add(name)
    table.write("b.csv.datav", b"no manifest\n")
    conflict = table.read("c.csv.datav").split(b"\n")
    table.write("c.csv.datav", b"\n".join([b"<<<<<<< HEAD", *conflict, b"=======", b">>>>>>> other", b""]))
    rules(table, '[check."*.csv"]\nrows = { min = 2 }\n')

    outcome = run(table)

    assert broken(outcome) == [("a.csv", "rows"), ("e.csv", "rows")]
    assert len(outcome.errors) == 2
    missed = [each for checked in outcome.result.datasets for each in checked.not_checked]
    assert {each.path for each in missed} == {"b.csv", "c.csv"}


def test_an_unmerged_manifest_of_the_index_is_not_checked(table):
    oid = table.git("rev-parse", "HEAD:a.csv.datav").decode().strip()
    lines = b"".join(b"100644 %s %d\ta.csv.datav\n" % (oid.encode(), stage) for stage in (2, 3))
    table.git("rm", "-q", "--cached", "a.csv.datav")
    table.git("update-index", "--index-info", stdin=lines)

    outcome = run(table, staged=True)

    assert isinstance(outcome.errors[0], UnresolvedConflictError)


@pytest.mark.parametrize("name", ["a[1]*.csv", ":x.csv"])
def test_a_staged_dataset_whose_name_is_a_pattern_is_compared_all_the_same(repo, name):
    for ids in ((1, 2), (1, 2, 3)):
        repo.write(name, csv(*ids))
        repo.add(name)
        repo.commit()
    repo.write(name, csv(1, 2, 3, 4))
    repo.add(name)

    outcome = run(repo, staged=True)

    (checked,) = outcome.result.datasets
    assert not outcome.errors
    assert checked.is_changed
    assert not checked.not_checked


def test_one_side_of_a_merge_that_nobody_finished_is_not_called_ok(table):
    table.write("a.csv", csv(1, 2, 3))
    # What was written in the same tick as it was added is read again.
    time.sleep(0.05)
    table.add("a.csv")
    content = '{ id = "b3:%s", depth = 0, bytes = 9 }' % ("0" * 64)
    merged = table.read("a.csv.datav").decode().partition("[table]")[0]
    merged = re.sub(r"datav = \d", "datav = 3", re.sub(r'"b3:....', '"b3:ffff', merged, count=1))
    sides = ", ".join([content] * 6)
    conflict = f"[conflict]\nopen = 1\nrecord = {content}\nsides = [{sides}]\n"
    table.write("a.csv.datav", f"{merged}\n{conflict}".encode())

    (error,) = run(table).errors

    assert isinstance(error, UnresolvedConflictError), error


def lose_data(repo: DatavRepo, name: str) -> str:
    """Have nothing of a dataset but what its manifest says, and the profile that it names; return HEAD."""
    with repo.open() as repository:
        profile = read_profile(repository, repo.manifest(name), far=False)
        assert profile is not None
    store = repo.path(".git/datav/store")
    for file in [*store.rglob("*.pack"), *store.rglob("*.idx")]:
        file.unlink()
    shutil.rmtree(repo.path(".git/datav/cache"), ignore_errors=True)
    repo.path(name).unlink()
    with repo.open() as repository, repository.store.writing(repository.executor) as writer:
        store_profile(repository, writer, profile)
        writer.finish()
    return repo.rev("HEAD")


def test_of_data_that_is_nowhere_the_profile_is_asked_and_the_rest_is_not_checked(table):
    table.checkout(None, ["a.csv"], force=True)
    # How numbers are written a profile does not know.
    column = '[check."a.csv".column.id]\nmatches = "[0-9]"\nmin = 2\n'
    rules(table, '[check."a.csv"]\ndrift = "off"\nrows = { min = 4 }\nextra_columns = false\n' + column)
    head = lose_data(table, "a.csv")

    outcome = run(table, head)

    assert {rule for _, rule in broken(outcome)} == {"rows", "min"}
    assert [(each.rule, each.column) for each in outcome.result.datasets[0].not_checked] == [
        ("matches", "id")
    ]
    assert isinstance(outcome.errors[0], MissingChunkError)
    assert len(outcome.errors) == 1
    assert str(outcome.errors[0]).startswith("a.csv: ")


def test_both_a_revision_and_what_is_staged_is_too_much(table):
    with pytest.raises(UsageError, match="--staged"):
        run(table, "HEAD", staged=True)
    with pytest.raises(UnknownRevisionError):
        run(table, against="nope")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), (None, ())),
        (("HEAD",), ("HEAD", ())),
        (("HEAD", "a.csv"), ("HEAD", ("a.csv",))),
        (("a.csv",), (None, ("a.csv",))),
    ],
)
def test_the_first_word_may_be_a_revision(table, words, expected):
    with table.open() as repository:
        assert read_words(repository, words) == expected


def test_words_that_are_neither_are_refused(table):
    with table.open() as repository:
        with pytest.raises(UnknownDatasetError, match="git knows no such revision"):
            read_words(repository, ["nope"])
        with pytest.raises(UsageError, match="two states") as error:
            read_words(repository, ["HEAD~1..HEAD"])
        with pytest.raises(UsageError, match="HEAD~1 and HEAD are two revisions"):
            read_words(repository, ["HEAD~1", "HEAD"])
    assert "--against HEAD~1" in (error.value.hint or "")


def test_a_commit_is_checked_as_far_as_it_changes_data(table):
    def staged() -> Outcome | None:
        with table.open() as repository:
            return check_staged(repository, NOW)

    assert staged() is None
    table.add("a.csv")
    outcome = staged()
    assert outcome is not None
    assert broken(outcome) == [("a.csv", "rows")]
    table.git("reset", "-q", "a.csv.datav")
    table.git("add", "datav.toml")
    outcome = staged()
    assert outcome is not None
    assert outcome.result.ok
    rules(table, "")
    assert staged() is None


def test_a_shallow_clone_says_what_was_not_compared(table, tmp_path):
    table.git("commit", "-qam", "rules")
    clone = tmp_path / "clone"
    table.git("clone", "-q", "--depth=1", f"file://{table.root}", str(clone))

    outcome = run(DatavRepo(clone), "HEAD")

    assert outcome.result.against is None
    assert any(note.startswith("nothing was compared: ") for note in outcome.result.notes)


def test_where_nothing_is_promised_and_nothing_changed_no_table_is_opened(table):
    table.checkout(None, ["a.csv"], force=True)
    rules(table, "")
    script = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from datav.repo.repository import Repository; from datav.repo.check import check\n"
        "with Repository.open(Path.cwd()) as repository:\n"
        "    outcome = check(repository, now=datetime.now(UTC))\n"
        "assert outcome.result.ok\n"
        "print([name for name in ('numpy', 'pyarrow', 'pandas') if name in sys.modules])\n"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=table.root, capture_output=True, text=True)

    assert done.stdout.strip() == "[]", done.stderr
