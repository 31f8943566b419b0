"""check --calibrate: what is normal for datasets, learned from their history and written beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from datav.checks.learning import FEWEST_STEPS, exceeds, factor_of, learn
from datav.errors import DatavError
from datav.formats.limits import MAX_NUMBER, Limits, Unusual
from datav.relpath import RelPath, one_line
from datav.repo.checkends import CheckEnd, State, find_check_ends
from datav.repo.checkversions import Opened
from datav.repo.datasets import Dataset
from datav.repo.diffchosen import choose_among
from datav.repo.diffends import DatasetVersion
from datav.repo.limitsfile import write_limits
from datav.repo.pastversions import find_past
from datav.repo.repository import Repository
from datav.repo.steps import End, Steps, past_end


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was learned of one dataset."""

    path: RelPath
    limits_path: RelPath
    limits: Limits | None
    """None where there is nothing to learn from."""
    is_new: bool
    """Whether the file of limits says something else now."""
    without_profile: int
    """Versions that have no profile, and none could be made."""
    factor: float
    """By how much a measure of the table may exceed the greatest move that it ever made."""
    is_cut: bool
    """Whether there may be older versions that this shallow clone has not got."""
    reason: str | None = None
    """Why there is nothing to learn from."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was learned."""

    datasets: tuple[Calibrated, ...]


def calibrate(
    repository: Repository, names: Sequence[str] = (), *, against: str | None = None
) -> Calibration:
    """Learn what is normal for datasets from the first parents of `HEAD` and the manifests in the work tree,
    and write it beside these.

    Args:
        names: datasets, directories above some, globs; by default all.
        against: a revision. What is unusual about all that changed since then is listed as well, so that a
            branch of several commits passes where it is compared with that.

    Raises:
        UnknownRevisionError: git does not know `against`.
        UnknownDatasetError: a name means nothing.
        StorageError: a file of limits cannot be written.

    Cost: profiles of versions that have none are made where the data is to be had; rows are compared where
    there is a key and the data is here.  What was measured once is remembered.
    """
    state = State(repository, CheckEnd(None, None))
    chosen = list(choose_among(repository, names, state.datasets)) if names else list(state.datasets)
    versions = state.read(chosen, {})
    bases = _read_bases(repository, chosen, against)
    with Opened(repository) as opened:
        return Calibration(
            tuple(_calibrate(opened, each, versions.get(each), bases.get(each)) for each in chosen)
        )


def _read_bases(
    repository: Repository, datasets: Sequence[Dataset], against: str | None
) -> dict[Dataset, End]:
    """Return the versions at a revision, of those datasets that are there."""
    if against is None:
        return {}
    _, base, _ = find_check_ends(repository, None, staged=False, against=against)
    assert base is not None
    assert base.commit is not None
    found = State(repository, base).read(datasets, {})
    return {
        dataset: _end(dataset, version, base.commit)
        for dataset, version in found.items()
        if not isinstance(version, DatavError)
    }


def _calibrate(
    opened: Opened, dataset: Dataset, version: DatasetVersion | DatavError | None, base: End | None
) -> Calibrated:
    nothing = Calibrated(dataset.path, dataset.limits_path, None, False, 0, 0.0, False)
    if isinstance(version, DatavError):
        return replace(nothing, reason=one_line(str(version)))
    ends, is_cut = _find_ends(opened.repository, dataset, version)
    steps = Steps(opened, rows=True, make=True)
    opened.repository.progress.start(f"learning from {len(ends)} versions", None, "versions")
    missing = sum(steps.profile(end) is None for end in ends)
    if len(ends) - missing <= FEWEST_STEPS:
        few = f"{len(ends) - missing} versions have a profile, and {FEWEST_STEPS + 1} are needed"
        return replace(nothing, without_profile=missing, is_cut=is_cut, reason=few)
    limits = learn(steps.walk(ends))
    if base is not None:
        limits = replace(limits, unusual=(*limits.unusual, *_list_unusual(steps, limits, base, ends[-1])))
    is_new = write_limits(opened.repository, dataset, limits)
    return replace(
        nothing,
        limits=limits,
        is_new=is_new,
        without_profile=missing,
        factor=factor_of(limits),
        is_cut=is_cut,
    )


def _list_unusual(steps: Steps, limits: Limits, base: End, last: End) -> list[Unusual]:
    """Return what is unusual about all that changed since a version, and is not listed."""
    step = steps.measure(base, last, 1) if base.id != last.id else None
    if step is None:
        return []
    known = {(one.before, one.after, one.measured) for one in limits.unusual}
    return [
        Unusual(step.before, step.after, step.commit, measured, min(move.value, MAX_NUMBER))
        for measured, move in step.moves.items()
        if exceeds(limits, measured, move) and (step.before, step.after, measured) not in known
    ]


def _end(dataset: Dataset, version: DatasetVersion, commit: str) -> End:
    manifest = version.manifest
    return End(f"b3:{manifest.content.id.hex()}", commit, DatasetVersion(dataset, manifest, on_disk=False))


def _find_ends(
    repository: Repository, dataset: Dataset, version: DatasetVersion | None
) -> tuple[list[End], bool]:
    """Return all versions, the one that the manifest in the work tree names at last."""
    ends: list[End] = []
    is_cut = False
    if repository.git.head() is not None:
        past = find_past(repository, dataset, "HEAD")
        ends, is_cut = [past_end(each) for each in past.versions], past.is_cut
    if version is not None and version.manifest.conflict is None:
        added = _end(dataset, version, "")
        if not ends or ends[-1].id != added.id:
            ends.append(added)
    return ends, is_cut
