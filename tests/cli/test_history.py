"""`datav log` with rows, and `datav blame`: text, JSON, errors."""

import shutil

import pytest

from datav.repo.blame import blame as find_makers
from datav.repo.repository import Repository
from datav.report.blame import blame_text
from datav.report.style import PLAIN


@pytest.fixture
def prices(cli):
    """Three versions of a table."""
    versions = {
        "May": b"id,city,price\n1,Oslo,5\n2,Rome,6\n42,Linz,10\n",
        "June": b"id,city,price\n1,Oslo,7\n2,Rome,6\n42,Linz,12\n43,Bonn,1\n",
        "July": b"id,city,price\n1,Oslo,7\n42,Linz,12\n43,Bonn,2\n",
    }
    for message, content in versions.items():
        cli.repo.write("p.csv", content)
        cli.ok("add", "p.csv")
        cli.repo.commit(message)
    return cli


def without_dates(lines):
    """Words of lines, but for the commit and when it was made."""
    return [line.split()[3:] for line in lines]


def test_log_of_a_table_counts_rows(prices):
    lines = prices.ok("log", "p.csv", "--key", "id").lines

    assert [line.strip() for line in lines[1::2]] == [
        "modified  p.csv  3 rows, -1 ~1 rows, 44 B",
        "modified  p.csv  4 rows, +1 ~2 rows, 53 B",
        "added  p.csv  3 rows, 43 B",
    ]


def test_log_without_a_path_reads_no_rows(prices):
    lines = prices.ok("log").lines

    assert lines[1].strip() == "modified  p.csv  3 rows (-1), 44 B"
    assert prices.ok("--json", "log", "-n", "1").json["commits"][0]["datasets"][0]["rows"] is None


def test_log_with_a_condition_shows_the_rows(prices):
    lines = prices.ok("log", "p.csv", "--key", "id", "--where", "id == 42").lines

    assert [line.strip() for line in lines if line.startswith(" ")] == [
        "modified  p.csv  4 rows, ~1 row, 53 B",
        "~ id=42  price: 10 -> 12",
        "added  p.csv  3 rows, +1 row, 43 B",
        "+ id=42  city=Linz  price=10",
    ]


def test_log_with_a_condition_as_json(prices):
    (june, may) = prices.ok("--json", "log", "p.csv", "--key", "id", "--where", "id = 42").json["commits"]

    assert (june["subject"], may["subject"]) == ("June", "May")
    assert june["datasets"][0]["rows"] == {"added": 0, "removed": 0, "changed": 1, "refused": None}
    assert june["datasets"][0]["changes"] == [
        {
            "op": "changed",
            "key": {"id": "42"},
            "before": {"price": "10"},
            "after": {"price": "12"},
            "count": 1,
        }
    ]


def test_log_says_that_no_commit_changed_such_a_row(prices):
    assert prices.ok("log", "p.csv", "--where", "id = 7").lines == ["no commit has changed such a row"]
    assert prices.ok("--json", "log", "p.csv", "--where", "id = 7").json["commits"] == []


def test_log_with_a_condition_needs_a_path(prices):
    assert "need a dataset" in prices.fails("log", "--where", "id = 1").err


def test_a_condition_that_cannot_be_read_is_an_error_with_the_place(prices):
    assert "at character 6" in prices.fails("log", "p.csv", "--where", "id = ").err
    assert "at character 6" in prices.fails("blame", "p.csv", "--where", "id = ").err


def test_a_condition_on_a_column_that_is_not_there_is_an_error(prices):
    for command in ("log", "blame"):
        assert "there is no column nope" in prices.fails(command, "p.csv", "--where", "nope = 1").err


def test_blame_names_the_commit_of_each_row(prices):
    lines = prices.ok("blame", "p.csv", "--key", "id").lines
    june, july = prices.repo.rev("HEAD~1")[:10], prices.repo.rev("HEAD")[:10]

    assert [line.split()[0] for line in lines] == [june, june, july]
    assert lines[0].endswith("Ann Tester  id=1  city=Oslo  price=7")


def test_blame_of_one_column(prices):
    lines = prices.ok("blame", "p.csv", "--key", "id", "--column", "city").lines
    may, june = prices.repo.rev("HEAD~2")[:10], prices.repo.rev("HEAD~1")[:10]

    assert [line.split()[0] for line in lines] == [may, may, june]
    assert lines[0].endswith("id=1  city=Oslo")


def test_blame_of_a_revision_and_some_rows(prices):
    (line,) = prices.ok("blame", "p.csv", "HEAD~1", "--key", "id", "--where", "city = 'Rome'").lines

    assert line.startswith(prices.repo.rev("HEAD~2")[:10])
    assert line.endswith("id=2  city=Rome  price=6")


def test_blame_shows_so_many_rows_and_says_how_many_there_are(prices):
    assert prices.ok("blame", "p.csv", "--limit", "1").lines[1:] == ["... 2 more rows"]
    assert len(prices.ok("blame", "p.csv", "--limit", "1", "--all").lines) == 3
    assert prices.ok("blame", "p.csv", "--where", "id = 7").lines == ["no rows"]


def test_blame_as_json(prices):
    document = prices.ok("--json", "blame", "p.csv", "--key", "id", "--limit", "2").json

    assert (document["path"], document["key"], document["total"]) == ("p.csv", ["id"], 3)
    assert document["rows"][1] == {
        "row": 2,
        "commit": prices.repo.rev("HEAD~1"),
        "is_certain": True,
        "key": {"id": "42"},
        "cells": {"city": "Linz", "price": "12"},
    }
    assert [commit["subject"] for commit in document["commits"]] == ["June"]
    assert document["unread"] == []


