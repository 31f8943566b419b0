"""What GitHub does for an Action, as far as a test needs it: an API with comments, and a runner of steps.

The API has the notes of GitLab too, below /api/v4.
"""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_not-a-real-token"
_GITLAB_USER = 3


@dataclass
class FakeGitHub:
    """The comments of issues, and the requests that came."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Answers to the next requests that write comments, instead of what they ask for."""
    writes_before_refusing: bool = False
    login: str | None = "github-actions[bot]"
    """Whose the token is; None: the server does not tell."""

    def comment(self, body: str, login: str) -> dict[str, Any]:
        number = len(self.comments) + 1
        made = {
            "id": number,
            "body": body,
            "user": {"login": login},
            "author": {"id": _GITLAB_USER},
            "html_url": f"{self.url}/comment/{number}",
        }
        self.comments.append(made)
        return made

    @property
    def written(self) -> list[str]:
        return [method for method, path in self.requests if "comments" in path and method != "GET"]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        self._note()
        if self.path == "/api/v4/user":
            self._answer(200, {"id": _GITLAB_USER})
            return
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        size = int(query["per_page"])
        begin = (int(query.get("page", "1")) - 1) * size
        self._answer(200, self.server.github.comments[begin : begin + size])

    def do_POST(self) -> None:
        self._note()
        github, value = self.server.github, self._read()
        if self.path == "/graphql":
            known = github.login is not None
            self._answer(200 if known else 403, {"data": {"viewer": {"login": github.login}}})
        elif self._is_allowed(value):
            self._answer(201, github.comment(value["body"], github.login or "github-actions[bot]"))

    def do_PATCH(self) -> None:
        self._note()
        value = self._read()
        if self._is_allowed(value):
            comment = self.server.github.comments[int(self.path.rpartition("/")[2]) - 1]
            comment["body"] = value["body"]
            self._answer(200, comment)

    do_PUT = do_PATCH

    def _is_allowed(self, value: dict[str, Any]) -> bool:
        github = self.server.github
        if not github.refusals:
            return True
        status, headers = github.refusals.pop(0)
        if github.writes_before_refusing and self.command == "POST":
            github.comment(value["body"], github.login or "github-actions[bot]")
        self._answer(status, {"message": f"status {status}"}, headers)
        return False

    def _note(self) -> None:
        assert TOKEN in (
            self.headers["Private-Token"],
            (self.headers["Authorization"] or "")[len("Bearer ") :],
        )
        self.server.github.requests.append((self.command, self.path))

    def _read(self) -> dict[str, Any]:
        data = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers["Content-Type"] == "application/json":
            return dict(json.loads(data))
        return {name: values[0] for name, values in parse_qs(data).items()}

    def _answer(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    github: FakeGitHub


@contextmanager
def fake_github() -> Iterator[FakeGitHub]:
    """Serve an empty repository."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.github = FakeGitHub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.github
        finally:
            server.shutdown()
            thread.join()


# --- running the steps of an Action

_EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
_CONDITION = re.compile(r"([\w.-]+) (==|!=) '([^']*)'\Z")


@dataclass
class StepResult:
    """What became of a run of the Action."""

    status: int = 0
    """Of the step that failed; 0 if none did."""
    said: str = ""
    """All that the steps print."""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    """By the id of the step."""
    summary: str = ""
    used: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Which other Actions would have run, with what."""


def run_steps(
    action: dict[str, Any], folder: Path, workspace: Path, inputs: dict[str, str], environment: dict[str, str]
) -> StepResult:
    """Run the steps of a composite Action that are scripts, as a runner does, until one fails.

    Args:
        folder: of the Action.
        workspace: where the repository is checked out.
        environment: what the runner sets.
    """
    given = {name: str(each.get("default", "")) for name, each in action["inputs"].items()} | inputs
    context = {"github.token": TOKEN}
    context |= {f"inputs.{name}": _fill(value, context) for name, value in given.items()}
    result = StepResult()
    files = {name: workspace.parent / f"runner-{name}" for name in ("OUTPUT", "STEP_SUMMARY", "PATH")}
    for step in action["runs"]["steps"]:
        if not _holds(step.get("if"), context):
            continue
        if "uses" in step:
            result.used.append((step["uses"], {k: _fill(v, context) for k, v in step["with"].items()}))
            continue
        for path in files.values():
            path.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=workspace / _fill(step.get("working-directory", "."), context),
            env={
                **os.environ,
                **environment,
                **{name: _fill(value, context) for name, value in step.get("env", {}).items()},
                **{f"GITHUB_{name}": str(path) for name, path in files.items()},
                "GITHUB_ACTION_PATH": str(folder),
                "RUNNER_TEMP": str(workspace.parent),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        result.said += done.stdout
        result.summary += files["STEP_SUMMARY"].read_text()
        outputs = read_outputs(files["OUTPUT"])
        result.outputs[step.get("id", step["name"])] = outputs
        context |= {f"steps.{step.get('id')}.outputs.{name}": value for name, value in outputs.items()}
        if done.returncode != 0:
            result.status = done.returncode
            break
    return result


def read_outputs(path: Path) -> dict[str, str]:
    """Read a file of `name=value` lines and of `name<<END` blocks."""
    outputs: dict[str, str] = {}
    lines = iter(path.read_text().splitlines())
    for line in lines:
        name, mark, end = line.partition("<<")
        if mark and "=" not in name:
            outputs[name] = "\n".join(iter(lambda: next(lines), end))
        else:
            name, _, value = line.partition("=")
            outputs[name] = value
    return outputs


def _fill(text: object, context: dict[str, str]) -> str:
    """Replace `${{ name }}`; what is not known is empty, as on GitHub."""
    return _EXPRESSION.sub(lambda match: context.get(match[1], ""), str(text))


def _holds(condition: str | None, context: dict[str, str]) -> bool:
    if condition is None:
        return True
    match = _CONDITION.match(condition)
    assert match is not None, f"{condition!r} is more than this can tell"
    return (context.get(match[1], "") == match[3]) == (match[2] == "==")
