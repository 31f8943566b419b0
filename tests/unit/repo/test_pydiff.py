"""datav.diff: tables, files and directories of any version, from Python."""

import gc
import os

import pyarrow
import pytest
from pyarrow import parquet

import datav
from datav.errors import NoSuchPathError, UnknownDatasetError, UsageError
from datav.tables.result import FlipCount

TABLE = b"id,v\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(2000))
CHANGED = TABLE.replace(b"\n7,49\n", b"\n7,50\n")


@pytest.fixture
def filled(repo):
    """A table with a key and a directory, changed on disk since the commit."""
    repo.write("a.csv", TABLE)
    repo.write("d/s/t.csv", TABLE)
    repo.write("d/x", b"x")
    repo.add("d")
    repo.add("a.csv", key=["id"])
    repo.commit("first")
    repo.write("a.csv", CHANGED)
    repo.write("d/s/t.csv", CHANGED)
    return repo


def changes(result):
    return [(change.op, dict(change.key), dict(change.after)) for change in result.rows.changes()]


def test_a_version_and_a_file_on_disk_are_compared_by_the_key_of_the_manifest(filled):
    result = datav.diff("HEAD:a.csv", "a.csv", repo=filled.root)

    assert (result.rows.key, result.rows.changed, result.rows.unchanged) == (("id",), 1, 1999)
    assert changes(result) == [("changed", {"id": "7"}, {"v": "50"})]


def test_flips_are_counted_of_the_label_that_datav_toml_names(filled):
    settings = filled.path("datav.toml")
    settings.write_text(settings.read_text() + '[table."a.csv"]\nlabel = "v"\n')

    flips = datav.diff("HEAD:a.csv", "a.csv", repo=filled.root).rows.label_flips

    assert (flips.label, flips.flipped, flips.rows_compared) == ("v", 1, 2000)
    assert (flips.matrix, flips.examples) == ((FlipCount("49", "50", 1),), ({"id": "7"},))
    assert datav.diff("HEAD:d/s/t.csv", "d/s/t.csv", repo=filled.root).rows.label_flips is None


def test_rows_can_be_read_as_long_as_the_result_is_there_and_more_than_once(filled):
    result = datav.diff("HEAD:a.csv", "a.csv", repo=filled.root)
    gc.collect()

    assert changes(result) == changes(result)
    iterator = result.rows.changes()
    del result
    gc.collect()
    assert [change.op for change in iterator] == ["changed"]


def test_files_outside_of_a_repository_of_two_formats(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"id,v\n1,x\n2,y\n")
    parquet.write_table(pyarrow.table({"id": ["1", "2"], "v": ["x", "z"]}), tmp_path / "b.parquet")

    result = datav.diff(tmp_path / "a.csv", str(tmp_path / "b.parquet"), key="id", repo=tmp_path)

    assert result.rows.changed_cells == {"v": 1}


def test_tables_in_memory_and_whatever_gives_arrow(tmp_path):
    class Other:
        """A table of some other library."""

        def __init__(self, table):
            self._table = table

        def __arrow_c_stream__(self, requested_schema=None):
            return self._table.__arrow_c_stream__(requested_schema)

    before = pyarrow.table({"id": [1, 2], "v": [1.0, 2.0]})
    after = pyarrow.table({"id": [1, 3], "v": [1.5, 2.0]})

    result = datav.diff(before, Other(after), key=["id"], repo=tmp_path)

    assert (result.rows.added, result.rows.removed, result.rows.changed) == (1, 1, 1)
    assert datav.diff(before, after, key="id", tolerance={"v": 0.5}, repo=tmp_path).rows.changed == 0
    assert datav.diff(before, after, key="id", tolerance="50%", repo=tmp_path).rows.changed == 0
    assert datav.diff(before, after, key="id", ignore_columns="v", repo=tmp_path).rows.changed == 0
    assert datav.diff(before, after, key="id", where="id = 1", repo=tmp_path).rows.added == 0


def test_a_table_in_memory_and_a_version(filled):
    table = pyarrow.table({"id": ["7"], "v": ["49"]})

    result = datav.diff("HEAD:a.csv", table, repo=filled.root)

    assert (result.rows.removed, result.rows.changed, result.rows.key) == (1999, 0, ("id",))


