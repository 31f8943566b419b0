"""datav.git.history: logs, and the roots of garbage collection against a naive walk of every object."""

import os
import random
import shutil
from datetime import UTC, datetime, timedelta, timezone

import pytest

from datav.errors import GitError, UnknownRevisionError
from datav.git import GitRepository
from datav.git.history import find_origins, iter_reachable_manifests, read_log
from datav.relpath import RelPath
from tests.support.repos import ScratchRepo

A = RelPath(b"a.datav")


def reachable(scratch: ScratchRepo) -> set[bytes]:
    """Return the contents of all reachable manifests; each id must come once."""
    repo = GitRepository.discover(scratch.root)
    oids = list(iter_reachable_manifests(repo))
    assert len(oids) == len(set(oids))
    return {content for _, content in repo.iter_blobs(oids) if content is not None}


def commit_file(scratch: ScratchRepo, content: bytes, name: str = "a.datav") -> str:
    scratch.write(name, content)
    return scratch.commit(content.decode())


# --- read_log


def test_log_of_a_file(git_repo, monkeypatch):
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2024-02-03T04:05:06+0200")
    first = commit_file(git_repo, b"1")
    commit_file(git_repo, b"unrelated", "other.txt")
    git_repo.path("a.datav").unlink()
    last = git_repo.commit("gone: über")
    repo = GitRepository.discover(git_repo.root)

    gone, made = read_log(repo, A)

    assert (made.oid, made.author, made.email, made.subject) == (first, "Ann Tester", "ann@example.org", "1")
    assert made.date == datetime(2024, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))
    assert made.blob == git_repo.rev(f"{first}:a.datav")
    assert (gone.oid, gone.subject, gone.blob) == (last, "gone: über", None)
    assert read_log(repo, A, limit=1) == [gone]
    assert read_log(repo, A, rev=first) == [made]
    assert read_log(repo, RelPath(b"nothing.datav")) == []
    with pytest.raises(UnknownRevisionError):
        read_log(repo, A, rev="nothing")


def test_log_before_the_first_commit_is_empty(git_repo):
    assert read_log(GitRepository.discover(git_repo.root), A) == []


def test_log_follows_a_rename_but_no_likeness(git_repo):
    body = b"".join(b"line %d\n" % i for i in range(50))
    commit_file(git_repo, body + b"another", "likely.datav")
    git_repo.write("a.datav", body)
    first = git_repo.commit()
    git_repo.git("mv", "a.datav", "b\n.datav")
    second = git_repo.commit()
    repo = GitRepository.discover(git_repo.root)

    log = read_log(repo, RelPath(b"b\n.datav"))

    assert [(commit.oid, commit.path) for commit in log] == [(second, b"b\n.datav"), (first, A)]


def test_log_lists_a_merge_only_when_it_made_something_new(git_repo):
    commit_file(git_repo, b"base")
    git_repo.git("checkout", "-qb", "side")
    commit_file(git_repo, b"side")
    git_repo.git("checkout", "-q", "main")
    commit_file(git_repo, b"x", "other.txt")
    git_repo.git("merge", "-q", "--no-edit", "side")
    repo = GitRepository.discover(git_repo.root)
    assert [commit.subject for commit in read_log(repo, A)] == ["side", "base"]
    assert [commit.subject for commit in read_log(repo, A, limit=1)] == ["side"]

    git_repo.git("checkout", "-qb", "side2")
    commit_file(git_repo, b"side2")
    git_repo.git("checkout", "-q", "main")
    commit_file(git_repo, b"main2")
    git_repo.git("merge", "-q", "side2", check=False)
    merged = commit_file(git_repo, b"merged")

    log = read_log(repo, A)
    assert log[0].subject == "merged"
    assert {commit.subject for commit in log} == {"merged", "main2", "side2", "side", "base"}
    assert log[0].blob == git_repo.rev(f"{merged}:a.datav")


