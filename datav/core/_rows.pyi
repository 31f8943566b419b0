"""Types of the C extension; meaning, errors and cost are told in rows_reference.py."""

from typing import SupportsIndex

from _typeshed import ReadableBuffer, WriteableBuffer

ABI: int

def scan_text(
    data: ReadableBuffer,
    whole: bool,
    delimiter: SupportsIndex,
    quoting: bool,
    width: SupportsIndex,
    columns: ReadableBuffer,
    key: ReadableBuffer,
    seed: SupportsIndex,
    /,
) -> tuple[bytes, bytes, bytes, int, int, int]: ...
def read_text(
    data: ReadableBuffer, delimiter: SupportsIndex, quoting: bool, columns: ReadableBuffer, /
) -> tuple[int, list[tuple[bytes, bytes]]]: ...
def gather(data: ReadableBuffer, starts: ReadableBuffer, ends: ReadableBuffer, /) -> bytes: ...
def hash_fixed(
    rows: WriteableBuffer,
    values: ReadableBuffer,
    width: SupportsIndex,
    validity: ReadableBuffer,
    offset: SupportsIndex,
    seed: SupportsIndex = 0,
    /,
) -> None: ...
def hash_binary(
    rows: WriteableBuffer,
    offsets: ReadableBuffer,
    offset_width: SupportsIndex,
    values: ReadableBuffer,
    validity: ReadableBuffer,
    offset: SupportsIndex,
    seed: SupportsIndex = 0,
    /,
) -> None: ...
def hash_null(rows: WriteableBuffer, seed: SupportsIndex = 0, /) -> None: ...
def align_rows(a: ReadableBuffer, b: ReadableBuffer, window: SupportsIndex, /) -> tuple[bytes, bytes]: ...
def first_difference(a: ReadableBuffer, b: ReadableBuffer, /) -> int: ...
def last_difference(a: ReadableBuffer, b: ReadableBuffer, /) -> int: ...
def variant() -> str: ...
def variants() -> tuple[str, ...]: ...
def use(variant: str, /) -> None: ...
