"""push, fetch and clone between repositories and a directory."""

import shutil
from dataclasses import replace

import pytest

from datav.errors import (
    DataLossError,
    MissingChunkError,
    RemoteError,
    UnknownDatasetError,
    UnknownRevisionError,
    UsageError,
)
from datav.formats.manifest import ConflictInfo, encode_manifest
from datav.repo.clone import clone_git
from datav.repo.clone_identity import clone_identity
from datav.repo.drop import drop
from datav.repo.fetch import fetch
from datav.repo.partial import partial_contents
from datav.repo.push import push, split_remote
from datav.repo.remotes import add_remote
from datav.repo.repository import init
from datav.settings import RemoteSettings
from datav.store.completeness import Completeness
from tests.support.datasets import DatavRepo, random_bytes


@pytest.fixture
def shared(tmp_path):
    """A repository with a remote, two datasets, and two versions of one of them."""
    repo = DatavRepo.init(tmp_path / "here")
    repo.set_up()
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(tmp_path / "remote")))
    repo.write("a.bin", random_bytes(60_000, 1))
    for number in range(5):
        repo.write(f"d/x/{number}", random_bytes(3_000, 10 + number))
        repo.write(f"d/y/{number}", random_bytes(3_000, 20 + number))
    repo.add("a.bin", "d")
    repo.commit("first")
    repo.git("tag", "v1")
    repo.write("a.bin", random_bytes(60_000, 1)[:40_000] + random_bytes(20_000, 2))
    repo.add("a.bin")
    repo.commit("second")
    return repo


def _push(repo, remote=None, **options):
    with repo.open() as repository:
        return push(repository, remote, **options)


def _fetch(repo, rev=None, names=(), **options):
    with repo.open() as repository:
        return fetch(repository, rev, names, **options)


def _clone(repo, tmp_path, name="there"):
    """What git alone clones."""
    copy = DatavRepo(tmp_path / name)
    repo.git("clone", "-q", str(repo.root), str(copy.root))
    return copy


def _set_aside(tmp_path):
    """The remote is not to be reached any more."""
    (tmp_path / "remote").rename(tmp_path / "aside")


def test_a_branch_of_which_a_merge_took_nothing_is_pushed_too(shared, tmp_path):
    """git's log leaves such commits out, for they explain nothing of what there is now."""
    shared.git("checkout", "-q", "-b", "side", "v1")
    shared.checkout()
    shared.write("a.bin", random_bytes(60_000, 3))
    shared.add("a.bin")
    side = shared.commit("on the side")
    shared.git("checkout", "-q", "-f", "-")
    shared.git("merge", "-q", "-s", "ours", "-m", "theirs was wrong", "side")
    shared.git("branch", "-q", "-D", "side")
    _push(shared)
    copy = _clone(shared, tmp_path)

    _fetch(copy, side)
    copy.git("checkout", "-q", side)
    copy.checkout()

    assert copy.read("a.bin") == random_bytes(60_000, 3)


def test_a_clone_gets_what_was_pushed_of_every_commit(shared, tmp_path):
    _push(shared)
    copy = _clone(shared, tmp_path)

    _fetch(copy)
    copy.checkout()
    assert copy.read("a.bin") == shared.read("a.bin")
    assert copy.read("d/y/3") == random_bytes(3_000, 23)

    _fetch(copy, "v1")
    copy.checkout("v1")
    assert copy.read("a.bin") == random_bytes(60_000, 1)


def test_what_finishes_a_merge_comes_with_the_whole_and_not_with_a_part(shared, tmp_path):
    ours, needed = shared.manifest("d"), []
    for seed in (5, 6):
        shared.write("d/more", random_bytes(30_000, seed))
        shared.write("other", random_bytes(20_000, seed))
        shared.add("d", "other", stage=False)
        needed += [shared.manifest("d").content, shared.manifest("other").content]
    conflict = ConflictInfo(needed[1], 1, tuple(needed[2:]))
    shared.write("d.datav", encode_manifest(replace(ours, conflict=conflict)))
    shared.git("add", "d.datav")
    shared.git("commit", "-qm", "unresolved")
    _push(shared)
    copy = _clone(shared, tmp_path)

    _fetch(copy, names=["d/x"])
    assert [content in _here(copy, needed[1:]) for content in needed[1:]] == [False] * 3
    _fetch(copy, names=["d"])
    assert _here(copy, needed) == set(needed[1:])
    copy.checkout(names=["d"])
    assert copy.read("d/y/3") == shared.read("d/y/3")


def _here(repo, contents):
    """Those of `contents` that the store has all of."""
    with repo.open() as repository:
        completeness = Completeness(repository.store.lookup, repository.store.reader)
        return {content for content in contents if not completeness.find_lack(content)}


def test_a_push_with_nothing_to_do_asks_three_times_and_sends_nothing(shared):
    first = _push(shared)
    second = _push(shared)

    assert first.new_versions == 3
    assert (second.requests, second.bytes_sent, second.new_versions, second.versions) == (3, 0, 0, 3)


