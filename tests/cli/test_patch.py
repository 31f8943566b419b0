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


def test_a_new_column_is_warned_of(feed):
    feed.repo.write("new.csv", b"id,n,z\n1,a,\n2,x,9\n")
    feed.ok("diff", "--no-index", "--key", "id", "--format", "csv", "-o", "feed.csv", "old.csv", "new.csv")

    done = feed("patch", "old.csv", "feed.csv")

    assert done.status == 0
    assert "warning: new: z; rows that" in done.err
    assert feed.repo.read("old.csv") == b"id,n,z\r\n1,a,\r\n2,x,9\r\n"


def test_mode_and_links_stay(feed):
    feed.repo.path("old.csv").chmod(0o640)
    feed.repo.path("link.csv").symlink_to("old.csv")

    feed.ok("patch", "link.csv", "feed.csv")

    assert feed.repo.path("link.csv").is_symlink()
    assert feed.repo.path("old.csv").stat().st_mode & 0o777 == 0o640
    assert feed.repo.read("old.csv") == feed.repo.read("new.csv")
