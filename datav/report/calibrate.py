"""check --calibrate: text and JSON."""

from typing import Any

from datav.formats.limits import Limits
from datav.relpath import one_line
from datav.repo.calibrate import Calibrated, Calibration
from datav.report.check_words import place, shown_value
from datav.report.style import Style, count

_SHOWN = 5


def calibrate_json(result: Calibration) -> dict[str, Any]:
    return {"format": 1, "datasets": [_dataset_json(each) for each in result.datasets]}


def _dataset_json(each: Calibrated) -> dict[str, Any]:
    limits = each.limits
    return {
        "path": str(each.path),
        "limits": str(each.limits_path) if limits is not None else None,
        "changed": each.is_new,
        "steps": limits.steps if limits is not None else 0,
        "row_steps": limits.row_steps if limits is not None else 0,
        "measures": limits.measures if limits is not None else 0,
        "factor": round(each.factor, 3) if limits is not None else None,
        "without_profile": each.without_profile,
        "shallow": each.is_cut,
        "reason": each.reason,
        "unusual": [
            {
                "commit": one.commit or None,
                "column": one.measured.column,
                "measure": one.measured.measure,
                "window": one.measured.window,
                "value": one.value,
            }
            for one in (limits.unusual if limits is not None else ())
        ],
    }


def calibrate_text(result: Calibration, style: Style) -> str:
    lines: list[str] = []
    for each in result.datasets:
        lines += _dataset_lines(each, style)
    written = [each for each in result.datasets if each.is_new]
    if written:
        names = " ".join(str(each.limits_path) for each in written[:_SHOWN])
        more = " ..." if len(written) > _SHOWN else ""
        lines.append(f"next: `git add {names}{more}`, and commit it with the data")
    elif not result.datasets:
        lines.append("no datasets")
    return "\n".join(lines)


def _dataset_lines(each: Calibrated, style: Style) -> list[str]:
    limits = each.limits
    if limits is None:
        return [f"{each.path}: nothing learned: {each.reason}"]
    what = "wrote" if each.is_new else "unchanged:"
    rows = f", rows compared in {limits.row_steps}" if limits.row_steps else ""
    lines = [
        f"{each.path}: {count(limits.steps, 'step')} of history{rows}; {what} {each.limits_path}",
        style.faint(
            f"  {count(limits.measures, 'measure')}; an alarm is what moves {each.factor:.2g} times as far "
            "as it ever did, and further than chance and trifles"
        ),
    ]
    if each.without_profile:
        lines.append(f"  {count(each.without_profile, 'version')} without a profile, passed over")
    if each.is_cut:
        lines.append("  history is cut off in this shallow clone: `git fetch --unshallow` brings all of it")
    unusual = _unusual(limits)
    lines += [f"  unusual, and not learned from: {told}" for told in unusual[:_SHOWN]]
    if len(unusual) > _SHOWN:
        lines.append(f"  and {len(unusual) - _SHOWN} more")
    return lines


def _unusual(limits: Limits) -> list[str]:
    """Return what moved as it never did, a column of a version each; of the last version first."""
    found: dict[tuple[str, str, str | None], list[str]] = {}
    for one in sorted(limits.unusual, key=lambda one: one.commit not in ("", limits.last)):
        measure = one.measured.measure
        told = f"{one_line(measure)} {shown_value(one.value, measure)}"
        found.setdefault((one.before, one.commit, one.measured.column), []).append(told)
    return [
        f"{place(column)} at {commit[:10] or 'what is not committed'}: {', '.join(moves)}"
        for (_, commit, column), moves in found.items()
    ]
