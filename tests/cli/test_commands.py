"""What each command says when all goes well: as text, as JSON, and not at all."""

import json

import pytest

ID = 64 + len("b3:")


def test_init_says_where_things_are(git_repo, cli):
    done = cli.ok("init")

    assert str(git_repo.root) in done.out
    assert cli.ok("init", "--json").json["root"] == str(git_repo.root.resolve())


def test_add_says_what_it_did(cli):
    cli.repo.write("a.csv", b"id\n1\n")
    cli.repo.write("d/one", b"1")

    done = cli.ok("add", "a.csv", "d")

    assert done.lines[0].split() == ["added", "a.csv", "1", "row,", "5", "B"]
    assert done.lines[1].split() == ["added", "d", "1", "file,", "1", "B"]
    # Two files, and the profile of each.
    assert "4 of 4 chunks new" in done.lines[2]
    assert "git commit" in done.lines[3]


def test_add_as_json(cli):
    cli.repo.write("a.csv", b"id\n1\n")

    document = cli.ok("add", "a.csv", "--json").json

    (dataset,) = document["datasets"]
    assert (dataset["path"], dataset["state"], dataset["files"]) == ("a.csv", "added", 1)
    assert (dataset["bytes"], dataset["skipped"]) == (5, [])
    assert document["bytes_read"] == 5
    assert document["staged"] == ["a.csv.datav", ".gitignore"]
    assert document["dry_run"] is False


def test_add_without_a_change_says_so(data):
    assert data.ok("add", "a.csv").lines[0].startswith("unchanged")
    assert data.ok("add", "a.csv", "--json").json["datasets"][0]["state"] == "unchanged"


def test_a_dry_run_of_add_changes_nothing(cli):
    cli.repo.write("a.csv", b"id\n1\n")

    done = cli.ok("add", "--dry-run", "a.csv")

    assert "nothing was stored" in done.out
    assert not cli.repo.path("a.csv.datav").exists()
    assert cli.repo.git("status", "--porcelain") == b"?? a.csv\n"


def test_add_without_staging_leaves_the_index_alone(cli):
    cli.repo.write("a.csv", b"id\n1\n")

    done = cli.ok("add", "--no-stage", "a.csv")

    assert "`git add`" in done.out
    assert cli.repo.git("diff", "--cached", "--name-only") == b""


def test_status_in_all_its_states(data):
    repo = data.repo
    for name in ("modified", "deleted", "missing", "conflicted"):
        repo.write(name, b"%s\n" % name.encode())
    data.ok("add", "modified", "deleted", "missing", "conflicted")
    repo.commit("more")
    repo.write("untracked", b"1")
    data.ok("add", "--no-stage", "untracked")
    repo.write("modified", b"changed")
    repo.path("deleted").unlink()
    repo.path("missing").unlink()
    manifest = repo.read("missing.datav").decode()
    identity = manifest.partition('id = "b3:')[2][:64]
    repo.write("missing.datav", manifest.replace(identity, "ab" * 32).encode())
    both = repo.read("conflicted.datav")
    repo.write("conflicted.datav", b"<<<<<<< ours\n" + both + b"=======\n" + both + b">>>>>>> theirs\n")

    document = data.ok("status", "--json").json

    states = {dataset["path"]: dataset["state"] for dataset in document["datasets"]}
    assert states == {
        "a.csv": "clean",
        "conflicted": "conflicted",
        "d": "clean",
        "deleted": "deleted",
        "missing": "missing",
        "modified": "modified",
        "untracked": "untracked",
    }
    text = data.ok("status").out
    for name in ("conflicted", "deleted", "missing", "modified", "untracked"):
        assert f"{name}" in text
        assert f"  {name}: " in text
    assert "7 datasets: 5 not clean" in text


def test_status_as_json_has_the_promised_keys(data):
    data.repo.write("b.csv", b"id\n")
    data.ok("add", "b.csv")

    datasets = data.ok("status", "--json").json["datasets"]

    assert [{key: item[key] for key in ("path", "state", "staged", "pushed")} for item in datasets] == [
        {"path": "a.csv", "state": "clean", "staged": "none", "pushed": None},
        {"path": "b.csv", "state": "clean", "staged": "added", "pushed": None},
        {"path": "d", "state": "clean", "staged": "none", "pushed": None},
    ]


