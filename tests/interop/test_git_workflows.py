"""What people do with git all day, from end to end: clones and a bare origin, and datav where git starts it.

After every step git and datav have nothing to tell, the data on disk is what is expected, and nothing that a
commit, a stash or a manifest names is missing from the store.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datav.errors import DataLossError, UnresolvedConflictError
from datav.repo.conflicts import conflicts
from datav.repo.fetch import fetch
from datav.repo.hooks import install_hooks
from datav.repo.remotes import add_remote
from datav.repo.repository import init
from datav.repo.resolve import Choice, Resolved, resolve
from datav.repo.verify import verify
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo

ROOT = Path(__file__).resolve().parents[2]

if sys.platform == "win32":
    pytest.skip("the hooks are tried with a POSIX shell", allow_module_level=True)

# What of git's has no hook of its own datav tells by the command that git runs for.
ONLY_LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere the caller is asked of ps"
)

PICTURES = {"pics/1.png": b"one", "pics/2.png": b"two", "pics/3.png": b"three"}


def table(cells: dict[int, str] | None = None, *, more: int = 0) -> bytes:
    """A table of 60 rows and some more; `cells` are the values of the rows with those ids."""
    values = cells or {}
    lines = [f"{n},{values.get(n, f'a{n}')},b{n}\n" for n in range(1, 61 + more)]
    return ("id,v,w\n" + "".join(lines)).encode()


class Clone(DatavRepo):
    """A clone with hooks, and somebody who works in it."""

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command without a terminal; all that it says is in `stdout`."""
        return subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def does(self, *arguments: str, **variables: str) -> str:
        """Run git, which succeeds, and return all that was said."""
        done = self.run("git", *arguments, **variables)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def stops(self, *arguments: str) -> str:
        """Run git, which stops for a conflict or refuses, and return all that was said."""
        done = self.run("git", *arguments)
        assert done.returncode == 1, done.stdout
        return done.stdout

    def save(self, message: str, data: bytes, name: str = "a.csv") -> str:
        """Commit another version of a dataset; without asking hooks, which takes its time."""
        self.write(name, data)
        self.add(name.partition("/")[0])
        self.git("commit", "-q", "--no-verify", "-m", message)
        return self.rev("HEAD")

    def branch(self, name: str, start: str = "HEAD") -> None:
        """Be on a new branch, with its data."""
        self.git("checkout", "-q", "-b", name, start)

    def resolve(self, take: Any = None, name: str = "a.csv", **more: Any) -> Resolved:
        with self.open() as repository:
            return resolve(repository, name, Choice(take, **more))

    def open_conflicts(self) -> int:
        with self.open() as repository:
            return sum(len(each.open) for each in conflicts(repository, []).datasets)

    def assert_settled(self, data: bytes, name: str = "a.csv") -> None:
        """Nothing is under way, nothing is lost, and the data on disk is `data`."""
        assert self.git("status", "--porcelain") == b""
        assert self.states() == dict.fromkeys(self.states(), "clean")
        assert self.read(name) == data
        self.assert_sound()

    def assert_sound(self) -> None:
        with self.open() as repository:
            found = verify(repository)
        assert found.ok, found
        if not found.has_remote:
            assert not found.absent


@pytest.fixture(autouse=True)
def on_path(tmp_path, monkeypatch):
    """A `datav` for git to run."""
    directory = tmp_path / "bin"
    directory.mkdir()
    script = directory / "datav"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m datav "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


def install(repo: Clone) -> None:
    with repo.open() as repository:
        install_hooks(repository.git, sys.executable, repo.root)


@pytest.fixture
def alone(tmp_path: Path) -> Clone:
    """One repository with a table and a directory, and no remote."""
    repo = Clone.init(tmp_path / "alone")
    assert isinstance(repo, Clone)
    repo.set_up()
    repo.write("a.csv", table())
    for name, data in PICTURES.items():
        repo.write(name, data)
    repo.write("code.py", b"1\n")
    repo.add("a.csv", key=("id",))
    repo.add("pics")
    repo.commit("base")
    install(repo)
    return repo


