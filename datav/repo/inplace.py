"""`datav.open` and `datav.read_table`: one file of any version, without a checkout."""

import os
from pathlib import Path
from typing import IO, Any, cast

from datav.repo.contentfile import ContentFile, check_mode, open_text
from datav.repo.farreading import Source
from datav.repo.repository import Repository
from datav.repo.view import View

StrPath = str | os.PathLike[str]


def open_file(
    path: StrPath,
    rev: str | None = None,
    *,
    repo: StrPath | None = None,
    mode: str = "rb",
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> IO[Any]:
    """Open a file of any version for reading; only what is read of it is fetched.

    Args:
        path: from the top of the repository, of a dataset that is a file, or of a file in one.
        rev: what git calls the commit; by default the manifests in the work tree count.
        repo: a directory of the repository; by default the current one.
        mode: `rb`, or `r` for text.
        encoding: of text; UTF-8 by default.

    Raises:
        NotARepositoryError: there is no repository, or datav is not set up in it.
        UnknownRevisionError: git does not know `rev`.
        NoSuchPathError: nothing lies there; it is a FileNotFoundError.
        NotAFileError: it is a directory; it is an IsADirectoryError.
        UsageError: it is a symbolic link, or the mode is one of writing.
        MissingChunkError: its data is neither here nor on the default remote.
        RemoteError: its data is not here, and the remote cannot be reached.
    """
    is_text = check_mode(mode)
    file = open_binary(path, rev, repo)
    if is_text:
        return open_text(file, encoding, errors, newline)
    # It has all that Python calls a file; the class of that name is only there for checkers of types.
    return cast(IO[bytes], file)


def open_binary(path: StrPath, rev: str | None, repo: StrPath | None) -> ContentFile:
    """Return the file at `path`; raises as `open_file` does."""
    repository = Repository.open(Path(os.path.abspath(repo or ".")))
    commit = None if rev is None else repository.git.resolve(rev)
    view = View(repository, Source(repository), rev, commit)
    return ContentFile(view.open(os.fsencode(path)), os.fspath(path))
