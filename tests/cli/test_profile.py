"""`datav profile`, and what other commands say of profiles."""

import io
import json
import os
import shutil
import sys

import pyarrow
import pytest
from pyarrow import parquet

from datav.repo import profiledisk
from datav.repo.farreading import close_connections
from tests.cli.conftest import Cli

TABLE = b"id,species,length\n" + b"".join(
    b"%d,%s,%.1f\n" % (number, [b"cat", b"dog"][number % 2], number / 10) for number in range(200)
)
OTHER = TABLE.replace(b"cat", b"cow")


@pytest.fixture(autouse=True)
def closed():
    yield
    close_connections()


@pytest.fixture
def table(cli) -> Cli:
    """A table with its profile, committed."""
    cli.repo.write("t.csv", TABLE)
    cli.ok("add", "t.csv")
    cli.repo.commit("first")
    return cli


def manifest(cli: Cli, name: str = "t.csv") -> str:
    return cli.repo.read(f"{name}.datav").decode()


def profiles_in(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("profile")]


# ---------------------------------------------------------------- add names them


def test_add_names_a_profile(table):
    (line,) = profiles_in(manifest(table))
    assert "b3:" in line
    assert table.ok("status", "--json").json["datasets"][0]["lacks_profile"] is False


def test_the_same_data_has_the_same_manifest_in_every_clone(table, tmp_path):
    other = Cli(type(table.repo).init(tmp_path / "other"))
    other.ok("init")
    other.repo.commit("set up")
    # Another history: an older version, profiled first.
    other.repo.write("t.csv", OTHER + b"7,x,1\n")
    other.ok("add", "t.csv")
    other.repo.write("t.csv", TABLE)
    other.ok("add", "t.csv")

    assert manifest(other) == manifest(table)


def test_what_is_added_again_keeps_its_profile(table):
    before = manifest(table)
    shutil.rmtree(table.repo.path(".git/datav/cache"), ignore_errors=True)
    table.repo.write("t.csv", TABLE)

    table.ok("add", "t.csv")

    assert manifest(table) == before


def test_a_directory_that_is_added_again_keeps_its_profile(cli, monkeypatch):
    cli.repo.write("d/a.csv", TABLE)
    cli.ok("add", "d")
    before = manifest(cli, "d")
    assert len(profiles_in(before)) == 1
    shutil.rmtree(cli.repo.path(".git/datav/cache"), ignore_errors=True)
    monkeypatch.setattr(profiledisk, "AUTO_SIZE", 10)
    cli.repo.write("d/a.csv", TABLE)

    cli.ok("add", "d")

    assert manifest(cli, "d") == before


def set_profile(cli: Cli, when: str) -> None:
    text = cli.repo.read("datav.toml").decode()
    cli.repo.write("datav.toml", f'profile = "{when}"\n{text}'.encode())


def test_never_makes_none_and_asks_for_none(cli):
    set_profile(cli, "never")
    cli.repo.write("t.csv", TABLE)

    done = cli.ok("add", "t.csv")

    assert "profile" not in done.out
    assert profiles_in(manifest(cli)) == []
    assert "profile" not in cli.ok("status").out
    assert cli.ok("profile", "t.csv", "--json").json["table"]["rows"] == 200


def test_auto_leaves_what_is_large_for_whoever_asks(cli, monkeypatch):
    monkeypatch.setattr(profiledisk, "AUTO_SIZE", 1000)
    cli.repo.write("t.csv", TABLE)

    done = cli.ok("add", "t.csv")

    assert "t.csv: no profile yet, for its size: `datav profile t.csv` makes one" in done.out
    assert cli.ok("status", "--json").json["datasets"][0]["lacks_profile"] is True
    assert "no profile: t.csv" in cli.ok("status").out

    asked = cli.ok("profile", "t.csv")
    cli.ok("add", "t.csv")

    assert "`datav add t.csv` keeps this profile with the data" in asked.out
    assert len(profiles_in(manifest(cli))) == 1
    assert "no profile" not in cli.ok("status").out


