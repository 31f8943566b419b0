"""datav.tables.moving: against a longest common order found by trying."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from random import Random

import numpy as np
import pytest

from datav.tables.moving import find_moved
from datav.tables.options import DiffOptions
from datav.tables.views import choose_views
from tests.support.rowtwin import PlainTable, Rules, diff_rows
from tests.support.texts import compare_all, csv_records, text_version


def moved(before: list[str], after: list[str], key: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the rows that moved, of each version, in step."""
    versions = [text_version("\n".join(["id,x", *rows]).encode()) for rows in (before, after)]
    with ThreadPoolExecutor(1) as executor:
        places = find_moved(choose_views(*versions, DiffOptions(key=key)), executor, 7)
    assert places[0].tolist() == sorted(set(places[0].tolist()))
    found = []
    for version, at in zip(versions, places, strict=True):
        order = np.argsort(at)
        cells = version.take(at[order], (0, 1), (None, None)).to_pylist()
        rows = [f"{row['id'].decode()},{row['x'].decode()}" for row in cells]
        found.append([rows[number] for number in np.argsort(order)])
    return found[0], found[1]


def longest_common_order(before: list[str], after: list[str]) -> int:
    """By trying all of them; rows are unique."""
    both = [row for row in before if row in after]
    places = [after.index(row) for row in both]
    for size in range(len(places), 0, -1):
        if any(list(chosen) == sorted(chosen) for chosen in combinations(places, size)):
            return size
    return 0


@pytest.mark.parametrize("seed", range(60))
def test_as_few_rows_move_as_can(seed):
    rng = Random(seed)
    rows = [f"{number},v" for number in range(rng.randrange(9))]
    before = rng.sample(rows, rng.randint(0, len(rows)))
    after = rng.sample(rows, rng.randint(0, len(rows)))
    both = [row for row in before if row in after]

    for key in ((), ("id",)):
        old, new = moved(before, after, key)

        assert old == new
        assert len(old) == len(both) - longest_common_order(before, after)
        stayed = [row for row in both if row not in old]
        assert stayed == [row for row in after if row in stayed]


def test_one_row_of_many_moves():
    rows = [f"{number},v" for number in range(2000)]
    after = [*rows[:10], rows[1500], *rows[10:1500], *rows[1501:]]

    assert moved(rows, after, ("id",)) == (["1500,v"], ["1500,v"])


def test_the_shorter_of_two_blocks_moves():
    rows = [f"{number},v" for number in range(100)]

    assert moved(rows, rows[70:] + rows[:70], ("id",))[0] == rows[70:]


def test_changed_rows_move_by_their_key():
    assert moved(["1,a", "2,b", "3,c"], ["3,z", "1,a", "2,b"], ("id",)) == (["3,c"], ["3,z"])


def test_equal_rows_stay_in_their_order():
    assert moved(["1,a", "1,a", "2,b"], ["1,a", "2,b", "1,a"], ()) in (
        (["1,a"], ["1,a"]),
        (["2,b"], ["2,b"]),
    )
    assert moved(["1,a"] * 5, ["1,a"] * 9, ()) == ([], [])


def test_rows_of_a_key_that_is_not_unique_move_by_their_cells():
    assert moved(["1,a", "1,b", "2,c"], ["1,b", "1,a", "2,c"], ("id",))[0] in (["1,a"], ["1,b"])
    assert moved(["1,a", "1,b", "2,c"], ["2,c", "1,z"], ("id",)) == ([], [])


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("key", [(), ("id",)])
def test_the_number_of_moved_rows_is_that_of_the_twin(seed, key):
    rng = Random(seed)
    keys = rng.choice((4, 1000))
    texts, tables = [], []
    rows = [f"{rng.randrange(keys)},{rng.choice('ab')}" for _ in range(25)]
    for _ in range(2):
        texts.append(("id,x\n" + "\n".join(rows) + "\n").encode())
        version = text_version(texts[-1])
        records = csv_records(texts[-1], version.dialect)[1:]
        cells = [{"id": row[0].decode(), "x": row[1].decode()} for row in records]
        tables.append(PlainTable(("id", "x"), cells))
        for _ in range(4):
            rows.insert(rng.randrange(len(rows)), rows.pop(rng.randrange(len(rows))))
            rows[rng.randrange(len(rows))] = f"{rng.randrange(keys)},{rng.choice('ab')}"

    found, changes = compare_all(*map(text_version, texts), DiffOptions(key=key, ordered=True))

    wanted = diff_rows(*tables, Rules(key=key, ordered=True))
    assert found.rows.moved == wanted.moved
    assert sum(change.op == "moved" for change in changes) == wanted.moved
    assert (found.rows.added, found.rows.removed) == (wanted.added, wanted.removed)
