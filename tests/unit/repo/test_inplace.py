"""datav.open and datav.read_table."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pytest

import datav
from datav.errors import FormatError, NotAFileError, UnknownRevisionError, UsageError
from datav.repo.farreading import close_connections
from tests.support.datasets import random_bytes
from tests.support.inplace import move_to_remote

TABLE = pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"], "x": [0.5, 1.5, 2.5]})


@pytest.fixture(autouse=True)
def closed():
    yield
    close_connections()


@pytest.fixture
def at(repo, monkeypatch):
    monkeypatch.chdir(repo.root)
    return repo


def put(repo, name, content):
    repo.write(name, content)
    repo.add(name)


def encoded(write):
    sink = pa.BufferOutputStream()
    write(sink)
    return sink.getvalue().to_pybytes()


def stream(sink):
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)


BINARY = {
    "t.parquet": lambda sink: pa.parquet.write_table(TABLE, sink),
    "t.feather": lambda sink: pa.feather.write_feather(TABLE, sink),
    "t.arrows": stream,
}
TEXT = {
    "t.csv": b"id,name,x\n1,a,0.5\n2,b,1.5\n3,c,2.5\n",
    "t.tsv": b"id\tname\tx\n1\ta\t0.5\n2\tb\t1.5\n3\tc\t2.5\n",
    "semicolon.csv": b'id;name;x\n1;"a";0.5\n2;b;1.5\n3;c;2.5\n',
    "mark.csv": "\ufeffid,name,x\n1,a,0.5\n2,b,1.5\n3,c,2.5\n".encode(),
    "wide.csv": "\ufeffid,name,x\n1,a,0.5\n2,b,1.5\n3,c,2.5\n".encode("utf-16-le"),
    "t.jsonl": b'{"id":1,"name":"a","x":0.5}\n{"id":2,"name":"b","x":1.5}\n{"id":3,"name":"c","x":2.5}\n',
}


@pytest.mark.parametrize("name", [*BINARY, *TEXT])
def test_a_table_is_read_whole_or_by_columns(at, name):
    put(at, name, TEXT[name] if name in TEXT else encoded(BINARY[name]))

    assert datav.read_table(name).to_pydict() == TABLE.to_pydict()
    assert datav.read_table(name, columns=["x", "id"]).to_pydict() == TABLE.select(["x", "id"]).to_pydict()
    with pytest.raises(UsageError, match="no column y") as error:
        datav.read_table(name, columns=["id", "y"])
    assert error.value.hint == "it has id, name, x"


def test_cells_with_accents_are_read_as_they_were_written(at):
    put(at, "t.csv", "id,ort\n1,Köln\n2,Zürich\n".encode("latin-1"))

    assert datav.read_table("t.csv")["ort"].to_pylist() == ["Köln", "Zürich"]


def test_a_cell_may_hold_line_ends(at):
    put(at, "t.csv", b'id,text\n1,"one\ntwo"\n2,three\n')

    assert datav.read_table("t.csv")["text"].to_pylist() == ["one\ntwo", "three"]


def test_a_table_in_a_directory_is_read_at_its_version(at, tmp_path, monkeypatch):
    for version in (1, 2):
        at.write("d/t.csv", b"id\n%d\n" % version)
        at.add("d")
        at.commit(str(version))
    move_to_remote(at, tmp_path / "remote")
    monkeypatch.chdir(tmp_path)

    assert datav.read_table("d/t.csv", "HEAD~1", repo=at.root).to_pydict() == {"id": [1]}
    assert datav.read_table("d/t.csv", repo=at.root).to_pydict() == {"id": [2]}


@pytest.mark.parametrize(
    ("name", "content"), [("a.bin", b"\0\1"), ("a.csv", b""), ("old.feather", b"FEA1" + bytes(20) + b"FEA1")]
)
def test_what_is_no_table_is_not_read(at, name, content):
    put(at, name, content)

    with pytest.raises(UsageError):
        datav.read_table(name)


def test_a_table_that_is_damaged_is_an_error_of_format(at):
    put(at, "t.parquet", b"PAR1" + random_bytes(200) + b"PAR1")

    with pytest.raises(FormatError, match="cannot be read as parquet"):
        datav.read_table("t.parquet")


def test_a_file_is_opened_at_its_version(at):
    for version in (b"one\n", b"two\n"):
        put(at, "me@home.txt", version)
        at.commit("version")

    with datav.open("me@home.txt") as file:
        assert file.read() == b"two\n"
    with datav.open("me@home.txt", "HEAD~1", mode="r") as file:
        assert list(file) == ["one\n"]
    with pytest.raises(UnknownRevisionError):
        datav.open("me@home.txt", "v9")
    with pytest.raises(FileNotFoundError):
        datav.open("none.txt")
    with pytest.raises(UsageError):
        datav.open("me@home.txt", mode="w")


def test_a_directory_is_no_file(at):
    at.write("d/a", b"1")
    at.add("d")

    with pytest.raises(NotAFileError):
        datav.open("d")


def test_the_public_face_costs_nothing_until_it_is_used():
    program = (
        "import sys, datav; print(sorted(n for n in sys.modules if n.startswith(('datav.', 'pyarrow'))))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_the_public_face_has_no_other_names():
    assert datav.__all__ == ["diff", "open", "read_table"]
    with pytest.raises(AttributeError):
        _ = datav.nothing


def test_reading_here_imports_nothing_for_far_away(at):
    put(at, "a.bin", b"content")
    program = (
        "import sys, datav; datav.open('a.bin').read();"
        "print([n for n in ('fsspec', 'asyncio', 'pyarrow', 'datav.repo.connecting') if n in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=at.root, capture_output=True, text=True)

    assert done.stdout == "[]\n", done.stderr
