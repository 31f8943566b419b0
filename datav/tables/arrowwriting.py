"""Arrow IPC, its rows edited: a batch at a time.

A file stays a file and a stream a stream; batches stay, as do their compression and what is said beside them.
Values that a dictionary lacks are added to its end.  In a file, which has one dictionary for all batches,
that is what IPC calls a delta if they are not known before the first batch is written; not all readers take
it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow
from pyarrow import ipc
from pyarrow import types as arrow_types

from datav.tables.arrow_ipc import FILE_MAGIC, find_codec
from datav.tables.arrowversion import ArrowVersion
from datav.tables.columnaredits import Dictionaries, Part, PartEdits, edited_parts, plan_layout
from datav.tables.edits import Column
from datav.tables.sourcefile import SourceFile, translated

_FAILED = "its rows cannot be rewritten"


def write_arrow_edited(
    version: ArrowVersion,
    columns: Sequence[Column],
    types: Sequence[Any],
    edits: PartEdits,
    target: BinaryIO,
) -> None:
    """Write an Arrow IPC file or stream with its rows edited; new rows join the batches that they fall into.

    Args:
        columns, types: of the result.

    Raises:
        TableError: cells cannot be cast to their new type; a dictionary becomes too large for its numbers, or
            one within lists or structs gets other values in a file.

    Cost: two batches in memory, and what becomes of one.
    """
    source = version.source
    file = SourceFile(source)
    is_file = source.read_at(0, len(FILE_MAGIC)) == FILE_MAGIC
    with translated(_FAILED, file):
        python_file = pyarrow.PythonFile(file, "r")
        reader = ipc.open_file(python_file) if is_file else ipc.open_stream(python_file)
        names = [column.name for column in version.columns]
        layout = plan_layout(reader.schema, names, columns, types)
        options = ipc.IpcWriteOptions(
            compression=find_codec(source, stream=not is_file), emit_dictionary_deltas=is_file
        )
        is_shared = is_file and any(arrow_types.is_dictionary(kind) for kind in layout.schema.types)
        dictionaries = Dictionaries(edits.ahead() if is_shared else None)
        batches = _file_batches(reader) if is_file else _stream_batches(reader)
        with _open_writer(reader, layout.schema, target, options, is_file=is_file) as writer:
            for part in edited_parts(batches, layout, edits, dictionaries):
                for batch in part.rows.to_batches():
                    writer.write_batch(batch, custom_metadata=part.metadata)


# Any, here and below: pyarrow has no types of its own that mypy could see.
def _open_writer(reader: Any, schema: Any, target: BinaryIO, options: Any, *, is_file: bool) -> Any:
    if not is_file:
        return ipc.new_stream(target, schema, options=options)
    metadata = getattr(reader, "metadata", None)
    # Older versions of pyarrow neither tell nor take what the footer says of the whole file.
    more = {"metadata": metadata} if metadata else {}
    return ipc.new_file(target, schema, options=options, **more)


def _file_batches(reader: Any) -> Iterator[Part]:
    count = reader.num_record_batches
    for number in range(count):
        batch, metadata = reader.get_batch_with_custom_metadata(number)
        yield Part(batch, number == count - 1, metadata)


def _stream_batches(reader: Any) -> Iterator[Part]:
    held: Part | None = None
    for batch, metadata in reader.iter_batches_with_custom_metadata():
        if held is not None:
            yield held
        held = Part(batch, is_last=False, metadata=metadata)
    if held is not None:
        yield held._replace(is_last=True)
