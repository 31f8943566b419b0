"""Which entries are needed, found through trees and deltas."""

from array import array

from datav.formats.entry import Content, Entry, Kind
from datav.formats.frame import DELTA
from datav.formats.tree import FileNode, encode_file_node
from datav.ids import hash_chunk
from datav.store.collecting import view_of
from datav.store.marking import Marks, Reason, mark_contents
from datav.store.store import Store
from datav.store.trees import read_file_shape
from tests.support.trees import write_entries
from tests.unit.store.collections import mark
from tests.unit.store.files import Bytes, ingest_large, ingest_small
from tests.unit.store.stores import edited, new_store, noise, pack_of, pool, put, store_chunks


def _chunk(data: bytes) -> Content:
    return Content(bytes(hash_chunk(data)), 0, len(data))


def _reasons(marks: Marks, ids: list[bytes]) -> list[int]:
    return [int(reason) for reason in marks.reasons(b"".join(ids))]


def test_a_file_needs_its_nodes_and_chunks_and_nothing_else(tmp_path):
    store = new_store(tmp_path / "s")
    kept = ingest_large(store, Bytes(noise(1, 300_000))).content
    other = ingest_large(store, Bytes(noise(2, 300_000))).content

    marks, marked = mark(view_of(store.layout), [kept])

    shape = read_file_shape(store.reader, kept)
    ids = [shape.chunk_ids[at : at + 32] for at in range(0, len(shape.chunk_ids), 32)]
    assert set(_reasons(marks, [kept.id, *ids])) == {Reason.HISTORY}
    gone = read_file_shape(store.reader, other).chunk_ids
    assert not marks.reasons(gone + other.id).any()
    assert (marked.absent, marked.unwalked, marked.missing_chunks) == ([], [], 0)


def test_a_directory_needs_what_its_files_need(tmp_path):
    store = new_store(tmp_path / "s")
    contents = ingest_small(store, [noise(n, 9_000) for n in range(600)] + [b""])
    entries = [
        Entry(b"f%04d" % n, Kind.FILE, content.depth, content.size, content.id)
        for n, content in enumerate(contents)
    ]
    with pool() as executor, store.writing(executor) as writer:
        root = write_entries(writer, entries)

    marks, marked = mark(view_of(store.layout), [root])

    assert _reasons(marks, [content.id for content in contents if content.size]) == [Reason.HISTORY] * 600
    assert (marked.absent, marked.unwalked, marked.missing_chunks) == ([], [], 0)


def test_a_delta_needs_its_base_and_not_what_lies_below_the_base(tmp_path):
    store = new_store(tmp_path / "s")
    old = noise(1, 40_000)
    (base, _) = store_chunks(store, [old, noise(2, 100)])
    new = edited(old, 20_000)
    (delta,) = store_chunks(store, [new], [[base]])
    assert store.reader.read_frames([delta], nodes=False)[0].kind == DELTA

    marks, _ = mark(view_of(store.layout), [_chunk(new)])

    assert _reasons(marks, [delta, base]) == [Reason.HISTORY, Reason.BASE]
    assert _reasons(marks, [_chunk(noise(2, 100)).id]) == [Reason.NONE]


def test_what_was_never_fetched_is_absent_and_what_was_lost_is_not(tmp_path):
    store = new_store(tmp_path / "s")
    lost = ingest_large(store, Bytes(noise(1, 100_000))).content
    pack_of(store, lost.id).unlink()
    never = Content(bytes(32), 2, 10)

    _, marked = mark(view_of(store.layout), [lost, never, Content(bytes(32), 0, 10)])

    assert marked.absent == [never, Content(bytes(32), 0, 10)]
    assert [unwalked.content for unwalked in marked.unwalked] == [lost]


def test_a_missing_node_below_the_top_is_told(tmp_path):
    store = new_store(tmp_path / "s")
    node = encode_file_node(FileNode(1, bytes(32), array("Q", [5])))
    with pool() as executor, store.writing(executor) as writer:
        (top,) = writer.put_nodes([node], [[]])

    _, marked = mark(view_of(store.layout), [Content(top, 2, 5)])

    assert [unwalked.content.id for unwalked in marked.unwalked] == [top]


def test_a_missing_chunk_is_counted_and_leaves_nothing_in_doubt(tmp_path):
    store = new_store(tmp_path / "s")
    node = encode_file_node(FileNode(0, bytes(32), array("Q", [5])))
    with pool() as executor, store.writing(executor) as writer:
        (top,) = writer.put_nodes([node], [[]])

    _, marked = mark(view_of(store.layout), [Content(top, 1, 5)])

    assert (marked.missing_chunks, marked.unwalked) == (1, [])


def test_a_node_that_a_hostile_tree_calls_a_chunk_is_walked_all_the_same(tmp_path):
    store = new_store(tmp_path / "s")
    honest = ingest_large(store, Bytes(noise(1, 100_000))).content
    hostile = encode_file_node(FileNode(0, honest.id, array("Q", [5])))
    with pool() as executor, store.writing(executor) as writer:
        (top,) = writer.put_nodes([hostile], [[]])

    marks, _ = mark(view_of(store.layout), [Content(top, 1, 5), honest])

    assert marks.reasons(read_file_shape(store.reader, honest).chunk_ids).all()


def test_marks_are_carried_over_to_merged_indexes(tmp_path, monkeypatch):
    store = new_store(tmp_path / "s")
    kept = ingest_large(store, Bytes(noise(1, 100_000))).content
    gone = ingest_large(store, Bytes(noise(2, 100_000))).content
    before, _ = mark(view_of(store.layout), [kept])
    monkeypatch.setattr("datav.store.merging.MAX_PER_TIER", 2)
    store_chunks(store, [b"one more"])
    view = view_of(store.layout)
    assert len(view.lookup.indexes) == 1

    after = Marks(view.positions)
    before.carry_to(after)

    again = Store(store.layout.root)
    assert after.reasons(read_file_shape(again.reader, kept).chunk_ids + kept.id).all()
    assert not after.reasons(read_file_shape(again.reader, gone).chunk_ids + gone.id).any()
    # What was walked is not walked again.
    assert after.claim_nodes(kept.id, Reason.HISTORY) == ([], [])


def test_each_node_is_read_once_whatever_shares_it(tmp_path, monkeypatch):
    store = new_store(tmp_path / "s")
    content = ingest_large(store, Bytes(noise(1, 400_000))).content
    view, reads = view_of(store.layout), []
    read_many = view.reader.read_many
    monkeypatch.setattr(
        view.reader, "read_many", lambda ids, *, nodes: reads.extend(ids) or read_many(ids, nodes=nodes)
    )

    mark_contents(Marks(view.positions), view.reader, [content] * 5, Reason.HISTORY)

    assert len(reads) == len(set(reads)) > 0


def test_a_base_stored_as_a_delta_as_well_keeps_the_copy_that_is_whole(tmp_path):
    store = new_store(tmp_path / "s")
    a, b = noise(1, 40_000), edited(noise(1, 40_000), 20_000)
    (first,) = store_chunks(store, [a])
    other = Store(store.layout.root)
    with pool() as executor, store.writing(executor) as one, other.writing(executor) as two:
        put(one, [b, b"makes it the larger index"])
        put(two, [b], [[first]])

    marks, _ = mark(view_of(store.layout), [_chunk(b)])

    assert _reasons(marks, [_chunk(b).id, first]) == [Reason.HISTORY, Reason.NONE]
