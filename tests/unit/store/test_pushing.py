"""What a push puts on a remote, in which order, and what is there after one that was cut off."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from datav.errors import IntegrityError, RefusedError, RemoteError
from datav.formats.entry import Content
from datav.formats.frame import DELTA, NODE
from datav.formats.index import open_index
from datav.formats.root import Collecting, encode_collecting
from datav.ids import hash_chunk
from datav.storage.directory import DirectoryObjects
from datav.store import remoteroots, sending
from datav.store.layout import pack_named
from tests.support.objects import MemoryObjects
from tests.unit.store.remotes import BreakingObjects, TestClone, lacking, named, verify_place, versions
from tests.unit.store.stores import edited, flip, noise, pack_of, pack_paths, store_chunks, text


@pytest.fixture
def place():
    return MemoryObjects()


@pytest.fixture(params=["memory", "directory"])
def any_place(request, tmp_path):
    return MemoryObjects() if request.param == "memory" else DirectoryObjects(tmp_path / "place")


@pytest.fixture
def clone(tmp_path, place):
    return TestClone(tmp_path / "ann", place)


def _sent_kinds(clone, place, tmp_path):
    with clone.remote() as remote:
        remote.refresh(packs=True)
        kinds = {}
        for pack in remote.packs.sizes():
            contents = remote.packs.read_contents(pack)
            kinds |= {contents.id(number): contents.kinds[number] for number in range(len(contents))}
        return kinds


def test_what_is_pushed_is_complete_and_sound(tmp_path, any_place):
    clone = TestClone(tmp_path / "ann", any_place)
    contents = [*versions(clone, 3), clone.add_directory({b"a": noise(1, 50_000), b"d/b": b"b", b"e": b""})]

    pushed = clone.push(contents)

    assert pushed.contents == 4
    assert pushed.incomplete == []
    assert named(any_place, tmp_path / "look") == set(contents)
    assert lacking(any_place, tmp_path / "look") == []
    found = verify_place(any_place, tmp_path / "look")
    assert found.ok
    assert (found.lost_packs, found.unindexed_packs) == ((), ())
    assert (found.chunks, found.nodes) == (pushed.chunks, pushed.nodes)
    assert clone.leftovers() == []


def test_a_push_with_nothing_to_do_asks_three_times_and_sends_nothing(tmp_path, place, clone):
    contents = versions(clone, 2)
    clone.push(contents)
    place.requests.clear()
    before = place.names

    pushed = clone.push(contents)

    assert len(place.requests) == 3
    assert {verb for verb, _ in place.requests} == {"list", "read"}
    assert place.names == before
    assert (pushed.contents, pushed.packs) == (0, 0)


def test_empty_contents_need_nothing(place, clone):
    pushed = clone.push([Content(hash_chunk(b""), 0, 0)])

    assert pushed.contents == 0
    assert place.names == set()


def test_packs_come_before_the_index_and_the_index_before_the_root(place, clone):
    clone.push(versions(clone, 2))

    put = [name.partition("/")[0] for verb, name in place.requests if verb == "put"]

    assert put == ["format", "packs", "index", "roots"]


def test_only_the_later_version_is_sent_when_the_first_is_there(tmp_path, place, clone):
    first, second = versions(clone, 2)
    clone.push([first])
    sent_before = place.traffic.bytes_sent

    pushed = clone.push([second])

    assert pushed.chunks < 5
    assert place.traffic.bytes_sent - sent_before < 5_000
    assert lacking(place, tmp_path / "look") == []


def test_a_delta_whose_base_is_not_wanted_gets_its_base(tmp_path, place, clone):
    _, second = versions(clone, 2)

    clone.push([second])

    with clone.remote() as remote:
        remote.refresh(packs=True)
        deltas, bases = 0, set()
        for pack in remote.packs.sizes():
            contents = remote.packs.read_contents(pack)
            deltas += len(contents.bases)
            bases |= {base for ids in contents.bases.values() for base in ids}
        assert deltas
        assert all(remote.lookup.contains(b"".join(bases)))
    assert lacking(place, tmp_path / "look") == []
    assert verify_place(place, tmp_path / "look").ok
    other = TestClone(tmp_path / "bob", place)
    other.fetch([second])
    assert other.read(second) == clone.read(second)


def test_deltas_stay_deltas(tmp_path, place, clone):
    contents = versions(clone, 3)

    clone.push(contents)

    assert any(kind & ~NODE == DELTA for kind in _sent_kinds(clone, place, tmp_path).values())


def test_a_large_pack_that_is_all_wanted_goes_as_it_is(monkeypatch, tmp_path, place, clone):
    monkeypatch.setattr(sending, "AS_IS_SIZE", 50_000)
    content = clone.add(noise(1, 200_000))

    clone.push([content])

    assert {f"packs/{path.name}" for path in pack_paths(clone.store)} <= place.names
    assert lacking(place, tmp_path / "look") == []


def test_a_large_pack_of_which_little_is_wanted_is_copied(monkeypatch, tmp_path, place, clone):
    monkeypatch.setattr(sending, "AS_IS_SIZE", 50_000)
    wanted = noise(1, 20_000)
    (identity, *_) = store_chunks(clone.store, [wanted, *(noise(n, 20_000) for n in range(2, 12))])

    clone.push([Content(identity, 0, len(wanted))])

    assert not {f"packs/{path.name}" for path in pack_paths(clone.store)} & place.names
    assert place.traffic.bytes_sent < 30_000
    assert verify_place(place, tmp_path / "look").chunks == 1


def test_many_pushes_leave_few_roots_that_name_all(tmp_path, place, clone):
    contents = versions(clone, 40, 20_000)

    for content in contents:
        clone.push([content])

    roots = [name for name in place.names if name.startswith("roots/")]
    assert len(roots) <= remoteroots.MAX_ROOTS
    assert named(place, tmp_path / "look") == set(contents)
    assert lacking(place, tmp_path / "look") == []


def test_roots_of_other_clones_are_left_alone(tmp_path, place, clone):
    other = TestClone(tmp_path / "bob", place)
    theirs = other.add(noise(99, 5_000))
    other.push([theirs])

    for content in versions(clone, 20, 20_000):
        clone.push([content])

    assert theirs in named(place, tmp_path / "look")


def test_many_pushes_leave_few_indexes(tmp_path, place, clone):
    contents = versions(clone, 40, 20_000)

    for content in contents:
        clone.push([content])

    assert len([name for name in place.names if name.startswith("index/")]) <= 17
    assert verify_place(place, tmp_path / "look").ok


def test_who_may_not_delete_can_push_again_and_again(tmp_path, place, clone):
    place.refused.add("delete")
    contents = versions(clone, 40, 20_000)

    for content in contents:
        clone.push([content])

    assert named(place, tmp_path / "look") == set(contents)
    assert verify_place(place, tmp_path / "look").ok


def test_a_place_that_can_only_be_read_is_not_pushed_to(clone):
    contents = versions(clone, 1)
    clone.place.can_write = False

    with pytest.raises(RemoteError, match="only be read"):
        clone.push(contents)


def test_a_place_that_refuses_to_be_written_says_so(clone):
    contents = versions(clone, 1)
    clone.place.refused.add("put")

    with pytest.raises(RefusedError):
        clone.push(contents)

    assert clone.leftovers() == []


def test_what_is_not_here_is_not_named_and_all_else_is(tmp_path, place, clone):
    other = TestClone(tmp_path / "bob", MemoryObjects())
    absent = other.add(noise(5, 30_000))
    here = clone.add(noise(6, 30_000))

    pushed = clone.push([absent, here])

    assert pushed.incomplete == [absent]
    assert named(place, tmp_path / "look") == {here}


def test_a_version_that_shares_an_incomplete_tree_is_incomplete_too(tmp_path, place, clone):
    # Two directories over one large file whose chunks are not here.
    full = TestClone(tmp_path / "bob", MemoryObjects())
    data = noise(3, 200_000)
    file = full.add(data)
    one = full.add_directory({b"a": data, b"b": b"1"})
    two = full.add_directory({b"a": data, b"b": b"2"})
    nodes = [file.id, one.id, two.id]
    contents = [bytes(node) for node in full.store.reader.read_many(nodes, nodes=True)]
    with ThreadPoolExecutor(1) as executor, clone.store.writing(executor) as writer:
        writer.put_nodes(contents, [()] * 3)
    store_chunks(clone.store, [b"1", b"2"])

    pushed = clone.push([one, two])

    assert set(pushed.incomplete) == {one, two}
    assert named(place, tmp_path / "look") == set()


def test_what_another_clone_pushed_is_named_without_being_here(tmp_path, place, clone):
    other = TestClone(tmp_path / "bob", place)
    theirs = other.add(noise(5, 30_000))
    other.push([theirs])

    pushed = clone.push([theirs])

    assert pushed.incomplete == []
    assert (pushed.contents, pushed.packs) == (1, 0)


def test_damage_is_not_sent(tmp_path, place, clone):
    data = noise(1, 30_000)
    (identity,) = store_chunks(clone.store, [data])
    flip(pack_of(clone.store, identity), 200)

    with pytest.raises(IntegrityError):
        clone.push([Content(identity, 0, len(data))])

    assert [name for name in place.names if name.startswith(("index/", "roots/"))] == []
    assert clone.leftovers() == []


def test_a_lost_base_is_told_before_anything_is_sent(tmp_path, place, clone):
    first, second = versions(clone, 2)
    newest = max(pack_paths(clone.store), key=lambda path: path.stat().st_mtime_ns)
    for path in pack_paths(clone.store):
        if path != newest:
            path.unlink()
    clone.store.lookup.refresh()

    pushed = clone.push([first, second])

    # Most of its chunks are gone too.
    assert set(pushed.incomplete) == {first, second}
    assert [name for name in place.names if name.startswith("packs/")] == []


@pytest.mark.parametrize("is_done", [False, True], ids=["not done", "answer lost"])
@pytest.mark.parametrize("as_is", [False, True], ids=["copied", "as it is"])
def test_a_push_that_is_cut_at_any_request_is_completed_by_the_next(monkeypatch, tmp_path, as_is, is_done):
    if as_is:
        monkeypatch.setattr(sending, "AS_IS_SIZE", 50_000)
    template = TestClone(tmp_path / "template", MemoryObjects())
    contents = [*versions(template, 2), template.add_directory({b"a": noise(1, 90_000), b"b": b"b"})]
    for at in itertools.count():
        place = MemoryObjects()
        broken = BreakingObjects(place, at, is_done=is_done)
        template.place = broken
        template.root = tmp_path / f"{at}"
        try:
            template.push(contents)
        except RemoteError:
            assert broken.was_cut
        else:
            assert at > 8
            break
        assert template.leftovers() == []
        assert lacking(place, tmp_path / f"{at}/look") == []

        template.place = place
        template.push(contents)

        assert named(place, tmp_path / f"{at}/look") == set(contents)
        assert lacking(place, tmp_path / f"{at}/look") == []
        found = verify_place(place, tmp_path / f"{at}/look")
        assert found.ok
        assert (found.lost_packs, found.unindexed_packs) == ((), ())


def test_what_was_put_before_the_cut_is_not_sent_again(monkeypatch, tmp_path):
    monkeypatch.setattr(sending, "AS_IS_SIZE", 50_000)
    place = MemoryObjects()
    clone = TestClone(tmp_path / "ann", place)
    contents = [clone.add(noise(seed, 100_000)) for seed in range(5)]
    clone.push(contents)
    puts = [number for number, (verb, _) in enumerate(place.requests) if verb == "put"]

    place = MemoryObjects()
    clone.root, clone.place = tmp_path / "again", BreakingObjects(place, puts[-2])
    with pytest.raises(RemoteError):
        clone.push(contents)
    sent = place.traffic.bytes_sent
    clone.place = place
    clone.push(contents)

    assert sent > 500_000
    assert place.traffic.bytes_sent - sent < 20_000
    assert lacking(place, tmp_path / "look") == []


def test_clones_that_push_overlapping_data_at_once_are_all_complete(tmp_path, any_place):
    clones = [TestClone(tmp_path / f"clone{number}", any_place) for number in range(4)]
    shared = text(7, 150_000)
    contents = []
    for number, clone in enumerate(clones):
        first = clone.add(shared)
        second = clone.add(edited(shared, 30_000 * number, b"mine %d" % number), first)
        contents.append([first, second])

    for _ in range(3):
        with ThreadPoolExecutor(len(clones)) as executor:
            list(executor.map(lambda pair: pair[0].push(pair[1]), zip(clones, contents, strict=True)))
        for number, clone in enumerate(clones):
            data = clone.read(contents[number][-1])
            contents[number].append(clone.add(edited(data, 1_000 * number, b"again"), contents[number][-1]))

    assert lacking(any_place, tmp_path / "look") == []
    assert verify_place(any_place, tmp_path / "look").ok
    other = TestClone(tmp_path / "other", any_place)
    pushed = [content for each in contents for content in each[:-1]]
    other.fetch(pushed)
    for number, clone in enumerate(clones):
        for content in contents[number][:-1]:
            assert other.read(content) == clone.read(content)


def test_two_commands_of_one_clone_share_what_they_know_of_the_remote(tmp_path, place, clone):
    contents = versions(clone, 30, 20_000)

    with ThreadPoolExecutor(3) as executor:
        list(executor.map(lambda content: clone.push([content]), contents))

    assert named(place, tmp_path / "look") == set(contents)
    assert lacking(place, tmp_path / "look") == []


def test_what_a_power_cut_left_of_the_cache_is_asked_for_again(tmp_path, place, clone):
    contents = versions(clone, 2)
    clone.push(contents[:1])
    for path in [*clone.cache.glob("index/*"), *clone.cache.glob("roots/*")]:
        path.write_bytes(bytes(path.stat().st_size))
    place.requests.clear()

    pushed = clone.push(contents)

    assert pushed.contents == 1
    assert pushed.chunks < 5
    assert clone.push(contents).contents == 0


def test_a_root_that_went_meanwhile_is_put_again(tmp_path, place, clone):
    contents = versions(clone, 1)

    class Forgetting(BreakingObjects):
        """Somebody deletes the first root behind the pusher's back."""

        def put(self, name, source, *, sent=None):
            super().put(name, source, sent=sent)
            if name.startswith("roots/") and not self.forgot:
                self.forgot = True
                place.delete(name)

    clone.place = Forgetting(place, None)
    clone.place.forgot = False
    clone.push(contents)

    assert named(place, tmp_path / "look") == set(contents)