def test_a_push_of_one_revision_sends_no_other(shared, tmp_path):
    _push(shared, revs=["v1"])
    copy = _clone(shared, tmp_path)

    _fetch(copy, "v1")
    with pytest.raises(MissingChunkError, match="lacks"):
        _fetch(copy)


def test_a_push_of_one_dataset_sends_no_other(shared, tmp_path):
    result = _push(shared, names=["d"])

    assert (result.versions, result.new_versions) == (1, 1)
    copy = _clone(shared, tmp_path)
    _fetch(copy, None, ["d"])
    with pytest.raises(MissingChunkError):
        _fetch(copy, None, ["a.bin"])


def test_everything_is_what_no_branch_has_too(shared, tmp_path):
    shared.git("checkout", "-q", "-b", "other", "v1")
    shared.write("b.bin", random_bytes(9_000, 5))
    shared.add("b.bin")
    shared.commit("on another branch")
    shared.git("checkout", "-q", "main")

    assert _push(shared).versions == 3
    assert _push(shared, everything=True).new_versions == 1
    copy = _clone(shared, tmp_path)
    _fetch(copy, "origin/other")


def test_a_later_push_sends_what_is_new(shared):
    _push(shared)
    content = bytearray(shared.read("a.bin"))
    content[30_000] ^= 1
    shared.write("a.bin", bytes(content))
    shared.add("a.bin")
    shared.commit("one byte")

    result = _push(shared)

    assert result.new_versions == 1
    assert result.chunks == 1
    assert result.bytes_sent < 2_000


def test_old_versions_that_are_nowhere_are_told_and_the_rest_goes(shared, tmp_path):
    old = random_bytes(60_000, 1)
    copy = _clone(shared, tmp_path)
    copy.write("a.bin", shared.read("a.bin"))
    copy.write("d/x/0", b"")
    shutil.copytree(shared.path("d"), copy.path("d"), dirs_exist_ok=True)
    copy.add("a.bin", "d")

    result = _push(copy)

    assert [str(version.dataset) for version in result.incomplete] == ["a.bin"]
    assert result.new_versions == 2
    with pytest.raises(DataLossError, match="neither in the local store nor on"):
        _push(copy, revs=["v1"])
    assert shared.read("a.bin") != old


def test_what_another_clone_pushed_need_not_be_here(shared, tmp_path):
    _push(shared)
    copy = _clone(shared, tmp_path)
    _fetch(copy)

    result = _push(copy)

    assert (result.new_versions, result.chunks, result.incomplete) == (3, 0, ())


def test_a_part_of_a_directory_comes_alone_and_can_be_checked_out(shared, tmp_path):
    _push(shared)
    copy = _clone(shared, tmp_path)

    result = _fetch(copy, None, ["d/x"])
    copy.checkout(None, ["d/x"])

    assert result.bytes_of_data == 15_000
    assert sorted(path.name for path in copy.path("d").rglob("*")) == ["0", "1", "2", "3", "4", "x"]
    with copy.open() as repository:
        assert len(partial_contents(repository)) == 1
    assert copy.statuses()["d"].is_partial


def test_the_rest_of_a_part_comes_later(shared, tmp_path):
    _push(shared)
    copy = _clone(shared, tmp_path)
    _fetch(copy, None, ["d/x"])

    result = _fetch(copy)
    copy.checkout()

    assert copy.states() == {"a.bin": "clean", "d": "clean"}
    assert result.versions == 2
    with copy.open() as repository:
        assert partial_contents(repository) == set()


def test_adding_a_part_is_refused_for_the_others_would_count_as_removed(shared, tmp_path):
    _push(shared)
    copy = _clone(shared, tmp_path)
    _fetch(copy, None, ["d/x"])
    copy.checkout(None, ["d/x"])
    before = copy.read("d.datav")

    with pytest.raises(DataLossError, match=r"5 of 10 files are on disk"):
        copy.add("d")
    assert copy.read("d.datav") == before


def test_the_status_tells_what_is_not_pushed_and_asks_nobody(shared, tmp_path):
    assert [each.pushed for each in shared.statuses().values()] == [False, False]

    _push(shared)
    _set_aside(tmp_path)
    assert [each.pushed for each in shared.statuses().values()] == [True, True]

    shared.write("a.bin", b"new")
    shared.add("a.bin")
    assert {path: each.pushed for path, each in shared.statuses().items()} == {"a.bin": False, "d": True}


def test_without_a_remote_nobody_knows_what_is_pushed(repo):
    repo.write("a.bin", b"1")
    repo.add("a.bin")

    assert repo.statuses()["a.bin"].pushed is None


def test_a_clone_knows_what_is_pushed_once_it_has_fetched(shared, tmp_path):
    _push(shared)
    copy = _clone(shared, tmp_path)
    assert copy.statuses()["d"].pushed is None

    _fetch(copy)

    assert copy.statuses()["d"].pushed


