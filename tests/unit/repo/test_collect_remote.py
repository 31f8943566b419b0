"""gc --remote: what git no longer shows goes from a remote, and nothing that anybody needs."""

import pytest

from datav.errors import BusyError, DataLossError, UsageError
from datav.repo.clone_identity import clone_identity
from datav.repo.collect_remote import collect_remote, only_collection, parse_duration
from datav.repo.fetch import fetch
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.repo.verify_remote import verify_remote
from datav.report.collect_remote import collect_remote_warnings
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo, random_bytes


def collect(repo: DatavRepo, **options):
    with repo.open() as repository:
        return collect_remote(repository, "origin", **options)


def send(repo: DatavRepo) -> None:
    with repo.open() as repository:
        push(repository)


def is_sound(repo: DatavRepo) -> bool:
    with repo.open() as repository:
        return verify_remote(repository, "origin").ok


def another(repo: DatavRepo, root) -> DatavRepo:
    """A clone of a repository."""
    repo.git("clone", "-q", str(repo.root), str(root))
    return DatavRepo(root)


@pytest.fixture
def place(tmp_path):
    """Where the remote lies."""
    return tmp_path / "remote"


@pytest.fixture
def pushed(repo, place) -> DatavRepo:
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(place)))
    repo.write("a.bin", random_bytes(100_000, 1))
    repo.add("a.bin")
    repo.commit("data")
    send(repo)
    return repo


@pytest.fixture
def changed(pushed) -> DatavRepo:
    """A repository whose git no longer shows what was pushed last."""
    pushed.write("big.bin", random_bytes(300_000, 2))
    pushed.add("big.bin")
    pushed.commit("big")
    send(pushed)
    pushed.git("reset", "-q", "--hard", "HEAD^")
    pushed.git("update-ref", "-d", "ORIG_HEAD")
    pushed.git("reflog", "expire", "--expire=now", "--all")
    return pushed


def test_what_git_no_longer_shows_goes(changed, place):
    planned = collect(changed, grace_s=0)
    before = len([*place.rglob("*.pack")])
    done = collect(changed, apply=True, grace_s=0)

    assert (planned.dry_run, done.dry_run, before) == (True, False, 2)
    assert planned.collection.bytes_after == done.collection.bytes_after
    assert done.collection.bytes_before - done.collection.bytes_after > 300_000
    assert len([*place.rglob("*.pack")]) == 1
    assert is_sound(changed)


def test_nothing_goes_within_the_grace_period(changed, place):
    done = collect(changed, apply=True)

    assert done.collection.packs_deleted == 0
    assert done.collection.roots_waiting > 0
    assert len([*place.rglob("*.pack")]) == 2


def test_what_another_clone_has_pushed_stays(changed, place, tmp_path):
    other = another(changed, tmp_path / "other")
    other.write("theirs.bin", random_bytes(50_000, 5))
    other.add("theirs.bin")
    other.commit("theirs")
    send(other)

    done = collect(changed, apply=True, grace_s=0)

    assert len(done.collection.clones) == 2
    assert [clone.versions for clone in done.collection.clones if not clone.is_own] == [2]
    assert is_sound(other)


def test_a_clone_that_was_forgotten_keeps_nothing(pushed, place, tmp_path):
    other = another(pushed, tmp_path / "other")
    other.write("theirs.bin", random_bytes(50_000, 5))
    other.add("theirs.bin")
    other.commit("theirs")
    send(other)
    with other.open() as repository:
        theirs = clone_identity(repository).id

    done = collect(pushed, apply=True, grace_s=0, forget=theirs[:6])

    assert done.collection.packs_deleted == 1
    assert is_sound(pushed)


def test_what_can_be_fetched_before_can_be_fetched_after(changed, tmp_path):
    collect(changed, apply=True, grace_s=0)
    other = another(changed, tmp_path / "other")

    with other.open() as repository:
        fetch(repository)
    other.checkout(names=["a.bin"])

    assert other.read("a.bin") == random_bytes(100_000, 1)


def test_what_a_shallow_clone_has_pushed_stays(pushed, place):
    pushed.write("a.bin", random_bytes(200_000, 2))
    pushed.add("a.bin")
    pushed.commit("second")
    send(pushed)
    pushed.git("reflog", "expire", "--expire=now", "--all")
    head = pushed.git("rev-parse", "HEAD").decode().strip()
    pushed.path(".git/shallow").write_text(f"{head}\n")

    planned = collect(pushed, grace_s=0)
    done = collect(pushed, apply=True, grace_s=0)

    assert planned.is_shallow
    assert "`git fetch --unshallow` first" in collect_remote_warnings(done)[0]
    assert (planned.collection.versions, done.collection.versions) == (2, 2)
    assert len([*place.rglob("*.pack")]) == 2


def test_nothing_goes_while_a_manifest_cannot_be_read(changed, place):
    changed.write("odd.datav", b"what was b3:" + b"0" * 64)

    for apply in (False, True):
        with pytest.raises(DataLossError, match="odd"):
            collect(changed, apply=apply, grace_s=0)

    assert len([*place.rglob("*.pack")]) == 2
    assert [*place.glob("collecting/*")] == []


def test_one_command_of_a_clone_collects_at_a_time(changed, place):
    with changed.open() as repository:
        add_remote(repository, RemoteSettings("same", f"{place}/../{place.name}"))
        with only_collection(repository, "same"), pytest.raises(BusyError, match="another command"):
            collect(changed, apply=True, grace_s=0)

    assert len([*place.rglob("*.pack")]) == 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("14d", 14 * 86400),
        ("12h", 43200),
        ("0", 0),
        ("1.5 h", 5400),
        ("30m", 1800),
        ("2w", 1209600),
        ("9s", 9),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "14", "d", "-1d", "1y", "1d2h", "inf", "1e3d", "9" * 400 + "d"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match="no duration"):
        parse_duration(text)