def test_log_of_commits_made_by_hand(git_repo):
    git_repo.write("a.datav", b"1")
    git_repo.git("add", "-A")
    tree = git_repo.git("write-tree").strip()
    raw = b"tree %s\nauthor  <commit> 99999999999999999999 +0000\ncommitter  <commit> 0 +0000\n\n" % tree
    oid = (
        git_repo.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=raw)
        .decode()
        .strip()
    )
    git_repo.git("update-ref", "HEAD", oid)

    (commit,) = read_log(GitRepository.discover(git_repo.root), A)

    assert (commit.oid, commit.author, commit.email, commit.subject) == (oid, "", "commit", "")
    assert commit.date.tzinfo is not None or commit.date == datetime.fromtimestamp(0, UTC)


# --- iter_reachable_manifests


def test_nothing_is_reachable_in_a_new_repository(git_repo):
    assert reachable(git_repo) == set()


def test_every_version_in_history_is_reachable(git_repo):
    for content in (b"1", b"2", b"3"):
        commit_file(git_repo, content)
    commit_file(git_repo, b"no manifest", "a.txt")

    assert reachable(git_repo) == {b"1", b"2", b"3"}


def test_a_manifest_that_is_also_another_file_is_found(git_repo):
    commit_file(git_repo, b"same", "0.txt")
    commit_file(git_repo, b"same", "deep/in/a.datav")

    assert reachable(git_repo) == {b"same"}


def test_the_index_counts_before_the_first_commit_and_after(git_repo):
    git_repo.write("a.datav", b"staged")
    git_repo.git("add", "-A")
    assert reachable(git_repo) == {b"staged"}

    git_repo.commit()
    git_repo.write("a.datav", b"staged again")
    git_repo.git("add", "-A")
    assert reachable(git_repo) == {b"staged", b"staged again"}


def test_branches_tags_and_odd_refs_count(git_repo):
    for place in ("heads/x", "tags/light", "notes/n", "remotes/origin/x", "odd/place", "bisect/bad"):
        git_repo.git("checkout", "-q", "--orphan", "tmp")
        oid = commit_file(git_repo, place.encode())
        git_repo.git("update-ref", f"refs/{place}", oid)
        git_repo.git("checkout", "-q", "--detach")
        git_repo.git("branch", "-qD", "tmp")
    git_repo.git("checkout", "-q", "--orphan", "tmp2")
    commit_file(git_repo, b"annotated")
    git_repo.git("tag", "-a", "-m", "x", "annotated")
    git_repo.git("tag", "-a", "-m", "x", "nested", "annotated")
    git_repo.git("tag", "-d", "annotated")
    forget_all_but_refs(git_repo)

    assert reachable(git_repo) == {
        *(
            b"heads/x",
            b"tags/light",
            b"notes/n",
            b"remotes/origin/x",
            b"odd/place",
            b"bisect/bad",
            b"annotated",
        )
    }


def forget_all_but_refs(repo: ScratchRepo) -> None:
    """Move to an empty branch and expire the reflogs."""
    repo.git("checkout", "-q", "--orphan", "empty")
    repo.git("rm", "-rfq", "--ignore-unmatch", ".")
    repo.commit("empty")
    for name in ("tmp", "tmp2", "main"):
        repo.git("branch", "-qD", name, check=False)
    repo.git("reflog", "expire", "--expire=now", "--all")
    for name in ("ORIG_HEAD", "FETCH_HEAD"):
        repo.git("update-ref", "-d", name, check=False)


def test_a_tag_of_a_tree_counts(git_repo):
    commit_file(git_repo, b"in a tree")
    tree = git_repo.rev("HEAD^{tree}")
    git_repo.git("tag", "light-tree", tree)
    git_repo.git("tag", "-a", "-m", "x", "tree", tree)
    git_repo.git("tag", "a-blob", git_repo.rev("HEAD:a.datav"))
    forget_all_but_refs(git_repo)

    assert reachable(git_repo) == {b"in a tree"}


def test_what_is_really_gone_is_not_listed(git_repo):
    commit_file(git_repo, b"gone")
    forget_all_but_refs(git_repo)

    assert reachable(git_repo) == set()


def test_reflogs_and_the_stash_count(git_repo):
    commit_file(git_repo, b"kept")
    commit_file(git_repo, b"reset away")
    git_repo.git("reset", "-q", "--hard", "HEAD~1")
    git_repo.git("update-ref", "-d", "ORIG_HEAD")
    for content in (b"stash 1", b"stash 2"):
        git_repo.write("a.datav", content)
        git_repo.write("new.datav", b"untracked " + content)
        git_repo.git("stash", "-q", "-u")

    assert reachable(git_repo) == {
        *(b"kept", b"reset away", b"stash 1", b"stash 2", b"untracked stash 1", b"untracked stash 2")
    }


