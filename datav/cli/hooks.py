"""datav hooks"""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from datav.cli.context import opened, terminal

_Into = Annotated[
    str | None,
    typer.Option("--into", metavar="DIR", help="Another directory than git's, or one that others share."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")]


def hooks(context: typer.Context) -> None:
    """Let git place, check and push data by itself; without a subcommand, say whether it does."""
    if context.invoked_subcommand is None:
        status()


def install(into: _Into = None, dry_run: _DryRun = False) -> None:
    """Put datav into git's hooks; hooks that are there stay, and run first."""
    from datav.repo.hooks import install_hooks
    from datav.report.hooks import changed_json, installed_text

    output = terminal()
    with opened(output) as repository:
        result = install_hooks(repository.git, sys.executable, output.here, into=into, dry_run=dry_run)
    output.show(
        installed_text(result, output.style, output.here, dry_run=dry_run),
        changed_json(result, dry_run=dry_run),
    )


def remove(into: _Into = None, dry_run: _DryRun = False) -> None:
    """Take datav out of git's hooks; they are as they were before, to the byte."""
    from datav.git import GitRepository
    from datav.repo.hooks import remove_hooks
    from datav.report.hooks import changed_json, removed_text

    output = terminal()
    # Not opened: a branch that knows nothing of datav is no reason to keep hooks.
    git = GitRepository.discover(output.here)
    result = remove_hooks(git, output.here, into=into, dry_run=dry_run)
    output.show(
        removed_text(result, output.style, output.here, dry_run=dry_run),
        changed_json(result, dry_run=dry_run),
    )


def status() -> None:
    """Say of each hook whether it is there, and whether git runs it."""
    from datav.git import GitRepository
    from datav.repo.hooks import hooks_status
    from datav.report.hooks import hooks_json, hooks_text

    output = terminal()
    result = hooks_status(GitRepository.discover(output.here), sys.executable)
    output.show(hooks_text(result, output.style, output.here), hooks_json(result))


SUBCOMMANDS: dict[str, Callable[..., Any]] = {"install": install, "remove": remove, "status": status}
