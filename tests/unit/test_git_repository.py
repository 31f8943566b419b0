"""datav.git.repository against real git."""

import os
import sys

import pytest

from datav.errors import FormatError, GitError, NotARepositoryError, UnknownRevisionError, UsageError
from datav.git import MAX_MANIFEST_SIZE, GitRepository
from datav.relpath import RelPath
from tests.support.repos import ScratchRepo

ODD_NAMES = [
    b"plain.datav",
    b"with space .datav",
    b"new\nline.datav",
    b'quo"te\t.datav',
    b"*.datav",
    b"[a]?.datav",
    b":(top)x.datav",
    b"-n.datav",
    b"\xc3\xa4.datav",
    b"dir/deep/x.datav",
]
if sys.platform == "linux":
    ODD_NAMES.append(b"\xff.datav")
if sys.platform == "win32":
    ODD_NAMES = [name for name in ODD_NAMES if not set(name) & set(b'<>:"\\|?*\n\t')]

A, B = RelPath(b"a.datav"), RelPath(b"b.datav")


def open_repo(scratch: ScratchRepo) -> GitRepository:
    return GitRepository.discover(scratch.root)


# --- discover and init


def test_discover_finds_the_top_from_below(git_repo):
    below = git_repo.root / "x" / "y"
    below.mkdir(parents=True)

    found = GitRepository.discover(below)

    assert found.root == git_repo.root.resolve()
    assert found.git_dir == found.common_dir == git_repo.root.resolve() / ".git"


def test_discover_of_a_linked_worktree_knows_the_common_directory(git_repo, tmp_path):
    git_repo.commit()
    git_repo.git("worktree", "add", "-q", str(tmp_path / "linked"))

    found = GitRepository.discover(tmp_path / "linked")

    assert found.root == (tmp_path / "linked").resolve()
    assert found.common_dir == git_repo.root.resolve() / ".git"
    assert found.git_dir == found.common_dir / "worktrees" / "linked"


def test_outside_a_repository_is_told_with_a_hint(tmp_path):
    with pytest.raises(NotARepositoryError) as error:
        GitRepository.discover(tmp_path)

    assert "git init" in error.value.hint


def test_a_bare_repository_is_refused(tmp_path):
    ScratchRepo.init(tmp_path / "bare", "--bare")

    with pytest.raises(NotARepositoryError, match="without a work tree"):
        GitRepository.discover(tmp_path / "bare")


def test_inside_the_git_directory_is_refused(git_repo):
    with pytest.raises(NotARepositoryError):
        GitRepository.discover(git_repo.root / ".git")


def test_a_start_that_does_not_exist_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no directory"):
        GitRepository.discover(tmp_path / "nothing")


