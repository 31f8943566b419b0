"""The fsspec file system: what lies where, what is in it, and which version a path means."""

import json
import os
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest

from datav.errors import (
    MissingChunkError,
    NotAFileError,
    NotARepositoryError,
    UnknownRevisionError,
    UsageError,
)
from datav.repo.farreading import close_connections
from datav.repo.filesystem import DatavFileSystem
from tests.support.datasets import random_bytes
from tests.support.inplace import move_to_remote


@pytest.fixture(autouse=True)
def closed():
    yield
    close_connections()


@pytest.fixture
def data(repo, monkeypatch):
    """Two tagged versions of a file, of a directory, and of a file that has an `@` in its name."""
    for version in (1, 2):
        repo.write("data/big.bin", random_bytes(200_000, version))
        repo.write("data/sub/me@home.txt", b"home %d" % version)
        for name in ("a.txt", "b/1.txt", "b/2.txt", "b-c.txt"):
            repo.write(f"images/{name}", b"%d:%s" % (version, name.encode()))
        if version == 1:
            repo.path("images/empty").mkdir()
            repo.path("images/link").symlink_to("a.txt")
        repo.add("data/big.bin", "data/sub/me@home.txt", "images")
        repo.commit(f"version {version}")
        repo.git("tag", f"v{version}")
    monkeypatch.chdir(repo.root)
    return repo


def test_the_protocol_is_known_to_fsspec(data):
    fs, path = fsspec.url_to_fs("datav://images/a.txt@v1")

    assert isinstance(fs, DatavFileSystem)
    assert fs.cat_file(path) == b"1:a.txt"


def test_a_path_is_of_the_work_tree_or_of_its_revision(data):
    fs = DatavFileSystem()
    data.write("images/a.txt", b"edited")
    data.add("images")

    assert fs.cat_file("images/a.txt") == b"edited"
    assert fs.cat_file("datav://images/a.txt@v2") == b"2:a.txt"
    assert fs.cat_file("images/a.txt@HEAD~1") == b"1:a.txt"
    assert fs.cat_file("images@v1/a.txt") == b"1:a.txt"
    assert fs.cat_file("@v1/images/a.txt") == b"1:a.txt"


def test_a_branch_with_slashes_is_a_revision_too(data):
    data.git("branch", "ann/try", "v1")
    fs = DatavFileSystem()

    assert fs.cat_file("images/b/1.txt@ann/try") == b"1:b/1.txt"
    assert fs.cat_file("images@ann/try/b/1.txt") == b"1:b/1.txt"


def test_with_a_revision_no_path_is_looked_into(data):
    fs = DatavFileSystem(rev="v1")

    assert fs.cat_file("data/sub/me@home.txt") == b"home 1"
    with pytest.raises(FileNotFoundError):
        fs.info("images/a.txt@v2")


def test_a_path_with_an_at_sign_is_reached(data):
    data.git("branch", "home.txt", "v1")
    fs = DatavFileSystem()

    # The last one counts where it is followed by a revision; at the end it closes the path.
    assert fs.cat_file("data/sub/me@home.txt@v1") == b"home 1"
    assert fs.cat_file("data/sub/me@home.txt@") == b"home 2"
    assert fs.exists("data/sub/me@home.txt") is False
    data.git("branch", "-D", "home.txt")
    assert DatavFileSystem().cat_file("data/sub/me@home.txt") == b"home 2"


def test_a_revision_that_git_does_not_know_is_named(data):
    with pytest.raises(UnknownRevisionError):
        DatavFileSystem(rev="v9")
    with pytest.raises(FileNotFoundError, match="git knows no commit 'v9'"):
        DatavFileSystem().open("images/a.txt@v9")


def test_a_file_system_is_one_version_whatever_git_does_meanwhile(data):
    fixed, free = DatavFileSystem(rev="main"), DatavFileSystem()
    before = free.cat_file("images/a.txt@main")
    data.write("images/a.txt", b"3")
    data.add("images")
    data.commit("third")
    copies = [pickle.loads(pickle.dumps(fs)) for fs in (fixed, free)]

    assert before == b"2:a.txt"
    assert [fs.cat_file("images/a.txt") for fs in (fixed, copies[0])] == [b"2:a.txt"] * 2
    assert [fs.cat_file("images/a.txt@main") for fs in (free, copies[1])] == [b"2:a.txt"] * 2
    assert DatavFileSystem(rev="main").cat_file("images/a.txt") == b"3"
    assert DatavFileSystem(rev="main") != fixed == copies[0]


