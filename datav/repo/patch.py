"""patch: what a change feed says, done to a table on disk.  In a repository or not: it is the user's file."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from datav.errors import NotARepositoryError, TableError
from datav.repo.diffsources import Sources
from datav.repo.difftables import table_rules
from datav.repo.outputs import refuse_output, writing
from datav.repo.pathrules import find_rules
from datav.repo.repository import Repository
from datav.storage.scratch import Scratch
from datav.tables.feed import read_feed
from datav.tables.patch import Patched, apply_feed
from datav.tables.rules import TableRules


@dataclass(frozen=True, slots=True)
class PatchResult:
    """What was done, or would be."""

    path: str
    """The table, as the user called it."""
    output: str
    """Where the result is."""
    patched: Patched
    dry_run: bool


def patch(
    here: Path,
    name: str,
    changes: str,
    *,
    output: str | None = None,
    stream: BinaryIO | None = None,
    dry_run: bool,
) -> PatchResult:
    """Apply the change feed `changes` to the table `name`.

    The result takes the place of the table, or of `output`, when all of it is on the disk; what fails leaves
    everything as it was.  In a repository the table is read by the rules of datav.toml.

    Args:
        here: what names are relative to.
        output: where to write; None: in place.
        stream: written to, not `output`.

    Raises:
        UsageError: `output` is the feed, a dataset that is not `name`, in one, or a manifest.
        TableError: one of the files is not what it should be, or the feed does not fit.
        UnreadableError, StorageError: the system refuses.
        ChangedWhileReadError: somebody wrote to the table meanwhile.
    """
    with (
        Sources() as sources,
        Scratch() as scratch,
        ThreadPoolExecutor(thread_name_prefix="datav") as executor,
    ):
        # What a link points to is replaced, not the link.
        path = (here / name).resolve()
        source, feed_source = sources.on_disk(path), sources.on_disk(here / changes)
        rules = _find_rules(here, path)
        with _naming(changes):
            feed = read_feed(feed_source)
        target = path if output is None else here / output
        if stream is None:
            refuse_output(target, output or name, [here / changes], patched=path)
        with _naming(name):
            apply = partial(
                apply_feed, path.name, source, feed, scratch=scratch, executor=executor, rules=rules
            )
            if dry_run:
                done = apply(None)
            else:
                with writing(stream or target, sources.check) as file:
                    done = apply(file)
    return PatchResult(name, output or name, done, dry_run)


def _find_rules(here: Path, path: Path) -> TableRules | None:
    """What the project says of how a file is read; None where there is no project.

    Args:
        path: without links.
    """
    try:
        repository = Repository.open(here)
    except NotARepositoryError:
        return None
    with repository:
        root = repository.root.resolve()
        shown = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
        return table_rules(find_rules(repository.settings.tables, os.fsencode(shown)))


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which file an error is about."""
    try:
        yield
    except TableError as exc:
        raise TableError(f"{name}: {exc}", hint=exc.hint) from exc
