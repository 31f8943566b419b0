"""datav merge"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def merge(
    rev: Annotated[str, typer.Argument(metavar="REV", help="A branch or commit.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> None:
    """Merge the datasets of REV into the work tree, and stage them; without a merge of git's.

    `git merge` does the same with all else, and needs no second command.
    Exit status: 0 merged, 1 conflicts, 2 error.
    """
    from datav.repo.merge import merge as merge_datasets
    from datav.report.merge_json import merge_json
    from datav.report.merge_text import merge_text

    output = terminal()
    with opened(output) as repository:
        result = merge_datasets(repository, rev, dry_run=dry_run)
    output.show(merge_text(result, output.style), merge_json(result))
    if result.conflicts:
        raise typer.Exit(1)
