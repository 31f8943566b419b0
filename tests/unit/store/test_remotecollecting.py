"""What a collection of a remote deletes, and what it must not, whatever comes in between."""

import contextlib
import itertools
import os

import pytest
from blake3 import blake3

from datav.errors import BusyError, DataLossError, FormatError, IntegrityError, RemoteError, UsageError
from datav.formats.index import encode_index, open_index
from datav.formats.root import Collecting, encode_collecting
from datav.storage.directory import DirectoryObjects
from datav.storage.durable import TEMPORARY_PREFIX
from datav.store.layout import pack_named
from datav.store.remotecollecting import apply_remote_collection, plan_remote_collection
from datav.store.remoteneeds import Order
from tests.support.objects import MemoryObjects
from tests.unit.store.remotes import TIME, BreakingObjects, TestClone, lacking, named, verify_place
from tests.unit.store.stores import edited, flip, noise, pool, text

DAY = 24 * 3600.0


class Clock:
    """A remote's clock, which only the test moves."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def place(clock):
    return MemoryObjects(clock=clock)


@pytest.fixture
def ann(tmp_path, place):
    return TestClone(tmp_path / "ann", place)


@pytest.fixture
def bob(tmp_path, place):
    return TestClone(tmp_path / "bob", place)


def order_of(clone, grace_s=0.0, forget=None):
    return Order(clone.identity, TIME, grace_s, forget)


def collect(clone, grace_s=0.0, *, still=None, forget=None, near=True):
    """Collect; `still` is what the clone's git still names, None for all that its roots name."""
    with clone.remote() as remote, pool() as executor:
        return apply_remote_collection(
            remote,
            order_of(clone, grace_s, forget),
            executor=executor,
            near=clone.store if near else None,
            still_named=None if still is None else (lambda: set(still)),
        )


def plan(clone, grace_s=0.0, *, still=None, forget=None, now=0.0):
    with clone.remote() as remote:
        return plan_remote_collection(
            remote,
            order_of(clone, grace_s, forget),
            now=now,
            still_named=None if still is None else (lambda: set(still)),
        )


def packs_at(place):
    return {name for name in place.names if name.startswith("packs/")}


def check_sound(place, directory):
    """All that any root names is there and readable, and so is all that is listed."""
    assert lacking(place, directory) == []
    found = verify_place(place, directory)
    assert found.ok
    return found


def test_what_no_root_names_goes(tmp_path, place, ann):
    kept, gone = ann.add(noise(1, 60_000)), ann.add(noise(2, 60_000))
    ann.push([kept])
    ann.push([gone])

    done = collect(ann, still=[kept])

    assert (done.packs_deleted, done.packs_rewritten, done.packs_kept) == (1, 0, 1)
    assert named(place, tmp_path / "look") == {kept}
    found = check_sound(place, tmp_path / "look")
    assert (found.lost_packs, found.unindexed_packs) == ((), ())
    assert done.bytes_after < 0.6 * done.bytes_before
    assert not [name for name in place.names if name.startswith("collecting/")]
    assert ann.leftovers() == []


def test_nothing_is_changed_without_apply(place, ann):
    gone = ann.add(noise(2, 60_000))
    ann.push([gone])
    before = place.names

    planned = plan(ann, still=[])

    assert place.names == before
    assert not {verb for verb, _ in place.requests[-8:]} & {"put", "delete"}
    assert planned.packs_deleted == 1


def test_the_plan_is_what_is_done(place, ann):
    contents = [ann.add(noise(number, 40_000)) for number in range(6)]
    ann.push(contents)
    for number in range(6, 10):
        ann.push([ann.add(noise(number, 40_000))])

    planned = plan(ann, still=contents[:3])
    done = collect(ann, still=contents[:3])

    assert planned.packs_rewritten == 1
    assert planned.packs_deleted == 4
    for name in ("packs_deleted", "packs_rewritten", "bytes_before", "versions", "roots_deleted"):
        assert getattr(planned, name) == getattr(done, name)


