"""Tables as rules see them: the same cells, columns and keys whatever they are written in."""

import io
from contextlib import contextmanager

import pyarrow
import pytest
from pyarrow import ipc, parquet

from datav.errors import MissingChunkError, TableError, UnknownDatasetError
from datav.relpath import RelPath
from datav.repo.checkends import CheckEnd, State
from datav.repo.checkothers import OthersAt
from datav.repo.checksubjects import list_files, subject_in, subject_of
from datav.repo.checkversions import Opened
from datav.repo.datasets import Dataset
from datav.tables import textfacts

ROWS = [(1, "x", 0.5), (2, None, 1.5), (2, "Zoë", None), (4, "a,b", 2.0)]


def as_csv() -> bytes:
    return 'id,name,price\n1,x,0.5\n2,,1.5\n2,Zoë,\n4,"a,b",2.0\n'.encode()


def as_jsonl() -> bytes:
    return (
        b'{"id": 1, "name": "x", "price": 0.5}\n{"id": 2, "price": 1.5}\n'
        b'{"id": 2, "name": "Zo\\u00eb", "price": null}\n{"id": 4, "name": "a,b", "price": 2.0}\n'
    )


def table() -> pyarrow.Table:
    ids, names, prices = zip(*ROWS, strict=True)
    return pyarrow.table({"id": list(ids), "name": pyarrow.array(names).dictionary_encode(), "price": prices})


def as_parquet() -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table(), sink, row_group_size=3)
    return sink.getvalue()


def as_arrow(*, stream: bool = False) -> bytes:
    sink = io.BytesIO()
    with (ipc.new_stream if stream else ipc.new_file)(sink, table().schema) as writer:
        writer.write_table(table(), max_chunksize=2)
    return sink.getvalue()


FILES = {
    "a.csv": as_csv(),
    "a.jsonl": as_jsonl(),
    "a.parquet": as_parquet(),
    "a.arrow": as_arrow(),
    "a.arrows": as_arrow(stream=True),
}


DISK = CheckEnd(None, None)


@contextmanager
def subject(repo, name: str, end: CheckEnd = DISK):
    with repo.open() as repository, Opened(repository) as opened:
        dataset = Dataset(RelPath(name.encode()))
        found = State(repository, end).read([dataset], {})[dataset]
        yield subject_of(opened.version(found, end.commit))


