"""The Action and the recipes of docs/guides/ci.md, run as scripts against a bare origin and a remote."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from datav.repo.push import push
from datav.repo.remotes import add_remote
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo
from tests.support.github import TOKEN, FakeGitHub, StepResult, fake_github, run_steps
from tests.support.repos import ScratchRepo

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github/actions/check"
GUIDE = ROOT / "docs/guides/ci.md"

if sys.platform == "win32":
    pytest.skip("the Action's scripts are for bash", allow_module_level=True)

RULES = """
[check."*.csv".column.price]
not_null = true
"""


class Project:
    """A bare origin with `main`, some quiet versions of a table, and branches that are to be merged.

    `good` keeps what a rule promises, `bad` does not; of `shifted` only the past of the table says that it is
    wrong; `code` has no data.  The data is at a remote, and in no clone.
    """

    def __init__(self, place: Path) -> None:
        self.bare = place / "origin.git"
        repo = DatavRepo.init(place / "work")
        assert isinstance(repo, DatavRepo)
        self.repo = repo
        repo.set_up()
        with repo.open() as repository:
            add_remote(repository, RemoteSettings("origin", str(place / "remote")))
        repo.path("datav.toml").write_text(repo.path("datav.toml").read_text() + RULES)
        repo.write("code.py", b"1\n")
        for version in range(8):
            self.write(version % 3)
            repo.commit(f"version {version}")
        ScratchRepo.init(self.bare, "--bare")
        repo.git("remote", "add", "origin", f"file://{self.bare}")
        changes = {
            "good": lambda: self.write(2),
            "bad": lambda: self.write(2, empty=7),
            "shifted": lambda: self.write(2, factor=3),
            "code": lambda: repo.write("code.py", b"2\n"),
        }
        for branch, change in changes.items():
            repo.git("checkout", "-q", "-b", branch, "main")
            change()
            repo.commit(branch)
            repo.git("checkout", "-q", "--detach", "main")
            repo.git("merge", "-q", "--no-ff", "-m", f"merge {branch}", branch)
            repo.git("push", "-q", "origin", "main", branch, f"HEAD:refs/pull/{branch}/merge")
        with repo.open() as repository:
            push(repository, everything=True)

    def write(self, version: int, *, factor: int = 1, empty: int | None = None) -> None:
        prices = [str((number % 50 + version) * factor) if number != empty else "" for number in range(400)]
        rows = [f"{number},{price}" for number, price in enumerate(prices)]
        self.repo.write("orders.csv", "\n".join(["id,price", *rows, ""]).encode())
        self.repo.add("orders.csv")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch):
    """A `datav` and a `python3` on the PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "python3").symlink_to(sys.executable)
    script = directory / "datav"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m datav "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def github():
    with fake_github() as server:
        yield server


def check_out(project: Project, place: Path, ref: str, depth: int | None = 1) -> ScratchRepo:
    clone = ScratchRepo.init(place)
    clone.git("remote", "add", "origin", f"file://{project.bare}")
    clone.git("fetch", "-q", "--no-tags", *([f"--depth={depth}"] if depth else []), "origin", ref)
    clone.git("checkout", "-q", "--detach", "FETCH_HEAD")
    return clone


def act(clone: ScratchRepo, github: FakeGitHub, **inputs: str) -> StepResult:
    """Run the Action for a pull request."""
    event = clone.root.parent / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "base": {"sha": "0" * 40}}}))
    environment = {
        "GITHUB_API_URL": github.url,
        "GITHUB_GRAPHQL_URL": f"{github.url}/graphql",
        "GITHUB_REPOSITORY": "ann/birds",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_SHA": clone.rev("HEAD"),
    }
    action = yaml.safe_load((FOLDER / "action.yml").read_text())
    given = {"version": "installed", "python-version": "installed"}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return run_steps(action, FOLDER, clone.root, given, environment)


