"""datav checkout and datav restore"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def checkout(
    rev: Annotated[
        str | None, typer.Argument(metavar="REV", help="Switch git there first, as `git checkout` does.")
    ] = None,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Only these, taken from REV.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite changes that are stored nowhere.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> None:
    """Make the data on disk what the manifests say, of a revision or of the work tree."""
    from datav.cli.main import NO_REVISION

    _check_out(None if rev == NO_REVISION else rev, paths or [], force=force, dry_run=dry_run)


def restore(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Datasets, or paths in one.")],
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite changes that are stored nowhere.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> None:
    """Bring data back as its manifest in the work tree says."""
    _check_out(None, paths, force=force, dry_run=dry_run)


def _check_out(rev: str | None, paths: list[str], *, force: bool, dry_run: bool) -> None:
    from datav.repo.checkout import checkout as check_out
    from datav.report.checkout import checkout_json, checkout_text

    output = terminal()
    with opened(output) as repository:
        result = check_out(repository, rev, paths, force=force, dry_run=dry_run)
    output.show(
        checkout_text(result, output.style, output.elapsed_s), checkout_json(result, output.elapsed_s)
    )
