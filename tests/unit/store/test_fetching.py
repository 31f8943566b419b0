"""What a fetch brings, what it asks for, and what is here after one that was cut off."""

import itertools
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from datav.errors import RemoteError
from datav.formats.entry import Content
from datav.formats.frame import DELTA, NODE
from datav.ids import hash_chunk
from datav.store import fetching
from datav.store.fetching import KeepingReader
from datav.store.layered import LayeredReader
from datav.store.lazytree import read_below
from datav.store.remotepacks import RemotePacks
from datav.store.trees import read_directory
from tests.support.kills import Killed
from tests.support.objects import MemoryObjects
from tests.unit.store.remotes import BreakingObjects, TestClone, versions
from tests.unit.store.stores import edited, noise, pool, store_chunks, text


@pytest.fixture
def place():
    return MemoryObjects()


@pytest.fixture
def ann(tmp_path, place):
    return TestClone(tmp_path / "ann", place)


@pytest.fixture
def bob(tmp_path, place):
    return TestClone(tmp_path / "bob", place)


def _assert_same(clone, other, contents):
    for content in contents:
        assert other.read(content) == clone.read(content)
    assert other.verify().ok
    assert other.leftovers() == []


def _kinds(clone):
    kinds = {}
    for pack in clone.store.packs.sizes():
        contents = clone.store.packs.read_contents(pack)
        kinds |= {contents.id(number): contents.kinds[number] & ~NODE for number in range(len(contents))}
    return kinds


def test_what_was_pushed_comes_back(ann, bob):
    contents = versions(ann, 3)
    ann.push(contents)

    fetched = bob.fetch(contents)

    assert fetched.missing == []
    assert fetched.chunks + fetched.nodes == bob.store.lookup.count()
    assert fetched.bytes_of_data == sum(
        len(data) for data in bob.store.reader.read_many(_chunks_of(bob), nodes=False)
    )
    _assert_same(ann, bob, contents)


def _chunks_of(clone):
    found = []
    for pack in clone.store.packs.sizes():
        contents = clone.store.packs.read_contents(pack)
        found += [contents.id(n) for n in range(len(contents)) if not contents.kinds[n] & NODE]
    return found


def test_a_directory_comes_back(ann, bob):
    files = {b"a": noise(1, 70_000), b"b/c": b"", b"b/d": b"x" * 300_000, b"e": text(3, 5_000)}
    content = ann.add_directory(files)
    ann.push([content])

    bob.fetch([content])

    entries, _ = read_directory(bob.store.reader, content)
    assert {entry.path: bob.read(entry.content) for entry in entries} == files
    assert bob.verify().ok


def test_deltas_stay_deltas(ann, bob):
    contents = versions(ann, 3)
    ann.push(contents)

    bob.fetch(contents)

    kinds = _kinds(bob)
    chunks = _chunks_of(ann)
    assert {identity: kinds[identity] for identity in chunks} == {
        identity: kind for identity, kind in _kinds(ann).items() if identity in chunks
    }
    assert DELTA in kinds.values()


def test_what_is_here_is_not_fetched_again(place, ann, bob):
    first, second = versions(ann, 2)
    ann.push([first, second])
    bob.fetch([first])
    before = place.traffic.bytes_received

    fetched = bob.fetch([second])

    assert fetched.chunks < 5
    assert place.traffic.bytes_received - before < 10_000
    _assert_same(ann, bob, [first, second])


def test_a_fetch_with_nothing_to_do_asks_three_times(place, ann, bob):
    contents = versions(ann, 2)
    ann.push(contents)
    bob.fetch(contents)
    place.requests.clear()

    fetched = bob.fetch(contents)

    assert len(place.requests) == 3
    assert (fetched.chunks, fetched.nodes) == (0, 0)


def test_only_the_base_of_a_delta_comes_with_it(ann, bob):
    _, second = versions(ann, 2)
    ann.push([second])

    bob.fetch([second])

    _assert_same(ann, bob, [second])


