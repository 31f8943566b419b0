"""What goes wrong: an exit status, one line that names it, a hint; never a traceback."""

import re

import pytest

from tests.cli.conftest import Cli, assert_is_error
from tests.support.repos import ScratchRepo

BROKEN = {
    "nothing there": ("add", "nothing"),
    "a manifest that is none": ("add", "x.datav"),
    "git has it": ("add", "datav.toml"),
    "out of the repository": ("add", "../x"),
    "absolutely out of it": ("add", "/"),
    "git's own": ("add", ".git/config"),
    "no pattern matches": ("add", "*.nothing"),
    "unknown to status": ("status", "nothing"),
    "unknown to restore": ("restore", "nothing"),
    "not in the dataset": ("restore", "d/nothing"),
    "unknown revision": ("checkout", "no-such-rev"),
    "a revision like an option": ("checkout", "--", "-x"),
    "an empty revision": ("checkout", ""),
    "unknown path at a revision": ("checkout", "HEAD", "--", "nothing"),
    "unknown to log": ("log", "nothing"),
    "unknown revision to log": ("log", "--rev", "no-such-rev"),
    "unknown to ls": ("ls", "nothing"),
    "unknown revision to ls": ("ls", "no-such-rev:"),
    "no revision": ("ls", ":a.csv"),
    "a file has nothing below": ("ls", "a.csv/x"),
    "unknown to cat": ("cat", "nothing"),
    "a directory": ("cat", "d"),
    "a directory inside": ("cat", "HEAD:d/sub"),
    "not at that revision": ("cat", "HEAD~2:a.csv"),
    "mv nothing": ("mv", "nothing", "x"),
    "mv onto another": ("mv", "a.csv", "datav.toml"),
    "mv into itself": ("mv", "d", "d/e"),
    "mv out": ("mv", "a.csv", "../../x"),
    "rm nothing": ("rm", "nothing"),
    "rm a part": ("rm", "d/one"),
    "du of nothing": ("du", "nothing"),
    "sample of nothing": ("verify", "--sample", "0"),
    "sample of too much": ("verify", "--sample", "1.5"),
    "sample of no number": ("verify", "--sample", "x"),
    "limit 0": ("log", "-n", "0"),
    "unknown command": ("frobnicate",),
    "unknown option": ("status", "--frobnicate"),
    "no path": ("add",),
    "too many": ("mv", "a", "b", "c"),
    "no value": ("log", "--rev"),
    "no directory": ("-C",),
    "not a directory": ("-C", "nowhere", "status"),
    "a directory that no system could have": ("-C", "x" * 300, "status"),
    "a path that no system could have": ("cat", "x/" * 3000),
    "a revision that nobody could have": ("checkout", "x" * 5000),
    "a file is no directory": ("-C", "a.csv", "status"),
    "a demo that cannot be": ("demo", "x" * 300),
    "a store that cannot be": ("init", "--store", "x" * 300),
    "another store": ("init", "--store", "elsewhere"),
    "only options": ("--json",),
}


@pytest.mark.parametrize("arguments", BROKEN.values(), ids=BROKEN)
def test_bad_calls_end_with_2_and_a_line(shared_data, arguments):
    done = shared_data.fails(*arguments)

    assert done.out == ""
    assert shared_data.repo.git("status", "--porcelain") == b""


def test_the_whole_repository_is_no_dataset(cli):
    assert "the whole repository" in cli.fails("add", ".").err


@pytest.mark.parametrize("arguments", [("add", "nothing"), ("frobnicate",)], ids=" ".join)
def test_a_process_says_the_same(shared_data, arguments):
    here, there = shared_data(*arguments), shared_data.process(*arguments)

    assert (there.status, there.out, there.err) == (here.status, here.out, here.err)


def test_a_likely_name_is_suggested(shared_data):
    for command in ("cat", "ls", "status", "restore", "rm", "du", "log"):
        assert "hint: did you mean a.csv?" in shared_data.fails(command, "b.csv").err
    assert "hint: did you mean a.csv?" in shared_data.fails("checkout", "HEAD", "b.csv").err
    assert "hint: did you mean HEAD:a.csv?" in shared_data.fails("cat", "HEAD:b.csv").err
    assert "hint: did you mean ../a.csv?" in shared_data.fails("status", "../b.csv", here="d").err


