"""Carrying out the plan of a checkout.

Every file is written under a temporary name beside its place, complete and checked, and then renamed; just
before, what it replaces is looked at again (ordering O7).  Killed at any instruction, each path holds its old
content or its new one, and running the checkout again finishes the work.

Nothing is synced to disk: the data is in the store, which is.  After a power cut a file may be old, or have
only a part of its bytes; its stamp is then not the one remembered, and a checkout brings it back
(`datav.repo.marks`).
"""

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datav.errors import DatavError, IntegrityError
from datav.formats.entry import EMPTY_CONTENT, Content, Kind
from datav.progress import Progress
from datav.relpath import show_path
from datav.storage.durable import storage_error
from datav.workspace.drafts import Drafts
from datav.workspace.filling import Draft, Piece, cut_pieces, fill_piece, find_places, start_draft
from datav.workspace.places import Place, place
from datav.workspace.plan import CheckoutPlan, Current, Replace, split_path
from datav.workspace.preflight import check_collisions, check_target, check_unchanged, folds_case_at, look
from datav.workspace.scan import TEMPORARY_PREFIX
from datav.workspace.source import BUFFER_SIZE, Buffers, ContentSource
from datav.workspace.statcache import Row

# Files up to this size are put together in one buffer and fetched in one call.
_SMALL = 2**20
_MAX_BATCH = 512
# A file from this size on is worth spreading over all workers; smaller ones are one worker's each.
_SPREAD = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Applied:
    """What a checkout did."""

    rows: list[Row]
    """What was written, with the stamps it has now, for the stat cache; in order of paths."""
    removed: int
    """Files and links removed, those that were replaced not counted."""
    bytes_reused: int
    """How much was copied from the files that were replaced."""


def apply_checkout(
    plan: CheckoutPlan,
    root: Path,
    source: ContentSource,
    executor: Executor,
    progress: Progress,
    *,
    force: bool = False,
    mtime_ns: int | None = None,
) -> Applied:
    """Do what `plan` says below `root`.

    Args:
        plan: the caller knows that what it overwrites is stored, or was told not to care.
        root: directory of the dataset; of a dataset that is one file, the directory that it lies in.  Made
            if it is missing.
        source: where the bytes come from.
        executor: of threads.  Must not be the one that runs the caller.
        progress: told of bytes.
        force: overwrite files that have changed since the plan was made.
        mtime_ns: what the files that are written get; see `datav.workspace.drafts`.

    Raises:
        DataLossError: a file is not what it was when the plan was made, or something untracked is in the
            way.  When it was seen before the work began, nothing was done.
        UnsafePathError: a path leads out of the root, or two are one on this file system.
        IntegrityError: the source has not got what is wanted.
        StorageError: the system refuses, for example for want of room.

    Whatever is raised, no file is half written, and no temporary file is left.
    """
    if plan.is_empty:
        return Applied([], 0, 0)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise storage_error(exc, "create", root) from exc
    folds_case = folds_case_at(root)
    if folds_case:
        check_collisions(plan.wanted)
    check_unchanged(plan, root, force=force, folds_case=folds_case)
    job = _Job(
        os.fsencode(root), source, executor, progress, Drafts(force=force, mtime_ns=mtime_ns), force=force
    )
    # Where case does not count, `A` must be gone before `a` is written.  Elsewhere what is not wanted goes
    # last, so that a checkout that fails for want of a chunk leaves as much as possible where it was.
    removed = job.remove([*plan.clear, *plan.remove] if folds_case else plan.clear)
    job.make_directories(plan.directories)
    progress.start("writing", plan.bytes_to_write, "bytes")
    rows, reused = job.write(plan.write)
    rows.extend(job.link(plan.link))
    rows.extend(job.set_modes(plan.set_mode))
    removed += 0 if folds_case else job.remove(plan.remove)
    return Applied(sorted(rows), removed, reused)


def remove_leftovers(root: Path, paths: Iterable[bytes], *, older_than_ns: int) -> int:
    """Delete the temporary files of checkouts that were killed; return how many.

    Args:
        paths: as a scan reports them, relative to `root`, with the reason `LEFTOVER`.
        older_than_ns: files last written to before that moment are nobody's.
    """
    count = 0
    for path in paths:
        directory, name = split_path(path)
        if not name.startswith(TEMPORARY_PREFIX):
            continue
        # Whatever goes wrong, the file is in nobody's way, and the next run tries again.
        with contextlib.suppress(OSError, DatavError), place(os.fsencode(root), directory) as here:
            status = here.look(name)
            if status is not None and status.st_mtime_ns < older_than_ns:
                here.unlink(name)
                count += 1
    return count