def test_status_says_which_files_when_asked_for_more(data):
    data.repo.write("d/one", b"!")
    data.repo.write("d/three", b"3")
    data.repo.path("d/sub/two").unlink()
    data.repo.path("d/sub").rmdir()

    done = data.ok("status", "-v")

    assert "modified" in done.lines[0]
    assert [line.strip() for line in done.lines[1:4]] == ["M one", "A three", "D sub/two"]


def test_status_exits_with_1_when_asked_and_something_is_different(data):
    assert data("status", "--exit-code").status == 0
    data.repo.write("a.csv", b"other")

    assert data("status", "--exit-code").status == 1
    assert data("status", "--exit-code", "d").status == 0
    assert data("status").status == 0


def test_status_counts_in_the_right_number(cli):
    assert cli.ok("status").out == "no datasets yet: `datav add PATH` makes one\n"
    cli.repo.write("a.csv", b"id\n")
    cli.ok("add", "a.csv")
    cli.repo.commit("one")
    assert cli.ok("status").out == "1 dataset, clean\n"
    cli.repo.write("b.csv", b"id\n")
    cli.ok("add", "b.csv")
    cli.repo.commit("two")
    assert cli.ok("status").out == "2 datasets, all clean\n"


def test_checkout_goes_back_and_forth(data):
    done = data.ok("checkout", "HEAD~1")

    assert data.repo.read("a.csv") == b"id,v\n1,x\n"
    assert done.lines[0].split()[:4] == ["a.csv", "1", "file", "written,"]
    assert done.lines[1].startswith("changed 1 of 2 datasets")
    data.ok("checkout", "main")
    assert data.repo.read("a.csv") == b"id,v\n1,x\n2,y\n"
    assert data.ok("checkout").out == "2 datasets, nothing to do\n"


def test_checkout_as_json(data):
    document = data.ok("checkout", "HEAD~1", "--json").json

    assert (document["rev"], document["dry_run"], document["unchanged"]) == ("HEAD~1", False, 1)
    (dataset,) = document["datasets"]
    assert (dataset["path"], dataset["written"], dataset["removed"]) == ("a.csv", 1, 0)
    assert dataset["bytes_written"] == 9


def test_checkout_of_one_path_from_a_revision(data):
    data.ok("checkout", "HEAD~1", "--", "a.csv")

    assert data.repo.read("a.csv") == b"id,v\n1,x\n"
    assert data.repo.git("symbolic-ref", "HEAD") == b"refs/heads/main\n"


def test_a_dry_run_of_checkout_changes_nothing(data):
    done = data.ok("checkout", "-n", "HEAD~1")

    assert "would change 1 of 2 datasets" in done.out
    assert data.repo.read("a.csv") == b"id,v\n1,x\n2,y\n"
    assert data.repo.git("symbolic-ref", "HEAD") == b"refs/heads/main\n"


def test_restore_brings_back_what_was_deleted(data):
    data.repo.path("d/sub/two").unlink()

    data.ok("restore", "d/sub/two")

    assert data.repo.read("d/sub/two") == b"22"


def test_log_tells_what_changed(shared_data):
    done = shared_data.ok("log", "a.csv")

    assert len(done.lines) == 4
    assert done.lines[0].endswith("second")
    assert done.lines[1].split()[:6] == ["modified", "a.csv", "2", "rows,", "+1", "row,"]
    assert done.lines[3].split()[:3] == ["added", "a.csv", "1"]


def test_log_as_json(shared_data):
    document = shared_data.ok("log", "--json").json

    assert [commit["subject"] for commit in document["commits"]] == ["second", "first"]
    assert len(document["commits"][0]["commit"]) == 40
    (change,) = document["commits"][0]["datasets"]
    assert (change["path"], change["kind"]) == ("a.csv", "modified")
    assert (change["before"]["rows"], change["after"]["rows"]) == (1, 2)
    assert len(shared_data.ok("log", "-n", "1", "--json").json["commits"]) == 1


