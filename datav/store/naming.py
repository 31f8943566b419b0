"""Naming: what content would be called, without storing it.
`status` and `checkout` ask this of files on disk."""

from collections.abc import Sequence

from datav.ids import hash_node
from datav.store.encoding import DeltaLuck
from datav.store.writing import BaseChooser, hash_pieces


class NamingSink:
    """Takes chunks and nodes like a StoreWriter, and keeps nothing.  Used from several threads."""

    def put_chunks(
        self,
        data: memoryview,
        ends: Sequence[int],
        *,
        choose: BaseChooser | None = None,
        luck: DeltaLuck | None = None,
    ) -> bytes:
        return hash_pieces(data, ends)

    def put_nodes(self, nodes: Sequence[bytes], bases: Sequence[Sequence[bytes]]) -> list[bytes]:
        return [bytes(hash_node(node)) for node in nodes]

    def checkpoint_if_due(self) -> None:
        pass
