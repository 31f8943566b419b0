"""status: text and JSON."""

from collections.abc import Callable, Iterator
from typing import Any

from datav.relpath import show_path
from datav.repo.status import DatasetStatus, FileChanges, Status
from datav.report.style import Style, columns, count

_SHOWN_FILES = 10
_NEXT = {
    "modified": "`datav add PATH` records it, `datav restore --force PATH` undoes it",
    "deleted": "`datav restore` brings it back, `datav rm` removes the dataset",
    "missing": "not in the store either: `datav add` it where you have it, or copy a clone's store",
    "conflicted": "`datav resolve PATH` merges what git could not; `datav conflicts` tells more",
    "untracked": "`git add` its manifest",
}
_FORMER = "git moved since: `datav add PATH` takes back what its manifest has of others; `datav diff` shows"
_FETCH = "not in the store either: `datav pull` brings it from the remote, if it was pushed"
_NOT_STAGED = "`git add` the manifest"
_UNRESOLVED = "`datav conflicts` lists what is in conflict, `datav resolve` decides and finishes the merge"
_PARTIAL = "`datav pull` brings the rest"
_NOT_PUSHED = "`datav push` sends what is committed"
_NO_PROFILE = "`datav profile` makes one, and `datav add` then keeps it"
_NO_MANIFEST = "`git restore` brings it back, `git rm --cached` gives the dataset up"
_OTHER_VERSION = "git moved and the data did not: `datav checkout` brings what the manifest says"


def status_json(result: Status) -> dict[str, Any]:
    return {
        "format": 1,
        "datasets": [
            {
                "path": dataset.path.text,
                "state": dataset.state,
                "staged": dataset.staged,
                "unstaged": dataset.unstaged,
                "pushed": dataset.pushed,
                "stored": dataset.is_stored if dataset.state == "modified" else None,
                "former": dataset.is_former,
                "partial": dataset.is_partial,
                "error": dataset.error,
                "lacks_profile": dataset.lacks_profile,
                "conflicts": dataset.conflicts,
                "files": {
                    "added": len(dataset.changes.added),
                    "removed": len(dataset.changes.removed),
                    "modified": len(dataset.changes.modified),
                },
            }
            for dataset in result.datasets
        ],
    }


def status_text(result: Status, style: Style, *, verbose: bool) -> str:
    """One line for each dataset that is not clean, and what to do about it."""
    if not result.datasets:
        return "no datasets yet: `datav add PATH` makes one"
    shown = [dataset for dataset in result.datasets if not _is_quiet(dataset)]
    lines = []
    for dataset, line in zip(shown, columns([_row(dataset) for dataset in shown]), strict=True):
        lines.append(_paint(dataset, style)(line))
        if verbose:
            lines += [f"    {text}" for text in _files(dataset.changes)]
    if lines:
        lines.append("")
    lines.append(_summary(result))
    lines += [style.faint(f"  {what}: {advice}") for what, advice in _advice(result)]
    return "\n".join(lines)


def _is_quiet(dataset: DatasetStatus) -> bool:
    return (dataset.state, dataset.staged, dataset.unstaged) == ("clean", "none", "none")


def _advice(result: Status) -> Iterator[tuple[str, str]]:
    """What to do next about what was found, each once."""
    told = [
        each
        for each in result.datasets
        if not (each.is_stored or each.is_partial or _lacks_manifest(each) or each.conflicts is not None)
    ]
    if any(each.conflicts is not None for each in result.datasets):
        yield "conflicts of a merge", _UNRESOLVED
    for state in dict.fromkeys(each.state for each in told):
        if state == "missing" and result.has_remote:
            yield state, _FETCH
        elif state in _NEXT:
            yield state, _NEXT[state]
    if any(dataset.is_partial for dataset in result.datasets):
        yield "only a part was fetched", _PARTIAL
    if any(dataset.is_former for dataset in result.datasets):
        yield "edited from another version", _FORMER
    if any(dataset.is_stored for dataset in result.datasets):
        yield "another version", _OTHER_VERSION
    if any(map(_lacks_manifest, result.datasets)):
        yield "manifest deleted", _NO_MANIFEST
    if any(dataset.pushed is False for dataset in result.datasets):
        yield "not pushed", _NOT_PUSHED
    if any(dataset.unstaged == "modified" for dataset in result.datasets):
        yield "manifest not staged", _NOT_STAGED
    lacking = [dataset for dataset in result.datasets if dataset.lacks_profile]
    if lacking:
        first = str(lacking[0].path)
        which = first if len(lacking) == 1 else f"{first} and {len(lacking) - 1} more"
        yield f"no profile: {which}", _NO_PROFILE


def _lacks_manifest(dataset: DatasetStatus) -> bool:
    return dataset.state == "deleted" and dataset.unstaged == "removed"


def _row(dataset: DatasetStatus) -> tuple[str, ...]:
    details = []
    if dataset.error is not None:
        details.append(dataset.error)
    if dataset.conflicts is not None:
        details.append(count(dataset.conflicts, "conflict") if dataset.conflicts else "all conflicts decided")
    if dataset.is_partial:
        details.append("only a part was fetched")
    if dataset.is_stored:
        details.append("another version, stored")
    if dataset.is_former:
        details.append("edited from another version")
    changes = dataset.changes
    for paths, what in (
        (changes.modified, "modified"),
        (changes.added, "added"),
        (changes.removed, "removed"),
    ):
        if paths and paths != (_name_of(dataset),) and not dataset.is_stored:
            details.append(f"{count(len(paths), 'file')} {what}")
    if dataset.staged != "none" and dataset.state != "conflicted":
        details.append(f"staged: {dataset.staged}")
    if dataset.unstaged != "none":
        details.append("manifest deleted" if dataset.unstaged == "removed" else "manifest not staged")
    return (dataset.state, str(dataset.path), ", ".join(details))


def _name_of(dataset: DatasetStatus) -> bytes:
    """What the one entry of a dataset that is a file is called: not worth repeating."""
    return bytes(dataset.path).rpartition(b"/")[2]


def _paint(dataset: DatasetStatus, style: Style) -> Callable[[str], str]:
    if dataset.state == "clean":
        return style.good
    return style.bad if dataset.state in ("missing", "conflicted", "deleted") else style.warn


def _files(changes: FileChanges) -> list[str]:
    marked = [("M", path) for path in changes.modified]
    marked += [("A", path) for path in changes.added] + [("D", path) for path in changes.removed]
    lines = [f"{mark} {show_path(path)}" for mark, path in marked[:_SHOWN_FILES]]
    if len(marked) > _SHOWN_FILES:
        lines.append(f"... and {len(marked) - _SHOWN_FILES} more")
    return lines


def _summary(result: Status) -> str:
    """How many there are, how many are not clean, how many only this clone has."""
    unpushed = [str(dataset.path) for dataset in result.datasets if dataset.pushed is False]
    if not unpushed:
        return _how_clean(result)
    names = ", ".join(unpushed[:_SHOWN_FILES])
    more = f" and {len(unpushed) - _SHOWN_FILES} more" if len(unpushed) > _SHOWN_FILES else ""
    return f"{_how_clean(result)}; not pushed: {names}{more}"


def _how_clean(result: Status) -> str:
    total = len(result.datasets)
    clean = sum(dataset.state == "clean" for dataset in result.datasets)
    if clean == total:
        return f"{count(total, 'dataset')}, clean" if total == 1 else f"{count(total, 'dataset')}, all clean"
    return f"{count(total, 'dataset')}: {total - clean} not clean"