def test_a_sparse_pack_is_rewritten(tmp_path, place, ann):
    contents = [ann.add(noise(number, 40_000)) for number in range(8)]
    ann.push(contents)
    before = packs_at(place)

    done = collect(ann, still=contents[2:4])

    assert (done.packs_deleted, done.packs_rewritten) == (0, 1)
    assert not before & packs_at(place)
    check_sound(place, tmp_path / "look")
    other = TestClone(tmp_path / "other", place)
    other.fetch(contents[2:4])
    assert [other.read(content) for content in contents[2:4]] == [noise(2, 40_000), noise(3, 40_000)]


def test_a_second_collection_has_nothing_to_do(place, ann):
    contents = [ann.add(noise(number, 40_000)) for number in range(8)]
    ann.push(contents)
    collect(ann, still=contents[:2])
    names = place.names
    asked = len(place.requests)

    again = collect(ann, still=contents[:2])

    assert place.names == names
    assert (again.packs_deleted, again.packs_rewritten, again.bytes_before) == (0, 0, again.bytes_after)
    assert len(place.requests) - asked <= 12


def test_what_another_clone_needs_stays(tmp_path, place, ann, bob):
    data = noise(1, 60_000)
    ann.push([ann.add(data)])
    theirs = bob.add(data)
    bob.push([theirs])

    collect(ann, still=[])

    assert named(place, tmp_path / "look") == {theirs}
    check_sound(place, tmp_path / "look")


def test_what_deltas_rest_on_stays(tmp_path, place, ann):
    data = text(1, 120_000)
    first = ann.add(data)
    second = ann.add(edited(data, 60_000), first)
    ann.push([first])
    ann.push([second])

    collect(ann, still=[second])

    check_sound(place, tmp_path / "look")
    other = TestClone(tmp_path / "other", place)
    other.fetch([second])
    assert other.read(second) == edited(data, 60_000)


def test_many_small_packs_become_one(tmp_path, place, ann):
    contents = []
    for number in range(34):
        contents.append(ann.add(noise(number, 2_000)))
        ann.push(contents[-1:])
    assert len(packs_at(place)) == 34

    done = collect(ann, still=contents)

    assert len(packs_at(place)) == 1
    assert done.packs_rewritten == 34
    assert len([name for name in place.names if name.startswith("index/")]) == 1
    check_sound(place, tmp_path / "look")


def test_the_young_stays(place, clock, ann):
    gone = ann.add(noise(2, 60_000))
    ann.push([gone])
    clock.now += 13 * DAY

    early = collect(ann, 14 * DAY, still=[])
    packs = packs_at(place)
    clock.now += 13.9 * DAY
    still_early = collect(ann, 14 * DAY, still=[])
    packs_then = packs_at(place)
    clock.now += 0.2 * DAY
    late = collect(ann, 14 * DAY, still=[])

    assert (early.packs_deleted, early.roots_waiting, len(packs)) == (0, 1, 1)
    assert (still_early.packs_deleted, len(packs_then)) == (0, 1)
    assert (late.packs_deleted, late.roots_deleted, packs_at(place)) == (1, 1, set())


def test_a_young_pack_stays_though_its_root_never_was(place, clock, ann):
    ann.push([ann.add(noise(1, 1_000))])
    broken = TestClone(ann.root.parent / "broken", RefusingRoots(place))
    with pytest.raises(RemoteError):
        broken.push([broken.add(noise(5, 50_000))])
    assert len(packs_at(place)) == 2
    clock.now += DAY

    collect(ann, 2 * DAY)
    kept = len(packs_at(place))
    clock.now += DAY
    collect(ann, 2 * DAY)

    assert kept == 2
    assert len(packs_at(place)) == 1


class RefusingRoots(BreakingObjects):
    """A place where a push breaks off before its root."""

    def __init__(self, place):
        super().__init__(place, None)

    def put(self, name, source, *, sent=None):
        if name.startswith("roots/"):
            raise RemoteError("cut off")
        super().put(name, source, sent=sent)


