"""datav cat"""

import sys
from typing import Annotated

import typer

from datav.cli.context import opened, terminal
from datav.cli.terminal import writing_output


def cat(
    spec: Annotated[
        str, typer.Argument(metavar="[REV:]PATH", help="A file: a dataset, or one in a dataset.")
    ],
) -> None:
    """Write a file, as a revision or the manifest in the work tree has it, to standard output."""
    from datav.repo.reading import open_content

    output = terminal()
    with opened(output) as repository:
        for block in open_content(repository, spec).iter_blocks():
            with writing_output():
                sys.stdout.buffer.write(block)
