"""datav patch: what it writes, what it says, what it leaves alone."""

import os

import pytest


@pytest.fixture
def feed(cli):
    """Two versions of a table outside of all datasets, and the change feed between them."""
    cli.repo.write("old.csv", b"id,n\r\n1,a\r\n2,b\r\n")
    cli.repo.write("new.csv", b"id,n\r\n1,x\r\n3,c\r\n")
    cli.ok("diff", "--no-index", "--key", "id", "--format", "csv", "-o", "feed.csv", "old.csv", "new.csv")
    return cli


def test_a_feed_that_diff_wrote_gives_the_second_version(feed):
    done = feed.ok("patch", "old.csv", "feed.csv")

    assert done.out == "old.csv: +1 -1 ~1, 2 -> 2 rows\n"
    assert feed.repo.read("old.csv") == feed.repo.read("new.csv")


def test_the_result_can_go_elsewhere_and_a_dry_run_writes_nothing(feed):
    before = feed.repo.read("old.csv")

    dry = feed.ok("patch", "--json", "-n", "old.csv", "feed.csv", "-o", "out.csv")
    assert not feed.repo.path("out.csv").exists()
    feed.ok("patch", "old.csv", "feed.csv", "--output", "out.csv")

    assert dry.json == {
        "format": 1,
        "path": "old.csv",
        "output": "out.csv",
        "dry_run": True,
        "from_rows": 2,
        "to_rows": 2,
        "added": 1,
        "removed": 1,
        "changed": 1,
        "new_columns": [],
    }
    assert feed.repo.read("out.csv") == feed.repo.read("new.csv")
    assert feed.repo.read("old.csv") == before


def test_a_feed_that_does_not_fit_leaves_the_file_as_it_is(feed):
    feed.ok("patch", "old.csv", "feed.csv")
    names = sorted(os.listdir(feed.repo.path(".")))

    done = feed("patch", "old.csv", "feed.csv")

    assert done.status == 2
    assert done.err.startswith("error: old.csv: the change feed does not fit: there is no row id=")
    assert feed.repo.read("old.csv") == feed.repo.read("new.csv")
    assert sorted(os.listdir(feed.repo.path("."))) == names


def test_what_is_no_feed_or_not_there_is_an_error_that_names_it(feed):
    assert "error: new.csv: it is no change feed" in feed("patch", "old.csv", "new.csv").err
    assert "none.csv" in feed("patch", "old.csv", "none.csv").err
    assert "none.csv" in feed("patch", "none.csv", "feed.csv").err


def test_a_new_column_comes_with_its_cells_and_without_a_warning(feed):
    feed.repo.write("new.csv", b"id,n,z\n1,a,\n2,x,9\n")
    feed.ok("diff", "--no-index", "--key", "id", "--format", "csv", "-o", "feed.csv", "old.csv", "new.csv")

    done = feed("patch", "old.csv", "feed.csv")

    assert (done.status, done.err) == (0, "")
    assert feed.repo.read("old.csv") == b"id,n,z\r\n1,a,\r\n2,x,9\r\n"


def test_mode_and_links_stay(feed):
    feed.repo.path("old.csv").chmod(0o640)
    feed.repo.path("link.csv").symlink_to("old.csv")

    feed.ok("patch", "link.csv", "feed.csv")

    assert feed.repo.path("link.csv").is_symlink()
    assert feed.repo.path("old.csv").stat().st_mode & 0o777 == 0o640
    assert feed.repo.read("old.csv") == feed.repo.read("new.csv")


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"id,v,w\n1,a,b\n", b"id,v\n1,a\n"),
        (b"id,v\n1,a\n2,b\n", b"id,x,v\n1,,a\n2,,b\n"),
        (b"id,v\n1,a\n2,b\n", b"id,x,v\n1,7,a\n2,,b\n"),
        (b"id,v\n1,a\n2,b\n", b"id,name\n1,a\n2,b\n"),
        (b"id,v\n1,a\n2,b\n", b"v,id\na,1\nb,2\n"),
        (b"id,v\n1,a\n2,b\n", b"key,v\n1,a\n2,b\n"),
        (b"id,w\n1,a\n1,b\n1,c\n", b"id\n1\n"),
    ],
)
def test_columns_that_changed_alone_are_changes_that_apply(cli, before, after, form):
    cli.repo.write("a.csv", before)
    cli.repo.write("b.csv", after)
    key = "" if before.count(b"\n1,") > 1 else "id"

    cli.ok("diff", "--no-index", "--key", key, "--format", form, "-o", "f.out", "a.csv", "b.csv")
    cli.ok("patch", "a.csv", "f.out")

    header, *rows = cli.repo.read("a.csv").splitlines()
    assert header == after.splitlines()[0]
    assert sorted(rows) == sorted(after.splitlines()[1:])


def test_a_feed_tells_of_new_cells_and_of_nothing_else(cli):
    cli.repo.write("a.csv", b"id,v\n1,a\n2,b\n3,c\n")
    cli.repo.write("b.csv", b"id,v,x\n1,a,7\n2,b,\n3,C,\n")

    cli.ok("diff", "--no-index", "--key", "id", "--format", "csv", "-o", "f.csv", "a.csv", "b.csv")

    assert cli.repo.read("f.csv").decode().splitlines() == [
        '"_op","_count","before.id","before.v","after.id","after.v","after.x"',
        '"changed",1,"1","a","1","a","7"',
        '"changed",1,"3","c","3","C",""',
    ]


def test_a_table_is_read_by_the_rules_of_the_project(cli):
    settings = cli.repo.read("datav.toml")
    rules = b'[table."*.dat"]\ndelimiter = "~"\nheader = false\nencoding = "cp1252"\n'
    cli.repo.write("datav.toml", settings + b"\n" + rules)
    cli.repo.write("sub/a.dat", "1~ä€\r\n2~b\r\n".encode("cp1252"))
    cli.repo.write("sub/b.dat", "1~ä€~x\n3~ü~y\n".encode("cp1252"))
    cli.ok("diff", "--key", "1", "--format", "csv", "-o", "f.csv", "sub/a.dat", "sub/b.dat")

    cli.ok("patch", "sub/a.dat", "f.csv")

    assert cli.repo.read("sub/a.dat") == "1~ä€~x\r\n3~ü~y\r\n".encode("cp1252")


def test_the_result_can_go_to_standard_output_alone(feed):
    done = feed.process("patch", "old.csv", "feed.csv", "-o", "-")

    assert (done.status, done.err) == (0, "")
    assert done.out.encode() == feed.repo.read("new.csv")
    assert feed.process("patch", "old.csv", "feed.csv", "-o", "/dev/stdout").out == done.out


@pytest.mark.parametrize("target", ["feed.csv", "a.csv", "d/one", "d/new", "x.datav", "d"])
def test_a_result_takes_the_place_of_no_data_but_the_table(feed, target):
    feed.repo.write("a.csv", b"id,n\r\n1,a\r\n2,b\r\n")
    feed.repo.write("d/one", b"1")
    feed.ok("add", "a.csv", "d")
    feed.repo.write("a.csv", feed.repo.read("old.csv"))
    before = feed.repo.read("a.csv")

    feed.fails("patch", "old.csv", "feed.csv", "-o", target)

    assert feed.repo.read("a.csv") == before
    feed.ok("patch", "a.csv", "feed.csv", "-o", "a.csv")
    assert feed.repo.read("a.csv") == feed.repo.read("new.csv")
