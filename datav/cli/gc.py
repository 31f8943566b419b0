"""datav gc"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal
from datav.errors import UsageError


def gc(
    apply: Annotated[
        bool, typer.Option("--apply", help="Delete what is not needed; without, only say it.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say it, which is what is done anyway.")
    ] = False,
    only_user: Annotated[
        bool,
        typer.Option("--only-user", help="No other repository has data in this store, which lies elsewhere."),
    ] = False,
    remote: Annotated[
        str | None, typer.Option("--remote", metavar="NAME", help="Collect this remote, not the local store.")
    ] = None,
    grace: Annotated[
        str | None,
        typer.Option(
            "--grace",
            metavar="DURATION",
            help="With --remote: leave what is younger, or was needed since; `14d` unless given.",
        ),
    ] = None,
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget",
            metavar="CLONE",
            help="With --remote: nothing is needed any more for the clone whose id begins so.",
        ),
    ] = None,
) -> None:
    """Free the space of data that nothing needs: no ref, reflog, stash, work tree or manifest on disk.

    With --remote: that no clone needs which has pushed there.
    """
    from datav.repo.collect import collect
    from datav.repo.collect_remote import DEFAULT_GRACE_S, collect_remote, parse_duration
    from datav.report.collect import collect_json, collect_text
    from datav.report.collect_remote import collect_remote_json, collect_remote_text, collect_remote_warnings

    output = terminal()
    if apply and dry_run:
        raise UsageError("--apply and --dry-run are opposites", hint="give one of them")
    if remote is None and (grace is not None or forget is not None):
        raise UsageError("--grace and --forget are for a remote", hint="name it: `--remote NAME`")
    if remote is not None and only_user:
        raise UsageError("--only-user is for the local store", hint="leave it out, or `--remote`")
    grace_s = DEFAULT_GRACE_S if grace is None else parse_duration(grace)
    with opened(output) as repository:
        if remote is None:
            result = collect(repository, apply=apply, is_only_user=only_user)
            text, data = collect_text(result, output.style), collect_json(result)
            warnings = []
        else:
            done = collect_remote(repository, remote, apply=apply, grace_s=grace_s, forget=forget)
            text, data = collect_remote_text(done, output.style), collect_remote_json(done)
            warnings = collect_remote_warnings(done)
    output.show(text, data)
    output.warn(warnings)