def test_always_makes_one_whatever_it_costs(cli, monkeypatch):
    monkeypatch.setattr(profiledisk, "AUTO_SIZE", 10)
    set_profile(cli, "always")
    cli.repo.write("t.csv", TABLE)

    cli.ok("add", "t.csv")

    assert len(profiles_in(manifest(cli))) == 1


@pytest.mark.parametrize("value", ['"sometimes"', "1", "true", "[]"])
def test_any_other_setting_is_refused(cli, value):
    text = cli.repo.read("datav.toml").decode()
    cli.repo.write("datav.toml", f"profile = {value}\n{text}".encode())

    assert "profile" in cli.fails("status").err


def parquet_of(values: dict) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(values), out)
    return out.getvalue()


HOSTILE = {
    "deep.jsonl": b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b'\n{"a":1}\n',
    "lists.jsonl": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b'}\n{"a":1}\n',
    "keys.jsonl": b"".join(b'{"k%d":%d}\n' % (number, number) for number in range(500)),
    "ragged.csv": b"a,b\n1,2\n3\n",
    "wide.csv": b",".join(b"c%d" % n for n in range(2000)) + b"\n" + b",".join([b"1"] * 2000) + b"\n",
    "infinite.csv": b"a\n" + b"1\n" * 50 + b"1e400\n-1e999\n",
    "huge.csv": b"a\n" + b"9" * 100_000 + b"\n",
    "same.csv": b"a,a,\n1,2,3\n",
    "control.csv": b'"a\x1b[31m\nb",c\n1,\x1b]0;x\x07\n',
    "cut.parquet": parquet_of({"a": [1, 2]})[:-20],
    "odd.parquet": parquet_of(
        {
            "a": pyarrow.array([[{"k": 1}], None]),
            "m": pyarrow.array([[("k", 1)], None], pyarrow.map_(pyarrow.string(), pyarrow.int32())),
            "d": pyarrow.array([1, None], pyarrow.decimal256(70, 3)),
            "t": pyarrow.array([1, None], pyarrow.time64("ns")),
            "x\n\x1b": pyarrow.array([b"\xff", None]),
        }
    ),
    "empty.csv": b"",
    "blank.csv": b"\n\n",
    "quote.csv": b'a,b\n1,"',
    "nul.csv": b"a,b\n\0,1\n",
    "utf16.csv": "a,b\n1,é\n".encode("utf-16"),
    "half.jsonl": b'{"a":"\\ud800"}\n{"a":"\\udfff"}\n',
    "big.jsonl": b'{"a":' + b"9" * 5000 + b'}\n{"a":1e99999}\n',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_table_stops_add_and_nothing_is_lost(cli, name):
    cli.repo.write(name, HOSTILE[name])
    cli.repo.write(f"d/{name}", HOSTILE[name])

    # What may end the process has one of its own.
    run = cli.process if name in ("deep.jsonl", "lists.jsonl") else cli
    done = run("add", name, "d")

    assert done.status == 0
    assert all(line.startswith("warning: ") for line in done.err.splitlines())
    cli.repo.path(name).unlink()
    cli.ok("restore", name)
    assert cli.repo.read(name) == HOSTILE[name]
    for path in (name, "d", f"d/{name}"):
        shown = run("profile", path)
        assert shown.status in (0, 2)
        assert len(shown.err.splitlines()) <= 2
        assert "\x1b" not in shown.out + shown.err
        if shown.status == 0:
            json.loads(run("profile", path, "--json").out)
    cli.ok("diff", "--json")
    cli.ok("verify")


def test_a_file_that_changes_while_it_is_added_has_no_profile(cli, monkeypatch):
    cli.repo.write("t.csv", TABLE)
    real = profiledisk.OpenFile

    def opened(file):
        cli.repo.write("t.csv", OTHER)
        os.utime(cli.repo.path("t.csv"), (1, 1))
        return real(file)

    monkeypatch.setattr(profiledisk, "OpenFile", opened)

    done = cli.ok("add", "t.csv")

    assert "t.csv: no profile: it changed while it was added" in done.out
    assert profiles_in(manifest(cli)) == []
    monkeypatch.undo()
    assert "modified" in cli.ok("status").out
    cli.ok("add", "t.csv")
    assert len(profiles_in(manifest(cli))) == 1
    counts = cli.ok("profile", "t.csv", "--json").json["table"]["columns"][1]["top"]
    assert {each["value"] for each in counts} == {"cow", "dog"}


# ---------------------------------------------------------------- profile PATH [REV]


def test_json_says_what_a_column_holds(table):
    found = table.ok("profile", "t.csv", "--json").json

    assert {key: found[key] for key in ("path", "rev", "commit", "bytes", "origin", "is_named")} == {
        "path": "t.csv",
        "rev": None,
        "commit": None,
        "bytes": len(TABLE),
        "origin": "stored",
        "is_named": True,
    }
    assert found["id"].startswith("b3:")
    assert found["directory"] is None
    assert found["table"]["rows"] == 200
    identity, species, length = found["table"]["columns"]
    assert identity["numbers"]["min"] == 0
    assert identity["numbers"]["max"] == 199
    assert identity["numbers"]["quantiles"]["0.5"] in (99, 100)
    assert (identity["count"], identity["nulls"], identity["distinct"]) == (
        200,
        0,
        {"estimate": 200, "error": 0},
    )
    assert species["top"] == [
        {"value": "cat", "count": 100, "share": 0.5},
        {"value": "dog", "count": 100, "share": 0.5},
    ]
    assert (species["numbers"], species["times"]) == (None, None)
    assert length["numbers"]["mean"] == pytest.approx(9.95)
    assert list(found) == [
        "format", "path", "rev", "commit", "id", "bytes", "origin", "is_named", "table", "directory",
    ]  # fmt: skip
    assert set(found["table"]) == {"rows", "columns", "label"}


def test_text_has_a_line_a_column(table):
    lines = table.ok("profile", "t.csv").lines

    assert lines[0].startswith("t.csv  200 rows, 3 columns, ")
    assert lines[0].endswith("from its manifest")
    assert [line.split()[0] for line in lines[2:6]] == ["column", "id", "species", "length"]


def test_of_a_revision_that_is_what_was_there(table):
    first = table.ok("profile", "t.csv", "--json").json
    table.repo.write("t.csv", OTHER[:1000].rpartition(b"\n")[0] + b"\n")
    table.ok("add", "t.csv")
    table.repo.commit("second")

    now = table.ok("profile", "t.csv", "--json").json
    then = table.ok("profile", "t.csv", "HEAD~1", "--json").json

    assert then["table"] == first["table"]
    assert (then["rev"], then["commit"]) == ("HEAD~1", table.repo.rev("HEAD~1"))
    assert now["table"]["rows"] < then["table"]["rows"]
    assert table.ok("profile", "HEAD~1:t.csv", "--json").json == then


def test_of_what_is_modified_it_is_made_and_remembered(table):
    table.repo.write("t.csv", OTHER)

    made = table.ok("profile", "t.csv", "--json").json
    again = table.ok("profile", "t.csv", "--json").json

    assert (made["origin"], again["origin"]) == ("made", "remembered")
    assert (made["is_named"], made["id"] == again["id"]) == (False, True)
    assert made["table"] == again["table"]
    assert made["table"]["columns"][1]["top"][0]["value"] == "cow"
    assert table.ok("profile", "t.csv", "HEAD", "--json").json["origin"] == "stored"


def test_what_is_changed_back_has_the_profile_of_its_manifest(table):
    table.repo.write("t.csv", OTHER)
    table.repo.write("t.csv", TABLE)

    assert table.ok("profile", "t.csv", "--json").json["origin"] == "stored"


def test_what_is_not_on_disk_is_told(table):
    table.repo.path("t.csv").unlink()

    done = table.fails("profile", "t.csv")

    assert done.err.splitlines() == [
        "error: t.csv is not on disk",
        "hint: `datav profile PATH HEAD` shows what was committed",
    ]
    assert table.ok("profile", "t.csv", "HEAD", "--json").json["table"]["rows"] == 200


def test_what_is_no_table_is_told(cli):
    cli.repo.write("a.bin", b"\0\1\2")
    cli.repo.write("loose.bin", b"\0\1\2")
    cli.ok("add", "a.bin")

    assert cli.fails("profile", "a.bin").err.startswith("error: a.bin has no profile: ")
    assert cli.fails("profile", "loose.bin").err.startswith("error: loose.bin has no profile: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("nothing", "HEAD"),
        ("t.csv", "nowhere"),
        ("t.csv", "-x"),
        ("t.csv/inside",),
        ("t.csv/inside", "HEAD"),
        ("..",),
        (".",),
        ("",),
        ("a\0b",),
        ("x" * 5000,),
        ("t.csv", ""),
        ("t.csv", "HEAD~99"),
        ("../t.csv",),
        ("/",),
        (".git",),
    ],
)
def test_what_means_nothing_is_one_error(table, arguments):
    done = table("profile", *(["--"] if "-x" in arguments else []), *arguments)

    assert done.status == 2, done
    assert done.err.startswith("error: ")
    assert len(done.err.splitlines()) <= 3
    assert "\0" not in done.err