@pytest.mark.parametrize("worth", [1, 10**6], ids=["contents read", "contents not read"])
@pytest.mark.parametrize("window", [3, 20, 65_536])
@pytest.mark.parametrize("waiting", [1, 2_000, 2**30])
def test_it_comes_back_whatever_fits_into_memory(monkeypatch, ann, bob, worth, window, waiting):
    monkeypatch.setattr(fetching, "WINDOW", window)
    monkeypatch.setattr(fetching, "_MAX_WAITING", waiting)
    monkeypatch.setattr(fetching, "_WORTH_CONTENTS", worth)
    contents = versions(ann, 4)
    ann.push(contents[3:])
    ann.push(contents)

    fetched = bob.fetch(contents)

    assert fetched.chunks == len(set(_chunks_of(bob)))
    _assert_same(ann, bob, contents)


def test_clones_that_stored_the_same_the_other_way_round_do_not_confuse_a_third(tmp_path, place, ann, bob):
    # Each has whole what the other has as a delta against it; both pushed at once.
    one = noise(1, 4_000)
    two = edited(one, 2_000)
    (first,) = store_chunks(ann.store, [one])
    (second,) = store_chunks(ann.store, [two], [[first]])
    store_chunks(bob.store, [two])
    store_chunks(bob.store, [one], [[second]])
    contents = [Content(first, 0, len(one)), Content(second, 0, len(two))]
    other = MemoryObjects()
    bob.place = other
    ann.push(contents)
    bob.push(contents)
    for name in other.names:
        place.put(name, other.read(name))

    third = TestClone(tmp_path / "third", place)
    third.fetch(contents)

    assert third.store.reader.read_many([first, second], nodes=False) == [one, two]
    assert third.verify().ok


def test_what_is_missing_is_told_and_all_else_is_stored(place, ann, bob):
    lost, kept = ann.add(noise(1, 50_000)), ann.add(noise(2, 50_000))
    ann.push([lost])
    gone = [name for name in place.names if name.startswith(("packs/", "index/"))]
    ann.push([kept])
    for name in gone:
        place.delete(name)

    fetched = bob.fetch([lost, kept])

    assert fetched.missing_count == 1
    assert fetched.missing[0].startswith("b3:")
    assert bob.read(kept) == ann.read(kept)
    assert bob.verify().ok


def test_a_pack_that_an_index_names_and_that_is_gone_counts_as_missing(place, ann, bob):
    lost, kept = ann.add(noise(1, 50_000)), ann.add(noise(2, 50_000))
    ann.push([lost])
    gone = [name for name in place.names if name.startswith("packs/")]
    ann.push([kept])
    for name in gone:
        place.delete(name)

    fetched = bob.fetch([lost, kept])

    assert fetched.missing_count == 1
    assert bob.read(kept) == ann.read(kept)


def test_what_a_collection_moves_meanwhile_is_found_again(tmp_path, place, ann, bob):
    content = ann.add(text(4, 200_000))
    ann.push([content])
    before = place.names
    # The same once more, as a collection leaves it: other packs, another index.
    elsewhere = MemoryObjects()
    copy = TestClone(tmp_path / "copy", elsewhere)
    copy.add(text(4, 200_000))
    copy.add(noise(9, 10))
    copy.push([content, Content(hash_chunk(noise(9, 10)), 0, 10)])

    class Moving(BreakingObjects):
        moved = False

        def read(self, name, start=0, end=None):
            if name.startswith("packs/") and not self.moved:
                self.moved = True
                for other in elsewhere.names:
                    if not other.startswith("roots/"):
                        place.put(other, elsewhere.read(other))
                for other in before - elsewhere.names:
                    if not other.startswith("roots/"):
                        place.delete(other)
            return super().read(name, start, end)

    bob.place = Moving(place, None)
    fetched = bob.fetch([content])

    assert fetched.missing == []
    _assert_same(ann, bob, [content])


@pytest.mark.parametrize("window", [10, 65_536])
def test_a_fetch_that_is_cut_at_any_request_is_completed_by_the_next(
    monkeypatch, tmp_path, place, ann, window
):
    monkeypatch.setattr(fetching, "WINDOW", window)
    contents = [*versions(ann, 3, 60_000), ann.add_directory({b"a": noise(1, 60_000), b"b": b"b"})]
    for content in contents:
        ann.push([content])
    for at in itertools.count():
        bob = TestClone(tmp_path / f"{at}", BreakingObjects(place, at))
        try:
            bob.fetch(contents)
        except RemoteError:
            assert bob.place.was_cut
        else:
            assert at > 8
            break
        assert bob.verify().ok
        assert bob.leftovers() == []

        bob.place = place
        fetched = bob.fetch(contents)

        assert fetched.missing == []
        _assert_same(ann, bob, contents[:3])
        shutil.rmtree(bob.root)