def test_a_pickle_knows_where_the_repository_is(data, tmp_path, monkeypatch):
    stored = pickle.dumps(DatavFileSystem(rev="v1"))
    text = DatavFileSystem(rev="v1").to_json()
    monkeypatch.chdir(tmp_path)

    assert pickle.loads(stored).cat_file("images/a.txt") == b"1:a.txt"
    assert fsspec.AbstractFileSystem.from_json(text).cat_file("images/a.txt") == b"1:a.txt"
    assert json.loads(text)["repo"] == str(data.root)
    with pytest.raises(NotARepositoryError):
        DatavFileSystem()


def test_directories_are_listed_at_their_version(data):
    data.git("rm", "-q", "--cached", "images.datav")
    data.path("images.datav").unlink()
    fs = DatavFileSystem()

    assert fs.ls("", detail=False) == ["data"]
    assert fs.ls("@v1", detail=False) == ["@v1/data", "@v1/images"]
    assert fs.ls("images@v1", detail=False) == [
        "images@v1/a.txt",
        "images@v1/b",
        "images@v1/b-c.txt",
        "images@v1/empty",
        "images@v1/link",
    ]
    assert fs.ls("images@v1/b", detail=False) == ["images@v1/b/1.txt", "images@v1/b/2.txt"]
    assert fs.ls("images@v1/empty") == []
    assert [info["type"] for info in fs.ls("data")] == ["file", "directory"]
    with pytest.raises(FileNotFoundError):
        fs.ls("images")


def test_what_is_known_of_a_path(data):
    fs = DatavFileSystem(rev="v1")

    assert fs.info("data/big.bin") == {
        "name": "data/big.bin",
        "size": 200_000,
        "type": "file",
        "islink": False,
        "executable": False,
        "id": f"b3:{DatavFileSystem(rev='v1').info('data/big.bin')['id'][3:]}",
    }
    assert fs.info("images/link")["type"] == "link"
    assert [fs.isdir(path) for path in ("", "data", "images", "images/b", "images/empty", "none")] == [
        True,
        True,
        True,
        True,
        True,
        False,
    ]
    assert [fs.isfile(path) for path in ("data/big.bin", "images/a.txt", "images", "images/link")] == [
        True,
        True,
        False,
        False,
    ]
    assert [fs.exists(path) for path in ("images/b", "images/none", "../x", "data/big.bin/x")] == [
        True,
        False,
        False,
        False,
    ]
    assert fs.modified("images/a.txt") == fs.modified("data/big.bin")


def test_what_is_equal_has_one_checksum(data):
    data.write("copy.bin", random_bytes(200_000, 1))
    data.add("copy.bin")
    fs = DatavFileSystem()

    assert fs.checksum("copy.bin") == fs.checksum("data/big.bin@v1") != fs.checksum("data/big.bin")


@pytest.mark.parametrize("options", [{"rev": "v1"}, {}])
def test_finding_and_globbing_agree_with_listing(data, options):
    fs = DatavFileSystem(**options)
    mark = "" if options else "@v1"
    walked = {
        f"{top}/{name}".lstrip("/") for top, _, names in fs.walk(f"images{mark}") for name in names if name
    }

    found = fs.find(f"images{mark}")
    deep = fs.find(f"images{mark}", withdirs=True)

    assert set(found) == walked
    assert set(deep) - set(found) == {f"images{mark}", f"images{mark}/b", f"images{mark}/empty"}
    assert fs.find(f"images{mark}", maxdepth=1) == [path for path in found if path.count("/") == 1]
    assert fs.find("none") == []
    assert fs.glob(f"images{mark}/**/1.txt") == [f"images{mark}/b/1.txt"]
    assert fs.glob(f"images/*/*.txt{mark}") == [f"images{mark}/b/{n}.txt" for n in (1, 2)]
    assert fs.glob(f"images/b/*.txt{mark}") == [f"images/b{mark}/{n}.txt" for n in (1, 2)]
    assert fs.glob(f"datav://*/*.bin{mark}") == [f"{mark}/data/big.bin".lstrip("/")]


def test_every_name_that_is_listed_can_be_opened(data):
    fs = DatavFileSystem()

    for top in ("", "@v1", "data@v1", "images/b@v1"):
        for name, info in fs.find(top, detail=True).items():
            assert fs.info(name) == info
            if info["type"] == "file":
                assert len(fs.cat_file(name)) == info["size"]