def test_packs_that_went_meanwhile_are_put_again_under_other_names(tmp_path, place, clone):
    contents = versions(clone, 2)

    class Collecting(BreakingObjects):
        """A collector, which has not seen the root, deletes the packs just before the root comes."""

        gone = frozenset()

        def put(self, name, source, *, sent=None):
            if name.startswith("roots/") and not self.gone:
                self.gone = {each for each in place.names if each.startswith(("packs/", "index/"))}
                for each in self.gone:
                    place.delete(each)
            super().put(name, source, sent=sent)

    clone.place = Collecting(place, None)
    clone.push(contents)

    assert not {name for name in clone.place.gone if name.startswith("packs/")} & place.names
    assert lacking(place, tmp_path / "look") == []
    assert verify_place(place, tmp_path / "look").ok


def test_packs_that_are_about_to_go_are_put_again_under_other_names(tmp_path, place, clone):
    contents = versions(clone, 2)
    clone.push(contents)
    condemned = {pack_named(name.removeprefix("packs/")) for name in place.names if name.startswith("packs/")}
    place.put("collecting/" + "0" * 32, encode_collecting(Collecting("c" * 32, frozenset(condemned))))

    other = TestClone(tmp_path / "bob", place)
    theirs = other.add(clone.read(contents[0]))
    other.push([theirs])

    assert len([name for name in place.names if name.startswith("packs/")]) == 2
    for pack in condemned:
        place.delete(f"packs/{pack.hex()}.pack")
    third = TestClone(tmp_path / "third", place)
    third.fetch([theirs])
    assert third.read(theirs) == other.read(theirs)