def test_where_nobody_knows_the_time_nothing_is_old(place, ann):
    place.clock = lambda: None
    gone = ann.add(noise(2, 60_000))
    ann.push([gone])

    collect(ann, 1.0, still=[])
    kept = packs_at(place)
    collect(ann, 0.0, still=[])

    assert len(kept) == 1
    assert packs_at(place) == set()


def test_the_roots_of_a_clone_become_one(place, tmp_path, ann):
    contents = [ann.add(noise(number, 5_000)) for number in range(3)]
    for content in contents:
        ann.push([content])

    collect(ann, still=contents[1:])

    assert len([name for name in place.names if name.startswith("roots/")]) == 1
    assert named(place, tmp_path / "look") == set(contents[1:])


def test_what_is_named_again_while_the_root_is_renewed_stays_named(place, tmp_path, ann):
    content = ann.add(noise(1, 50_000))
    ann.push([content])
    answers = iter([set(), {content}])

    with ann.remote() as remote, pool() as executor:
        apply_remote_collection(remote, order_of(ann), executor=executor, still_named=lambda: next(answers))

    assert named(place, tmp_path / "look") == {content}
    check_sound(place, tmp_path / "look")


def test_a_forgotten_clone_keeps_nothing_alive_after_the_grace_period(place, clock, tmp_path, ann, bob):
    mine, theirs = ann.add(noise(1, 50_000)), bob.add(noise(2, 50_000))
    ann.push([mine])
    bob.push([theirs])
    clock.now += 30 * DAY

    first = collect(ann, 14 * DAY, forget=bob.identity.id[:4])
    kept = len(packs_at(place))
    clock.now += 15 * DAY
    second = collect(ann, 14 * DAY)
    clock.now += 15 * DAY
    collect(ann, 14 * DAY)

    assert (first.packs_deleted, kept) == (0, 2)
    assert [need.is_forgotten for need in first.clones if need.id == bob.identity.id] == [True]
    assert (second.packs_deleted, len(packs_at(place))) == (1, 1)
    assert [name for name in place.names if name.startswith(f"roots/{bob.identity.id}")] == []
    assert named(place, tmp_path / "look") == {mine}


def test_a_forgotten_clone_that_lives_pushes_again(place, tmp_path, ann, bob):
    theirs = bob.add(noise(2, 50_000))
    bob.push([theirs])

    collect(ann, forget=bob.identity.id[:8])
    bob.push([theirs])

    assert named(place, tmp_path / "look") == {theirs}
    check_sound(place, tmp_path / "look")


@pytest.mark.parametrize("prefix", ["", "abc", "zzzz", "0" * 32])
def test_a_clone_that_is_not_known_cannot_be_forgotten(place, ann, prefix):
    ann.push([ann.add(noise(1, 1_000))])
    before = place.names

    with pytest.raises(UsageError):
        collect(ann, forget=prefix)

    assert place.names == before


def test_this_clone_cannot_be_forgotten(place, ann):
    ann.push([ann.add(noise(1, 1_000))])

    with pytest.raises(UsageError, match="this clone"):
        collect(ann, forget=ann.identity.id)


def test_nothing_goes_while_a_tree_cannot_be_walked(place, ann, bob):
    ann.push([ann.add(noise(1, 50_000))])
    theirs = bob.add_directory({b"a": noise(2, 50_000)})
    bob.push([theirs])
    packs = {name: set() for name in packs_at(place)}
    with bob.remote() as remote:
        remote.refresh(packs=True)
        place_of = remote.lookup.places([theirs.id])[0]
    place.delete(f"packs/{place_of.pack.hex()}.pack")
    before = place.names

    with pytest.raises(DataLossError, match=bob.identity.id[:8]):
        collect(ann, still=[])

    assert packs_at(place) == packs.keys() - {f"packs/{place_of.pack.hex()}.pack"}
    assert before - place.names == set()


