"""Near before far: who is asked for what, and how often."""

import threading
from concurrent.futures import ThreadPoolExecutor

from datav.errors import MissingChunkError
from datav.ids import hash_chunk
from datav.store.layered import LayeredReader


class Place:
    """Contents in memory; counts what is read, and may be told to wait before it answers."""

    def __init__(self, *contents):
        self.held = {bytes(hash_chunk(content)): content for content in contents}
        self.reads = []
        self.answering = threading.Event()
        self.answering.set()
        self.asked = threading.Event()
        self.failures = 0

    def contains(self, packed):
        return bytearray(packed[at : at + 32] in self.held for at in range(0, len(packed), 32))

    def read_many(self, ids, *, nodes):
        self.asked.set()
        assert self.answering.wait(60)
        self.reads += ids
        if self.failures:
            self.failures -= 1
            raise MissingChunkError("just now")
        if not all(identity in self.held for identity in ids):
            raise MissingChunkError("not here")
        return [self.held[identity] for identity in ids]

    def read_each(self, ids, *, nodes):
        return iter(self.read_many(ids, nodes=nodes))


def ids_of(*contents):
    return [bytes(hash_chunk(content)) for content in contents]


def test_each_is_read_where_it_is_near_before_far():
    near, far = Place(b"a", b"b"), Place(b"b", b"c")
    reader = LayeredReader(near, near, far)

    assert reader.read_many(ids_of(b"c", b"b", b"a", b"c"), nodes=False) == [b"c", b"b", b"a", b"c"]
    assert far.reads == ids_of(b"c")


def test_what_was_read_from_far_is_kept_within_its_bound():
    far = Place(b"1" * 100, b"2" * 100)
    reader = LayeredReader(Place(), Place(), far, cache=150)

    for content in (b"1" * 100, b"1" * 100, b"2" * 100, b"1" * 100):
        reader.read_many(ids_of(content), nodes=False)

    assert far.reads == ids_of(b"1" * 100, b"2" * 100, b"1" * 100)


def test_two_threads_that_want_the_same_ask_once():
    far = Place(b"a", b"b", b"c")
    reader = LayeredReader(Place(), Place(), far)
    far.answering.clear()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(reader.read_many, ids_of(b"a", b"b"), nodes=False)
        assert far.asked.wait(60)
        second = threads.submit(reader.read_many, ids_of(b"b", b"a"), nodes=False)
        far.answering.set()

        assert first.result() == [b"a", b"b"]
        assert second.result() == [b"b", b"a"]
    assert sorted(far.reads) == sorted(ids_of(b"a", b"b"))


def test_a_failure_of_one_thread_is_not_that_of_another():
    far = Place(b"a")
    far.failures = 1
    far.answering.clear()
    reader = LayeredReader(Place(), Place(), far)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(reader.read_many, ids_of(b"a"), nodes=False)
        assert far.asked.wait(60)
        second = threads.submit(reader.read_many, ids_of(b"a"), nodes=False)
        far.answering.set()
        outcomes = [future.exception() for future in (first, second)]

    assert isinstance(outcomes[0], MissingChunkError)
    assert outcomes[1] is None
    assert reader.read_many(ids_of(b"a"), nodes=False) == [b"a"]
