"""Merges of real tables: against what others worked out, and against pandas.

The tables are the shared data (tests/support/shareddata.py).
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest

from datav.merging.options import MergeOptions
from tests.support.mergetold import Told, Version, merged
from tests.support.mergetwin import cells_in
from tests.support.randomtables import Written
from tests.support.rowtwin import PlainTable
from tests.support.shareddata import DATA, Pair, find_series, read_csv

CASES = sorted(path.parent for path in DATA.glob("merges/*/expected.json"))
SERIES = find_series()
SAMPLE = 2
"""Pairs of each table."""
_MOST_BYTES = 1_400_000
_FEW = 5
"""Rows of base that theirs changed or removed; in fewer nothing collides."""
_MISSING = "(not there)"

pytestmark = pytest.mark.skipif(not CASES, reason=f"no merges in {DATA}; DATAV_TEST_DATA names a folder")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_worked_merges_come_out_as_others_worked_them_out(case):
    expected = json.loads((case / "expected.json").read_text())
    key = tuple(expected["key"])
    versions = [version(case / f"{name}.csv") for name in ("base", "ours", "theirs")]

    found = merged(versions, MergeOptions(key))

    in_conflict = {tuple(one["key"]): one["columns"] for one in expected["conflicts"]}
    assert by_key(found.rows, key, without=in_conflict) == by_key(read_csv(case / "expected.csv").rows, key)
    assert columns_in_conflict(found) == {
        name: sorted(columns) if columns is not None else columns for name, columns in in_conflict.items()
    }
    rows = Counter({(item.kind, item.key): 1 for item in found.items})
    assert Counter(kind for kind, _ in rows) == expected["cell_level_conflicts"]
    told = {
        "ours_only": found.counts["ours_only"],
        "theirs_only": found.counts["theirs_only"],
        "same_change": found.counts["same_change"],
        "disjoint_cells": found.counts["cells_merged"],
    }
    assert told == expected["stats"]
    assert found.counts["conflicts"] == len(in_conflict)


def columns_in_conflict(found: Told) -> dict[tuple[str, ...], list[str] | None]:
    """Return the columns in conflict by key; None of a row that one side removed."""
    told: dict[tuple[str, ...], list[str] | None] = {}
    for item in found.items:
        name = tuple(str(cell) for _, cell in item.key)
        if item.column is None:
            told[name] = None
        else:
            told[name] = sorted([*(told.get(name) or []), item.column])
    return told


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
def test_edits_of_real_tables_merge_with_their_next_version_as_pandas_says(series):
    pairs = [pair for pair in series.pairs if is_usable(pair)]
    collided = 0
    for pair in Random(series.name).sample(pairs, min(SAMPLE, len(pairs))):
        base, theirs = version(pair.before), version(pair.after)
        frames = [frame(side.plain, pair.key) for side in (base, theirs)]
        edited = edit_frame(Random(str(pair)), pair.key, *frames)
        ours = written(edited)

        found = merged([base, ours, theirs], MergeOptions(pair.key))

        rows, conflicts = merge_frames(frames[0], edited, frames[1])
        assert by_key(found.rows, pair.key) == by_key(rows, pair.key), str(pair)
        assert sorted(conflicts_of(found)) == sorted(conflicts), str(pair)
        collided += len(conflicts)
    assert collided


def is_usable(pair: Pair) -> bool:
    if pair.refused or pair.before.stat().st_size > _MOST_BYTES:
        return False
    truth = pair.truth
    is_same = not truth["columns_added"] and not truth["columns_removed"]
    return is_same and truth["changed"] + truth["removed"] > _FEW


def version(path: Path) -> Version:
    return Version(Written(path.name, path.read_bytes()), read_csv(path))


def by_key(
    rows: Iterable[object], key: tuple[str, ...], without: Iterable[tuple[str, ...]] = ()
) -> dict[object, object]:
    left_out = set(without)
    found = {cells_in(row, key): dict(row) for row in rows}
    return {name: row for name, row in found.items() if name not in left_out}


def conflicts_of(found: Told) -> list[tuple[str, tuple[str, ...], str]]:
    return [(item.kind, tuple(str(cell) for _, cell in item.key), item.column or "") for item in found.items]


# --- pandas


def frame(table: PlainTable, key: tuple[str, ...]) -> pd.DataFrame:
    """Return a table by its key, all cells text; the key is there as columns too."""
    found = pd.DataFrame(table.rows, columns=list(table.columns), dtype=object)
    return found.set_index(
        pd.Index(list(zip(*(found[name] for name in key), strict=True)), tupleize_cols=False)
    )


def edit_frame(rng: Random, key: tuple[str, ...], base: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Return base with edits, many of them of rows that theirs touched."""
    common = base.index.intersection(theirs.index, sort=False)
    is_changed = (base.loc[common] != theirs.loc[common, base.columns]).any(axis=1)
    touched = [
        list(common[is_changed]),
        list(base.index.difference(theirs.index, sort=False)),
        list(base.index),
    ]
    chosen = [name for names in touched for name in rng.sample(names, min(15, len(names)))]
    cells = [name for name in base.columns if name not in key]
    edited = base.copy()
    for name in dict.fromkeys(chosen):
        if rng.random() < 0.3:
            edited = edited.drop(index=[name])
            continue
        column = rng.choice(cells)
        is_same = name in theirs.index and rng.random() < 0.3
        edited.at[name, column] = theirs.at[name, column] if is_same else f"edited, {rng.random():.3f}"
    news = list(theirs.index.difference(base.index, sort=False))
    added = theirs.loc[rng.sample(news, min(6, len(news))), base.columns].copy()
    for name in list(added.index)[::2]:
        added.at[name, rng.choice(cells)] = "added"
    return pd.concat([edited, added])


def written(edited: pd.DataFrame) -> Version:
    text = edited.to_csv(index=False, lineterminator="\r\n")
    rows = [dict(zip(edited.columns, row, strict=True)) for row in edited.itertuples(index=False, name=None)]
    return Version(Written("ours.csv", text.encode()), PlainTable(tuple(edited.columns), rows))


def merge_frames(
    base: pd.DataFrame, ours: pd.DataFrame, theirs: pd.DataFrame
) -> tuple[list[dict[str, str]], list[tuple[str, tuple[str, ...], str]]]:
    """Merge tables of the same columns; our cells stay where there is a conflict."""
    names = list(base.columns)
    rows = base.index.union(ours.index, sort=False).union(theirs.index, sort=False)
    sides = [side[names].reindex(rows).fillna(_MISSING).to_numpy(object) for side in (base, ours, theirs)]
    in_base, in_ours, in_theirs = (rows.isin(side.index) for side in (base, ours, theirs))
    by_ours, by_theirs = sides[0] != sides[1], sides[0] != sides[2]
    both = in_ours & in_theirs
    clash = both[:, None] & by_ours & by_theirs & (sides[1] != sides[2])
    cells = np.where(by_theirs & ~by_ours, sides[2], sides[1])
    conflicts = [
        ("cell" if in_base[at] else "add_add", rows[at], names[column]) for at, column in np.argwhere(clash)
    ]
    edited_here = in_base & in_ours & ~in_theirs & by_ours.any(axis=1)
    edited_there = in_base & in_theirs & ~in_ours & by_theirs.any(axis=1)
    conflicts += [("delete_modify", name, "") for name in rows[edited_here | edited_there]]
    cells[edited_here] = sides[1][edited_here]
    stays = both | edited_here | (~in_base & (in_ours | in_theirs))
    return pd.DataFrame(cells[stays], columns=names).to_dict("records"), conflicts
