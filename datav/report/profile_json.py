"""profile: JSON."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from datav.drift.binning import draw_histogram
from datav.profiles.columns import ColumnSketch, Numbers, Texts, Times
from datav.profiles.distinct import STANDARD_ERROR
from datav.profiles.folders import FolderProfile
from datav.profiles.frequent import Frequent
from datav.profiles.groups import LabelGroups
from datav.profiles.profile import TableProfile
from datav.profiles.ranks import NO_RANKS, Ranks
from datav.repo.profile import ProfileResult

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def profile_json(result: ProfileResult) -> dict[str, Any]:
    profile = result.profile
    return {
        "format": 1,
        "path": result.path,
        "rev": result.rev,
        "commit": result.commit,
        "id": result.id,
        "bytes": result.bytes,
        "origin": result.origin,
        "is_named": result.is_named,
        "table": None if profile.table is None else _table(profile.table),
        "directory": None if profile.folder is None else folder_json(profile.folder),
    }


def _table(table: TableProfile) -> dict[str, Any]:
    return {
        "rows": table.rows,
        "columns": [column_json(column) for column in table.columns],
        "label": None if table.groups is None else groups_json(table.groups),
    }


def column_json(column: ColumnSketch) -> dict[str, Any]:
    """Return what is known of a column; parts that it has not are null."""
    present = column.count - column.nulls
    return {
        "name": column.name,
        "type": column.type,
        "kind": column.kind,
        "count": column.count,
        "nulls": column.nulls,
        "distinct": _distinct(column),
        "numbers": _numbers(column.numbers) if column.numbers.count else None,
        "times": _times(column.times) if column.times.count else None,
        "texts": _texts(column.texts) if column.texts.count else None,
        "top": [
            {"value": value, "count": number, "share": number / present if present else 0.0}
            for value, number in top_values(column)
        ],
        "top_error": frequent_of(column).unseen,
    }


def frequent_of(column: ColumnSketch) -> Frequent:
    """Return the most frequent values of what most cells of a column are."""
    if column.kind == "number":
        return column.numbers.frequent
    return column.times.days if column.kind == "time" else column.texts.frequent


def top_values(column: ColumnSketch, limit: int = 20) -> Iterator[tuple[Any, int]]:
    """Yield the most frequent values and how often they occur; of times their days."""
    frequent = frequent_of(column)
    # What may be no more frequent than what nobody counted is no top.
    for value, number in zip(
        frequent.values.slice(0, limit).to_pylist(), frequent.counts.tolist(), strict=False
    ):
        if number > frequent.unseen:
            yield (iso_day(value) if column.kind == "time" else value), number


def _distinct(column: ColumnSketch) -> dict[str, Any]:
    estimate = estimate_distinct(column)
    error = 0 if column.distinct.is_exact else round(3 * STANDARD_ERROR * estimate)
    return {"estimate": estimate, "error": error}


def estimate_distinct(column: ColumnSketch) -> int:
    """Return how many different values there are, about, and never more than there are values."""
    return min(column.distinct.estimate(), column.count - column.nulls)


def _numbers(numbers: Numbers) -> dict[str, Any]:
    ranks = numbers.ranks
    return {
        "count": numbers.count,
        "min": _at(ranks, 0),
        "max": _at(ranks, 1),
        "mean": numbers.mean if ranks.count else None,
        "deviation": numbers.deviation if ranks.count and numbers.has_deviation else None,
        "zeros": numbers.zeros,
        "negatives": numbers.negatives,
        "nan": numbers.nans,
        "infinite": numbers.infinities,
        **_quantiles(ranks),
        "histogram": histogram_json(ranks),
    }


def _times(times: Times) -> dict[str, Any]:
    found = _quantiles(times.ranks)
    # Between two dates there is none.
    step = _DAY if not (times.ranks.points % _DAY).any() else 1
    found["quantiles"] = {name: iso_time(value // step * step) for name, value in found["quantiles"].items()}
    return {
        "count": times.count,
        "min": iso_time(_at(times.ranks, 0)),
        "max": iso_time(_at(times.ranks, 1)),
        **found,
        "hours": times.hours.tolist(),
        "weekdays": times.weekdays.tolist(),
    }


def _texts(texts: Texts) -> dict[str, Any]:
    return {
        "count": texts.count,
        "empty": texts.empty,
        "as_numbers": texts.as_numbers,
        "as_times": texts.as_times,
        "lengths": {
            "min": _at(texts.lengths, 0),
            "max": _at(texts.lengths, 1),
            **_quantiles(texts.lengths),
        },
    }


def _quantiles(ranks: Ranks) -> dict[str, Any]:
    quantiles = {f"{share:g}": ranks.quantile(share) for share in QUANTILES} if ranks.count else {}
    return {"quantiles": quantiles, "rank_error": ranks.epsilon}


def histogram_json(ranks: Ranks) -> dict[str, Any] | None:
    """Return bars of equal width; a half percent at either end lies outside of them."""
    drawn = draw_histogram(ranks, NO_RANKS)
    return None if drawn is None else {"edges": list(drawn.edges), "shares": list(drawn.before)}


def groups_json(groups: LabelGroups) -> dict[str, Any]:
    """Return how often each label occurs, alone and with the values of other columns."""
    return {
        "column": groups.label,
        "labels": [
            {"label": label, "count": number}
            for label, number in zip(groups.labels, groups.counts.tolist(), strict=True)
        ],
        "by": [
            {"column": column.name, "values": list(column.values), "counts": column.counts.tolist()}
            for column in groups.columns
        ],
        "too_many": list(groups.too_many),
    }


def folder_json(folder: FolderProfile) -> dict[str, Any]:
    images = folder.images
    return {
        "files": folder.files,
        "links": folder.links,
        "bytes": folder.total,
        "empty": folder.empty,
        "sizes": {"min": _at(folder.sizes, 0), "max": _at(folder.sizes, 1), **_quantiles(folder.sizes)},
        "extensions": [
            {
                "extension": each.extension,
                "files": each.files,
                "bytes": each.total,
                "empty": each.empty,
                "sizes": {"min": _at(each.sizes, 0), "max": _at(each.sizes, 1), **_quantiles(each.sizes)},
            }
            for each in folder.extensions
        ],
        "other_files": folder.other_files,
        "images": None
        if images is None
        else {
            "files": images.files,
            "unreadable": images.unreadable,
            "examples": list(images.examples),
            "widths": _quantiles(images.widths),
            "heights": _quantiles(images.heights),
            "dimensions": _counts(images.dimensions),
            "modes": _counts(images.modes),
            "formats": _counts(images.formats),
        },
        "images_skipped": folder.images_skipped,
        "tables": folder.tables,
        "no_table": folder.no_table,
    }


def _counts(frequent: Frequent) -> dict[str, int]:
    return dict(zip(frequent.values.to_pylist(), frequent.counts.tolist(), strict=True))


def _at(ranks: Ranks, end: int) -> Any:
    return ranks.points[-1 if end else 0].item() if ranks.count else None


def iso_time(microseconds: int | float | None) -> str | None:
    """Return a time as people write it; beyond the years 1 to 9999 its microseconds since 1970."""
    if microseconds is None:
        return None
    try:
        found = _EPOCH + timedelta(microseconds=int(microseconds))
    except OverflowError:
        return f"{microseconds} us"
    text = found.replace(tzinfo=None).isoformat(sep=" ")
    return text.removesuffix(" 00:00:00")


def iso_day(days: int) -> str:
    """Return a day as people write it."""
    return iso_time(days * _DAY) or ""