def test_log_of_what_was_never_committed(cli):
    assert cli.ok("log").out == "no commit has changed a dataset yet\n"


def test_ls_lists_datasets_and_what_is_in_them(shared_data):
    assert [line.split() for line in shared_data.ok("ls").lines] == [
        ["a.csv", "13", "B", "2", "rows"],
        ["d/", "3", "B", "2", "files"],
    ]
    assert [line.split() for line in shared_data.ok("ls", "d").lines] == [
        ["one", "1", "B"],
        ["sub/", "2", "B", "1", "file"],
    ]
    assert [line.split()[0] for line in shared_data.ok("ls", "-r", "d").lines] == ["one", "sub/two"]


def test_ls_as_json(shared_data):
    datasets = shared_data.ok("ls", "HEAD~1:", "--json").json["datasets"]
    entries = shared_data.ok("ls", "HEAD:d", "--json").json

    assert [(item["path"], item["kind"], item["rows"], len(item["id"])) for item in datasets] == [
        ("a.csv", "file", 1, ID),
        ("d", "directory", None, ID),
    ]
    assert (entries["rev"], entries["dataset"]) == ("HEAD", "d")
    assert [(item["path"], item["kind"], item["bytes"]) for item in entries["entries"]] == [
        ("one", "file", 1),
        ("sub", "directory", 2),
    ]


@pytest.mark.parametrize(
    ("spec", "content"),
    [
        ("a.csv", b"id,v\n1,x\n2,y\n"),
        ("HEAD~1:a.csv", b"id,v\n1,x\n"),
        ("HEAD:d/sub/two", b"22"),
        ("d/one", b"1"),
    ],
)
def test_cat_writes_the_bytes_and_nothing_else(shared_data, spec, content):
    assert shared_data.ok("cat", spec).out.encode() == content
    assert shared_data.ok("cat", "-q", spec).out.encode() == content


def test_mv_renames(data):
    done = data.ok("mv", "a.csv", "b.csv")

    assert done.lines[0] == "a.csv is now b.csv"
    assert data.repo.read("b.csv") == b"id,v\n1,x\n2,y\n"
    assert not data.repo.path("a.csv").exists()
    document = data.ok("mv", "b.csv", "c.csv", "--json").json
    assert (document["source"], document["target"], document["data_moved"]) == ("b.csv", "c.csv", True)


def test_rm_removes_and_history_still_has_it(data):
    done = data.ok("rm", "a.csv")

    assert done.lines[0].split() == ["removed", "a.csv", "1", "file,", "13", "B"]
    assert not data.repo.path("a.csv").exists()
    assert data.ok("cat", "HEAD:a.csv").out == "id,v\n1,x\n2,y\n"
    document = data.ok("rm", "--keep", "d", "--json").json
    assert document["datasets"] == [{"path": "d", "files": 0, "bytes": 0, "kept": True}]
    assert data.repo.read("d/one") == b"1"


def test_a_dry_run_of_rm_changes_nothing(data):
    done = data.ok("rm", "-n", "a.csv")

    assert done.out.startswith("would remove a.csv")
    assert data.ok("status").out == "2 datasets, all clean\n"


def test_du_counts(shared_data):
    text = shared_data.ok("du", "--history").out
    document = shared_data.ok("du", "--history", "--json").json

    assert "history: 3 versions" in text
    assert [item["path"] for item in document["datasets"]] == ["a.csv", "d"]
    assert document["datasets"][0]["bytes"] == 13
    assert document["history"]["versions"] == 3
    assert document["store"]["bytes"] > 0
    assert shared_data.ok("du", "--json").json["history"] is None


def test_verify_finds_all_sound(shared_data):
    text = shared_data.ok("verify").out
    document = shared_data.ok("verify", "--json").json

    assert text.splitlines()[-1] == "everything is there and sound"
    assert "for 3 versions" in text
    assert (document["ok"], document["damaged"], document["missing"]) == (True, [], [])
    assert document["chunks"] > 0
    assert document["bytes"] > 0


