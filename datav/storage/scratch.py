"""Scratch space: files that one command needs while it runs and nobody after it.

What does not fit into memory goes here.  A file has no name once it is open, where the system can do that,
so nothing is left behind by a process that is killed.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from datav.errors import StorageError


class Scratch:
    """Hands out temporary files; a context manager: leaving it removes them all.

    Args:
        directory: where they lie; by default where the system keeps temporary files.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def file(self) -> BinaryIO:
        """Return an empty file, open for writing and reading; closed with the scratch space at the latest.

        Raises:
            StorageError: it cannot be made.
        """
        try:
            opened = tempfile.TemporaryFile(prefix="datav-", dir=self._directory)  # noqa: SIM115
        except OSError as exc:
            raise StorageError(f"cannot make a temporary file: {exc.strerror}") from exc
        # TemporaryFile is typed by what it wraps; it is a binary file like any other.
        return cast(BinaryIO, self._open.enter_context(opened))
