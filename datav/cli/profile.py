"""datav profile"""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from datav.cli.context import opened, terminal
from datav.cli.pages import refuse_page, write_page
from datav.errors import NotARepositoryError, UnknownDatasetError, UnsafePathError

_FILE_WIDTH = 10_000


def profile(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A dataset, a file in one, or any file that is a table.")
    ],
    rev: Annotated[
        str | None, typer.Argument(metavar="[REV]", help="Of which version; without: the files on disk.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts there.")
    ] = None,
) -> None:
    """Show what the columns of a table hold: nulls, distinct values, where the values lie.

    Of a version that has a profile no data is read: it need not be here.
    """
    from datav.repo.profile import profile as find_profile
    from datav.repo.profile import profile_path
    from datav.report.profile_json import profile_json
    from datav.report.profile_text import profile_text

    output = terminal()
    if html is not None:
        refuse_page(output.here, html, [path] if rev is None else [])
    is_file = rev is None and bool(path) and _is_file(output.here / path)
    try:
        with opened(output) as repository:
            try:
                result = find_profile(repository, path, rev)
            except UnknownDatasetError:
                if not is_file:
                    raise
                name = bytes(repository.relative(path) or b"")
                result = profile_path(output.here / path, path, repository.settings.tables, name)
            except UnsafePathError:
                if not is_file:
                    raise
                result = profile_path(output.here / path, path)
    except NotARepositoryError:
        if not is_file:
            raise
        result = profile_path(output.here / path, path)
    if html is not None:
        from datav.report.profile_page import profile_page

        write_page(output.here / html, profile_page(result))
        output.show(f"wrote {html}", profile_json(result))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _FILE_WIDTH
    output.show(profile_text(result, output.style, width), profile_json(result))
    if result.is_without_label:
        output.warn([f"{result.path}: datav.toml sets a label for it, and it has no column of that name"])


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        # A name that no file can have.
        return False
