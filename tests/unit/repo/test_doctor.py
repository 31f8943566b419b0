"""doctor: each check on what is in order and on what is not; what `fix` does, and what it leaves."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from datav.git import GitRepository
from datav.relpath import RelPath
from datav.repo import doctor_store
from datav.repo.diagnosis import Diagnosis, named
from datav.repo.doctor import CHECKS, GIT_CHECKS, Examination, Programs, examine, fix
from datav.repo.hooks import install_hooks, remove_hooks
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.repo.repository import init
from datav.settings import RemoteSettings
from datav.storage.space import Space
from tests.support.datasets import DatavRepo
from tests.support.repos import ScratchRepo

PROGRAMS = Programs("/usr/bin/datav", "/usr/bin/python3")
_OLD = (1_000_000_000, 1_000_000_000)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository and a remote beside it: a file and a directory, committed and pushed.  All is well."""
    place = tmp_path_factory.mktemp("template")
    repo = DatavRepo(ScratchRepo.init(place / "repo").root)
    repo.set_up()
    repo.write("a.csv", b"id\n1\n")
    repo.write("d/one", b"1")
    repo.add("a.csv", "d")
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", "../far"))
    repo.commit("data")
    with repo.open() as repository:
        push(repository)
        # Last, so that no hook runs in these tests.
        install_hooks(repository.git, PROGRAMS.python, repo.root)
    return place


@pytest.fixture
def project(template: Path, tmp_path: Path) -> DatavRepo:
    """One of its own for a test that may change it."""
    shutil.copytree(template, tmp_path / "place", symlinks=True)
    return DatavRepo(tmp_path / "place/repo")


def look(repo: ScratchRepo, **options: bool) -> Examination:
    return examine(repo.root, PROGRAMS, **options)


def find(result: Examination, name: str) -> Diagnosis:
    (found,) = (diagnosis for diagnosis in result.diagnoses if diagnosis.name == name)
    return found


def wrong(result: Examination) -> dict[str, str]:
    """What is not ok, by name."""
    return {item.name: item.state for item in result.diagnoses if item.state != "ok"}


def paths_of(diagnosis: Diagnosis) -> list[str]:
    return [path.text for path in diagnosis.paths]


def repaired(repo: ScratchRepo, before: Examination) -> Examination:
    return fix(repo.root, before, PROGRAMS)


def test_all_is_well_where_all_is_set_up(project: DatavRepo):
    result = look(project, ask_remote=True)

    assert wrong(result) == {}
    assert result.is_well
    names = [diagnosis.name for diagnosis in result.diagnoses]
    assert len(names) == len(set(names))
    others = {"repository", "setup", "program", "hooks", "reachable"}
    assert {name for name, _ in (*GIT_CHECKS, *CHECKS)} | others == {*names}


def test_looking_changes_nothing(project: DatavRepo):
    shutil.rmtree(project.root / ".git/datav")
    before = sorted(project.root.rglob("*"))

    look(project)

    assert sorted(project.root.rglob("*")) == before


def test_no_repository_is_a_problem(tmp_path: Path):
    result = examine(tmp_path, PROGRAMS)

    assert result.root is None
    assert wrong(result) == {"repository": "problem"}
    assert repaired(ScratchRepo(tmp_path), result) == result


