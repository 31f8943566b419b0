"""datav repair"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def repair(
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="Ask this remote for what is lost, not the default one."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> None:
    """Make a damaged store whole: from its own packs, a remote, and the files on disk.

    Exits with 1 when something remains lost.
    """
    from datav.repo.repair import repair as repair_store
    from datav.report.repair import repair_json, repair_text

    output = terminal()
    with opened(output) as repository:
        result = repair_store(repository, source=source, dry_run=dry_run)
    output.show(repair_text(result, output.style, output.elapsed_s), repair_json(result, output.elapsed_s))
    if not result.ok:
        raise typer.Exit(1)
