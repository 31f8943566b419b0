"""datav hooks: in and out of the hooks directory without a trace; what the hooks do to data."""

import shutil
from dataclasses import replace

import pytest

from datav.errors import DataLossError, UsageError
from datav.formats.manifest import ConflictInfo, encode_manifest
from datav.git.hooks import HOOKS
from datav.git.pushed import PushedRef, manifests_being_pushed
from datav.progress import SILENT
from datav.relpath import RelPath
from datav.repo.committing import check_commit
from datav.repo.drop import drop
from datav.repo.fetch import fetch
from datav.repo.hooks import hooks_status, install_hooks, remove_hooks
from datav.repo.placing import open_for_hooks, place_after, place_all, place_since
from datav.repo.prepush import push_before_git
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo, random_bytes

ZEROS = "0" * 40


def install(repo, **options):
    with repo.open() as repository:
        return install_hooks(repository.git, "/opt/python", repo.root, **options)


def remove(repo, **options):
    with repo.open() as repository:
        return remove_hooks(repository.git, repo.root, **options)


def status(repo):
    with repo.open() as repository:
        return hooks_status(repository.git, "/opt/python")


def states(repo):
    return {hook.name: hook.state for hook in status(repo).hooks}


def files_of(directory):
    """All that a hooks directory holds: content, mode, and where links lead."""
    return {
        path.name: (path.is_symlink(), path.read_bytes(), path.stat().st_mode) for path in directory.iterdir()
    }


def write_hook(repo, name, text, mode=0o755):
    path = repo.root / ".git/hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text)
    path.chmod(mode)
    return path


# --- in and out


def test_hooks_that_were_not_there_are_made_and_gone_again(repo):
    directory = repo.root / ".git/hooks"
    before = files_of(directory)

    done = install(repo)

    assert done.changed == HOOKS
    assert status(repo).is_complete
    assert remove(repo).changed == HOOKS
    assert files_of(directory) == before
    assert not (repo.root / ".git/datav/placed").exists()


def test_hooks_of_every_kind_are_as_they_were_after_removal(repo):
    directory = repo.root / ".git/hooks"
    write_hook(repo, "pre-commit", b"#!/bin/sh\nexec true\n", 0o750)
    write_hook(repo, "pre-push", b"#!/usr/bin/env python3\nprint()\n")
    write_hook(repo, "post-merge", b"#!/bin/sh\nnever run, not executable\n", 0o644)
    write_hook(repo, "post-commit", b"no first line\r\n")
    target = repo.write("tools/hook", b"#!/bin/sh\ntrue\n")
    target.chmod(0o755)
    (directory / "post-checkout").symlink_to(target)
    before = files_of(directory)

    done = install(repo)

    assert set(done.chained) == {"pre-commit", "pre-push", "post-commit", "post-checkout"}
    assert status(repo).is_complete
    assert target.read_bytes() == b"#!/bin/sh\ntrue\n"
    remove(repo)
    assert files_of(directory) == before


def test_installing_twice_changes_nothing(repo):
    write_hook(repo, "pre-push", b"\x7fELF\0")
    install(repo)
    before = files_of(repo.root / ".git/hooks")

    assert install(repo).changed == ()
    assert files_of(repo.root / ".git/hooks") == before


def test_a_block_of_another_datav_is_replaced(repo):
    install(repo)
    path = repo.root / ".git/hooks/post-merge"
    path.write_bytes(path.read_bytes().replace(b"datav hook 1:", b"datav hook 0:"))

    assert states(repo)["post-merge"] == "outdated"
    assert install(repo).changed == ("post-merge",)
    assert status(repo).is_complete


def test_a_dry_run_writes_nothing(repo):
    before = files_of(repo.root / ".git/hooks")

    assert install(repo, dry_run=True).changed == HOOKS
    assert files_of(repo.root / ".git/hooks") == before


def test_an_install_that_was_killed_between_two_steps_is_finished(repo):
    path = write_hook(repo, "pre-push", b"\x7fELF\0")
    path.rename(path.with_name("pre-push.datav-chained"))

    install(repo)

    assert b"datav-chained" in path.read_bytes()
    remove(repo)
    assert path.read_bytes() == b"\x7fELF\0"


