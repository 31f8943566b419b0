"""Writes the report as one comment of a pull request, which later runs update.

    DATAV_REPORT        path of the report; its first line is the mark that says whose comment it is
    DATAV_STATUS        of `datav check`; DATAV_CHANGED: how many files of datav differ
    GITHUB_TOKEN, GITHUB_API_URL, GITHUB_GRAPHQL_URL, GITHUB_REPOSITORY, GITHUB_EVENT_PATH, GITHUB_OUTPUT,
    GITHUB_SERVER_URL, GITHUB_RUN_ID, GITHUB_WORKFLOW, GITHUB_JOB

Whatever goes wrong here fails no job: what was found stands in the summary of the job too.  The token is sent
to the API of GITHUB_API_URL and nowhere else, and printed nowhere.
"""

import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

MARK = "<!-- datav report -->"

# GitHub refuses a comment of more than 65,536 characters.
MAX_BODY = 65_000

PAGE = 100
ATTEMPTS = 5
MAX_WAIT_S = 60.0
TIMEOUT_S = 30

# Whose comments those of a workflow's own token are.
BOT = "github-actions[bot]"

GRAPHQL = "graphql"


class Refused(Exception):
    """The server says no."""

    def __init__(self, status, message, wait_s=None):
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status
        self.wait_s = wait_s
        """After how long it may say something else; None: it would say so again."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token that goes where a server points is a token given away."""

    def redirect_request(self, *_):
        return None


class Api:
    """Requests to GitHub, each repeated while the server is busy or broken."""

    def __init__(self, environment, sleep=time.sleep):
        self._base = environment.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
        self._graphql = environment.get("GITHUB_GRAPHQL_URL", f"{self._base}/graphql")
        self._token = environment["GITHUB_TOKEN"]
        self._opener = urllib.request.build_opener(NoRedirect)
        self.sleep = sleep

    def ask(self, method, path, value=None):
        """Return the answer; a request that may be made twice is made again while that may help."""
        for attempt in range(ATTEMPTS):
            try:
                return self.ask_once(method, path, value, attempt)
            except Refused as exc:
                if exc.wait_s is None or attempt == ATTEMPTS - 1:
                    raise
                self.sleep(exc.wait_s)
        raise AssertionError("the last attempt returns or raises")

    def ask_once(self, method, path, value=None, attempt=0):
        url = self._graphql if path == GRAPHQL else f"{self._base}{path}"
        data = None if value is None else json.dumps(value).encode()
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "User-Agent": "datav",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as exc:
            raise Refused(exc.code, told_by(exc), find_wait(exc.code, exc.headers, attempt)) from None
        except (OSError, ValueError) as exc:
            raise Refused(0, f"{type(exc).__name__}: {exc}", 2.0**attempt) from None

    def login(self):
        """Return whose token it is."""
        try:
            answer = self.ask("POST", GRAPHQL, {"query": "query { viewer { login } }"})
            return str(answer["data"]["viewer"]["login"])
        except (Refused, KeyError, TypeError):
            return BOT


def find_wait(status, headers, attempt):
    """Return after how many seconds to try again; None where that would change nothing."""
    after = headers.get("Retry-After", "")
    is_limited = status == 429 or (status == 403 and (after or headers.get("X-RateLimit-Remaining") == "0"))
    if status < 500 and not is_limited:
        return None
    reset = headers.get("X-RateLimit-Reset", "")
    if after.isdecimal():
        wait = float(after)
    elif is_limited and reset.isdecimal():
        wait = max(1.0, float(reset) - time.time())
    else:
        wait = 2.0**attempt
    return min(wait, MAX_WAIT_S)


def told_by(error):
    try:
        return str(json.loads(error.read())["message"])[:200]
    except (OSError, ValueError, KeyError, TypeError):
        return str(error.reason)