@pytest.fixture
def folder(cli) -> Cli:
    """A directory with tables and others."""
    cli.repo.write("d/a.csv", TABLE)
    cli.repo.write("d/sub/b.csv", TABLE)
    cli.repo.write("d/notes.txt", b"hello")
    cli.ok("add", "d")
    cli.repo.commit("folder")
    return cli


def test_a_file_in_a_directory_has_a_profile_of_its_own(folder):
    for path, rev in (("d/a.csv", ()), ("d/sub/b.csv", ()), ("d/a.csv", ("HEAD",))):
        found = folder.ok("profile", path, *rev, "--json").json
        assert (found["path"], found["table"]["rows"], found["is_named"]) == (path, 200, False)
        assert found["directory"] is None
    assert "keeps this profile" not in folder.ok("profile", "d/a.csv").out


def test_a_modified_directory_is_looked_at_as_it_is(folder):
    folder.repo.write("d/new.csv", OTHER)
    folder.repo.path("d/notes.txt").unlink()

    found = folder.ok("profile", "d", "--json").json

    assert found["directory"]["files"] == 3
    assert found["origin"] == "made"
    assert folder.ok("profile", "d", "HEAD", "--json").json["directory"]["files"] == 3
    assert folder.ok("profile", "d/new.csv", "--json").json["table"]["rows"] == 200


