"""Promises inferred in a repository: of real histories each version keeps them, disasters break them; what is
written to `datav.toml`, and what is not."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from datav.errors import TableError, UsageError
from datav.repo.check import check
from datav.repo.infer import Inference, Inferred, infer
from datav.settings import Settings, encode_settings, parse_settings
from tests.support.datasets import DatavRepo
from tests.support.shareddata import DATA, Series

NOW = datetime(2026, 1, 1, tzinfo=UTC)

Rows = list[list[str]]


def run(repo: DatavRepo, *names: str) -> Inference:
    with repo.open() as repository:
        return infer(repository, names, now=NOW)


def infer_one(repo: DatavRepo, name: str) -> Inferred:
    (found,) = run(repo, name).datasets
    assert found.error is None, found.error
    return found


def broken(repo: DatavRepo, rev: str | None = None) -> set[str]:
    """The promises of `datav.toml` that are broken."""
    with repo.open() as repository:
        outcome = check(repository, rev, now=NOW)
    assert not outcome.errors
    findings = (each for checked in outcome.result.datasets for each in checked.findings)
    return {each.rule for each in findings if not each.rule.startswith("drift.")}


def rows_of(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def people(version: int = 0) -> bytes:
    return rows_of("id,kind", *(f"{number},{'ab'[number % 2]}" for number in range(40 + version)))


# Real histories


def history(repo: DatavRepo, name: str, step: int = 1) -> list[str]:
    """Commit the versions of a table of the shared data; return the commits."""
    series = Series(DATA / name)
    repo.write("datav.toml", encode_settings(Settings()).encode())
    commits = []
    for number, version in enumerate(series.versions[::step]):
        repo.write("data.csv", version.read_bytes())
        repo.add("data.csv", **({} if number else {"key": series.key}))
        commits.append(repo.commit(version.stem))
    return commits


needs_data = pytest.mark.skipif(not (DATA / "regions").is_dir(), reason="the shared data is not here")


@needs_data
@pytest.mark.parametrize(
    ("name", "step", "least"),
    [("regions", 3, 14), ("sp500-constituents", 2, 14), ("airport-frequencies", 1, 14)],
)
def test_each_version_of_a_real_history_keeps_what_is_inferred(repo, name, step, least):
    commits = history(repo, name, step)

    found = infer_one(repo, "data.csv")

    assert found.is_written
    assert found.promised >= least
    assert found.versions + found.left_out + found.without_profile >= len(commits)
    assert broken(repo) == set()
    # The first of them came with the names of its columns.
    for commit in commits[-found.versions + 1 :]:
        assert broken(repo, commit) == set(), commit


@pytest.fixture(scope="module")
def regions(tmp_path_factory) -> DatavRepo:
    """Ten versions of a real table, and what is inferred of them."""
    repo = DatavRepo.init(tmp_path_factory.mktemp("regions") / "repo")
    assert isinstance(repo, DatavRepo)
    repo.set_up()
    history(repo, "regions", 3)
    infer_one(repo, "data.csv")
    return repo


def without_column(rows: Rows) -> Rows:
    return [row[:4] + row[5:] for row in rows]


def twice(rows: Rows) -> Rows:
    return [*rows, *rows[1:200]]


def half(rows: Rows) -> Rows:
    return rows[: len(rows) // 2]


def with_cells(place: int, change: Callable[[str], str]) -> Callable[[Rows], Rows]:
    def happen(rows: Rows) -> Rows:
        return [
            [*row[:place], change(row[place]), *row[place + 1 :]] if number % 10 == 5 else row
            for number, row in enumerate(rows)
        ]

    return happen


@needs_data
@pytest.mark.parametrize(
    ("happen", "rule"),
    [
        (without_column, "columns"),
        (without_column, "schema_changes"),
        (twice, "key_unique"),
        (half, "growth"),
        (lambda rows: rows[:400], "rows"),
        (with_cells(0, lambda cell: f"R{cell}"), "type"),
        (with_cells(4, lambda cell: ""), "not_null"),
        (with_cells(4, str.lower), "in"),
        (with_cells(5, str.lower), "matches"),
        (with_cells(6, lambda cell: ""), "null_fraction"),
    ],
)
def test_a_disaster_breaks_a_promise(regions, happen, rule):
    before = regions.read("data.csv")
    rows = list(csv.reader(io.StringIO(before.decode(), newline="")))
    file = io.StringIO(newline="")
    csv.writer(file).writerows(happen(rows))
    regions.write("data.csv", file.getvalue().encode())

    found = broken(regions)

    regions.write("data.csv", before)
    assert rule in found


# What is looked at


def test_what_an_earlier_version_breaks_is_left_out_and_named(repo):
    for version in range(5):
        repo.write("t.csv", rows_of("code,n", *rows_for(version)))
        repo.add("t.csv")
        repo.commit()

    found = infer_one(repo, "t.csv")

    assert ("code", "unique") in {(each.column, each.rule) for each in found.dropped}
    assert "unique = true" not in found.text.partition(".column.n]")[0]


def rows_for(version: int) -> list[str]:
    """Rows of which those of the first version repeat one code among so many that only rows can tell."""
    codes = list(range(400 + version))
    if not version:
        codes[1] = 0
    return [f"{code},{number}" for number, code in enumerate(codes)]


def test_what_lies_on_disk_counts_and_is_the_last_version(repo):
    for version in range(4):
        repo.write("t.csv", people(version))
        repo.add("t.csv")
        repo.commit()
    repo.write("t.csv", people(4).replace(b",b\n", b",c\n"))

    found = infer_one(repo, "t.csv")

    assert found.versions == 5
    assert '# in = ["a", "b", "c"]' in found.text
    assert broken(repo) == set()


def test_without_any_commit_there_is_one_version(repo):
    repo.write("t.csv", people())
    repo.add("t.csv")

    assert infer_one(repo, "t.csv").versions == 1
    assert broken(repo) == set()


def test_versions_without_a_profile_are_told(repo):
    settings = repo.read("datav.toml")
    repo.write("datav.toml", settings.replace(b"datav = 1", b'datav = 1\nprofile = "never"'))
    for version in range(3):
        repo.write("t.csv", people(version))
        repo.add("t.csv")
        repo.commit()
    repo.write("datav.toml", settings)

    found = infer_one(repo, "t.csv")

    assert (found.versions, found.without_profile) == (1, 2)


def test_a_directory_of_parts_is_one_table(repo):
    for part in range(3):
        repo.write(f"parts/{part}.csv", people(part))
    repo.add("parts")

    found = infer_one(repo, "parts")

    assert found.promised
    assert "[check.parts.column.kind]" in repo.read("datav.toml").decode()
    assert broken(repo) == set()


def test_of_what_is_no_table_nothing_is_inferred_and_of_others_it_is(repo):
    repo.write("t.csv", people())
    repo.write("notes.bin", b"\0\1\2")
    repo.add("t.csv", "notes.bin")

    notes, table = run(repo, ".").datasets

    assert isinstance(notes.error, TableError)
    assert table.is_written


def test_a_path_in_a_dataset_is_refused(repo):
    repo.write("parts/1.csv", people())
    repo.add("parts")

    with pytest.raises(UsageError, match="is in a dataset"):
        run(repo, "parts/1.csv")


def test_splits_are_suggested_to_be_disjoint(repo):
    for name in ("reviews-train.csv", "reviews-test.csv", "other-test.csv", "latest.csv"):
        repo.write(name, people(len(name)))
    repo.add("reviews-train.csv", "reviews-test.csv", "other-test.csv", "latest.csv")

    found = infer_one(repo, "reviews-train.csv")

    assert '# disjoint = { from = ["reviews-test.csv"], by = "row" }' in found.text


# What is written


@pytest.mark.parametrize("ending", ["\n", "", "\r\n", "\n# the end"])
def test_the_users_text_stays_byte_for_byte(repo, ending):
    text = repo.read("datav.toml").decode().rstrip("\n") + "\n\n# mine  \n[hooks]\ncheck = true"
    text = (text.replace("\n", "\r\n") if ending == "\r\n" else text) + ending
    repo.write("datav.toml", text.encode())
    repo.write("t.csv", people())
    repo.add("t.csv")

    found = infer_one(repo, "t.csv")

    after = repo.read("datav.toml").decode()
    assert after.startswith(text)
    assert parse_settings(after).hooks == parse_settings(text).hooks
    assert after.splitlines()[found.line - 1] == found.text.splitlines()[0]
    assert (after.count("\r\n") == after.count("\n")) == (ending == "\r\n")
    assert not repo.git("diff", "--cached", "--name-only", "--", "datav.toml")


def test_what_has_promises_already_is_only_shown(repo):
    repo.write("t.csv", people())
    repo.add("t.csv")
    first = infer_one(repo, "t.csv")
    text = repo.read("datav.toml")

    second = infer_one(repo, "t.csv")

    assert (first.is_written, second.is_written) == (True, False)
    assert second.text == first.text
    assert repo.read("datav.toml") == text
    assert second.line == first.line + 4


def test_rules_of_patterns_do_not_keep_promises_out(repo):
    repo.write("datav.toml", repo.read("datav.toml") + b'[check."*.csv".column.id]\nnot_null = true\n')
    repo.write("t.csv", people())
    repo.add("t.csv")

    assert infer_one(repo, "t.csv").is_written


def test_a_file_that_nothing_can_be_appended_to_is_left_alone(repo):
    text = b"check = { 'x.csv' = { rows = { min = 1 } } }\n" + repo.read("datav.toml")
    repo.write("datav.toml", text)
    repo.write("t.csv", people())
    repo.add("t.csv")

    with pytest.raises(UsageError, match="cannot append"):
        run(repo, "t.csv")

    assert repo.read("datav.toml") == text


def test_promises_are_of_one_dataset_and_of_no_namesake(repo):
    for name in ("t.csv", "d/t.csv", "a[1]*.csv"):
        repo.write(name, people())
    repo.add("t.csv", "d/t.csv", "a[1]*.csv")

    found = {str(each.path): each.pattern for each in run(repo, ".").datasets}

    assert found == {"t.csv": "/t.csv", "d/t.csv": "d/t.csv", "a[1]*.csv": r"a\[1]\*.csv"}
    with repo.open() as repository:
        result = check(repository, now=NOW).result
    assert not result.notes
    assert [each.rules for each in result.datasets] == [5, 5, 5]


def test_hostile_names_of_columns_are_promised_and_kept(repo):
    header = '"a.b","x""y","new\nline","",same,same,"]\n[remote.x]\nurl = 1"'
    row = ",".join("1234567")
    repo.write("t.csv", (f"{header}\n" + f"{row}\n" * 40).encode())
    repo.add("t.csv")

    found = infer_one(repo, "t.csv")

    assert found.is_written
    assert not found.dropped
    assert broken(repo) == set()
    assert not parse_settings(repo.read("datav.toml").decode()).remotes
