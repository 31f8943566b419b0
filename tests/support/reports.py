"""Reports on changes made by hand, as values: what is drawn needs no repository."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from datav.checks.finding import Checked, CheckResult
from datav.formats.manifest import ColumnInfo
from datav.profiles.groups import GroupedColumn, LabelGroups
from datav.profiles.profile import Profile, TableProfile
from datav.profiles.sketching import sketch_array
from datav.relpath import RelPath
from datav.repo.diffresult import DatasetDiff, Diff, Endpoint
from datav.repo.diffstats import StatsDiff, compare_both
from datav.repo.report import DatasetSize, Report
from datav.tables.result import SchemaDiff
from tests.support.diffs import changed_batch, row_diff, table_dataset, text_table
from tests.support.findings import HOSTILE, ORDERS, QUIET, hostile

CITIES = ("Oslo", "Porto", "Quito", "Riga", "Sofia")

BASE, HEAD = "a" * 40, "b" * 40


def profile_of(columns: Mapping[str, Sequence[Any]], groups: LabelGroups | None = None) -> Profile:
    """Return the profile of a table with these cells."""
    rows = len(next(iter(columns.values())))
    sketches = tuple(next(sketch_array(name, pa.array(cells))) for name, cells in columns.items())
    return Profile(TableProfile(rows, sketches, groups))


def report_on(
    *datasets: DatasetDiff, checked: Sequence[Checked] = (), notes: tuple[str, ...] = (), **fields
) -> Report:
    """Return a report on datasets that differ."""
    diff = Diff(Endpoint(BASE, BASE, BASE[:10]), Endpoint("HEAD", HEAD, "HEAD"), datasets)
    made = {
        "base": "main",
        "base_commit": BASE,
        "head": "HEAD",
        "diff": diff,
        "check": CheckResult("HEAD", HEAD, False, BASE, BASE, tuple(checked)),
        "sizes": tuple(DatasetSize(each.path, 183_000, 207_000, 90_000) for each in datasets),
        "errors": (),
        "notes": notes,
    }
    return Report(**{**made, **fields})


def orders_stats() -> StatsDiff:
    """Prices rise, Sofia takes from Oslo, and fewer orders come back."""
    sides = []
    for shift, weights, returned in ((0.0, (5, 4, 3, 2, 1), 0.2), (0.5, (1, 4, 3, 2, 6), 0.45)):
        chance = random.Random(7)
        price = [round(chance.lognormvariate(3 + shift, 0.6), 2) for _ in range(2000)]
        city = chance.choices(CITIES, weights, k=2000)
        label = ["yes" if chance.random() < returned else "no" for _ in range(2000)]
        counts = np.array(
            [
                [sum(one == x and y == z for one, y in zip(city, label, strict=True)) for x in CITIES]
                for z in ("no", "yes")
            ]
        )
        groups = LabelGroups(
            "returned", ("no", "yes"), counts.sum(axis=1), (GroupedColumn("city", CITIES, counts),), ()
        )
        columns = {"price": price, "city": city, "returned": label, "items": [n % 40 for n in range(2000)]}
        sides.append(profile_of(columns, groups))
    return compare_both(*sides)


def orders_diff() -> DatasetDiff:
    """A table of which rows, a column and distributions changed."""
    batch = changed_batch(
        text_table(id=["17", "203"], price=["9.50", "12"], city=["Oslo", "Oslo"]),
        text_table(id=["17", "203"], price=["95", "120"], city=["Oslo", "Sofia"]),
    )
    schema = SchemaDiff(added=(ColumnInfo("currency", "text"),))
    rows = row_diff(batch, from_rows=4000, to_rows=4000)
    return table_dataset(rows, schema, b"data/orders.csv", stats=orders_stats())


def orders_report() -> Report:
    """What a reviewer sees on a usual day."""
    new = table_dataset(path=b"data/new.csv", status="added", before=None, table=None)
    orders = orders_diff()
    sizes = (
        DatasetSize(orders.path, 183_000, 207_000, 90_000),
        DatasetSize(new.path, None, 1_200, 1_200),
    )
    return report_on(orders, new, checked=(ORDERS, QUIET), sizes=sizes)


def hostile_report() -> Report:
    """Every text of it is HOSTILE."""
    odd = HOSTILE.replace("\udcff", "")
    batch = changed_batch(
        text_table(**{"id": [odd], odd: ["@a"]}), text_table(**{"id": [odd], odd: [f"{odd} b"]})
    )
    stats = compare_both(
        profile_of({odd: [odd] * 900 + ["|`@you` #12"] * 100}), profile_of({odd: ["|`@you` #12"] * 1000})
    )
    dataset = table_dataset(
        row_diff(batch), SchemaDiff(added=(ColumnInfo(odd, "text"),)), b"data/@x|`<b>.csv", stats=stats
    )
    return report_on(
        dataset,
        checked=hostile().datasets,
        notes=(HOSTILE,),
        base=HOSTILE,
        head=HOSTILE,
        sizes=(DatasetSize(RelPath(b"data/@x|`<b>.csv"), 1, 2, 3),),
    )