def test_parts_are_read_as_python_slices(data):
    fs = DatavFileSystem(rev="v1")
    content = random_bytes(200_000, 1)
    bounds = [(0, 10), (None, 5), (150_000, None), (-10, None), (5, -5), (10, 5), (199_990, 300_000)]

    parts = fs.cat_ranges(["data/big.bin"] * len(bounds), [a for a, _ in bounds], [b for _, b in bounds])

    assert parts == [content[a:b] for a, b in bounds]
    assert [fs.cat_file("data/big.bin", a, b) for a, b in bounds] == parts
    assert fs.read_block("data/big.bin", 100, 50) == content[100:150]
    assert fs.head("data/big.bin", 7) == content[:7]
    assert fs.tail("data/big.bin", 7) == content[-7:]


def test_ranges_of_several_files_tell_which_failed(data):
    fs = DatavFileSystem(rev="v1")

    good, bad, again = fs.cat_ranges(["images/a.txt", "none", "images/a.txt"], 0, 3)

    assert (good, again) == (b"1:a", b"1:a")
    assert isinstance(bad, FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges(["none"], 0, 3, on_error="raise")


def test_text_is_opened(data):
    with fsspec.open("datav://images/a.txt@v1", "rt") as file:
        assert file.read() == "1:a.txt"


def test_what_is_no_file_is_not_opened(data):
    fs = DatavFileSystem(rev="v1")

    for path in ("images", "images/b", "data", ""):
        with pytest.raises(NotAFileError):
            fs.open(path)
    with pytest.raises(UsageError, match="symbolic link to a"):
        fs.open("images/link")
    with pytest.raises(FileNotFoundError):
        fs.open("images/none")


def test_nothing_can_be_written(data):
    fs = DatavFileSystem()

    for action in (
        lambda: fs.open("new.csv", "wb"),
        lambda: fs.open("images/a.txt", "ab"),
        lambda: fs.pipe("new.csv", b"1"),
        lambda: fs.mkdir("new"),
        lambda: fs.rm("images", recursive=True),
        lambda: fs.mv("images", "other"),
        lambda: fs.touch("new.csv"),
    ):
        with pytest.raises(UsageError) as error:
            action()
        assert "datav add" in error.value.hint
    assert not data.path("new.csv").exists()


def test_all_is_read_from_a_remote_from_several_threads(data, tmp_path):
    move_to_remote(data, tmp_path / "remote")
    fs = DatavFileSystem(rev="v1")
    content = random_bytes(200_000, 1)
    starts = range(0, 200_000, 9_999)

    with fs.open("data/big.bin") as file, ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(lambda at: fs.cat_file("data/big.bin", at, at + 20_000), starts))
        # One file has one place where it stands: nobody gets what another thread asked for twice.
        blocks = list(threads.map(lambda _: file.read(1000), range(200)))

    assert parts == [content[at : at + 20_000] for at in starts]
    assert sorted(blocks) == sorted(content[at : at + 1000] for at in range(0, 200_000, 1000))


def test_what_is_nowhere_is_an_error_and_not_an_absence(data, tmp_path):
    move_to_remote(data, tmp_path / "remote")
    for index in (tmp_path / "remote/index").iterdir():
        index.unlink()
    fs = DatavFileSystem(rev="v1")

    assert fs.exists("data/big.bin")
    with pytest.raises(MissingChunkError, match="neither in the local store nor at"):
        fs.exists("images/a.txt")
    with pytest.raises(MissingChunkError, match="neither in the local store nor at"):
        fs.open("data/big.bin")


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="there is no safe fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_reads_on(data, tmp_path):
    move_to_remote(data, tmp_path / "remote")
    fs = DatavFileSystem(rev="v1")
    assert fs.cat_file("data/big.bin", 0, 100) == random_bytes(200_000, 1)[:100]

    child = os.fork()
    if child == 0:
        # Nothing of the test may run in the child.
        try:
            os._exit(0 if fs.cat_file("data/big.bin") == random_bytes(200_000, 1) else 1)
        finally:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_million_files_cost_the_nodes_on_the_way(data, tmp_path):
    for number in range(3000):
        data.write(f"many/{number:04}", b"%d" % number)
    data.add("many")
    data.commit("many")
    move_to_remote(data, tmp_path / "remote")
    fs = DatavFileSystem(rev="main")
    source = fs._opened.source
    asked = []
    read_many, lock = source.read_many, threading.Lock()

    def counted(ids, *, nodes):
        with lock:
            asked.extend(ids)
        return read_many(ids, nodes=nodes)

    source.read_many = counted

    assert fs.info("many/1234")["size"] == 4
    assert len(asked) <= 4
