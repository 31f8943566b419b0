"""The comment of a pull request, against a server that has GitHub's API."""

import importlib.util
import json
from pathlib import Path

import pytest

from tests.support.github import TOKEN, FakeGitHub, fake_github

SCRIPT = Path(__file__).resolve().parents[2] / ".github/actions/check/comment.py"
MARK = "<!-- datav report -->"


@pytest.fixture(scope="module")
def comment():
    spec = importlib.util.spec_from_file_location("datav_comment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def github():
    with fake_github() as server:
        yield server


class Run:
    """Runs of one job, for pull request 7."""

    def __init__(self, module, github: FakeGitHub, place: Path) -> None:
        self.module = module
        self.waits: list[float] = []
        self.report, event, self.output = place / "report.md", place / "event.json", place / "output"
        event.write_text(json.dumps({"pull_request": {"number": 7}}))
        self.output.write_text("")
        self.environment = {
            "DATAV_REPORT": str(self.report),
            "DATAV_STATUS": "1",
            "DATAV_CHANGED": "1",
            "GITHUB_API_URL": github.url,
            "GITHUB_GRAPHQL_URL": f"{github.url}/graphql",
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_REPOSITORY": "ann/birds",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_RUN_ID": "12",
            "GITHUB_WORKFLOW": "data",
            "GITHUB_JOB": "check",
        }

    def write(self, text: str, **environment: str):
        self.report.write_text(f"{MARK}\n{text}\n")
        return self.module.write_comment({**self.environment, **environment}, self.waits.append)


@pytest.fixture
def run(comment, github, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return Run(comment, github, tmp_path)


def test_the_second_run_updates_the_comment_of_the_first(run, github):
    first = run.write("one")
    second = run.write("two")

    assert (first, github.written) == (second, ["POST", "PATCH"])
    assert [each["body"].splitlines()[-1] for each in github.comments] == ["two"]


def test_the_comment_is_found_on_any_page_and_never_somebody_elses(run, github):
    run.write("ours")
    body = github.comments.pop()["body"]
    for _ in range(100):
        github.comment("talk", "bob")
    github.comment(body, "mallory")
    github.comment(f"{MARK}\nanother tool of the same bot", "github-actions[bot]")
    for _ in range(150):
        github.comment("talk", "bob")
    github.comment(body, "github-actions[bot]")

    url = run.write("new")

    assert url.endswith("/comment/253")
    assert len(github.comments) == 253
    assert [number for number, each in enumerate(github.comments, 1) if "new" in each["body"]] == [253]


def test_two_jobs_have_a_comment_each(run, github):
    run.write("one")
    run.write("two", GITHUB_JOB="other")
    run.write("three")

    assert [each["body"].splitlines()[-1] for each in github.comments] == ["three", "two"]


@pytest.mark.parametrize("login", [None, "data-bot[bot]", "ann"])
def test_it_knows_its_own_whoever_the_token_belongs_to(run, github, login):
    github.login = login

    run.write("one")
    run.write("two")

    assert github.written == ["POST", "PATCH"]


def test_a_pull_request_that_leaves_the_data_alone_is_left_alone(run, github):
    quiet = {"DATAV_STATUS": "0", "DATAV_CHANGED": "0"}

    assert run.write("nothing", **quiet) is None
    run.write("something")
    run.write("nothing any more", **quiet)

    assert github.written == ["POST", "PATCH"]


def test_a_run_for_no_pull_request_asks_nobody(run, github):
    Path(run.environment["GITHUB_EVENT_PATH"]).write_text(json.dumps({"before": "0" * 40}))

    assert run.write("one") is None
    assert github.requests == []


@pytest.mark.parametrize("status", [401, 403, 404])
def test_without_permission_there_is_a_notice_and_no_failure(run, github, status, capsys, monkeypatch):
    github.refusals = [(status, {})]
    run.report.write_text(MARK)

    assert run.module.main(run.environment) == 0

    said = capsys.readouterr().out
    assert said.startswith("::notice::no comment")
    assert "pull-requests: write" in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (503, {}, 1.0),
        (502, {"Retry-After": "4"}, 4.0),
        (403, {"Retry-After": "7"}, 7.0),
        (429, {"Retry-After": "3600"}, 60.0),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "5"}, 1.0),
    ],
)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_busy_server_is_asked_again(run, github, is_new, status, headers, wait):
    if not is_new:
        run.write("one")
    github.refusals = [(status, headers)]

    run.write("two")

    assert run.waits == [wait]
    assert [each["body"].splitlines()[-1] for each in github.comments] == ["two"]


def test_a_server_that_breaks_after_writing_gets_no_second_comment(run, github):
    github.refusals, github.writes_before_refusing = [(502, {})], True

    run.write("one")

    assert len(github.comments) == 1


def test_a_server_that_stays_broken_fails_nothing(run, github, capsys, monkeypatch):
    github.refusals = [(500, {"Retry-After": "0"})] * 9
    run.report.write_text(MARK)

    assert run.module.main(run.environment) == 0

    assert "::warning::no comment (500" in capsys.readouterr().out


def test_the_token_does_not_follow_a_redirect(run, github, tmp_path):
    with fake_github() as elsewhere:
        github.refusals = [(302, {"Location": f"{elsewhere.url}/x"})]

        with pytest.raises(run.module.Refused):
            run.write("one")

        assert elsewhere.requests == []


def test_a_long_report_is_cut_where_nothing_stays_open(run, github):
    rows = "| a row |\n" * 10_000

    run.write(f"<details>\n\n```\n{rows}```\n</details>")

    body = github.comments[0]["body"]
    assert len(body) < 65_536
    assert body.count("```") == 2
    assert body.count("<details>") == body.count("</details>") == 1
    assert body.endswith("(https://github.com/ann/birds/actions/runs/12) is longer.")