def test_a_push_that_dies_after_its_root_while_packs_go_is_completed_by_the_next(tmp_path, place, clone):
    contents = versions(clone, 2)

    class Collecting(BreakingObjects):
        """A collector that did not see the root deletes the packs; the pusher dies before it looks."""

        is_dead = False

        def put(self, name, source, *, sent=None):
            super().put(name, source, sent=sent)
            if name.startswith("roots/"):
                for each in {each for each in place.names if each.startswith(("packs/", "index/"))}:
                    place.delete(each)
                self.is_dead = True

        def list(self, directory):
            if self.is_dead:
                raise RemoteError("killed")
            return super().list(directory)

    clone.place = Collecting(place, None)
    with pytest.raises(RemoteError):
        clone.push(contents)

    clone.place = place
    clone.push(contents)

    assert lacking(place, tmp_path / "look") == []


def test_indexes_of_a_push_are_small_and_list_deltas_last(tmp_path, place, clone, monkeypatch):
    contents = versions(clone, 3)
    monkeypatch.setattr("datav.store.sending.INDEX_FRAMES", 1)
    monkeypatch.setattr("datav.store.sending.AS_IS_SIZE", 1)
    indexes = []

    class Watched(BreakingObjects):
        def put(self, name, source, *, sent=None):
            if name.startswith("index/"):
                indexes.append(open_index(bytes(source), name))
            super().put(name, source, sent=sent)

    clone.place = Watched(place, None)
    clone.push(contents)

    deltas = {
        contents.id(number)
        for pack in clone.store.layout.list_packs()
        if (contents := clone.store.packs.read_contents(pack))
        for number in contents.bases
    }
    listed = [{identity for identity, _ in index.records()} for index in indexes]
    first = next(number for number, ids in enumerate(listed) if ids & deltas)
    assert first > 0
    assert not any(ids - deltas for ids in listed[first + 1 :])
    assert set().union(*listed) >= deltas
    assert max(index.count for index in indexes[first:]) <= 2


