"""datav.tables.pairs: rows side by side, whatever the order of the second version."""

from random import Random

import numpy as np
import pyarrow as pa
import pytest

from datav.storage.scratch import Scratch
from datav.tables import pairs
from datav.tables.pairs import Pairs
from datav.tables.version import View


class Rows:
    """A version of two columns: the number of a row, and a text; says which rows were read together."""

    def __init__(self, size: int) -> None:
        self.texts = [f"{number}".encode() * (number % 3) for number in range(size)]
        self.reads: list[int] = []

    def take(self, places, columns, types):
        found = places.tolist()
        assert found == sorted(found)
        self.reads.append(len(found))
        cells = (pa.array(found, pa.int64()), pa.array([self.texts[n] for n in found], pa.large_binary()))
        return pa.Table.from_arrays([cells[n] for n in columns], names=[f"c{n}" for n in columns])


VIEW = View((1, 0), (), (pa.large_binary(), pa.int64()))


def told(places, before: Rows, after: Rows) -> list[tuple]:
    """Return the rows that come out, twice."""
    with Scratch() as scratch:
        both = Pairs(before, after, places, scratch)
        first, second = (
            [
                (tuple(old.values()), tuple(new.values()))
                for window in both.windows(VIEW, VIEW)
                for tables in [window()]
                for old, new in zip(*(table.to_pylist() for table in tables), strict=True)
            ]
            for _ in range(2)
        )
    assert first == second
    return first


def wanted(places, before: Rows, after: Rows) -> list[tuple]:
    rows = zip(*(side.tolist() for side in places), strict=True)
    return [((before.texts[old], old), (after.texts[new], new)) for old, new in rows]


def order_of(kind: str, rng: Random, size: int) -> list[int]:
    order = list(range(size))
    match kind:
        case "shuffled":
            rng.shuffle(order)
        case "reversed":
            order.reverse()
        case "halves":
            order = order[size // 2 :] + order[: size // 2]
        case "nearly":
            for _ in range(3):
                order.insert(rng.randrange(size), order.pop(rng.randrange(size)))
    return order


@pytest.mark.parametrize("kind", ["same", "shuffled", "reversed", "halves", "nearly"])
@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("scattered", [0, 8, 10**9])
@pytest.mark.parametrize("window", [1, 7, 1000])
def test_rows_come_in_step_in_the_order_of_the_first_version(monkeypatch, kind, size, scattered, window):
    monkeypatch.setattr(pairs, "WINDOW_ROWS", window)
    monkeypatch.setattr(pairs, "_SCATTERED", scattered)
    rng = Random(size)
    first = np.array(sorted(rng.sample(range(3 * size), size)), np.uint64)
    second = np.array(sorted(rng.sample(range(3 * size), size)), np.uint64)[order_of(kind, rng, size)]
    before, after = Rows(3 * size), Rows(3 * size)

    assert told((first, second), before, after) == wanted((first, second), before, after)


def test_no_pairs_have_no_windows():
    none = np.zeros(0, np.uint64)

    assert told((none, none), Rows(0), Rows(0)) == []


def test_a_scattered_version_is_read_once_from_front_to_back(monkeypatch):
    monkeypatch.setattr(pairs, "WINDOW_ROWS", 10)
    places = np.arange(1000, dtype=np.uint64)
    shuffled = places.copy()
    np.random.default_rng(0).shuffle(shuffled)
    before, after = Rows(1000), Rows(1000)
    last = -1

    def take(places, columns, types, take=after.take):
        nonlocal last
        assert places[0] > last
        last = int(places[-1])
        return take(places, columns, types)

    after.take = take
    with Scratch() as scratch:
        for window in Pairs(before, after, (places, shuffled), scratch).windows(VIEW, VIEW):
            window()

    assert sum(after.reads) == 1000
