"""How often each label comes with each value of another column."""

from collections import Counter
from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow
import pytest

from datav.profiles.groups import MOST_LABELS, MOST_VALUES, LabelGroups, group_labels, merge_groups

EMPTY = LabelGroups("y", (), np.zeros(0, np.int64), (), ())


def group(labels, **columns):
    """Group columns of Arrow, or lists of texts."""
    return group_labels(("y", array(labels)), [(name, array(column)) for name, column in columns.items()])


def array(cells):
    return pyarrow.array(cells) if isinstance(cells, list) else cells


def tell(groups):
    """Return groups as values that can be compared."""
    counts = dict(zip(groups.labels, groups.counts.tolist(), strict=True))
    columns = {
        column.name: {
            (label, value): int(count)
            for label, row in zip(groups.labels, column.counts, strict=True)
            for value, count in zip(column.values, row, strict=True)
            if count
        }
        for column in groups.columns
    }
    return groups.label, counts, columns, set(groups.too_many)


def test_labels_are_counted_alone_and_by_values():
    groups = group(["b", "a", None, "b"], x=[1, 1, 2, None])

    assert groups.labels == ("a", "b", None)
    assert groups.counts.tolist() == [1, 2, 1]
    (column,) = groups.columns
    assert (column.name, column.values) == ("x", ("1", "2", None))
    assert column.counts.tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_an_empty_cell_of_a_text_table_is_null():
    cells = pyarrow.array([b"", b"1", b"", b"\xff"], pyarrow.large_binary())

    groups = group_labels(("y", cells), [])

    assert groups.labels == ("1", "\\xff", None)
    assert groups.counts.tolist() == [1, 1, 2]


def test_an_empty_text_of_arrow_is_none():
    assert group(["", None]).labels == ("", None)


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        (pyarrow.array([True, False, None]), ("false", "true", None)),
        (pyarrow.array([0.5, 1.0, float("nan")]), ("0.5", "1.0", "nan")),
        (pyarrow.array([Decimal("1.50")]), ("1.50",)),
        (pyarrow.array([date(2024, 2, 29)]), ("2024-02-29",)),
        (pyarrow.array([2**64 - 1], pyarrow.uint64()), ("18446744073709551615",)),
        (pyarrow.array([1, 2], pyarrow.timestamp("s", "UTC")), 2),
        (pyarrow.array([2**62], pyarrow.timestamp("s")), 1),
        (pyarrow.array(["a", None, "a"]).dictionary_encode(), ("a", None)),
        (pyarrow.array(["a", "a"], pyarrow.string_view()), ("a",)),
        (pyarrow.RunEndEncodedArray.from_arrays([2, 3], ["x", None]), ("x", None)),
        (pyarrow.array([[1], [1], None, []]), ("[1]", "[]", None)),
        (pyarrow.array([{"a": 1}, None]), ('{"a": 1}', None)),
        (pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int8())), ('{"k": 1}',)),
        (pyarrow.array([b"a", b"\xff"]), ("\\xff", "a")),
        (pyarrow.array([1.5, None], pyarrow.float16()), ("1.5", None)),
        (pyarrow.nulls(2), (None,)),
        (pyarrow.chunked_array([["b"], [], ["a"]]), ("a", "b")),
        (pyarrow.chunked_array([], pyarrow.string()), ()),
        (pyarrow.array(["no", "x", "y"]).slice(1), ("x", "y")),
        (pyarrow.array([3], pyarrow.duration("s")), ("PT3S",)),
        (pyarrow.array([(1, 2, 3)], pyarrow.month_day_nano_interval()), 1),
        (pyarrow.array([3], pyarrow.time32("s")), ("00:00:03",)),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_values_of_any_type_are_texts(cells, texts):
    groups = group_labels(("y", cells), [])

    assert (len(groups.labels) if isinstance(texts, int) else groups.labels) == texts
    assert groups.counts.sum() == len(cells)


def test_texts_that_are_not_utf8_are_texts_all_the_same():
    texts = pyarrow.Array.from_buffers(
        pyarrow.string(), 2, pyarrow.array([b"\xff", b"a"], pyarrow.binary()).buffers()
    )

    assert group_labels(("y", texts), []).counts.tolist() == [1, 1]