def test_a_push_after_roots_were_put_together_has_only_what_is_new(tmp_path, place, clone, monkeypatch):
    monkeypatch.setattr("datav.store.remoteroots.MAX_ROOTS", 3)
    contents = [clone.add(noise(number, 5_000)) for number in range(5)]
    for count in range(1, 5):
        assert clone.push(contents[:count]).contents == 1

    assert clone.push(contents).contents == 1


def test_what_was_pushed_after_a_reader_looked_again_is_seen_by_it(tmp_path, place, clone):
    clone.push([clone.add(noise(1, 5_000))])
    other = TestClone(tmp_path / "bea", place)
    with other.remote() as remote:
        remote.refresh()
        remote.look_again()
        later = clone.add(noise(2, 5_000))
        clone.push([later])

        remote.refresh()

        assert all(remote.lookup.contains(later.id))


def test_a_damaged_pack_that_no_index_lists_is_not_taken_for_sent(tmp_path, monkeypatch):
    monkeypatch.setattr(sending, "AS_IS_SIZE", 50_000)
    place = DirectoryObjects(tmp_path / "place")
    clone = TestClone(tmp_path / "ann", place)
    content = clone.add(noise(1, 100_000))
    (path,) = pack_paths(clone.store)
    place.put(f"packs/{path.name}", path)
    flip(tmp_path / "place/packs" / path.name, 1_000)

    clone.push([content])

    assert verify_place(place, tmp_path / "look").ok
