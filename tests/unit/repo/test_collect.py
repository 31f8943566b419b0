"""gc: what stays, what goes, and when it refuses."""

import multiprocessing
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from datav.errors import BusyError, DataLossError, UsageError
from datav.formats.manifest import ConflictInfo, encode_manifest
from datav.repo.collect import Collected, collect
from datav.repo.repository import Repository, init
from datav.repo.roots import split_conflict
from datav.repo.verify import Verified, verify
from tests.support.datasets import DatavRepo, random_bytes


def run(repo: DatavRepo, *, apply: bool = True, **options) -> Collected:
    with repo.open() as repository:
        return collect(repository, apply=apply, **options)


def check(repo: DatavRepo) -> Verified:
    with repo.open() as repository:
        return verify(repository)


def forget_history(repo: DatavRepo) -> None:
    repo.git("reflog", "expire", "--expire=now", "--all")


def store_size(repo: DatavRepo) -> int:
    return sum(path.stat().st_size for path in repo.path(".git/datav/store/packs").iterdir())


@pytest.fixture
def two(repo: DatavRepo) -> DatavRepo:
    """`a.bin` on `main`; another version of it on `other`."""
    repo.write("a.bin", random_bytes(100_000, 1))
    repo.add("a.bin")
    repo.commit("one")
    repo.git("checkout", "-q", "-b", "other")
    repo.write("a.bin", random_bytes(100_000, 2))
    repo.add("a.bin")
    repo.commit("two")
    repo.checkout("main")
    return repo


def test_what_a_branch_needs_stays(two):
    before = store_size(two)

    found = run(two)

    assert found.bytes_freed == 0
    assert found.needed_by_work_trees > 100_000
    assert found.needed_by_history > 100_000
    assert store_size(two) == before


def test_a_dry_run_says_what_a_run_does(two):
    two.git("branch", "-D", "other")
    forget_history(two)
    before = store_size(two)

    promised = run(two, apply=False)

    assert promised.dry_run
    assert store_size(two) == before == promised.bytes_before
    done = run(two)
    assert (done.bytes_freed, done.packs_deleted) == (promised.bytes_freed, promised.packs_deleted)
    assert store_size(two) == before - done.bytes_freed
    assert done.bytes_freed > 100_000
    assert check(two).ok


def test_what_only_the_reflog_remembers_stays(two):
    two.git("branch", "-D", "other")

    assert run(two).bytes_freed == 0


def test_a_manifest_that_git_does_not_know_keeps_its_data(repo):
    repo.write("a.bin", random_bytes(100_000, 1))
    repo.add("a.bin", stage=False)
    repo.path("a.bin").unlink()

    run(repo)

    repo.checkout()
    assert repo.read("a.bin") == random_bytes(100_000, 1)


def test_a_manifest_in_another_work_tree_keeps_its_data(repo, tmp_path):
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = DatavRepo(tmp_path / "side")
    side.write("b.bin", random_bytes(100_000, 3))
    side.add("b.bin", stage=False)
    side.path("b.bin").unlink()

    run(repo)

    side.checkout()
    assert side.read("b.bin") == random_bytes(100_000, 3)


def test_collecting_in_one_work_tree_knows_the_main_one(repo, tmp_path):
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    repo.write("b.bin", random_bytes(100_000, 3))
    repo.add("b.bin", stage=False)
    repo.path("b.bin").unlink()

    run(DatavRepo(tmp_path / "side"))

    repo.checkout()
    assert repo.read("b.bin") == random_bytes(100_000, 3)


def test_what_is_forgotten_is_stored_again_by_the_next_add(two):
    two.checkout("other")
    two.git("checkout", "-q", "main")
    two.git("branch", "-D", "other")
    forget_history(two)
    run(two)
    # On disk lies what `other` named, and its stat cache called it stored (O4).
    assert two.read("a.bin") == random_bytes(100_000, 2)

    two.add("a.bin")
    two.commit("again")
    two.path("a.bin").unlink()

    two.checkout()
    assert two.read("a.bin") == random_bytes(100_000, 2)
    assert check(two).ok


