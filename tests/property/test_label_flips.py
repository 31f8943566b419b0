"""Flips of labels against their twin (tests/support/fliptwin.py): random tables, edits and formats.

DATAV_FLIP_ROUNDS says how many rounds each seed has.  A failure names seed and round; the same ones give the
same tables.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pyarrow as pa
import pytest

from datav.storage.caching import Cache
from datav.tables import labelflips, labelpairs, pairs, parting, telling
from datav.tables.options import DiffOptions, Tolerance
from datav.tables.shared import Shared
from tests.support.comparing import comparing
from tests.support.fliptwin import count_flips
from tests.support.randomtables import (
    RandomTable,
    Written,
    arrow_table,
    edit,
    random_gaps,
    random_json_table,
    random_text_table,
    random_typed_table,
    read_arrow,
    read_json_lines,
    read_text,
    write_arrow,
    write_json_lines,
    write_parquet,
    write_text,
)
from tests.support.rowtwin import PlainTable, Rules, diff_rows, frozen
from tests.support.smallness import pair_small_files, shrink_blocks

ROUNDS = int(os.environ.get("DATAV_FLIP_ROUNDS", "20"))
FORMATS = ("csv", "jsonl", "parquet", "arrow")

with_seeds = pytest.mark.parametrize("seed", range(6))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, seed):
    """Blocks, windows, memory and matrices so small that a table of some rows has many of everything."""
    shrink_blocks(monkeypatch)
    pair_small_files(monkeypatch)
    monkeypatch.setattr(labelflips, "MOST_PAIRS", 3)
    if seed % 2:
        for module in (pairs, telling):
            monkeypatch.setattr(module, "WINDOW_ROWS", 5)
        monkeypatch.setattr(telling, "_MOST_KEPT", 2)
        monkeypatch.setattr(parting, "_PART_ROWS", 4)
        monkeypatch.setattr(parting, "_FEW", 2)
        monkeypatch.setattr(labelflips, "MAX_IN_MEMORY", 4)
        monkeypatch.setattr(labelpairs, "MAX_IN_MEMORY", 2)
        monkeypatch.setattr(labelpairs, "_MOST_KEPT", 1)


@with_seeds
@pytest.mark.parametrize("form", FORMATS)
def test_labels_flip_as_the_twin_says(seed, form, tmp_path):
    for case, rng in rounds(f"{form}, seed {seed}"):
        table = labelled_table(rng)
        other = edit(rng, table, rng.choice((1, 3, 10, 30)))
        tables = [written(rng, form, side) for side in (table, other)]
        key = rng.choice(((), ("id",), ("id",), ("id", "x")))
        rules = Rules(
            key=key,
            ignored=rng.choice(((), (), ("x",) if "x" not in key else ())),
            columns=rng.choice(((), (), (), ("y", "size"))),
            tolerances={"size": (1.0, 0.0)} if key and rng.random() < 0.3 else {},
        )
        rules = rules if not rules.columns else replace(rules, ignored=())
        where = None
        if rng.random() < 0.3:
            conditions = [("x", "a"), ("y", "cat")]
            name, wanted = rng.choice([each for each in conditions if is_compared(each[0], rules)])
            rules = replace(rules, where=lambda row, name=name, wanted=wanted: row[name] == wanted)
            where = f"{name} = '{wanted}'"
        check(case, tables, rules, "y", where=where, share=(rng, Cache(tmp_path / form)))


@with_seeds
def test_labels_of_any_text_flip_as_the_twin_says(seed, tmp_path):
    for case, rng in rounds(f"seed {seed}"):
        table = random_text_table(rng, rng.choice((3, 12, 40)))
        other = edit(rng, table, rng.choice((1, 3, 20)))
        files = [write_text(rng, side.names, side.rows, compressed=False) for side in (table, other)]
        plain = [read_text(file) for file in files]
        if any(read is None or read.columns != tuple(table.names) for read in plain):
            continue
        tables = list(zip(files, plain, strict=True))
        check(case, tables, any_key(rng, table), rng.choice(table.names), share=(rng, Cache(tmp_path)))


@with_seeds
def test_labels_of_any_type_flip_as_the_twin_says(seed, tmp_path):
    for case, rng in rounds(f"seed {seed}"):
        table, types = random_typed_table(rng, 30)
        other = edit(rng, table, rng.choice((1, 3, 20)))
        held = [arrow_table(side.names, types, side.rows) for side in (table, other)]
        write = rng.choice((write_parquet, write_arrow))
        tables = [(write(rng, one), read_arrow(one)) for one in held]
        check(case, tables, any_key(rng, table), rng.choice(table.names), share=(rng, Cache(tmp_path)))


@with_seeds
def test_labels_of_any_json_flip_as_the_twin_says(seed, tmp_path):
    for case, rng in rounds(f"seed {seed}"):
        table = random_json_table(rng, 30)
        other = edit(rng, table, rng.choice((1, 3, 20)))
        files = [write_json_lines(rng, side.names, side.rows, compressed=False) for side in (table, other)]
        tables = [(file, read_json_lines(file)) for file in files]
        shared = [name for name in tables[0][1].columns if name in tables[1][1].columns]
        if not shared:
            continue
        rules = Rules(key=tuple(shared[: rng.choice((0, 1, 1))]))
        check(case, tables, rules, rng.choice(shared), share=(rng, Cache(tmp_path)))


def rounds(seed: str) -> Iterator[tuple[str, Random]]:
    for number in range(ROUNDS):
        case = f"{seed}, round {number}"
        yield case, Random(case)


def labelled_table(rng: Random) -> RandomTable:
    """A table in which few things can be in a cell, so that rows are often alike but for the label."""
    ids, labels = rng.choice((3, 30)), rng.choice((("cat", "dog"), ("cat", "dog", "cow", "emu", "owl")))
    makers = [
        lambda rng: str(rng.randrange(ids)),
        lambda rng: rng.choice("ab"),
        lambda rng: str(rng.choice((1, 2, 4))),
        lambda rng: rng.choice(labels),
    ]
    table = RandomTable(["id", "x", "size", "y"], makers, [])
    table.rows.extend(table.new_row(rng) for _ in range(rng.randint(0, 25)))
    return table


def written(rng: Random, form: str, table: RandomTable) -> tuple[Written, PlainTable]:
    match form:
        case "csv":
            file = write_text(rng, table.names, table.rows, compressed=False)
            read = read_text(file)
            assert read is not None
            return file, read
        case "jsonl":
            rows = [[f'"{cell}"' if cell.isalpha() else cell for cell in row] for row in table.rows]
            file = write_json_lines(rng, table.names, rows, compressed=False)
            return file, read_json_lines(file)
    types = (pa.string(), pa.string(), rng.choice((pa.int8(), pa.int64())), pa.string())
    rows = [[*row[:2], int(row[2]), row[3]] for row in table.rows]
    held = arrow_table(table.names, types, rows)
    return (write_parquet if form == "parquet" else write_arrow)(rng, held), read_arrow(held)


def any_key(rng: Random, table: RandomTable) -> Rules:
    return Rules(key=tuple(table.names[: rng.choice((0, 1, 1))]))


def check(
    case: str,
    tables: list[tuple[Written, PlainTable]],
    rules: Rules,
    label: str,
    *,
    where: str | None = None,
    share: tuple[Random, Cache],
) -> None:
    """Compare two files, and hold the flips against the twin."""
    (old, before), (new, after) = tables
    names = [name for name in before.columns if name in after.columns]
    if any(name not in names for name in (label, *rules.key, *rules.ignored, *rules.columns)):
        # JSON Lines without rows have no columns.
        return
    options = DiffOptions(
        key=rules.key,
        columns=rules.columns,
        ignored=rules.ignored,
        tolerances={name: Tolerance(*limits) for name, limits in rules.tolerances.items()},
        where=where,
        label=label,
    )
    context = f"{case}: {rules} {where} {label}\n{old}\n{new}"
    rng, cache = share
    shared = None
    if rng.random() < 0.5:
        ids = [hashlib.sha256(file.data).digest() for file in (old, new)]
        shared = Shared(random_gaps(rng, old.data, new.data), ids[0], ids[1], rng.choice((cache, None)))
    with comparing() as opened:
        rows = opened.diff(old, new, options, shared).rows
        assert rows is not None
        flips = rows.label_flips
    assert flips is not None, context
    compared = [name for name in names if name in rules.key or is_compared(name, rules)]
    if label in rules.key or compared == [label]:
        assert flips.refused, context
        return
    assert flips.refused is None, context
    found = diff_rows(before, after, rules)
    wanted = count_flips(before, after, rules.key, label, found)
    told = Counter({(frozen(each.before), frozen(each.after)): each.count for each in flips.matrix})
    assert flips.flipped == wanted.by_key + wanted.by_features, context
    assert flips.by_features == wanted.by_features, context
    assert flips.relabelled_with_changes == (wanted.with_changes if rules.key else None), context
    assert flips.undecided == wanted.undecided, context
    counts = [each.count for each in flips.matrix]
    assert counts == sorted(wanted.pairs.values(), reverse=True)[:3], context
    assert told <= wanted.pairs, context
    assert flips.other == wanted.pairs.total() - sum(counts), context
    if where is None:
        paired = (found.unchanged or 0) + found.changed + wanted.by_features
        assert flips.rows_compared == paired, context
    else:
        assert flips.rows_compared is None, context
    assert len(flips.examples) == min(wanted.by_key, labelflips.EXAMPLES), context


def is_compared(name: str, rules: Rules) -> bool:
    return name not in rules.ignored and (not rules.columns or name in rules.columns)
