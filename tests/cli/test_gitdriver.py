"""What git shows of manifests, with the real git and the commands that `datav init` told it of."""

import os
import subprocess
import sys

import pytest

from datav.git import GitRepository
from datav.git.attributes import add_driver
from datav.git.succession import find_succession
from datav.repo.gitpairs import Former, find_former
from tests.cli.conftest import ROOT
from tests.support.datasets import DatavRepo
from tests.support.profiles import put_profile

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts of these tests are for a shell")


@pytest.fixture
def shown(data, tmp_path, monkeypatch):
    """Two versions of a table, `datav` on the PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    script = directory / "datav"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m datav "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return data


def git(cli, *arguments):
    return cli.repo.git(*arguments).decode()


def added_lines(text):
    return [line[1:].strip() for line in text.splitlines() if line.startswith("+") and line[1:].strip()]


# --- set up


def test_init_says_how_manifests_are_shown_and_stages_it(tmp_path, cli):
    assert cli.repo.read(".gitattributes") == (
        b"*.datav diff=datav merge=datav text eol=lf\n.gitignore merge=union\n"
    )
    assert git(cli, "ls-files", ".gitattributes") == ".gitattributes\n"
    assert "git-diff" in git(cli, "config", "--local", "diff.datav.command")
    assert "git-textconv" in git(cli, "config", "--local", "diff.datav.textconv")


def test_init_again_keeps_what_was_set_by_hand(cli):
    git(cli, "config", "diff.datav.command", "mine")
    cli.repo.write(".gitattributes", b"*.datav -diff\n")

    cli.ok("init")

    assert git(cli, "config", "diff.datav.command") == "mine\n"
    assert cli.repo.read(".gitattributes") == (
        b"*.datav -diff\n*.datav merge=datav text eol=lf\n.gitignore merge=union\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"*.datav diff=datav merge=datav text eol=lf\n"),
        (b"*.png binary", b"*.png binary\n*.datav diff=datav merge=datav text eol=lf\n"),
        (b"*.png binary\r\n", b"*.png binary\r\n*.datav diff=datav merge=datav text eol=lf\r\n"),
        (b"*.datav -text\n", b"*.datav -text\n*.datav diff=datav merge=datav\n"),
        (b"*.datav diff=other\n", b"*.datav diff=other\n*.datav merge=datav text eol=lf\n"),
        (b"*.datav merge=union\n", b"*.datav merge=union\n*.datav diff=datav text eol=lf\n"),
        (b"*.datav -merge diff=other eol=crlf\n", b"*.datav -merge diff=other eol=crlf\n"),
        (b"*.datav binary\n", b"*.datav binary\n"),
        # What earlier versions wrote.
        (
            b"*.datav diff=datav\r\n*.x -text\r\n",
            b"*.datav diff=datav merge=datav text eol=lf\r\n*.x -text\r\n",
        ),
        (b"*.datav diff=datav merge=datav\n", b"*.datav diff=datav merge=datav text eol=lf\n"),
    ],
)
def test_the_line_is_put_behind_what_is_there_as_far_as_that_does_not_say_it(before, after):
    ending = b"\r\n" if b"\r\n" in after else b"\n"
    ignored = b".gitignore merge=union" + ending

    assert add_driver(before) == after + ignored
    assert add_driver(after + ignored) == after + ignored
    assert add_driver(b".gitignore -merge\n" + after) == b".gitignore -merge\n" + after


def test_without_datav_on_the_path_git_still_shows_the_texts(data, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if subprocess.run(["sh", "-c", "command -v datav"], capture_output=True).returncode == 0:
        pytest.skip("datav is installed for all")

    assert "+rows = 2" in git(data, "diff", "HEAD~1", "HEAD", "--", "a.csv.datav")
    assert "+rows = 2" in git(data, "show", "--", "a.csv.datav")


# --- git diff


def test_git_diff_shows_rows(shown):
    shown.repo.write("a.csv", b"id,v\n1,x\n2,y\n3,z\n")
    shown.ok("add", "--no-stage", "a.csv")

    for text in (git(shown, "diff"), git(shown, "-C", "d", "diff"), git(shown, "diff", "HEAD")):
        assert text.startswith("diff --datav a/a.csv.datav b/a.csv.datav\n")
        assert "2 -> 3 rows" in text
        assert "+ id=3  v=z" in text
    git(shown, "add", "a.csv.datav")
    assert git(shown, "diff") == ""
    assert "+ id=3  v=z" in git(shown, "diff", "--cached")


def test_git_diff_shows_what_came_went_and_was_renamed(shown):
    shown.repo.write("n.csv", b"a\n1\n")
    shown.ok("add", "n.csv")
    shown.ok("mv", "a.csv", "b.csv")
    shown.ok("rm", "d")

    text = git(shown, "diff", "--cached", "-M", "--", "*.datav")

    assert "a.csv -> b.csv  renamed" in text
    assert "d  removed" in text
    assert "n.csv  added" in text


def test_git_diff_in_another_work_tree(shown, tmp_path):
    git(shown, "worktree", "add", "-q", str(tmp_path / "other"), "HEAD~1")
    (tmp_path / "other/a.csv").write_bytes(b"id,v\n7,x\n")
    shown.ok("-C", str(tmp_path / "other"), "add", "a.csv")

    assert "+ id=7  v=x" in git(shown, "-C", str(tmp_path / "other"), "diff", "--cached")


def test_a_long_diff_is_cut(shown):
    shown.repo.write("a.csv", b"id,v\n" + b"".join(b"%d,new\n" % n for n in range(1000)))
    shown.ok("add", "a.csv")

    text = git(shown, "diff", "--cached")

    assert len(text.splitlines()) <= 41
    assert "+1,000" in text


def test_data_that_is_not_here_leaves_what_the_manifests_say(shown):
    for pack in shown.repo.path(".git/datav/store/packs").iterdir():
        pack.unlink()

    text = git(shown, "diff", "HEAD~1", "HEAD")

    assert "1 -> 2 rows" in text
    assert "not compared" in text


def test_what_is_no_manifest_is_shown_as_text(shown):
    shown.repo.write("a.csv.datav", b"<<<<<<< ours\nnonsense\n")

    text = git(shown, "diff")

    assert "+<<<<<<< ours" in text
    assert "-rows = 2" in text


def test_a_conflict_is_named(shown):
    for branch, content in (("one", b"id,v\n1,one\n"), ("two", b"id,v\n1,two\n")):
        git(shown, "checkout", "-q", "-b", branch, "main")
        shown.repo.write("a.csv", content)
        shown.ok("add", "--key", "id", "a.csv")
        shown.repo.commit(branch)
    shown.repo.git("merge", "one", check=False)

    assert "Unmerged path a.csv.datav" in git(shown, "diff", "--ours")


# --- git show, git log -p


def test_git_show_has_the_rows_behind_the_manifest(shown):
    text = git(shown, "show")

    assert "+rows: 2" in text
    assert "+ id=2  v=y" in added_lines(text)
    assert "id = " not in text


def grow(cli, number):
    for version in range(number):
        cli.repo.write("a.csv", cli.repo.read("a.csv") + b"%d,n%d\n" % (version + 10, version))
        cli.repo.write("d/t.csv", b"id\n" + b"".join(b"%d\n" % n for n in range(version + 1)))
        cli.ok("add", "a.csv", "d")
        cli.repo.commit(f"version {version}")


@pytest.mark.parametrize("order", [[], ["--reverse"]])
def test_git_log_shows_the_rows_of_each_commit_whatever_the_order(shown, order):
    grow(shown, 3)

    text = git(shown, "log", "-p", *order, "--", "*.datav")

    rows = [line for line in added_lines(text) if line.startswith("+ id=")]
    # Each row came once; those of tables in directories from the second version on.
    assert sorted(rows) == sorted(
        ["+ id=2  v=y", "+ id=10  v=n0", "+ id=11  v=n1", "+ id=12  v=n2", "+ id=1", "+ id=2"]
    )
    assert not [line for line in text.splitlines() if line.startswith("-") and "id=" in line]


def test_another_profile_is_nothing_that_git_shows(shown):
    put_profile(DatavRepo(shown.repo.root), "a.csv", b"another")
    assert git(shown, "diff").splitlines()[1:] == ["the data is the same"]
    shown.repo.commit("profile")

    assert added_lines(git(shown, "show", "--format=")) == []
    assert "@@" not in git(shown, "show", "--format=")
    assert "@@" not in git(shown, "log", "-1", "-p", "--format=")


def test_versions_that_do_not_follow_each_other_are_not_compared(shown):
    grow(shown, 2)

    text = git(shown, "diff", "--no-ext-diff", "--textconv", "HEAD~2", "HEAD", "--", "a.csv.datav")

    assert "+rows: 4" in text
    assert "id=11" not in text


def test_what_is_not_committed_is_shown_by_textconv_too(shown):
    shown.repo.write("a.csv", b"id,v\n1,x\n2,y\n3,z\n")
    shown.ok("add", "--no-stage", "a.csv")

    assert "+ id=3  v=z" in git(shown, "diff", "--no-ext-diff")
    git(shown, "add", "a.csv.datav")
    assert "+ id=3  v=z" in git(shown, "diff", "--no-ext-diff", "--cached")


def test_the_first_of_two_versions_is_shown_without_anything_that_compares(shown):
    program = (
        "import sys\n"
        "from datav.cli.main import main\n"
        "assert main(['git-textconv', 'a.csv.datav']) == 0\n"
        "heavy = {'numpy', 'pyarrow', 'typer', 'zstandard', 'datav.store', 'datav.repo.diff'}\n"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=shown.repo.root, env=environment, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "rows: 2" in done.stdout


def test_files_of_different_names_are_no_pair_and_history_is_not_searched(shown, monkeypatch):
    repository = GitRepository.discover(shown.repo.root)
    old, new = (shown.repo.git("show", "--no-textconv", f"HEAD{back}:a.csv.datav") for back in ("~1", ""))

    assert find_former(repository, "one", b"a.csv.datav", old) is None
    assert find_former(repository, "one", b"AbC123_a.csv.datav", new) == Former(b"a.csv.datav", old, None)

    monkeypatch.setattr("datav.repo.gitpairs.find_succession", None)
    assert find_former(repository, "two", b"a.csv.datav", old) is None
    assert find_former(repository, "two", b"b.csv.datav", new) is None


def test_what_was_shown_of_two_versions_is_remembered(shown):
    grow(shown, 2)
    first = git(shown, "log", "-p", "--", "*.datav")
    for pack in shown.repo.path(".git/datav/store/packs").iterdir():
        pack.unlink()

    assert git(shown, "log", "-p", "--", "*.datav") == first


def test_what_was_remembered_counts_under_the_same_settings_only(shown):
    assert "without a key" in git(shown, "show")
    settings = shown.repo.read("datav.toml") + b'[table."*.csv"]\nkey = ["id"]\n'
    shown.repo.write("datav.toml", settings)

    assert "without a key" not in git(shown, "show")


def test_what_could_not_be_compared_is_not_remembered(shown):
    packs = shown.repo.path(".git/datav/store/packs")
    packs.rename(packs.parent / "away")
    packs.mkdir()
    assert "not compared" in git(shown, "show")
    packs.rmdir()
    (packs.parent / "away").rename(packs)

    assert "+ id=2  v=y" in added_lines(git(shown, "show"))


def test_a_memory_that_is_damaged_is_none(shown):
    first = git(shown, "show")
    remembered = list(shown.repo.path(".git/datav/cache/textconv").iterdir())
    assert remembered
    for file in remembered:
        file.write_bytes(b"{}")

    assert git(shown, "show") == first


def test_few_files_are_kept_of_what_was_shown(shown):
    git(shown, "show")
    for number in range(20):
        shown.repo.write(f".git/datav/textconv/old{number}", b"{}")

    git(shown, "show")

    assert len(list(shown.repo.path(".git/datav/textconv").iterdir())) <= 16


@pytest.mark.parametrize(
    "arguments",
    [
        ["git-diff"],
        ["git-diff", "a.datav"],
        ["git-diff", "a.datav", "nope", "0", "0", "nope", "0", "0"],
        ["git-diff", "../../x", "nope", "0", "0", "/dev/null", "0", "0"],
        ["git-textconv"],
        ["git-textconv", "nope"],
        ["git-textconv", "datav.toml"],
    ],
)
def test_whatever_git_says_neither_command_fails(data, arguments):
    done = data(*arguments)

    assert (done.status, done.err) == (0, "")


def test_outside_of_a_repository_the_manifest_is_shown_all_the_same(data, tmp_path):
    outside = tmp_path / "x.datav"
    outside.write_bytes(data.repo.read("a.csv.datav"))
    place = tmp_path / "elsewhere"
    place.mkdir()

    done = data("git-textconv", str(outside), here=str(place))

    assert done.status == 0
    assert "rows: 2" in done.out


def test_a_version_that_history_has_right_behind_another_is_found_by_either_name(shown):
    repository = GitRepository.discover(shown.repo.root)
    grow(shown, 2)
    old, new, newer = (shown.repo.git("show", "--no-textconv", f"HEAD~{n}:a.csv.datav") for n in (2, 1, 0))

    def find(name, before, after):
        return find_succession(repository, name, before, after)

    assert find(b"a.csv.datav", old, new) == b"a.csv.datav"
    assert find(b"AbC123_a.csv.datav", new, newer) == b"a.csv.datav"
    assert find(b"a.csv.datav", old, newer) is None
    assert find(b"a.csv.datav", new, old) is None
    assert find(b"b.csv.datav", old, new) is None
