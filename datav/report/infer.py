"""check --infer: text and JSON."""

from collections.abc import Mapping
from typing import Any

from datav.checks.proposals import Proposal, Setting
from datav.relpath import one_line
from datav.repo.infer import Inference, Inferred
from datav.report.style import Style, count

_SHOWN = 5


def infer_json(result: Inference) -> dict[str, Any]:
    return {"format": 1, "datasets": [_dataset_json(each) for each in result.datasets]}


def infer_text(result: Inference, style: Style) -> str:
    parts = [line for each in result.datasets for line in _dataset_lines(each, style)]
    if any(each.is_written for each in result.datasets):
        parts.append("Look at it, then commit it: `git diff datav.toml`, `git add datav.toml`")
    return "\n".join(parts) or "no datasets"


def _dataset_json(each: Inferred) -> dict[str, Any]:
    return {
        "path": each.path.text,
        "pattern": each.pattern or None,
        "written": each.is_written,
        "line": each.line,
        "versions": each.versions,
        "versions_with_other_columns": each.left_out,
        "without_profile": each.without_profile,
        "shallow": each.is_cut,
        "proposals": [_proposal_json(one) for one in each.proposals],
        "dropped": [_proposal_json(one) for one in each.dropped],
        "text": each.text or None,
        "reason": one_line(str(each.error)) if each.error is not None else None,
    }


def _proposal_json(proposal: Proposal) -> dict[str, Any]:
    return {
        "column": proposal.column,
        "rule": proposal.rule,
        "value": _plain(proposal.value),
        "active": proposal.is_active,
        "reason": proposal.reason,
    }


# Any: what JSON has.
def _plain(value: Setting) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _dataset_lines(each: Inferred, style: Style) -> list[str]:
    if each.error is not None:
        return [f"{each.path}: nothing inferred: {one_line(str(each.error))}"]
    suggested = len(each.proposals) - each.promised
    what = f"{count(each.promised, 'promise')} and {count(suggested, 'suggestion')}"
    lines = [f"{each.path}: {what}, from {count(each.versions, 'version')}"]
    if each.is_written:
        lines[0] += f"; appended to datav.toml, line {each.line}"
    if each.left_out:
        lines.append(f"  {count(each.left_out, 'older version')} with other columns, left out")
    if each.without_profile:
        known = f"{count(each.without_profile, 'version')} without a profile, left out"
        lines.append(f"  {known}; `datav check --calibrate {each.path}` makes those that can be made")
    if each.is_cut:
        lines.append("  history is cut off in this shallow clone: `git fetch --unshallow` brings all of it")
    for one in each.dropped[:_SHOWN]:
        name = f"{one_line(one.column)}: " if one.column is not None else ""
        lines.append(f"  left out, as a version breaks it: {name}{one.rule}")
    if len(each.dropped) > _SHOWN:
        lines.append(f"  and {len(each.dropped) - _SHOWN} more that a version breaks")
    if each.is_written:
        return lines
    if each.line is not None:
        lines.append(
            f"  nothing is written: datav.toml:{each.line} has promises of it; take from these what you like"
        )
    else:
        lines.append("  nothing is written, as nothing is promised")
    return [*lines, "", style.faint(each.text)]
