"""Manifests merged, conflicts listed and decided, the datasets of another revision: in one process."""

import csv
from contextlib import suppress
from dataclasses import replace

import pytest

from datav.errors import DataLossError, FormatError, UsageError
from datav.formats.conflict import Given
from datav.formats.manifest import Manifest, encode_manifest
from datav.relpath import RelPath
from datav.repo.conflicts import Conflicts, conflicts
from datav.repo.conflictsheet import read_sheet, write_sheet
from datav.repo.datasets import Dataset
from datav.repo.merge import Merge, merge
from datav.repo.mergefinish import finish_merged
from datav.repo.merging import MergedDataset, merge_manifest_texts, merge_manifests
from datav.repo.resolve import Choice, Resolved, resolve
from tests.support.datasets import DatavRepo

BASE = b"id,v,w\n" + b"".join(b"%d,a%d,b%d\n" % (n, n, n) for n in range(1, 41))
NOTHING = Dataset(RelPath(b"a.csv"))


def save(repo: DatavRepo, name: str, data: bytes) -> Manifest:
    repo.write(name, data)
    repo.add(name)
    repo.commit(f"{name} changed")
    return repo.manifest(name)


def branch_off(repo: DatavRepo, name: str, base: bytes | None, ours: bytes, theirs: bytes) -> None:
    """Make `main` with our version and `theirs` with theirs, of a common base; be on `main`."""
    if base is not None:
        repo.write(name, base)
        repo.add(name, key=("id",) if name.endswith(".csv") else None)
        repo.commit("base")
    repo.git("branch", "theirs")
    save(repo, name, ours)
    repo.git("checkout", "-q", "theirs")
    repo.checkout()
    save(repo, name, theirs)
    repo.checkout("main")


def changed(*edits: tuple[bytes, bytes]) -> bytes:
    data = BASE
    for old, new in edits:
        assert old in data
        data = data.replace(old, new)
    return data


def merge_all(repo: DatavRepo, rev: str = "theirs", **options) -> Merge:
    with repo.open() as repository:
        return merge(repository, rev, **options)


def list_conflicts(repo: DatavRepo, *names: str) -> Conflicts:
    with repo.open() as repository:
        return conflicts(repository, names)


def decide(repo: DatavRepo, name: str, *choice, **more) -> Resolved:
    with repo.open() as repository:
        return resolve(repository, name, Choice(*choice, **more))


def stages(repo: DatavRepo) -> list[int]:
    with repo.open() as repository:
        return [entry.stage for entry in repository.git.list_index()]


@pytest.fixture
def table(repo: DatavRepo) -> DatavRepo:
    """A table of which both sides changed cells: two of them in conflict."""
    ours = changed((b"\n3,a3,", b"\n3,ours,"), (b"\n9,a9,b9", b"\n9,ours,ours"))
    theirs = changed(
        (b"\n5,a5,", b"\n5,theirs,"), (b"\n9,a9,b9", b"\n9,theirs,theirs"), (b"\n20,a20,b20", b"")
    )
    branch_off(repo, "a.csv", BASE, ours, theirs)
    return repo


# --- one dataset


def versions(repo: DatavRepo, *contents: bytes | None) -> list[Manifest | None]:
    return [None if data is None else save(repo, "a.csv", data) for data in contents]


def merged(repo: DatavRepo, *found: Manifest | None, **more) -> MergedDataset:
    base, ours, theirs = found
    assert ours is not None
    assert theirs is not None
    with repo.open() as repository:
        return merge_manifests(repository, NOTHING, base, ours, theirs, **more)


def test_what_one_side_alone_changed_is_taken_whole(repo):
    base, other = versions(repo, BASE, changed((b"a7", b"x")))

    assert merged(repo, base, base, other).manifest == other
    assert merged(repo, base, other, base).manifest == other
    assert merged(repo, base, other, other).manifest == other


