"""Profiles as stored objects: every command treats them as well as the data, and no better."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from datav.errors import FormatError, IntegrityError, RemoteError
from datav.formats.entry import Content
from datav.formats.manifest import MAX_PROFILE, Manifest
from datav.ids import hash_chunk
from datav.repo.collect import Collected, collect
from datav.repo.collect_remote import collect_remote
from datav.repo.diff import comparing
from datav.repo.drop import drop
from datav.repo.farreading import close_connections
from datav.repo.fetch import fetch
from datav.repo.log import log
from datav.repo.partial import partial_contents
from datav.repo.profilestore import read_profile, store_profile
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.repo.repair import repair
from datav.repo.repair_remote import repair_remote
from datav.repo.roots import find_roots
from datav.repo.usage import usage
from datav.repo.verify import verify
from datav.repo.verify_remote import verify_remote
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo, random_bytes
from tests.support.profiles import put_profile
from tests.unit.store.stores import flip

SMALL, LARGE = b"the profile of a", random_bytes(60_000, 9)
"""One chunk, and a tree of them."""
OTHER_SMALL, OTHER_LARGE = b"another profile of a", random_bytes(60_000, 8)


@pytest.fixture(autouse=True)
def closed():
    yield
    close_connections()


@pytest.fixture
def data(repo, tmp_path) -> DatavRepo:
    """A file with a profile of one chunk, a directory with a profile that is a tree; a remote, not pushed."""
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(tmp_path / "remote")))
    repo.write("a.bin", random_bytes(50_000, 1))
    for number in range(20):
        repo.write(f"d/{number}", random_bytes(3_000, 10 + number))
    repo.add("a.bin", "d")
    assert put_profile(repo, "a.bin", SMALL).depth == 0
    assert put_profile(repo, "d", LARGE).depth == 1
    repo.commit("profiled")
    return repo


def run(repo: DatavRepo, verb, *arguments, **options):
    with repo.open() as repository:
        return verb(repository, *arguments, **options)


def clone(repo: DatavRepo, place) -> DatavRepo:
    """What git alone clones."""
    copy = DatavRepo(place)
    repo.git("clone", "-q", str(repo.root), str(copy.root))
    return copy


def read(repo: DatavRepo, name: str, **options) -> bytes | None:
    return run(repo, read_profile, repo.manifest(name), **options)


def changes(repo: DatavRepo, *revisions: str):
    """What `datav diff` finds."""
    with repo.open() as repository, comparing(repository, revisions, ()) as found:
        return found.diff.datasets


def gc(repo: DatavRepo) -> Collected:
    repo.git("reflog", "expire", "--expire=now", "--all")
    return run(repo, collect, apply=True)


def is_stored(repo: DatavRepo, content: Content) -> bool:
    with repo.open() as repository:
        return bool(repository.store.lookup.contains(content.id)[0])


def pack_of(repo: DatavRepo, content: Content):
    with repo.open() as repository:
        (place,) = repository.store.lookup.places([content.id])
        assert place is not None
        return repository.store.layout.pack(place.pack), place


def spoil(repo: DatavRepo, content: Content) -> None:
    """Damage the chunk or node at the top of a content."""
    path, place = pack_of(repo, content)
    path.chmod(0o644)
    flip(path, place.offset + place.length - 1)


def send_others(repo: DatavRepo, place) -> Path:
    """Push, then push other profiles; return the pack that the remote has of nothing but these."""
    run(repo, push)
    before = set((place / "packs").iterdir())
    put_profile(repo, "a.bin", OTHER_SMALL)
    put_profile(repo, "d", OTHER_LARGE)
    repo.commit("other profiles")
    run(repo, push)
    (pack,) = set((place / "packs").iterdir()) - before
    return pack


# Storing and reading


@pytest.mark.parametrize("profile", [b"x", SMALL, LARGE, bytes(5 * 2**20), random_bytes(MAX_PROFILE, 3)])
def test_what_was_stored_is_read(repo, profile):
    repo.write("a.bin", b"1")
    repo.add("a.bin")
    manifest = repo.manifest("a.bin")

    content = put_profile(repo, "a.bin", profile)

    assert content.size == len(profile)
    assert read(repo, "a.bin") == profile
    assert run(repo, read_profile, manifest) is None


@pytest.mark.parametrize("size", [0, MAX_PROFILE + 1])
def test_what_no_manifest_could_name_is_not_stored(repo, size):
    with repo.open() as repository, repository.store.writing(repository.executor) as writer:
        with pytest.raises(FormatError, match="a profile has 1 to"):
            store_profile(repository, writer, bytes(size))
        assert writer.tally.new_chunks == 0


def test_a_profile_is_cut_and_named_as_a_file_is(data):
    data.write("profile", LARGE)
    data.add("profile")

    assert data.manifest("profile").content == data.manifest("d").profile


def test_a_profile_near_the_one_before_is_stored_as_deltas(data):
    near = LARGE[:30_000] + b"changed" + LARGE[30_007:]

    with data.open() as repository, repository.store.writing(repository.executor) as writer:
        store_profile(repository, writer, near, old=data.manifest("d").profile)
        tally = writer.tally

    assert (tally.deltas, tally.new_chunks) == (1, 1)


def test_a_profile_before_that_is_not_here_is_no_hindrance(data):
    absent = Content(bytes(range(32)), 1, 70_000)

    with data.open() as repository, repository.store.writing(repository.executor) as writer:
        content = store_profile(repository, writer, LARGE, old=absent)

    assert content == data.manifest("d").profile


def test_a_damaged_profile_is_never_returned(data):
    shutil.rmtree(data.path("d"))
    for name in ("a.bin", "d"):
        spoil(data, data.manifest(name).profile)

        with pytest.raises((IntegrityError, FormatError)):
            read(data, name, far=False)


def test_a_profile_of_another_length_than_its_manifest_says_is_refused(data):
    for name in ("a.bin", "d"):
        manifest = data.manifest(name)
        wrong = replace(manifest, profile=manifest.profile._replace(size=manifest.profile.size - 1))

        with pytest.raises(FormatError):
            run(data, read_profile, wrong)


def test_a_profile_that_is_too_large_is_not_even_looked_for(data):
    huge = replace(data.manifest("d"), profile=data.manifest("d").profile._replace(size=2**40))

    with pytest.raises(FormatError, match="larger than any"):
        run(data, read_profile, huge)


def test_a_profile_that_is_nowhere_is_none(data, tmp_path):
    run(data, push)
    nowhere = Manifest(
        "file", data.manifest("a.bin").content, 1, profile=Content(bytes(hash_chunk(b"?")), 0, 1)
    )

    assert run(data, read_profile, nowhere) is None
    assert run(data, read_profile, nowhere, far=False) is None
    assert run(clone(data, tmp_path / "there"), read_profile, nowhere) is None


# Push, fetch, clone


def test_a_clone_without_data_reads_profiles_of_any_tag_from_the_remote(data, tmp_path):
    data.git("tag", "v1")
    data.write("a.bin", random_bytes(50_000, 2))
    data.add("a.bin")
    put_profile(data, "a.bin", b"another")
    data.commit("second")
    run(data, push)
    copy = clone(data, tmp_path / "there")

    assert (read(copy, "a.bin"), read(copy, "d")) == (b"another", LARGE)
    copy.git("checkout", "-q", "v1")
    assert (read(copy, "a.bin"), read(copy, "d")) == (SMALL, LARGE)
    assert read(copy, "a.bin", far=False) is None
    assert not any(copy.path(".git/datav/store/packs").iterdir())


def test_a_remote_that_cannot_be_reached_is_no_missing_profile(data, tmp_path):
    run(data, push)
    copy = clone(data, tmp_path / "there")
    shutil.rmtree(tmp_path / "remote/index")
    (tmp_path / "remote/index").write_bytes(b"a file")

    with pytest.raises(RemoteError):
        read(copy, "d")


def test_pushing_counts_versions_of_data_and_profiles_apart(data):
    first, again = run(data, push), run(data, push)
    put_profile(data, "a.bin", b"computed anew")
    data.commit("another profile")
    profile = run(data, push)

    assert (first.versions, first.new_versions, first.new_profiles) == (2, 2, 2)
    assert first.bytes_of_data == 110_000
    assert (again.new_versions, again.new_profiles, again.requests) == (0, 0, 3)
    assert (profile.versions, profile.new_versions, profile.new_profiles) == (2, 0, 1)
    assert profile.bytes_of_data == 0


def test_a_fetch_brings_profiles_and_counts_versions_of_data(data, tmp_path):
    run(data, push)
    copy = clone(data, tmp_path / "there")

    done = run(copy, fetch)
    shutil.rmtree(tmp_path / "remote")

    assert (done.versions, done.bytes_of_data, done.lost_profiles) == (2, 110_000, ())
    assert (read(copy, "a.bin"), read(copy, "d")) == (SMALL, LARGE)
    with copy.open() as repository:
        assert partial_contents(repository) == set()
    assert run(copy, verify).ok


def test_a_fetch_of_a_path_brings_the_profile_of_its_dataset_alone(data, tmp_path):
    run(data, push)
    copy = clone(data, tmp_path / "there")

    done = run(copy, fetch, None, ["d/3"])

    assert done.versions == 1
    assert read(copy, "d", far=False) == LARGE
    assert read(copy, "a.bin", far=False) is None
    found = run(copy, verify)
    assert (found.missing, len(found.partial), len(found.absent), len(found.absent_profiles)) == ((), 1, 1, 1)


def test_a_fetch_of_everything_brings_old_profiles(data, tmp_path):
    old = data.manifest("a.bin").profile
    put_profile(data, "a.bin", b"computed anew")
    data.commit("another profile")
    run(data, push)
    copy = clone(data, tmp_path / "there")

    done = run(copy, fetch, everything=True)

    assert done.versions == 2
    assert is_stored(copy, old)


def test_profiles_that_a_remote_has_lost_keep_nobody_from_the_data(data, tmp_path):
    send_others(data, tmp_path / "remote").unlink()
    copy = clone(data, tmp_path / "there")

    done = run(copy, fetch)

    assert {str(version.dataset) for version in done.lost_profiles} == {"a.bin", "d"}
    copy.checkout()
    assert copy.read("a.bin") == data.read("a.bin")
    assert copy.states() == {"a.bin": "clean", "d": "clean"}
    assert read(copy, "d") is None
    found = run(copy, verify)
    # These, and the two before them, which nobody asked for.
    assert (found.ok, found.absent, len(found.absent_profiles)) == (True, (), 4)
    # It comes as soon as somebody has it there again.
    run(data, repair_remote)
    assert run(copy, fetch).lost_profiles == ()
    assert read(copy, "d", far=False) == OTHER_LARGE


def test_a_part_of_a_profile_is_no_damage(data, tmp_path):
    begin = send_others(data, tmp_path / "remote")
    put_profile(data, "d", OTHER_LARGE + b"end", deltas=False)
    data.commit("longer")
    run(data, push)
    begin.unlink()
    copy = clone(data, tmp_path / "there")

    run(copy, fetch)

    assert is_stored(copy, copy.manifest("d").profile)
    assert read(copy, "d") is None
    found = run(copy, verify)
    assert (found.ok, found.missing) == (True, ())
    assert found.partial == (f"b3:{copy.manifest('d').profile.id.hex()}",)
    run(copy, collect, apply=True)
    run(data, repair_remote)
    run(copy, fetch)
    assert read(copy, "d", far=False) == OTHER_LARGE + b"end"
    assert run(copy, verify).partial == ()


def test_profiles_that_are_damaged_on_a_remote_keep_nobody_from_the_data(data, tmp_path):
    pack = send_others(data, tmp_path / "remote")
    copy = clone(data, tmp_path / "there")
    run(copy, fetch, None, ["a.bin"])
    flip(pack, pack.stat().st_size // 2)

    done = run(copy, fetch)

    assert [str(version.dataset) for version in done.lost_profiles] == ["d"]
    copy.checkout()
    assert copy.read("d/3") == data.read("d/3")
    with pytest.raises((IntegrityError, FormatError)):
        read(copy, "d")


def test_a_profile_that_is_neither_here_nor_there_keeps_no_data_from_being_pushed(data):
    for name in ("a.bin", "d"):
        pack_of(data, data.manifest(name).profile)[0].unlink()

    done = run(data, push, revs=["HEAD"])

    assert (done.new_versions, done.incomplete) == (2, ())
    assert {str(version.dataset) for version in done.lost_profiles} == {"a.bin", "d"}


def test_a_dataset_is_pushed_when_its_profile_is(data):
    assert {each.pushed for each in data.statuses().values()} == {False}
    run(data, push)
    assert {each.pushed for each in data.statuses().values()} == {True}

    put_profile(data, "d", b"computed anew")
    data.commit("another profile")

    assert {path: each.pushed for path, each in data.statuses().items()} == {"a.bin": True, "d": False}


def test_the_profile_that_somebody_else_will_push_is_nobodys_here(data, tmp_path):
    run(data, push)
    copy = clone(data, tmp_path / "there")
    run(copy, fetch)
    put_profile(data, "d", b"computed anew")
    data.commit("another profile")
    copy.git("pull", "-q")

    assert copy.statuses()["d"].pushed is None


# What a profile is not: a change


def test_another_profile_is_no_change_of_the_data(data):
    put_profile(data, "a.bin", b"computed anew")

    assert data.states() == {"a.bin": "clean", "d": "clean"}
    assert changes(data) == ()
    data.commit("another profile")
    assert changes(data, "HEAD~1", "HEAD") == ()
    (entry,) = run(data, log, "a.bin").entries[:1]
    assert [change.same_data for change in entry.changes] == [True]


# Drop, gc


def test_dropped_data_leaves_its_profiles(data):
    run(data, push)

    done = run(data, drop, ["a.bin", "d"])

    assert done.versions == 2
    assert (read(data, "a.bin", far=False), read(data, "d", far=False)) == (SMALL, LARGE)
    found = run(data, verify)
    assert (found.ok, len(found.absent), found.absent_profiles) == (True, 2, ())
    gc(data)
    assert read(data, "d", far=False) == LARGE


def test_a_profile_that_was_not_pushed_is_no_reason_not_to_drop_the_data(data):
    run(data, push)
    put_profile(data, "d", b"computed anew")
    data.commit("another profile")

    run(data, drop, ["d"])

    assert read(data, "d", far=False) == b"computed anew"


def test_gc_keeps_what_manifests_name_and_counts_versions_of_data(data):
    done = gc(data)

    assert (done.manifests, done.absent, done.missing_chunks) == (2, 0, 0)
    assert (read(data, "a.bin", far=False), read(data, "d", far=False)) == (SMALL, LARGE)


def test_gc_keeps_a_profile_that_only_a_manifest_on_disk_names(data):
    put_profile(data, "d", b"not committed")

    gc(data)

    assert read(data, "d", far=False) == b"not committed"


def test_a_profile_goes_when_no_manifest_names_it_any_more(data):
    old = data.manifest("d").profile
    put_profile(data, "d", b"computed anew")
    data.git("commit", "-aq", "--amend", "-m", "profiled")
    assert is_stored(data, old)

    gc(data)

    assert not is_stored(data, old)
    assert read(data, "d", far=False) == b"computed anew"
    assert run(data, verify).ok


def test_both_sides_of_a_conflict_keep_their_profiles(data):
    data.git("checkout", "-q", "-b", "other")
    put_profile(data, "d", b"of theirs")
    theirs = data.manifest("d").profile
    data.commit("theirs")
    data.git("checkout", "-q", "main")
    put_profile(data, "d", b"of ours")
    ours = data.manifest("d").profile
    data.commit("ours")
    data.git("config", "--remove-section", "merge.datav")
    data.git("merge", "-q", "other", check=False)
    assert b"<<<<<<<" in data.read("d.datav")

    with data.open() as repository:
        on_disk = {root.content for root in find_roots(repository.git).work_trees if root.is_profile}

    assert {ours, theirs} <= on_disk


def test_a_remote_keeps_profiles_and_lets_go_of_old_ones(data, tmp_path):
    old = data.manifest("d").profile
    run(data, push)
    put_profile(data, "d", b"computed anew")
    data.git("commit", "-aq", "--amend", "-m", "profiled")
    data.git("reflog", "expire", "--expire=now", "--all")
    run(data, push)

    run(data, collect_remote, apply=True, grace_s=0)

    copy = clone(data, tmp_path / "there")
    assert (read(copy, "a.bin"), read(copy, "d")) == (SMALL, b"computed anew")
    assert run(copy, read_profile, replace(copy.manifest("d"), profile=old)) is None
    assert run(data, verify_remote).ok


# Verify, repair, du


@pytest.mark.parametrize("name", ["a.bin", "d"])
def test_a_damaged_profile_is_damage(data, name):
    spoil(data, data.manifest(name).profile)

    found = run(data, verify)

    assert not found.ok
    assert len(found.store.damaged) == 1


def test_a_lost_profile_is_told_as_one(data):
    pack_of(data, data.manifest("d").profile)[0].unlink()

    (missing,) = run(data, verify).missing

    assert missing.is_profile
    assert missing.where[0].endswith("d.datav")
    assert run(data, verify).manifests == 2


def test_a_profile_that_was_never_fetched_is_no_damage(data, tmp_path):
    run(data, push)
    copy = clone(data, tmp_path / "there")
    run(copy, fetch)
    put_profile(data, "d", b"computed anew")
    data.commit("another profile")
    run(data, push)
    copy.git("pull", "-q")

    found = run(copy, verify)

    assert (found.ok, found.needed, found.absent) == (True, (), ())
    assert found.absent_profiles == (f"b3:{hash_chunk(b'computed anew').hex()}",)
    assert run(copy, repair).ok


def test_the_remote_is_verified_with_its_profiles(data, tmp_path):
    pack = send_others(data, tmp_path / "remote")
    assert run(data, verify_remote).ok
    pack.unlink()

    found = run(data, verify_remote)

    assert not found.ok
    assert [each.is_profile for each in found.missing] == [True, True]
    assert run(data, repair_remote).ok
    assert run(data, verify_remote).ok


def test_a_profile_that_was_never_pushed_is_counted_and_no_damage(data):
    run(data, push)
    put_profile(data, "d", b"computed anew")
    data.commit("another profile")

    found = run(data, verify_remote)

    assert (found.ok, found.absent, found.absent_versions, found.manifests) == (True, (), (), 2)
    assert found.absent_profiles == (f"b3:{hash_chunk(b'computed anew').hex()}",)


@pytest.mark.parametrize("name", ["a.bin", "d"])
def test_a_damaged_profile_comes_back_from_the_remote(data, name):
    run(data, push)
    spoil(data, data.manifest(name).profile)

    done = run(data, repair)

    assert (done.ok, done.from_files) == (True, 0)
    assert done.from_remote > 0
    assert run(data, verify).ok
    assert read(data, name, far=False) == {"a.bin": SMALL, "d": LARGE}[name]


def test_a_profile_that_is_lost_is_named_as_one(data):
    spoil(data, data.manifest("d").profile)

    done = run(data, repair)

    assert not done.ok
    assert [(str(each.version.path), each.version.is_profile) for each in done.lost] == [("d", True)]


def test_du_counts_profiles(data):
    found = {str(each.path): each for each in run(data, usage).datasets}

    assert found["a.bin"].profile > 0
    assert 60_000 < found["d"].profile < 61_000
    assert found["d"].stored > 60_000 + found["d"].profile
    assert (found["d"].bytes, found["d"].missing) == (60_000, 0)


def test_du_counts_the_profiles_of_dropped_data(data):
    run(data, push)
    run(data, drop, ["d"])

    found = {str(each.path): each for each in run(data, usage).datasets}

    assert 60_000 < found["d"].profile == found["d"].stored
    assert found["d"].missing == 1
