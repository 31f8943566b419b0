"""Pairing two versions of a Parquet file, with what is remembered of their keys, or is found out and
remembered now."""

from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from datav.tables.matching import find_repeated
from datav.tables.pairing import Pairing
from datav.tables.parquetpair import has_same_columns, pair_parquet, shares_rows
from datav.tables.parquetversion import ParquetVersion
from datav.tables.recordmap import KeyFacts, distinct
from datav.tables.remembering import Memory
from datav.tables.shared import SameRanges, Shared
from datav.tables.version import View
from datav.tables.views import Compared


def pair_parquets(
    compared: Compared, shared: Shared, seed: int, executor: Executor
) -> tuple[Pairing, int] | None:
    """Return what is left to be compared of two Parquet files, and the seed of its fingerprints.

    Returns:
        None if one of them is none, they share nothing, or cells are compared by something else than their
        values.
    """
    before, after = compared.before, compared.after
    if not isinstance(before, ParquetVersion) or not isinstance(after, ParquetVersion):
        return None
    same = SameRanges(shared, before.source, after.source)
    views = compared.before_view, compared.after_view
    if not shares_rows(before, after, *views, same):
        return None
    if not compared.has_key:
        return pair_parquet(before, after, *views, same, seed=seed, executor=executor), seed
    memories = _memory(shared, shared.before_id), _memory(shared, shared.after_id)
    facts = _recall(memories[0], views[0])
    if facts is None:
        shared.refuse_reading_all()
        facts = _find_out(before, views[0], memories[0], seed, executor)
    other = _recall(memories[1], views[1])
    if other is None or other.seed != facts.seed:
        if has_same_columns(before, after, *views, same, views[0].key):
            other = facts
            _remember(memories[1], views[1], facts)
        else:
            other = _find_out(after, views[1], memories[1], facts.seed, executor)
    suspects = distinct(np.sort(np.concatenate([facts.repeated, other.repeated])))
    # Row by row only where a key belongs to one row at most.
    apart = range(len(before.metadata)) if len(suspects) else ()
    pairing = pair_parquet(before, after, *views, same, seed=facts.seed, executor=executor, apart=apart)
    duplicates = len(facts.repeated), len(other.repeated)
    return replace(pairing, suspects=suspects, duplicates=duplicates), facts.seed


def _memory(shared: Shared, content: bytes | None) -> Memory | None:
    if shared.cache is None or content is None:
        return None
    return Memory(shared.cache, content, b"parquet")


def _key_columns(view: View) -> tuple[int, ...]:
    return tuple(view.columns[position] for position in view.key)


def _recall(memory: Memory | None, view: View) -> KeyFacts | None:
    return memory.read_keys(_name(view)) if memory is not None else None


def _remember(memory: Memory | None, view: View, facts: KeyFacts) -> None:
    if memory is not None:
        memory.write_keys(_name(view), facts)


def _name(view: View) -> tuple[object, ...]:
    """The key columns, and what they are compared as: the same number has other bytes as another type."""
    return tuple((view.columns[position], str(view.types[position])) for position in view.key)


def _find_out(
    version: ParquetVersion, view: View, memory: Memory | None, seed: int, executor: Executor
) -> KeyFacts:
    """Scan the key columns alone: their fingerprints are those that the whole view gives them."""
    columns = _key_columns(view)
    types = tuple(view.types[position] for position in view.key)
    own = View(columns, tuple(range(len(columns))), types)
    keys = [prints.keys for prints in version.scan(own, seed, executor)]
    facts = KeyFacts(seed, find_repeated(np.concatenate([np.zeros(0, np.uint64), *keys])))
    _remember(memory, view, facts)
    return facts
