"""What rules decide of merges, against the twin and against plain Python.

DATAV_MERGE_SEEDS and DATAV_MERGE_ROUNDS as in test_merge_laws.py.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import pyarrow as pa
import pytest

from datav.errors import TableError
from datav.merging.options import MergeOptions
from datav.settings.merge import ColumnRule, MergeSettings
from tests.support.mergetold import Version, merged, text_version_of
from tests.support.mergetwin import TwinConflict, TwinRules, bag_of, merge_plain
from tests.support.randomtables import arrow_table, write_arrow, write_parquet
from tests.support.rowtwin import PlainTable

SEEDS = range(int(os.environ.get("DATAV_MERGE_SEEDS", "3")))
ROUNDS = int(os.environ.get("DATAV_MERGE_ROUNDS", "25"))
NUMBERS = ("", "0", "1", "2", "10", "-3", "0.5", "x")
WHEN = ("", "2024-01-02", "2024-01-10", "2023-12-31")

with_seeds = pytest.mark.parametrize("seed", SEEDS)


def rounds(seed: int, name: str) -> Iterator[Random]:
    for number in range(ROUNDS):
        yield Random(f"{name} {seed} {number}")


def random_sides(rng: Random) -> list[Version]:
    """Versions with an id, a number, a date and a text; every side changes much."""
    rows = {f"k{number}": [rng.choice(pool) for pool in (NUMBERS, WHEN, "abc")] for number in range(8)}
    found = [rows]
    for _ in range(2):
        side = {key: list(row) for key, row in rows.items()}
        for _ in range(rng.randint(0, 12)):
            key = f"k{rng.randrange(11)}"
            if rng.random() < 0.1:
                side.pop(key, None)
                continue
            row = side.setdefault(key, ["5", "", "a"])
            column = rng.randrange(3)
            row[column] = rng.choice((NUMBERS, WHEN, "abc")[column])
        found.append(side)
    return [
        text_version_of("id,v,w,t", *(",".join([key, *row]) for key, row in side.items())) for side in found
    ]


@dataclass(frozen=True)
class Ruled:
    """What rules say of a conflict, for the twin."""

    versions: Sequence[Version]
    rules: dict[str, ColumnRule]

    def __call__(self, conflict: TwinConflict) -> str | None:
        rule = self.rules.get(conflict.column or "")
        if rule is None or rule.take in ("ours", "theirs"):
            return rule and rule.take
        column = rule.by if rule.take == "newest" else conflict.column
        ours, theirs = (self.cell(version, conflict, str(column)) for version in self.versions[1:])
        if "" in (ours, theirs) or rule.take == "sum-of-changes":
            return None
        try:
            is_ours, is_theirs = float(ours) > float(theirs), float(theirs) > float(ours)
        except ValueError:
            is_ours, is_theirs = ours > theirs, theirs > ours
        if rule.take == "min":
            is_ours, is_theirs = is_theirs, is_ours
        return "ours" if is_ours else "theirs" if is_theirs else None

    def cell(self, version: Version, conflict: TwinConflict, column: str) -> str:
        (row,) = (row for row in version.plain.rows if row["id"] == conflict.key[0])
        return str(row[column])


def summed(base: object, ours: object, theirs: object) -> str | None:
    try:
        numbers = [float(str(cell)) for cell in (base or "0", ours, theirs)]
    except ValueError:
        return None
    return f"{numbers[1] + numbers[2] - numbers[0]:g}"


def as_numbers(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return rows with numbers written one way."""
    found = []
    for row in rows:
        cell = str(row["v"])
        found.append({**row, "v": cell if cell in ("", "x") else f"{float(cell):g}"})
    return found


@with_seeds
def test_rules_of_columns_decide_what_both_sides_changed(seed):
    for rng in rounds(seed, "rules"):
        versions = random_sides(rng)
        takes = [ColumnRule(take) for take in ("ours", "theirs", "max", "min", "sum-of-changes")]
        rules = {
            "v": rng.choice([*takes, ColumnRule("newest", "w")]),
            "w": rng.choice(takes[:4]),
            "t": rng.choice([ColumnRule("newest", "w"), ColumnRule("newest", "none"), ColumnRule("min")]),
        }
        if rules["t"].by == "none":
            del rules["t"]
        sums = {"v": summed} if rules["v"].take == "sum-of-changes" else {}

        found = merged(versions, MergeOptions(("id",), MergeSettings(columns=rules)))
        twin = merge_plain(
            *(version.plain for version in versions),
            TwinRules(("id",), decide=Ruled(versions, rules), sums=sums),
        )

        assert found.conflicts == twin.conflicts
        assert bag_of(as_numbers(found.rows), found.names) == bag_of(as_numbers(twin.rows), twin.names)


