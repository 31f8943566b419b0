"""What was put is checked whatever a place says, asking is repeated where that helps, and people are told."""

import hashlib
from dataclasses import dataclass, field

import pytest

from datav.errors import MissingObjectError, RefusedError, RemoteError, StorageError
from datav.storage.attempts import Attempt, Failure, Outcome, Patience
from datav.storage.bodies import Body
from datav.storage.distant import DistantObjects, Stored
from datav.storage.objects import ObjectInfo


@dataclass
class OnePlace:
    """A place of one object, which fails and lies as it is told."""

    shown: str = "fake://place"
    can_write: bool = True
    failures: list[Exception] = field(default_factory=list)
    """One for each request, while there are any."""
    says: list[Stored | None] = field(default_factory=list)
    """What it says that it has, after a put and when asked.  None is the truth, and so is what follows."""
    damaged: int = 0
    """So many puts change a byte."""
    data: bytes | None = None
    asked: list[str] = field(default_factory=list)

    def list(self, directory: str, attempt: Attempt) -> dict[str, ObjectInfo]:
        self._ask("list")
        return {}

    def read(self, name: str, start: int, end: int | None, attempt: Attempt) -> bytes:
        self._ask("read")
        if self.data is None:
            raise Failure(Outcome.MISSING, "404")
        return self.data[start:end]

    def put(self, name: str, body: Body, attempt: Attempt) -> Stored:
        with body.reading(attempt) as reader:
            self.data = reader.read()
        self._ask("put")
        if self.damaged:
            self.damaged -= 1
            self.data = b"!" + self.data[1:]
        return self._stored()

    def look(self, name: str, attempt: Attempt) -> Stored:
        self._ask("look")
        return self._stored()

    def delete(self, name: str, attempt: Attempt) -> None:
        self._ask("delete")

    def failure(self, exc: Exception) -> Failure | None:
        return Failure(Outcome.AGAIN, str(exc)) if isinstance(exc, OSError) else None

    def close(self) -> None:
        self.asked.append("close")

    def _ask(self, verb: str) -> None:
        self.asked.append(verb)
        if self.failures:
            raise self.failures.pop(0)

    def _stored(self) -> Stored:
        said = self.says.pop(0) if self.says else None
        return said or Stored(len(self.data), hashlib.md5(self.data).digest())


def reach(place: OnePlace) -> DistantObjects:
    return DistantObjects(place, Patience(attempts=3, first_s=0))


def test_a_checksum_that_is_right_is_enough():
    place = OnePlace()

    reach(place).put("a", b"data")

    assert place.asked == ["put"]


def test_a_checksum_that_is_not_said_is_asked_for():
    place = OnePlace(says=[Stored(None, None)])

    reach(place).put("a", b"data")

    assert place.asked == ["put", "look"]


@pytest.mark.parametrize("said", [Stored(4, None), Stored(None, None)])
def test_where_there_are_no_checksums_it_is_read_back(said):
    place = OnePlace(says=[Stored(None, None), said])

    reach(place).put("a", b"data")

    assert place.asked == ["put", "look", "read"]


def test_a_checksum_of_something_else_is_no_proof_of_damage():
    place = OnePlace(says=[Stored(None, bytes(16))])

    reach(place).put("a", b"data")

    assert place.asked == ["put", "read"]


def test_what_is_damaged_is_put_again():
    place = OnePlace(damaged=1)

    reach(place).put("a", b"data")

    assert place.asked == ["put", "read", "put"]
    assert place.data == b"data"


def test_a_size_that_is_wrong_is_enough_to_put_again():
    place = OnePlace(says=[Stored(3, None), Stored(3, None)])

    reach(place).put("a", b"data")

    assert place.asked == ["put", "look", "put"]


def test_what_is_damaged_twice_is_told():
    with pytest.raises(RemoteError) as error:
        reach(OnePlace(damaged=2)).put("a", b"data")

    assert "fake://place/a" in str(error.value)


def test_what_is_longer_than_what_was_sent_is_not_it():
    place = OnePlace(says=[Stored(None, bytes(16))] * 2)
    objects = reach(place)
    body = Body(b"data", None)
    place.data = b"data and more"

    assert not objects._reads_back("a", body)


def test_it_is_asked_again_until_it_answers():
    place = OnePlace(failures=[Failure(Outcome.AGAIN, "busy"), OSError("reset")])

    assert reach(place).list("packs") == {}
    assert place.asked == ["list"] * 3


def test_it_is_not_asked_for_ever():
    place = OnePlace(failures=[Failure(Outcome.AGAIN, "busy")] * 9)

    with pytest.raises(RemoteError) as error:
        reach(place).read("a")

    assert place.asked == ["read"] * 3
    assert str(error.value) == "cannot read fake://place/a: busy, after 3 attempts"
    assert error.value.hint


@pytest.mark.parametrize(
    ("outcome", "error"),
    [(Outcome.REFUSED, RefusedError), (Outcome.MISSING, MissingObjectError), (Outcome.NEVER, RemoteError)],
)
def test_what_has_no_hope_is_asked_once(outcome, error):
    place = OnePlace(failures=[Failure(outcome, "no", hint="do this")])

    with pytest.raises(error) as raised:
        reach(place).read("a")

    assert place.asked == ["read"]
    assert raised.value.hint == "do this"


def test_a_bug_is_a_bug():
    with pytest.raises(ZeroDivisionError):
        reach(OnePlace(failures=[ZeroDivisionError()])).list("packs")


def test_what_goes_twice_is_told_once():
    place = OnePlace(failures=[Failure(Outcome.AGAIN, "busy")])
    sent = []

    reach(place).put("a", b"data", sent=sent.append)

    assert place.asked == ["put", "put"]
    assert sum(sent) == 4


def test_a_directory_that_is_missing_is_empty_and_what_is_missing_is_deleted():
    objects = reach(OnePlace(failures=[Failure(Outcome.MISSING, "404")] * 2))

    assert objects.list("packs") == {}
    objects.delete("a")


def test_a_place_that_is_missing_is_not_put_to():
    with pytest.raises(RemoteError) as error:
        reach(OnePlace(failures=[Failure(Outcome.MISSING, "404")])).put("a", b"")

    assert not isinstance(error.value, MissingObjectError)


def test_what_cannot_be_read_here_is_no_fault_of_the_place(tmp_path):
    place = OnePlace()

    with pytest.raises(StorageError) as error:
        reach(place).put("a", tmp_path / "gone")

    assert not isinstance(error.value, RemoteError)
    assert place.asked == []


def test_after_closing_nothing_is_waited_for():
    place = OnePlace(failures=[Failure(Outcome.AGAIN, "busy")] * 9)
    objects = DistantObjects(place, Patience(first_s=1000, longest_s=1000))
    objects.close()

    with pytest.raises(RemoteError):
        objects.read("a")

    assert place.asked == ["close", "read"]