def test_data_that_breaks_a_promise_fails_the_job_after_summary_and_comment(project, github, tmp_path):
    clone = check_out(project, tmp_path / "bad", "refs/pull/bad/merge")

    result = act(clone, github)

    assert result.status == 1, result.said
    assert "::error file=orders.csv.datav" in result.said or "::error file=datav.toml" in result.said
    assert result.outputs["check"]["status"] == "1"
    assert result.outputs["commits"]["changed"] == "1"
    assert "price" in result.summary
    assert github.written == ["POST"]
    assert "price" in github.comments[0]["body"]
    for name in ("report", "junit", "sarif"):
        assert Path(result.outputs["check"][name]).stat().st_size
    assert TOKEN not in result.said + result.summary
    # Nothing was fetched: what was needed was read where it is.
    assert not list((clone.root / ".git/datav/store").glob("packs/*"))

    mended = act(check_out(project, tmp_path / "good", "refs/pull/good/merge"), github)

    assert mended.status == 0, mended.said
    assert mended.outputs["comment"]["comment-url"] == f"{github.url}/comment/1"
    assert github.written == ["POST", "PATCH"]
    assert "is null" not in github.comments[0]["body"]


def test_a_shift_is_caught_by_limits_from_history_that_the_checkout_had_not(project, github, tmp_path):
    clone = check_out(project, tmp_path / "shifted", "refs/pull/shifted/merge")

    result = act(clone, github)

    assert result.status == 1, result.said
    assert re.search(r"price: mean .* limit [\d.]+ from history", result.said)
    assert "from history" in github.comments[0]["body"]


def test_what_is_fetched_beforehand_is_what_differs_and_is_in_the_cache(project, github, tmp_path):
    clone = check_out(project, tmp_path / "bad", "refs/pull/bad/merge")

    result = act(clone, github, fetch="changed", fail_on="never", comment="false", paths="orders.csv\n")

    assert result.status == 0, result.said
    assert "::notice::promises are broken" in result.said
    assert github.requests == []
    [(action, given)] = result.used
    assert action == "actions/cache@v4"
    kept = [Path(path) for path in given["path"].split("\n")]
    assert list((kept[0] / "packs").iterdir())
    assert all(path.parent == clone.root / ".git/datav" for path in kept)


def test_a_change_of_code_alone_passes_and_says_nothing(project, github, tmp_path):
    result = act(check_out(project, tmp_path / "code", "refs/pull/code/merge"), github, cache="false")

    assert (result.status, result.used) == (0, []), result.said
    assert github.written == []
    assert result.outputs["commits"]["changed"] == "0"


def test_data_that_cannot_be_read_fails_the_job_and_is_told(project, github, tmp_path):
    clone = check_out(project, tmp_path / "bad", "refs/pull/bad/merge")
    moved = project.bare.parent / "remote"
    moved.rename(moved.with_name("away"))
    try:
        result = act(clone, github, fail_on="never")
    finally:
        moved.with_name("away").rename(moved)

    assert result.status == 2, result.said
    assert "could not be checked" in github.comments[0]["body"]
    assert "could not be checked" in result.summary


def test_datav_is_installed_in_an_environment_of_its_own(tmp_path):
    wheel = tmp_path / "datav-9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("datav_fake.py", "def run():\n    print('datav 9.9')\n")
        info = "datav-9.9.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: datav\nVersion: 9.9\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\ndatav = datav_fake:run\n")
        archive.writestr(f"{info}/RECORD", "")
    paths = tmp_path / "paths"
    environment = {"DATAV_VERSION": str(wheel), "RUNNER_TEMP": str(tmp_path), "GITHUB_PATH": str(paths)}

    done = subprocess.run(
        [str(FOLDER / "install.sh")],
        env={**os.environ, **environment, "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, "datav 9.9\n"), done.stderr
    [added] = paths.read_text().splitlines()
    assert sorted(path.name for path in Path(added).iterdir()) == ["datav", "git-datav"]
    assert subprocess.check_output([f"{added}/datav"], text=True) == "datav 9.9\n"


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("", f"{ROOT}[gcs,sql]"),
        ("datav", "datav[gcs,sql]"),
        ("datav>=0.1,<2", "datav[gcs,sql]>=0.1,<2"),
        ("datav @ git+https://h/x@v1", "datav[gcs,sql] @ git+https://h/x@v1"),
        ("git+https://h/x@v1?a=b", "datav[gcs,sql] @ git+https://h/x@v1?a=b"),
        ("dist/datav-1.whl", "dist/datav-1.whl[gcs,sql]"),
    ],
)
def test_extras_stand_where_pip_looks_for_them(tmp_path, version, wanted):
    stub = tmp_path / "bin/python3"
    stub.unlink()
    place = tmp_path / "datav-environment/bin"
    stub.write_text(f'#!/bin/sh\nmkdir -p "{place}"\ncp "{tmp_path}/pip" "{place}/python"\n')
    (tmp_path / "pip").write_text('#!/bin/sh\nfor last; do :; done; echo "$last"\n')
    for path in (stub, tmp_path / "pip"):
        path.chmod(0o755)
    environment = {"DATAV_VERSION": version, "DATAV_EXTRAS": "gcs,sql", "RUNNER_TEMP": str(tmp_path)}

    done = subprocess.run(
        [str(FOLDER / "install.sh")], env={**os.environ, **environment}, capture_output=True, text=True
    )

    assert done.stdout == f"{wanted}\n"