def test_a_merged_manifest_is_what_add_would_write(repo):
    repo.write("a.csv", BASE)
    repo.add("a.csv", key=("id",))
    base, ours, theirs = versions(
        repo, BASE, changed((b"\n7,", b"\n77,")), changed((b"\n20,a20,b20", b""), (b"b9", b"x"))
    )

    found = merged(repo, base, ours, theirs)

    assert found.open == 0
    expected = save(repo, "a.csv", changed((b"\n7,", b"\n77,"), (b"\n20,a20,b20", b""), (b"b9", b"x")))
    assert found.manifest == expected
    assert found.manifest.profile is not None


def test_fields_of_the_user_merge_each_for_itself(repo):
    (base,) = versions(repo, BASE)
    assert base is not None
    assert base.table is not None
    ours = replace(base, executable=True, meta="[meta]\na = 1\nb = 2\nc = 3\n")
    theirs = replace(base, table=replace(base.table, key=("id",)))

    found = merged(repo, base, ours, theirs).manifest

    assert found == replace(ours, table=theirs.table)


def test_both_set_another_key_and_another_meta(repo):
    (base,) = versions(repo, BASE)
    assert base is not None
    assert base.table is not None
    base = replace(base, table=replace(base.table, key=("id",)), meta="[meta]\nx = 1\n")
    ours = replace(base, table=replace(base.table, key=("v",)), meta="[meta]\nx = 2\n")
    theirs = replace(base, table=replace(base.table, key=("w",)), meta="[meta]\nx = 3\n")

    found = merged(repo, base, ours, theirs)

    assert [(item.kind, item.ours) for item in found.items] == [
        ("schema", ["v"]),
        ("meta", "[meta]\nx = 2\n"),
    ]
    assert found.manifest.conflict is not None
    assert found.manifest.conflict.open == 2
    assert (found.manifest.table, found.manifest.meta) == (ours.table, ours.meta)


def test_a_side_with_a_conflict_is_refused(table):
    merge_all(table)
    text = table.read("a.csv.datav")
    with table.open() as repository, pytest.raises(UsageError, match="nobody resolved"):
        merge_manifest_texts(repository, RelPath(b"a.csv.datav"), b"", text, text)


def test_a_manifest_of_a_newer_datav_is_refused(repo):
    (base,) = versions(repo, BASE)
    assert base is not None
    text = encode_manifest(base)
    newer = text.replace(b"datav = ", b"datav = 9")
    with repo.open() as repository, pytest.raises(FormatError, match="newer"):
        merge_manifest_texts(repository, RelPath(b"a.csv.datav"), text, text, newer)


def test_a_rule_decides_what_would_be_a_conflict_of_files(repo):
    repo.write("datav.toml", repo.read("datav.toml") + b'\n[merge."*.bin"]\ntake = "theirs"\n')
    branch_off(repo, "m.bin", b"base", b"ours", b"theirs")

    found = merge_all(repo)

    assert found.conflicts == 0
    assert repo.read("m.bin") == b"theirs"


# --- merge REV


def test_merge_stages_what_merges_and_places_it(table):
    table.git("checkout", "-q", "theirs")
    table.checkout()
    save(table, "a.csv", changed((b"\n5,a5,", b"\n5,theirs,")))
    table.checkout("main")

    found = merge_all(table)

    assert (found.conflicts, found.counts.theirs_only) == (0, 1)
    assert table.read("a.csv") == changed(
        (b"\n3,a3,", b"\n3,ours,"), (b"\n9,a9,b9", b"\n9,ours,ours"), (b"\n5,a5,", b"\n5,theirs,")
    )
    assert stages(table) == [0]
    assert table.statuses()["a.csv"].staged == "modified"
    assert table.states() == {"a.csv": "clean"}


