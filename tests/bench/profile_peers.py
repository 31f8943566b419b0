"""What one tool that people use today says of all columns of a table: `profile_peers.py TOOL FILE`.

Run with a Python that has the tool.  Prints as JSON how many rows there are, and of each column the nulls
and, of numbers, the mean.  Imports nothing but the tool, so that peak memory is the tool's.
"""

import json
import sys
from typing import Any

Answer = dict[str, Any]


def duckdb_summarize(path: str) -> Answer:
    import duckdb

    found = duckdb.sql(f"SUMMARIZE FROM '{path}'")
    names = found.columns
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    total = rows[0]["count"]
    return {
        "rows": total,
        "columns": {
            row["column_name"]: [round(float(row["null_percentage"]) / 100 * total, -4), _mean(row["avg"])]
            for row in rows
        },
    }


def polars_describe(path: str) -> Answer:
    import polars

    frame = (
        polars.read_parquet(path)
        if path.endswith(".parquet")
        else polars.read_csv(path, try_parse_dates=True)
    )
    found = {row["statistic"]: row for row in frame.describe().iter_rows(named=True)}
    return {
        "rows": len(frame),
        "columns": {
            name: [float(found["null_count"][name]), _mean(found["mean"][name])] for name in frame.columns
        },
    }


def whylogs_log(path: str) -> Answer:
    import pandas
    import whylogs

    profile = None
    for frame in _frames(path):
        if profile is None:
            profile = whylogs.log(frame).profile()
        else:
            profile.track(frame)
    assert profile is not None
    found = profile.view().to_pandas()
    return {
        "rows": int(found["counts/n"].max()),
        "columns": {
            str(name): [float(row["counts/null"]), _mean(row.get("distribution/mean"))]
            for name, row in found.iterrows()
        },
        "pandas": pandas.__version__,
    }


def _frames(path: str) -> Any:
    """Batches of rows, so that it is the tool and not the reader that takes memory."""
    if path.endswith(".parquet"):
        from pyarrow import parquet

        for batch in parquet.ParquetFile(path).iter_batches(2**18):
            yield batch.to_pandas()
        return
    import pandas

    yield from pandas.read_csv(path, chunksize=2**18)


def _mean(value: object) -> float | None:
    """The mean of numbers; None of anything else."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


TOOLS = {"duckdb": duckdb_summarize, "polars": polars_describe, "whylogs": whylogs_log}


if __name__ == "__main__":
    print(json.dumps(TOOLS[sys.argv[1]](sys.argv[2])))
