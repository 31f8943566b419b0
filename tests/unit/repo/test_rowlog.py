"""log with rows: how many each commit changed, and which meet a condition."""

import pytest

from datav.errors import UsageError
from datav.repo.log import RowQuery, log
from datav.repo.rowlog import MOST_ROWS, RowCounts
from datav.report.log import entry_text, log_json
from datav.report.style import PLAIN
from datav.tables.predicate import parse_predicate


def read_log(repo, name, where=None, key=("id",), **options):
    query = RowQuery(parse_predicate(where) if where is not None else None, key)
    with repo.open() as repository:
        return log(repository, name, rows=query, **options)


def counts(found):
    return {entry.subject: entry.changes[0].row_counts for entry in found.entries}


def put(repo, name, content, message):
    repo.write(name, content)
    repo.add(name)
    return repo.commit(message)


@pytest.fixture
def history(repo):
    """A table of four versions, renamed on the way."""
    put(repo, "a.csv", b"id,price\n1,5\n2,6\n42,10\n", "first")
    put(repo, "a.csv", b"id,price\n1,7\n2,6\n42,12\n43,1\n", "second")
    repo.move("a.csv", "b.csv")
    repo.commit("rename")
    put(repo, "b.csv", b"id,price\n1,7\n42,12\n43,1\n", "third")
    return repo


def forget_packs(repo):
    for path in (repo.root / ".git/datav/store").rglob("*"):
        if path.is_file() and path.name != "format":
            path.chmod(0o600)
            path.unlink()


def test_each_commit_says_how_many_rows_it_changed(history):
    assert counts(read_log(history, "b.csv")) == {
        "third": RowCounts(0, 1, 0),
        "rename": RowCounts(0, 0, 0),
        "second": RowCounts(1, 0, 2),
        "first": RowCounts(3, 0, 0),
    }


def test_without_a_key_a_changed_row_is_one_removed_and_one_added(history):
    assert counts(read_log(history, "b.csv", key=()))["second"] == RowCounts(3, 2, 0)


def test_without_a_query_no_rows_are_counted(history):
    with history.open() as repository:
        found = log(repository, "b.csv")

    assert set(counts(found).values()) == {None}


def test_a_removed_dataset_has_lost_its_rows(history):
    history.remove("b.csv")
    history.commit("gone")

    assert counts(read_log(history, "b.csv", limit=1)) == {"gone": RowCounts(0, 3, 0)}


def test_what_is_no_table_has_no_rows(repo):
    put(repo, "x.bin", b"1", "one")
    put(repo, "x.bin", b"2", "two")

    assert counts(read_log(repo, "x.bin")) == {"one": None, "two": None}


def test_a_table_that_cannot_be_compared_says_why(repo):
    put(repo, "a.csv", b"id,v\n1,2\n", "good")
    put(repo, "a.csv", b"id,v\n1,2,3\n", "ragged")

    found = counts(read_log(repo, "a.csv"))["ragged"]

    assert found.added is None
    assert "3 cells" in found.refused


def test_versions_that_are_not_here_are_not_counted(history):
    forget_packs(history)

    found = counts(read_log(history, "b.csv"))

    assert found["third"] == RowCounts(refused="its data is not here")
    assert found["first"] == RowCounts(3, 0, 0)


def test_counts_are_remembered(history):
    before = counts(read_log(history, "b.csv"))
    forget_packs(history)

    assert counts(read_log(history, "b.csv")) == before
    assert counts(read_log(history, "b.csv", key=()))["third"].refused == "its data is not here"


@pytest.mark.parametrize("damage", [b"", b"dvcache1", b"x" * 100])
def test_a_damaged_memory_is_made_again(history, damage):
    before = counts(read_log(history, "b.csv"))
    (file,) = (history.root / ".git/datav/cache/log").iterdir()
    file.write_bytes(damage)

    assert counts(read_log(history, "b.csv")) == before
    assert file.read_bytes() != damage


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"a": 1}', b'{"a": [1, 2, true, null]}', b'{"a": [-1, 0, 0, null]}']
)
def test_a_memory_that_says_nonsense_is_made_again(history, body):
    from datav.storage.caching import Cache

    before = counts(read_log(history, "b.csv"))
    Cache(history.root / ".git/datav/cache/log").write("rows", [body])

    assert counts(read_log(history, "b.csv")) == before