def test_a_merge_of_unrelated_parents_and_an_evil_merge(git_repo):
    commit_file(git_repo, b"main")
    git_repo.git("checkout", "-q", "--orphan", "other")
    git_repo.git("rm", "-rfq", ".")
    commit_file(git_repo, b"other", "b.datav")
    git_repo.git("merge", "-q", "--allow-unrelated-histories", "--no-commit", "main")
    commit_file(git_repo, b"evil")
    git_repo.git("branch", "-qD", "main")
    git_repo.git("reflog", "expire", "--expire=now", "--all")

    assert reachable(git_repo) == {b"main", b"other", b"evil"}


def test_a_merge_in_progress_counts(git_repo):
    commit_file(git_repo, b"base\n")
    git_repo.git("checkout", "-qb", "side")
    commit_file(git_repo, b"side 1\n")
    commit_file(git_repo, b"side 2\n")
    git_repo.git("checkout", "-q", "main")
    commit_file(git_repo, b"main\n")
    git_repo.git("merge", "side", check=False)
    git_repo.git("branch", "-qD", "side")
    git_repo.git("reflog", "expire", "--expire=now", "--all")

    assert {b"base\n", b"side 1\n", b"side 2\n", b"main\n"} <= reachable(git_repo)


@pytest.mark.parametrize("how", [["cherry-pick"], ["rebase"], ["rebase", "--apply"]])
def test_a_rebase_or_cherry_pick_in_progress_counts(git_repo, how):
    commit_file(git_repo, b"base\n")
    git_repo.git("checkout", "-q", "--detach")
    commit_file(git_repo, b"side\n")
    commit_file(git_repo, b"side 2\n")
    side = git_repo.rev("HEAD")
    git_repo.git("checkout", "-q", "main")
    commit_file(git_repo, b"main\n")
    if how[0] == "rebase":
        git_repo.git("checkout", "-q", "--detach", side)
        git_repo.git(*how, "main", check=False)
    else:
        git_repo.git(*how, side, check=False)
    git_repo.git("reflog", "expire", "--expire=now", "--all")

    assert {b"base\n", b"side\n", b"side 2\n", b"main\n"} <= reachable(git_repo)


def test_an_autostash_counts(git_repo):
    commit_file(git_repo, b"base\n")
    git_repo.git("checkout", "-qb", "side")
    commit_file(git_repo, b"side\n", "b.datav")
    git_repo.git("checkout", "-q", "main")
    commit_file(git_repo, b"main\n", "b.datav")
    git_repo.write("a.datav", b"uncommitted\n")
    git_repo.git("rebase", "--autostash", "side", check=False)

    assert b"uncommitted\n" in reachable(git_repo)


def test_linked_worktrees_count_with_index_head_and_refs_of_their_own(git_repo, tmp_path):
    commit_file(git_repo, b"main")
    for name in ("one", "two"):
        git_repo.git("worktree", "add", "-q", "--detach", str(tmp_path / name))
        linked = ScratchRepo(tmp_path / name)
        commit_file(linked, b"committed in " + name.encode())
        commit_file(linked, b"reset in " + name.encode())
        linked.git("update-ref", "refs/worktree/mine", "HEAD")
        linked.git("reset", "-q", "--hard", "HEAD~1")
        linked.write("a.datav", b"staged in " + name.encode())
        linked.git("add", "-A")
    expected = {
        b"%s in %s" % (what, name)
        for what in (b"committed", b"reset", b"staged")
        for name in (b"one", b"two")
    }
    git_repo.git("reflog", "expire", "--expire=now", "--all")

    assert reachable(git_repo) == expected | {b"main"}
    assert reachable(ScratchRepo(tmp_path / "one")) == expected | {b"main"}

    shutil.rmtree(tmp_path / "two")
    assert reachable(git_repo) == expected | {b"main"}