def test_a_file_in_the_place_of_a_renamed_hook_is_not_overwritten(repo):
    write_hook(repo, "pre-push", b"\x7fELF\0")
    write_hook(repo, "pre-push.datav-chained", b"somebody's")

    with pytest.raises(UsageError, match="in the way"):
        install(repo)

    assert (repo.root / ".git/hooks/pre-push.datav-chained").read_bytes() == b"somebody's"


def test_a_hook_that_is_not_executable_is_none_that_git_runs(repo):
    install(repo)
    (repo.root / ".git/hooks/pre-push").chmod(0o644)

    (hook,) = [hook for hook in status(repo).hooks if hook.name == "pre-push"]

    assert (hook.state, hook.runs) == ("installed", False)


def test_a_directory_that_the_project_tracks_is_not_written_unasked(repo):
    repo.write(".githooks/pre-commit", b"#!/bin/sh\n")
    repo.git("config", "core.hooksPath", ".githooks")

    with pytest.raises(UsageError, match="everybody gets") as error:
        install(repo)

    assert "--into .githooks" in error.value.hint
    assert install(repo, into=".githooks").changed == HOOKS
    assert b"/opt/python" not in repo.read(".githooks/pre-push")
    assert status(repo).is_complete
    remove(repo, into=".githooks")
    assert [path.name for path in (repo.root / ".githooks").iterdir()] == ["pre-commit"]


def test_a_directory_that_git_ignores_belongs_to_the_clone(repo):
    repo.write(".gitignore", b"/local-hooks/\n")
    repo.git("config", "core.hooksPath", "local-hooks")

    assert install(repo).changed == HOOKS


def test_a_directory_that_other_repositories_share_is_not_written_unasked(repo, tmp_path):
    repo.git("config", "core.hooksPath", str(tmp_path / "shared"))

    with pytest.raises(UsageError, match="other repositories"):
        install(repo)

    assert not (tmp_path / "shared").exists()


def test_with_husky_the_files_that_people_write_count(repo):
    repo.write(".husky/_/.gitignore", b"*\n")
    for name in HOOKS:
        repo.write(f".husky/_/{name}", b"#!/usr/bin/env sh\n").chmod(0o755)
    repo.git("config", "core.hooksPath", ".husky/_")
    repo.write(".husky/pre-push", b'npm test\ndatav git-hook pre-push "$@" || exit 1\n')

    with pytest.raises(UsageError, match=r"hooks in \.husky,"):
        install(repo)

    assert states(repo)["pre-push"] == "called"
    assert states(repo)["post-merge"] == "missing"
    install(repo, into=".husky")
    assert states(repo)["post-merge"] == "installed"
    assert repo.read(".husky/pre-push").startswith(b"npm test")


# --- placing


@pytest.fixture
def branches(repo):
    """`old` and `main`: of a dataset two versions, another that only `main` has, one that is the same."""
    repo.write("a.csv", b"id\n1\n")
    repo.write("same.csv", b"id\n7\n")
    repo.add("a.csv", "same.csv")
    repo.commit("old")
    repo.git("branch", "old")
    repo.write("a.csv", b"id\n2\n")
    repo.write("new/x", b"x")
    repo.add("a.csv", "new")
    repo.commit("new")
    return repo


def switch(repo, rev, **options):
    """What `git checkout` with the hook does."""
    before = repo.rev("HEAD")
    repo.git("checkout", "-q", rev)
    with repo.open() as repository:
        return place_after(repository, "post-checkout", [before, repo.rev("HEAD"), "1"])


def test_a_switch_places_what_changed_and_takes_away_what_is_gone(branches):
    placed = switch(branches, "old")

    assert {item.path.text for item in placed.datasets} == {"a.csv", "new"}
    assert {path.text for path in placed.gone} == {"new"}
    assert branches.read("a.csv") == b"id\n1\n"
    assert not branches.exists("new")
    switch(branches, "main")
    assert branches.read("a.csv") == b"id\n2\n"
    assert branches.read("new/x") == b"x"
    assert set(branches.states().values()) == {"clean"}


