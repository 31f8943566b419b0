"""Rows that were counted because they are alike, one by one."""

from concurrent.futures import Executor

import numpy as np

from datav.tables.hashing import fingerprint
from datav.tables.matching import Matched
from datav.tables.result import Op
from datav.tables.typed import CanonicalVersion
from datav.tables.version import U64, TableVersion, View
from datav.tables.views import Compared


def spread_surplus(
    compared: Compared, matched: Matched, seed: int, executor: Executor, op: Op
) -> tuple[U64, U64] | None:
    """Return the places of the rows that one version has more of than the other, and for each a count of 1.

    Args:
        seed: any.
        op: `removed` or `added`: of which version.

    Returns:
        None where one of the rows stands for all that were counted: they are alike in all of their columns.

    Cost: a scan of the version, and only if rows were counted that may differ in what was not compared.
    """
    version, view, surplus = (
        (compared.before, compared.before_view, matched.surplus_before)
        if op == "removed"
        else (compared.after, compared.after_view, matched.surplus_after)
    )
    is_all = len(view.columns) == len(version.columns) and not isinstance(version, CanonicalVersion)
    if is_all or not (surplus.counts > 1).any():
        return None
    cells = version.take(surplus.places, view.columns, view.types)
    _, wanted = fingerprint(cells.columns, (), len(surplus.places), seed)
    prints, places = _find_rows(version, view, seed, executor, wanted)
    order = np.argsort(prints, kind="stable")
    prints, places = prints[order], places[order]
    number = np.arange(len(prints)) - np.searchsorted(prints, prints)
    most = dict(zip(wanted.tolist(), surplus.counts.tolist(), strict=True))
    counts = np.array([most[one] for one in prints.tolist()], np.int64)
    chosen = np.sort(places[number < counts])
    return chosen, np.ones(len(chosen), np.uint64)


def _find_rows(
    version: TableVersion, view: View, seed: int, executor: Executor, wanted: U64
) -> tuple[U64, U64]:
    """Return the fingerprints and places of all rows with one of some fingerprints."""
    found: list[tuple[U64, U64]] = []
    for prints in version.scan(view, seed, executor):
        kept = np.isin(prints.rows, wanted)
        found.append((prints.rows[kept], prints.places[kept]))
    return (
        np.concatenate([rows for rows, _ in found]),
        np.concatenate([places for _, places in found]),
    )
