"""datav fetch, pull and clone"""

from pathlib import Path
from typing import Annotated

import typer

from datav.cli.context import opened, opened_at, terminal

_Rev = Annotated[
    str | None, typer.Argument(metavar="[REV]", help="By default what the manifests on disk say.")
]
_Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- PATH...]", help="Datasets, or paths in them; by default all."),
]
_Remote = Annotated[
    str | None, typer.Option("--remote", metavar="NAME", help="From this remote, not the default one.")
]
_Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, max=256, metavar="N", help="Requests at a time.")
]


def fetch(
    rev: _Rev = None,
    paths: _Paths = None,
    remote: _Remote = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that git can still show: every branch, tag, stash, reflog.")
    ] = False,
    jobs: _Jobs = None,
) -> None:
    """Bring data from a remote into the local store; the files on disk stay as they are."""
    from datav.repo.fetch import fetch as fetch_all
    from datav.report.fetch import fetch_json, fetch_text

    output = terminal()
    with opened(output) as repository:
        result = fetch_all(
            repository, _revision(rev), paths or [], remote=remote, everything=everything, jobs=jobs
        )
    output.show(fetch_text(result, output.style), fetch_json(result))


def pull(
    rev: _Rev = None,
    paths: _Paths = None,
    remote: _Remote = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite changes that are stored nowhere.")
    ] = False,
    jobs: _Jobs = None,
) -> None:
    """Bring data from a remote, and the files on disk to what the manifests say: `fetch`, then `checkout`."""
    from datav.repo.checkout import checkout
    from datav.repo.fetch import fetch as fetch_all
    from datav.report.fetch import pull_json, pull_text

    output = terminal()
    with opened(output) as repository:
        fetched = fetch_all(repository, _revision(rev), paths or [], remote=remote, jobs=jobs)
        done = checkout(repository, _revision(rev), paths or [], force=force)
    output.show(pull_text(fetched, done, output.style, output.elapsed_s), pull_json(fetched, done))


def clone(
    url: Annotated[str, typer.Argument(metavar="GIT_URL", help="What `git clone` takes.")],
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]")] = None,
    branch: Annotated[
        str | None, typer.Option("--branch", "-b", metavar="NAME", help="Check out this branch or tag.")
    ] = None,
    remote: _Remote = None,
    jobs: _Jobs = None,
) -> None:
    """Clone a git repository, set datav up in it, and bring its data: `git clone`, `init`, `pull`."""
    from datav.errors import DatavError
    from datav.repo.checkout import checkout
    from datav.repo.clone import clone_git
    from datav.repo.fetch import fetch as fetch_all
    from datav.report.fetch import clone_json, clone_text

    output = terminal()
    cloned = clone_git(output.here, url, directory, branch=branch)
    with opened_at(output, cloned.root) as repository:
        try:
            fetched = fetch_all(repository, remote=remote, jobs=jobs) if cloned.has_datasets else None
            done = checkout(repository) if fetched is not None else None
        except DatavError:
            output.warn([f"the repository is cloned into {cloned.root}; its data is not: `datav pull` there"])
            raise
    elapsed_s = output.elapsed_s
    text = clone_text(cloned, fetched, done, output.style, elapsed_s)
    output.show(text, clone_json(cloned, fetched, done, elapsed_s))


def _revision(rev: str | None) -> str | None:
    from datav.cli.main import NO_REVISION

    return None if rev == NO_REVISION else rev