def test_a_conflict_leaves_our_data_and_an_unmerged_manifest(table):
    before = table.read("a.csv")

    found = merge_all(table)

    assert found.conflicts == 2
    assert stages(table) == [1, 2, 3]
    assert table.read("a.csv") == before
    assert table.states() == {"a.csv": "conflicted"}


def test_a_dry_run_changes_nothing(table):
    before = table.read("a.csv.datav")

    found = merge_all(table, dry_run=True)

    assert found.conflicts == 2
    assert table.read("a.csv.datav") == before
    assert stages(table) == [0]


def test_datasets_that_were_added_and_removed_on_their_side(repo):
    save(repo, "old.bin", b"old")
    repo.git("branch", "theirs")
    repo.git("checkout", "-q", "theirs")
    repo.remove("old.bin")
    save(repo, "new.bin", b"new")
    repo.checkout("main")

    found = merge_all(repo)

    assert {str(each.dataset): each.outcome for each in found.datasets} == {
        "new.bin": "added",
        "old.bin": "removed",
    }
    assert repo.read("new.bin") == b"new"
    assert not repo.exists("old.bin")
    assert not repo.exists("old.bin.datav")


@pytest.mark.parametrize(("take", "is_there"), [("ours", True), ("theirs", False)])
def test_changed_here_and_removed_there_is_for_the_user_to_decide(repo, take, is_there):
    save(repo, "m.bin", b"base")
    repo.git("branch", "theirs")
    save(repo, "m.bin", b"ours")
    repo.git("checkout", "-q", "theirs")
    repo.checkout()
    repo.remove("m.bin")
    repo.commit("gone")
    repo.checkout("main")

    merge_all(repo)

    (each,) = list_conflicts(repo).datasets
    assert each.trouble == "removed there"
    decide(repo, "m.bin", take)
    assert repo.exists("m.bin") is is_there
    assert 1 not in stages(repo)
    assert list_conflicts(repo).datasets == ()


def test_what_is_not_committed_is_refused_before_anything_is_done(table):
    table.write("a.csv", b"id,v,w\n1,edited,x\n")
    with pytest.raises(DataLossError):
        merge_all(table)
    table.add("a.csv")
    with pytest.raises(UsageError, match="not committed"):
        merge_all(table)
    assert stages(table) == [0]


def test_a_merge_that_was_killed_is_finished_by_the_same_command(repo):
    ours, theirs = (b"\n3,a3,", b"\n3,ours,"), (b"\n30,a30,", b"\n30,theirs,")
    branch_off(repo, "a.csv", BASE, changed(ours), changed(theirs))
    number = 0

    while repo.run_killed(lambda: merge_all(repo), number):
        number += 1 + number // 4

    assert number > 10
    assert repo.read("a.csv") == changed(ours, theirs)
    assert repo.states() == {"a.csv": "clean"}
    assert stages(repo) == [0]


@pytest.mark.parametrize("number", range(24, 62, 4))
def test_a_merge_of_a_directory_and_a_removal_that_was_killed_is_finished_by_the_same_command(repo, number):
    for name in ("d/a", "d/b", "d/c", "gone.bin"):
        repo.write(name, name.encode() * 100)
    repo.add("d", "gone.bin")
    repo.commit("base")
    repo.git("branch", "theirs")
    save(repo, "other.bin", b"ours")
    repo.checkout("theirs")
    for name in ("d/a", "d/b", "d/new"):
        repo.write(name, b"theirs" * 100)
    repo.path("d/c").unlink()
    repo.add("d")
    repo.remove("gone.bin")
    repo.commit("theirs")
    repo.checkout("main")

    repo.run_killed(lambda: merge_all(repo), number)
    merge_all(repo)

    assert repo.states() == {"d": "clean", "other.bin": "clean"}
    assert repo.read("d.datav") == repo.git("show", "theirs:d.datav")
    assert not repo.exists("gone.bin")
    assert b"gone.bin" not in repo.read(".gitignore")
    assert stages(repo) == [0] * len(stages(repo))
    assert repo.git("diff", "--name-only", "theirs", "--", "*.datav", "--cached").split() == [
        b"other.bin.datav"
    ]


