"""datav diff: how it is called, what it prints, where it writes, how it ends."""

import json
import subprocess
import sys

import pytest

from datav.cli.main import NO_REVISION, mark_no_revision
from tests.cli.conftest import process_environment


@pytest.fixture
def changed(data):
    """A cell changed and a row added on disk, in a table of two rows."""
    data.repo.write("a.csv", b"id,v\n1,x\n2,z\n3,q\n")
    return data


def test_nothing_that_changed_is_said_in_a_line(data):
    assert data.ok("diff").out == "no differences\n"
    assert data.ok("diff", "--json").json["datasets"] == []
    assert data.ok("diff", "--exit-code").status == 0


def test_rows_that_changed_are_shown(changed):
    done = changed.ok("diff", "--key", "id")

    assert "a.csv" in done.out
    assert "+1 ~1" in done.out
    assert "z" in done.out


def test_flips_of_a_label_are_shown(data):
    settings = data.repo.path("datav.toml")
    settings.write_text(settings.read_text() + '[table."*.csv"]\nkey = "id"\nlabel = "v"\n')
    data.repo.write("a.csv", b"id,v\n1,x\n2,z\n3,q\n")

    rows = data.ok("diff", "--json", "a.csv").json["datasets"][0]["rows"]

    assert rows["label_flips"]["matrix"] == [{"from": "y", "to": "z", "count": 1}]
    assert "label  1 row changed only v (50 %)\n         such as id=2\n         1  y -> z\n" in (
        data.ok("diff", "a.csv").out
    )
    assert "1 label flip," in data.ok("diff", "--stat", "a.csv").out
    # A feed tells of rows, and is what it was.
    assert data.ok("diff", "--format", "csv", "-o", "-", "a.csv").status == 0


def test_two_revisions_and_paths(data):
    assert data.ok("diff", "HEAD~1", "HEAD", "--json").json["datasets"][0]["rows"]["added"] == 1
    assert data.ok("diff", "HEAD~1..HEAD", "--json", "--", "a.csv").json["datasets"]
    assert data.ok("diff", "HEAD~1", "--json", "--", "d").json["datasets"] == []
    assert data.ok("diff", "--json", "--", "a.csv").json["from"]["rev"] == "HEAD"
    assert data.ok("diff", "--json", "HEAD~1", "a.csv").json["from"]["rev"] == "HEAD~1"


def test_paths_are_relative_to_where_one_is(data):
    data.repo.write("d/one", b"changed")

    assert data.ok("diff", "--json", "--", "one", here="d").json["datasets"][0]["path"] == "d"
    assert data.ok("-C", "d", "diff", "--json", "one").json["datasets"][0]["path"] == "d"


@pytest.mark.parametrize(
    ("arguments", "marked"),
    [
        (["diff", "--", "a"], ["diff", "--", NO_REVISION, "a"]),
        (["diff", "HEAD", "--", "a"], ["diff", "HEAD", "--", NO_REVISION, "a"]),
        (["diff", "--key", "id", "--"], ["diff", "--key", "id", "--", NO_REVISION]),
        (["diff", "a"], ["diff", "a"]),
    ],
)
def test_where_paths_begin_is_marked(arguments, marked):
    assert mark_no_revision(arguments) == marked


def test_a_difference_can_be_an_exit_status(changed):
    assert changed("diff", "--exit-code").status == 1
    assert changed("diff").status == 0


@pytest.mark.parametrize("words", [["nope"], ["HEAD", "nope"], ["nope", "--", "a.csv"], ["--", "nope"]])
def test_what_is_neither_a_revision_nor_data_is_an_error(data, words):
    data.fails("diff", *words)


@pytest.mark.parametrize(
    "options",
    [
        ["--limit", "many"],
        ["--limit", "-1"],
        ["--format", "xls"],
        ["--tolerance", "x"],
        ["--tolerance", "-1"],
        ["--format", "csv"],
        ["--columns", "nope"],
        ["--where", "("],
        ["--no-index", "a.csv"],
        ["--no-index", "a.csv", "nope"],
        ["--no-index", "a.csv", "d"],
    ],
)
def test_what_cannot_be_is_an_error(changed, options):
    changed.fails("diff", *options)