class _Job:
    """One checkout under way: what all its parts need to know."""

    def __init__(
        self,
        root: bytes,
        source: ContentSource,
        executor: Executor,
        progress: Progress,
        drafts: Drafts,
        *,
        force: bool,
    ) -> None:
        self.root = root
        self.source = source
        self.executor = executor
        self.progress = progress
        self.force = force
        self.buffers = Buffers()
        self.drafts = drafts

    def remove(self, rows: Sequence[Current]) -> int:
        """Delete what the plan says, then the directories that this leaves empty; return how many files."""
        count = 0
        emptied: set[bytes] = set()
        for directory, group in itertools.groupby(rows, key=lambda row: split_path(row.path)[0]):
            if look(os.path.join(self.root, directory)) is None:
                continue
            with place(self.root, directory) as here:
                count += sum([self._remove_one(here, row) for row in group])
            emptied.add(directory)
        for directory in sorted(_with_parents(emptied), reverse=True):
            above, name = split_path(directory)
            # Not empty, in use, or gone already: all the same, it stays as it is.
            with contextlib.suppress(OSError, DatavError), place(self.root, above) as here:
                here.rmdir(name)
        return count

    def make_directories(self, directories: Iterable[bytes]) -> None:
        """Make each that is not there; parents come before what is in them."""
        for directory in directories:
            above, name = split_path(directory)
            with place(self.root, above) as here:
                try:
                    here.mkdir(name)
                except FileExistsError:  # What it is shows when it is opened.
                    pass
                except OSError as exc:
                    raise storage_error(exc, "create", show_path(directory)) from exc

    def write(self, actions: Sequence[Replace]) -> tuple[list[Row], int]:
        """Write all files; return their rows, and how many bytes were copied from what they replace."""
        rows: list[Row] = []
        reused = 0
        futures = [self.executor.submit(self._write_batch, batch) for batch in _batches(actions)]
        with _settling(futures):
            for action in actions:
                if action.entry.size >= _SPREAD:
                    row, copied = self._write_large(action, spread=True)
                    rows.append(row)
                    reused += copied
            for future in futures:
                batch_rows, copied = future.result()
                rows.extend(batch_rows)
                reused += copied
        return rows, reused

    def link(self, actions: Sequence[Replace]) -> list[Row]:
        rows = []
        for action in actions:
            target = bytearray(action.entry.size)
            self.source.read_into(self._chunks(action.entry.content), memoryview(target))
            with place(self.root, split_path(action.entry.path)[0]) as here:
                rows.append(self.drafts.put_link(here, action, bytes(target)))
        return rows

    def set_modes(self, actions: Sequence[Replace]) -> list[Row]:
        rows = []
        for action in actions:
            with place(self.root, split_path(action.entry.path)[0]) as here:
                row = self.drafts.set_mode(here, action)
            if row is not None:
                rows.append(row)
        return rows

    def _remove_one(self, here: Place, row: Current) -> int:
        name = split_path(row.path)[1]
        if row.kind == Kind.EMPTY_DIRECTORY:
            with contextlib.suppress(OSError):  # Files that are not tracked keep it.
                here.rmdir(name)
            return 0
        status = here.look(name)
        check_target(row.path, status, row, force=self.force)
        if status is None:
            return 0
        try:
            here.unlink(name)
        except OSError as exc:
            raise storage_error(exc, "remove", show_path(row.path)) from exc
        return 1

    def _write_batch(self, actions: Sequence[Replace]) -> tuple[list[Row], int]:
        """Write small files that fit into one buffer together, or one larger file."""
        if actions[0].entry.size > _SMALL:
            row, reused = self._write_large(actions[0], spread=False)
            return [row], reused
        size = sum(action.entry.size for action in actions)
        chunks = [chunk for action in actions for chunk in self._chunks(action.entry.content)]
        rows = []
        with self.buffers.borrow() as buffer:
            data = buffer[:size]
            if chunks:
                self.source.read_into(chunks, data)
            for directory, group in itertools.groupby(
                actions, key=lambda action: split_path(action.entry.path)[0]
            ):
                with place(self.root, directory) as here:
                    for action in group:
                        content, data = data[: action.entry.size], data[action.entry.size :]
                        rows.append(self.drafts.put_file(here, action, partial(_write_all, data=content)))
        self.progress.advance(size)
        return rows, 0

    def _write_large(self, action: Replace, *, spread: bool) -> tuple[Row, int]:
        """Write one file piece by piece, on all workers or here; copy what the present file already has."""
        directory, name = split_path(action.entry.path)
        chunks = self._chunks(action.entry.content)
        reused: list[int] = []
        with place(self.root, directory) as here, self._opened(here, name, action.current) as present:
            known = self._present_chunks(action.current) if present is not None else []
            pieces = cut_pieces(chunks, find_places(known, chunks))
            fill = partial(
                self._fill, present=present if known else None, pieces=pieces, spread=spread, reused=reused
            )
            row = self.drafts.put_file(here, action, fill)
        return row, sum(reused)

    def _fill(
        self,
        descriptor: int,
        *,
        present: int | None,
        pieces: Sequence[Piece],
        spread: bool,
        reused: list[int],
    ) -> None:
        draft = start_draft(descriptor, present, sum(piece.size for piece in pieces))
        with contextlib.closing(draft):
            if not spread:
                reused.extend(self._fill_piece(draft, piece) for piece in pieces)
                return
            futures = [self.executor.submit(self._fill_piece, draft, piece) for piece in pieces]
            with _settling(futures):
                reused.extend(future.result() for future in futures)

    def _fill_piece(self, draft: Draft, piece: Piece) -> int:
        reused = fill_piece(draft, piece, self.source, self.buffers)
        self.progress.advance(piece.size)
        return reused

    def _chunks(self, content: Content) -> list[tuple[bytes, int]]:
        """Return the chunks of `content`, which add up to its size."""
        if content.depth:
            chunks = self.source.chunks(content)
        else:
            chunks = [(content.id, content.size)] if content != EMPTY_CONTENT else []
        if sum(length for _, length in chunks) != content.size or not all(length > 0 for _, length in chunks):
            raise IntegrityError(
                f"the chunks of content {content.id.hex()[:12]} do not add up to {content.size} bytes"
            )
        return chunks

    def _present_chunks(self, current: Current | None) -> list[tuple[bytes, int]]:
        """Return the chunks of the file that will be replaced; none where they are not known."""
        if current is None or current.content is None:
            return []
        try:
            return self._chunks(current.content)
        except DatavError:  # Copying from it would only have been faster.
            return []

    @contextlib.contextmanager
    def _opened(self, here: Place, name: bytes, current: Current | None) -> Iterator[int | None]:
        """Open the file that will be replaced, if there is one whose content is known."""
        descriptor = None
        if current is not None and current.content is not None and current.kind <= Kind.EXECUTABLE:
            with contextlib.suppress(OSError):  # As above.
                descriptor = here.open(name)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _batches(actions: Sequence[Replace]) -> Iterator[list[Replace]]:
    """Yield what one worker does at a time: some small files in order, or one larger one; not the largest."""
    batch: list[Replace] = []
    size = 0
    for action in actions:
        if action.entry.size > _SMALL:
            if action.entry.size < _SPREAD:
                yield [action]
            continue
        if batch and (size + action.entry.size > BUFFER_SIZE or len(batch) == _MAX_BATCH):
            yield batch
            batch, size = [], 0
        batch.append(action)
        size += action.entry.size
    if batch:
        yield batch


@contextlib.contextmanager
def _settling(futures: "Sequence[Future[Any]]") -> Iterator[None]:
    """When something is raised inside, leave only after all of `futures` have ended or will never begin."""
    try:
        yield
    except BaseException:
        for future in futures:
            future.cancel()
        wait(futures)
        raise


def _with_parents(directories: Iterable[bytes]) -> set[bytes]:
    """Return `directories` and all above them, but for the root."""
    found: set[bytes] = set()
    for directory in directories:
        while directory and directory not in found:
            found.add(directory)
            directory = split_path(directory)[0]
    return found


def _write_all(descriptor: int, data: memoryview) -> None:
    while len(data):
        data = data[os.write(descriptor, data) :]