def cells(subject, *columns: str) -> list[tuple]:
    batches = subject.batches(columns)
    return [tuple(row[name] for name in columns) for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize("name", FILES)
def test_every_format_has_the_same_columns_rows_and_keys(repo, name):
    repo.write(name, FILES[name])
    repo.add(name)

    with subject(repo, name) as found:
        assert [column.name for column in found.columns] == ["id", "name", "price"]
        assert found.row_count == 4
        text = name.endswith(".csv")
        wanted = [(str(i) if text else i, n) for i, n, _ in ROWS]
        assert cells(found, "id", "name") == wanted
        assert cells(found, "name", "id") == [(n, i) for i, n in wanted]
        unique, examples = found.is_key_unique(["id"])
        assert not unique
        assert len(examples) == 1
        assert examples[0].startswith("id=2 (")
        assert found.is_key_unique(["id", "name"]) == (True, ())


def test_cells_of_json_have_their_own_types(repo):
    repo.write("a.jsonl", b'{"n": 1, "b": true, "f": 1, "m": 1, "s": "1"}\n{"f": 0.5, "m": "x", "s": "t"}\n')
    repo.add("a.jsonl")

    with subject(repo, "a.jsonl") as found:
        assert cells(found, "n", "b", "f", "m", "s") == [
            (1, True, 1.0, "1", "1"),
            (None, None, 0.5, "x", "t"),
        ]


def test_bytes_that_are_no_text_are_shown(repo):
    repo.write("a.csv", b"id,v\n" + b"1,plain\n" * 300_000 + b"2,\xff\n")
    repo.add("a.csv")

    with subject(repo, "a.csv") as found:
        assert cells(found, "v")[-1] == ("\\xff",)


def test_a_key_says_in_which_lines_it_is(repo):
    repo.write("a.csv", b'id,v\n1,"two\nlines"\n7,a\n7,b\n7,c\n')
    repo.add("a.csv")

    with subject(repo, "a.csv") as found:
        assert found.is_key_unique(["id"]) == (False, ("id=7 (lines 4 and 5)",))


def test_whether_a_key_is_unique_is_remembered(repo, monkeypatch):
    monkeypatch.setattr(textfacts, "_WORTH_IT", 0)
    repo.write("a.csv", as_csv())
    repo.write("a.parquet", as_parquet())
    repo.add("a.csv", "a.parquet")
    for name in ("a.csv", "a.parquet"):
        with subject(repo, name) as found:
            assert found.is_key_unique(["id", "name"])[0]

    for name in ("a.csv", "a.parquet"):
        with subject(repo, name) as found:
            version = found._first
            monkeypatch.setattr(type(version), "scan", None)
            if name == "a.csv":
                monkeypatch.setattr(type(version), "scan_records", None)
            assert found.is_key_unique(["id", "name"]) == (True, ())


def test_a_partitioned_directory_is_one_table(repo):
    for day, ids in (("1", [1, 2]), ("2", [2, 3])):
        repo.write(f"d/day={day}/part.csv", b"id,v\n" + b"".join(b"%d,x\n" % i for i in ids))
    repo.add("d")

    with subject(repo, "d") as found:
        assert {column.name for column in found.columns} == {"id", "v", "day"}
        assert found.format == "csv"
        assert found.row_count == 4
        assert cells(found, "day", "id") == [("1", "1"), ("1", "2"), ("2", "2"), ("2", "3")]
        assert found.is_key_unique(["id", "day"]) == (True, ())
        unique, examples = found.is_key_unique(["id"])
        assert (unique, examples) == (
            False,
            ("id=2 (line 3 of day=1/part.csv and line 2 of day=2/part.csv)",),
        )


def test_a_file_in_a_directory_is_a_table_of_its_own(repo):
    repo.write("d/a.csv", as_csv())
    repo.write("d/b.csv", b"other\n1\n")
    repo.add("d")

    with repo.open() as repository, Opened(repository) as opened:
        dataset = Dataset(RelPath(b"d"))
        version = opened.version(State(repository, CheckEnd(None, None)).read([dataset], {})[dataset])
        found = {entry.path: subject_in(version, entry) for entry in list_files(version)}

        assert found[b"d/a.csv".removeprefix(b"d/")].path == "d/a.csv"
        assert found[b"b.csv"].row_count == 1
        with pytest.raises(TableError, match="d is no table"):
            assert subject_of(version).profile


def test_an_edited_file_is_read_as_it_is_and_not_as_its_manifest_says(repo):
    repo.write("a.csv", as_csv())
    repo.add("a.csv", key=("id",))
    first = repo.commit()
    repo.write("a.csv", b"id,name,price,new\n9,n,1,2\n")

    with subject(repo, "a.csv") as found:
        assert [column.name for column in found.columns] == ["id", "name", "price", "new"]
        assert found.row_count == 1
        assert found.key == ("id",)
    with subject(repo, "a.csv", CheckEnd("HEAD", first)) as found:
        assert found.row_count == 4
        assert len(cells(found, "id")) == 4


def test_meta_is_what_the_manifest_says(repo):
    repo.write("a.csv", as_csv())
    repo.add("a.csv")
    manifest = repo.path("a.csv.datav")
    manifest.write_text(manifest.read_text() + '\n[meta]\nsource = "bank"\n[meta.units]\nprice = "EUR"\n')

    with subject(repo, "a.csv") as found:
        assert found.meta == {"source": "bank", "units": {"price": "EUR"}}


def test_data_that_is_nowhere_is_an_error_where_rows_are_needed(repo):
    repo.write("a.csv", as_csv())
    repo.add("a.csv")
    repo.commit()
    repo.path("a.csv").unlink()
    for pack in repo.path(".git/datav/store").rglob("*.pack"):
        pack.unlink()
    for pack in repo.path(".git/datav/store").rglob("*.idx"):
        pack.unlink()

    with (
        subject(repo, "a.csv", CheckEnd("HEAD", repo.rev("HEAD"))) as found,
        pytest.raises(MissingChunkError),
    ):
        cells(found, "id")


@pytest.mark.parametrize("where", ["disk", "commit", "staged"])
def test_other_tables_are_datasets_files_in_one_and_tracked_files(repo, where):
    repo.write("a.csv", as_csv())
    repo.write("d/in.csv", b"id\n1\n2\n")
    repo.write("d/other.bin", b"\0")
    repo.add("a.csv", "d")
    repo.write("codes.csv", b"code,what\nx,y\n")
    repo.path("link.csv").symlink_to("codes.csv")
    commit = repo.commit()
    end = {
        "disk": CheckEnd(None, None),
        "commit": CheckEnd("HEAD", commit),
        "staged": CheckEnd(None, None, staged=True),
    }[where]

    with repo.open() as repository, Opened(repository) as opened:
        others = OthersAt(opened, State(repository, end))

        assert others.find("a.csv").row_count == 4
        assert cells(others.find("d/in.csv"), "id") == [("1",), ("2",)]
        assert cells(others.find("codes.csv"), "what") == [("y",)]
        assert [column.name for column in others.find("codes.csv").columns] == ["code", "what"]
        for name in ("nope.csv", "d/nope.csv", "a.csv/x", "../x", "link.csv"):
            with pytest.raises(UnknownDatasetError):
                others.find(name)
        with pytest.raises(TableError):
            assert others.find("d/other.bin").profile
