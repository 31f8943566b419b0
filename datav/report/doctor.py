"""doctor: text and JSON."""

from typing import Any

from datav.relpath import one_line
from datav.repo.diagnosis import Diagnosis
from datav.repo.doctor import Examination
from datav.report.style import Style, count


def doctor_json(result: Examination) -> dict[str, Any]:
    return {
        "format": 1,
        "root": str(result.root) if result.root is not None else None,
        "ok": result.is_well,
        "fixed": list(result.fixed),
        "checks": [
            {
                "name": diagnosis.name,
                "state": diagnosis.state,
                "what": diagnosis.what,
                "hint": diagnosis.hint,
                "fixable": diagnosis.is_fixable,
                "paths": [path.text for path in diagnosis.paths],
            }
            for diagnosis in result.diagnoses
        ],
    }


def doctor_text(result: Examination, style: Style, *, verbose: bool = False) -> str:
    """Say what is wrong and how to set it right; with `verbose` what is in order, too."""
    lines = [style.good(f"fixed    {name}") for name in result.fixed]
    for diagnosis in result.diagnoses:
        if verbose or diagnosis.state != "ok":
            lines += _diagnosis_lines(diagnosis, style)
    return "\n".join([*lines, *([""] if lines else []), *_closing_lines(result)])


def _diagnosis_lines(diagnosis: Diagnosis, style: Style) -> list[str]:
    paint = {"ok": style.good, "warn": style.warn, "problem": style.bad}[diagnosis.state]
    lines = [f"{paint(diagnosis.state.ljust(7))}  {diagnosis.name}: {one_line(diagnosis.what)}"]
    if diagnosis.hint:
        fixable = " (`datav doctor --fix` does it)" if diagnosis.is_fixable else ""
        lines.append(style.faint(f"         {one_line(diagnosis.hint)}{fixable}"))
    return lines


def _closing_lines(result: Examination) -> list[str]:
    states = [diagnosis.state for diagnosis in result.diagnoses]
    bad, worth = states.count("problem"), states.count("warn")
    if not bad and not worth:
        return ["all is well"]
    told = [count(bad, "problem")] if bad else ["no problem"]
    told += [count(worth, "warning")] if worth else []
    return [", ".join(told)]