def test_nothing_goes_while_a_root_is_damaged(place, ann, bob):
    gone = ann.add(noise(1, 50_000))
    ann.push([gone])
    bob.push([bob.add(noise(2, 50_000))])
    (root,) = (name for name in place.names if name.startswith(f"roots/{bob.identity.id}"))
    place.change(root, b"datav root 1\n")
    packs = packs_at(place)

    with pytest.raises(DataLossError, match=bob.identity.id[:8]):
        collect(ann, still=[])
    assert packs_at(place) == packs
    collect(ann, still=[], forget=bob.identity.id[:8])

    assert packs_at(place) == set()


def test_a_missing_chunk_is_told_and_hinders_nothing(place, ann):
    lost, gone = ann.add(b"small"), ann.add(noise(3, 50_000))
    ann.push([lost])
    (pack,) = packs_at(place)
    ann.push([gone])
    place.delete(pack)

    done = collect(ann, still=[lost])

    assert done.missing_chunks == 1
    assert packs_at(place) == set()


def test_a_pack_that_cannot_be_copied_stays(place, ann):
    contents = [ann.add(noise(number, 40_000)) for number in range(8)]
    ann.push(contents)
    (pack,) = packs_at(place)
    data = bytearray(place.read(pack))
    for at in range(100, len(data) - 5_000, 1_000):
        data[at] ^= 1
    place.change(pack, bytes(data))

    done = collect(ann, still=contents[2:4])

    assert done.damaged == [pack_named(pack.removeprefix("packs/")).short]
    assert packs_at(place) == {pack}
    with ann.remote() as remote:
        remote.refresh(packs=True)
        assert all(remote.lookup.contains(b"".join(content.id for content in contents)))


def test_nothing_goes_while_a_listed_pack_cannot_be_read(place, ann, bob):
    ann.push([ann.add(noise(1, 50_000))])
    bob.push([bob.add(noise(2, 50_000))])
    pack = min(packs_at(place))
    place.change(pack, place.read(pack)[:-10])

    with pytest.raises(IntegrityError):
        collect(ann, still=[])

    assert len(packs_at(place)) == 2


@pytest.fixture
def shared(place, ann):
    """Two indexes over one pack, each over a part of it; returns the names of both."""
    contents = [ann.add(noise(number, 40_000)) for number in range(8)]
    ann.push(contents)
    (name,) = (name for name in place.names if name.startswith("index/"))
    index = open_index(place.read(name), name)
    records = [*index.records()]
    names = []
    for part in (records[::2], records[1::2]):
        data = encode_index(index.packs, part)
        names.append(f"index/{blake3(data).hexdigest()}.idx")
        place.put(names[-1], data)
    place.delete(name)
    return names


def test_nothing_goes_while_an_index_is_damaged(place, ann, bob, shared):
    place.change(shared[1], place.read(shared[1])[:-1] + b"?")
    before = place.names

    for act in (collect, plan):
        with pytest.raises(IntegrityError, match=r"index .* is damaged.*nothing was deleted") as error:
            act(bob)
        assert error.value.hint == "run `datav repair --remote origin`"

    assert place.names == before


def test_nothing_goes_when_an_index_is_damaged_that_came_meanwhile(place, ann):
    contents = [ann.add(noise(number, 40_000)) for number in range(8)]
    ann.push(contents)
    packs = packs_at(place)
    bad = f"index/{'0' * 64}.idx"

    def spoil(verb, name):
        if verb == "put" and name.startswith("packs/"):
            place.put(bad, b"no index")

    ann.place = Hooked(place, spoil)
    with pytest.raises(IntegrityError, match="index 000000000000 of"):
        collect(ann, still=contents[:1])

    assert packs <= packs_at(place)
    assert not [name for name in place.names if name.startswith("collecting/")]


@pytest.mark.parametrize("damage", ["delete", "flip"])
def test_nothing_goes_while_another_command_changes_what_is_kept_here(place, ann, bob, shared, damage):
    before = {name for name in place.names if not name.startswith("roots/")}

    def disturb():
        # As a fetch with an older listing does.
        path = bob.cache / shared[1]
        if damage == "delete":
            path.unlink()
        else:
            flip(path, 200)
        return set()

    with bob.remote() as remote, pool() as executor, pytest.raises(BusyError, match="another command"):
        apply_remote_collection(remote, order_of(bob), executor=executor, still_named=disturb)
    kept = place.names
    collect(bob)

    assert before <= kept
    check_sound(place, bob.root / "look")