def clone_of(origin: Path | str, target: Path, *options: str) -> Clone:
    """A clone with hooks and without data."""
    subprocess.run(["git", "clone", "-q", *options, str(origin), str(target)], check=True)
    repo = Clone(target)
    init(target)
    install(repo)
    return repo


def bring(repo: Clone) -> Clone:
    """What `datav pull` does."""
    with repo.open() as repository:
        fetch(repository)
    repo.checkout()
    return repo


@pytest.fixture
def team(alone: Clone, tmp_path: Path) -> tuple[Clone, Clone]:
    """Two clones of a bare origin, and a place for data."""
    origin = tmp_path / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    with alone.open() as repository:
        add_remote(repository, RemoteSettings("depot", str(tmp_path / "depot")))
    alone.git("commit", "-q", "--no-verify", "-a", "-m", "a place for data")
    alone.git("remote", "add", "origin", str(origin))
    alone.does("push", "-q", "-u", "origin", "main")
    return alone, bring(clone_of(origin, tmp_path / "bob"))


# --- together


def test_two_who_changed_the_same_pull_decide_and_push(team, tmp_path):
    alice, bob = team
    bob.save("pictures", b"drawn", "pics/1.png")
    bob.save("bob", table({3: "bob", 20: "bob"}))
    bob.does("push", "-q")
    alice.save("alice", table({3: "alice", 40: "alice"}))
    assert "rejected" in alice.stops("push")

    said = alice.stops("pull", "--no-rebase")
    assert "1 conflict: `datav conflicts a.csv`" in said
    assert "nobody has decided" in alice.stops("commit", "-am", "with a conflict in it")
    alice.does("merge", "--abort")
    alice.assert_settled(table({3: "alice", 40: "alice"}))

    alice.stops("pull", "--no-rebase")
    with pytest.raises(UnresolvedConflictError):
        alice.add("a.csv")
    alice.resolve("theirs")
    alice.does("merge", "--continue")
    both = table({3: "bob", 20: "bob", 40: "alice"})
    alice.assert_settled(both)
    assert alice.read("pics/1.png") == b"drawn"
    assert "datav: pushed" in alice.does("push")
    bob.does("pull", "-q")
    bob.assert_settled(both)
    # Whoever comes later has all that was ever pushed, the version that lost included.
    carol = bring(clone_of(tmp_path / "origin.git", tmp_path / "carol"))
    carol.assert_settled(both)
    assert carol.run("datav", "cat", "HEAD^1:a.csv").stdout.encode() == table({3: "alice", 40: "alice"})


def test_a_pull_that_rebases_merges_data_that_only_the_remote_has(team):
    alice, bob = team
    bob.save("bob", table({20: "bob"}))
    bob.does("push", "-q")
    alice.save("first", table({3: "alice"}))
    alice.save("second", table({3: "alice", 40: "alice"}))

    alice.does("pull", "-q", "--rebase")

    alice.assert_settled(table({3: "alice", 20: "bob", 40: "alice"}))
    assert alice.run("datav", "cat", "HEAD~1:a.csv").stdout.encode() == table({3: "alice", 20: "bob"})
    alice.does("push", "-q")
    bob.does("pull", "-q")
    bob.assert_settled(table({3: "alice", 20: "bob", 40: "alice"}))


def test_without_the_network_a_merge_waits_until_it_is_back(team, tmp_path):
    alice, bob = team
    bob.save("bob", table({20: "bob"}))
    bob.does("push", "-q")
    alice.save("alice", table({3: "alice"}))
    (tmp_path / "depot").rename(tmp_path / "gone")

    said = alice.stops("pull", "--no-rebase", "--no-edit")
    assert "a.csv.datav is not merged" in said
    assert alice.read("a.csv") == table({3: "alice"})
    (tmp_path / "gone").rename(tmp_path / "depot")
    alice.resolve()

    alice.does("commit", "--no-edit")
    alice.assert_settled(table({3: "alice", 20: "bob"}))