@pytest.mark.parametrize("is_modified", [False, True])
def test_a_directory_in_a_dataset_is_told(folder, is_modified):
    if is_modified:
        folder.repo.write("d/new.csv", OTHER)

    for rev in ((), ("HEAD",)):
        done = folder.fails("profile", "d/sub", *rev)
        assert done.err.splitlines()[0].endswith("d/sub is a directory in a dataset")
        assert "`datav profile d`" in done.err


def test_a_file_that_is_not_there_is_told(folder):
    for name in ("d/none.csv", "d/sub/none.csv", "d/a.csv/none"):
        folder.fails("profile", name)
        folder.fails("profile", name, "HEAD")
    folder.repo.path("d/a.csv").unlink()
    folder.fails("profile", "d/a.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_in_a_directory_is_no_table(folder):
    folder.repo.path("d/link.csv").symlink_to("a.csv")
    folder.repo.path("d/broken.csv").symlink_to("nowhere.csv")
    folder.ok("add", "d")

    folder.repo.commit("links")

    for name in ("d/link.csv", "d/broken.csv"):
        assert f"{name} is a symbolic link" in folder.fails("profile", name, "HEAD").err
    folder.fails("profile", "d/broken.csv")
    # On disk it is read as any other file.
    assert folder.ok("profile", "d/link.csv", "--json").json["table"]["rows"] == 200
    assert folder.ok("profile", "d", "--json").json["directory"]["links"] == 2


def test_any_file_that_is_a_table_has_a_profile(cli, tmp_path):
    cli.repo.write("loose.csv", TABLE)
    (tmp_path / "far.csv").write_bytes(TABLE)

    for name in ("loose.csv", str(tmp_path / "far.csv")):
        found = cli.ok("profile", name, "--json").json
        assert (found["table"]["rows"], found["id"], found["is_named"]) == (200, None, False)
        assert "next:" not in cli.ok("profile", name).out
    cli.fails("profile", "loose.csv", "HEAD")


def test_outside_of_a_repository_files_have_profiles(tmp_path, monkeypatch):
    place = Cli(type("Place", (), {"path": staticmethod(lambda name: tmp_path / name)})())
    (tmp_path / "a.csv").write_bytes(TABLE)

    assert place.ok("profile", "a.csv", "--json").json["table"]["rows"] == 200
    place.fails("profile", "none.csv")
    place.fails("profile", ".")
    place.fails("profile", "a.csv", "HEAD")
    assert os.listdir(tmp_path) == ["a.csv"]


def test_rules_hold_for_a_file_that_was_not_added_yet(cli):
    text = cli.repo.read("datav.toml").decode()
    cli.repo.write("datav.toml", f'{text}\n[table."raw/*.csv"]\nheader = false\nlabel = "2"\n'.encode())
    cli.repo.write("raw/a.csv", b"1,x\n2,y\n" * 20)

    before = cli.ok("profile", "raw/a.csv", "--json").json["table"]
    inside = cli.ok("profile", "a.csv", "--json", here="raw").json["table"]
    cli.ok("add", "raw/a.csv")
    after = cli.ok("profile", "raw/a.csv", "--json").json["table"]

    assert before["rows"] == 40
    assert before == inside == after


def test_a_page_is_written_and_nothing_else(table):
    done = table.ok("profile", "t.csv", "--html", "page.html")

    assert "wrote page.html" in done.out
    page = table.repo.read("page.html").decode()
    assert page.startswith("<!")
    assert "species" in page
    assert table.ok("profile", "t.csv", "--html", "page.html", "--json").json["table"]["rows"] == 200


@pytest.mark.parametrize(
    "target",
    ["t.csv", "t.csv.datav", "datav.toml", ".gitignore", "-", "/dev/stdout", ".", "none/page.html", ""],
)
def test_a_page_is_not_written_onto_data(table, target):
    before = manifest(table)

    done = table.process("profile", "t.csv", "--html", target)

    assert done.status == 2, done
    assert done.err.startswith("error: ")
    assert table.repo.read("t.csv") == TABLE
    assert manifest(table) == before


# ---------------------------------------------------------------- labels


def test_a_label_has_classes(cli):
    text = cli.repo.read("datav.toml").decode()
    cli.repo.write("datav.toml", f'{text}\n[table."*.csv"]\nlabel = "species"\n'.encode())
    cli.repo.write("t.csv", TABLE)

    cli.ok("add", "t.csv")

    label = cli.ok("profile", "t.csv", "--json").json["table"]["label"]
    assert label["column"] == "species"
    assert label["labels"] == [{"label": "cat", "count": 100}, {"label": "dog", "count": 100}]
    assert "label species" in cli.ok("profile", "t.csv").out


def test_a_label_that_is_set_later_is_counted_by_the_next_add(table):
    before = manifest(table)
    text = table.repo.read("datav.toml").decode()
    table.repo.write("datav.toml", f'{text}\n[table."*.csv"]\nlabel = "species"\n'.encode())

    table.ok("add", "t.csv")

    assert manifest(table) != before
    assert table.ok("profile", "t.csv", "--json").json["table"]["label"]["column"] == "species"


# ---------------------------------------------------------------- directories


def test_partitioned_tables_are_one(cli):
    for year in (2023, 2024):
        data = parquet_of({"id": list(range(100)), "v": [float(year)] * 100})
        cli.repo.write(f"d/year={year}/part.parquet", data)

    cli.ok("add", "d")
    found = cli.ok("profile", "d", "--json").json

    assert found["directory"]["tables"] == 2
    assert found["table"]["rows"] == 200
    columns = {column["name"]: column for column in found["table"]["columns"]}
    assert list(columns) == ["id", "v", "year"]
    assert columns["id"]["distinct"]["estimate"] == 100
    assert columns["v"]["numbers"]["mean"] == 2023.5
    assert [each["count"] for each in columns["year"]["top"]] == [100, 100]


def test_a_column_that_not_all_parts_have_is_null_in_the_others(cli):
    for number in range(3):
        values = {"id": list(range(100))} | ({"extra": ["x"] * 100} if number == 1 else {})
        cli.repo.write(f"d/{number}.parquet", parquet_of(values))

    cli.ok("add", "d")
    found = cli.ok("profile", "d", "--json").json

    if found["table"] is not None:
        columns = {column["name"]: column for column in found["table"]["columns"]}
        assert (columns["extra"]["count"], columns["extra"]["nulls"]) == (300, 200)
    else:
        assert found["directory"]["no_table"]


def test_tables_that_have_nothing_in_common_are_not_one(cli):
    cli.repo.write("d/a.csv", TABLE)
    cli.repo.write("d/b.csv", b"x,y,z\n1,2,3\n")

    cli.ok("add", "d")
    found = cli.ok("profile", "d", "--json").json

    assert found["table"] is None
    assert found["directory"]["files"] == 2
    assert cli.ok("profile", "d/b.csv", "--json").json["table"]["rows"] == 1


def picture(size: tuple[int, int]) -> bytes:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.new("RGB", size).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def pictures(cli) -> Cli:
    for number in range(3):
        cli.repo.write(f"p/{number}.png", picture((8 + number, 4)))
    cli.repo.write("p/broken.png", b"\x89PNG\r\n\x1a\nnothing")
    return cli


def test_pictures_are_looked_at(pictures):
    pictures.ok("add", "p")

    images = pictures.ok("profile", "p", "--json").json["directory"]["images"]

    assert (images["files"], images["unreadable"], images["examples"]) == (4, 1, ["broken.png"])
    assert images["dimensions"] == {"8x4": 1, "9x4": 1, "10x4": 1}
    assert "1 picture cannot be read: broken.png" in pictures.ok("profile", "p").out


def test_without_pillow_they_are_told_of(pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)

    pictures.ok("add", "p")
    found = pictures.ok("profile", "p", "--json").json["directory"]

    assert (found["images"], found["images_skipped"]) == (None, True)
    assert "pip install 'datav[images]'" in pictures.ok("profile", "p").out


def test_names_of_any_bytes_are_shown(cli):
    for name in (b"d/\xff.csv", b"d/a.\xff\xfe", b"d/new\nline.csv", b"d/esc\x1b[31m.b\x1b", b"d/x.PNG"):
        try:
            cli.repo.write(name, b"a,b\n1,2\n")
        except OSError:
            pytest.skip("this file system takes no such names")

    cli.ok("add", "d")
    done = cli.process("profile", "d")

    assert (done.status, done.err) == (0, "")
    assert "\x1b" not in done.out
    json.loads(cli.process("profile", "d", "--json").out)
    cli.ok("profile", "d", "--html", "page.html")


# ---------------------------------------------------------------- clones that have no data


@pytest.fixture
def pushed(table, tmp_path) -> Cli:
    """Two versions with profiles, pushed; the second has other species."""
    table.ok("remote", "add", "origin", str(tmp_path / "remote"))
    table.repo.write("t.csv", OTHER)
    table.ok("add", "t.csv")
    table.repo.commit("second")
    table.ok("push")
    return table


@pytest.fixture
def empty(pushed, tmp_path) -> Cli:
    """What git alone clones."""
    copy = Cli(type(pushed.repo)(tmp_path / "copy"))
    pushed.repo.git("clone", "-q", str(pushed.repo.root), str(copy.repo.root))
    return copy


def test_a_clone_without_data_shows_profiles(empty):
    found = empty.ok("profile", "t.csv", "HEAD", "--json").json
    older = empty.ok("profile", "t.csv", "HEAD~1", "--json").json

    assert (found["origin"], found["is_named"]) == ("stored", True)
    assert found["table"]["columns"][1]["top"][0]["value"] == "cow"
    assert older["table"]["columns"][1]["top"][0]["value"] == "cat"
    assert not empty.repo.path("t.csv").exists()


def test_a_clone_without_data_shows_how_distributions_differ(empty):
    done = empty.ok("diff", "--stats", "HEAD~1", "HEAD", "--json").json

    (dataset,) = done["datasets"]
    columns = {column["name"]: column for column in dataset["stats"]["columns"]}
    assert columns["species"]["verdict"] != "stable"
    assert [each["value"] for each in columns["species"]["vanished"]] == ["cat"]
    assert columns["id"]["verdict"] == "stable"


def test_without_the_remote_there_is_one_clear_error(empty, tmp_path):
    shutil.move(tmp_path / "remote", tmp_path / "gone")

    for arguments in (("profile", "t.csv", "HEAD"), ("profile", "t.csv", "HEAD~1")):
        done = empty.fails(*arguments)
        assert "origin" in done.err or "remote" in done.err
    compared = empty("diff", "--stats", "HEAD~1", "HEAD")
    assert "Traceback" not in compared.err
    assert len(compared.err.splitlines()) <= 3
    assert "not compared" in compared.out or compared.status == 2


def test_without_any_remote_there_is_one_clear_error(table, tmp_path):
    copy = Cli(type(table.repo)(tmp_path / "copy"))
    table.repo.git("clone", "-q", str(table.repo.root), str(copy.repo.root))

    copy.fails("profile", "t.csv", "HEAD")
    copy.fails("profile", "t.csv")


# ---------------------------------------------------------------- diff


def test_diff_shows_distributions_by_default(table):
    table.repo.write("t.csv", OTHER)

    done = table.ok("diff")
    stats = table.ok("diff", "--json").json["datasets"][0]["stats"]

    assert "distributions" in done.out
    assert stats["verdict"] != "stable"
    assert {column["name"]: column["verdict"] for column in stats["columns"]}["id"] == "stable"


def test_stats_alone_needs_no_rows(table):
    # Without a key, rows that changed could not be told.
    table.repo.write("t.csv", OTHER)

    found = table.ok("diff", "--stats", "--json").json["datasets"][0]

    assert found.get("rows") is None
    assert found["stats"]["columns"]


def test_a_version_without_a_profile_is_told(cli, monkeypatch):
    monkeypatch.setattr(profiledisk, "AUTO_SIZE", 10)
    from datav.repo import diffstats

    monkeypatch.setattr(diffstats, "AUTO_SIZE", 10)
    cli.repo.write("t.csv", TABLE)
    cli.ok("add", "t.csv")
    cli.repo.commit("one")
    cli.repo.write("t.csv", OTHER)

    done = cli.ok("diff")
    asked = cli.ok("diff", "--stats", "--json").json["datasets"][0]["stats"]

    assert "it has no profile yet; `datav diff --stats` makes one" in done.out
    assert asked["reason"] is None
    assert asked["columns"]


def test_a_profile_that_is_damaged_is_told_and_hides_nothing(table):
    packs = table.repo.path(".git/datav/store/packs")
    table.repo.write("t.csv", OTHER)
    for path in packs.iterdir():
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        for place in range(40, len(data) - 200, 97):
            data[place] ^= 0xFF
        path.write_bytes(data)
    shutil.rmtree(table.repo.path(".git/datav/cache"), ignore_errors=True)

    done = table("profile", "t.csv", "HEAD")
    assert done.status == 2
    assert len(done.err.splitlines()) <= 3
    assert table.ok("profile", "t.csv", "--json").json["table"]["columns"][1]["top"][0]["value"] == "cow"
    compared = table("diff", "--stats")
    assert "Traceback" not in compared.err
