"""Which commits the Action compares: by the event, in clones of any depth, with real git."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.github import read_outputs
from tests.support.repos import ScratchRepo

SCRIPT = Path(__file__).resolve().parents[2] / ".github/actions/check/commits.sh"

if sys.platform == "win32":
    pytest.skip("the Action's scripts are for bash", allow_module_level=True)


class Project:
    """A bare origin, and the repository that was pushed to it: `main`, and `topic` which left it."""

    def __init__(self, place: Path) -> None:
        self.place, self.bare = place, place / "origin.git"
        self.repo = ScratchRepo.init(place / "work")
        self.repo.git("init", "-q", "--bare", str(self.bare))
        self.repo.git("remote", "add", "origin", self.url)
        self.first = self.change("a")
        self.fork = self.change("b")
        self.repo.git("checkout", "-q", "-b", "topic")
        self.topic = [self.change("t1"), self.change("t2")]
        self.repo.git("checkout", "-q", "main")
        self.main = [self.change("c"), self.change("d")]
        self.repo.git("checkout", "-q", "--detach")
        self.repo.git("merge", "-q", "--no-ff", "-m", "merge", "topic")
        self.merge = self.repo.rev("HEAD")
        self.repo.git("checkout", "-q", "-b", "limits", "main")
        self.repo.write("data/e.csv.datav.limits", b"")
        self.change("e")
        refs = ("main", "topic", "limits", f"{self.merge}:refs/pull/7/merge")
        self.repo.git("push", "-q", "origin", *refs)

    @property
    def url(self) -> str:
        return f"file://{self.bare}"

    def change(self, name: str) -> str:
        """Commit a manifest, and a file that is none."""
        self.repo.write(f"data/{name}.csv.datav", name.encode())
        self.repo.write(f"{name}.py", name.encode())
        return self.repo.commit(name)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def check_out(project, tmp_path):
    """What actions/checkout does."""

    def check_out(ref: str, depth: int | None = 1, name: str = "clone") -> ScratchRepo:
        clone = ScratchRepo.init(tmp_path / name)
        clone.git("remote", "add", "origin", project.url)
        clone.git("fetch", "-q", "--no-tags", *([f"--depth={depth}"] if depth else []), "origin", ref)
        clone.git("checkout", "-q", "--detach", "FETCH_HEAD")
        return clone

    return check_out


def run(clone: ScratchRepo, name: str, event: object = None, **environment: str):
    output, path = clone.root.parent / "output", clone.root.parent / "event.json"
    output.write_text("")
    path.write_text(json.dumps({} if event is None else event))
    variables = {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path), "GITHUB_OUTPUT": str(output)}
    variables["GITHUB_SHA"] = clone.rev("HEAD")
    done = subprocess.run(
        [str(SCRIPT)],
        cwd=clone.root,
        env={**os.environ, **variables, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout, read_outputs(output)


def base_of(clone: ScratchRepo, name: str, event: object = None, **environment: str) -> str:
    status, said, outputs = run(clone, name, event, **environment)
    assert status == 0, said
    assert clone.git("cat-file", "-t", outputs["base"]) == b"commit\n"
    return outputs["base"]


@pytest.mark.parametrize("depth", [1, None])
def test_a_pull_request_is_compared_with_what_it_is_merged_into(project, check_out, depth):
    clone = check_out("refs/pull/7/merge", depth)
    # As old as the event is, the branch went on since.
    event = {"pull_request": {"base": {"sha": project.fork}}}

    status, said, outputs = run(clone, "pull_request", event)

    assert status == 0, said
    assert (outputs["base"], outputs["head"]) == (project.main[1], project.merge)
    assert outputs["changed"] == "2"


@pytest.mark.parametrize("depth", [1, None])
def test_the_head_of_a_pull_request_is_compared_with_where_it_left(project, check_out, depth):
    clone = check_out(project.topic[1], depth)
    event = {"pull_request": {"base": {"sha": project.main[1]}}}

    assert base_of(clone, "pull_request", event, GITHUB_SHA=project.merge) == project.fork


@pytest.mark.parametrize("event", [{"pull_request": {"base": {"sha": "1" * 40}}}, {}, []])
def test_a_base_that_nobody_has_is_an_error(check_out, event):
    status, said, outputs = run(check_out("topic"), "pull_request", event)

    assert (status, outputs) == (2, {})
    assert "::error::" in said


@pytest.mark.parametrize(("before", "base"), [("known", "first"), ("0" * 40, "parent"), ("1" * 40, "parent")])
def test_a_push_is_compared_with_what_was_there_before_it(project, check_out, before, base):
    clone = check_out("main")
    event = {"before": project.first if before == "known" else before}

    assert base_of(clone, "push", event) == {"first": project.first, "parent": project.main[0]}[base]


def test_a_merge_group_is_compared_with_its_base(project, check_out):
    clone = check_out("main")

    assert base_of(clone, "merge_group", {"merge_group": {"base_sha": project.fork}}) == project.fork


def test_anything_else_is_compared_with_the_commit_before(project, check_out):
    assert base_of(check_out("main"), "schedule") == project.main[0]


def test_what_is_asked_for_is_brought_by_id_or_name(project, check_out):
    clone = check_out("main")

    assert base_of(clone, "push", DATAV_BASE=project.first) == project.first
    assert base_of(clone, "push", DATAV_BASE="topic") == project.topic[1]
    status, said, outputs = run(clone, "push", DATAV_BASE="main", DATAV_HEAD="topic")
    assert (status, outputs["base"], outputs["head"]) == (0, project.main[1], project.topic[1]), said


@pytest.mark.parametrize("name", ["nothing", "--upload-pack=touch x", "a b", "$(touch x)"])
def test_what_nobody_has_is_an_error(project, check_out, name):
    clone = check_out("main")

    status, said, outputs = run(clone, "push", DATAV_BASE=name)

    assert (status, outputs) == (2, {})
    assert "::error::" in said
    assert not (clone.root / "x").exists()


def test_the_first_commit_is_compared_with_nothing(project, check_out):
    status, said, outputs = run(check_out(project.first), "push", {"before": "0" * 40})

    assert status == 0, said
    assert (outputs["base"], outputs["head"], outputs["changed"]) == ("", project.first, "1")


def test_history_is_brought_where_limits_are_to_be_learned_and_not_else(check_out):
    def count(name: str, ref: str, history: str) -> int:
        clone = check_out(ref, name=name)
        status, said, _ = run(clone, "push", DATAV_HISTORY=history)
        assert status == 0, said
        return int(clone.git("rev-list", "--count", "HEAD"))

    assert count("none", "main", "0") == 1
    assert count("history", "main", "2") == 4
    assert count("limits", "limits", "2") == 1
    assert run(check_out("main", name="word"), "push", DATAV_HISTORY="all")[0] == 2


def test_the_cache_belongs_to_the_manifests_and_leaves_out_what_is_about_the_clone(project, check_out):
    main = run(check_out("main", name="other"), "push")[2]
    clone = check_out("topic")
    topic = run(clone, "push")[2]

    assert main["cache-prefix"] == topic["cache-prefix"]
    assert main["cache-key"] != topic["cache-key"]
    assert main["cache-key"].startswith(main["cache-prefix"])
    private = clone.root / ".git/datav"
    assert topic["cache-path"].split("\n") == [str(private / name) for name in ("store", "remotes", "cache")]


def test_a_repository_without_data_has_a_key_too(tmp_path):
    repo = ScratchRepo.init(tmp_path / "empty")
    repo.commit("nothing")

    status, said, outputs = run(repo, "push")

    assert (status, outputs["changed"]) == (0, "0"), said
    assert outputs["cache-key"] != outputs["cache-prefix"]
