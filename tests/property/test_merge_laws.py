"""Three versions of a table, merged: held to the twin (tests/support/mergetwin.py) and to laws.

Random tables, formats, dialects, edits and columns.  DATAV_MERGE_SEEDS and DATAV_MERGE_ROUNDS say how many
seeds a test has, and how many rounds each; a failure names seed and round.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from datav.errors import TableError
from datav.formats.conflict import ConflictItem, Given, identity
from datav.merging import columns, matching, renumbering, scope, tables
from datav.merging.options import MergeOptions
from datav.settings.merge import MergeSettings
from datav.storage.caching import Cache
from datav.tables import arrowversion, batches, jsonl, text, walking
from datav.tables.shared import Gap, Shared
from tests.support.mergetold import Told, Version, conflict_of, merged, text_version_of
from tests.support.mergetwin import GivenCell, TwinConflict, TwinRules, bag_of, cells_in, merge_plain
from tests.support.randomtables import (
    Written,
    arrow_table,
    random_gaps,
    read_json_lines,
    read_text,
    write_arrow,
    write_json_lines,
    write_parquet,
    write_text,
)
from tests.support.rowtwin import PlainTable
from tests.support.smallness import pair_small_files, shrink_blocks, shrink_gaps

FIRST_SEED = int(os.environ.get("DATAV_MERGE_FIRST_SEED", "0"))
SEEDS = range(FIRST_SEED, FIRST_SEED + int(os.environ.get("DATAV_MERGE_SEEDS", "4")))
ROUNDS = int(os.environ.get("DATAV_MERGE_ROUNDS", "20"))
FORMATS = ("csv", "csv", "jsonl", "parquet", "arrow")

CELLS = ("", "a", "b", "1", "1.0", "x,y", 'q"q', "l\nm", "l\r\nm", "ä", " ", "NaN")
JSON_CELLS = ('""', '"a"', '"1"', "1", "1.0", "true", "[1,2]", '"q\\"q"', '"ä"', None)
TYPED = {
    "x": (pa.string(), (None, "", "a", "b", "ä")),
    "y": (pa.int64(), (None, 0, 1, 2, 2**53 + 1)),
    "z": (pa.float64(), (None, 0.0, 0.5, float("nan"))),
    "n": (pa.bool_(), (None, True, False)),
    "m": (pa.list_(pa.int64()), (None, [], [1], [1, 2])),
}

with_seeds = pytest.mark.parametrize("seed", SEEDS)


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch, seed):
    """Blocks and windows so small that a table of some rows takes many of them."""
    shrink_blocks(monkeypatch)
    pair_small_files(monkeypatch)
    monkeypatch.setattr(jsonl, "_BLOCK", 100)
    for module in (arrowversion, batches):
        monkeypatch.setattr(module, "BATCH_ROWS", 7)
    if seed % 2:
        shrink_gaps(monkeypatch)
        monkeypatch.setattr(walking, "STEP", 8)
        monkeypatch.setattr(tables, "WINDOW_ROWS", 3)
        for module in (columns, matching, renumbering):
            monkeypatch.setattr(module, "_ROWS", 2)


# --- tables


@dataclass
class Draft:
    """A table that is being made: rows of cells by name."""

    names: list[str]
    rows: list[dict[str, Any]]

    def copy(self) -> "Draft":
        return Draft(list(self.names), [dict(row) for row in self.rows])


class Making:
    """Makes versions of one table in one format."""

    def __init__(self, rng: Random, kind: str) -> None:
        self.rng, self.kind = rng, kind
        self.how = rng.random()
        self.nothing: object = "" if kind == "csv" else None
        self.next = 100

    def cell(self, name: str) -> Any:
        if name == "id":
            self.next += 1
            return self.id(self.next)
        if self.kind == "csv":
            return self.rng.choice(CELLS)
        if self.kind == "jsonl":
            return self.rng.choice(JSON_CELLS)
        return self.rng.choice(TYPED[name][1])

    def id(self, number: int) -> Any:
        return {"csv": f"k{number}", "jsonl": f'"k{number}"'}.get(self.kind, number)

    def base(self, most: int, *, is_plain: bool = False) -> Draft:
        names = ["id", *self.rng.sample(("x", "y", "z"), self.rng.choice((1, 2, 3)))]
        rows = [
            {"id": self.id(number), **{name: self.cell(name) for name in names[1:]}}
            for number in range(self.rng.randint(0 if is_plain else 1, most))
        ]
        return Draft(names, rows)

    def edited(self, draft: Draft, edits: int, *, moves: bool = True) -> Draft:
        """Return the table with some rows changed, removed, inserted, appended, moved."""
        found, rng = draft.copy(), self.rng
        rows = found.rows
        actions = ["update"] * 4 + ["remove", "remove", "insert", "append", "insert-run", "collide"]
        for _ in range(edits):
            action = rng.choice(actions + ["move"] * moves)
            at = rng.randrange(len(rows) + 1)
            match action:
                case "insert" | "append" | "insert-run" | "collide":
                    for _ in range(rng.randint(2, 3) if action == "insert-run" else 1):
                        new = {name: self.cell(name) for name in found.names}
                        if action == "collide":
                            new["id"] = self.id(rng.randrange(50, 54))
                            if any(row["id"] == new["id"] for row in rows):
                                continue
                        rows.insert(len(rows) if action == "append" else at, new)
                case _ if not rows:
                    continue
                case "update":
                    name = rng.choice(found.names[1:]) if len(found.names) > 1 else "id"
                    if name != "id":
                        rng.choice(rows)[name] = self.cell(name)
                case "remove":
                    rows.pop(min(at, len(rows) - 1))
                case "move":
                    rows.insert(rng.randrange(len(rows)), rows.pop(min(at, len(rows) - 1)))
        return found

    def with_columns_edited(self, draft: Draft) -> Draft:
        found, rng = draft.copy(), self.rng
        others = [name for name in found.names if name != "id"]
        if rng.random() < 0.3 and len(others) > 1:
            gone = rng.choice(others)
            found.names.remove(gone)
            for row in found.rows:
                del row[gone]
        if rng.random() < 0.3:
            rng.shuffle(found.names)
        for new in ("n", "m"):
            if rng.random() < 0.25:
                found.names.insert(rng.randrange(len(found.names) + 1), new)
                for row in found.rows:
                    row[new] = self.cell(new)
        return found

    def written(self, draft: Draft) -> Version | None:
        """Write a table; None where the plain way reads something else in it."""
        rng, names = Random(self.how), draft.names
        rows = [[row[name] for name in names] for row in draft.rows]
        match self.kind:
            case "csv":
                written = Written("table.csv", write_text(rng, names, rows, compressed=False).data)
                plain = read_text(written)
                is_meant = plain is not None and [list(row.values()) for row in plain.rows] == rows
                return Version(written, plain) if plain is not None and is_meant else None
            case "jsonl":
                written = Written("table.jsonl", write_json_lines(rng, names, rows, compressed=False).data)
                plain = read_json_lines(written)
                return Version(written, plain) if len(plain.rows) == len(rows) else None
        types = [pa.int64() if name == "id" else TYPED[name][0] for name in names]
        held = arrow_table(names, types, rows)
        written = (write_parquet if self.kind == "parquet" else write_arrow)(rng, held)
        return Version(written, PlainTable(tuple(names), [dict(row) for row in draft.rows]))


class Repeating(Making):
    """Of few ids and few cells."""

    def cell(self, name: str) -> Any:
        if name == "id":
            return self.id(self.rng.randrange(6))
        if self.kind == "csv":
            return self.rng.choice(CELLS[:3])
        return super().cell(name)

    def base(self, most: int, *, is_plain: bool = False) -> Draft:
        found = super().base(most, is_plain=is_plain)
        for row in found.rows:
            row["id"] = self.cell("id")
        return found


class Alike(Repeating):
    """Of few ids and many cells, so that no row is like another."""

    def cell(self, name: str) -> Any:
        if name == "id" or self.kind != "csv":
            return super().cell(name)
        return str(self.rng.randrange(300))


# --- merging


def in_json(conflicts: Counter[TwinConflict]) -> Counter[TwinConflict]:
    """Return conflicts with keys as a record has them."""
    found: Counter[TwinConflict] = Counter()
    for conflict, count in conflicts.items():
        key = tuple("NaN" if cell == ("nan",) else cell for cell in conflict.key)
        found[conflict._replace(key=key)] += count
    return found


def check(
    case: str,
    versions: Sequence[Version],
    rules: TwinRules,
    options: MergeOptions,
    *,
    ordered: bool = True,
    shared: tuple[Shared, Shared] | None = None,
) -> Told:
    """Hold a merge to the twin."""
    found = merged(versions, options, shared)
    twin = merge_plain(*(version.plain for version in versions), rules)
    where = "\n".join([case, *(repr(version.plain) for version in versions)])
    assert found.names == twin.names, where
    assert found.conflicts == in_json(twin.conflicts), where
    assert bag_of(found.rows, found.names) == twin.bag, where
    if ordered:
        assert found.ordered == [cells_in(row, twin.names) for row in twin.rows], where
    assert found.counts == {name: count for name, count in twin.counts.items() if count}, where
    return found


def rounds(seed: int, name: str, times: int = 1) -> Iterator[tuple[str, Random]]:
    for number in range(ROUNDS * times):
        yield f"{name}, seed {seed}, round {number}", Random(f"{name} {seed} {number}")


def random_versions(
    rng: Random,
    *,
    most: int = 12,
    edits: int = 8,
    kind: str | None = None,
    has_schema: bool = False,
    moves: bool = True,
    making: type[Making] = Making,
) -> tuple[Making, list[Version]] | None:
    """Return versions of a table, base first; None where a file would not hold what is meant."""
    maker = making(rng, kind or rng.choice(FORMATS))
    base = maker.base(most)
    sides = [maker.edited(base, rng.randint(0, edits), moves=moves) for _ in range(2)]
    if has_schema:
        sides = [maker.with_columns_edited(side) if rng.random() < 0.7 else side for side in sides]
    found = [maker.written(draft) for draft in (base, *sides)]
    versions = [version for version in found if version is not None]
    if len(versions) < 3 or any("id" not in version.plain.columns for version in versions):
        return None
    if not has_schema and len({frozenset(version.plain.columns) for version in versions}) > 1:
        return None
    return maker, versions


@with_seeds
def test_merges_by_key_are_what_the_twin_says(seed):
    for case, rng in rounds(seed, "by key"):
        made = random_versions(rng)
        if made is None:
            continue
        making, versions = made

        check(case, versions, TwinRules(("id",), making.nothing), MergeOptions(("id",)))


@with_seeds
def test_merges_with_other_columns_are_what_the_twin_says(seed):
    for case, rng in rounds(seed, "columns"):
        made = random_versions(rng, has_schema=True)
        if made is None:
            continue
        making, versions = made

        check(case, versions, TwinRules(("id",), making.nothing), MergeOptions(("id",)))


@with_seeds
def test_merges_without_a_key_are_what_the_twin_says(seed):
    for case, rng in rounds(seed, "no key"):
        made = random_versions(rng, moves=False)
        if made is None:
            continue
        making, versions = made

        check(case, versions, TwinRules((), making.nothing), MergeOptions())


@with_seeds
def test_rows_without_a_unique_key_are_counted(seed):
    union = MergeSettings(take="union")
    for case, rng in rounds(seed, "repeated"):
        made = random_versions(rng, making=Repeating)
        if made is None:
            continue
        making, versions = made
        for key in ((), ("id",)):
            rules = TwinRules(key, making.nothing, is_union=True)

            check(case, versions, rules, MergeOptions(key, union), ordered=False)


@with_seeds
def test_rows_without_a_unique_key_that_both_edited_are_told_by_their_place(seed):
    told = 0
    for case, rng in rounds(seed, "told"):
        made = random_versions(rng, kind="csv", making=Alike, moves=False, edits=4)
        if made is None:
            continue
        _, versions = made
        if any(len(bag_of(v.plain.rows, v.plain.columns)) < len(v.plain.rows) for v in versions):
            continue

        found = check(case, versions, TwinRules(("id",)), MergeOptions(("id",)), ordered=False)
        told += bool(found.items)
    assert told


def laws_versions(rng: Random) -> tuple[list[Version], tuple[str, ...]] | None:
    making = rng.choice((Making, Repeating))
    has_key = rng.random() < 0.6
    made = random_versions(rng, making=making, has_schema=making is Making and has_key)
    return None if made is None else (made[1], ("id",) if has_key else ())


@with_seeds
def test_what_one_side_alone_did_is_the_result(seed):
    for case, rng in rounds(seed, "alone"):
        made = laws_versions(rng)
        if made is None:
            continue
        (base, side, _), key = made

        forth = merged([base, base, side], MergeOptions(key))
        back = merged([base, side, base], MergeOptions(key))

        assert bag_of(forth.rows, side.plain.columns) == bag_of(side.plain.rows, side.plain.columns), case
        assert set(forth.names) == set(side.plain.columns), case
        assert not forth.items, case
        is_as_it_was(case, back, side)


@with_seeds
def test_what_both_sides_did_is_the_result(seed):
    for case, rng in rounds(seed, "both"):
        made = laws_versions(rng)
        if made is None:
            continue
        (base, side, _), key = made

        is_as_it_was(case, merged([base, side, side], MergeOptions(key)), side)


def is_as_it_was(case: str, found: Told, side: Version) -> None:
    assert not found.items, case
    assert found.names == list(side.plain.columns), case
    assert found.ordered == [cells_in(row, found.names) for row in side.plain.rows], case


@with_seeds
def test_sides_that_are_swapped_give_the_same(seed):
    for case, rng in rounds(seed, "swapped"):
        made = laws_versions(rng)
        if made is None:
            continue
        (base, ours, theirs), key = made
        open_here = merged([base, ours, theirs], MergeOptions(key))
        open_there = merged([base, theirs, ours], MergeOptions(key))
        assert Counter(map(swapped, open_here.items)) == Counter(map(seen, open_there.items)), case

        for side, other in (("ours", "theirs"), ("theirs", "ours")):
            here = merged([base, ours, theirs], MergeOptions(key, MergeSettings(take=side)))
            there = merged([base, theirs, ours], MergeOptions(key, MergeSettings(take=other)))

            assert not here.items, case
            assert not there.items, case
            assert sorted(here.names) == sorted(there.names), case
            assert bag_of(here.rows, here.names) == bag_of(there.rows, here.names), case


def seen(item: ConflictItem) -> tuple[Any, ...]:
    return item.kind, item.column, *map(repr, (item.base, item.ours, item.theirs))


def swapped(item: ConflictItem) -> tuple[Any, ...]:
    return seen(replace(item, ours=item.theirs, theirs=item.ours))


@with_seeds
def test_what_was_decided_of_each_conflict_is_in_the_result(seed):
    decided = 0
    for case, rng in rounds(seed, "decided"):
        made = random_versions(rng, has_schema=rng.random() < 0.3, edits=12)
        if made is None:
            continue
        making, versions = made
        options = MergeOptions(("id",))
        first, again = merged(versions, options), merged(versions, options)
        assert [identity(item) for item in first.items] == [identity(item) for item in again.items], case
        assert first.ordered == again.ordered, case
        is_text = making.kind in ("csv", "jsonl")
        decisions = {conflict_of(item): decide(rng, item, is_text=is_text) for item in first.items}
        given = {identity(item): decisions[conflict_of(item)] for item in first.items}

        rules = TwinRules(
            ("id",), making.nothing, decide=lambda conflict, of=decisions: for_twin(of.get(conflict))
        )
        found = check(case, versions, rules, MergeOptions(("id",), decisions=given))

        assert not [item for item in found.items if identity(item) in given], case
        decided += len(given)
    assert decided


def decide(rng: Random, item: ConflictItem, *, is_text: bool) -> Any:
    choices: list[Any] = ["ours", "theirs"]
    if item.kind != "schema":
        choices.append("base")
    if item.kind in ("cell", "add_add") and is_text:
        choices.append(Given(rng.choice(("given", "", "1"))))
    return rng.choice(choices)


def for_twin(decision: Any) -> object:
    return GivenCell(decision.text) if isinstance(decision, Given) else decision


# --- only where sides differ


class Plainly(Making):
    """Texts in which the same row is written the same way in all versions."""

    def __init__(self, rng: Random, kind: str) -> None:
        super().__init__(rng, "csv")
        self.ends = rng.choice((["\n"], ["\r\n"], ["\n", "\r\n"]))
        self.more = rng.choice((0, 0.3, 1))
        self.is_ended = [rng.random() < 0.8 for _ in range(3)]

    def written(self, draft: Draft) -> Version | None:
        text = "".join(
            self.line([row[name] for name in draft.names]) for row in [_header(draft), *draft.rows]
        )
        if not self.is_ended.pop():
            text = text.rstrip("\r\n")
        written = Written("table.csv", text.encode())
        plain = read_text(written)
        meant = [[row[name] for name in draft.names] for row in draft.rows]
        is_meant = plain is not None and [list(row.values()) for row in plain.rows] == meant
        return Version(written, plain) if plain is not None and is_meant else None

    def line(self, cells: Sequence[str]) -> str:
        rng = Random(f"{self.how} {cells}")
        marked = [
            '"' + cell.replace('"', '""') + '"'
            if any(mark in cell for mark in ',"\r\n') or rng.random() < self.more
            else cell
            for cell in cells
        ]
        return ",".join(marked) + rng.choice(self.ends)


class PlainlyRepeating(Plainly, Repeating):
    pass


def _header(draft: Draft) -> dict[str, Any]:
    return {name: name for name in draft.names}


@with_seeds
def test_what_sides_share_with_base_changes_nothing(seed, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", (16, 200, 64, 2**22)[seed % 4])
    scopes: list[scope.Scope | None] = []
    monkeypatch.setattr(
        columns, "find_scope", lambda *args: scopes.append(scope.find_scope(*args)) or scopes[-1]
    )
    for case, rng in rounds(seed, "shared", times=4):
        making = rng.choice((Plainly, Plainly, PlainlyRepeating))
        made = random_versions(rng, most=60, edits=rng.choice((1, 3, 8)), making=making)
        if made is None:
            continue
        _, versions = made
        key = rng.choice((("id",), ("id",), ()))
        cache = Cache(tmp_path / case) if rng.random() < 0.7 else None
        shared = [what_is_shared(rng, versions[0], side, cache) for side in versions[1:]]
        options = MergeOptions(key, MergeSettings(take=rng.choice((None, None, "union"))))
        whole = merged(versions, options)
        found = merged(versions, options, (shared[0], shared[1]))

        where = "\n".join([case, *(repr(version.file.data) for version in versions), repr(shared), repr(key)])
        if making is Plainly:
            assert found.ordered == whole.ordered, where
            assert found.items == whole.items, where
            assert found.counts == whole.counts, where
        elif options.rules.take == "union":
            # Of rows that are the same any may be the one that goes.
            assert bag_of(found.rows, found.names) == bag_of(whole.rows, whole.names), where
            assert found.counts == whole.counts, where
        assert found.notes == whole.notes, where
    assert sum(found is not None for found in scopes) > len(scopes) // 2


def what_is_shared(rng: Random, base: Version, side: Version, cache: Cache | None) -> Shared:
    contents = [version.file.data for version in (base, side)]
    gaps: list[Gap] = random_gaps(rng, *contents) if all(contents) else []
    ids = [hashlib.sha256(content).digest() for content in contents]
    return Shared(gaps, ids[0], ids[1], cache)


# --- where nothing can be guessed


@pytest.mark.parametrize("seed", [0])
def test_a_row_in_conflict_is_not_taken_for_a_like_one_that_theirs_removed(seed):
    base = text_version_of("x,y", "r,0", "a,0", "p,0", "b,0", "p,0")
    ours = text_version_of("x,y", "p,0", "a,0", "p,0", "b,0", "p,0")
    theirs = text_version_of("x,y", "q,0", "a,0", "p,0", "b,0")

    found = merged([base, ours, theirs], MergeOptions())

    assert [(item.kind, item.column) for item in found.items] == [("cell", "x")]
    assert bag_of(found.rows, ["x"]) == Counter([("p",), ("p",), ("a",), ("b",)])


@pytest.mark.parametrize("seed", [0])
def test_rows_told_by_place_are_found_behind_rows_that_have_a_key(seed):
    base = text_version_of("x,y", "u1,0", "k,1", "k,2", "z,0")
    ours = text_version_of("x,y", "u0,0", "u1,0", "k,1", "k,3", "z,0")
    theirs = text_version_of("x,y", "u1,0", "k,1", "k,4", "z,0")

    found = merged([base, ours, theirs], MergeOptions(("x",)))

    assert [(item.kind, item.ours, item.theirs) for item in found.items] == [("cell", "3", "4")]


@pytest.mark.parametrize("seed", [0])
@pytest.mark.parametrize("key", [(), ("x",)])
def test_a_column_whose_cells_go_nobody_can_tell_where_is_refused(seed, key):
    base = text_version_of("x,y", "k,1", "k,2")
    theirs = text_version_of("x,y,n", "k,1,B", "k,2,C")
    for ours in (base, text_version_of("x,y,n", "k,1,D", "k,2,E")):
        with pytest.raises(TableError, match="theirs added the column n"):
            merged([base, ours, theirs], MergeOptions(key))


@pytest.mark.parametrize("seed", [0])
@pytest.mark.parametrize("key", [(), ("x",)])
def test_a_removed_column_whose_cells_changed_in_rows_without_a_unique_key_is_a_conflict(seed, key):
    base = text_version_of("x,y,c", "a,1,1", "a,1,2")
    changed = text_version_of("x,y,c", "a,1,9", "a,1,2")
    removed = text_version_of("x,y", "a,1", "a,1")

    kept = merged([base, changed, removed], MergeOptions(key))
    gone = merged([base, removed, changed], MergeOptions(key))

    assert [(item.kind, item.column) for item in (*kept.items, *gone.items)] == [("schema", "c")] * 2
    assert (kept.names, gone.names) == (["x", "y", "c"], ["x", "y"])
    assert bag_of(kept.rows, kept.names) == bag_of(changed.plain.rows, kept.names)


@pytest.mark.parametrize("seed", [0])
def test_a_row_that_theirs_removed_goes_though_ours_has_a_cell_in_a_column_that_both_added(seed):
    base = text_version_of("id,x", "1,a", "2,b")
    ours = text_version_of("id,x,n", "1,a,A", "2,b,B")
    theirs = text_version_of("id,x,n", "2,b,B")

    found = merged([base, ours, theirs], MergeOptions(("id",)))

    assert not found.items
    assert found.ordered == [("2", "b", "B")]


@pytest.mark.parametrize("seed", [0])
def test_of_rows_that_are_alike_the_one_goes_that_theirs_removed(seed):
    base = text_version_of("x", "p", "a", "b", "p", "c", "d", "p", "e")
    ours = text_version_of("x", "new", "p", "a", "b", "p", "c", "d", "p", "e")
    theirs = text_version_of("x", "p", "a", "b", "c", "d", "p", "e")

    found = merged([base, ours, theirs], MergeOptions())

    assert [row["x"] for row in found.rows] == ["new", "p", "a", "b", "c", "d", "p", "e"]


@pytest.mark.parametrize("seed", [0])
def test_a_row_that_changed_only_in_a_column_that_comes_back_comes_back_with_it(seed):
    base = text_version_of("id,x,y", "1,a,0", "2,b,0")
    ours = text_version_of("id,y", "2,0")
    theirs = text_version_of("id,x,y", "1,A,0", "2,b,0")

    taken = merged([base, ours, theirs], MergeOptions(("id",), MergeSettings(take="theirs")))
    items = merged([base, ours, theirs], MergeOptions(("id",))).items
    decisions = {identity(item): "theirs" if item.kind == "schema" else "base" for item in items}
    restored = merged([base, ours, theirs], MergeOptions(("id",), decisions=decisions))

    assert {item.kind for item in items} == {"schema", "delete_modify"}
    assert taken.ordered == [("1", "A", "0"), ("2", "b", "0")]
    assert restored.ordered == [("1", "a", "0"), ("2", "b", "0")]