def test_a_copy_of_a_repository_is_another_clone(shared, tmp_path):
    _push(shared)
    shutil.copytree(shared.root, tmp_path / "copy", symlinks=True)

    result = _push(DatavRepo(tmp_path / "copy"))

    assert result.new_versions == 3
    clones = {path.name.partition("-")[0] for path in (tmp_path / "remote/roots").iterdir()}
    assert len(clones) == 2


def test_a_place_without_a_store_is_told_from_one_that_lacks_something(shared, tmp_path):
    with pytest.raises(RemoteError, match="there is no store at"):
        _fetch(shared)


def test_pushing_before_the_first_commit_is_an_error_with_a_hint(tmp_path):
    repo = DatavRepo.init(tmp_path / "repo")
    init(repo.root)
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(tmp_path / "remote")))

    with pytest.raises(UsageError, match="no commit yet"):
        _push(repo)


def test_everything_and_less_cannot_both_be_meant(shared):
    with pytest.raises(UsageError, match="says less"):
        _push(shared, names=["d"], everything=True)
    with pytest.raises(UsageError, match="says less"):
        _fetch(shared, "HEAD", everything=True)


def test_words_that_mean_nothing_are_errors(shared):
    with pytest.raises(UnknownRevisionError):
        _push(shared, revs=["nothing"])
    with pytest.raises(UnknownDatasetError):
        _push(shared, names=["nothing"])
    with pytest.raises(UsageError):
        _push(shared, "nowhere")
    _push(shared)
    with pytest.raises(UnknownDatasetError):
        _fetch(shared, None, ["d/nothing/here"])
    with pytest.raises(UnknownDatasetError):
        _fetch(shared, None, ["a.bin/inside"])


def test_the_first_word_is_a_remote_if_one_has_that_name(shared):
    with shared.open() as repository:
        assert split_remote(repository, ["origin", "d"]) == ("origin", ["d"])
        assert split_remote(repository, ["d"]) == (None, ["d"])
        assert split_remote(repository, []) == (None, [])


def test_cloning_sets_datav_up_only_where_it_is_used(shared, tmp_path):
    plain = DatavRepo.init(tmp_path / "plain")
    plain.write("x", b"1")
    plain.commit("no data")

    cloned = clone_git(tmp_path, str(shared.root), tmp_path / "one")
    without = clone_git(tmp_path, "plain/.git", tmp_path / "two")

    assert (cloned.is_set_up, cloned.has_datasets) == (True, True)
    assert (without.is_set_up, without.has_datasets) == (False, False)


def test_a_file_that_was_removed_by_hand_after_a_drop_is_recorded_as_removed(shared):
    _push(shared)
    with shared.open() as repository:
        drop(repository, ["d"])
    shared.path("d/x/0").unlink()

    assert not shared.statuses()["d"].is_partial
    shared.add("d")

    assert shared.manifest("d").files == 9


def test_two_datasets_of_one_content_are_both_known_by_their_names(shared):
    for name in ("one.bin", "two.bin"):
        shared.write(name, random_bytes(5_000, 7))
    shared.add("one.bin", "two.bin")
    shared.commit("twins")

    assert _push(shared, names=["two.bin"]).versions == 1
    assert _push(shared, names=["one.bin"], revs=["HEAD"]).versions == 1


@pytest.mark.parametrize("lost", ["format", "index"])
def test_a_push_puts_again_what_the_remote_has_lost(shared, tmp_path, lost):
    _push(shared)
    place = tmp_path / "remote" / lost
    if place.is_dir():
        for path in place.iterdir():
            path.unlink()
    else:
        place.unlink()

    _push(shared)

    copy = _clone(shared, tmp_path)
    _fetch(copy)
    copy.checkout()
    assert copy.read("a.bin") == shared.read("a.bin")


def test_a_remote_is_no_revision_and_a_path_none_either(shared):
    _push(shared)

    with pytest.raises(UsageError, match="origin is a remote, no revision"):
        _fetch(shared, "origin")
    with pytest.raises(UnknownRevisionError) as error:
        _fetch(shared, "a.bin")
    assert "`datav pull -- a.bin`" in error.value.hint


def test_a_clone_does_not_call_unpushed_what_somebody_else_has_added(shared, tmp_path):
    _push(shared)
    copy = _clone(shared, tmp_path)
    _fetch(copy)
    shared.write("a.bin", random_bytes(5_000, 8))
    shared.add("a.bin")
    shared.commit("third")
    copy.git("pull", "-q")

    assert copy.statuses()["a.bin"].pushed is None


def test_a_repository_that_is_found_under_another_path_is_the_same_clone(shared, tmp_path):
    with shared.open() as repository:
        before = clone_identity(repository).id

    moved = DatavRepo(shared.root.rename(tmp_path / "moved"))

    with moved.open() as repository:
        assert clone_identity(repository).id == before