def test_all_stages_of_an_unmerged_file_count_in_each_index(git_repo, tmp_path):
    commit_file(git_repo, b"main")
    git_repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    linked = ScratchRepo(tmp_path / "linked")
    expected = set()
    for repo, where in ((git_repo, b"here"), (linked, b"linked")):
        lines = b"0 %s\ta.datav\n" % (b"0" * 40)
        for stage in (1, 2, 3):
            text = b"stage %d %s" % (stage, where)
            repo.write("text", text)
            oid = repo.git("hash-object", "-w", "text").strip()
            lines += b"100644 %s %d\ta.datav\n" % (oid, stage)
            expected.add(text)
        repo.git("update-index", "--index-info", stdin=lines)

    assert reachable(git_repo) == reachable(linked) == expected | {b"main"}


def test_worktrees_of_a_bare_repository(git_repo, tmp_path):
    commit_file(git_repo, b"main")
    git_repo.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    ScratchRepo(tmp_path / "bare.git").git("worktree", "add", "-q", str(tmp_path / "linked"), "main")
    linked = ScratchRepo(tmp_path / "linked")
    linked.write("a.datav", b"staged")
    linked.git("add", "-A")

    assert reachable(linked) == {b"main", b"staged"}


def test_a_remnant_of_a_worktree_is_in_nobodys_way(git_repo):
    commit_file(git_repo, b"1")
    (git_repo.root / ".git" / "worktrees" / "remnant").mkdir(parents=True)

    assert reachable(git_repo) == {b"1"}


def test_the_index_that_a_hook_does_not_see_counts_too(git_repo, monkeypatch):
    git_repo.write("a.datav", b"staged")
    git_repo.git("add", "-A")
    monkeypatch.setenv("GIT_INDEX_FILE", str(git_repo.root / ".git" / "other-index"))
    git_repo.write("b.datav", b"in the hook's index")
    git_repo.git("add", "b.datav")

    assert reachable(git_repo) == {b"staged", b"in the hook's index"}


def test_a_submodule_has_a_history_of_its_own(git_repo, tmp_path):
    commit_file(git_repo, b"inner")
    outer = ScratchRepo.init(tmp_path / "outer")
    outer.git("submodule", "add", "-q", str(git_repo.root), "sub.datav")
    commit_file(outer, b"outer")

    assert reachable(outer) == {b"outer"}
    assert reachable(ScratchRepo(tmp_path / "outer" / "sub.datav")) == {b"inner"}


def test_a_shallow_clone_lists_its_boundary_whole(git_repo, tmp_path):
    for content in (b"1", b"2", b"3"):
        commit_file(git_repo, content)
    commit_file(git_repo, b"x", "x.txt")
    git_repo.git("clone", "-q", "--depth=2", f"file://{git_repo.root}", str(tmp_path / "shallow"))

    assert reachable(ScratchRepo(tmp_path / "shallow")) == {b"3"}


def test_replaced_commits_count_with_both_faces(git_repo):
    first = commit_file(git_repo, b"original")
    tree = git_repo.git("mktree", stdin=b"").decode().strip()
    commit_file(git_repo, b"newest")
    git_repo.git("checkout", "-q", "--orphan", "tmp")
    other = commit_file(git_repo, b"replacement")
    git_repo.git("replace", first, other)
    git_repo.git("replace", git_repo.rev("main^{tree}"), tree)
    git_repo.git("checkout", "-qf", "main")
    git_repo.git("branch", "-qD", "tmp")
    git_repo.git("reflog", "expire", "--expire=now", "--all")

    assert {b"original", b"replacement", b"newest"} <= reachable(git_repo)


def test_a_damaged_history_is_an_error_and_not_a_shorter_list(git_repo):
    first = commit_file(git_repo, b"1")
    commit_file(git_repo, b"2")
    os.unlink(git_repo.root / ".git" / "objects" / first[:2] / first[2:])

    with pytest.raises(GitError):
        reachable(git_repo)


def test_sha256_repositories(tmp_path):
    repo = ScratchRepo.init(tmp_path / "new", "--object-format=sha256")
    commit_file(repo, b"1")
    commit_file(repo, b"2")

    assert reachable(repo) == {b"1", b"2"}
    assert len(read_log(GitRepository.discover(repo.root), A)) == 2