def test_what_is_not_known_to_be_an_extra_is_refused(tmp_path):
    environment = {**os.environ, "DATAV_EXTRAS": "gcs] evil[", "RUNNER_TEMP": str(tmp_path)}

    done = subprocess.run([str(FOLDER / "install.sh")], env=environment, capture_output=True, text=True)

    assert done.returncode == 2
    assert "::error::extras are names" in done.stderr


def test_no_step_has_an_input_in_its_script():
    action = yaml.safe_load((FOLDER / "action.yml").read_text())

    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]

    assert len(scripts) == 5
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not here")
def test_shellcheck_has_nothing_to_say():
    scripts = [str(path) for path in FOLDER.glob("*.sh")]

    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True)

    assert done.stdout == ""


# --- the recipes of the guide


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def find_block(language: str, mark: str) -> str:
    [found] = [block for block in blocks(language) if mark in block]
    return found


def test_the_workflow_of_the_guide_fits_the_action():
    workflow = yaml.safe_load(find_block("yaml", "runs-on"))
    action = yaml.safe_load((FOLDER / "action.yml").read_text())
    table = re.search(r"\| input \| \|\n(.*?)\n\n", GUIDE.read_text("utf-8"), re.DOTALL)
    assert table is not None

    [step] = [s for s in workflow["jobs"]["check"]["steps"] if "datav" in s["uses"]]
    told = {name for row in table[1].splitlines() for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}

    assert ".github/actions/check@" in step["uses"]
    assert set(step.get("with", {})) <= set(action["inputs"])
    assert told | {"github-token"} == set(action["inputs"])
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}


def run_gitlab(project: Project, place: Path, branch: str, **variables: str):
    job = yaml.safe_load(find_block("yaml", "CI_PIPELINE_SOURCE"))["check data"]
    clone = check_out(project, place, branch, depth=1)
    environment = {
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": project.repo.rev("main"),
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "7",
        **variables,
    }
    # As the runner does: all lines in one shell, which ends with the first that fails.
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
        cwd=clone.root,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    artifacts = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
    return done, [clone.root / name for name in artifacts]


def test_the_job_for_gitlab_fails_with_its_reports_and_keeps_one_note(project, github, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    variables = {"CI_API_V4_URL": f"{github.url}/api/v4", "DATAV_NOTE_TOKEN": TOKEN}

    bad, reports = run_gitlab(project, tmp_path / "bad", "bad", **variables)
    good, _ = run_gitlab(project, tmp_path / "good", "good", **variables)

    assert (bad.returncode, good.returncode) == (1, 0), bad.stdout + good.stdout
    assert all(path.stat().st_size for path in reports)
    assert [method for method, path in github.requests if method != "GET"] == ["POST", "PUT"]
    assert github.comments[0]["body"].startswith("<!-- datav report -->")
    assert TOKEN not in bad.stdout


def test_the_script_for_any_shell_ends_as_the_check_does(project, tmp_path):
    clone = check_out(project, tmp_path / "clone", "bad", depth=None)

    done = subprocess.run(
        ["sh", "-c", find_block("sh", "#!/bin/sh")], cwd=clone.root, capture_output=True, text=True
    )

    assert done.returncode == 1, done.stderr
    assert "price" in (clone.root / "report.md").read_text()
    assert (clone.root / "junit.xml").stat().st_size


def test_the_hook_of_the_guide_is_one_of_ours():
    config = yaml.safe_load(find_block("yaml", "hooks:"))
    ours = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())

    named = {hook["id"] for repo in config["repos"] for hook in repo["hooks"]}

    assert named == {"datav-check"}
    assert named <= {hook["id"] for hook in ours}