def test_verify_finds_damage_and_exits_with_1(data):
    pack = max(data.repo.path(".git/datav/store/packs").glob("*.pack"), key=lambda p: p.stat().st_size)
    raw = bytearray(pack.read_bytes())
    raw[40] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(raw)

    done = data("verify", "--json")

    assert done.status == 1
    assert done.json["ok"] is False
    (damaged,) = done.json["damaged"]
    assert damaged["pack"] == f"b3:{pack.stem}"
    assert set(damaged) >= {"id", "pack", "what"}
    text = data("verify")
    assert (text.status, text.err) == (1, "")
    assert text.out.startswith("damaged: ")


def test_verify_names_ten_of_the_versions_that_are_not_here(cli):
    for number in range(11):
        cli.repo.write("a.csv", b"id\n%d\n" % number)
        cli.ok("add", "a.csv")
        cli.repo.commit("another")
    for path in cli.repo.path(".git/datav/store").glob("*/*"):
        path.unlink()

    lines = cli("verify").lines

    first = lines.index("11 versions not in this store at all:") + 1
    assert lines[first] == f"    a.csv of commit {cli.repo.rev('HEAD')[:10]}"
    assert lines[first + 10] == "    and 1 more"


def test_verify_finds_what_is_missing(data):
    for path in data.repo.path(".git/datav/store/packs").glob("*.pack"):
        path.unlink()

    done = data("verify", "--json")

    assert done.status == 1
    for item in done.json["missing"]:
        assert set(item) >= {"id", "manifests", "chunks", "nodes"}


def test_gc_frees_nothing_that_is_needed(data):
    assert "nothing to free" in data.ok("gc").out
    assert data.ok("gc", "--apply", "--json").json["bytes_freed"] == 0


def test_gc_says_first_and_deletes_when_told(data):
    data.repo.write("big", bytes(range(256)) * 1000)
    data.ok("add", "--no-stage", "big")
    data.repo.path("big.datav").unlink()

    said = data.ok("gc", "--json").json
    done = data.ok("gc", "--apply", "--json").json

    assert (said["dry_run"], done["dry_run"]) == (True, False)
    assert said["bytes_freed"] > 0
    assert done["bytes_after"] < done["bytes_before"]
    assert data.ok("verify", "--json").json["ok"]


def test_the_demo_runs_and_leaves_nothing(cli):
    done = cli.ok("demo")

    assert done.out.count("byte for byte what was added") == 2
    assert "everything is there and sound" in done.out
    assert cli.repo.git("status", "--porcelain") == b""


def test_the_demo_stays_where_it_is_told_to(cli, tmp_path):
    cli.ok("demo", str(tmp_path / "there"))

    assert (tmp_path / "there" / "readings.csv.datav").exists()
    assert "exists already" in cli.fails("demo", str(tmp_path / "there")).err


def test_quiet_prints_nothing_on_success(data):
    for command in (
        ("init",),
        ("add", "a.csv"),
        ("status",),
        ("checkout",),
        ("checkout", "HEAD~1"),
        ("restore", "d"),
        ("log",),
        ("ls",),
        ("ls", "d"),
        ("du",),
        ("verify",),
        ("gc",),
        ("gc", "--apply"),
        ("rm", "-n", "d"),
        ("mv", "a.csv", "b.csv"),
        ("rm", "d"),
    ):
        assert data.ok(*command, "-q").out == "", command


def test_json_is_one_document_on_one_line(data):
    for command in (
        ("init",),
        ("add", "a.csv"),
        ("status",),
        ("checkout",),
        ("restore", "d"),
        ("log",),
        ("ls",),
        ("ls", "d"),
        ("du",),
        ("verify",),
        ("gc",),
        ("rm", "-n", "d"),
        ("mv", "a.csv", "b.csv"),
        ("rm", "d"),
    ):
        done = data.ok(*command, "--json", "-q")

        assert done.out.count("\n") == 1
        assert json.loads(done.out)["format"] == 1


def test_log_takes_any_limit(shared_data):
    assert len(shared_data.ok("log", "-n", str(10**30), "--json").json["commits"]) == 2
