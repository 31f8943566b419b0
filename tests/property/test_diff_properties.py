"""The row diff against its twin (tests/support/rowtwin.py): random tables, edits and ways of writing.

DATAV_DIFF_SEEDS and DATAV_DIFF_ROUNDS say how many seeds a test has, and how many rounds each;
DATAV_DIFF_FIRST_SEED which is the first.  A failure names seed and round; the same ones give the same tables.

    DATAV_DIFF_SEEDS=100 DATAV_DIFF_ROUNDS=1000 pytest tests/property/test_diff_properties.py
"""

import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Literal

import pytest

from datav.errors import TableError
from datav.storage.caching import Cache
from datav.tables import (
    arrowversion,
    batches,
    jsonl,
    matching,
    pairs,
    parting,
    telling,
    walking,
)
from datav.tables.feed import read_feed, write_feed
from datav.tables.options import DiffOptions, Tolerance
from datav.tables.patch import apply_feed
from datav.tables.shared import Shared
from tests.support.comparing import BytesSource, Comparing, comparing, told
from tests.support.randomtables import (
    RandomTable,
    Written,
    arrow_table,
    decompress,
    dialect_of,
    edit,
    edit_columns,
    paragraph,
    random_gaps,
    random_json_table,
    random_text_table,
    random_typed_table,
    read_arrow,
    read_binary,
    read_json_lines,
    read_text,
    with_columns,
    with_new_column,
    write_arrow,
    write_json_lines,
    write_parquet,
    write_text,
)
from tests.support.rowtwin import PlainTable, Rules, TwinDiff, cells_of, diff_rows
from tests.support.smallness import pair_small_files, shrink_blocks, shrink_gaps

FIRST_SEED = int(os.environ.get("DATAV_DIFF_FIRST_SEED", "0"))
SEEDS = range(FIRST_SEED, FIRST_SEED + int(os.environ.get("DATAV_DIFF_SEEDS", "8")))
FEEDS: tuple[Literal["csv"], Literal["parquet"]] = ("csv", "parquet")

ROUNDS = int(os.environ.get("DATAV_DIFF_ROUNDS", "30"))

with_seeds = pytest.mark.parametrize("seed", SEEDS)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, seed):
    """Blocks, windows and memory so small that a table of some rows takes many of them."""
    shrink_blocks(monkeypatch)
    pair_small_files(monkeypatch)
    monkeypatch.setattr(jsonl, "_BLOCK", 100)
    for module in (arrowversion, batches):
        monkeypatch.setattr(module, "BATCH_ROWS", 7)
    if seed % 2:
        monkeypatch.setattr(walking, "STEP", 8)
        monkeypatch.setattr(parting, "_PART_ROWS", 16)
        monkeypatch.setattr(parting, "_FEW", 4)
        shrink_gaps(monkeypatch)
        for module in (pairs, telling):
            monkeypatch.setattr(module, "WINDOW_ROWS", 5)
        monkeypatch.setitem(matching.match_rows.__kwdefaults__, "max_in_memory", 16)


@with_seeds
def test_text_tables_differ_as_the_twin_says(seed):
    for case, rng in rounds(seed):
        before, after, rules = random_text_pair(rng)
        old, new = (write_text(rng, table.names, table.rows) for table in (before, after))
        plain = read_text(old), read_text(new)
        if not are_as_meant(plain, (before, after)):
            continue
        where = None
        if plain[0] is not None and plain[1] is not None:
            rules, where = with_condition(rng, rules, plain[0], plain[1])

        check(case, old, new, plain[0], plain[1], rules, where=where)


@with_seeds
def test_any_text_that_is_called_a_table_is_read_as_the_csv_module_reads_it(seed):
    for case, rng in rounds(seed):
        alphabet = rng.choice(('a,\n"', 'ab,\n\r"', 'a;b,\n"\t', "a1,\n\r", 'ä,"\n '))
        old = Written("soup.csv", ("a,b\n" + soup(rng, alphabet)).encode())
        new = Written("soup.csv", edited_soup(rng, old.data.decode(), alphabet).encode())
        if not (has_records(old) and has_records(new)):
            continue
        plain = read_text(old), read_text(new)
        shared = list(plain[0].columns) if plain[0] is not None else []
        shared = [name for name in shared if plain[1] is not None and name in plain[1].columns]
        rules = Rules(key=tuple(rng.sample(shared, min(len(shared), rng.choice((0, 1, 1))))))

        check(case, old, new, plain[0], plain[1], rules)


