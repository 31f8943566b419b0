"""datav.tables.recordmap: what is derived from version to version is what a scan of each would find."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from datav.storage.caching import Cache
from datav.tables import recordmap, remembering, text
from datav.tables.options import DiffOptions
from datav.tables.recordmap import KeyIndex, Marks, RecordMap, derive_map, distinct, make_index, scan_facts
from datav.tables.shared import Gap, Shared
from datav.tables.version import View
from tests.support.smallness import pair_small_files
from tests.support.texts import all_columns, comma_dialect, compare_all, edit_bytes, text_version

KEY = View((0,), (0,), (None,))


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture(params=[(1, 7), (8, 64), (32, 10**6)], ids=str)
def sizes(request, monkeypatch):
    stride, block = request.param
    monkeypatch.setattr(recordmap, "STRIDE", stride)
    monkeypatch.setattr(text, "BLOCK", block)
    monkeypatch.setattr(text, "_LOOK_BEHIND", 3)


def random_text(rng: Random, rows: int) -> bytes:
    cells = [b"a", b"bb", b'"q"', b'"l\nm"', b'"x""y"', b'in"side', b"", b'""']
    ends = rng.choice([(b"\n",), (b"\r\n",), (b"\r",), (b"\n", b"\r\n", b"\n\n")])
    keys = rng.choice((rows, rows * 50 + 1))
    lines = [b"%d,%s%s" % (rng.randrange(keys + 1), rng.choice(cells), rng.choice(ends)) for _ in range(rows)]
    content = b"id,x" + ends[0] + b"".join(lines)
    return content if rng.random() < 0.7 else content.rstrip(b"\r\n")


def starts_of(content: bytes, executor) -> list[int]:
    """Where records begin, by a scan in one piece."""
    version = text_version(content, comma_dialect(["id", "x"]))
    scanned = version.scan_records(all_columns(version), 1, executor)
    return [start for records in scanned for start in records.starts.tolist()]


def check_map(found: RecordMap, content: bytes, executor) -> None:
    marks = found.marks.tolist()
    starts = starts_of(content, executor)
    assert marks == sorted(set(marks))
    assert found.rows == len(starts)
    assert found.quoted.shape == found.marks.shape
    for mark in marks:
        # Blank lines before a record are as good as its start.
        assert mark + leading_blanks(content[mark:]) in {*starts, len(content)}
        assert mark < len(content)
    for (start, end), quoted in zip(pairwise([*marks, len(content)]), found.quoted.tolist(), strict=True):
        assert quoted or b'"' not in content[start:end]


def leading_blanks(rest: bytes) -> int:
    return len(rest) - len(rest.lstrip(b"\r\n"))


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("seed", range(10))
def test_marks_are_the_first_record_of_each_stride(executor, seed):
    content = random_text(Random(seed), 40)
    version = text_version(content, comma_dialect(["id", "x"]))

    found, index = scan_facts(version, KEY, 5, executor)

    check_map(found, content, executor)
    starts = starts_of(content, executor)
    assert {start // recordmap.STRIDE for start in starts} == {n // recordmap.STRIDE for n in found.marks}
    assert found.marks[0] == starts[0]
    for mark, quoted in zip(pairwise([*found.marks.tolist(), len(content)]), found.quoted, strict=True):
        assert quoted == (b'"' in content[slice(*mark)])
    assert len(index.root) == len(starts)


@pytest.mark.parametrize("content", [b"id,x", b"id,x\n", b"id,x\r\n\r\n", b"\n\nid,x\n\n"])
def test_a_table_without_rows_has_no_marks(executor, content):
    found, index = scan_facts(text_version(content), KEY, 5, executor)

    assert (found.marks.tolist(), found.quoted.tolist(), found.rows) == ([], [], 0)
    assert (index.root.tolist(), index.repeated.tolist()) == ([], [])


def test_marks_are_looked_up():
    marks = Marks(RecordMap(np.array([5, 20, 40], np.uint64), np.array([False, True, False]), 3))

    assert [marks.last(at) for at in (0, 4, 5, 19, 20, 39, 99)] == [None, None, 5, 5, 20, 20, 40]
    assert marks.between(5, 40) == [5, 20]
    assert marks.between(6, 41) == [20, 40]
    assert marks.between(41, 50) == []
    spans = [(5, 20), (5, 21), (7, 20), (20, 21), (39, 40), (40, 41), (40, 99), (0, 3), (5, 99)]
    answers = [marks.has_quotes(*span) for span in spans]
    assert answers == [False, True, False, True, True, False, False, True, True]


def by_rows(
    rng: Random, content: bytes, starts: list[int]
) -> tuple[bytes, list[tuple[tuple[int, int], tuple[int, int]]]]:
    """Return a text with some whole records replaced, and where they were in both."""
    bounds = [*starts, len(content)]
    chosen = sorted(rng.sample(range(len(bounds)), min(len(bounds), 2 * rng.randrange(1, 4)) // 2 * 2))
    parts, spans, done, length = [], [], 0, 0
    for first, last in zip(chosen[::2], chosen[1::2], strict=True):
        start, end = bounds[first], bounds[last]
        new = b"".join(rng.choice([b"7,n\n", b'8,"n\n"\n', b"\n", b""]) for _ in range(rng.randrange(4)))
        if last == len(bounds) - 1 and rng.random() < 0.5:
            new += b"9,end"
        parts += [content[done:start], new]
        length += start - done
        spans.append(((start, end), (length, length + len(new))))
        length, done = length + len(new), end
    return b"".join([*parts, content[done:]]), spans


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("seed", range(20))
def test_a_derived_map_is_a_map_of_the_new_version(executor, seed):
    rng = Random(seed)
    content = random_text(rng, rng.choice((1, 10, 40))).rstrip(b"\r\n") + b"\n"
    known, _ = scan_facts(text_version(content, comma_dialect(["id", "x"])), KEY, 5, executor)
    for _ in range(4):
        starts = starts_of(content, executor)
        new, spans = by_rows(rng, content, starts)
        rows = len(starts_of(new, executor))

        derived = derive_map(known, len(content), spans, rows)

        check_map(derived, new, executor)
        if not new.endswith(b"\n"):
            break
        content, known = new, derived


def random_prints(rng: Random, most: int) -> np.ndarray:
    return np.sort(np.array([rng.randrange(30) for _ in range(rng.randrange(most))], np.uint64))


def facts_of(index: KeyIndex) -> tuple[list[int], list[int]]:
    keys = np.arange(40, dtype=np.uint64)
    return index.counts(keys).tolist(), index.repeated.tolist()


@pytest.mark.parametrize("seed", range(30))
def test_a_derived_index_has_the_facts_of_a_new_one(seed):
    rng = Random(seed)
    held = random_prints(rng, 60)
    index = make_index(7, held)
    for _ in range(6):
        gone = np.sort(np.array(rng.sample(held.tolist(), min(len(held), rng.randrange(8))), np.uint64))
        new = random_prints(rng, 8)
        left = list(held)
        for key in gone:
            left.remove(key)
        held = np.sort(np.concatenate([np.array(left, np.uint64), new]))

        index = index.derive(gone, new)

        assert facts_of(index) == facts_of(make_index(7, held))
        assert facts_of(index.rooted()) == facts_of(index)
        assert not set(index.less.tolist()) & set(index.more.tolist())
        if rng.random() < 0.3:
            index = index.rooted()


def test_values_each_once():
    assert distinct(np.array([1, 1, 2, 5, 5], np.uint64)).tolist() == [1, 2, 5]
    assert distinct(np.zeros(0, np.uint64)).tolist() == []


@pytest.fixture
def small_files_are_paired(monkeypatch):
    pair_small_files(monkeypatch)


@pytest.mark.usefixtures("sizes", "small_files_are_paired")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("derived", [0.0, 100.0])
def test_what_is_remembered_of_a_chain_of_versions_is_what_a_scan_finds(
    executor, tmp_path, monkeypatch, seed, derived
):
    monkeypatch.setattr(remembering, "_MAX_DERIVED", derived)
    rng = Random(seed)
    content = random_text(rng, 40)
    cache = Cache(tmp_path)
    pieces = [b"", b"7", b"\n", b"5,z\n", b'"', b'6,"l\nm"\n', b'",\n', b"\r"]
    for _ in range(8):
        new, gaps = edit_bytes(rng, content, pieces, rng.choice((1, 1, 3)), 5)
        ids = [hashlib.sha256(side).digest() for side in (content, new)]
        sides = (text_version(side, comma_dialect(["id", "x"])) for side in (content, new))
        rows = compare_all(*sides, DiffOptions(key=("id",)), Shared(gaps, *ids, cache))[0].rows
        if rows.refused and not rows.duplicates:
            # The new text is no table; the next one is another edit of the last that was.
            continue
        memory = remembering.Memory(cache, ids[1], b",TrueTrue")
        version = text_version(new, comma_dialect(["id", "x"]))

        known, index = memory.read_map(), memory.read_index((0,))

        assert known is not None
        assert index is not None
        check_map(known, new, executor)
        fresh = scan_facts(version, KEY, index.seed, executor)[1]
        keys = distinct(np.sort(np.concatenate([fresh.root, index.root, index.more])))
        assert index.counts(keys).tolist() == fresh.counts(keys).tolist()
        assert index.repeated.tolist() == fresh.repeated.tolist()
        assert memory.read_keys((0,)).repeated.tolist() == fresh.repeated.tolist()
        content = new


@pytest.mark.usefixtures("small_files_are_paired")
def test_what_is_appended_to_a_last_row_without_a_line_end_belongs_to_it(tmp_path):
    first = b"id,x\n" + b"".join(b"%d,v\n" % number for number in range(20)) + b"20,v"
    second, third = first[:-1] + b"w", first[:-1] + b"wx\n21,y"
    end = len(second)
    cache = Cache(tmp_path)

    gaps = [Gap(end - 1, end, end - 1, end)], [Gap(end, end, end, len(third))]
    sides = ((first, second, gaps[0], b"1", b"2"), (second, third, gaps[1], b"2", b"3"))
    found = []
    for old, new, gap, *ids in sides:
        versions = text_version(old), text_version(new)
        found.append(compare_all(*versions, DiffOptions(key=("id",)), Shared(gap, *ids, cache))[0].rows)

    assert [(rows.refused, rows.changed, rows.added) for rows in found] == [(None, 1, 0), (None, 1, 1)]