@pytest.mark.parametrize("seed", range(6))
def test_random_histories_give_what_a_naive_walk_gives(git_repo, seed):
    make_random_history(git_repo, random.Random(seed))

    assert set(iter_reachable_manifests(GitRepository.discover(git_repo.root))) == walk_naively(git_repo)


def make_random_history(repo: ScratchRepo, choose: random.Random) -> None:
    """Build forty commits with `fast-import`: branches, merges of all kinds, files that change their type."""
    names = ["a.datav", "b.datav", "deep/er/c.datav", "deep/d.txt", "e.txt", "dir.datav/f"]
    stream: list[str] = []
    for mark in range(1, 41):
        branch = choose.choice(["x", "y", "z"])
        message = f"commit {mark}"
        stream += [f"commit refs/heads/{branch}", f"mark :{mark}", "committer A <a@b> 1700000000 +0000"]
        stream += [f"data {len(message)}", message]
        parents = choose.sample(range(1, mark), min(mark - 1, choose.choice([0, 1, 1, 1, 2, 3])))
        if parents:
            stream += [f"from :{parents[0]}", *(f"merge :{parent}" for parent in parents[1:])]
        for name in choose.sample(names, choose.randrange(3)):
            content = f"content {choose.randrange(60)}"
            mode = choose.choice(["100644", "100644", "100755", "120000", "delete"])
            change = (
                [f"D {name}"]
                if mode == "delete"
                else [f"M {mode} inline {name}", f"data {len(content)}", content]
            )
            stream += change
        stream.append("")
    repo.git("fast-import", "--quiet", "--force", stdin="\n".join(stream).encode() + b"\n")


def walk_naively(repo: ScratchRepo) -> set[str]:
    """Return the id of every *.datav file of every commit, by listing each commit whole."""
    found: set[str] = set()
    for commit in repo.git("rev-list", "--all").decode().split():
        for line in repo.git("ls-tree", "-r", commit).decode().splitlines():
            stat, _, name = line.partition("\t")
            mode, _, oid = stat.split()
            if mode.startswith("100") and name.endswith(".datav"):
                found.add(oid)
    return found


def test_history_is_read_the_same_whatever_git_is_configured_to_show(git_repo):
    first = commit_file(git_repo, b"1")
    git_repo.git("mv", "a.datav", "b.datav")
    second = git_repo.commit("moved")
    for name, value in {
        "color.ui": "always",
        "diff.external": "false",
        "diff.noprefix": "true",
        "diff.relative": "true",
        "diff.renames": "false",
        "log.showSignature": "true",
        "log.decorate": "full",
        "log.diffMerges": "off",
        "log.follow": "true",
        "log.date": "relative",
        "format.pretty": "oneline",
        "i18n.logOutputEncoding": "latin1",
    }.items():
        git_repo.git("config", name, value)
    repo = GitRepository.discover(git_repo.root)

    assert [commit.oid for commit in read_log(repo, RelPath(b"b.datav"))] == [second, first]
    assert reachable(git_repo) == {b"1"}


# --- find_origins


def test_the_origin_of_a_file_is_the_last_commit_that_made_it(git_repo):
    commit_file(git_repo, b"1")
    commit_file(git_repo, b"2")
    again = commit_file(git_repo, b"1")
    repo = GitRepository.discover(git_repo.root)
    blob = git_repo.rev("HEAD:a.datav")

    found = find_origins(repo, [blob, "0" * 40])

    assert {name: (origin.commit, origin.path) for name, origin in found.items()} == {blob: (again, A)}


def test_a_file_that_a_merge_made_is_from_the_merge_and_others_are_not(git_repo):
    commit_file(git_repo, b"base")
    git_repo.git("checkout", "-q", "-b", "side")
    side = commit_file(git_repo, b"side", "b.datav")
    git_repo.git("checkout", "-q", "main")
    commit_file(git_repo, b"ours")
    git_repo.git("merge", "-q", "--no-commit", "--no-ff", "side")
    merge = commit_file(git_repo, b"by hand", "c.datav")
    repo = GitRepository.discover(git_repo.root)
    blobs = [git_repo.rev("HEAD:b.datav"), git_repo.rev("HEAD:c.datav")]

    found = find_origins(repo, blobs)

    assert [found[blob].commit for blob in blobs] == [side, merge]