def test_a_column_of_many_values_is_too_many():
    enough = [str(n) for n in range(MOST_VALUES)] + [None]
    more = [str(n) for n in range(MOST_VALUES + 1)]

    groups = group(["a"] * len(more), enough=enough, more=more)

    assert [column.name for column in groups.columns] == ["enough"]
    assert groups.too_many == ("more",)


def test_many_values_far_behind_are_too_many():
    late = ["a"] * 5000 + [str(n) for n in range(MOST_VALUES)]

    assert group(["a"] * len(late), late=late).too_many == ("late",)


def test_a_label_of_many_values_has_no_groups():
    many = [str(n) for n in range(MOST_LABELS + 1)]

    groups = group(many, x=many)

    assert (groups.labels, groups.columns, groups.too_many) == ((), (), ("y",))


def test_of_equal_names_the_first_is_grouped_and_the_label_is_not():
    cells = pyarrow.array(["a"])
    groups = group_labels(("y", cells), [("x", cells), ("x", pyarrow.array(["b"])), ("y", cells)])

    assert [(column.name, column.values) for column in groups.columns] == [("x", ("a",))]


def test_a_part_without_groups_leaves_none():
    assert merge_groups([EMPTY, None]) is None
    assert merge_groups([None]) is None
    assert merge_groups([]) is None


def test_what_is_too_many_in_a_part_is_too_many():
    many = group(["a"] * 60, x=list(range(60)), z=[1] * 60)

    for parts in ([many, group(["a"], x=[1], z=[1])], [group(["a"], x=[1], z=[1]), many]):
        merged = merge_groups(parts)
        assert merged.too_many == ("x",)
        assert [column.name for column in merged.columns] == ["z"]


def test_what_is_too_many_only_together_is_too_many():
    parts = [group(["a"] * 30, x=list(range(first, first + 30))) for first in (0, 30)]

    merged = merge_groups(parts)

    assert (merged.columns, merged.too_many) == ((), ("x",))


def test_labels_that_are_too_many_together_have_no_groups():
    parts = [group([str(n) for n in range(first, first + 30)], x=[1] * 30) for first in (0, 30)]
    merged = merge_groups(parts)

    assert tell(merged) == ("y", {}, {}, {"y"})
    assert tell(merge_groups([group(["a"], x=[1]), merged])) == ("y", {}, {}, {"y"})


def test_a_column_that_a_part_has_not_got_is_null_there():
    merged = merge_groups([group(["a", "b"], x=[1, 2]), group(["a"], z=["u"]), EMPTY])

    assert tell(merged)[2] == {
        "x": {("a", "1"): 1, ("b", "2"): 1, ("a", None): 1},
        "z": {("a", None): 1, ("b", None): 1, ("a", "u"): 1},
    }


@pytest.mark.parametrize("seed", range(30))
def test_parts_merge_to_the_whole_in_any_grouping(seed):
    rng = Random(seed)
    rows = rng.choice((0, 1, 30, 3000))
    values = rng.choice((3, 45, 60))
    labels = [rng.choice(["a", "b", "", None, *map(str, range(values % 50))]) for _ in range(rows)]
    columns = {
        "few": [rng.choice([True, False, None]) for _ in range(rows)],
        "some": [rng.randrange(values) for _ in range(rows)],
        "many": [str(rng.random()) for _ in range(rows)],
    }
    types = {"few": pyarrow.bool_(), "some": pyarrow.int16(), "many": pyarrow.string()}
    arrays = {name: pyarrow.array(cells, types[name]) for name, cells in columns.items()}
    label = pyarrow.array(labels, pyarrow.string())
    cuts = sorted([0, rows, *(rng.randint(0, rows) for _ in range(rng.randrange(6)))])
    parts = [
        group_labels(("y", label[start:end]), [(name, cells[start:end]) for name, cells in arrays.items()])
        for start, end in pairwise(cuts)
    ]

    whole = group_labels(("y", label), arrays.items())
    while len(parts) > 1:
        start = rng.randrange(len(parts) - 1)
        end = rng.randint(start + 2, len(parts))
        parts[start:end] = [merge_groups(parts[start:end])]

    assert tell(parts[0]) == tell(whole)
    assert whole.counts.sum() == (rows if whole.labels else 0)
    if whole.labels:
        counted = Counter(zip(labels, [text_of(cell) for cell in columns["few"]], strict=True))
        assert tell(whole)[2]["few"] == counted


def text_of(cell):
    return None if cell is None else str(cell).lower()