def test_an_index_that_came_too_late_to_be_read_stays(place, ann, bob, tmp_path):
    contents = [ann.add(noise(number, 40_000)) for number in range(8)]
    ann.push(contents)
    theirs = bob.add(noise(9, 30_000))
    ann.place = Hooked(place)

    with ann.remote() as remote, pool() as executor:

        def push(verb, name):
            if verb == "put" and name.startswith("index/") and ann.place.hook:
                ann.place.hook = None
                bob.push([theirs])
                remote.refresh()

        ann.place.hook = push
        apply_remote_collection(
            remote, order_of(ann), executor=executor, still_named=lambda: set(contents[:1])
        )

    assert named(place, tmp_path / "look") == {contents[0], theirs}
    check_sound(place, tmp_path / "look")


def test_a_remote_with_nothing_on_it(place, ann):
    assert collect(ann).packs_deleted == 0
    assert plan(ann).packs_deleted == 0
    assert place.names == set()


def test_in_a_directory(tmp_path):
    place = DirectoryObjects(tmp_path / "place")
    ann = TestClone(tmp_path / "ann", place)
    contents = [ann.add(noise(number, 40_000)) for number in range(8)]
    ann.push(contents)

    kept = collect(ann, 14 * DAY, still=contents[:2])
    done = collect(ann, still=contents[:2])

    assert (kept.packs_rewritten, done.packs_rewritten) == (0, 1)
    check_sound(place, tmp_path / "look")


def test_what_killed_writers_have_left_in_a_directory_goes_after_a_day(tmp_path):
    ann = TestClone(tmp_path / "ann", DirectoryObjects(tmp_path / "place"))
    content = ann.add(noise(1, 40_000))
    ann.push([content])
    drafts = tmp_path / "place" / "tmp"
    for name, age in (
        (f"{TEMPORARY_PREFIX}old", 2 * DAY),
        (f"{TEMPORARY_PREFIX}new", 0),
        ("theirs", 2 * DAY),
    ):
        path = drafts / name
        path.write_bytes(b"draft")
        then = path.stat().st_mtime - age
        os.utime(path, (then, then))

    collect(ann, still=[content])

    assert {path.name for path in drafts.iterdir()} == {f"{TEMPORARY_PREFIX}new", "theirs"}


# Claims: who else collects.


def claim(place, clone, packs=frozenset(), name="0" * 32):
    place.put(f"collecting/{name}", encode_collecting(Collecting(clone.identity.id, frozenset(packs))))


def test_two_collections_do_not_run_at_once(place, ann, bob):
    ann.push([ann.add(noise(1, 50_000))])
    claim(place, bob)
    before = place.names

    with pytest.raises(BusyError, match=bob.identity.id[:8]):
        collect(ann, still=[])

    assert place.names == before


@pytest.mark.parametrize("name", [".DS_Store", f"{'0' * 32}.sync-conflict-20261121", f"{'0' * 31}Z"])
def test_what_is_no_claim_of_ours_is_left_alone(place, ann, name):
    ann.push([ann.add(noise(1, 50_000))])
    place.put(f"collecting/{name}", b"stray")

    ann.push([ann.add(noise(2, 50_000))])
    collect(ann, still=[])

    assert packs_at(place) == set()
    assert [each for each in place.names if each.startswith("collecting/")] == [f"collecting/{name}"]


def test_a_claim_that_is_damaged_is_named(place, ann):
    ann.push([ann.add(noise(1, 50_000))])
    place.put(f"collecting/{'0' * 32}", b"datav collecting 1\n")

    with pytest.raises(FormatError, match=rf"collecting/{'0' * 32} of memory://place is damaged") as error:
        ann.push([ann.add(noise(2, 50_000))])

    assert error.value.hint == "if no `datav gc --remote` runs, delete it"