def test_an_edit_of_the_users_is_none_that_a_killed_merge_left(repo):
    for name in ("d/a", "d/b"):
        repo.write(name, name.encode() * 100)
    repo.add("d")
    repo.commit("base")
    repo.git("branch", "theirs")
    save(repo, "other.bin", b"ours")
    repo.checkout("theirs")
    repo.write("d/a", b"theirs" * 100)
    repo.add("d")
    repo.commit("theirs")
    repo.checkout("main")
    # Stored it is, and yet nothing that the merge would have done.
    repo.write("d/b", b"theirs" * 100)

    with pytest.raises(DataLossError, match="not committed"):
        merge_all(repo)

    assert repo.read("d/b") == b"theirs" * 100


def test_a_resolution_that_was_killed_is_finished_by_the_same_command(table):
    merge_all(table)
    number = 0

    with suppress(UsageError):  # it was killed when all was done
        while table.run_killed(lambda: decide(table, "a.csv", "theirs"), number):
            number += 1 + number // 4

    assert number > 10
    assert b"\n9,theirs,theirs\n" in table.read("a.csv")
    assert table.states() == {"a.csv": "clean"}
    assert stages(table) == [0]


# --- conflicts and resolve


def test_conflicts_are_listed_by_row_and_column(table):
    merge_all(table)

    (each,) = list_conflicts(table).datasets

    assert [(item.key, item.column, item.base, item.ours, item.theirs) for item in each.open] == [
        ((("id", "9"),), "v", "a9", "ours", "theirs"),
        ((("id", "9"),), "w", "b9", "ours", "theirs"),
    ]
    assert list_conflicts(table, "a.csv").open == 2


def test_conflicts_are_decided_one_by_one_and_again_before_the_last(table):
    merge_all(table)

    first = decide(table, "a.csv", "ours", column="v", row={"id": "9"})
    again = decide(table, "a.csv", Given("mine"), column="v")
    assert (first.open, again.open) == (1, 1)
    assert table.states() == {"a.csv": "conflicted"}
    last = decide(table, "a.csv", "theirs")

    assert (last.decided, last.open, last.placed) == (1, 0, True)
    assert table.read("a.csv") == changed(
        (b"\n3,a3,", b"\n3,ours,"),
        (b"\n5,a5,", b"\n5,theirs,"),
        (b"\n9,a9,b9", b"\n9,mine,theirs"),
        (b"\n20,a20,b20", b""),
    )
    assert stages(table) == [0]
    assert table.states() == {"a.csv": "clean"}
    before = table.read("a.csv.datav")
    table.add("a.csv")
    assert table.read("a.csv.datav") == before


def test_a_sheet_that_was_filled_in_decides(table, tmp_path):
    merge_all(table)
    sheet = tmp_path / "sheet.csv"
    assert write_sheet(sheet, list_conflicts(table), every=False) == 2
    rows = list(csv.DictReader(sheet.open(newline="")))
    rows[0]["take"], rows[1]["value"] = "theirs", "mine"
    # As a spreadsheet of another country writes it.
    with sheet.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)

    done = decide(table, "a.csv", file=sheet)

    assert (done.decided, done.open) == (2, 0)
    assert b"\n9,theirs,mine\n" in table.read("a.csv")