@with_seeds
def test_union_keeps_the_rows_that_either_side_has(seed):
    for rng in rounds(seed, "union"):
        versions = random_sides(rng)

        found = merged(versions, MergeOptions(("id",), MergeSettings(take="union")))
        twin = merge_plain(*(version.plain for version in versions), TwinRules(("id",), is_union=True))

        assert found.conflicts == twin.conflicts
        assert all(item.kind != "delete_modify" for item in found.items)
        assert bag_of(found.rows, found.names) == twin.bag


@with_seeds
def test_rows_that_both_sides_gave_one_number_are_renumbered(seed):
    for rng in rounds(seed, "renumber"):
        old = [f"{number},old" for number in range(1, 4)]
        news = [
            [f"{4 + number},{rng.choice('abc')}" for number in range(rng.randint(0, 6))] for _ in range(2)
        ]
        for new in news:
            rng.shuffle(new)
        versions = [text_version_of("id,t", *old, *new) for new in ([], *news)]

        found = merged(versions, MergeOptions(("id",), MergeSettings(renumber="id")))

        taken = {row.split(",")[0]: row for row in news[0]}
        following = 1 + max(3, *(int(row.split(",")[0]) for row in [*news[0], *news[1], "0,"]))
        expected = [*old, *news[0]]
        for row in news[1]:
            number, text = row.split(",")
            if number not in taken:
                expected.append(row)
            elif taken[number] != row:
                expected.append(f"{following},{text}")
                following += 1
        assert not found.items
        assert [f"{row['id']},{row['t']}" for row in found.rows] == expected


def test_a_text_is_no_number_to_be_given_out():
    versions = [text_version_of("id,t", "a,1", *more) for more in ([], ["b,1"], ["b,2"])]

    with pytest.raises(TableError, match="renumbered"):
        merged(versions, MergeOptions(("id",), MergeSettings(renumber="id")))


# --- both sides added the table


@with_seeds
def test_tables_that_both_sides_added_merge_by_key(seed):
    for rng in rounds(seed, "added"):
        _, ours, theirs = random_sides(rng)
        nothing = PlainTable(ours.plain.columns, [])

        found = merged([None, ours, theirs], MergeOptions(("id",)))
        twin = merge_plain(nothing, ours.plain, theirs.plain, TwinRules(("id",)))

        assert found.conflicts == twin.conflicts
        assert bag_of(found.rows, found.names) == twin.bag


# --- types


def typed(rng: Random, kind: pa.DataType, cells: Sequence[object]) -> Version:
    rows = [[number, cell] for number, cell in enumerate(cells)]
    held = arrow_table(["id", "v"], [pa.int64(), kind], rows)
    write = write_parquet if rng.random() < 0.5 else write_arrow
    return Version(write(Random(0), held), PlainTable(("id", "v"), held.to_pylist()))


def test_a_column_that_one_side_retyped_takes_that_type():
    for write in (0.1, 0.9):
        rng = Random(0)
        rng.random = lambda write=write: write
        base = typed(rng, pa.int32(), [1, 2, 3])
        wide = typed(rng, pa.int64(), [1, 2**40, 3])
        edited = typed(rng, pa.int32(), [1, 2, 4])
        text = typed(rng, pa.string(), ["1", "2", "three"])

        for ours, theirs in ((wide, edited), (edited, wide)):
            found = merged([base, ours, theirs], MergeOptions(("id",)))
            assert not found.items
            assert [row["v"] for row in found.rows] == [1, 2**40, 4]
        found = merged([base, edited, text], MergeOptions(("id",)))
        assert [(item.ours, item.theirs) for item in found.items] == [("4", "three")]
        assert [row["v"] for row in found.rows] == ["1", "2", "4"]


def test_a_column_that_both_sides_retyped_is_in_conflict_until_it_is_decided():
    rng = Random(0)
    rng.random = lambda: 0.1
    base = typed(rng, pa.int32(), [1, 2])
    wide = typed(rng, pa.int64(), [1, 2**40])
    text = typed(rng, pa.string(), ["1", "two"])

    found = merged([base, wide, text], MergeOptions(("id",)))

    assert [(item.kind, item.column) for item in found.items] == [("schema", "v")]
    assert [row["v"] for row in found.rows] == [1, 2**40]
    decided = merged([base, wide, text], MergeOptions(("id",), MergeSettings(take="theirs")))
    assert not decided.items
    assert Counter(row["v"] for row in decided.rows) == {"1": 1, "two": 1}
