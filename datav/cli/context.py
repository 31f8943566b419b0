"""What every command begins with:
the terminal that the global options chose, and the repository around it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from datav.cli.terminal import Terminal

if TYPE_CHECKING:
    from datav.repo.repository import Repository


_chosen: list[Terminal] = []


def choose_terminal(chosen: Terminal) -> None:
    """Said once, by the application, before its command runs."""
    _chosen[:] = [chosen]


def terminal() -> Terminal:
    return _chosen[0]


@contextmanager
def opened(output: Terminal) -> "Iterator[Repository]":
    """Yield the repository around where the user is; close it, and the progress bar, whatever happens."""
    with opened_at(output, output.here) as repository:
        yield repository


@contextmanager
def opened_at(output: Terminal, here: Path) -> "Iterator[Repository]":
    """`opened`, as if the user were in `here`."""
    from datav.repo.repository import Repository

    bar = output.progress()
    try:
        with Repository.open(here, bar) as repository:
            yield repository
    finally:
        bar.close()