def edit_sheet(sheet, old, new, encoding="utf-8"):
    text = sheet.read_bytes().decode()
    assert old in text
    sheet.write_bytes(text.replace(old, new).encode(encoding))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("conflict,dataset", "Konflikt,dataset", "lacks the columns conflict"),
        ("conflict,dataset,path,kind,key,column,base,ours,theirs,take,value\r\n", "", "lacks the columns"),
        ('"[""cell', '"[""call', "no such conflict"),
        (",,\r\n", ",both,\r\n", "takes 'both'"),
    ],
)
def test_a_sheet_that_was_broken_is_neither_obeyed_nor_taken_for_the_data(table, tmp_path, old, new, told):
    merge_all(table)
    sheet = tmp_path / "sheet.csv"
    write_sheet(sheet, list_conflicts(table), every=False)
    before = table.read("a.csv")
    if old.startswith('"'):
        edit_sheet(sheet, ",,\r\n", ",ours,\r\n")
    edit_sheet(sheet, old, new)

    with pytest.raises(UsageError, match=told):
        decide(table, "a.csv", file=sheet)

    assert table.read("a.csv") == before
    assert table.states() == {"a.csv": "conflicted"}


def test_a_sheet_in_another_encoding_is_told_or_read(table, tmp_path):
    merge_all(table)
    sheet = tmp_path / "sheet.csv"
    write_sheet(sheet, list_conflicts(table), every=False)
    edit_sheet(sheet, ",,\r\n", ",,müßig\r\n", "cp1252")

    with pytest.raises(UsageError, match="is not UTF-8"):
        decide(table, "a.csv", file=sheet)

    sheet.write_bytes(sheet.read_bytes().decode("cp1252").encode("utf-16"))
    assert decide(table, "a.csv", file=sheet).open == 0
    assert "müßig".encode() in table.read("a.csv")


def test_a_conflict_that_a_sheet_decides_twice_is_not_decided(table, tmp_path):
    merge_all(table)
    sheet = tmp_path / "sheet.csv"
    write_sheet(sheet, list_conflicts(table), every=False)
    head, first, *_ = sheet.read_bytes().decode().splitlines()
    sheet.write_text("\n".join([head, first[:-2] + ",ours,", first[:-2] + ",theirs,"]))

    with pytest.raises(UsageError, match="otherwise than a line before"):
        read_sheet(sheet)


@pytest.mark.parametrize("data", [b"PK\x03\x04\xff\xfe", b"other,columns\n1,2\n", b"x" * 200_000])
def test_what_is_no_table_of_these_columns_does_not_take_the_place_of_all(table, tmp_path, data):
    merge_all(table)
    file = tmp_path / "todo.xlsx"
    file.write_bytes(data)

    with pytest.raises(UsageError, match="neither a sheet of conflicts nor a table"):
        decide(table, "a.csv", file=file)

    assert table.states() == {"a.csv": "conflicted"}


def test_what_another_command_decided_meanwhile_stays_whole(table):
    merge_all(table)
    stale = table.read("a.csv.datav")
    decide(table, "a.csv", "base", column="w")
    decided = table.read("a.csv.datav")

    with table.open() as repository:
        before = list(repository.git.list_index())
        with pytest.raises(UsageError, match="changed by somebody else"):
            finish_merged(repository, NOTHING, b"what was merged", stale, None)

        assert list(repository.git.list_index()) == before
    assert table.read("a.csv.datav") == decided


def test_a_sheet_is_not_written_over_a_dataset(table):
    merge_all(table)
    before = table.read("a.csv")

    with pytest.raises(UsageError, match="is a dataset"):
        write_sheet(table.root / "a.csv", list_conflicts(table), every=False)

    assert table.read("a.csv") == before


def test_a_sheet_of_parquet_reads_back_what_was_decided(table, tmp_path):
    merge_all(table)
    decide(table, "a.csv", "base", column="w")
    sheet = tmp_path / "sheet.parquet"

    assert write_sheet(sheet, list_conflicts(table), every=True) == 2

    found = read_sheet(sheet)
    assert found is not None
    assert list(found["a.csv"].values()) == ["base"]


