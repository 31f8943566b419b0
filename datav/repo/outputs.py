"""A file that the user named for a result: whole or not at all, through links, never onto data.

What `>` of a shell would write to is written to: a link stays one, and pipes and devices get the bytes.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from datav.errors import UsageError
from datav.git import MANIFEST_SUFFIX
from datav.storage.durable import (
    create_temporary,
    fsync_directory,
    publish,
    remove_file,
    storage_error,
    sync_and_close,
    translating,
)
from datav.storage.scratch import Scratch

_ELSEWHERE = "write to a file of another name"
_SUFFIX = os.fsdecode(MANIFEST_SUFFIX)

# What the project says of its data.
_OWN = ("datav.toml", ".datavignore", ".gitignore", ".gitattributes")


def refuse_output(path: Path, shown: str, inputs: Sequence[Path], *, patched: Path | None = None) -> None:
    """Raise UsageError if a result written to `path` would destroy data.

    Args:
        shown: what the user calls it.
        inputs: files, and directories, that the result is made of.
        patched: a table that the result may take the place of, dataset or not.

    Raises:
        UsageError: it is one of `inputs`, or a file in one; a manifest; a dataset, or in one; a directory;
            the project's settings, or what it ignores.
    """
    path = Path(os.path.realpath(path))
    if patched is not None and path == Path(os.path.realpath(patched)):
        return
    if path.is_dir():
        raise UsageError(f"{shown} is a directory", hint="name a file in it")
    for given in inputs:
        place = Path(os.path.realpath(given))
        if path == place or (path.exists() and place in path.parents):
            raise UsageError(f"{shown} is what the result is made of", hint=_ELSEWHERE)
    if (path.name in _OWN and path.exists()) or ".git" in path.parts:
        raise UsageError(f"{shown} is what git and datav read", hint=_ELSEWHERE)
    if path.name.endswith(_SUFFIX) and path.name != _SUFFIX:
        raise UsageError(f"{shown} is a manifest, or would be taken for one", hint=_ELSEWHERE)
    if os.path.isfile(f"{path}{_SUFFIX}"):
        raise UsageError(f"{shown} is a dataset", hint=_ELSEWHERE)
    for above in path.parents:
        if os.path.isfile(f"{above}{_SUFFIX}"):
            raise UsageError(f"{shown} lies in the dataset {above.name}", hint=_ELSEWHERE)


@contextmanager
def writing(target: Path | BinaryIO, check: Callable[[], None] | None = None) -> Iterator[BinaryIO]:
    """Yield a file whose content reaches `target` when the block ends; nothing does when the block fails.

    Args:
        target: a path, or what is open for writing already.
        check: called when all was written; what it raises makes the block fail.

    Raises:
        StorageError: the system refuses.
    """
    if isinstance(target, Path) and _is_replaceable(target):
        with _replacing(Path(os.path.realpath(target)), check) as file:
            yield file
        return
    with Scratch() as scratch:
        # Formats look where they are in their file, and a pipe cannot tell.
        draft = scratch.file()
        yield draft
        if check is not None:
            check()
        draft.seek(0)
        if not isinstance(target, Path):
            _copy(draft, target)
            return
        with translating("write", target), open(target, "wb") as file:
            shutil.copyfileobj(draft, file)


def _copy(draft: BinaryIO, target: BinaryIO) -> None:
    try:
        shutil.copyfileobj(draft, target)
        target.flush()
    except BrokenPipeError:
        # Whoever reads it has seen enough, which is no error.
        raise
    except OSError as exc:
        raise storage_error(exc, "write to", "standard output") from exc


def _is_replaceable(path: Path) -> bool:
    """Whether a file can take the name that `path` ends at; not that of a device, or of nothing at all."""
    if not path.exists():
        return True
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return False
    # Links such as /dev/fd/3 lead to files that may have no name any more.
    real = Path(os.path.realpath(path))
    return real.exists() and os.path.samestat(real.stat(), status)


@contextmanager
def _replacing(path: Path, check: Callable[[], None] | None) -> Iterator[BinaryIO]:
    descriptor, draft = create_temporary(path.parent)
    try:
        with translating("write", path), open(descriptor, "wb", closefd=False) as file:
            yield file
        if check is not None:
            check()
        with translating("write", path):
            if path.exists():
                draft.chmod(stat.S_IMODE(path.stat().st_mode))
        sync_and_close(descriptor, path)
        publish(draft, path)
    except BaseException:
        remove_file(draft)
        raise
    fsync_directory(path.parent)
