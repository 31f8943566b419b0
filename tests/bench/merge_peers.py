"""A three-way merge of CSV files as people write it with pandas: `merge_peers.py BASE OURS THEIRS OUT`.

Run with a Python that has pandas.  Cells are text; rows are matched by `id`; rows of ours keep their order,
new rows of theirs come last.  Prints how many cells conflict.  Imports nothing but the tool.
"""

import sys


def main(base: str, ours: str, theirs: str, out: str) -> int:
    import numpy as np
    import pandas as pd

    before, one, other = (
        pd.read_csv(path, dtype=str, keep_default_na=False).set_index("id") for path in (base, ours, theirs)
    )
    common = one.index[one.index.isin(other.index) & one.index.isin(before.index)]
    old, mine, new = (table.loc[common] for table in (before, one, other))
    by_ours, by_theirs = (old.to_numpy() != table.to_numpy() for table in (mine, new))
    conflicts = by_ours & by_theirs & (mine.to_numpy() != new.to_numpy())
    merged = mine.where(~by_theirs | by_ours, new)
    kept = one.index[one.index.isin(common) | ~one.index.isin(before.index)]
    added = other.index[~other.index.isin(before.index) & ~other.index.isin(one.index)]
    result = pd.concat([merged, one.loc[one.index.difference(before.index, sort=False)]])
    result = pd.concat([result.loc[kept], other.loc[added]])
    result.to_csv(out)
    print(int(np.count_nonzero(conflicts)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