def test_a_resolved_file_takes_the_place_of_all(table, tmp_path):
    merge_all(table)
    file = tmp_path / "resolved.csv"
    file.write_bytes(b"id,v,w\n1,x,y\n")

    done = decide(table, "a.csv", file=file)

    assert done.open == 0
    assert table.read("a.csv") == b"id,v,w\n1,x,y\n"
    manifest = table.manifest("a.csv")
    assert manifest.conflict is None
    assert manifest.table is not None
    assert (manifest.table.rows, manifest.table.key) == (1, ("id",))


def test_edits_of_ours_are_not_taken_for_the_whole_since_they_lack_what_theirs_changed(table):
    merge_all(table)
    mine = table.read("a.csv").replace(b"\n9,ours,ours", b"\n9,both,both")
    table.write("a.csv", mine)

    with pytest.raises(UsageError) as error:
        decide(table, "a.csv", file=table.root / "a.csv")

    assert "lacks what was merged" in str(error.value)
    assert table.read("a.csv") == mine
    table.path("a.csv").unlink()
    table.checkout()
    table.write("a.csv", table.read("a.csv").replace(b"\n9,ours,ours", b"\n9,both,both"))
    assert decide(table, "a.csv", file=table.root / "a.csv").open == 0
    assert b"\n3,ours,b3\n" in table.read("a.csv")
    assert b"\n5,theirs,b5\n" in table.read("a.csv")
    assert b"\n9,both,both\n" in table.read("a.csv")


def test_data_that_was_edited_meanwhile_is_not_overwritten(table):
    merge_all(table)
    table.write("a.csv", b"mine")

    with pytest.raises(DataLossError) as error:
        decide(table, "a.csv", "theirs")

    assert table.read("a.csv") == b"mine"
    assert "--with" in (error.value.hint or "")
    assert table.states() == {"a.csv": "conflicted"}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"take": "ours", "row": {"id": "8"}}, "no such conflict"),
        ({"take": "ours", "column": "id"}, "no such conflict"),
        ({"take": Given("x")}, "a value is for one conflict"),
    ],
)
def test_a_choice_that_means_nothing_is_refused(table, choice, told):
    merge_all(table)
    before = table.read("a.csv.datav")

    with pytest.raises(UsageError, match=told):
        decide(table, "a.csv", **choice)

    assert table.read("a.csv.datav") == before


def test_what_has_no_conflict_is_told(table):
    assert list_conflicts(table).datasets == ()
    with pytest.raises(UsageError, match="no conflict"):
        decide(table, "a.csv", "ours")


def test_rules_that_were_written_since_decide_when_it_is_merged_again(repo):
    branch_off(repo, "m.bin", b"base", b"ours", b"theirs")
    merge_all(repo)
    assert decide(repo, "m.bin").open == 1

    repo.write("datav.toml", repo.read("datav.toml") + b'\n[merge."*.bin"]\ntake = "theirs"\n')
    assert decide(repo, "m.bin").open == 0

    assert repo.read("m.bin") == b"theirs"


def test_what_was_decided_stays_when_it_is_merged_again_with_others_open(table):
    merge_all(table)
    decide(table, "a.csv", Given("mine"), column="v")

    again = decide(table, "a.csv")
    last = decide(table, "a.csv", "theirs")

    assert (again.open, last.open) == (1, 0)
    assert b"\n9,mine,theirs\n" in table.read("a.csv")


def test_what_the_user_wrote_into_meta_meanwhile_stays(table):
    merge_all(table)
    table.write("a.csv.datav", table.read("a.csv.datav") + b'\n[meta]\nwho = "me"\n')

    decide(table, "a.csv", "ours")

    assert table.manifest("a.csv").meta == '[meta]\nwho = "me"\n'