def test_the_claim_of_a_dead_collection_does_not_block_for_ever(place, clock, ann, bob):
    ann.push([ann.add(noise(1, 50_000))])
    claim(place, bob)
    clock.now += DAY

    done = collect(ann, still=[])

    assert done.packs_deleted == 1
    assert not [name for name in place.names if name.startswith("collecting/")]


def test_a_collection_that_was_killed_goes_on_where_it_ran(place, ann):
    ann.push([ann.add(noise(1, 50_000))])
    claim(place, ann)

    collect(ann, still=[])

    assert packs_at(place) == set()
    assert not [name for name in place.names if name.startswith("collecting/")]


def test_what_is_needed_in_a_pack_that_a_dead_collection_named_moves(place, tmp_path, ann):
    content = ann.add(noise(1, 50_000))
    ann.push([content])
    (pack,) = packs_at(place)
    claim(place, ann, [pack_named(pack.removeprefix("packs/"))])

    collect(ann, still=[content])

    assert pack not in packs_at(place)
    assert len(packs_at(place)) == 1
    check_sound(place, tmp_path / "look")
    assert not [name for name in place.names if name.startswith("collecting/")]


def test_a_collection_that_another_has_replaced_stops(place, ann):
    contents = [ann.add(noise(number, 40_000)) for number in range(8)]
    ann.push(contents)
    ann.place = Hooked(place)
    before = packs_at(place)

    def lose_claim(verb, name):
        if verb == "put" and name.startswith("index/"):
            for each in [each for each in place.names if each.startswith("collecting/")]:
                place.delete(each)

    ann.place.hook = lose_claim
    with pytest.raises(BusyError, match="stopped so long"):
        collect(ann, still=contents[:1])

    assert before <= packs_at(place)


# Interleaving: for each request of the one all of the other.


class Hooked(BreakingObjects):
    """A place that calls somebody before each request."""

    def __init__(self, place, hook=None):
        super().__init__(place, None)
        self.hook = hook

    def list(self, directory):
        self._call("list", directory)
        return super().list(directory)

    def read(self, name, start=0, end=None):
        self._call("read", name)
        return super().read(name, start, end)

    def put(self, name, source, *, sent=None):
        self._call("put", name)
        super().put(name, source, sent=sent)

    def delete(self, name):
        self._call("delete", name)
        super().delete(name)

    def _call(self, verb, name):
        if self.hook is not None:
            self.hook(verb, name)


class OnceAt:
    """Calls `act` before request number `at`, in a thread of no executor that waits for it."""

    def __init__(self, at, act):
        self.at, self.act, self.asked = at, act, 0

    def __call__(self, verb, name):
        number, self.asked = self.asked, self.asked + 1
        if number == self.at:
            self.act()


class World:
    """Two clones that share some data, and a third whose old data goes."""

    def __init__(self, root, clock):
        self.root = root
        self.place = MemoryObjects(clock=clock)
        self.ann = TestClone(root / "ann", self.place, jobs=1)
        self.bob = TestClone(root / "bob", self.place, jobs=1)
        data = text(1, 60_000)
        self.versions = [self.ann.add(data)]
        for number in range(1, 4):
            data = edited(data, 12_000 * number, b"v%d" % number)
            self.versions.append(self.ann.add(data, self.versions[-1]))
        for each in self.versions:
            self.ann.push([each])
        self.ann.push([self.ann.add(noise(9, 30_000)), self.ann.add(noise(8, 10_000))])
        # What bob pushes is there in part, and about to go.
        self.bob_first = self.bob.add(text(1, 60_000))
        self.bob_second = self.bob.add(edited(data, 50_000, b"bob"), self.bob_first)
        self.bob_new = [
            self.bob_second,
            self.bob.add(noise(9, 30_000)),
            self.bob.add_directory({b"x": noise(9, 30_000), b"y": b"y"}),
        ]

    def collect(self):
        return collect(self.ann, still=self.versions[2:3], near=False)

    def push(self):
        return self.bob.push(self.bob_new)

    def check(self, look):
        assert named(self.place, look) >= {*self.bob_new, self.versions[2]}
        check_sound(self.place, look)
        self.check_readable(look)

    def check_readable(self, look):
        """What live roots name can be had, also while a collection has broken off."""
        reader = TestClone(self.root / f"reader-{look.name}", self.place)
        needed = [*self.bob_new[:2], self.versions[2]]
        reader.fetch([*needed, *self.bob_new])
        assert [reader.read(each) for each in needed[:2]] == [self.bob.read(each) for each in needed[:2]]
        assert reader.read(needed[2]) == self.ann.read(needed[2])


