"""datav profile"""

import shutil
import sys
from typing import Annotated

import typer

from datav.cli.context import opened, terminal
from datav.errors import NotARepositoryError, UnknownDatasetError

_FILE_WIDTH = 10_000


def profile(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A dataset, a file in one, or any file that is a table.")
    ],
    rev: Annotated[
        str | None, typer.Argument(metavar="[REV]", help="Of which version; without: the files on disk.")
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
    is_file = rev is None and "\0" not in path and (output.here / path).is_file()
    try:
        with opened(output) as repository:
            try:
                result = find_profile(repository, path, rev)
            except UnknownDatasetError:
                if not is_file:
                    raise
                result = profile_path(output.here / path, path, repository.settings.tables)
    except NotARepositoryError:
        if not is_file:
            raise
        result = profile_path(output.here / path, path)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _FILE_WIDTH
    output.show(profile_text(result, output.style, width), profile_json(result))
