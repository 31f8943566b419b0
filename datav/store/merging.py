"""Merging: keeps the number of index files small without ever rewriting the large ones.

Each writer leaves one index.  When there are many of about one size, the next writer merges them into its
own; so an entry is rewritten a few times in its life, and a store of n entries has some 32 + n / 2,000,000
index files.
"""

from collections.abc import Sequence

from datav.store.lookup import OpenIndex

MAX_PER_TIER = 16
TIERS = (131_072, 2_097_152)
"""Indexes with fewer entries than the first number are one tier, up to the second another;
larger ones stay."""


def indexes_to_merge(indexes: Sequence[OpenIndex], new_entries: int) -> list[OpenIndex]:
    """Return the indexes that a new one of `new_entries` should take in; usually none."""
    floor, merged = 0, []
    for tier in TIERS:
        members = [entry for entry in indexes if floor <= entry.index.count < tier]
        # What has lost packs names what is no longer there, and so is merged by nobody but a collector.
        members = [entry for entry in members if not entry.lost]
        if new_entries >= tier or len(members) < MAX_PER_TIER:
            break
        merged += members
        new_entries += sum(entry.index.count for entry in members)
        floor = tier
    return merged