def test_directories_give_what_differs_in_them(filled):
    stored = datav.diff("HEAD:d", "d", key="id", repo=filled.root)
    below = datav.diff("HEAD:d/s", "d/s", key="id", repo=filled.root)
    filled.add("d")
    filled.commit("second")
    versions = datav.diff("HEAD~1:d", "HEAD:d", key="id", repo=filled.root)

    for result, name in ((stored, b"s/t.csv"), (below, b"t.csv"), (versions, b"s/t.csv")):
        (item,) = result.datasets[0].files.items
        assert (item.path, item.status) == (name, "modified")
        assert [change.op for change in item.table.rows.changes()] == ["changed"]
    assert datav.diff("HEAD:d", "d", repo=filled.root).is_empty


def test_two_directories_on_disk(tmp_path):
    for name, content in {"x/a.csv": b"id\n1\n", "y/a.csv": b"id\n2\n", "x/b": b"1", "y/b": b"1"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    (item,) = datav.diff("x", "y", repo=tmp_path).datasets[0].files.items

    assert len(list(item.table.rows.changes())) == 2


def test_what_cannot_be_compared_is_an_error(filled):
    root = filled.root

    with pytest.raises(UsageError):
        datav.diff("a.csv", "d", repo=root)
    with pytest.raises(UsageError):
        datav.diff(3, "a.csv", repo=root)
    with pytest.raises(UnknownDatasetError):
        datav.diff("nope", "a.csv", repo=root)
    with pytest.raises(NoSuchPathError):
        datav.diff("HEAD:d/nope", "a.csv", repo=root)
    with pytest.raises(UsageError):
        datav.diff("d/x", "a.csv", repo=root)
    with pytest.raises(UsageError):
        datav.diff("HEAD:a.csv", "a.csv", tolerance="x", repo=root)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files cannot be counted here")
def test_nothing_stays_open_when_the_result_is_gone(filled):
    def compare():
        assert len(changes(datav.diff("HEAD:a.csv", "a.csv", repo=filled.root))) == 1
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    # The first opens what this process keeps: random numbers, its own modules.
    compare()
    before = compare()

    assert compare() <= before


@pytest.mark.parametrize("key", ["", [], ()])
def test_an_empty_key_is_none_as_on_the_command_line(filled, key):
    result = datav.diff("HEAD:a.csv", "a.csv", key=key, columns="", repo=filled.root)

    assert (result.rows.key, result.rows.added, result.rows.removed) == ((), 1, 1)


@pytest.mark.parametrize("argument", ["key", "columns", "ignore_columns"])
@pytest.mark.parametrize("names", [0, [1], ["id", None]])
def test_what_is_no_name_of_a_column_is_an_error(tmp_path, argument, names):
    table = pyarrow.table({"id": [1]})

    with pytest.raises(UsageError) as error:
        datav.diff(table, table, repo=tmp_path, **{argument: names})

    assert str(error.value) == f"{argument} should be the name of a column, or several, and is {names!r}"


def test_a_column_that_arrow_cannot_take_is_named(tmp_path):
    class Frame:
        def __arrow_c_stream__(self, requested_schema=None):
            raise pyarrow.ArrowInvalid("Could not convert 'a'", "Conversion failed for column mixed")

    with pytest.raises(
        UsageError, match=r"Frame cannot be read as .*: Conversion failed for column mixed: Could"
    ):
        datav.diff(Frame(), Frame(), repo=tmp_path)


def test_a_batch_is_what_the_documentation_says(filled):
    result = datav.diff("HEAD:a.csv", "a.csv", repo=filled.root)

    (batch,) = result.rows.batches()

    assert (batch.op, batch.has_key, batch.counts) == ("changed", True, None)
    assert (batch.before.to_pylist(), batch.after.to_pylist()) == (
        [{"id": b"7", "v": b"49"}],
        [{"id": b"7", "v": b"50"}],
    )
    assert {name: mask.to_pylist() for name, mask in batch.differs.items()} == {"v": [True]}