def test_sections(changed):
    changed.repo.write("a.csv", b"id,w\n1,x\n2,z\n")
    changed.repo.write("d/one", b"changed")

    files = changed.ok("diff", "--json", "--files").json["datasets"]
    schema = changed.ok("diff", "--json", "--schema").json["datasets"]

    assert (files[0]["schema"], files[0]["rows"], files[1]["files"]["modified"]) == (None, None, 1)
    assert (schema[0]["schema"]["added"][0]["name"], schema[0]["rows"], schema[1]["files"]) == (
        "w",
        None,
        None,
    )
    assert "2 datasets changed" in changed.ok("diff", "--stat").out


def test_the_limit_is_of_rows_shown_not_of_rows_counted(data):
    data.repo.write("a.csv", b"id,v\n" + b"".join(b"%d,x\n" % n for n in range(100)))

    def rows(*options):
        return data.ok("diff", "--json", *options).json["datasets"][0]["rows"]

    assert (len(rows()["items"]), rows()["truncated"]) == (20, True)
    assert len(rows("--limit", "all")["items"]) == rows()["added"] + rows()["removed"]
    assert "items" not in rows("--limit", "0")


def test_names_of_columns_may_hold_commas(data):
    data.repo.write("x.csv", b'"a,b",c\n1,2\n')
    data.repo.write("y.csv", b'"a,b",c\n1,3\n')

    done = data.ok("diff", "--json", "x.csv", "y.csv", "--key", '"a,b"')

    assert done.json["datasets"][0]["rows"]["key"] == ["a,b"]


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_a_result_can_be_written_to_a_file(changed, form):
    done = changed.ok("diff", "--format", form, "-o", "result")

    assert done.out == ""
    written = changed.repo.read("result").decode()
    assert "a.csv" in written
    assert form != "json" or json.loads(written)["format"] == 1


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_change_feed_is_written_of_one_table(changed, form):
    changed.ok("diff", "--key", "id", "--format", form, "-o", "feed")

    assert changed.repo.read("feed").startswith(b'"_op"' if form == "csv" else b"PAR1")


def test_a_change_feed_of_two_tables_is_an_error_and_nothing_is_written(changed):
    changed.repo.write("d/t.csv", b"a\n1\n")
    changed.ok("add", "d")
    changed.repo.commit("table")
    changed.repo.write("d/t.csv", b"a\n2\n")

    changed.fails("diff", "--format", "csv", "-o", "feed")

    assert not changed.repo.path("feed").exists()