def test_data_that_was_edited_is_kept_and_told_while_all_else_is_placed(branches):
    branches.write("a.csv", b"mine")

    placed = switch(branches, "old")

    assert [(item.path.text, item.kind) for item in placed.kept] == [("a.csv", "edited")]
    assert branches.read("a.csv") == b"mine"
    assert not branches.exists("new")


def test_edits_of_a_dataset_that_did_not_change_are_nobodys_business(branches):
    branches.write("same.csv", b"mine")

    assert switch(branches, "old").kept == ()
    assert branches.read("same.csv") == b"mine"


def test_files_beside_what_is_versioned_survive_a_dataset_that_goes(branches):
    branches.write("new/notes", b"mine")

    placed = switch(branches, "old")

    assert [item.kind for item in placed.kept] == ["edited"]
    assert branches.read("new/notes") == b"mine"


def test_a_dataset_that_was_not_on_disk_stays_away(branches):
    branches.path("a.csv").unlink()

    placed = switch(branches, "old")

    assert placed.kept == ()
    assert not branches.exists("a.csv")


def test_a_file_that_git_tracks_now_is_not_removed_as_data(branches):
    branches.git("checkout", "-q", "old")
    branches.git("rm", "-q", "--cached", "same.csv.datav")
    branches.path("same.csv.datav").unlink()
    branches.git("add", "-f", "same.csv")
    branches.git("commit", "-q", "-m", "same.csv is git's")

    with branches.open() as repository:
        place_since(repository, ["main"])

    assert branches.read("same.csv") == b"id\n7\n"


def test_unmerged_manifests_and_open_conflicts_are_left_alone(branches):
    manifest = branches.manifest("a.csv")
    conflict = ConflictInfo(manifest.content, 1, (manifest.content,))
    old = branches.rev("old")
    branches.write("a.csv.datav", encode_manifest(replace(manifest, conflict=conflict)))
    branches.path("same.csv.datav").write_bytes(b"<<<<<<< ours\n=======\n>>>>>>> theirs\n")

    with branches.open() as repository:
        placed = place_since(repository, [old])

    assert {item.path.text for item in placed.datasets} == set()
    assert placed.kept == ()


def test_whatever_moved_the_manifests_placing_all_follows(branches):
    branches.git("checkout", "-q", "old", "--", "a.csv.datav")

    with branches.open() as repository:
        placed = place_all(repository, removes=False)

    assert [item.path.text for item in placed.datasets] == ["a.csv"]
    assert branches.read("a.csv") == b"id\n1\n"


def test_a_reset_takes_away_what_the_index_has_no_more(branches):
    # git runs the hook before HEAD moves.
    branches.git("read-tree", "-u", "--reset", "old")

    with branches.open() as repository:
        place_after(repository, "post-index-change", ["1", "reset"])

    assert not branches.exists("new")
    assert branches.read("a.csv") == b"id\n1\n"


def test_a_stash_takes_nothing_away(branches):
    branches.remove("new", keep_data=True)

    with branches.open() as repository:
        place_after(repository, "post-index-change", ["1", "stash"])

    assert branches.read("new/x") == b"x"


def test_before_datav_was_set_up_there_is_no_data(branches):
    branches.git("checkout", "-q", "--orphan", "empty")
    branches.git("rm", "-qrf", ".")
    branches.commit("nothing here", add=False)

    repository = open_for_hooks(branches.root, branches.rev("main"), SILENT)
    with repository:
        place_after(repository, "post-checkout", [branches.rev("main"), branches.rev("HEAD"), "1"])

    assert not branches.exists("a.csv")
    assert open_for_hooks(branches.root, ZEROS, SILENT) is None


def test_settings_say_that_nothing_is_placed(branches):
    text = branches.read("datav.toml") + b"\n[hooks]\nplace = false\n"
    before = branches.rev("HEAD")
    branches.git("checkout", "-q", "old")
    branches.write("datav.toml", text)

    with branches.open() as repository:
        place_after(repository, "post-checkout", [before, branches.rev("HEAD"), "1"])

    assert branches.read("a.csv") == b"id\n2\n"