@pytest.mark.parametrize("name", ["a.csv", "d", "d/one", "a.csv.datav"])
def test_data_in_the_place_of_a_revision_is_told_how_it_comes_back(data, name):
    before = data.repo.git("status", "--porcelain")
    data.repo.path("d/one").unlink()

    said = data.fails("checkout", name).err

    assert f"`datav restore {name}` or `datav checkout -- {name}`" in said
    assert data.ok("checkout", "-n", "--", name).out == data.ok("restore", "-n", name).out
    assert data.repo.git("status", "--porcelain") == before


@pytest.mark.parametrize("rev", ["HEAD", "HEAD~1", "@"])
def test_before_the_first_commit_there_is_none_to_check_out(git_repo, rev):
    cli = Cli(git_repo)
    cli.ok("init")

    assert "there is no commit yet" in cli.fails("checkout", rev).err


def test_a_revision_that_is_neither_is_just_unknown(shared_data):
    assert "hint: `git log --all" in shared_data.fails("checkout", "nothing").err


def test_where_no_name_is_likely_the_hint_lists_what_there_was(shared_data):
    assert "hint: `datav ls HEAD:` lists" in shared_data.fails("cat", "HEAD:nope").err
    assert "hint: `datav ls` lists" in shared_data.fails("restore", "nope").err


@pytest.mark.parametrize(
    ("arguments", "way"),
    [
        (("mv", "a.csv"), "`datav mv --help`"),
        (("--json", "-C", "d", "log", "--rev"), "`datav log --help`"),
        (("frobnicate", "log"), "`datav --help`"),
    ],
    ids=["mv", "log", "no command"],
)
def test_a_wrong_call_is_told_which_help_to_read(shared_data, arguments, way):
    assert f"hint: {way} " in shared_data.fails(*arguments).err


def test_errors_stay_text_when_json_is_asked_for(shared_data):
    assert shared_data.fails("cat", "nothing", "--json", "-q").out == ""


def test_debug_shows_where_an_error_was_raised(shared_data, monkeypatch):
    monkeypatch.setenv("DATAV_DEBUG", "1")

    done = shared_data("add", "nothing")

    assert done.status == 2
    assert done.err.startswith("Traceback ")
    assert_is_error("\n".join(line for line in done.err.splitlines()[-2:]))


def test_a_bug_ends_with_70_and_its_traceback(shared_data, monkeypatch):
    def fail(*_args, **_options):
        raise ZeroDivisionError("a bug, made for a test")

    monkeypatch.setattr("datav.repo.status.status", fail)

    done = shared_data("status")

    assert done.status == 70
    assert "ZeroDivisionError: a bug" in done.err
    assert done.err.endswith("error: this is a bug in datav\nhint: please report it with the lines above\n")


def test_an_interrupt_ends_with_130(shared_data, monkeypatch):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("datav.repo.status.status", interrupt)

    done = shared_data("status")

    assert (done.status, done.out, done.err) == (130, "", "interrupted\n")