@with_seeds
def test_typed_tables_differ_as_the_twin_says(seed):
    for case, rng in rounds(seed):
        table, types = random_typed_table(rng, 40)
        kinds = dict(zip(table.names, types, strict=True))
        rules = random_rules(rng, table)
        other = edit(rng, table, rng.choice((0, 1, 3, 30)))
        other = with_columns(other, edit_columns(rng, other, rules.key))
        files, plain = [], []
        for side in (table, other):
            held = arrow_table(side.names, [kinds[name] for name in side.names], side.rows)
            write = rng.choice((write_parquet, write_arrow))
            files.append(write(rng, held))
            plain.append(read_arrow(held))

        check(case, files[0], files[1], plain[0], plain[1], rules)


@with_seeds
def test_json_lines_differ_as_the_twin_says(seed):
    for case, rng in rounds(seed):
        table = random_json_table(rng, 30)
        other = edit(rng, table, rng.choice((0, 1, 3, 30)))
        other = with_columns(other, edit_columns(rng, other, table.names[:2]))
        files = [write_json_lines(rng, side.names, side.rows) for side in (table, other)]
        plain = [read_json_lines(file) for file in files]
        shared = [name for name in plain[0].columns if name in plain[1].columns]
        if not shared:
            # There may be no rows, and then there are no columns.
            continue
        rules = Rules(key=tuple(shared[: rng.choice((0, 1, 1, 2))]))

        check(case, files[0], files[1], plain[0], plain[1], rules)


@with_seeds
def test_what_versions_share_and_what_is_remembered_of_them_change_no_answer(seed, tmp_path):
    for case, rng in rounds(seed):
        files, plain, rules = random_history(rng)
        if not plain:
            continue
        cache = Cache(tmp_path / case)
        numbers = [(at, at + 1) for at in range(len(files) - 1)] * 2 + [(0, len(files) - 1), (1, 0)]
        for old, new in numbers:
            check(case, files[old], files[new], plain[old], plain[new], rules, share=(rng, cache))


@with_seeds
def test_a_table_with_its_changes_applied_has_the_rows_of_the_other(seed):
    for case, rng in rounds(seed):
        files, plain, key = random_patchable(rng)
        if None in plain:
            continue
        for form in FEEDS:
            with comparing() as tables:
                # Else nothing would be told of rows that are other only in a new column.
                options = DiffOptions(key=key, added_columns=True)
                found = tables.diff(files[0], files[1], options)
                feed = io.BytesIO()
                assert found.rows is not None
                try:
                    write_feed(found.rows, feed, form)
                except TableError:
                    # Not all that has a type can be said in CSV.
                    assert form == "csv"
                    assert files[0].name.endswith(("parquet", "arrow", "arrows"))
                    continue
                result = patched(tables, files[0], feed.getvalue())

            context = f"{case}, {form}, key {key}\n{files[0]}\n{files[1]}\n{feed.getvalue()!r}\n{result}"
            check_same_rows(read_like(result, files[0]), plain[1], context)


def rounds(seed: int) -> Iterator[tuple[str, Random]]:
    for number in range(ROUNDS):
        case = f"seed {seed}, round {number}"
        yield case, Random(case)


def random_text_pair(rng: Random) -> tuple[RandomTable, RandomTable, Rules]:
    before = random_text_table(rng, rng.choice((3, 12, 60)))
    rules = random_rules(rng, before)
    after = edit(rng, before, rng.choice((0, 1, 1, 3, 30)))
    after = with_columns(after, edit_columns(rng, after, rules.key))
    if rng.random() < 0.2:
        after = with_new_column(rng, after, "new")
    return before, after, rules


def random_history(rng: Random) -> tuple[list[Written], list[PlainTable | None], Rules]:
    """Some versions of one table, each a few edits from the one before, written the same way."""
    number = rng.choice((2, 2, 3, 4))
    match rng.randrange(4):
        case 0:
            return random_soups(rng, number)
        case 1:
            table, types = random_typed_table(rng, 60)
            rules = random_rules(rng, table)
            how = rng.random()
            held = [arrow_table(one.names, types, one.rows) for one in edited_often(rng, table, number)]
            write = rng.choice((write_parquet, write_parquet, write_arrow))
            return [write(Random(how), one) for one in held], [read_arrow(one) for one in held], rules
    table = random_text_table(rng, 100)
    how = rng.random()
    rules = random_rules(rng, table)
    versions = edited_often(rng, table, number)
    files = [write_text(Random(how), one.names, one.rows, compressed=False) for one in versions]
    plain = [read_text(file) for file in files]
    return files, plain if are_as_meant(plain, versions) else [], rules


