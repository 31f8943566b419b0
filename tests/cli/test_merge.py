"""merge, conflicts and resolve, as they are called."""

import csv

import pytest


@pytest.fixture
def data(cli):
    """Two branches, a conflict in one cell and in one file; on `main`."""
    put(cli, b"id,n\n1,a\n2,b\n", b"base")
    cli.repo.git("branch", "theirs")
    put(cli, b"id,n\n1,ours\n2,b\n", b"ours")
    cli.repo.git("checkout", "-q", "theirs")
    cli.ok("checkout")
    put(cli, b"id,n\n1,theirs\n2,B\n", b"theirs")
    cli.ok("checkout", "main")
    return cli


def put(cli, table, file):
    cli.repo.write("a.csv", table)
    cli.repo.write("d/b.bin", file)
    cli.ok("add", "--key", "id", "a.csv")
    cli.ok("add", "d")
    cli.repo.commit("put")


def test_merge_prints_counts_and_conflicts_and_exits_with_1(data):
    done = data("--json", "merge", "theirs")

    assert done.status == 1
    assert (done.json["result"], done.json["conflicts"]) == ("conflict", 2)
    assert done.json["rows"]["theirs_only"] == 1
    assert [(item["dataset"], item["kind"]) for item in done.json["conflict_items"]] == [
        ("a.csv", "cell"),
        ("d", "file"),
    ]


def test_from_a_conflict_to_a_commit(data, tmp_path):
    merged = data("merge", "theirs")
    assert "a.csv: merged: 1 row from theirs, 1 row in conflict" in merged.out
    assert "b.bin: changed on both sides, and no table" in merged.out

    listed = data("conflicts")
    assert listed.status == 1
    assert "id=1  n       a     ours  theirs" in listed.out
    sheet = tmp_path / "todo.csv"
    assert data("conflicts", "-o", str(sheet)).status == 1
    rows = list(csv.DictReader(sheet.open(newline="")))
    assert [(row["dataset"], row["path"], row["column"]) for row in rows] == [
        ("a.csv", "", "n"),
        ("d", "b.bin", ""),
    ]
    first = data("resolve", "a.csv", "--row", "id=1", "--column", "n", "--value", "mine, yes")
    assert (first.status, first.err) == (0, "")
    assert "next: `datav conflicts` shows 1 other dataset in conflict" in first.out
    last = data("--json", "resolve", "d/b.bin", "--theirs")
    assert (last.json["decided"], last.json["open"], last.json["placed"]) == (1, 0, True)

    assert data.repo.read("a.csv") == b'id,n\n1,"mine, yes"\n2,B\n'
    assert data.repo.read("d/b.bin") == b"theirs"
    assert data("conflicts").status == 0
    data.repo.commit("merged", add=False)
    assert data.ok("status").out.startswith("2 datasets, all clean")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["resolve", "a.csv", "--ours", "--theirs"], "different choices"),
        (["resolve", "a.csv", "--ours", "--row", "id"], "names no value"),
        (["resolve", "a.csv", "--with", "nothing.csv"], "cannot read"),
        (["resolve", "nothing", "--ours"], "no dataset"),
        (["resolve", ".", "--ours"], "2 datasets"),
        (["resolve", "d", "--with", "a.csv"], "is a directory"),
        (["conflicts", "-o", "todo.txt"], "neither .csv nor .parquet"),
        (["merge", "nowhere"], "knows no commit"),
        (["git-merge", "a", "b"], "what git runs"),
    ],
)
def test_a_call_that_cannot_be_is_one_error_and_changes_nothing(data, arguments, told):
    data("merge", "theirs")
    before = [data.repo.read(name) for name in ("a.csv.datav", "d.datav", "a.csv")]

    done = data(*arguments)

    assert done.status == 2
    assert told in done.err
    assert [data.repo.read(name) for name in ("a.csv.datav", "d.datav", "a.csv")] == before


def test_a_word_in_a_sheet_that_means_nothing_is_told_with_its_line(data, tmp_path):
    data("merge", "theirs")
    sheet = tmp_path / "todo.csv"
    data("conflicts", "a.csv", "-o", str(sheet))
    sheet.write_bytes(sheet.read_bytes().replace(b"ours,theirs,,", b"ours,theirs,mine,"))

    done = data("resolve", "a.csv", "--with", str(sheet))

    assert done.status == 2
    assert "line 2 of todo.csv takes 'mine'" in done.err


def test_merging_what_is_merged_already_does_nothing(data):
    data.repo.git("checkout", "-q", "theirs")
    data.ok("checkout")

    assert "nothing to merge" in data.ok("merge", "main~1").out


def test_a_merge_tells_how_the_classes_of_a_label_are_balanced_now(cli):
    rows = [(number, number % 3, "ab"[number % 2]) for number in range(60)]
    cli.repo.write("datav.toml", cli.repo.read("datav.toml") + b'\n[table."a.csv"]\nlabel = "y"\n')

    def put_rows(rows):
        lines = [f"{number},{x},{y}\n" for number, x, y in rows]
        put(cli, "".join(["id,x,y\n", *lines]).encode(), b"same")

    put_rows(rows)
    cli.repo.git("branch", "theirs")
    put_rows([*rows, *((100 + number, 1, "a") for number in range(20))])
    cli.repo.git("checkout", "-q", "theirs")
    cli.ok("checkout")
    put_rows([(number, x, "c" if number < 20 else y) for number, x, y in rows])
    cli.ok("checkout", "main")

    done = cli.ok("merge", "theirs")

    assert "against ours: classes of y  a 62.5 % -> 50 %, b 37.5 % -> 25 %, c 0 % -> 25 %" in done.out
    assert "against theirs: classes of y  a 33.3 % -> 50 %" in done.out