def test_a_condition_leaves_the_commits_that_changed_such_a_row(history):
    found = read_log(history, "b.csv", "id == 42")

    assert [entry.subject for entry in found.entries] == ["second", "first"]
    (second,), (first,) = (entry.changes[0].row_changes for entry in found.entries)
    assert (second.op, second.key, second.before, second.after) == (
        "changed",
        {"id": "42"},
        {"price": "10"},
        {"price": "12"},
    )
    assert (first.op, first.key, first.after) == ("added", {"id": "42"}, {"id": "42", "price": "10"})


def test_without_a_key_added_rows_have_none(history):
    history.write("datav.toml", history.read("datav.toml") + b'\n[table."*.csv"]\nkey = ["id"]\n')

    keys = {
        key: read_log(history, "b.csv", "id = 2", key=key).entries[-1].changes[0].row_changes[0].key
        for key in ((), None)
    }

    assert keys == {(): {}, None: {"id": "2"}}


def test_a_row_counts_that_met_the_condition_before_or_after(history):
    found = read_log(history, "b.csv", "price = 10 or id = 2")

    assert counts(found) == {
        "third": RowCounts(0, 1, 0),
        "second": RowCounts(0, 0, 1),
        "first": RowCounts(2, 0, 0),
    }


def test_a_limit_counts_the_commits_that_are_shown(history):
    found = read_log(history, "b.csv", "id = 42", limit=1)

    assert [entry.subject for entry in found.entries] == ["second"]


def test_the_rows_of_a_removed_table_are_told(history):
    history.remove("b.csv")
    history.commit("gone")

    found = read_log(history, "b.csv", "id = 42", limit=1)

    (change,) = found.entries[0].changes
    assert change.row_counts == RowCounts(0, 1, 0)
    assert change.row_changes[0].before == {"id": "42", "price": "12"}


def test_a_column_that_came_later_is_null_before(history):
    put(history, "b.csv", b"id,price,note\n1,7,\n42,12,x\n43,1,\n", "note")
    put(history, "b.csv", b"id,price,note\n1,7,\n42,12,y\n43,1,\n", "other note")

    assert [entry.subject for entry in read_log(history, "b.csv", "note = 'y'").entries] == ["other note"]


def test_a_column_that_no_version_has_is_an_error(history):
    with pytest.raises(UsageError, match="no column nope"):
        read_log(history, "b.csv", "nope = 1")


def test_a_commit_that_cannot_be_looked_into_is_shown_with_the_reason(history):
    forget_packs(history)

    found = read_log(history, "b.csv", "id = 42")

    assert counts(found)["second"] == RowCounts(refused="its data is not here")
    assert "rows not compared: its data is not here" in entry_text(found.entries[0], PLAIN, 80)


def test_only_some_rows_of_a_large_change_are_told(repo):
    put(repo, "a.csv", b"id\n" + b"".join(b"%d\n" % n for n in range(500)), "many")
    put(repo, "a.csv", b"id\n", "none")

    found = read_log(repo, "a.csv", "id >= 0")

    assert counts(found) == {"none": RowCounts(0, 500, 0), "many": RowCounts(500, 0, 0)}
    assert [len(entry.changes[0].row_changes) for entry in found.entries] == [MOST_ROWS, MOST_ROWS]
    assert entry_text(found.entries[0], PLAIN, 80).splitlines()[-1].strip() == "... 480 more rows"


def test_the_text_and_the_json_of_a_commit(history):
    found = read_log(history, "b.csv")
    lines = {entry.subject: entry_text(entry, PLAIN, 80).splitlines()[1] for entry in found.entries}

    assert lines["third"].endswith("b.csv  3 rows, -1 row, 24 B")
    assert lines["second"].endswith("a.csv  4 rows, +1 ~2 rows, 28 B")
    assert lines["first"].endswith("a.csv  3 rows, 23 B")
    told = log_json(read_log(history, "b.csv", "id = 42"))["commits"][0]["datasets"][0]
    assert told["rows"] == {"added": 0, "removed": 0, "changed": 1, "refused": None}
    assert told["changes"] == [
        {
            "op": "changed",
            "key": {"id": "42"},
            "before": {"price": "10"},
            "after": {"price": "12"},
            "count": 1,
        }
    ]


def test_a_directory_above_counts_the_rows_of_its_tables(repo):
    put(repo, "data/x.csv", b"id\n1\n", "x")
    put(repo, "data/x.csv", b"id\n1\n2\n", "more")

    assert counts(read_log(repo, "data")) == {"more": RowCounts(1, 0, 0), "x": RowCounts(1, 0, 0)}
