"""datav push"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def push(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REMOTE] [PATH...]", help="A remote, by default the default one; datasets."),
    ] = None,
    revs: Annotated[
        list[str] | None, typer.Option("--rev", metavar="REV", help="Only this revision; may be repeated.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that git can still show: every branch, tag, stash, reflog.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, max=256, metavar="N", help="Requests at a time.")
    ] = None,
) -> None:
    """Send the data of every commit that HEAD can reach to a remote, as far as it is not there.

    A first word that names a remote is one; all others are paths.  Exits with 1 when old versions could not
    be sent, because their data is neither here nor there.
    """
    from datav.repo.push import push as push_all
    from datav.repo.push import split_remote
    from datav.report.push import push_json, push_text, push_warnings

    output = terminal()
    with opened(output) as repository:
        remote, names = split_remote(repository, words or [])
        result = push_all(repository, remote, revs=revs or [], everything=everything, names=names, jobs=jobs)
    output.show(push_text(result, output.style), push_json(result))
    output.warn(push_warnings(result))
    if result.incomplete:
        raise typer.Exit(1)
