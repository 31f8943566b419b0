"""check --pushed: what commits need is asked of the remote itself, and what is missing is named."""

import shutil

import pytest

from datav.errors import RemoteError, UnknownDatasetError, UnknownRevisionError, UsageError
from datav.repo.checkpushed import PushedCheck, check_pushed, read_pushed_words
from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.report.check_pushed import check_pushed_json, check_pushed_text
from datav.report.style import PLAIN
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo, random_bytes


def check(repo: DatavRepo, rev: str = "HEAD", **options) -> PushedCheck:
    with repo.open() as repository:
        return check_pushed(repository, rev, **options)


def send(repo: DatavRepo, **options) -> None:
    with repo.open() as repository:
        push(repository, **options)


@pytest.fixture
def place(tmp_path):
    """Where the remote lies."""
    return tmp_path / "remote"


@pytest.fixture
def repo(repo, place) -> DatavRepo:
    """A table with a profile, and a directory, in one commit; nothing is pushed."""
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(place)))
    repo.write("t.csv", b"id,n\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(3000)))
    repo.write("d/one", random_bytes(20_000, 2))
    repo.write("d/empty", b"")
    repo.add("t.csv", "d")
    repo.commit("data")
    return repo


def edit(repo: DatavRepo, seed: int) -> str:
    repo.write("d/one", random_bytes(20_000, seed))
    repo.add("d")
    return repo.commit(f"edit {seed}")


def lacks(found: PushedCheck) -> list[tuple[str, bool, str]]:
    return sorted((item.path.text, item.is_profile, item.state) for item in found.not_pushed)


def without_its_own(repo: DatavRepo, tmp_path) -> DatavRepo:
    """A clone that has no data."""
    clone = DatavRepo(tmp_path / "clone")
    repo.git("clone", "-q", str(repo.root), str(clone.root))
    return clone


def test_what_was_pushed_is_there(repo):
    send(repo)

    found = check(repo)

    assert found.ok
    assert (found.remote, found.versions, found.profiles, found.commits) == ("origin", 2, 2, 1)
    assert "all of it is on origin" in check_pushed_text(found, PLAIN)


def test_what_was_not_pushed_is_named_with_its_commit(repo):
    send(repo)
    commit = edit(repo, 3)

    found = check(repo)

    assert not found.ok
    assert lacks(found) == [("d", False, "absent"), ("d", True, "absent")]
    item = found.not_pushed[0]
    assert (item.commits, item.is_here, item.is_promised, item.bytes) == ((commit,), True, False, 20_000)
    assert "datav push" in check_pushed_text(found, PLAIN)
    assert commit[:10] in check_pushed_text(found, PLAIN)
    assert check(repo, "HEAD~1").ok


def test_a_remote_without_a_store_has_nothing(repo):
    assert {state for _, _, state in lacks(check(repo))} == {"absent"}
    assert len(check(repo).not_pushed) == 4


def test_without_a_remote_there_is_nobody_to_ask(repo):
    repo.write("datav.toml", repo.read("datav.toml").split(b"[remote")[0])

    with pytest.raises(UsageError, match="no remote"):
        check(repo)


def test_a_pack_that_is_gone_from_the_remote_is_missed_though_it_was_pushed(repo, place):
    send(repo)
    assert check(repo).ok
    for pack in (place / "packs").rglob("*"):
        if pack.is_file():
            pack.unlink()

    found = check(repo)

    assert not found.ok
    assert {item.path.text for item in found.not_pushed} == {"t.csv", "d"}
    assert all(item.is_promised and item.is_here for item in found.not_pushed)
    assert "repair --remote origin" in check_pushed_text(found, PLAIN)


def test_a_part_that_is_gone_is_counted(repo, place):
    """Of two pushes the pack of the second is lost, which has a few chunks of the edited file."""
    repo.write("big.bin", random_bytes(200_000, 5))
    repo.add("big.bin")
    repo.commit("big")
    send(repo)
    before = set((place / "packs").rglob("*"))
    data = bytearray(repo.read("big.bin"))
    data[100_000:100_010] = b"0123456789"
    repo.write("big.bin", bytes(data))
    repo.add("big.bin")
    repo.commit("edited")
    send(repo)
    for pack in set((place / "packs").rglob("*")) - before:
        pack.unlink()

    found = check(repo)

    assert [(item.path.text, item.is_promised) for item in found.not_pushed] == [("big.bin", True)]
    assert found.not_pushed[0].nodes == 1
    assert check(repo, "HEAD~1").ok


def test_one_that_nobody_promises_is_told_though_all_of_it_is_there(repo, place):
    send(repo)
    for root in (place / "roots").iterdir():
        root.unlink()

    found = check(repo)

    assert {state for _, _, state in lacks(found)} == {"unpromised"}
    send(repo)
    assert check(repo).ok


def test_the_versions_in_between_count_in_a_range(repo):
    send(repo)
    base = repo.rev("HEAD")
    middle, last = edit(repo, 3), edit(repo, 4)
    send(repo, revs=["HEAD"])

    assert check(repo).ok
    found = check(repo, against=base)

    assert [(item.path.text, item.commits) for item in found.not_pushed if not item.is_profile] == [
        ("d", (middle,))
    ]
    assert (found.commits, found.against_commit, found.commit) == (2, base, last)
    send(repo)
    assert check(repo, against=base).ok


def test_what_the_last_commit_of_a_range_needs_counts_whoever_brought_it(repo):
    base = repo.rev("HEAD")
    commit = edit(repo, 3)

    found = check(repo, against=base)

    assert {item.path.text for item in found.not_pushed} == {"d", "t.csv"}
    assert all(item.commits == (commit,) for item in found.not_pushed)


def test_a_side_branch_counts_of_which_a_merge_took_nothing(repo):
    send(repo)
    base = repo.rev("HEAD")
    repo.git("checkout", "-q", "-b", "side")
    side = edit(repo, 3)
    repo.git("checkout", "-q", "main")
    repo.commit("other")
    repo.git("merge", "-q", "-s", "ours", "side")

    assert check(repo).ok
    assert {item.commits for item in check(repo, against=base).not_pushed} == {(side,)}


def test_a_profile_that_is_not_there_is_missed(repo):
    with repo.open() as repository:
        from datav.repo.wanted import at_revisions

        versions = [version for version in at_revisions(repository, ["HEAD"]) if not version.is_profile]
        push(repository, versions=versions)

    found = check(repo)

    assert lacks(found) == [("d", True, "absent"), ("t.csv", True, "absent")]
    assert (found.ok, check_pushed_json(found)["not_pushed"][0]["profile"]) == (False, True)


def test_paths_choose_datasets(repo):
    send(repo)
    edit(repo, 3)

    assert check(repo, names=["t.csv"]).ok
    assert not check(repo, names=["d"]).ok
    with pytest.raises(UnknownDatasetError):
        check(repo, names=["nothing"])


def test_a_clone_without_data_asks_as_well(repo, tmp_path):
    repo.commit("remote")
    send(repo)
    clone = without_its_own(repo, tmp_path)

    assert check(clone).ok
    assert check(clone).notes == ()
    edit(repo, 3)
    clone.git("pull", "-q")

    assert [item.is_here for item in check(clone).not_pushed] == [False, False]
    assert "from the clone that has it" in check_pushed_text(check(clone), PLAIN)


def test_the_remote_is_asked_and_not_what_is_remembered_of_it(repo, place):
    send(repo)
    shutil.rmtree(place)

    assert not check(repo).ok


def test_a_remote_that_cannot_be_reached_is_an_error_and_no_verdict(repo, place, monkeypatch):
    send(repo)
    monkeypatch.setattr("datav.store.remotepacks.RemotePacks.read_runs", _refuse)
    shutil.rmtree(repo.root / ".git/datav/store")

    with pytest.raises(RemoteError):
        check(repo)


def _refuse(self, runs):
    raise RemoteError("the line is down")


def test_commits_that_git_has_not_pushed_are_a_note(repo, tmp_path):
    repo.commit("remote")
    send(repo)
    clone = without_its_own(repo, tmp_path)
    clone.git("commit", "-q", "--allow-empty", "-m", "mine")

    found = check(clone)

    assert found.ok
    assert ["git push" in note for note in found.notes] == [True]


def test_revisions_that_are_none_are_errors(repo):
    with pytest.raises(UnknownRevisionError):
        check(repo, "nothing")
    with pytest.raises(UnknownRevisionError):
        check(repo, against="nothing")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], ("HEAD", None, ())),
        (["HEAD"], ("HEAD", None, ())),
        (["HEAD~1..main"], ("main", "HEAD~1", ())),
        (["HEAD~1..", "d"], ("HEAD", "HEAD~1", ("d",))),
        (["HEAD~1...main"], ("main", "HEAD~1", ())),
        (["d", "t.csv"], ("HEAD", None, ("d", "t.csv"))),
    ],
)
def test_words_are_a_revision_or_two_and_paths(repo, words, meant):
    with repo.open() as repository:
        assert read_pushed_words(repository, words) == meant
