"""Comparing texts by what they share: every answer is that of a comparison of the whole files.

Random tables, dialects, edits and chunks; chains of versions through one cache, which may be damaged.
DATAV_DIFF_SEEDS and DATAV_DIFF_ROUNDS say how much is tried; a failure names seed and round.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from datav.storage.caching import Cache
from datav.tables import pairs, recordmap, remembering, source, text, textpair, walking
from datav.tables.dialect import TextDialect
from datav.tables.options import DiffOptions, Tolerance
from datav.tables.result import RowChange, RowDiff
from datav.tables.shared import Gap, Shared
from tests.support.randomtables import edit, random_gaps, random_text_table
from tests.support.smallness import pair_small_files
from tests.support.texts import comma_dialect, compare_all, edit_bytes, text_version

SEEDS = range(int(os.environ.get("DATAV_DIFF_SEEDS", "12")))
ROUNDS = int(os.environ.get("DATAV_DIFF_ROUNDS", "15"))
PIECES = [
    b"",
    b"7",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b",",
    b'"',
    b'""',
    b'",\n',
    b'\n"',
    b"5,z\n",
    b'6,"l\nm"\n',
    b"\xc3\xa9",
]

with_seeds = pytest.mark.parametrize("seed", SEEDS)


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch, seed):
    """Blocks, strides and windows of a few bytes or rows, others for each seed."""
    rng = Random(f"sizes {seed}")
    monkeypatch.setattr(text, "BLOCK", rng.choice((16, 64, 300, 2**22)))
    monkeypatch.setattr(text, "_LOOK_BEHIND", rng.choice((1, 16, 2**16)))
    monkeypatch.setattr(text, "_NEAR", rng.choice((0, 10, 2**15)))
    monkeypatch.setattr(recordmap, "STRIDE", rng.choice((1, 8, 64, 2**14)))
    pair_small_files(monkeypatch)
    monkeypatch.setattr(textpair, "_GAPS_AT_ONCE", rng.choice((1, 3, 64)))
    monkeypatch.setattr(source, "MAX_KEPT", rng.choice((0, 50, 2**20)))
    monkeypatch.setattr(remembering, "_MAX_DERIVED", rng.choice((0.0, 0.1, 100.0)))
    monkeypatch.setattr(pairs, "WINDOW_ROWS", rng.choice((2, 2**15)))
    monkeypatch.setattr(walking, "STEP", rng.choice((4, 2**18)))


@with_seeds
def test_two_texts_by_their_gaps(seed):
    for number in range(ROUNDS):
        rng = Random(f"{seed} {number}")
        versions, dialect = random_texts(rng, 2)
        options = random_options(rng)

        check(f"seed {seed}, round {number}", *versions[:2], dialect, options, any_gaps(rng, *versions[:2]))


@with_seeds
def test_chains_of_versions_through_one_cache(seed, tmp_path):
    for number in range(ROUNDS):
        rng = Random(f"{seed} {number}")
        versions, dialect = random_texts(rng, 4)
        options = random_options(rng)
        cache = Cache(tmp_path / str(number))
        steps = [(0, 1), (1, 2), (2, 1), (2, 3), (3, 0), (0, 3), (1, 3), (1, 2)]
        for old, new in steps[: len(steps) if rng.random() < 0.5 else 3]:
            gaps = any_gaps(rng, versions[old], versions[new])
            where = f"seed {seed}, round {number}, {old} to {new}"
            check(where, versions[old], versions[new], dialect, options, gaps, cache)


@with_seeds
def test_a_cache_that_was_damaged_in_between_changes_no_answer(seed, tmp_path):
    for number in range(ROUNDS):
        rng = Random(f"{seed} {number}")
        versions, dialect = random_texts(rng, 3)
        options = DiffOptions(key=rng.choice((("id",), ("id",), ())))
        directory = tmp_path / str(number)
        for old, new in ((0, 1), (1, 2), (0, 1), (2, 1), (0, 2)):
            gaps = any_gaps(rng, versions[old], versions[new])
            where = f"seed {seed}, round {number}, {old} to {new}"
            check(where, versions[old], versions[new], dialect, options, gaps, Cache(directory))
            damage(rng, directory)


@with_seeds
def test_bytes_put_in_anywhere(seed, tmp_path):
    for number in range(ROUNDS):
        rng = Random(f"{seed} {number}")
        (content, *_), dialect = random_texts(rng, 1)
        cache = Cache(tmp_path / str(number))
        options = DiffOptions(key=rng.choice((("id",), ())))
        body = text_version(content, dialect).body
        for _ in range(4):
            new, gaps = edit_bytes(rng, content, PIECES, rng.choice((1, 1, 2, 5)), min(body, len(content)))
            check(f"seed {seed}, round {number}", content, new, dialect, options, gaps, cache)
            content = new


def random_texts(rng: Random, number: int) -> tuple[list[bytes], TextDialect]:
    """Versions of one table, written the same way but for some quotes."""
    width = rng.choice((1, 2, 3))
    names = ["id", "x", "y"][:width]
    delimiter = rng.choice(",,;\t")
    quoting = rng.random() < 0.85
    ends = rng.choice((["\n"], ["\r\n"], ["\r"], ["\n", "\n", "\r\n", "\n\n"]))
    table = random_text_table(rng, rng.choice((3, 30, 80)))
    while len(table.names) != width:
        table = random_text_table(rng, rng.choice((3, 30, 80)))
    mark = b"\xef\xbb\xbf" if rng.random() < 0.1 else b""
    is_ended = rng.random() < 0.7
    quotes_more = rng.choice((0, 0, 0.3, 1)) if quoting else 0
    how, texts = rng.random(), []
    for _ in range(number):
        # The same row is mostly written the same way in all versions.
        records = [
            delimiter.join(
                written(Random(f"{how}{cell}"), cell, delimiter, quotes_more, quoting) for cell in row
            )
            for row in (names, *table.rows)
        ]
        content = "".join((record or '""') + Random(f"{how}{record}").choice(ends) for record in records)
        texts.append(mark + (content if is_ended else content.rstrip("\r\n")).encode())
        table = edit(rng, table, rng.choice((0, 1, 1, 2, 5)))
        if rng.random() < 0.1:
            quotes_more = 1 - quotes_more if quoting else 0
    return texts, comma_dialect(names, quoting=quoting, delimiter=delimiter)


def written(rng: Random, cell: str, delimiter: str, quotes_more: float, quoting: bool) -> str:
    if not quoting:
        return cell.replace(delimiter, " ").replace("\r", " ").replace("\n", " ")
    must = any(mark in cell for mark in (delimiter, "\r", "\n")) or cell.startswith('"')
    return '"' + cell.replace('"', '""') + '"' if must or rng.random() < quotes_more else cell


def random_options(rng: Random) -> DiffOptions:
    key = rng.choice(((), ("id",), ("id",)))
    match rng.randrange(8):
        case 0 if key:
            return DiffOptions(key=key, tolerances={"": Tolerance(absolute=0.5)})
        case 1:
            return DiffOptions(key=key, where="id like '%1%'")
        case 2:
            return DiffOptions(key=key, columns=("id",))
        case 3:
            return DiffOptions(key=key, typed=True)
        case 4:
            return DiffOptions(key=key, ordered=True)
    return DiffOptions(key=key)


def any_gaps(rng: Random, before: bytes, after: bytes) -> list[Gap]:
    return random_gaps(rng, before, after) if before and after else []


def damage(rng: Random, directory: Path) -> None:
    """Change, cut or remove some of the files."""
    for path in sorted(directory.glob("*")):
        content = path.read_bytes() or b"?"
        at = rng.randrange(len(content))
        match rng.randrange(6):
            case 0:
                path.write_bytes(
                    content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
                )
            case 1:
                path.write_bytes(content[:at])
            case 2:
                path.unlink()


def check(
    case: str,
    before: bytes,
    after: bytes,
    dialect: TextDialect,
    options: DiffOptions,
    gaps: Sequence[Gap],
    cache: Cache | None = None,
) -> None:
    """Hold what the gaps give against what the whole files do."""
    ids = [hashlib.sha256(side).digest() for side in (before, after)]
    answers = []
    for shared in (None, Shared(gaps, ids[0], ids[1], cache)):
        versions = [text_version(side, with_mark(dialect, side)) for side in (before, after)]
        found, changes = compare_all(*versions, options, shared)
        assert found.rows is not None
        answers.append((found.schema, summary(found.rows), counted(changes, options.columns)))

    assert answers[1] == answers[0], f"{case}: {options}\n{before!r}\n{after!r}\n{gaps}"


def with_mark(dialect: TextDialect, content: bytes) -> TextDialect:
    is_marked = content.startswith(b"\xef\xbb\xbf")
    return TextDialect(
        "csv", dialect.delimiter, "utf-8-sig" if is_marked else "utf-8", dialect.quoting, dialect.header
    )


def summary(rows: RowDiff) -> tuple[object, ...]:
    """The numbers; which keys and which uneven row are named is left to either."""
    refused = re.sub(r"a row has \d+ cells? .* \(line \d+\)\Z", "ragged", rows.refused or "")
    if rows.duplicates is not None:
        refused = "not unique"
    duplicates = rows.duplicates and (rows.duplicates.before, rows.duplicates.after)
    numbers = rows.from_rows, rows.to_rows, rows.added, rows.removed, rows.changed, rows.unchanged, rows.moved
    return refused, duplicates, numbers, rows.changed_cells


def counted(changes: Sequence[RowChange], columns: Sequence[str]) -> Counter[tuple[object, ...]]:
    """Count changes by their cells.

    Args:
        columns: those that are compared; empty: all.  Of rows that differ only in others any one is shown.
    """
    found: Counter[tuple[object, ...]] = Counter()
    for change in changes:
        sides = (change.key, change.before, change.after)
        cells = (
            tuple(sorted((name, cell) for name, cell in side.items() if not columns or name in columns))
            for side in sides
        )
        found[(change.op, *cells)] += change.count
    return found
