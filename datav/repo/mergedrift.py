"""How a merged table is distributed otherwise than the two versions it was made of: by profiles, not data."""

from dataclasses import dataclass
from typing import Literal

from datav.drift.comparing import compare_profiles
from datav.drift.labels import LabelDrift, compare_labels
from datav.drift.result import ColumnDrift
from datav.errors import DatavError
from datav.formats.manifest import Manifest
from datav.profiles.encoding import parse_profile
from datav.profiles.profile import Profile, TableProfile
from datav.repo.profilestore import read_profile
from datav.repo.repository import Repository


@dataclass(frozen=True, slots=True)
class MergeDrift:
    """The merged table against one of the two."""

    against: Literal["ours", "theirs"]
    columns: tuple[ColumnDrift, ...]
    """Those that are not stable."""
    labels: LabelDrift | None = None
    """The balance of classes; None where no label is set."""


def find_drift(
    repository: Repository, merged: Profile, ours: Manifest, theirs: Manifest
) -> tuple[MergeDrift, ...]:
    """Return what moved, against each version that has a profile which is here, if anything did."""
    if merged.table is None:
        return ()
    found = []
    for against, manifest in (("ours", ours), ("theirs", theirs)):
        table = _profile_of(repository, manifest)
        if table is not None:
            drift = compare_profiles(table, merged.table)
            moved = tuple(column for column in drift.columns if column.verdict != "stable")
            labels = compare_labels(table.groups, merged.table.groups)
            if moved or labels is not None:
                found.append(MergeDrift("ours" if against == "ours" else "theirs", moved, labels))
    return tuple(found)


def _profile_of(repository: Repository, manifest: Manifest) -> TableProfile | None:
    try:
        # Not from afar: a merge does not wait for what is only told.
        data = read_profile(repository, manifest, far=False)
        return None if data is None else parse_profile(data, "of a side").table
    except DatavError:
        return None
