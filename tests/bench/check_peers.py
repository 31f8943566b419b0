"""The drift of one table by constants that somebody typed: what most validators do by default.

    PSI > 0.1, 0.2, 0.25    ten bins by the quantiles of before, or the values of a category; a share of
                            nothing counts as 0.0001
    KS p < 0.05             two samples, SciPy, on the numbers themselves
    KS distance > 0.1
    chi-square p < 0.05     counts of the values of a category, held against the shares of before
    KS and chi-square       both of these, as validators have it: numbers by KS, categories by chi-square

Numbers and times are numbers; a text is a category unless more than half of its values are different.
"""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
import pandas
from scipy import stats

_BINS = 10
_NOTHING = 1e-4
_FEW = 5

Alarm = Callable[[Any, Any], bool]
"""Whether a column, two pandas series, has one."""


def find_alarms(before: bytes, after: bytes) -> dict[str, list[str]]:
    """Return by constant the columns that have an alarm; a column that is gone is nothing to these."""
    old, new = (_read(data) for data in (before, after))
    common = [name for name in old.columns if name in new.columns]
    return {
        constant: [name for name in common if alarm(old[name], new[name])]
        for constant, alarm in CONSTANTS.items()
    }


def _read(data: bytes) -> Any:
    frame = pandas.read_csv(BytesIO(data), keep_default_na=False, na_values=[""], low_memory=False)
    for name in ("Date", "reported_at", "Date added"):
        if name in frame.columns:
            frame[name] = pandas.to_datetime(frame[name], errors="coerce", format="mixed")
    return frame


def _numbers(series: Any) -> Any | None:
    """Return the values of numbers and times; None of anything else."""
    if pandas.api.types.is_datetime64_any_dtype(series):
        return series.dropna().astype("int64").to_numpy(float)
    if pandas.api.types.is_numeric_dtype(series):
        return series.dropna().to_numpy(float)
    return None


def _both_numbers(before: Any, after: Any) -> tuple[Any, Any] | None:
    old, new = _numbers(before), _numbers(after)
    return None if old is None or new is None or not len(old) or not len(new) else (old, new)


def _counts(before: Any, after: Any) -> tuple[Any, Any] | None:
    """Return how often each category occurs in both; None of what is none."""
    if _numbers(before) is not None or _numbers(after) is not None:
        return None
    old, new = before.dropna().value_counts(), after.dropna().value_counts()
    if old.sum() < _FEW or new.sum() < _FEW or len(old) > old.sum() / 2 or len(new) > new.sum() / 2:
        return None
    every = old.index.union(new.index)
    return old.reindex(every, fill_value=0).to_numpy(float), new.reindex(every, fill_value=0).to_numpy(float)


def _psi(before: Any, after: Any) -> float:
    pair = _both_numbers(before, after)
    if pair is not None:
        cuts = np.unique(np.quantile(pair[0], np.linspace(0, 1, _BINS + 1)[1:-1]))
        counts = [np.bincount(np.searchsorted(cuts, each), minlength=len(cuts) + 1) for each in pair]
    else:
        found = _counts(before, after)
        if found is None:
            return 0.0
        counts = list(found)
    old, new = (np.maximum(each / each.sum(), _NOTHING) for each in counts)
    return float(((new - old) * np.log(new / old)).sum())


def _ks(before: Any, after: Any) -> Any | None:
    pair = _both_numbers(before, after)
    return None if pair is None else stats.ks_2samp(*pair, method="asymp")


def _ks_is_sure(before: Any, after: Any) -> bool:
    found = _ks(before, after)
    return found is not None and bool(found.pvalue < 0.05)


def _ks_is_far(before: Any, after: Any) -> bool:
    found = _ks(before, after)
    return found is not None and bool(found.statistic > 0.1)


def _chi_square(before: Any, after: Any) -> bool:
    counts = _counts(before, after)
    if counts is None:
        return False
    old, new = counts
    # What was not there has no share to be held against: half a row of before.
    shares = np.maximum(old, 0.5) / np.maximum(old, 0.5).sum()
    return bool(stats.chisquare(new, shares * new.sum()).pvalue < 0.05)


CONSTANTS: Mapping[str, Alarm] = {
    "PSI > 0.1": lambda before, after: _psi(before, after) > 0.1,
    "PSI > 0.2": lambda before, after: _psi(before, after) > 0.2,
    "PSI > 0.25": lambda before, after: _psi(before, after) > 0.25,
    "KS p < 0.05": _ks_is_sure,
    "KS distance > 0.1": _ks_is_far,
    "chi-square p < 0.05": _chi_square,
    "KS p, chi-square p < 0.05": lambda before, after: (
        _ks_is_sure(before, after) or _chi_square(before, after)
    ),
}
