"""Types of the C extension; meaning, errors and cost are told in reference.py and storage/files.py."""

from collections.abc import Iterable
from typing import SupportsIndex

from _typeshed import ReadableBuffer, WriteableBuffer

ABI: int

def find_candidates(
    data: ReadableBuffer, lead: SupportsIndex, hard: SupportsIndex, easy: SupportsIndex, /
) -> bytes: ...
def select_cuts(
    candidates: ReadableBuffer,
    base: SupportsIndex,
    start: SupportsIndex,
    end: SupportsIndex,
    last: bool,
    smallest: SupportsIndex,
    target: SupportsIndex,
    largest: SupportsIndex,
    /,
) -> bytes: ...
def find_cuts(
    data: ReadableBuffer, smallest: SupportsIndex, target: SupportsIndex, largest: SupportsIndex, /
) -> bytes: ...
def find_cuts_many(
    data: ReadableBuffer,
    ends: ReadableBuffer,
    smallest: SupportsIndex,
    target: SupportsIndex,
    largest: SupportsIndex,
    /,
) -> bytes: ...
def count_rows(
    data: ReadableBuffer, lead: SupportsIndex, delimiter: SupportsIndex, quoting: bool, /
) -> tuple[int, int, int, int, int]: ...
def count_rows_exact(
    data: ReadableBuffer, state: SupportsIndex, delimiter: SupportsIndex, /
) -> tuple[int, int]: ...
def find_ids(
    ids: ReadableBuffer, fanout: ReadableBuffer, fanout_bits: SupportsIndex, wanted: ReadableBuffer, /
) -> bytes: ...
def is_incompressible(data: ReadableBuffer, /) -> bool: ...
def incompressible_flags(data: ReadableBuffer, ends: ReadableBuffer, /) -> bytes: ...
def split_entries(
    hashes: ReadableBuffer, limit: SupportsIndex, smallest: SupportsIndex, largest: SupportsIndex, /
) -> bytes: ...
def read_files(
    directory: bytes, names: Iterable[bytes], stamps: ReadableBuffer, arena: WriteableBuffer, /
) -> int:
    """Not on Windows."""

def stat_files(directory: bytes, names: Iterable[bytes], /) -> bytes:
    """Not on Windows."""

def variant() -> str:
    """The instruction set in use."""

def variants() -> tuple[str, ...]:
    """The instruction sets that this processor can run, best first."""

def use(variant: str, /) -> None:
    """Choose an instruction set for the whole process; for tests and benchmarks.

    Raises:
        ValueError: there is none of that name here.
    """