def test_directories_merge_by_path_and_conflicts_name_the_file(repo):
    repo.write("d/a.csv", BASE)
    repo.write("d/b.bin", b"base")
    repo.add("d")
    repo.commit("base")
    repo.git("branch", "theirs")
    repo.write("d/b.bin", b"ours")
    repo.write("d/c.bin", b"c")
    repo.add("d")
    repo.commit("ours")
    repo.git("checkout", "-q", "theirs")
    repo.checkout()
    repo.write("d/b.bin", b"theirs")
    repo.write("d/a.csv", changed((b"a7", b"x")))
    repo.add("d")
    repo.commit("theirs")
    repo.checkout("main")

    merge_all(repo)

    assert repo.manifest("d").profile is None
    (each,) = list_conflicts(repo, "d/b.bin").datasets
    assert [item.path for item in each.open] == [b"b.bin"]
    assert list_conflicts(repo, "d/a.csv").datasets[0].open == ()
    done = decide(repo, "d/b.bin", "theirs")
    assert done.open == 0
    assert (repo.read("d/b.bin"), repo.read("d/c.bin")) == (b"theirs", b"c")
    assert repo.read("d/a.csv") == changed((b"a7", b"x"))
    assert repo.states() == {"d": "clean"}
    merged = repo.read("d.datav")
    assert repo.manifest("d").profile is not None
    repo.add("d")
    assert repo.read("d.datav") == merged


def test_what_is_distributed_otherwise_is_told_against_both_sides(repo):
    rows = [b"%d,%s\n" % (n, b"spam" if n % 2 else b"ham") for n in range(2000)]
    base = b"id,kind\n" + b"".join(rows)
    ours = base.replace(b"\n1,spam", b"\n1,ham")
    theirs = b"id,kind\n" + b"".join(row for row in rows if row.endswith(b"spam\n"))
    branch_off(repo, "a.csv", base, ours, theirs)

    (each,) = merge_all(repo).datasets

    assert each.merged is not None
    assert [drift.against for drift in each.merged.drift] == ["ours"]
    assert "kind" in [column.name for column in each.merged.drift[0].columns]


@pytest.mark.parametrize("take", ["ours", "theirs"])
def test_a_file_on_one_side_and_a_directory_on_the_other_is_one_or_the_other(repo, take):
    save(repo, "x", b"base")
    repo.git("branch", "theirs")
    save(repo, "x", b"ours")
    repo.git("checkout", "-q", "theirs")
    repo.checkout()
    repo.path("x").unlink()
    repo.write("x/one", b"1")
    repo.add("x")
    repo.commit("a directory now")
    repo.checkout("main")

    (each,) = merge_all(repo).datasets

    assert each.merged is not None
    assert each.merged.items[0].reason == "it is a file here and a directory there"
    decide(repo, "x", take)
    assert repo.exists("x/one") is (take == "theirs")
    assert repo.states() == {"x": "clean"}


def test_a_table_that_cannot_be_read_as_one_is_a_conflict_with_the_reason(repo):
    branch_off(repo, "a.csv", BASE, BASE + b"41,ours,x\n", BASE + b"41,theirs\n")

    (each,) = merge_all(repo).datasets

    assert each.merged is not None
    assert [item.kind for item in each.merged.items] == ["file"]
    assert each.merged.items[0].reason
    assert repo.read("a.csv") == BASE + b"41,ours,x\n"
    decide(repo, "a.csv", "theirs")
    assert repo.read("a.csv") == BASE + b"41,theirs\n"


def test_a_file_for_a_part_of_a_directory_is_refused(repo, tmp_path):
    repo.write("d/b.bin", b"base")
    repo.add("d")
    repo.commit("base")
    repo.git("branch", "theirs")
    repo.write("d/b.bin", b"ours")
    repo.add("d")
    repo.commit("ours")
    repo.git("checkout", "-q", "theirs")
    repo.checkout()
    repo.write("d/b.bin", b"theirs")
    repo.add("d")
    repo.commit("theirs")
    repo.checkout("main")
    merge_all(repo)
    file = tmp_path / "b.bin"
    file.write_bytes(b"mine")

    with pytest.raises(UsageError, match="is a directory"):
        decide(repo, "d/b.bin", file=file)

    assert list_conflicts(repo).open == 1
