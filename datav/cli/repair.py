"""datav repair"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def repair(
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="Ask this remote for what is lost, not the default one."),
    ] = None,
    remote: Annotated[
        str | None, typer.Option("--remote", metavar="NAME", help="Repair this remote, not the local store.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> None:
    """Make a damaged store whole: from its own packs, a remote, and the files on disk.

    A remote is made whole from its own packs and the local store.  Exits with 1 when something remains lost.
    """
    from datav.errors import UsageError
    from datav.repo.repair import repair as repair_store
    from datav.repo.repair_remote import repair_remote
    from datav.report.repair import remote_repair_json, remote_repair_text, repair_json, repair_text

    output = terminal()
    if remote is not None and source is not None:
        raise UsageError("a remote is repaired from the local store", hint="leave out `--from`")
    with opened(output) as repository:
        if remote is not None:
            there = repair_remote(repository, remote, dry_run=dry_run)
            is_ok, elapsed_s = there.ok, output.elapsed_s
            output.show(
                remote_repair_text(there, output.style, elapsed_s), remote_repair_json(there, elapsed_s)
            )
        else:
            here = repair_store(repository, source=source, dry_run=dry_run)
            is_ok, elapsed_s = here.ok, output.elapsed_s
            output.show(repair_text(here, output.style, elapsed_s), repair_json(here, elapsed_s))
    if not is_ok:
        raise typer.Exit(1)