@pytest.mark.parametrize(
    ("hook", "arguments"), [("post-rewrite", ["amend"]), ("post-commit", []), ("odd", [])]
)
def test_what_the_user_committed_is_left_as_it_is(branches, hook, arguments):
    branches.remove("new", keep_data=True)
    branches.git("commit", "-q", "-m", "no longer a dataset")

    with branches.open() as repository:
        place_after(repository, hook, arguments)

    assert branches.read("new/x") == b"x"


# --- data that is not here


@pytest.fixture
def shared(branches, tmp_path):
    """`branches` with a remote that has all of it."""
    add_place(branches, tmp_path)
    with branches.open() as repository:
        push(repository, everything=True)
    return branches


def add_place(repo, tmp_path):
    """Add the remote for one clone: at every commit, as it is."""
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(tmp_path / "remote")), private=True)


def test_data_that_was_dropped_is_fetched_for_a_switch(shared):
    with shared.open() as repository:
        drop(repository, ["a.csv"], is_only_user=True)

    placed = switch(shared, "old")

    assert placed.fetched_bytes > 0
    assert shared.read("a.csv") == b"id\n1\n"


def test_a_remote_that_is_away_is_one_warning_and_no_error(shared, tmp_path):
    with shared.open() as repository:
        drop(repository, ["a.csv"], is_only_user=True)
    shutil.rmtree(tmp_path / "remote")

    placed = switch(shared, "old")

    assert [(item.path.text, item.kind) for item in placed.kept] == [("a.csv", "absent")]
    assert "datav pull -- a.csv" in placed.kept[0].hint
    assert shared.read("a.csv") == b"id\n2\n"


def clone_of(repo, tmp_path, rev):
    """A clone at `rev` that has not fetched anything."""
    repo.git("clone", "-q", "-b", rev, str(repo.root), str(tmp_path / "clone"))
    clone = DatavRepo(tmp_path / "clone")
    add_place(clone, tmp_path)
    return clone


def test_who_works_with_a_part_gets_no_more_than_that(shared, tmp_path):
    clone = clone_of(shared, tmp_path, "old")

    placed = switch(clone, "origin/main")

    assert [(item.path.text, item.kind) for item in placed.kept] == [("new", "absent")]
    assert not clone.exists("a.csv")
    assert not clone.exists("new")


def test_who_has_all_gets_new_datasets_too(shared, tmp_path):
    clone = clone_of(shared, tmp_path, "old")
    with clone.open() as repository:
        fetch(repository)
    clone.checkout()

    placed = switch(clone, "origin/main")

    assert placed.kept == ()
    assert clone.read("new/x") == b"x"


# --- before a commit


def check(repo, **options):
    with repo.open() as repository:
        return check_commit(repository, **options)


def set_pre_commit(repo, value):
    repo.write("datav.toml", repo.read("datav.toml") + b'\n[hooks]\npre-commit = "%s"\n' % value)


def test_a_commit_is_refused_while_data_is_edited_and_not_added(branches):
    assert check(branches).is_fine

    branches.write("a.csv", b"id\n3\n")

    assert check(branches).edited == (RelPath(b"a.csv"),)
    branches.add("a.csv")
    assert check(branches).is_fine


def test_data_of_another_version_that_is_stored_does_not_stop_a_commit(branches):
    # So a merge leaves it that stopped for a conflict in code.
    branches.git("checkout", "-q", "old", "--", "a.csv.datav")

    assert check(branches).is_fine


def test_the_setting_adds_what_was_edited_to_the_commit(branches):
    set_pre_commit(branches, b"add")
    branches.write("a.csv", b"id\n3\n")

    done = check(branches)

    assert (done.is_fine, done.added) == (True, (RelPath(b"a.csv"),))
    assert b"a.csv.datav" in branches.git("diff", "--cached", "--name-only")


def test_with_an_index_that_is_thrown_away_nothing_is_added(branches):
    set_pre_commit(branches, b"add")
    branches.write("a.csv", b"id\n3\n")

    done = check(branches, can_stage=False)

    assert (done.edited, done.added) == ((RelPath(b"a.csv"),), ())
    assert branches.git("diff", "--cached", "--name-only") == b""


def test_the_setting_turns_the_question_off(branches):
    set_pre_commit(branches, b"off")
    branches.write("a.csv", b"id\n3\n")

    assert check(branches).is_fine


