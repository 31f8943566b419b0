"""datav patch"""

import sys
from typing import Annotated

import typer

from datav.cli.context import terminal
from datav.cli.outputs import is_standard_output


def patch(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A table on disk.")],
    changes: Annotated[
        str, typer.Argument(metavar="CHANGES", help="What `datav diff --format csv` or `parquet` wrote.")
    ],
    out: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="Write there, not to FILE; `-`: standard output."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> None:
    """Apply a change feed to a table: rows are added, removed and changed, all others stay as they are."""
    from datav.repo.patch import patch as apply_changes
    from datav.report.patch import patch_json, patch_text

    output = terminal()
    stream = sys.stdout.buffer if out is not None and is_standard_output(output.here / out) else None
    result = apply_changes(output.here, file, changes, output=out, stream=stream, dry_run=dry_run)
    if stream is None or dry_run:
        output.show(patch_text(result, output.style), patch_json(result))