def edited_often(rng: Random, table: RandomTable, number: int) -> list[RandomTable]:
    versions = [table]
    while len(versions) < number:
        versions.append(edit(rng, versions[-1], rng.choice((1, 1, 2, 5))))
    return versions


def random_soups(rng: Random, number: int) -> tuple[list[Written], list[PlainTable | None], Rules]:
    """Texts in which quotes open and close anywhere; with luck they are tables."""
    alphabet = rng.choice(("ab\n", 'ab\n"', 'abcd\n\n"\r', 'aä\n\n"'))
    quoted = rng.choice((0.0, 0.2, 0.5))
    lines = [
        f'"{paragraph(rng)}",{soup(rng, "ab")[:5]}'
        if rng.random() < quoted
        else f"{soup(rng, alphabet)[:20]},{soup(rng, alphabet)[:5]}"
        for _ in range(rng.randrange(40))
    ]
    texts = ["a,b\n" + "\n".join(lines)]
    while len(texts) < number:
        texts.append("a,b\n" + edited_soup(rng, texts[-1][4:], alphabet + ","))
    files = [Written("soup.csv", text.encode()) for text in texts]
    plain = [read_text(file) for file in files]
    alike = all(read is None or read.columns == ("a", "b") for read in plain)
    return files, plain if alike else [], Rules(key=rng.choice(((), ("a",), ("a", "b"))))


def random_patchable(
    rng: Random,
) -> tuple[list[Written], list[PlainTable | None], tuple[str, ...]]:
    """Two versions of a table in files that can be patched, which compressed ones cannot."""
    match rng.randrange(3):
        case 0:
            before, after, rules = random_text_pair(rng)
            files = [write_text(rng, side.names, side.rows, compressed=False) for side in (before, after)]
            plain: list[PlainTable | None] = [read_text(file) for file in files]
            expressible = are_as_meant(plain, (before, after)) and all(
                dialect_of(file).quoting for file in files
            )
            return files, plain if expressible else [None], rules.key
        case 1:
            table, types = random_typed_table(rng, 30)
            other = edit(rng, table, rng.choice((0, 1, 3, 30)))
            held = [arrow_table(side.names, types, side.rows) for side in (table, other)]
            write = rng.choice((write_parquet, write_arrow))
            return (
                [write(rng, one) for one in held],
                [read_arrow(one) for one in held],
                tuple(table.names[:1]),
            )
    table = random_json_table(rng, 20)
    other = edit(rng, table, rng.choice((0, 1, 3, 30)))
    files = [write_json_lines(rng, side.names, side.rows, compressed=False) for side in (table, other)]
    records = [read_json_lines(file) for file in files]
    has_same_columns = set(records[0].columns) == set(records[1].columns) and records[0].columns
    return files, list(records) if has_same_columns else [None], ()


def patched(tables: Comparing, file: Written, feed: bytes) -> Written:
    """Return a table with a change feed applied."""
    target = io.BytesIO()
    apply_feed(
        file.name,
        BytesSource(file.data),
        read_feed(BytesSource(feed)),
        target,
        scratch=tables.scratch,
        executor=tables.executor,
    )
    return Written(file.name, target.getvalue())


def read_like(file: Written, original: Written) -> PlainTable:
    """Read a table that is written as another one is."""
    if file.name.endswith("sv"):
        read = read_text(file, dialect_of(original))
        assert read is not None, file
        return read
    if file.name.endswith("jsonl"):
        return read_json_lines(file)
    return read_arrow(read_binary(file))


def check_same_rows(found: PlainTable, wanted: PlainTable | None, context: str) -> None:
    """Hold the rows of a patched table against those it should have, in any order."""
    assert wanted is not None
    # A table of JSON Lines without rows has no columns.
    assert not found.rows or set(found.columns) == set(wanted.columns), context
    rows = [Counter(cells_of(row, wanted.columns) for row in table.rows) for table in (found, wanted)]
    assert rows[0] == rows[1], context


def are_as_meant(plain: Sequence[PlainTable | None], tables: Sequence[RandomTable]) -> bool:
    """Whether tables have the columns they were given, and not those that their heads look like."""
    return all(
        read is None or read.columns == tuple(table.names) for read, table in zip(plain, tables, strict=True)
    )