def test_outside_of_any_repository_two_files_are_compared(cli, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.csv").write_bytes(b"id,v\n1,2\n")
    (other / "y.csv").write_bytes(b"id,v\n1,3\n")

    for options in ([], ["--no-index"]):
        done = cli.ok("-C", str(other), "diff", *options, "x.csv", "y.csv", "--key", "id", "--json")
        assert done.json["datasets"][0]["rows"]["changed_cells"] == {"v": 1}
    assert cli("-C", str(other), "diff", "x.csv", "y.csv", "--exit-code").status == 1
    cli.fails("-C", str(other), "diff")


def test_directories_are_compared_by_the_paths_in_them(cli):
    for name, content in {"x/a": b"1", "x/s/b": b"22", "y/a": b"2", "y/c": b"22"}.items():
        cli.repo.write(name, content)
    cli.repo.write("x/t.csv", b"id\n1\n")
    cli.repo.write("y/t.csv", b"id\n1\n2\n")

    (dataset,) = cli.ok("diff", "--no-index", "x", "y", "--json").json["datasets"]

    items = {item["path"]: (item["status"], item["before_path"]) for item in dataset["files"]["items"]}
    assert items == {"a": ("modified", None), "c": ("moved", "s/b"), "t.csv": ("modified", None)}
    assert dataset["files"]["items"][2]["rows"]["added"] == 1
    assert cli.ok("diff", "--no-index", "x", "x").out == "no differences\n"


def test_large_files_outside_of_a_repository_are_compared(cli):
    table = b"id,v\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(600_000))
    cli.repo.write("x.csv", table)
    cli.repo.write("y.csv", table.replace(b"\n300000,", b"\n300000,1"))

    (dataset,) = cli.ok("diff", "--no-index", "x.csv", "y.csv", "--key", "id", "--json").json["datasets"]

    assert (dataset["rows"]["changed"], dataset["rows"]["unchanged"]) == (1, 599_999)


def test_what_could_not_be_compared_is_told_behind_the_rest(changed):
    changed.repo.write("d.datav", b"nonsense")

    done = changed("diff")

    assert done.status == 2
    assert "a.csv" in done.out
    assert "d.datav" in done.err


def test_a_diff_that_finds_nothing_loads_neither_numpy_nor_pyarrow(data):
    code = (
        "import sys; from datav.cli.main import main; main(['diff']);"
        "sys.exit(bool({'numpy', 'pyarrow'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=data.repo.root, env=process_environment(), capture_output=True
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_data_that_is_not_here_is_read_from_the_remote_and_not_kept(data, tmp_path):
    data.ok("remote", "add", "origin", str(tmp_path / "place"))
    data.repo.commit("remote")
    data.ok("push")
    data.repo.git("clone", "-q", str(data.repo.root), str(tmp_path / "clone"))

    done = data.ok("-C", str(tmp_path / "clone"), "diff", "HEAD~2", "HEAD~1", "--json")

    assert done.json["datasets"][0]["rows"]["added"] == 1
    assert data.ok("-C", str(tmp_path / "clone"), "du", "--json").json["store"]["packs"] == 0


@pytest.mark.parametrize("form", ["text", "json", "csv", "parquet"])
def test_a_pipe_and_a_device_are_written_to_and_stay(changed, form):
    import os
    import threading

    pipe = changed.repo.path("pipe")
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()

    changed.ok("diff", "--format", form, "-o", "pipe")
    reader.join()
    changed.ok("diff", "--format", form, "-o", "file")

    assert pipe.is_fifo()
    assert len(read[0]) == changed.repo.path("file").stat().st_size > 0
    changed.ok("diff", "--format", form, "-o", os.devnull)


def test_a_link_stays_one_and_what_it_leads_to_is_written(changed):
    changed.repo.write("target", b"old")
    changed.repo.path("target").chmod(0o640)
    changed.repo.path("link").symlink_to("target")

    changed.ok("diff", "-o", "link")

    assert changed.repo.path("link").is_symlink()
    assert b"a.csv" in changed.repo.read("target")
    assert changed.repo.path("target").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("target", ["-", "/dev/stdout"])
def test_standard_output_can_be_named(changed, target):
    feed = changed.process("diff", "--key", "id", "--format", "csv", "-o", target)
    text = changed.process("diff", "-o", target)

    assert feed.out.startswith('"_op"')
    assert "a.csv" in text.out
    assert not changed.repo.path("-").exists()


@pytest.mark.parametrize("target", ["a.csv", "a.csv.datav", "new.datav", "d/one", "d/new", "d", "link"])
def test_a_result_is_never_written_onto_data(changed, target):
    changed.repo.path("link").symlink_to("a.csv")
    before = changed.repo.read("a.csv"), changed.repo.read("a.csv.datav"), changed.repo.read("d/one")

    changed.fails("diff", "-o", target)
    changed.fails("diff", "--format", "csv", "-o", target, "a.csv")

    assert before == (
        changed.repo.read("a.csv"),
        changed.repo.read("a.csv.datav"),
        changed.repo.read("d/one"),
    )
    assert not changed.repo.path("d/new").exists()


@pytest.mark.parametrize("options", [[], ["--no-index"]])
def test_a_result_is_never_written_onto_what_is_compared(cli, options):
    cli.repo.write("x/a.csv", b"id\n1\n")
    cli.repo.write("y/a.csv", b"id\n2\n")

    for target in ("x/a.csv", "y/a.csv"):
        cli.fails("diff", *options, "x/a.csv", "y/a.csv", "-o", target)
        cli.fails("diff", *options, "x", "y", "-o", target)

    assert (cli.repo.read("x/a.csv"), cli.repo.read("y/a.csv")) == (b"id\n1\n", b"id\n2\n")


@pytest.mark.parametrize("words", [["d/nope"], ["--", "d/nope"], ["HEAD~1", "HEAD", "--", "d/nope"]])
def test_a_path_in_a_dataset_that_neither_end_has_is_an_error(data, words):
    assert "d/nope" in data.fails("diff", *words).err
    data.fails("diff", "--", "a.csv/x")
    data.fails("diff", "--", "d/*.nope")


def test_a_path_that_one_end_has_is_none(data):
    data.repo.path("d/one").unlink()
    data.repo.write("d/three", b"333")

    for name, status in {"d/one": "removed", "d/three": "added"}.items():
        (dataset,) = data.ok("diff", "--json", name).json["datasets"]
        assert [(item["path"], item["status"]) for item in dataset["files"]["items"]] == [(name[2:], status)]
    data.ok("diff", "HEAD~1", "HEAD", "--", "d/one")


@pytest.mark.parametrize("revisions", [[], ["HEAD~1", "HEAD"]])
def test_a_pattern_matches_datasets_and_no_stray_files(data, revisions):
    data.repo.write("stray.csv", b"id\n1\n")
    if not revisions:
        data.repo.write("a.csv", b"id,v\n1,x\n2,z\n")

    (dataset,) = data.ok("diff", "--json", *revisions, "--", "*.csv").json["datasets"]

    assert dataset["path"] == "a.csv"
    data.fails("diff", *revisions, "--", "s*.csv")


def test_a_pattern_matches_what_is_in_a_dataset(data):
    data.repo.write("d/one", b"changed")
    data.repo.write("d/sub/two", b"changed")

    def paths(pattern, **options):
        datasets = data.ok("diff", "--json", "--", pattern, **options).json["datasets"]
        return [item["path"] for dataset in datasets for item in dataset["files"]["items"]]

    assert paths("d/o*") == ["one"]
    assert paths("d/s*") == ["sub/two"]
    assert paths("**/two") == ["sub/two"]
    assert paths("[d]") == ["one", "sub/two"]
    assert paths("*o", here="d/sub") == ["sub/two"]


@pytest.fixture
def twins(cli):
    """`a.csv`, and what says the same, or nearly, in another way."""
    import gzip

    cli.repo.write("a.csv", b"id,v,w\n1,1.0,x\n2,2.0,y\n")
    cli.repo.write("order.csv", b"id,v,w\n2,2.0,y\n1,1.0,x\n")
    cli.repo.write("crlf.csv", b"id,v,w\r\n1,1.0,x\r\n2,2.0,y\r\n")
    cli.repo.write("b.csv.gz", gzip.compress(b"id,v,w\n1,1.0,x\n2,2.0,y\n"))
    cli.repo.write("near.csv", b"id,v,w\n1,1.1,x\n2,2.0,y\n")
    cli.repo.write("typed.csv", b"id,v,w\n1,1.00,x\n2,2.000,y\n")
    cli.repo.write("other.csv", b"id,v,w\n1,1.0,x\n2,2.0,z\n")
    cli.repo.write("wider.csv", b"id,v,w,new\n1,1.0,x,\n2,2.0,y,\n")
    return cli


def compare_status(cli, name, *options):
    return cli("diff", "--no-index", "a.csv", name, "--key", "id", "--exit-code", *options).status


@pytest.mark.parametrize("name", ["order.csv", "crlf.csv", "b.csv.gz"])
def test_bytes_that_differ_alone_are_said_to_and_count_unless_rows_are_asked_for(twins, name):
    said = "no row differs, only how the file is written"

    assert said in twins.ok("diff", "--no-index", "a.csv", name, "--key", "id").out
    assert said[1:] in twins.ok("diff", "--no-index", "a.csv", name, "--format", "markdown").out
    assert "no row differs" in twins.ok("diff", "--no-index", "a.csv", name, "--stat").out
    assert compare_status(twins, name) == 1
    assert compare_status(twins, name, "--files") == 1
    assert compare_status(twins, name, "--rows") == 0
    assert compare_status(twins, name, "--columns", "v") == 0


@pytest.mark.parametrize(
    ("name", "options", "status"),
    [
        ("near.csv", ["--tolerance", "1"], 0),
        ("near.csv", ["--tolerance", "0.01"], 1),
        ("near.csv", ["--ignore-columns", "v"], 0),
        ("near.csv", ["--columns", "v"], 1),
        ("near.csv", ["--where", "id = '2'"], 0),
        ("near.csv", ["--where", "id = '1'"], 1),
        ("near.csv", ["--schema"], 0),
        ("near.csv", ["--schema", "--rows"], 1),
        ("near.csv", ["--files", "--rows"], 1),
        ("typed.csv", ["--typed"], 0),
        ("other.csv", ["--typed"], 1),
        ("wider.csv", ["--schema"], 1),
        ("wider.csv", ["--rows"], 0),
        ("order.csv", ["--rows", "--ordered"], 1),
    ],
)
def test_options_choose_what_counts(twins, name, options, status):
    assert compare_status(twins, name, *options) == status
    assert (
        "no row differs in what was compared"
        in twins.ok("diff", "--no-index", "a.csv", name, "--key", "id", *options).out
    ) == (status == 0 and options[0] not in ("--schema", "--rows"))


def test_what_is_new_gone_or_could_not_be_compared_counts(twins):
    twins.repo.write("x/t.csv", b"id\n1\n")
    twins.repo.write("y/u.csv", b"id\n2\n")
    twins.repo.write("ragged.csv", b"id,v,w\n1,2\n3,4,5,6\n1,2\n")
    twins.repo.write("p/note", b"1")
    twins.repo.write("q/note", b"2")

    for options in ([], ["--rows"], ["--schema"], ["--typed"]):
        assert twins("diff", "--no-index", "x", "y", "--exit-code", *options).status == 1
    assert compare_status(twins, "ragged.csv") == 1
    assert compare_status(twins, "ragged.csv", "--rows") == 1
    assert compare_status(twins, "ragged.csv", "--typed") == 1
    assert twins("diff", "--no-index", "p", "q", "--exit-code", "--typed").status == 1
    assert twins("diff", "--no-index", "p", "q", "--exit-code", "--rows").status == 0


def test_tables_stand_before_other_files_of_a_directory(cli):
    for side, number in (("x", b"1"), ("y", b"2")):
        for each in range(30):
            cli.repo.write(f"{side}/a{each}.png", number)
        for name in ("y", "z"):
            cli.repo.write(f"{side}/{name}.csv", b"id\n" + number + b"\n")

    lines = cli.ok("diff", "--no-index", "x", "y", "--limit", "1").lines

    assert any("y.csv" in line for line in lines)
    assert any("+1 -1" in line for line in lines)
    assert "31 more files, +1 -1 rows in them" in lines[-1]


def test_links_to_files_are_followed_and_keep_their_names(cli):
    cli.repo.write("blob", b"id\n1\n2\n")
    cli.repo.write("a.csv", b"id\n1\n")
    cli.repo.path("link.csv").symlink_to("blob")
    cli.repo.path("same.csv").symlink_to("a.csv")

    (dataset,) = cli.ok("diff", "--no-index", "a.csv", "link.csv", "--json").json["datasets"]

    assert (dataset["path"], dataset["rows"]["added"]) == ("link.csv", 1)
    assert cli.ok("diff", "--no-index", "a.csv", "same.csv").out == "no differences\n"


def test_a_directory_where_a_table_is_wanted_is_said_to_be_one(cli):
    cli.repo.write("f.csv", b"id\n1\n")

    assert "is a directory" in cli.fails("patch", ".", "f.csv").err


def test_outside_of_any_repository_a_file_that_is_not_there_is_named(cli, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"id\n1\n")

    assert "there is no nothing.csv" in cli.fails("-C", str(tmp_path), "diff", "a.csv", "nothing.csv").err


def test_two_files_of_the_repository_are_told_from_one_another_by_an_option(data):
    data.repo.write("b.csv", b"id,v\n1,x\n")
    data.ok("add", "b.csv")
    data.repo.commit("third")

    done = data("diff", "a.csv", "b.csv")

    assert done.status == 0
    assert "`datav diff --no-index a.csv b.csv`" in done.err
    assert data.ok("diff", "--", "a.csv", "b.csv").out == "no differences\n"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_where_nothing_differs_a_feed_has_no_rows(data, form):
    data.repo.write("x.csv", data.repo.read("a.csv"))
    data.repo.write("b.csv", data.repo.read("a.csv"))
    data.repo.write("c.csv", b"id,v\n1,x\n")
    data.ok("diff", "--key", "id", "--format", form, "-o", "other", "x.csv", "c.csv")

    for words in (["--", "a.csv"], ["HEAD", "HEAD", "--", "a.csv"], ["--no-index", "x.csv", "b.csv"]):
        data.ok("diff", "--key", "id", "--format", form, "-o", "feed", *words)
        before = data.repo.read("x.csv")
        data.ok("patch", "x.csv", "feed")
        assert data.repo.read("x.csv") == before
    if form == "csv":
        header, *rows = data.repo.read("feed").splitlines()
        assert (header, rows) == (data.repo.read("other").splitlines()[0], [])
    data.fails("diff", "--format", form, "-o", "feed", "--", "d")


@pytest.mark.parametrize(
    ("name", "start"), [("f.csv", b'"_op"'), ("f.parquet", b"PAR1"), ("f.md", b"`datav"), ("f.json", b"{")]
)
def test_the_name_of_the_output_says_what_is_written(changed, name, start):
    changed.ok("diff", "-o", name)

    assert changed.repo.read(name).startswith(start)
    changed.ok("diff", "-o", name, "--format", "text")
    assert changed.repo.read(name).startswith(b"a.csv")


def test_a_name_that_promises_compression_is_refused(changed):
    assert ".gz" in changed.fails("diff", "--format", "csv", "-o", "f.csv.gz").err


def test_an_option_that_fits_one_table_alone_is_an_error_that_names_the_others(data):
    data.repo.write("b.csv", b"other\n1\n")
    data.ok("add", "b.csv")
    data.repo.commit("third")
    data.repo.write("a.csv", b"id,v\n1,y\n")
    data.repo.write("b.csv", b"other\n2\n")

    done = data("diff", "--key", "id")

    assert done.status == 2
    assert [line for line in done.err.splitlines() if line.startswith("error: ")] == [
        "error: b.csv: there is no column id"
    ]


def test_files_that_are_no_datasets_are_not_called_so(cli):
    cli.repo.write("x/a.csv", b"id\n1\n")
    cli.repo.write("y/a.csv", b"id\n2\n")

    files = cli.ok("diff", "--no-index", "x/a.csv", "y/a.csv", "--stat").lines
    directories = cli.ok("diff", "--no-index", "x", "y", "--stat").lines

    assert files[-1].startswith(" 1 file changed, +1 -1 rows")
    assert directories[-1].startswith(" 1 directory changed, +1 -1 rows")
