"""datav log"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def log(
    path: Annotated[str | None, typer.Argument(metavar="PATH", help="A dataset; by default all.")] = None,
    rev: Annotated[str, typer.Option("--rev", metavar="REV", help="Where to begin.")] = "HEAD",
    limit: Annotated[
        int | None, typer.Option("-n", "--limit", metavar="N", min=1, help="At most so many commits.")
    ] = None,
) -> None:
    """Show the commits that changed a dataset, and how."""
    from datav.repo.log import log as read_log
    from datav.report.log import log_json, log_text

    output = terminal()
    with opened(output) as repository:
        result = read_log(repository, path, rev=rev, limit=limit)
    output.show(log_text(result, output.style), log_json(result))