def test_a_missing_git_is_told(git_repo, monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(GitError, match="not installed"):
        GitRepository.discover(git_repo.root)


def test_init_makes_a_repository_even_inside_a_hook(git_repo, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(git_repo.root / ".git"))

    made = GitRepository.init(tmp_path / "new")

    assert made.root == (tmp_path / "new").resolve()
    assert made.head() is None
    assert (tmp_path / "new" / ".git").is_dir()


def test_a_relative_git_dir_as_hooks_see_it_works_from_anywhere(git_repo, monkeypatch):
    git_repo.write("a.datav", b"1")
    head = git_repo.commit()
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.chdir(git_repo.root)

    found = GitRepository.discover(git_repo.root)
    (git_repo.root / "sub").mkdir()
    monkeypatch.chdir(git_repo.root / "sub")

    assert found.head() == head
    assert [entry.path for entry in found.list_index()] == [A]


def test_the_index_of_a_running_commit_is_the_one_that_counts(git_repo, monkeypatch):
    git_repo.write("a.datav", b"1")
    git_repo.git("add", "-A")
    monkeypatch.setenv("GIT_INDEX_FILE", str(git_repo.root / ".git" / "other-index"))

    assert open_repo(git_repo).list_index() == []


@pytest.mark.parametrize("variable", ["GIT_LITERAL_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"])
def test_pathspec_variables_of_the_user_change_nothing(git_repo, monkeypatch, variable):
    git_repo.write("a.datav", b"1")
    git_repo.git("add", "-A")
    monkeypatch.setenv(variable, "1")

    repo = open_repo(git_repo)

    assert [entry.path for entry in repo.list_index()] == [A]
    assert repo.find_tracked([A, RelPath(b"A.datav")]) == {A}


# --- revisions


def test_resolve_and_head(git_repo):
    repo = open_repo(git_repo)
    assert repo.head() is None
    assert repo.branch() == "main"

    first = git_repo.commit()
    git_repo.git("tag", "-a", "-m", "t", "v1")

    assert repo.head() == first
    assert {repo.resolve(name) for name in ("HEAD", "main", "v1", first, first[:8])} == {first}
    git_repo.git("checkout", "-q", "--detach")
    assert repo.branch() is None


@pytest.mark.parametrize(
    "rev", ["nothing", "", "--all", "-p", "HEAD:a", "a\nb", "HEAD^5", "a\0b", "--output=x"]
)
def test_an_unknown_revision_is_told_as_such(git_repo, rev):
    git_repo.commit()
    repo = open_repo(git_repo)

    for ask in (repo.resolve, repo.list_files, repo.checkout):
        with pytest.raises(UnknownRevisionError):
            ask(rev)


def test_a_file_named_like_a_revision_is_not_checked_out(git_repo):
    git_repo.write("topic", b"committed")
    git_repo.commit()
    git_repo.write("topic", b"mine")

    with pytest.raises(UnknownRevisionError):
        open_repo(git_repo).checkout("topic")

    assert git_repo.read("topic") == b"mine"


def test_merge_base(git_repo):
    base = git_repo.commit("base")
    git_repo.git("checkout", "-qb", "side")
    git_repo.commit("side")
    git_repo.git("checkout", "-q", "main")
    git_repo.commit("main")
    git_repo.git("checkout", "-q", "--orphan", "alone")
    git_repo.commit("alone")
    repo = open_repo(git_repo)

    assert repo.merge_base("main", "side") == base
    assert repo.merge_base("main", "alone") is None
    with pytest.raises(UnknownRevisionError):
        repo.merge_base("main", "nothing")


# --- reading


def test_odd_names_are_listed_and_read(git_repo):
    for name in ODD_NAMES:
        git_repo.write(name, b"content of " + name)
    git_repo.write("other.txt", b"no")
    git_repo.commit()
    repo = open_repo(git_repo)
    expected = {RelPath(name): b"content of " + name for name in ODD_NAMES}

    listed = repo.list_files("HEAD")

    assert [file.path for file in listed] == sorted(expected)
    blobs = repo.read_blobs(file.oid for file in listed)
    assert {file.path: blobs[file.oid] for file in listed} == expected
    assert repo.read_files("HEAD", [*expected, RelPath(b"no.datav"), RelPath(b"dir")]) == expected
    assert {entry.path for entry in repo.list_index()} == set(expected)
    assert repo.find_tracked([*expected, RelPath(b"dir"), RelPath(b"x.datav")]) == set(expected)
    assert set(repo.list_tracked_under(RelPath(b"dir"))) == {RelPath(b"dir/deep/x.datav")}
    assert set(repo.list_tracked_under()) == {*expected, RelPath(b"other.txt")}


def test_paths_too_many_for_one_command_line(git_repo):
    names = [RelPath(b"d/%s%05d.datav" % (b"x" * 100, i)) for i in range(600)]
    for name in names:
        git_repo.write(name, b"%d" % (len(name) + int(name[-11:-6])))
    git_repo.git("add", "-A")
    repo = open_repo(git_repo)
    repo.commit("many")

    assert repo.find_tracked(names) == set(names)
    assert len(repo.read_files("HEAD", names)) == 600


def test_symbolic_links_and_directories_are_no_manifests(git_repo):
    git_repo.write("dir.datav/file", b"")
    try:
        os.symlink("dir.datav/file", git_repo.path("link.datav"))
    except OSError:
        pytest.skip("no symbolic links here")
    git_repo.commit()
    repo = open_repo(git_repo)

    assert repo.list_files("HEAD") == []
    assert repo.list_index() == []
    assert repo.read_files("HEAD", [RelPath(b"link.datav")]) == {}


def test_a_blob_over_the_bound_is_refused_and_the_others_can_be_read(git_repo):
    contents = {
        b"0.datav": b"x" * MAX_MANIFEST_SIZE,
        b"1.datav": b"y" * (MAX_MANIFEST_SIZE + 1),
        b"2.datav": b"",
    }
    for name, content in contents.items():
        git_repo.write(name, content)
    git_repo.commit()
    repo = open_repo(git_repo)
    oids = [file.oid for file in repo.list_files("HEAD")]

    with pytest.raises(FormatError, match="too large"):
        repo.read_blobs(oids)

    sizes = [content and len(content) for _, content in repo.iter_blobs(oids)]
    assert sizes == [MAX_MANIFEST_SIZE, None, b""]


def test_a_blob_that_git_lacks_is_an_error(git_repo):
    repo = open_repo(git_repo)
    tree = git_repo.git("write-tree").decode().strip()

    for oid in ("1" * 40, tree, "nonsense"):
        with pytest.raises(GitError, match="git has no file"):
            repo.read_blobs([oid])
    with pytest.raises(UsageError):
        repo.read_blobs(["a\nb"])


def test_a_reader_that_stops_early_leaves_no_process_behind(git_repo):
    for i in range(200):
        git_repo.write(f"{i}.datav", b"%d" % i * 1000)
    git_repo.commit()
    repo = open_repo(git_repo)

    blobs = repo.iter_blobs([file.oid for file in repo.list_files("HEAD")])
    next(blobs)
    blobs.close()

    assert repo.head() is not None


def test_diff_names(git_repo):
    git_repo.write("gone.datav", b"1")
    git_repo.write("same.datav", b"1")
    git_repo.write("changed.datav", b"1")
    first = git_repo.commit()
    git_repo.path("gone.datav").rename(git_repo.path("moved.datav"))
    git_repo.write("changed.datav", b"2")
    git_repo.write("other.txt", b"2")
    second = git_repo.commit()

    assert open_repo(git_repo).diff_names(first, second) == {
        b"gone.datav": "removed",
        b"moved.datav": "added",
        b"changed.datav": "modified",
    }
    for pair in ((first, "nothing"), ("nothing", first)):
        with pytest.raises(UnknownRevisionError):
            open_repo(git_repo).diff_names(*pair)


# --- the index


def test_staged_changes_before_the_first_commit(git_repo):
    git_repo.write("a.datav", b"1")
    git_repo.git("add", "-A")

    assert open_repo(git_repo).staged_changes() == {A: "added"}


def test_staged_changes(git_repo):
    for name in ("a", "b", "c"):
        git_repo.write(f"{name}.datav", b"1")
    git_repo.commit()
    git_repo.write("a.datav", b"2")
    git_repo.git("rm", "-q", "b.datav")
    git_repo.write("d.datav", b"1")
    git_repo.git("add", "-A")
    git_repo.write("c.datav", b"not staged")

    assert open_repo(git_repo).staged_changes() == {A: "modified", B: "removed", b"d.datav": "added"}


def test_conflicts_show_their_stages(git_repo):
    make_conflict(git_repo)
    repo = open_repo(git_repo)

    assert [(entry.path, entry.stage) for entry in repo.list_index()] == [(A, 1), (A, 2), (A, 3)]
    assert repo.staged_changes() == {A: "modified"}
    assert repo.list_tracked_under() == [A]


def make_conflict(git_repo: ScratchRepo) -> None:
    git_repo.write("a.datav", b"base\n")
    git_repo.commit()
    git_repo.git("checkout", "-qb", "side")
    git_repo.write("a.datav", b"theirs\n")
    git_repo.commit()
    git_repo.git("checkout", "-q", "main")
    git_repo.write("a.datav", b"ours\n")
    git_repo.commit()
    git_repo.git("merge", "side", check=False)


def test_stage_unstage_and_remove(git_repo):
    repo = open_repo(git_repo)
    paths = [RelPath(name) for name in ODD_NAMES]
    for path in paths:
        git_repo.write(path, b"1")
    git_repo.write("ab?.datav", b"must not be staged") if sys.platform != "win32" else None

    repo.stage(paths)
    assert repo.staged_changes() == dict.fromkeys(paths, "added")

    repo.unstage(paths[:2])
    assert repo.staged_changes() == dict.fromkeys(paths[2:], "added")

    repo.commit("rest")
    repo.remove_cached([*paths[2:4], RelPath(b"never-there")])
    assert repo.staged_changes() == dict.fromkeys(paths[2:4], "removed")
    assert all(git_repo.path(path).exists() for path in paths)


def test_staging_nothing_stages_nothing(git_repo):
    git_repo.write("a.datav", b"1")

    open_repo(git_repo).stage([])

    assert open_repo(git_repo).list_index() == []


def test_staging_a_file_that_is_gone_removes_it(git_repo):
    git_repo.write("a.datav", b"1")
    git_repo.commit()
    git_repo.path("a.datav").unlink()

    open_repo(git_repo).stage([A])

    assert open_repo(git_repo).staged_changes() == {A: "removed"}


def test_an_ignored_file_is_staged_only_with_force(git_repo):
    git_repo.write(".gitignore", b"*.datav\n")
    git_repo.write("a.datav", b"1")
    repo = open_repo(git_repo)
    assert repo.find_ignored([A, RelPath(b"x.txt")]) == {A}

    with pytest.raises(GitError, match="ignored"):
        repo.stage([A])
    repo.stage([A], force=True)

    assert repo.find_tracked([A]) == {A}


# --- work tree and history


def test_checkout_and_its_refusal(git_repo):
    git_repo.write("a.datav", b"1")
    first = git_repo.commit()
    git_repo.write("a.datav", b"2")
    git_repo.commit()
    repo = open_repo(git_repo)

    repo.checkout(first)
    assert git_repo.read("a.datav") == b"1"
    assert repo.head() == first

    git_repo.write("a.datav", b"mine")
    with pytest.raises(GitError, match=r"local changes .* would be overwritten"):
        repo.checkout("main")
    assert git_repo.read("a.datav") == b"mine"

    repo.checkout_paths("main", [A])
    assert git_repo.read("a.datav") == b"2"
    assert repo.head() == first


def test_checkout_of_a_name_only_the_remote_has_makes_the_branch(git_repo, tmp_path):
    git_repo.commit()
    git_repo.git("branch", "topic")
    git_repo.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone = ScratchRepo(tmp_path / "clone")

    open_repo(clone).checkout("topic")

    assert open_repo(clone).branch() == "topic"


def test_move(git_repo):
    git_repo.write("a.datav", b"1")
    git_repo.write("c.datav", b"3")
    git_repo.commit()
    repo = open_repo(git_repo)

    with pytest.raises(GitError, match="exists"):
        repo.move(A, RelPath(b"c.datav"))
    repo.move(A, RelPath(b"-b.datav"))

    assert repo.staged_changes() == {A: "removed", b"-b.datav": "added"}
    assert git_repo.read("-b.datav") == b"1"


def test_commit(git_repo):
    git_repo.write("a.datav", b"1")
    repo = open_repo(git_repo)
    repo.stage([A])

    oid = repo.commit("-F subject\n\nbody", author=("Bo", "bo@example.org"))

    assert repo.head() == oid
    assert git_repo.git("log", "-1", "--format=%an %ce %s") == b"Bo bo@example.org -F subject\n"
    with pytest.raises(GitError, match="nothing"):
        repo.commit("again")


def test_config_and_places(git_repo):
    repo = open_repo(git_repo)
    assert repo.read_config("merge.datav.driver") is None

    repo.write_config("merge.datav.driver", "datav x\n%O")
    assert repo.read_config("merge.datav.driver") == "datav x\n%O"

    repo.write_config("merge.datav.driver", None)
    repo.write_config("merge.datav.driver", None)
    assert repo.read_config("merge.datav.driver") is None
    assert repo.locate("hooks") == repo.common_dir / "hooks"


def test_git_is_asked_in_a_way_that_configuration_does_not_change(git_repo):
    for name, value in {
        "color.ui": "always",
        "core.quotePath": "true",
        "core.pager": "false",
        "diff.renames": "copies",
        "diff.external": "false",
        "diff.noprefix": "true",
        "diff.relative": "true",
        "diff.ignoreSubmodules": "none",
        "log.showSignature": "true",
        "log.decorate": "full",
        "log.diffMerges": "off",
        "log.follow": "true",
        "log.date": "relative",
        "format.pretty": "oneline",
        "core.abbrev": "4",
        "status.renames": "copies",
        "i18n.logOutputEncoding": "latin1",
    }.items():
        git_repo.git("config", name, value)
    git_repo.write("ä.datav", b"1")
    git_repo.commit("ä")
    git_repo.git("mv", "ä.datav", "ö.datav")
    git_repo.write("c.datav", b"1")
    git_repo.git("add", "-A")
    repo = open_repo(git_repo)
    a, o = RelPath.from_text("ä.datav"), RelPath.from_text("ö.datav")

    assert repo.staged_changes() == {a: "removed", o: "added", b"c.datav": "added"}
    assert [file.path for file in repo.list_files("HEAD")] == [a]
    repo.commit("two")
    assert repo.diff_names("HEAD~1", "HEAD") == {a: "removed", o: "added", b"c.datav": "added"}


# --- merges


def test_texts_are_merged_line_by_line_unless_both_changed_one(git_repo):
    repository = open_repo(git_repo)

    assert repository.merge_texts(b"a\nb\nc\nd\n", b"A\nb\nc\nd\n", b"a\nb\nc\nD\n") == b"A\nb\nc\nD\n"
    assert repository.merge_texts(b"a\n", b"b\n", b"c\n") is None
    assert repository.merge_texts(b"\0\n", b"\0b\n", b"\0c\n") is None
    assert [path.name for path in repository.git_dir.glob("datav-*")] == []


def test_a_path_made_unmerged_has_the_stages_that_were_given(git_repo):
    repository = open_repo(git_repo)
    git_repo.write("a.datav", b"ours")
    git_repo.write("b.datav", b"b")
    git_repo.commit()

    repository.set_unmerged({A: (b"base", b"ours", b"theirs"), B: (None, b"b", b"c")})

    entries = repository.list_index()
    assert [(entry.path, entry.stage) for entry in entries] == [(A, 1), (A, 2), (A, 3), (B, 2), (B, 3)]
    assert repository.read_blobs([entries[2].oid]) == {entries[2].oid: b"theirs"}
    assert git_repo.read("a.datav") == b"ours"
    repository.stage([A])
    repository.set_merged({B: b"both"})
    entries = repository.list_index()
    assert [entry.stage for entry in entries] == [0, 0]
    assert repository.read_blobs([entries[1].oid]) == {entries[1].oid: b"both"}
    assert git_repo.read("b.datav") == b"b"


@pytest.mark.parametrize(
    ("command", "operation"),
    [(["merge", "b"], "merge"), (["rebase", "b"], "rebase"), (["cherry-pick", "b"], "cherry-pick")],
)
def test_what_is_under_way_is_told(git_repo, command, operation):
    repository = open_repo(git_repo)
    git_repo.write("a", b"1")
    git_repo.commit()
    git_repo.git("branch", "b")
    git_repo.write("a", b"2")
    git_repo.commit()
    git_repo.git("checkout", "-q", "b")
    git_repo.write("a", b"3")
    git_repo.commit()
    git_repo.git("checkout", "-q", "main")

    git_repo.git(*command, check=False)

    assert repository.find_operation() == operation
    git_repo.git(command[0], "--abort")
    assert repository.find_operation() is None
