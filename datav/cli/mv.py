"""datav mv and datav rm"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def mv(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A dataset.")],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="Its new name, or a directory to move it into.")
    ],
) -> None:
    """Rename a dataset: its data on disk, its manifest, its line in .gitignore."""
    from datav.repo.move import move
    from datav.report.move import move_json, move_text

    output = terminal()
    with opened(output) as repository:
        result = move(repository, source, target)
    output.show(move_text(result, output.style), move_json(result))


def rm(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Datasets.")],
    keep: Annotated[bool, typer.Option("--keep", help="Leave the files where they are.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also when data would be lost.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> None:
    """Remove datasets: their data on disk and their manifests.  What was committed stays in the store."""
    from datav.repo.remove import remove
    from datav.report.move import remove_json, remove_text

    output = terminal()
    with opened(output) as repository:
        result = remove(repository, paths, keep_data=keep, force=force, dry_run=dry_run)
    output.show(remove_text(result, output.style), remove_json(result))