@pytest.mark.parametrize("setting", [b"off", b"refuse"])
def test_a_conflict_that_nobody_decided_is_never_committed(branches, setting):
    set_pre_commit(branches, setting)
    manifest = branches.manifest("a.csv")
    conflict = ConflictInfo(manifest.content, 1, (manifest.content,))
    branches.write("a.csv.datav", encode_manifest(replace(manifest, conflict=conflict)))
    branches.git("add", "a.csv.datav")

    assert check(branches).unresolved == (RelPath(b"a.csv"),)


@pytest.mark.parametrize("name", ["a.csv", "new"])
def test_data_that_git_itself_would_get_is_not_committed(branches, name):
    branches.git("add", "--force", name)

    assert check(branches).taken_by_git == (RelPath(name.encode()),)
    branches.git("rm", "-q", "-r", "--cached", "--", name)
    assert check(branches).is_fine


# --- before a push


def push_first(repo, local, there=ZEROS):
    with repo.open() as repository:
        return push_before_git(repository, "origin", [PushedRef(local, there)])


def test_commits_that_name_data_are_not_pushed_without_a_remote_for_it(branches):
    with pytest.raises(UsageError, match="no remote to push it to"):
        push_first(branches, branches.rev("main"))

    first = branches.rev("old~1")
    assert push_first(branches, first) is None


def test_the_data_of_all_commits_on_the_way_is_pushed(branches, tmp_path):
    add_place(branches, tmp_path)

    result = push_first(branches, branches.rev("main"))

    # a.csv twice, same.csv, new
    assert result.new_versions == 4
    assert push_first(branches, branches.rev("main"), branches.rev("main")) is None
    assert push_first(branches, ZEROS, branches.rev("main")) is None


def test_a_side_branch_that_a_merge_took_nothing_from_is_pushed_too(branches):
    branches.git("checkout", "-q", "-b", "side", "old")
    branches.write("a.csv", b"id\n5\n")
    branches.add("a.csv")
    branches.commit("side")
    blob = branches.rev("HEAD:a.csv.datav")
    branches.git("checkout", "-q", "main")
    branches.git("merge", "-q", "-s", "ours", "-m", "not that", "side")

    with branches.open() as repository:
        found = manifests_being_pushed(
            repository.git, "origin", [PushedRef(branches.rev("main"), branches.rev("main~1"))]
        )

    assert found == [(blob, RelPath(b"a.csv.datav"))]


def test_manifests_are_found_wherever_they_lie_and_whatever_they_are_called(branches):
    names = ["deep/down/b.csv", 'sp ace/ü "q".csv', "-dash.csv"]
    for number, name in enumerate(names):
        branches.write(name, b"%d" % number)
        branches.add(f"./{name}")
        branches.commit(name)
    main, old = branches.rev("main"), branches.rev("old")

    with branches.open() as repository:
        found = manifests_being_pushed(repository.git, "/no/remote of that name", [PushedRef(main, old)])

    assert {path.text for _, path in found} == {f"{name}.datav" for name in [*names, "a.csv", "new"]}


def test_a_merge_that_is_none_of_its_sides_is_found(branches):
    branches.git("checkout", "-q", "-b", "side", "old")
    branches.write("a.csv", b"id\n5\n")
    branches.add("a.csv")
    branches.commit("side")
    branches.git("checkout", "-q", "main")
    branches.checkout()
    branches.git("merge", "-q", "-s", "ours", "--no-commit", "side")
    branches.write("a.csv", b"id\n6\n")
    branches.add("a.csv")
    branches.commit("both")

    with branches.open() as repository:
        pushed = [PushedRef(branches.rev("main"), branches.rev(rev)) for rev in ("main^1", "main^2")]
        found = manifests_being_pushed(repository.git, "origin", pushed)

    assert found == [(branches.rev("main:a.csv.datav"), RelPath(b"a.csv.datav"))]


def test_data_that_exists_nowhere_stops_the_push(branches, tmp_path):
    add_place(branches, tmp_path)
    branches.write("a.csv", random_bytes(20_000))
    branches.add("a.csv")
    branches.commit("lost")
    shutil.rmtree(branches.root / ".git/datav/store")

    with pytest.raises(DataLossError):
        push_first(branches, branches.rev("main"))