def test_blame_warns_of_a_version_that_it_passed_over(prices):
    good = prices.repo.read("p.csv.datav")
    prices.repo.write("p.csv.datav", b"what?")
    broken = prices.repo.commit("broken")
    prices.repo.write("p.csv.datav", good)
    prices.repo.write("p.csv", b"id,city,price\n1,Oslo,8\n42,Linz,12\n")
    prices.ok("add", "p.csv")
    prices.repo.commit("August")

    done = prices("blame", "p.csv", "--key", "id")

    assert done.status == 0
    assert done.err.startswith(f"warning: the version of commit {broken[:10]} cannot be read: ")
    assert [line.split()[0][10:] for line in done.lines] == ["?", ""]


def test_blame_reads_from_the_remote_what_is_not_here_and_log_does_not(prices, tmp_path):
    prices.ok("remote", "add", "origin", str(tmp_path / "place"))
    prices.repo.commit("remote")
    prices.ok("push")
    shutil.rmtree(prices.repo.path(".git/datav/store"))
    prices.ok("init")

    assert len(prices.ok("blame", "p.csv", "--key", "id").lines) == 3
    assert "rows not compared: its data is not here" in prices.ok("log", "p.csv").out


def test_blame_of_what_has_no_rows_is_an_error(data):
    assert "is a directory" in data.fails("blame", "d").err
    assert "needs a key" in data.fails("blame", "a.csv", "--column", "v").err
    assert "knows no commit" in data.fails("blame", "a.csv", "nowhere").err


def make_wide_table(cli):
    names = [f"column{number}" for number in range(30)]
    rows = [[f"{row}{number}-".ljust(70, "x") for number in range(30)] for row in (1, 2)]
    cli.repo.write("w.csv", "".join(",".join(row) + "\n" for row in [names, *rows]).encode())
    cli.ok("add", "w.csv")
    cli.repo.commit("wide")
    return rows


def test_rows_that_go_to_no_terminal_are_not_cut(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    rows = make_wide_table(cli)

    lines = cli.ok("blame", "w.csv").lines

    assert [[cell.partition("=")[2] for cell in line.split("  ")[3:]] for line in lines] == rows


def test_blame_cuts_rows_to_the_terminal_but_no_cell_of_the_key(cli):
    rows = make_wide_table(cli)
    key = ("column0", "column1", "column2")
    with Repository.open(cli.repo.root) as repository:
        without, with_key = (find_makers(repository, "w.csv", key=columns) for columns in ((), key))

    for line in blame_text(without, PLAIN, 120).splitlines():
        assert line.endswith("  ...")
        assert len(line) <= 120
    for line, row in zip(blame_text(with_key, PLAIN, 100).splitlines(), rows, strict=True):
        assert [cell.partition("=")[2] for cell in line.split("  ")[3:]] == [*row[:3], ""]
        assert line.endswith("  ...")


@pytest.mark.parametrize("options", [["--key", "idd"], ["--where", "idd = 1"]])
def test_a_column_that_no_version_has_is_an_error_that_names_those_there_are(prices, options):
    for command in ("log", "blame"):
        failed = prices.fails(command, "p.csv", *options)

        assert failed.status == 2
        assert "there is no column idd" in failed.err
        assert "id, city, price" in failed.err
        assert failed.out == ""


def test_a_misspelt_key_is_an_error_of_a_table_with_one_version_too(cli):
    cli.repo.write("one.csv", b"id,v\n")
    cli.ok("add", "one.csv")
    cli.repo.commit("one")

    for command in ("log", "blame"):
        assert "there is no column idd" in cli.fails(command, "one.csv", "--key", "idd").err
        assert "there is no column idd" in cli.fails(command, "one.csv", "--where", "idd = 1").err


def test_log_takes_a_key_that_only_old_versions_have(prices):
    prices.repo.write("p.csv", b"number,city,price\n1,Oslo,7\n")
    prices.ok("add", "p.csv")
    prices.repo.commit("August")

    lines = prices.ok("log", "p.csv", "--key", "id").lines

    assert "-1 ~1 rows" in lines[3]


@pytest.mark.parametrize("options", [["--key", "idd"], ["--where", "idd = 1"], ["--columns", "idd"]])
def test_diff_of_two_files_that_are_the_same_knows_a_misspelt_column(cli, options):
    cli.repo.write("x.csv", b"id,v\n1,2\n")
    cli.repo.write("y.csv", b"id,v\n1,2\n")

    failed = cli.fails("diff", "--no-index", "x.csv", "y.csv", *options)

    assert failed.status == 2
    assert "there is no column idd" in failed.err
    assert "id, v" in failed.err
    assert cli.ok("diff", "--no-index", "x.csv", "y.csv", "--key", "id").out == "no differences\n"


def test_a_table_in_a_directory_dataset_has_no_history_of_rows_yet_and_the_refusal_says_so(data):
    data.repo.write("d/t.csv", b"id\n1\n")
    data.ok("add", "d")
    data.repo.commit("table")

    for command in ("log", "blame"):
        failed = data.fails(command, "d/t.csv")

        assert failed.status == 2
        assert "d/t.csv is in the directory dataset d" in failed.err
        assert "has no log and no blame yet" in failed.err
        assert "`datav log d` shows the commits" in failed.err
        assert "datav diff A B -- d/t.csv" in failed.err
