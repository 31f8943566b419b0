"""Repairing a remote while others push to it or collect it, and in more than one index."""

import pytest

from datav.errors import BusyError
from datav.store.claims import Claim
from datav.store.remoterepairing import repair_remote_store
from datav.store.verifying import verify_store
from tests.support.objects import MemoryObjects
from tests.unit.store.remotes import TestClone, lacking, verify_place
from tests.unit.store.stores import noise, pool
from tests.unit.store.test_remotecollecting import Hooked, packs_at

DAY = 24 * 3600.0


def mend(clone):
    with clone.remote() as remote, pool() as executor:
        claim = Claim(remote, clone.identity.id, 14 * DAY)
        try:
            claim.put(frozenset())
            remote.refresh(packs=True, again=True)
            dead = claim.find_dead()
            found = verify_store(remote.unbelieving_packs, remote.lookup, remote.executor)
            done = repair_remote_store(clone.store, remote, found, claim, dead, executor)
            claim.end()
        finally:
            claim.give_up()
    return done


def indexes_at(place):
    return {name for name in place.names if name.startswith("index/")}


def damage(place, name):
    data = bytearray(place.read(name))
    data[50] ^= 1
    place.change(name, bytes(data))


@pytest.fixture
def place():
    return MemoryObjects()


@pytest.fixture
def ann(tmp_path, place):
    return TestClone(tmp_path / "ann", place)


@pytest.fixture
def bob(tmp_path, place):
    return TestClone(tmp_path / "bob", place)


@pytest.fixture
def carol(tmp_path, place):
    """A clone that has nothing."""
    return TestClone(tmp_path / "carol", place)


def test_a_pack_that_is_put_again_meanwhile_stays(tmp_path, place, ann, bob, carol):
    ann.push([ann.add(noise(1, 1_000))])
    theirs = bob.add(noise(1, 1_000))
    (pack,), (index,) = packs_at(place), indexes_at(place)
    damage(place, pack)
    place.delete(index)
    claims = []

    def push(verb, name):
        if verb == "put" and name.startswith("collecting/"):
            claims.append(name)
            # Just before it is said what goes.
            if len(claims) == 2:
                bob.push([theirs])

    carol.place = Hooked(place, push)
    mend(carol)

    assert pack in packs_at(place)
    assert lacking(place, tmp_path / "look") == []
    assert verify_place(place, tmp_path / "look").ok


def test_a_lost_pack_that_is_put_again_meanwhile_is_listed(tmp_path, place, ann, bob, carol):
    ann.push([ann.add(noise(1, 1_000))])
    theirs = bob.add(noise(1, 1_000))
    (pack,) = packs_at(place)
    place.delete(pack)
    claims = []

    def push(verb, name):
        if verb == "put" and name.startswith("collecting/"):
            claims.append(name)
            if len(claims) == 2:
                bob.push([theirs])

    carol.place = Hooked(place, push)
    mend(carol)

    assert packs_at(place) == {pack}
    assert lacking(place, tmp_path / "look") == []
    assert verify_place(place, tmp_path / "look").unindexed_packs == ()


def test_a_repair_that_another_has_replaced_deletes_no_pack(place, ann):
    ann.push([ann.add(noise(1, 1_000))])
    (pack,) = packs_at(place)
    damage(place, pack)

    def lose_claim(verb, name):
        if verb == "delete" and name.startswith("index/"):
            for each in [each for each in place.names if each.startswith("collecting/")]:
                place.delete(each)

    ann.place = Hooked(place, lose_claim)
    with pytest.raises(BusyError, match="stopped so long"):
        mend(ann)

    assert pack in packs_at(place)


def test_what_is_good_is_listed_in_several_indexes_when_it_is_much(tmp_path, place, ann, monkeypatch):
    for number in range(4):
        ann.push([ann.add(noise(number, 1_000))])
    damage(place, min(packs_at(place)))
    monkeypatch.setattr("datav.store.remoteindexing.INDEX_FRAMES", 1)

    mend(ann)

    assert len(indexes_at(place)) > 2
    assert lacking(place, tmp_path / "look") == []
    assert verify_place(place, tmp_path / "look").ok