def count_requests(root, clock, actor, act):
    world = World(root, clock)
    hook = OnceAt(-1, None)
    getattr(world, actor).place = Hooked(world.place, hook)
    act(world)
    return hook.asked


def test_a_push_before_any_request_of_a_collection_loses_nothing(tmp_path, clock):
    count = count_requests(tmp_path / "count", clock, "ann", World.collect)
    assert count > 20

    for at in range(count):
        world = World(tmp_path / str(at), clock)
        hook = OnceAt(at, world.push)
        world.ann.place = Hooked(world.place, hook)

        world.collect()

        assert hook.asked > at
        world.check(tmp_path / f"look-{at}")


def test_a_collection_before_any_request_of_a_push_loses_nothing(tmp_path, clock):
    count = count_requests(tmp_path / "count", clock, "bob", World.push)

    for at in range(count):
        world = World(tmp_path / str(at), clock)
        world.bob.place = Hooked(world.place, OnceAt(at, world.collect))

        world.push()

        world.check(tmp_path / f"look-{at}")


def test_a_push_that_was_killed_before_it_looked_again_is_looked_after_by_the_next(tmp_path, clock):
    world = World(tmp_path / "count", clock)
    asked = []
    world.bob.place = Hooked(world.place, lambda *request: asked.append(request))
    world.push()
    named_at = next(number for number, (_, name) in enumerate(asked) if name.startswith("roots/"))

    for at, later in itertools.product((named_at - 1, named_at), (1, 2, 3)):
        world = World(tmp_path / f"{at}-{later}", clock)
        hook = OnceAt(at, world.collect)
        world.bob.place = Hooked(BreakingObjects(world.place, at + later), hook)
        with pytest.raises(RemoteError):
            world.push()

        world.bob.place = world.place
        world.push()

        world.check(tmp_path / f"look-{at}-{later}")
        assert [*(world.bob.cache / "unsure").iterdir()] == []


def test_a_collection_before_any_request_of_another_loses_nothing(tmp_path, clock):
    count = count_requests(tmp_path / "count", clock, "ann", World.collect)

    for at in range(count):
        world = World(tmp_path / str(at), clock)
        world.push()

        def other(world=world):
            with contextlib.suppress(BusyError):
                collect(world.bob, still=world.bob_new, near=False)

        world.ann.place = Hooked(world.place, OnceAt(at, other))

        with contextlib.suppress(BusyError):
            world.collect()

        world.check(tmp_path / f"look-{at}")


@pytest.mark.parametrize("is_done", [False, True])
def test_a_collection_that_is_killed_at_any_request_is_finished_by_the_next(tmp_path, clock, is_done):
    count = count_requests(tmp_path / "count", clock, "ann", World.collect)

    for at in range(count):
        world = World(tmp_path / str(at), clock)
        world.push()
        world.ann.place = BreakingObjects(world.place, at, is_done=is_done)
        with pytest.raises(RemoteError):
            world.collect()
        world.check_readable(tmp_path / f"look-{at}")

        world.ann.place = world.place
        world.collect()

        world.check(tmp_path / f"look-{at}-again")
        assert not [name for name in world.place.names if name.startswith("collecting/")]
        assert verify_place(world.place, tmp_path / f"look-{at}").unindexed_packs == ()
