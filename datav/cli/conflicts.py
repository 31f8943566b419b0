"""datav conflicts"""

from pathlib import Path
from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def conflicts(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Only of these datasets, or paths in them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that are decided.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write a sheet to edit: .csv or .parquet."),
    ] = None,
) -> None:
    """List what a merge could not decide.

    base, ours and theirs are the three versions; -: nothing there. Exit status: 0 there are none, 1 there are
    some, 2 error.
    """
    from datav.repo.conflicts import conflicts as find_conflicts
    from datav.report.conflicts_text import conflicts_text
    from datav.report.merge_json import conflicts_json
    from datav.report.style import count

    output = terminal()
    with opened(output) as repository:
        found = find_conflicts(repository, paths or [])
    text = conflicts_text(found, output.style, every=every, verbose=output.verbose)
    if out is not None:
        from datav.repo.conflictsheet import write_sheet

        written = write_sheet(output.here / out, found, every=every)
        text = f"{count(written, 'conflict')} in {out}: fill `take`, then `datav resolve PATH --with {out}`"
    output.show(text, conflicts_json(found, every=every))
    if found.open:
        raise typer.Exit(1)