def test_too_little_memory_is_an_error(shared_data, monkeypatch):
    def fail(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr("datav.repo.status.status", fail)

    assert "memory" in shared_data.fails("status").err


COMMANDS = [
    ("add", "x"),
    ("status",),
    ("checkout",),
    ("restore", "x"),
    ("log",),
    ("ls",),
    ("cat", "x"),
    ("mv", "x", "y"),
    ("rm", "x"),
    ("du",),
    ("verify",),
    ("gc",),
]


def test_without_a_git_repository_that_is_what_is_said(tmp_path):
    for arguments in (*COMMANDS, ("init",)):
        assert "git" in Cli(ScratchRepo(tmp_path)).fails(*arguments).err


def test_without_datav_there_is_a_way_to_get_it(git_repo):
    for arguments in COMMANDS:
        assert "hint: run `datav init`" in Cli(git_repo).fails(*arguments).err


def test_a_bare_repository_is_refused(tmp_path):
    repo = ScratchRepo.init(tmp_path / "bare.git", "--bare")

    for arguments in (*COMMANDS, ("init",)):
        Cli(repo).fails(*arguments)


SETTINGS = {
    "no TOML": (b"datav = = 1\n", "not valid TOML"),
    "not UTF-8": (b"datav = 1\n# \xff\n", "cannot read"),
    "empty": (b"", "does not begin with"),
    "an unknown key": (b"datav = 1\nshunks = 1\n", "`shunks`"),
    "an unknown key in a table": (b"datav = 1\n[chunks]\nsmalest = 1\n", "`chunks.smalest`"),
    "a newer version": (b"datav = 2\nnew = 1\n", "newer datav"),
    "a version that is none": (b'datav = "1"\n', "does not begin with"),
    "a text for a number": (b'datav = 1\n[chunks]\ntarget = "64k"\n', "`chunks.target`"),
    "no table": (b"datav = 1\nchunks = 1\n", "`chunks`"),
}


@pytest.mark.parametrize(("text", "said"), SETTINGS.values(), ids=SETTINGS)
def test_bad_settings_are_named(cli, text, said):
    cli.repo.write("datav.toml", text)

    assert said in cli.fails("status").err


@pytest.mark.parametrize(
    "sizes", [(0, 0, 0), (1, 2, 3), (-1, -1, -1), (2**63, 2**63, 2**63), (65536, 16384, 4096)]
)
def test_chunk_sizes_that_cannot_be_are_named(cli, sizes):
    text = "datav = 1\n[chunks]\nsmallest = {}\ntarget = {}\nlargest = {}\n".format(*sizes)
    cli.repo.write("datav.toml", text.encode())
    cli.repo.write("b.csv", b"id\n")

    assert "datav.toml" in cli.fails("add", "b.csv").err


def test_settings_that_are_a_directory_are_an_error(data):
    data.repo.path("datav.toml").unlink()
    data.repo.path("datav.toml").mkdir()

    data.fails("status")


def newer(text):
    return re.sub(rb"^datav = [0-9]+\n", b"datav = 9\nnew = 3\n", text, flags=re.MULTILINE)


def conflicted(text):
    return b"<<<<<<< ours\n" + text + b"=======\n" + text + b">>>>>>> theirs\n"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (newer, "newer"),
        (conflicted, "conflict"),
        (lambda text: b"", "a.csv.datav"),
        (lambda text: b"\xff", "a.csv.datav"),
        (lambda text: text.replace(b"b3:", b"md5:"), "a.csv.datav"),
        (lambda text: b"#" * (2**20 + 1), "a.csv.datav"),
    ],
    ids=["newer", "conflicted", "empty", "not UTF-8", "no id", "too large"],
)
def test_a_manifest_that_is_none_is_named(data, damage, said):
    data.repo.write("a.csv.datav", damage(data.repo.read("a.csv.datav")))

    for command in (["add", "a.csv"], ["checkout"], ["restore", "a.csv"], ["cat", "a.csv"], ["ls", "a.csv"]):
        assert said in data.fails(*command).err
    assert data.repo.read("a.csv") == b"id,v\n1,x\n2,y\n"


def test_ls_and_log_show_what_they_can_when_a_manifest_is_damaged(data):
    data.repo.write("a.csv.datav", newer(data.repo.read("a.csv.datav")))
    data.repo.commit("damage")

    assert "cannot be read" in data.ok("ls").out
    assert "cannot be read" in data.ok("log").out
    assert data.ok("du", "--json").json["datasets"][0]["error"]
    assert data("verify").status == 1


def test_what_would_be_lost_is_named(data):
    data.repo.write("a.csv", b"nowhere else")
    data.repo.write("d/one", b"nowhere else")

    done = data.fails("checkout", "HEAD~1")

    assert "a.csv" in done.err
    assert "hint: `datav add` keeps" in done.err
    assert data.repo.read("a.csv") == b"nowhere else"
    assert data.ok("checkout", "HEAD~1", "--force").out


def test_data_that_is_not_in_the_store_is_said_to_be_fetched(data):
    for path in data.repo.path(".git/datav/store").glob("*/*"):
        path.unlink()
    data.repo.path("a.csv").unlink()

    done = data.fails("checkout")

    assert "hint: `datav add` " in done.err


def test_a_directory_that_cannot_be_read_is_named(data):
    folder = data.repo.path("d/sub")
    folder.chmod(0)
    try:
        readable = list(folder.iterdir())
    except PermissionError:
        readable = None
    try:
        if readable is not None:
            pytest.skip("this user may read everything")
        assert "sub" in data.fails("add", "d").err
    finally:
        folder.chmod(0o755)