def random_rules(rng: Random, table: RandomTable) -> Rules:
    width = len(table.names)
    key = tuple(table.names[: rng.choice((0, 1, 1, 1, 2))][:width])
    others = [name for name in table.names if name not in key]
    ignored = tuple(rng.sample(others, 1)) if others and rng.random() < 0.15 else ()
    columns = tuple(rng.sample(others, 1)) if others and rng.random() < 0.1 else ()
    tolerances = {rng.choice(others): (0.5, 0.1)} if key and others and rng.random() < 0.2 else {}
    if set(ignored) & set(columns):
        columns = ()
    ordered = rng.random() < 0.15
    return Rules(key=key, ignored=ignored, columns=columns, tolerances=tolerances, ordered=ordered)


def with_condition(
    rng: Random, rules: Rules, before: PlainTable, after: PlainTable
) -> tuple[Rules, str | None]:
    """Perhaps ask for rows of which a cell has one value, or has not; the second is the condition as text."""
    names = compared_columns(before, after, rules)
    cells = [row[name] for name in names[:1] for row in before.rows]
    # There may be several longest common orders, so there are several right answers to which rows moved.
    if not cells or rules.ordered or rng.random() < 0.7:
        return rules, None
    name, wanted, is_not = names[0], str(rng.choice(cells)), rng.random() < 0.5
    quoted_name, quoted = name.replace('"', '""'), wanted.replace("'", "''")
    condition = f"\"{quoted_name}\" {'!=' if is_not else '='} '{quoted}'"
    return replace(rules, where=lambda row: (row[name] == wanted) != is_not), condition


def as_plain(table: RandomTable) -> PlainTable:
    return PlainTable(tuple(table.names), [dict(zip(table.names, row, strict=True)) for row in table.rows])


def soup(rng: Random, alphabet: str) -> str:
    return "".join(rng.choices(alphabet, k=rng.randrange(60)))


def edited_soup(rng: Random, text: str, alphabet: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(("", soup(rng, alphabet)[:5])) + text[at + rng.randrange(3) :]


def has_records(file: Written) -> bool:
    return bool(file.data.decode().strip(" \t\r\n"))


def check(
    case: str,
    old: Written,
    new: Written,
    before: PlainTable | None,
    after: PlainTable | None,
    rules: Rules,
    *,
    share: tuple[Random, Cache] | None = None,
    where: str | None = None,
) -> None:
    """Compare two files, and hold what comes out against the twin.

    Args:
        before, after: what the files hold; None if their rows are ragged.
        share: tell what the files share, as far as chunks of a random size show it, and keep what is worth
            remembering here.
        where: what `rules.where` says, as a condition.
    """
    options = DiffOptions(
        key=rules.key,
        columns=rules.columns,
        ignored=rules.ignored,
        tolerances={name: Tolerance(*limits) for name, limits in rules.tolerances.items()},
        where=where,
        ordered=rules.ordered,
    )
    context = f"{case}: {rules} {where}\n{decompress(old)}\n{decompress(new)}"
    with comparing() as tables:
        if before is None or after is None:
            check_refused(context, tables, old, new)
            return
        wanted = diff_rows(before, after, rules)
        compared = compared_columns(before, after, rules)
        shared = None
        if share is not None:
            rng, cache = share
            ids = [hashlib.sha256(file.data).digest() for file in (old, new)]
            gaps = random_gaps(rng, old.data, new.data)
            shared = Shared(gaps, ids[0], ids[1], rng.choice((cache, cache, None)))
            context += f"\n{shared}"
        found = tables.diff(old, new, options, shared)
        said = told(found, compared)
        # Whoever asks twice gets the same.
        again = told(found, compared)
    assert said == wanted, context
    assert again.changes == said.changes, context
    check_sums(context, said)


def check_refused(context: str, tables: Comparing, old: Written, new: Written) -> None:
    rows = tables.diff(old, new, DiffOptions(key=())).rows
    assert rows is not None
    assert rows.refused, context
    assert rows.is_empty
    assert list(rows.changes()) == []


def check_sums(case: str, said: TwinDiff) -> None:
    if said.unchanged is None:
        # Under a condition.
        return
    assert said.from_rows == said.unchanged + said.changed + said.removed, case
    assert said.to_rows == said.unchanged + said.changed + said.added, case


def compared_columns(before: PlainTable, after: PlainTable, rules: Rules) -> Sequence[str]:
    return [
        name
        for name in before.columns
        if name in after.columns
        and (
            name in rules.key or (name not in rules.ignored and (not rules.columns or name in rules.columns))
        )
    ]
