"""Shallow clones: what is said to be missing is missing, and the fetch that is named brings it."""

import re
import subprocess

import pytest

from datav.errors import ShallowHistoryError, UnknownRevisionError
from datav.git import GitRepository
from datav.git.shallow import explain_no_base, explain_no_parent, find_hidden_parents
from tests.support.repos import ScratchRepo


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> ScratchRepo:
    """Six commits on `main`, a merge among them, and two on `side` that left it four before."""
    repo = ScratchRepo.init(tmp_path_factory.mktemp("origin") / "repo")
    repo.commit("1")
    repo.commit("2")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("s1")
    repo.commit("s2")
    repo.git("checkout", "-q", "main")
    repo.commit("3")
    repo.git("merge", "-q", "--no-ff", "-m", "4", "side")
    repo.commit("5")
    repo.commit("6")
    return repo


@pytest.fixture
def shallow(origin, tmp_path):
    def clone(depth: int = 1) -> ScratchRepo:
        origin.git("clone", "-q", f"--depth={depth}", f"file://{origin.root}", str(tmp_path / "clone"))
        return ScratchRepo(tmp_path / "clone")

    return clone


def ask(repo: ScratchRepo, rev: str) -> UnknownRevisionError:
    with pytest.raises(UnknownRevisionError) as error:
        GitRepository.discover(repo.root).resolve(rev)
    return error.value


def follow(repo: ScratchRepo, error: UnknownRevisionError) -> None:
    """Do what the hint says."""
    command = re.search("`(git [^`]*)`", str(error.hint))
    assert command is not None
    subprocess.run(command[1].split(), cwd=repo.root, check=True, capture_output=True)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize(
    "rev", ["origin/main~3", "main~3", "HEAD~2^2~1", "HEAD^^^", "main~2^2", "@~4", "HEAD~2^1^0~2"]
)
def test_the_fetch_for_an_ancestor_brings_it(origin, shallow, rev, depth):
    repo = shallow(depth)

    error = ask(repo, rev)

    assert f"{rev} is not in this shallow clone, which has {depth} commit" in str(error)
    assert isinstance(error, ShallowHistoryError)
    follow(repo, error)
    wanted = origin.git("rev-parse", rev.replace("origin/", "")).decode()
    assert GitRepository.discover(repo.root).resolve(rev) == wanted.strip()


def test_the_depth_is_that_of_the_ancestor_and_no_more(shallow):
    error = ask(shallow(), "origin/main~3")

    assert str(error) == "origin/main~3 is not in this shallow clone, which has 1 commit of origin/main"
    assert error.hint == "`git fetch --depth=4 origin main` brings it; for actions/checkout, `fetch-depth: 4`"


def test_the_fetch_for_a_commit_id_brings_it(origin, shallow):
    commit = origin.git("rev-parse", "main~3").decode().strip()
    repo = shallow()

    error = ask(repo, commit)

    assert str(error) == f"{commit} is not in this shallow clone"
    follow(repo, error)
    assert GitRepository.discover(repo.root).resolve(commit) == commit
    assert "by its whole id" in str(ask(repo, origin.git("rev-parse", "main~4").decode()[:10]).hint)


@pytest.mark.parametrize("name", ["side", "origin/side"])
def test_the_fetch_for_another_branch_brings_it(origin, shallow, name):
    repo = shallow()

    follow(repo, ask(repo, name))

    wanted = origin.git("rev-parse", "side").decode().strip()
    assert GitRepository.discover(repo.root).resolve("origin/side") == wanted


@pytest.mark.parametrize("rev", ["main~9", "HEAD^5", "main~2^3", "a b", "x..y~1"])
def test_what_nobody_has_is_not_blamed_on_a_clone_that_has_all(origin, rev):
    error = ask(origin, rev)

    assert "shallow" not in f"{error} {error.hint}"


@pytest.mark.parametrize("rev", ["HEAD~9", "HEAD^2", "HEAD~1^2", "a b"])
def test_what_nobody_has_is_not_blamed_on_the_depth(shallow, rev):
    repo = shallow(depth=3)
    repo.git("fetch", "-q", "--unshallow" if rev == "HEAD~9" else "--depth=3")

    assert "shallow" not in f"{ask(repo, rev)}"


def test_the_parent_of_a_boundary_is_known_by_its_id(origin, shallow):
    repo = GitRepository.discover(shallow().root)
    head = repo.resolve("HEAD")
    parent = origin.git("rev-parse", "main~1").decode().strip()

    error = explain_no_parent(repo.git, head, "HEAD")

    assert find_hidden_parents(repo.git, head) == (parent,)
    assert error is not None
    assert str(error) == "the commit before HEAD is not in this shallow clone"
    follow(ScratchRepo(repo.root), error)
    assert repo.resolve(parent) == parent
    assert find_hidden_parents(GitRepository.discover(origin.root).git, head) == ()
    root = origin.git("rev-list", "--max-parents=0", "main").decode().strip()
    assert explain_no_parent(GitRepository.discover(origin.root).git, root, "it") is None


def test_the_fetch_for_where_branches_parted_brings_it(origin, shallow):
    scratch = shallow()
    follow(scratch, ask(scratch, "side"))
    repo = GitRepository.discover(scratch.root)
    assert repo.merge_base("main", "origin/side") is None

    error = explain_no_base(repo.git, "main", "origin/side")

    assert error is not None
    assert "where origin/side left main is not in this shallow clone" in str(error)
    follow(scratch, error)
    assert repo.merge_base("main", "origin/side") == repo.resolve("origin/side")
    assert explain_no_base(GitRepository.discover(origin.root).git, "main", "side") is None


def test_a_clone_whose_remote_has_another_name_is_told_that(shallow):
    repo = shallow()
    repo.git("remote", "rename", "origin", "upstream")

    assert "upstream" in str(ask(repo, "HEAD~1").hint)


def test_names_that_look_alike_stay_apart(shallow):
    repo = shallow()
    repo.git("branch", "origin/main")

    assert "which has 1 commit" in str(ask(repo, "origin/main~1"))