def test_somebody_else_s_repository_is_told_with_how_to_trust_it(
    repo: DatavRepo, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    found = find(examine(repo.write("sub/x", b"").parent, PROGRAMS), "repository")

    assert found.state == "problem"
    assert found.what.endswith("which is somebody else's")
    assert (found.hint or "").endswith(f"safe.directory {repo.root}`")


def test_a_repository_without_datav_is_set_up_by_fix(git_repo: ScratchRepo):
    before = look(git_repo)

    after = repaired(git_repo, before)

    assert wrong(before) == {**dict.fromkeys(("setup", "attributes", "drivers"), "problem"), "hooks": "warn"}
    assert wrong(after) == {"remote": "warn"}
    assert after.fixed == ("setup", "attributes", "drivers", "hooks")


def test_a_clone_lacks_the_drivers_until_they_are_fixed(project: DatavRepo):
    clone = ScratchRepo(project.root.parent / "clone")
    project.git("clone", "-q", str(project.root), str(clone.root))

    before = look(clone)
    after = repaired(clone, before)

    assert wrong(before) == {"drivers": "problem", "hooks": "warn"}
    assert "pull" in (find(before, "store").hint or "")
    assert (wrong(after), after.fixed) == ({}, ("drivers", "hooks"))


def test_all_is_well_in_another_work_tree(project: DatavRepo):
    other = ScratchRepo(project.root.parent / "other")
    project.git("-c", "core.hooksPath=none", "worktree", "add", "-q", str(other.root))

    assert wrong(look(other)) == {}


def test_settings_that_cannot_be_read_are_a_problem_and_the_rest_is_looked_at(project: DatavRepo):
    project.write("datav.toml", b"datav = 1\nprofil = 'auto'\n")

    result = look(project)

    assert wrong(result) == {"settings": "problem"}
    assert "profil" in find(result, "settings").what
    assert find(result, "attributes").state == "ok"


def test_settings_that_git_does_not_have_are_staged_by_fix(project: DatavRepo):
    project.git("rm", "-q", "--cached", "datav.toml")

    before = look(project)

    assert wrong(before) == {"settings": "problem"}
    assert repaired(project, before).fixed == ("settings",)


@pytest.mark.parametrize("text", [b"", b"*.datav diff=datav\n", b"*.txt text\n"])
def test_missing_attributes_are_written_by_fix(project: DatavRepo, text: bytes):
    project.write(".gitattributes", text)

    before = look(project)
    after = repaired(project, before)

    assert wrong(before) == {"attributes": "problem"}
    assert (wrong(after), after.fixed) == ({}, ("attributes",))


def test_attributes_that_the_user_chose_are_told_and_left(project: DatavRepo):
    project.write("d/.gitattributes", b"x")
    chosen = b"*.datav -diff merge=ours text eol=lf\n.gitignore -merge\n"
    project.write(".gitattributes", chosen)

    before = look(project)
    after = repaired(project, before)

    assert wrong(before) == {"attributes": "warn"}
    assert paths_of(find(before, "attributes"))[1:] == ["a.csv.datav", "d.datav"]
    assert after == before
    assert project.read(".gitattributes") == chosen


def test_a_driver_that_is_another_is_told_and_left(project: DatavRepo):
    project.git("config", "diff.datav.command", "mine")

    result = look(project)

    assert wrong(result) == {"drivers": "warn"}
    assert repaired(project, result) == result


def test_without_datav_on_the_path_git_shows_plain_text(project: DatavRepo):
    assert wrong(examine(project.root, Programs(None, PROGRAMS.python))) == {"program": "warn"}


def test_hooks_that_are_not_there_are_installed_by_fix(project: DatavRepo):
    git = GitRepository.discover(project.root)
    remove_hooks(git, project.root)
    none = find(look(project), "hooks")
    install_hooks(git, PROGRAMS.python, project.root)
    project.path(".git/hooks/pre-push").unlink()

    before = look(project)
    after = repaired(project, before)

    assert (none.state, none.is_fixable) == ("warn", True)
    assert wrong(before) == {"hooks": "warn"}
    assert "pre-push" in find(before, "hooks").what
    assert (wrong(after), after.fixed) == ({}, ("hooks",))


def test_hooks_that_others_share_are_told_and_left(project: DatavRepo):
    shared = project.root.parent / "shared"
    shared.mkdir()
    project.git("config", "core.hooksPath", str(shared))

    before = look(project)

    assert wrong(before) == {"hooks": "warn"}
    assert "--into" in (find(before, "hooks").hint or "")
    assert repaired(project, before) == before
    assert list(shared.iterdir()) == []


def test_hooks_that_somebody_switched_off_are_told(project: DatavRepo):
    project.git("config", "core.hooksPath", os.devnull)

    assert "no hooks at all" in find(look(project), "hooks").what


def test_an_old_git_is_a_problem(project: DatavRepo, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("datav.git.inspecting.read_version", lambda git: (2, 20))

    assert wrong(look(project)) == {"git-version": "problem"}


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ({"core.autocrlf": "input"}, "ok"),
        ({"core.autocrlf": "true"}, "warn"),
        ({"core.autocrlf": "true", "core.safecrlf": "true"}, "problem"),
        ({"core.safecrlf": "true"}, "ok"),
    ],
)
def test_what_git_does_to_line_ends_is_told(project: DatavRepo, settings: dict[str, str], state: str):
    for name, value in settings.items():
        project.git("config", name, value)

    project.write(".git/info/attributes", b"*.datav !text !eol\n")
    before = find(look(project), "line-ends").state
    project.path(".git/info/attributes").unlink()

    assert (before, find(look(project), "line-ends").state) == (state, "ok")


