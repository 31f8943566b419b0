"""Every error that datav raises, grouped by what the caller would do about it.

A message starts in lower case, names the thing and carries no advice; the advice is the `hint`.
`code` is stable: programs may rely on it, messages may be reworded.
"""


class DatavError(Exception):
    """Base of everything datav raises on purpose; a bug is anything else."""

    code = "error"
    exit_status = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(DatavError):
    """The call cannot be carried out as it was made; change the call."""

    code = "usage"


class NotARepositoryError(UsageError):
    """There is no git repository, or datav was not set up in it."""

    code = "not-a-repository"


class UnknownRevisionError(UsageError):
    """git does not know the revision."""

    code = "unknown-revision"


class ShallowHistoryError(UnknownRevisionError):
    """A shallow clone has not got the commit; a fetch, which the hint names, brings it."""

    code = "shallow-history"


class UnknownDatasetError(UsageError):
    """No manifest, or no path inside a dataset, has that name."""

    code = "unknown-dataset"


class NoSuchPathError(UnknownDatasetError, FileNotFoundError):
    """A file is not there; also what Python says of one, for programs that know files and not datav."""


class NotAFileError(UsageError, IsADirectoryError):
    """A directory cannot be read as a file is."""


class UnsafePathError(DatavError):
    """A path leaves its root, or names something that must never be written."""

    code = "unsafe-path"


class FormatError(DatavError):
    """Bytes that should be one of our formats are not: damaged, hostile or too new."""

    code = "format"


class IntegrityError(DatavError):
    """Stored bytes are not what they were stored as."""

    code = "integrity"


class MissingChunkError(IntegrityError):
    """An id that something refers to is not in the store."""

    code = "missing-chunk"


class TableError(DatavError):
    """A file that is read as a table is none after all: ragged rows, damage, encryption."""

    code = "table"


class DataLossError(DatavError):
    """Going on would overwrite or delete data that exists nowhere else."""

    code = "data-loss"


class UnresolvedConflictError(DatavError):
    """A dataset has conflicts of a merge, and what was asked for would pass over them."""

    code = "unresolved-conflict"


class ChangedWhileReadError(DatavError):
    """A file did not hold still long enough to be read."""

    code = "changed-while-read"


class UnreadableError(DatavError):
    """The operating system refused to read a file or a directory of the user's."""

    code = "unreadable"


class StorageError(DatavError):
    """The operating system or a remote refused to store or give back bytes."""

    code = "storage"


class RemoteError(StorageError):
    """A remote could not be reached, or did not do what it was asked."""

    code = "remote"


class RefusedError(RemoteError):
    """A remote says that we may not: no credentials, wrong ones, or a missing permission."""

    code = "refused"


class MissingObjectError(RemoteError):
    """A remote has no object of that name."""

    code = "missing-object"


class BusyError(DatavError):
    """Another process is in the way; waiting helps."""

    code = "busy"


class GitError(DatavError):
    """git said no."""

    code = "git"
