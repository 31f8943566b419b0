"""Names that trip programs: each goes in, is shown on one line, and comes back."""

import os
import sys

import pytest

from tests.cli.conftest import assert_is_error

NAMES = {
    "a space": b"two words.csv",
    "spaces around": b" around ",
    "a newline": b"two\nlines.csv",
    "a tab": b"a\tb",
    "an escape": b"\x1b[31mred",
    "a carriage return": b"a\rb",
    "not UTF-8": b"\xff\xfe.csv",
    "an emoji": "🎉.csv".encode(),
    "composed": "é".encode(),
    "decomposed": "é".encode(),
    "right to left": "‮csv.exe".encode(),
    "a leading dash": b"-x.csv",
    "two leading dashes": b"--force",
    "a global option": b"--json",
    "a star": b"*.csv",
    "brackets": b"[ab].csv",
    "a question mark": b"what?",
    "a quote": b"it's",
    "double quotes": b'"a"',
    "a backslash": b"a\\b",
    "a colon": b"HEAD:a.csv",
    "a leading colon": b":(top)a",
    "a hash": b"#a",
    "an exclamation mark": b"!a",
    "a percent sign": b"%s%n",
    "a dollar": b"$HOME",
    "a tilde": b"~",
    "a leading dot": b".hidden",
    "three dots": b"...",
    "called like a command": b"add",
    "called like git's own, nearly": b".gitx",
    "called like a manifest inside": b"a.datav.csv",
    "200 bytes": b"n" * 200,
}

if sys.platform in ("win32", "darwin"):
    # Neither keeps all names as they are.
    for _name in ("not UTF-8", "decomposed"):
        del NAMES[_name]
if sys.platform == "win32":
    NAMES = {
        why: name
        for why, name in NAMES.items()
        if not any(c in b'<>:"|?*\\\n\t\r\x1b' for c in name) and name[-1:] not in b" ."
    }


@pytest.fixture
def named(cli, request):
    """A table of the name, a folder that holds one, both committed; then the table changed and committed."""
    name = os.fsdecode(request.param)
    cli.repo.write(request.param, b"id\n1\n")
    cli.repo.write(b"folder of/" + request.param, b"2")
    cli.ok("add", "-q", "--", name, "folder of")
    cli.repo.commit("first")
    cli.repo.write(request.param, b"id\n1\n2\n")
    cli.ok("add", "-q", "--", name)
    cli.repo.commit("second")
    return cli, name


@pytest.mark.parametrize("named", NAMES.values(), ids=NAMES, indirect=True)
def test_a_name_goes_all_the_way(named):
    cli, name = named
    repo = cli.repo

    states = cli.ok("status", "--json").json["datasets"]
    assert [(item["path"], item["state"]) for item in states] == sorted(
        [(name, "clean"), ("folder of", "clean")], key=lambda item: os.fsencode(item[0])
    )
    assert cli.ok("cat", "--", f"HEAD~1:{name}").out == "id\n1\n"
    assert cli.ok("cat", "--", f"HEAD:folder of/{name}").out == "2"
    assert len(cli.ok("ls").lines) == 2
    assert len(cli.ok("log", "--", name).lines) == 4
    (entry,) = cli.ok("ls", "--json", "--", "HEAD:folder of").json["entries"]
    assert entry["path"] == name

    cli.ok("checkout", "-q", "HEAD~1")
    assert repo.read(os.fsencode(name)) == b"id\n1\n"
    cli.ok("checkout", "-q", "main")
    assert repo.read(os.fsencode(name)) == b"id\n1\n2\n"

    repo.path(name).unlink()
    repo.path(f"folder of/{name}").unlink()
    cli.ok("restore", "-q", "--", name, f"folder of/{name}")
    assert repo.read(os.fsencode(name)) == b"id\n1\n2\n"
    assert repo.read(b"folder of/" + os.fsencode(name)) == b"2"

    cli.ok("mv", "-q", "--", name, "plain")
    cli.ok("mv", "-q", "--", "plain", name)
    assert repo.git("status", "--porcelain") == b""
    cli.ok("rm", "-q", "--", name)
    assert not repo.path(name).exists()
    assert cli.ok("verify", "--json").json["ok"]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_an_error_about_a_name_is_one_line_that_commands_no_terminal(shared_data, name):
    done = shared_data("cat", "--", "HEAD:" + os.fsdecode(name) + "/nothing")

    assert done.status == 2
    assert_is_error(done.err)
    assert done.err.replace("\n", "").isprintable()


def test_a_process_takes_names_as_bytes(cli):
    if sys.platform in ("win32", "darwin"):
        pytest.skip("names are UTF-8 there")
    cli.repo.write(b"\xff.csv", b"id\n")

    done = cli.process("add", "-q", b"\xff.csv")
    listed = cli.process("ls")

    assert (done.status, done.err) == (0, "")
    assert listed.lines[0].split()[0] == "\\xff.csv"
    assert cli.process("ls", "--json").json["datasets"][0]["path"] == "\udcff.csv"


def test_names_are_relative_to_where_the_user_is(cli):
    cli.repo.write("a/b/c.csv", b"id\n")
    cli.ok("add", "-q", "c.csv", here="a/b")
    cli.repo.commit("one")

    assert cli.ok("status", "--json", "../b", here="a/b").json["datasets"][0]["path"] == "a/b/c.csv"
    assert cli.ok("cat", "HEAD:a/b/c.csv", here="a").out == "id\n"
    assert cli.ok("cat", "HEAD:./b/c.csv", here="a").out == "id\n"
    assert cli.ok("cat", str(cli.repo.path("a/b/c.csv").resolve()), here="a").out == "id\n"


@pytest.mark.parametrize("spec", ["C:\\data\\a.csv", "c:/data/a.csv"])
def test_a_drive_is_no_revision(shared_data, spec):
    done = shared_data.fails("cat", spec)

    assert "revision" not in done.err


def test_a_pattern_that_the_shell_left_alone_is_expanded(cli):
    for name in ("a.csv", "b.csv", "c.txt"):
        cli.repo.write(name, b"id\n")

    document = cli.ok("add", "*.csv", "--json").json

    assert [item["path"] for item in document["datasets"]] == ["a.csv", "b.csv"]