def test_a_version_that_only_the_remote_has_is_fetched_when_it_is_taken(team):
    alice, bob = team
    for repo, data in ((bob, b"bob\n" * 9000), (alice, b"alice\n")):
        repo.save("no table", data, "pics/1.png")
    bob.does("push", "-q")
    alice.stops("pull", "--no-rebase")

    done = alice.resolve("theirs", "pics/1.png")

    assert done.placed
    assert alice.read("pics/1.png") == b"bob\n" * 9000
    alice.does("commit", "--no-edit")
    alice.assert_settled(table())


def test_a_shallow_clone_merges_what_branched_off_since(team, tmp_path):
    alice, _ = team
    carol = bring(clone_of(f"file://{tmp_path / 'origin.git'}", tmp_path / "carol", "--depth", "1"))
    alice.save("alice", table({3: "alice"}))
    alice.does("push", "-q")
    carol.save("carol", table({20: "carol"}))

    carol.does("pull", "-q", "--no-rebase", "--no-edit")
    carol.assert_settled(table({3: "alice", 20: "carol"}))

    carol.does("fetch", "-q", "--unshallow")
    carol.does("push", "-q")
    carol.assert_sound()
    alice.does("pull", "-q")
    alice.assert_settled(table({3: "alice", 20: "carol"}))


def test_a_submodule_merges_and_is_updated_with_its_data(team, tmp_path):
    alice, _ = team
    alice.branch("topic")
    alice.save("topic", table({3: "topic"}))
    alice.git("checkout", "-q", "main")
    alice.save("main", table({20: "main"}))
    alice.does("push", "-q", "origin", "main", "topic")
    above = Clone.init(tmp_path / "above")
    above.git("submodule", "--quiet", "add", str(tmp_path / "origin.git"), "inner")
    above.commit("with main")
    inner = Clone(above.root / "inner")
    init(inner.root)
    install(inner)
    bring(inner)

    inner.does("merge", "--no-edit", "origin/topic")
    inner.assert_settled(table({3: "topic", 20: "main"}))
    above.commit("with topic")
    above.does("checkout", "-q", "HEAD~1")
    above.does("submodule", "--quiet", "update")
    inner.assert_settled(table({20: "main"}))
    above.does("checkout", "-q", "-")
    above.does("submodule", "--quiet", "update")
    above.does("submodule", "--quiet", "foreach", "git clean -qfdx")
    inner.checkout()
    inner.assert_settled(table({3: "topic", 20: "main"}))


# --- rewriting


@pytest.fixture
def topic(alone: Clone) -> Clone:
    """On `topic`, three commits that each change a row; `main` has changed the second of these rows."""
    alone.branch("topic")
    for number, row in enumerate((3, 20, 40), 1):
        cells = {3: "topic", 20: "topic", 40: "topic"}
        alone.save(f"row {row}", table(dict(list(cells.items())[:number])))
    alone.git("checkout", "-q", "main")
    alone.save("main", table({20: "main", 50: "main"}))
    alone.git("checkout", "-q", "topic")
    return alone


TOPIC = table({3: "topic", 20: "topic", 40: "topic"})


@ONLY_LINUX
def test_a_rebase_stops_is_given_up_skips_and_goes_on(topic):
    before = topic.rev("HEAD")
    topic.stops("rebase", "main")
    topic.resolve("theirs")
    topic.does("rebase", "--abort")
    topic.assert_settled(TOPIC)

    topic.stops("rebase", "main")
    topic.does("rebase", "--skip")
    topic.assert_settled(table({3: "topic", 20: "main", 40: "topic", 50: "main"}))

    topic.does("reset", "-q", "--hard", before)
    topic.stops("rebase", "main")
    # What lies on disk lacks the first commit, which was rebased already.
    done = topic.run("datav", "resolve", "a.csv", "--with", "a.csv")
    assert "lacks what was merged" in done.stdout
    assert "git rebase --continue" in topic.run("datav", "resolve", "a.csv", "--theirs").stdout
    topic.does("rebase", "--continue")
    topic.assert_settled(table({3: "topic", 20: "topic", 40: "topic", 50: "main"}))
    topic.does("checkout", "-q", "HEAD~2")
    topic.assert_settled(table({3: "topic", 20: "main", 50: "main"}))