def test_a_stat_cache_of_what_stays_stays(two):
    before = sorted(two.path(".git/datav/worktrees").rglob("stat/*"))
    two.git("branch", "-D", "other")
    forget_history(two)

    run(two)

    assert sorted(two.path(".git/datav/worktrees").rglob("stat/*")) == before != []


def test_a_conflict_keeps_both_sides(two):
    two.write("a.bin", random_bytes(100_000, 3))
    two.add("a.bin")
    two.commit("three")
    two.git("config", "--remove-section", "merge.datav")
    two.git("merge", "other", check=False)
    assert b"<<<<<<<" in two.read("a.bin.datav")
    text = two.read("a.bin.datav")
    two.git("merge", "--abort")
    two.git("branch", "-D", "other")
    two.git("reset", "-q", "--hard", "HEAD~1")
    forget_history(two)
    two.write("a.bin.datav", text)
    two.path(".git/ORIG_HEAD").unlink()

    found = run(two)

    assert found.bytes_freed == 0
    assert not check(two).missing


@pytest.mark.parametrize("place", ["work tree", "index", "stash", "linked"])
def test_a_conflict_keeps_its_record_and_its_sides_wherever_the_manifest_is(two, tmp_path, place):
    ours = two.manifest("a.bin")
    needed = []
    for seed in (5, 6, 7):
        two.write("a.bin", random_bytes(30_000, seed))
        two.add("a.bin", stage=False)
        needed.append(two.manifest("a.bin").content)
    record, *sides = needed
    two.git("checkout", "-q", "a.bin.datav")
    where = two
    if place == "linked":
        two.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
        where = DatavRepo(tmp_path / "linked")
    conflict = ConflictInfo(record, 1, tuple(sides))
    where.write("a.bin.datav", encode_manifest(replace(ours, conflict=conflict)))
    if place == "index":
        make_unmerged(two, "a.bin.datav")
        two.path("a.bin.datav").unlink()
    elif place == "stash":
        two.git("stash", "-q")
        two.path(".git/ORIG_HEAD").unlink(missing_ok=True)

    run(two)

    with two.open() as repository:
        assert all(repository.store.lookup.contains(b"".join(content.id for content in needed)))
    assert not check(two).missing


def make_unmerged(repo: DatavRepo, path: str) -> None:
    """Let git's index have the file as it is on disk as our side, and nothing else of it."""
    oid = repo.git("hash-object", "-w", path).decode().strip()
    lines = f"0 {'0' * len(oid)}\t{path}\n100644 {oid} 2\t{path}\n"
    repo.git("update-index", "--index-info", stdin=lines.encode())


def test_a_damaged_manifest_in_history_stops_the_collection(two):
    two.write("bad.bin.datav", two.read("a.bin.datav").replace(b"depth", b"deepth"))
    two.commit("bad")
    oid = two.rev("HEAD:bad.bin.datav")
    two.git("rm", "-q", "bad.bin.datav")
    two.commit("removed")
    before = store_size(two)

    with pytest.raises(DataLossError, match=oid):
        run(two)

    assert store_size(two) == before


def test_a_file_that_is_named_like_a_manifest_and_names_no_data_is_no_hindrance(two):
    two.write("notes.datav", b"just notes\n")
    two.write("large.datav", bytes(2_000_000))
    two.commit("notes")

    assert run(two).bytes_freed == 0


def test_a_tree_that_cannot_be_walked_stops_the_collection(two):
    two.git("branch", "-D", "other")
    forget_history(two)
    with two.open() as repository:
        lookup = repository.store.lookup
        place = lookup.places([two.manifest("a.bin").content.id])[0]
        assert place is not None
        path = repository.store.layout.pack(place.pack)
    data = bytearray(path.read_bytes())
    data[place.offset + 30] ^= 1
    path.write_bytes(data)
    before = store_size(two)

    with pytest.raises(DataLossError):
        run(two)

    assert store_size(two) == before


def test_a_clone_without_data_collects_nothing_and_does_not_mind(two, tmp_path):
    two.git("clone", "-q", str(two.root), str(tmp_path / "clone"))

    found = run(DatavRepo(tmp_path / "clone"))

    assert found.absent == found.manifests == 1 or found.absent == found.manifests == 2
    assert found.bytes_before == 0


def test_nothing_is_collected_while_another_process_writes(two):
    with two.open() as repository, repository.store.writing(repository.executor), pytest.raises(BusyError):
        run(two)


