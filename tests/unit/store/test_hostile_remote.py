"""A remote that lies: one clear error, memory that stays bounded, and nothing bad in the local store."""

import contextlib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from datav.errors import DatavError, FormatError
from datav.formats.entry import Content
from datav.formats.tree import DIRECTORY
from datav.ids import NodeId
from datav.storage.objects import ObjectInfo
from datav.store.trees import read_directory
from tests.support.objects import MemoryObjects
from tests.unit.store.forging import ATTACKS, FORMATS, ROOTS, Forger, put_hostile_root, put_lying_contents
from tests.unit.store.remotes import BreakingObjects, TestClone, lacking
from tests.unit.store.stores import noise

# Of Python's and numpy's allocations, whatever the remote claims: runs in flight, a window of ids, nodes.
_BOUND = 400 * 2**20


@pytest.fixture
def place():
    return MemoryObjects()


@pytest.fixture
def victim(tmp_path, place):
    return TestClone(tmp_path / "victim", place)


def _use(victim: TestClone, content: Content) -> None:
    """Fetch, and read as a checkout would."""
    fetched = victim.fetch([content])
    if fetched.missing:
        raise FormatError("missing")
    if content.depth and victim.store.reader.read_node(NodeId(content.id))[0] == DIRECTORY:
        read_directory(victim.store.reader, content)
    else:
        victim.read(content)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_an_error_and_nothing_else(place, victim, attack):
    content = attack(Forger(place))
    tracemalloc.start()
    try:
        with pytest.raises(DatavError) as error:
            _use(victim, content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < _BOUND
    assert len(str(error.value)) < 500
    assert victim.verify().ok
    assert victim.leftovers() == []


@pytest.mark.parametrize(
    "attack",
    [ATTACKS[name] for name in sorted(ATTACKS.keys() - FORMATS)],
    ids=sorted(ATTACKS.keys() - FORMATS),
)
def test_who_pushes_to_it_is_not_misled(tmp_path, place, victim, attack):
    attack(Forger(place))
    honest = victim.add(noise(1, 20_000))

    victim.push([honest])

    other = TestClone(tmp_path / "other", place)
    assert other.fetch([honest]).missing == []
    assert other.read(honest) == noise(1, 20_000)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_pushed_to_what_is_no_store_of_ours(place, victim, name):
    ATTACKS[name](Forger(place))
    before = place.names

    with pytest.raises(FormatError, match="which this datav does not know"):
        victim.push([victim.add(noise(1, 20_000))])

    assert place.names == before


@pytest.mark.parametrize("kind", ROOTS)
def test_a_hostile_root_keeps_nobody_from_working(tmp_path, place, victim, kind):
    Forger(place)
    put_hostile_root(place, kind)
    honest = victim.add(noise(1, 20_000))

    victim.push([honest])

    other = TestClone(tmp_path / "other", place)
    other.fetch([honest])
    assert other.read(honest) == noise(1, 20_000)


def test_a_table_of_contents_that_lies_keeps_no_chunk_from_coming(place, victim):
    content = put_lying_contents(Forger(place))

    fetched = victim.fetch([content])

    assert fetched.missing == []
    assert victim.read(content) == b"".join(b"%4d" % number * 300 for number in range(80))
    assert victim.verify().ok


def test_names_that_are_none_of_ours_are_passed_over(tmp_path, place, victim):
    honest = victim.add(noise(1, 20_000))
    victim.push([honest])

    class Crowded(BreakingObjects):
        """A million odd names in each listing."""

        odd = {
            name: ObjectInfo(10, 0.0, None)
            for number in range(200_000)
            for name in (
                f"../../evil-{number}",
                f"{number}",
                f"\x1b[2J{number}.idx",
                f"{'0' * 63}\n{number}.pack",
                "",
            )
        }

        def list(self, directory):
            return {**self.odd, **super().list(directory)}

    other = TestClone(tmp_path / "a/b/c/other", Crowded(place, None))
    assert other.fetch([honest]).missing == []
    more = other.add(noise(2, 20_000))
    other.push([more])

    assert other.read(honest) == noise(1, 20_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "victim"]
    assert lacking(place, tmp_path / "a/look") == []


@pytest.mark.parametrize("directory", ["index", "roots", "packs", "collecting"])
def test_an_object_of_a_terabyte_is_not_read(tmp_path, place, victim, directory):
    honest = victim.add(noise(1, 20_000))
    victim.push([honest])
    if directory == "collecting":
        place.put("collecting/" + "0" * 32, b"datav")

    class Huge(BreakingObjects):
        def list(self, name):
            listed = super().list(name)
            if name != directory:
                return listed
            return {each: info._replace(size=2**40) for each, info in listed.items()}

        def read(self, name, start=0, end=None):
            assert end is None or end - start < 2**31, f"{end - start} bytes of {name} are asked for"
            return super().read(name, start, end)

    other = TestClone(tmp_path / "other", Huge(place, None))
    more = other.add(noise(2, 20_000))
    for action in (lambda: other.fetch([honest]), lambda: other.push([more])):
        with contextlib.suppress(DatavError):
            action()

    assert other.verify().ok


def test_a_name_that_is_listed_and_never_there_ends(tmp_path, place, victim):
    victim.push([victim.add(noise(1, 20_000))])

    class Ghost(BreakingObjects):
        def list(self, name):
            found = super().list(name)
            return {**found, "0" * 64 + ".idx": ObjectInfo(1000, 0.0, None)} if name == "index" else found

    other = TestClone(tmp_path / "other", Ghost(place, None))
    with pytest.raises(DatavError, match="lists what is not there"):
        other.fetch([])

    assert other.place.asked < 200


def test_commands_beside_each_other_meet_the_same_lies(place, victim):
    content = ATTACKS["a wrong chunk"](Forger(place))

    def fetch(_: int) -> str:
        try:
            _use(victim, content)
        except DatavError as error:
            return error.code
        return "fine"

    with ThreadPoolExecutor(3) as executor:
        assert set(executor.map(fetch, range(6))) == {"integrity"}
    assert victim.verify().ok