def test_commits_are_squashed_picked_and_reverted_with_their_rows(topic):
    topic.write("a.csv", table({3: "better", 20: "topic", 40: "topic"}))
    topic.add("a.csv")
    topic.git("commit", "-q", "--no-verify", "-m", "fixup! row 3")
    topic.does("rebase", "-q", "-i", "--autosquash", "HEAD~4", GIT_SEQUENCE_EDITOR="true")
    topic.assert_settled(table({3: "better", 20: "topic", 40: "topic"}))
    assert topic.git("rev-list", "--count", "main..topic").strip() == b"3"

    topic.does("checkout", "-q", "main")
    topic.does("cherry-pick", "topic")
    topic.assert_settled(table({20: "main", 40: "topic", 50: "main"}))
    topic.stops("cherry-pick", "topic~1")
    topic.does("cherry-pick", "--abort")
    topic.assert_settled(table({20: "main", 40: "topic", 50: "main"}))
    topic.stops("cherry-pick", "topic~1")
    topic.resolve("theirs")
    topic.does("cherry-pick", "--continue")
    topic.assert_settled(table({20: "topic", 40: "topic", 50: "main"}))
    topic.does("revert", "--no-edit", "HEAD~1")
    topic.assert_settled(table({20: "topic", 50: "main"}))


def test_where_a_rebase_stops_to_edit_no_commit_is_taken_back(topic):
    topic.does("switch", "-q", "main")
    topic.save("other", table({20: "a20", 50: "main"}))
    topic.does("switch", "-q", "topic")
    topic.does("rebase", "-q", "-i", "main", GIT_SEQUENCE_EDITOR="sed -i -e 2s/pick/edit/")
    stale = table({50: "main", 60: "edited"})
    topic.write("a.csv", stale)

    with pytest.raises(DataLossError):
        topic.add("a.csv")

    assert topic.statuses()["a.csv"].is_former
    topic.path("a.csv").unlink()
    topic.checkout()
    topic.write("a.csv", table({3: "topic", 20: "topic", 50: "main", 60: "edited"}))
    topic.add("a.csv")
    topic.does("commit", "-q", "--amend", "--no-edit")
    topic.does("rebase", "--continue")
    topic.assert_settled(table({3: "topic", 20: "topic", 40: "topic", 50: "main", 60: "edited"}))


@ONLY_LINUX
def test_a_stash_takes_what_was_added_and_leaves_what_was_not(alone):
    added = table({3: "added"})
    alone.write("a.csv", added)
    alone.add("a.csv")
    alone.does("stash")
    alone.assert_settled(table())
    alone.does("stash", "pop")
    assert alone.read("a.csv") == added

    edited = table({3: "added", 20: "edited"})
    alone.write("a.csv", edited)
    assert "warning: a.csv was not placed" in alone.does("stash")
    assert alone.read("a.csv") == edited
    alone.does("stash", "pop")
    assert alone.read("a.csv") == edited
    alone.add("a.csv")
    alone.does("stash")

    alone.save("another", table({20: "another", 40: "another"}))
    alone.stops("stash", "pop")
    alone.assert_sound()
    alone.resolve("theirs")
    alone.does("commit", "-q", "-m", "both")
    alone.assert_settled(table({3: "added", 20: "edited", 40: "another"}))