def test_what_came_before_the_cut_does_not_come_again(monkeypatch, place, ann, bob):
    monkeypatch.setattr(RemotePacks, "longest_run", 50_000)
    content = ann.add(noise(1, 400_000))
    ann.push([content])
    counting = BreakingObjects(place, None)
    TestClone(bob.root / "other", counting).fetch([content])
    bob.place = BreakingObjects(place, counting.asked - 1)
    with pytest.raises(RemoteError):
        bob.fetch([content])
    before = place.traffic.bytes_received

    bob.place = place
    bob.fetch([content])

    assert place.traffic.bytes_received - before < 150_000
    assert bob.read(content) == ann.read(content)


def test_what_came_long_before_a_kill_does_not_come_again(monkeypatch, place, ann, bob):
    monkeypatch.setattr(RemotePacks, "longest_run", 50_000)
    monkeypatch.setattr(fetching, "CHECKPOINT_SIZE", 100_000)
    content = ann.add(noise(1, 800_000))
    ann.push([content])

    class Killing(BreakingObjects):
        def read(self, name, start=0, end=None):
            if place.traffic.bytes_received > 600_000:
                raise Killed(name)
            return super().read(name, start, end)

    bob.place, bob.jobs = Killing(place, None), 1
    with pytest.raises(Killed):
        bob.fetch([content])
    bob.store.lookup.refresh()

    assert bob.store.lookup.count() * 4096 > 200_000
    bob.place = place
    bob.fetch([content])
    _assert_same(ann, bob, [content])


@pytest.mark.parametrize("is_node", [False, True], ids=["chunk", "node"])
def test_a_delta_that_rests_on_nothing_is_missing_and_all_else_is_stored(place, ann, bob, is_node):
    if is_node:
        first, second = versions(ann, 2)
    else:
        old = noise(1, 4_000)
        (base,) = store_chunks(ann.store, [old])
        (delta,) = store_chunks(ann.store, [edited(old, 2_000)], [[base]])
        first, second = Content(base, 0, 4_000), Content(delta, 0, 4_000)
    ann.push([first])
    gone = [name for name in place.names if name.startswith(("packs/", "index/"))]
    ann.push([second])
    kept = ann.add(noise(8, 50_000))
    ann.push([kept])
    for name in gone:
        place.delete(name)

    fetched = bob.fetch([second, kept])

    assert fetched.missing_count == 1
    assert bob.read(kept) == ann.read(kept)
    assert bob.verify().ok


def test_one_path_of_a_directory_brings_its_chunks_alone(place, ann, bob):
    content = ann.add_directory({b"%03d" % n: noise(n, 20_000) for n in range(40)})
    ann.push([content])

    with bob.remote() as remote, pool() as executor:
        remote.refresh()
        with bob.store.writing(executor) as writer:
            layered = LayeredReader(bob.store.lookup, bob.store.reader, remote.reader)
            (entry,) = read_below(KeepingReader(layered, bob.store.lookup, writer), content, b"007")
            fetching.fetch_contents(bob.store, remote, writer, [entry.content])

    assert bob.read(entry.content) == noise(7, 20_000)
    assert place.traffic.bytes_received < 200_000
    assert bob.verify().ok
    bob.fetch([content])
    entries, _ = read_directory(bob.store.reader, content)
    assert {entry.path: bob.read(entry.content) for entry in entries}[b"039"] == noise(39, 20_000)


def test_fetches_at_once_into_one_store(place, ann, bob):
    contents = versions(ann, 5)
    ann.push(contents)

    with ThreadPoolExecutor(3) as executor:
        list(executor.map(lambda content: bob.fetch([content]), contents))

    _assert_same(ann, bob, contents)


def test_nothing_is_fetched_for_empty_contents(place, ann, bob):
    ann.push(versions(ann, 1))

    fetched = bob.fetch([Content(hash_chunk(b""), 0, 0)])

    assert (fetched.chunks, fetched.nodes, fetched.missing) == (0, 0, [])
