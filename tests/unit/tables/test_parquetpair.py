"""datav.tables.parquetpair: what two versions of a Parquet file share is left out, and nothing else."""

import io
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datav.storage.scratch import Scratch
from datav.tables.compare import compare
from datav.tables.matching import match_rows
from datav.tables.options import DiffOptions
from datav.tables.parquetpair import pair_parquet
from datav.tables.parquetversion import ParquetVersion
from datav.tables.version import View
from datav.tables.views import choose_views

SCHEMA = pa.schema(
    [("id", pa.int64()), ("a", pa.float64()), ("b", pa.list_(pa.string())), ("c", pa.string())]
)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


class Compared:
    """SameBytes over bytes in memory, that counts."""

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after = before, after

    def is_same(self, before_offset, after_offset, size):
        old = self._before[before_offset : before_offset + size]
        return len(old) == size and old == self._after[after_offset : after_offset + size]


def make_row(rng: random.Random, number: int) -> tuple:
    return (
        number,
        rng.choice([None, 0.5, float("nan"), rng.random()]),
        rng.choice([None, [], ["x"], [None, "y"]]),
        rng.choice([None, "", f"text {rng.randrange(50)}"]),
    )


def write(groups, schema=SCHEMA, **options) -> bytes:
    """A file with one row group for each list of rows."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, **options) as writer:
        for rows in groups:
            columns = [pa.array([row[i] for row in rows], field.type) for i, field in enumerate(schema)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return sink.getvalue()


def pair(in_memory, executor, before: bytes, after: bytes, key=(0,), columns=None, **options):
    old, new = (ParquetVersion(in_memory(data)) for data in (before, after))
    chosen = tuple(columns if columns is not None else range(len(old.columns)))
    view = View(chosen, tuple(key), tuple(old.types[column] for column in chosen))
    same = Compared(before, after)
    return pair_parquet(old, new, view, view, same, seed=7, executor=executor, **options), view


def changed_of(pairing) -> list[tuple[int, int]]:
    return list(zip(*(side.tolist() for side in pairing.changed), strict=True))


def left_of(version, view, executor) -> list[int]:
    return [place for part in version.scan(view, 1, executor) for place in part.places.tolist()]


def rows_of(count: int, start: int = 0, seed: int = 1) -> list[tuple]:
    rng = random.Random(seed + start)
    return [make_row(rng, number) for number in range(start, start + count)]


GROUPS = [rows_of(100, start) for start in range(0, 500, 100)]


def with_cell(rows, number: int, column: int, value) -> list[tuple]:
    changed = list(rows)
    changed[number] = (*rows[number][:column], value, *rows[number][column + 1 :])
    return changed


def test_a_file_that_is_the_same_leaves_nothing(in_memory, executor):
    data = write(GROUPS)

    pairing, view = pair(in_memory, executor, data, data)

    assert pairing.unchanged == 500
    assert changed_of(pairing) == []
    assert left_of(pairing.before, view, executor) == left_of(pairing.after, view, executor) == []


def test_a_cell_that_changed_is_found_by_its_place(in_memory, executor):
    after = [*GROUPS[:2], with_cell(GROUPS[2], 7, 3, "new"), *GROUPS[3:]]

    pairing, view = pair(in_memory, executor, write(GROUPS), write(after))

    assert changed_of(pairing) == [(207, 207)]
    assert pairing.unchanged == 499
    assert left_of(pairing.before, view, executor) == left_of(pairing.after, view, executor) == []


def test_only_columns_whose_bytes_differ_are_read(in_memory, executor):
    rng = random.Random(1)
    rows = [(i, rng.random(), [rng.randbytes(300).hex()], "same") for i in range(1000)]
    before, after = write([rows]), write([with_cell(rows, 500, 3, "other")])
    old, new = in_memory(before), in_memory(after)
    versions = ParquetVersion(old), ParquetVersion(new)
    view = View((0, 1, 2, 3), (0,), versions[0].types)

    pairing = pair_parquet(*versions, view, view, Compared(before, after), seed=7, executor=executor)

    assert changed_of(pairing) == [(500, 500)]
    # Of 300 kB each; a footer is looked for in the last 64.
    assert old.bytes_read + new.bytes_read < 200_000


def test_row_groups_that_were_inserted_or_removed_do_not_hide_the_others(in_memory, executor):
    extra = [rows_of(100, 1000), rows_of(40, 2000)]
    after = [extra[0], GROUPS[0], GROUPS[2], extra[1], *GROUPS[3:]]

    pairing, view = pair(in_memory, executor, write(GROUPS), write(after))

    assert pairing.unchanged == 400
    assert left_of(pairing.before, view, executor) == list(range(100, 200))
    assert left_of(pairing.after, view, executor) == [*range(100), *range(300, 340)]


def test_without_a_key_only_equal_row_groups_are_left_out(in_memory, executor):
    after = [*GROUPS[:2], with_cell(GROUPS[2], 7, 3, "new"), *GROUPS[3:]]

    for options in ({"key": ()}, {"apart": range(5)}):
        pairing, view = pair(in_memory, executor, write(GROUPS), write(after), **options)

        assert changed_of(pairing) == []
        assert pairing.unchanged == 400
        assert left_of(pairing.before, view, executor) == list(range(200, 300))
        assert left_of(pairing.after, view, executor) == list(range(200, 300))


def test_columns_that_are_not_compared_do_not_count(in_memory, executor):
    after = [*GROUPS[:2], with_cell(GROUPS[2], 7, 3, "new"), *GROUPS[3:]]

    pairing, _ = pair(in_memory, executor, write(GROUPS), write(after), columns=(0, 1, 2))

    assert pairing.unchanged == 500


def test_another_codec_is_another_way_to_write_the_same(in_memory, executor):
    before, after = write(GROUPS, compression="snappy"), write(GROUPS, compression="zstd")

    pairing, view = pair(in_memory, executor, before, after)

    # Other bytes say nothing: matching will find them equal.
    assert pairing.unchanged == 0
    assert len(left_of(pairing.before, view, executor)) == 500


def test_the_same_bytes_of_another_type_are_not_the_same(in_memory, executor):
    other = pa.schema([("id", pa.int64()), ("a", pa.timestamp("us"))])
    rows = [[(i, i) for i in range(100)]]
    before = write(rows, pa.schema([("id", pa.int64()), ("a", pa.int64())]), compression="none")
    after = write(rows, other, compression="none")
    versions = [ParquetVersion(in_memory(data)) for data in (before, after)]
    view = View((0, 1), (), (pa.int64(), pa.int64()))

    pairing = pair_parquet(*versions, view, view, Compared(before, after), seed=7, executor=executor)

    assert pairing.unchanged == 0


def test_files_whose_row_groups_all_look_the_same_are_put_in_step(in_memory, executor):
    schema = pa.schema([("id", pa.int32())])
    groups = [[(group * 50 + i,) for i in range(50)] for group in range(60)]
    options = {"compression": "none", "use_dictionary": False}
    before, after = write(groups, schema, **options), write([groups[50], *groups[3:]], schema, **options)

    pairing, view = pair(in_memory, executor, before, after)

    assert pairing.unchanged == 57 * 50
    assert left_of(pairing.before, view, executor) == list(range(150))


def edit(rng: random.Random, groups: list[list[tuple]]) -> list[list[tuple]]:
    """Some of what people do to a table, mostly without touching its row groups."""
    edited = [list(rows) for rows in groups]
    for _ in range(rng.randint(1, 6)):
        number = rng.randrange(len(edited))
        rows = edited[number]
        match rng.randrange(7):
            case 0:
                edited.insert(number, rows_of(rng.randint(1, 30), rng.randrange(10_000, 99_999)))
            case 1 if len(edited) > 1:
                del edited[number]
            case 2 if rows:
                rows.pop(rng.randrange(len(rows)))
            case 3:
                rows.insert(rng.randint(0, len(rows)), make_row(rng, rng.randrange(10_000, 99_999)))
            case 4:
                rng.shuffle(rows)
            case _ if rows:
                at, column = rng.randrange(len(rows)), rng.choice([1, 2, 3])
                rows[at] = with_cell(rows, at, column, make_row(rng, 0)[column])[at]
    return edited


@pytest.mark.parametrize("seed", range(80))
def test_pairing_agrees_with_a_comparison_of_all_rows(in_memory, executor, seed):
    rng = random.Random(seed)
    size = rng.choice([5, 20, 50])
    rows = rows_of(rng.randint(1, 300), seed=seed)
    groups = [rows[i : i + size] for i in range(0, len(rows), size)]
    edited = edit(rng, groups)
    before, after = write(groups), write(edited)
    old, new = ([row for group in side for row in group] for side in (groups, edited))

    pairing, view = pair(in_memory, executor, before, after)

    left = left_of(pairing.before, view, executor), left_of(pairing.after, view, executor)
    changed = changed_of(pairing)
    for place, other in changed:
        assert old[place][0] == new[other][0]
        assert repr(old[place]) != repr(new[other])
    gone = [set(range(len(old))) - set(left[0]), set(range(len(new))) - set(left[1])]
    for side in (0, 1):
        gone[side] -= {pair[side] for pair in changed}
    # What is neither left nor changed is the same rows on both sides.
    assert sorted(repr(old[i]) for i in gone[0]) == sorted(repr(new[i]) for i in gone[1])
    assert len(gone[0]) == len(gone[1]) == pairing.unchanged
    for side in pairing.changed:
        assert side.tolist() == sorted(side.tolist())


def with_repeated_keys(rng: random.Random, groups: list[list[tuple]]) -> list[list[tuple]]:
    """The same row groups, some of whose rows have the key of another row."""
    every = [row for rows in groups for row in rows]
    return [
        [(rng.choice(every)[0], *row[1:]) if rng.random() < 0.05 else row for row in rows] for rows in groups
    ]


def find_repeated(version, view, executor) -> list[int]:
    """Fingerprints of the keys that more than one row has."""
    count = Counter(key for part in version.scan(view, 1, executor) for key in part.keys.tolist())
    return sorted(key for key, times in count.items() if times > 1)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("key", [("id",), ()])
def test_what_is_shared_does_not_change_the_answer(in_memory, executor, seed, key):
    rng = random.Random(seed)
    size = rng.choice([5, 20])
    rows = rows_of(rng.randint(1, 200), seed=seed)
    groups = [rows[i : i + size] for i in range(0, len(rows), size)]
    if seed % 2:
        groups = with_repeated_keys(rng, groups)
    edited = edit(rng, groups)
    if seed % 4 == 3:
        edited = with_repeated_keys(rng, edited)
    before, after = write(groups), write(edited)
    old, new = (ParquetVersion(in_memory(data)) for data in (before, after))
    compared = choose_views(old, new, DiffOptions(key=key))
    views = compared.before_view, compared.after_view
    suspects = sorted({*find_repeated(old, views[0], executor), *find_repeated(new, views[1], executor)})
    apart = range(len(groups)) if suspects else ()

    pairing = pair_parquet(old, new, *views, Compared(before, after), seed=1, executor=executor, apart=apart)

    scans = pairing.before.scan(views[0], 1, executor), pairing.after.scan(views[1], 1, executor)
    with Scratch() as scratch:
        whole = compare(old, new, DiffOptions(key=key), scratch=scratch, executor=executor).rows
        known = np.array(suspects, np.uint64) if key else None
        found = match_rows(*scans, scratch, has_key=bool(key), suspects=known)
    assert len(found.removed) + int(found.surplus_before.counts.sum()) == whole.removed
    assert len(found.added) + int(found.surplus_after.counts.sum()) == whole.added
    assert len(found.changed[0]) + len(pairing.changed[0]) == whole.changed
    assert found.unchanged + pairing.unchanged == whole.unchanged