@ONLY_LINUX
def test_what_is_edited_and_not_added_outlives_a_reset_an_abort_and_a_switch(topic):
    topic.stops("merge", "main")
    mine = table({3: "topic", 20: "topic", 40: "mine"})
    topic.write("a.csv", mine)

    topic.does("merge", "--abort")
    assert topic.read("a.csv") == mine
    topic.does("reset", "-q", "--hard")
    assert topic.read("a.csv") == mine
    assert "warning: a.csv was not placed" in topic.does("switch", "main")
    assert topic.read("a.csv") == mine

    topic.does("switch", "-q", "topic")
    topic.add("a.csv")
    topic.does("commit", "-q", "-m", "mine")
    topic.assert_settled(mine)
    # What was added stays in the store, and comes back with its manifest.
    topic.does("reset", "-q", "--hard", "HEAD~2")
    topic.assert_settled(table({3: "topic", 20: "topic"}))
    topic.does("checkout", "HEAD@{1}", "--", "a.csv.datav")
    assert topic.read("a.csv") == mine


# --- looking around


def test_a_clean_work_tree_is_filled_again_also_in_the_midst_of_a_merge(topic):
    topic.does("clean", "-qfdx")
    assert not topic.exists("a.csv")
    topic.checkout()
    topic.assert_settled(TOPIC)
    assert topic.read("pics/3.png") == b"three"

    topic.git("branch", "theirs", "main")
    topic.does("switch", "-q", "main")
    topic.save("more", table({3: "main", 20: "main", 50: "main"}))
    topic.does("switch", "-q", "topic")
    topic.stops("merge", "main")
    topic.resolve("theirs", row={"id": "3"})
    topic.does("clean", "-qfdx")
    assert topic.open_conflicts() == 1
    topic.resolve("ours")
    topic.does("commit", "--no-edit")
    topic.checkout()
    topic.assert_settled(table({3: "main", 20: "topic", 40: "topic", 50: "main"}))


def test_bisect_reads_the_data_of_each_commit(alone):
    commits = [alone.save(f"{count} more", table(more=count)) for count in range(1, 8)]
    script = alone.write("../has-few", b"#!/bin/sh\n! grep -q ^64, a.csv\n")
    script.chmod(0o755)

    alone.does("bisect", "start", "HEAD", "HEAD~6")
    said = alone.does("bisect", "run", str(script))

    assert f"{commits[3]} is the first bad commit" in said
    alone.does("bisect", "reset")
    alone.assert_settled(table(more=7))


def test_another_work_tree_has_its_own_data_and_merges_for_itself(topic, tmp_path):
    topic.does("worktree", "add", "-q", "-b", "other", str(tmp_path / "other"), "main")
    other = Clone(tmp_path / "other")
    other.assert_settled(table({20: "main", 50: "main"}))

    other.stops("merge", "topic")
    topic.assert_settled(TOPIC)
    other.resolve("ours")
    other.does("merge", "--continue")

    both = table({3: "topic", 20: "main", 40: "topic", 50: "main"})
    other.assert_settled(both)
    topic.does("worktree", "remove", str(tmp_path / "other"))
    topic.assert_settled(TOPIC)
    topic.does("merge", "-q", "other")
    topic.assert_settled(both)


def test_a_detached_head_commits_and_is_merged(alone):
    alone.does("checkout", "-q", "--detach")
    found = alone.save("found", table({3: "found"}))
    alone.does("switch", "-q", "main")
    alone.assert_settled(table())
    alone.save("main", table({20: "main"}))

    alone.does("merge", "--no-edit", found)

    alone.assert_settled(table({3: "found", 20: "main"}))


# --- merges of other kinds