def test_a_shallow_clone_and_submodules_are_noted(project: DatavRepo):
    clone = ScratchRepo(project.root.parent / "clone")
    project.git("clone", "-q", "--depth", "1", f"file://{project.root}", str(clone.root))
    clone.git("submodule", "add", "-q", str(project.root), "below")

    result = look(clone)

    assert "shallow" in find(result, "history").what
    assert paths_of(find(result, "submodules")) == ["below"]
    assert wrong(result) == {"drivers": "problem", "hooks": "warn"}


def test_a_large_file_in_git_is_told_but_not_one_that_is_a_pointer(
    project: DatavRepo, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("datav.repo.doctor_git._LARGE", 2000)
    project.write("large.bin", bytes(3000))
    project.write("pointer.bin", b"pointer")
    project.git("add", "large.bin", "pointer.bin")
    project.write("pointer.bin", bytes(3000))

    result = look(project)

    assert wrong(result) == {"large-files": "warn"}
    assert paths_of(find(result, "large-files")) == ["large.bin"]


def test_data_that_git_would_take_is_hidden_by_fix(project: DatavRepo):
    project.write(".gitignore", b"*.log\n")

    before = look(project)
    after = repaired(project, before)

    assert wrong(before) == {"ignored-data": "problem"}
    assert paths_of(find(before, "ignored-data")) == ["a.csv", "d"]
    assert (wrong(after), after.fixed) == ({}, ("ignored-data",))
    assert project.read(".gitignore").startswith(b"*.log\n")


def test_data_that_git_has_is_told_and_left(project: DatavRepo):
    project.git("add", "-f", "a.csv", "d/one")

    result = look(project)

    assert wrong(result) == {"tracked-data": "problem"}
    assert paths_of(find(result, "tracked-data")) == ["a.csv", "d"]
    assert repaired(project, result) == result


def test_a_rule_that_hides_manifests_is_named(project: DatavRepo):
    project.write(".gitignore", project.read(".gitignore") + b"*.datav\n")
    project.write("new.csv.datav", b"")

    found = find(look(project), "ignored-manifests")

    assert found.state == "problem"
    assert paths_of(found) == ["a.csv.datav", "d.datav", "new.csv.datav"]
    assert ".gitignore:" in (found.hint or "")


def test_a_manifest_that_git_does_not_know_is_told(project: DatavRepo):
    project.git("rm", "-q", "--cached", "a.csv.datav")

    result = look(project)

    assert wrong(result) == {"untracked-manifests": "warn"}
    assert paths_of(find(result, "untracked-manifests")) == ["a.csv.datav"]


def test_a_manifest_that_is_none_is_a_problem(project: DatavRepo):
    project.write("a.csv.datav", b"<<<<<<< ours\n")

    result = look(project)

    assert wrong(result) == {"readable-manifests": "problem"}
    assert paths_of(find(result, "readable-manifests")) == ["a.csv.datav"]


def test_several_remotes_want_a_default(repo: DatavRepo):
    assert wrong(look(repo)) == {"hooks": "warn", "remote": "warn"}
    text = repo.read("datav.toml")
    repo.write("datav.toml", text + b'\n[remote.one]\nurl = "../one"\n\n[remote.two]\nurl = "../two"\n')

    found = find(look(repo), "remote")

    assert found.state == "warn"
    assert "one, two" in found.what


def test_a_remote_is_tried_only_when_that_is_asked_for(project: DatavRepo):
    far = project.root.parent / "far"
    (far / "format").write_bytes(b"something else\n")

    quiet, asked = look(project), look(project, ask_remote=True)

    assert wrong(quiet) == {}
    assert wrong(asked) == {"reachable": "problem"}


def test_trying_no_remote_says_that_there_is_none(repo: DatavRepo):
    found = find(look(repo, ask_remote=True), "reachable")

    assert (found.state, found.what) == ("problem", "there is no remote")


def test_a_store_of_another_version_is_a_problem_and_the_rest_is_looked_at(project: DatavRepo):
    project.write(".git/datav/store/format", b"datav store 99\n")

    result = look(project)

    assert find(result, "store").state == "problem"
    assert find(result, "space").state == "ok"


def test_a_store_elsewhere_that_is_gone_is_a_problem(tmp_path: Path):
    repo = ScratchRepo.init(tmp_path / "repo")
    init(repo.root, store=tmp_path / "disk")
    shutil.rmtree(tmp_path / "disk")

    found = find(look(repo), "store")

    assert found.state == "problem"
    assert not (tmp_path / "disk").exists()


def test_packs_that_were_put_aside_are_told(project: DatavRepo):
    project.write(".git/datav/store/damaged/x.pack", b"")

    assert wrong(look(project)) == {"store": "warn"}


def test_a_stat_cache_that_we_may_not_use_is_told(project: DatavRepo, monkeypatch: pytest.MonkeyPatch):
    project.write("a.csv", b"id\n1\n")
    project.add("a.csv")
    # Root may read anything, so no mode of a file would do.
    monkeypatch.setattr(doctor_store.os, "access", lambda path, mode: "stat" not in Path(path).parts)

    assert wrong(look(project)) == {"stat-caches": "warn"}


def test_old_temporary_files_are_told_and_new_ones_are_not(project: DatavRepo):
    project.write(".datav-tmp-new", b"")
    assert wrong(look(project)) == {}
    for name in (".datav-tmp-old", ".git/datav/store/tmp/.datav-tmp-old"):
        os.utime(project.write(name, b""), _OLD)

    found = find(look(project), "leftovers")

    assert found.state == "warn"
    assert "2 temporary files" in found.what


def test_an_old_lock_of_git_is_a_problem_and_a_dead_lease_is_none(project: DatavRepo):
    project.write(".git/datav/store/locks/writer-1", b"{}")
    assert "1 command" in find(look(project), "leases").what
    lock = project.write(".git/index.lock", b"")
    assert find(look(project), "leases").state == "ok"
    os.utime(lock, _OLD)

    assert find(look(project), "leases").state == "problem"


def test_little_space_is_told(project: DatavRepo, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor_store, "read_space", lambda path: Space(10**8, 10**12))

    assert wrong(look(project)) == {"space": "warn"}


def test_what_was_not_pushed_is_told(project: DatavRepo):
    project.write("a.csv", b"id\n1\n2\n")
    project.add("a.csv")

    result = look(project)

    assert wrong(result) == {"pushed": "warn"}
    assert paths_of(find(result, "pushed")) == ["a.csv"]
    assert result.is_well


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/x"), OSError("odd")])
def test_a_check_that_fails_is_reported_and_the_others_run(
    project: DatavRepo, monkeypatch: pytest.MonkeyPatch, error: OSError
):
    def fail(git: GitRepository) -> bool:
        raise error

    monkeypatch.setattr(GitRepository, "is_shallow", fail)

    assert wrong(look(project)) == {"history": "problem"}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda repo: repo.git("config", "--unset", "merge.datav.driver"), "drivers"),
        (lambda repo: repo.write(".gitattributes", b""), "attributes"),
        (lambda repo: repo.write(".gitignore", b""), "ignored-data"),
    ],
)
def test_a_second_fix_finds_nothing_to_do(
    project: DatavRepo, change: Callable[[DatavRepo], object], name: str
):
    change(project)
    first = repaired(project, look(project))
    index = project.git("ls-files", "-s")

    second = repaired(project, look(project))

    assert (first.fixed, second.fixed) == ((name,), ())
    assert project.git("ls-files", "-s") == index


def test_a_long_list_of_names_is_cut():
    paths = [RelPath(b"%d" % number) for number in range(5)]

    assert named(paths[:3]) == "0, 1, 2"
    assert named(paths) == "0, 1, 2 and 2 more"
