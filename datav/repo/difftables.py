"""Two versions of a file compared as tables: opened by the project's rules, what they share left out."""

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from datav.errors import TableError
from datav.formats.entry import Content
from datav.repo.difffiles import TableResult, is_named_like_table, is_packed
from datav.repo.diffsources import FileVersion, Sources, disk_version, find_gaps
from datav.repo.pathrules import find_rules
from datav.settings import TableSettings
from datav.storage.caching import Cache
from datav.storage.scratch import Scratch
from datav.store.reading import Reading
from datav.tables.compare import compare
from datav.tables.opening import open_table
from datav.tables.options import DiffOptions
from datav.tables.result import TableDiff
from datav.tables.rules import TableRules
from datav.tables.shared import Gap, Shared
from datav.tables.source import NotATable, RandomAccess
from datav.tables.version import TableVersion


class Tables:
    """Compares files as tables.  What it opens stays open until `close`: rows are read when they are shown.

    Args:
        reader: of the trees of files.
        options: a key of None is the one of the manifest, or of `rules`.
        rules: the project's settings: of those that fit a path the first counts.
        cache: a directory for what is remembered of versions; None: nothing is.
        most: bytes that two versions may have in gaps, both together; more is not compared.
        largest: bytes that a version may have; a larger one is not compared.
    """

    def __init__(
        self,
        reader: Reading,
        executor: Executor,
        options: DiffOptions,
        rules: Sequence[TableSettings] = (),
        *,
        cache: Path | None = None,
        most: int | None = None,
        largest: int | None = None,
    ) -> None:
        self._reader = reader
        self._executor = executor
        self._options = options
        self._rules = rules
        self._cache = Cache(cache) if cache is not None else None
        self._most = most
        self._largest = largest
        self._opened = ExitStack()
        self._scratch = self._opened.enter_context(Scratch())
        self._sources = self._opened.enter_context(Sources())

    def close(self) -> None:
        """Fine when it was done before."""
        self._opened.close()

    def on_disk(self, path: Path, size: int, content: Content | None) -> FileVersion:
        """Return a file of the user's, opened when it is read."""
        return disk_version(self._sources, path, size, content)

    def compare(
        self,
        path: bytes,
        before: FileVersion,
        after: FileVersion,
        key: tuple[str, ...] | None = None,
        before_path: bytes | None = None,
    ) -> TableResult:
        """Return how two versions of a table differ, or why they are not compared as such.

        Args:
            path: from the root of the repository, for the rules.
            key: what the manifests say; None where they say nothing.
            before_path: of the first version, where it is another.

        Raises:
            UsageError: the options name columns that neither version has.
            What reading the files raises.
        """
        rules = find_rules(self._rules, path)
        shared = self._shared(before, after) if self._options.rows else None
        if self._largest is not None and max(before.size, after.size) > self._largest:
            if shared is None:
                return None, "it is larger than what is compared here; `datav diff` compares it"
            shared = replace(shared, known_only=True)
        if self._most is not None and _missing(before, after, shared) > self._most:
            return None, "more has changed than is compared here; `datav diff` compares it"
        sources = before.open(), after.open()
        try:
            old = self._open_table(before, sources[0], find_rules(self._rules, before_path or path))
            new = self._open_table(after, sources[1], rules)
            for version, file in ((old, before), (new, after)):
                if isinstance(version, NotATable):
                    return None, version.reason if is_named_like_table(os.fsencode(file.name)) else None
            assert not isinstance(old, NotATable)
            assert not isinstance(new, NotATable)
            if _is_converted(old, before, sources[0]) or _is_converted(new, after, sources[1]):
                shared = None
            found = self._compare(old, new, key, shared, rules)
        except TableError as exc:
            return None, str(exc)
        self._sources.check()
        return found, None

    def open_version(self, file: FileVersion, path: bytes) -> TableVersion | NotATable:
        """Return a version of a file as one of a table.

        Raises:
            What reading the file raises.
        """
        return self._open_table(file, file.open(), find_rules(self._rules, path))

    def compare_versions(
        self, before: TableVersion, after: TableVersion, key: tuple[str, ...] | None
    ) -> TableDiff:
        """Return how two versions of a table differ of which nothing is known.

        Raises:
            TableError: one of them is none after all.
            UsageError: the options name columns that neither version has.
        """
        found = self._compare(before, after, key, None, None)
        self._sources.check()
        return found

    def _compare(
        self,
        before: TableVersion,
        after: TableVersion,
        key: tuple[str, ...] | None,
        shared: Shared | None,
        rules: TableSettings | None,
    ) -> TableDiff:
        options = self._options
        if options.key is None:
            options = replace(options, key=key or (rules.key if rules is not None else None))
        if rules is not None:
            options = replace(options, label=rules.label)
        return compare(before, after, options, scratch=self._scratch, executor=self._executor, shared=shared)

    def _open_table(
        self, file: FileVersion, source: RandomAccess, rules: TableSettings | None
    ) -> TableVersion | NotATable:
        return open_table(file.name, source, self._scratch, table_rules(rules))

    def _shared(self, before: FileVersion, after: FileVersion) -> Shared | None:
        gaps = find_gaps(self._reader, before, after)
        if gaps is None:
            return None
        return Shared(
            [Gap(*gap) for gap in gaps],
            before.content.id if before.content is not None else None,
            after.content.id if after.content is not None else None,
            self._cache,
            is_after_near=after.is_on_disk and not before.is_on_disk,
        )


def table_rules(rules: TableSettings | None) -> TableRules | None:
    """Return what some settings say of how a table is read."""
    if rules is None:
        return None
    return TableRules(
        format=rules.format,
        delimiter=rules.delimiter,
        encoding=rules.encoding,
        quoting=rules.quoting,
        header=rules.header,
    )


def _is_converted(version: TableVersion, file: FileVersion, source: RandomAccess) -> bool:
    """Whether a version is of other bytes than the file's: then nothing is known of what these share."""
    return is_packed(file.name) or getattr(version, "source", source) is not source


def _missing(before: FileVersion, after: FileVersion, shared: Shared | None) -> int:
    """Bytes of both versions that are not known to be shared."""
    if shared is None:
        return before.size + after.size
    return sum(g.before_end - g.before_start + g.after_end - g.after_start for g in shared.gaps)