def find_comments(api, issue, login, job_mark):
    """Yield the ids of our comments of this job, the oldest first."""
    page, number = None, 0
    while page is None or len(page) == PAGE:
        number += 1
        page = api.ask("GET", f"{issue}/comments?per_page={PAGE}&page={number}")
        if not isinstance(page, list):
            raise Refused(0, "the answer is no list of comments")
        for comment in page:
            author = (comment.get("user") or {}).get("login")
            body = comment.get("body") or ""
            if author in (login, f"{login}[bot]") and MARK in body and job_mark in body:
                yield comment["id"]


def compose(report, job_mark, link):
    """Return the text of the comment: the report, as much of it as there is room for."""
    body = report if MARK in report else f"{MARK}\n{report}"
    body = body.replace(MARK, f"{MARK}\n{job_mark}", 1)
    if len(body) <= MAX_BODY:
        return body
    cut = body.rfind("\n", 0, MAX_BODY - 500)
    kept = body[: cut if cut > 0 else MAX_BODY - 500]
    # What is open in what is kept would swallow the rest of the page.
    fence = "\n```" if sum(line.startswith("```") for line in kept.splitlines()) % 2 else ""
    details = "\n\n</details>" * max(0, kept.count("<details") - kept.count("</details>"))
    return f"{kept}{fence}{details}\n\nThis is not all of it: [the summary of the job]({link}) is longer."


def pull_request_of(environment):
    """Return the number of the pull request that this run is about; None when it is about none."""
    path = environment.get("GITHUB_EVENT_PATH")
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return None
    number = (event.get("pull_request") or {}).get("number") if isinstance(event, dict) else None
    return number if isinstance(number, int) else None


def write_comment(environment, sleep=time.sleep):
    """Write the comment, or update it, and return its URL; None where there is nothing to say.

    Raises:
        Refused: GitHub does not let us.
    """
    number = pull_request_of(environment)
    if number is None:
        return None
    api = Api(environment, sleep)
    repository = environment["GITHUB_REPOSITORY"]
    issue = f"/repos/{repository}/issues/{number}"
    # Two jobs of a pull request have a comment each.
    job = "/".join(environment.get(name, "") for name in ("GITHUB_WORKFLOW", "GITHUB_JOB"))
    job_mark = f"<!-- datav job {hashlib.sha256(job.encode()).hexdigest()[:16]} -->"
    server = environment.get("GITHUB_SERVER_URL", "https://github.com")
    link = f"{server}/{repository}/actions/runs/{environment.get('GITHUB_RUN_ID', '')}"
    report = Path(environment["DATAV_REPORT"]).read_text(encoding="utf-8", errors="replace")
    body = {"body": compose(report, job_mark, link)}
    login = api.login()
    is_quiet = environment.get("DATAV_STATUS") == "0" and environment.get("DATAV_CHANGED") == "0"
    for attempt in range(ATTEMPTS):
        known = next(find_comments(api, issue, login, job_mark), None)
        if known is not None:
            return api.ask("PATCH", f"/repos/{repository}/issues/comments/{known}", body).get("html_url")
        if is_quiet:
            # Pull requests that leave the data alone are left alone.
            return None
        try:
            return api.ask_once("POST", f"{issue}/comments", body, attempt).get("html_url")
        except Refused as exc:
            if exc.wait_s is None or attempt == ATTEMPTS - 1:
                raise
            # It may have been written before the server broke: looked for anew, not written twice.
            sleep(exc.wait_s)
    raise AssertionError("the last attempt returns or raises")


def main(environment):
    try:
        url = write_comment(environment)
    except Refused as exc:
        if exc.status in (401, 403, 404):
            print(
                f"::notice::no comment, as the token may not write one ({exc}). The job needs"
                " `permissions: pull-requests: write`; a pull request from a fork has none to give."
                " The report is in the summary of this job."
            )
        else:
            print(f"::warning::no comment ({exc}). The report is in the summary of this job.")
        return 0
    if url:
        print(f"comment: {url}")
        with open(environment["GITHUB_OUTPUT"], "a", encoding="utf-8") as output:
            output.write(f"comment-url={url}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