def test_a_dataset_that_one_side_renamed_and_the_other_changed_is_both(topic):
    topic.does("switch", "-q", "main")
    (topic.root / "data").mkdir()
    topic.move("a.csv", "data/b.csv")
    topic.git("commit", "-q", "--no-verify", "-m", "renamed")

    topic.stops("merge", "topic")
    topic.resolve("theirs", "data/b.csv")
    topic.does("commit", "--no-edit")

    both = table({3: "topic", 20: "topic", 40: "topic", 50: "main"})
    topic.assert_settled(both, "data/b.csv")
    assert not topic.exists("a.csv")
    topic.does("switch", "-q", "topic")
    topic.assert_settled(TOPIC)
    assert not topic.exists("data/b.csv")


def test_data_does_not_get_into_git_when_one_side_removed_the_dataset(topic):
    topic.branch("gone", "main~1")
    topic.remove("a.csv")
    topic.git("commit", "-q", "--no-verify", "-m", "removed")
    topic.does("switch", "-q", "topic")

    assert "CONFLICT (modify/delete)" in topic.stops("merge", "gone")
    topic.git("add", "-A")
    assert "the commit would have the data itself" in topic.stops("commit", "--no-edit")
    topic.does("merge", "--abort")
    topic.checkout()
    topic.stops("merge", "gone")
    topic.resolve("ours")
    topic.does("commit", "--no-edit")
    topic.assert_settled(TOPIC)
    assert topic.git("ls-files", "a.csv") == b""


def test_both_sides_add_one_dataset_and_each_another(alone):
    alone.branch("theirs")
    alone.save("new", b"id,v\n1,x\n2,theirs\n", "new.csv")
    alone.save("one", b"1", "one.bin")
    alone.does("switch", "-q", "main")
    alone.write("new.csv", b"id,v\n1,x\n2,ours\n")
    alone.add("new.csv", key=("id",))
    alone.save("two", b"2", "two.bin")

    alone.stops("merge", "theirs")
    alone.resolve("theirs", "new.csv")
    alone.does("commit", "--no-edit")

    alone.assert_settled(b"id,v\n1,x\n2,theirs\n", "new.csv")
    assert (alone.read("one.bin"), alone.read("two.bin")) == (b"1", b"2")
    assert alone.git("ls-files", "*.bin", "*.csv") == b""


def test_strategies_that_merge_no_data_lose_none(topic):
    topic.branch("third", "main~1")
    topic.save("third", table({30: "third"}))
    topic.does("switch", "-q", "main")
    before = table({20: "main", 50: "main"})

    # git asks no merge driver in an octopus, and gives up.
    assert topic.run("git", "merge", "--no-edit", "topic", "third").returncode != 0
    topic.assert_settled(before)
    # Nor does it tell one what to prefer.
    topic.stops("merge", "-X", "theirs", "topic")
    assert topic.open_conflicts() == 1
    topic.does("merge", "--abort")
    topic.does("merge", "--no-edit", "-s", "ours", "topic")
    topic.assert_settled(before)
    topic.does("merge", "--no-edit", "third")
    topic.assert_settled(table({20: "main", 30: "third", 50: "main"}))


def test_what_was_decided_once_is_not_decided_by_git_the_next_time(topic):
    topic.git("config", "rerere.enabled", "true")
    topic.stops("merge", "main")
    topic.resolve("theirs")
    topic.does("commit", "--no-edit")
    topic.does("reset", "-q", "--hard", "HEAD^1")

    topic.stops("merge", "main")

    assert topic.open_conflicts() == 1
    topic.resolve("ours")
    topic.does("commit", "--no-edit")
    topic.assert_settled(table({3: "topic", 20: "topic", 40: "topic", 50: "main"}))


def test_without_hooks_git_merges_manifests_and_a_checkout_brings_the_data(topic):
    quiet = {"DATAV_HOOKS": "0"}
    topic.does("checkout", "-q", "main", **quiet)
    assert topic.statuses()["a.csv"].is_stored
    topic.save("main again", table({50: "again"}))
    topic.does("merge", "--no-edit", "topic", **quiet)

    assert topic.read("a.csv") == table({50: "again"})
    topic.checkout()
    topic.assert_settled(table({3: "topic", 20: "topic", 40: "topic", 50: "again"}))