def test_a_store_elsewhere_is_collected_only_for_its_only_user(git_repo, tmp_path):
    repo = DatavRepo(git_repo.root)
    init(repo.root, store=tmp_path / "elsewhere")
    repo.commit("set up")

    with pytest.raises(UsageError):
        run(repo)

    assert run(repo, is_only_user=True).bytes_freed == 0


def test_both_sides_and_the_base_of_a_conflict():
    text = b"a\n<<<<<<< HEAD\nb\n||||||| base\nc\n=======\nd\n>>>>>>> other\ne\n"

    assert split_conflict(text) == [b"a\nb\ne\n", b"a\nd\ne\n", b"a\nc\ne\n"]


def _add_many(root: str, started: object, count: int) -> None:
    repo = DatavRepo(Path(root))
    for number in range(count):
        repo.write(f"n{number}.bin", random_bytes(30_000, 100 + number % 7))
        repo.add(f"n{number}.bin", stage=False)
        if number == 0:
            started.set()  # type: ignore[attr-defined]


def test_adding_beside_collections_loses_nothing(two):
    two.git("branch", "-D", "other")
    forget_history(two)
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=_add_many, args=(str(two.root), started, 12))
    process.start()
    assert started.wait(60)

    collections = 0
    while process.is_alive() or not collections:
        try:
            run(two)
            collections += 1
        except BusyError:
            pass
    process.join()

    assert process.exitcode == 0
    for number in range(12):
        two.path(f"n{number}.bin").unlink()
    two.path("a.bin").unlink()
    two.checkout()
    assert two.read("a.bin") == random_bytes(100_000, 1)
    for number in range(12):
        assert two.read(f"n{number}.bin") == random_bytes(30_000, 100 + number % 7)
    assert check(two).ok


_DURABLE = ("fsync_directory", "publish", "remove_file", "write_atomic")


def _die_at(root: str, number: int) -> None:
    """Collect, and be gone before the call into storage with that number."""
    left = number

    def dying(call):
        def wrapped(*args, **options):
            nonlocal left
            if left == 0:
                os._exit(9)
            left -= 1
            return call(*args, **options)

        return wrapped

    import datav.repo.collect as repo_module
    import datav.store.sweeping as store_module

    for module in (repo_module, store_module):
        for name in _DURABLE:
            if hasattr(module, name):
                setattr(module, name, dying(getattr(module, name)))
    with Repository.open(Path(root)) as repository:
        collect(repository, apply=True)


def test_a_collection_killed_anywhere_leaves_a_sound_store_and_the_next_one_finishes(repo, tmp_path):
    """O5."""
    for number in range(6):
        repo.write("a.bin", random_bytes(60_000, number) + random_bytes(60_000, 99))
        repo.write("d/b.bin", random_bytes(20_000, 50 + number))
        repo.add("a.bin", "d")
    repo.commit("the last of them")
    forget_history(repo)
    context = multiprocessing.get_context("fork")
    for number in range(100):
        copy = DatavRepo(tmp_path / f"copy{number}")
        shutil.copytree(repo.root, copy.root, symlinks=True)
        process = context.Process(target=_die_at, args=(str(copy.root), number))
        process.start()
        process.join()

        assert check(copy).ok, f"killed at {number}"
        shutil.rmtree(copy.path("d"))
        copy.path("a.bin").unlink()
        run(copy)
        copy.checkout()
        assert copy.read("a.bin") == repo.read("a.bin")
        assert copy.read("d/b.bin") == repo.read("d/b.bin")
        found = check(copy)
        assert found.ok
        assert not found.store.unindexed_packs
        assert run(copy).bytes_freed == 0
        shutil.rmtree(copy.root)
        if process.exitcode == 0:
            break
        assert process.exitcode == 9
    assert number > 6


def test_packs_on_their_way_to_a_remote_when_a_push_was_killed_go_after_a_day(two):
    old = two.write(".git/datav/remotes/0/tmp/.datav-tmp-1.pack", b"old")
    new = two.write(".git/datav/remotes/0/tmp/.datav-tmp-2.pack", b"new")
    os.utime(old, (1, 1))

    run(two)

    assert not old.exists()
    assert new.exists()
