"""How far a dataset moved between two of its versions: measured once, and remembered."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from itertools import pairwise

from datav.checks.learning import WINDOWS, Step
from datav.checks.moves import RowChanges, measure_profiles, measure_rows
from datav.drift.comparing import compare_profiles
from datav.drift.verdicts import Move
from datav.errors import DatavError
from datav.formats.limits import Measured
from datav.profiles.profile import TableProfile
from datav.repo.checkversions import Opened
from datav.repo.diff import Limits as DiffLimits
from datav.repo.diff import comparing_versions
from datav.repo.diffends import DatasetVersion
from datav.repo.pastversions import PastVersion
from datav.repo.tablehistory import TableAt, find_key
from datav.storage.caching import Cache
from datav.tables.result import RowDiff

ALGORITHM = 1
"""Of the measures; another number makes what is remembered worthless."""

_MAX_CACHE = 2**26
# Profiles in memory: those that the longest window needs, and some kilobytes to megabytes each.
_MOST_PROFILES = max(WINDOWS) + 2


@dataclass(frozen=True, slots=True)
class End:
    """One version, as it is measured."""

    id: str
    """Of its content."""
    commit: str
    version: DatasetVersion


def past_end(past: PastVersion) -> End:
    """Return an earlier version."""
    return End(past.id, past.commit, DatasetVersion(past.dataset, past.manifest, on_disk=False))


class Steps:
    """Measures steps of datasets.

    Args:
        rows: whether rows are compared as well, of neighbours whose data is here.
        make: profiles that no manifest names are made; else a version without one is None.
    """

    def __init__(self, opened: Opened, *, rows: bool, make: bool) -> None:
        self._opened = opened
        self._rows = rows
        self._make = make
        self._cache = Cache(opened.repository.private / "cache" / "steps", _MAX_CACHE)
        self._profiles: dict[str, TableProfile | None] = {}
        self._given: dict[str, TableProfile] = {}

    def profile(self, end: End) -> TableProfile | None:
        """Return the profile of a version; None if it has none, or is no table."""
        if end.id in self._given:
            return self._given[end.id]
        if end.id not in self._profiles:
            while len(self._profiles) >= _MOST_PROFILES:
                del self._profiles[next(iter(self._profiles))]
            self._profiles[end.id] = self._find_profile(end)
        return self._profiles[end.id]

    def give(self, profiles: Mapping[str, TableProfile]) -> None:
        """Take profiles by the ids of contents, until others are given: of what lies on disk no manifest
        names any."""
        self._given = dict(profiles)

    def measure(self, before: End, after: End, window: int, between: Sequence[End] = ()) -> Step | None:
        """Return how far a dataset moved; None if a version has no profile, or nothing is known of it.

        Args:
            window: how many versions lie from `before` to `after`.
            between: those that lie in between, in order.
        """
        ids = [end.id for end in (before, *between, after)]
        inside = tuple(pairwise(ids)) if window > 1 else ()
        wants_rows = self._rows and window == 1
        name = self._name(before, after, window, wants_rows)
        known = self._recall(name)
        if known is not None:
            moves, has_rows = known
            return Step(before.id, after.id, after.commit, window, moves, has_rows, inside)
        old, new = self.profile(before), self.profile(after)
        if old is None or new is None:
            return None
        drift = compare_profiles(old, new)
        moves = measure_profiles(drift, window)
        rows = None
        if wants_rows:
            with suppress(DatavError):
                rows = self.compare_rows(before, after, old, new)
        if rows is not None:
            moves |= measure_rows(rows)
        self._remember(name, moves, rows is not None)
        return Step(before.id, after.id, after.commit, window, moves, rows is not None, inside)

    def walk(self, ends: Sequence[End]) -> list[Step]:
        """Return all steps of a history, the oldest first, and the longer windows behind each.

        Versions without a profile are passed over, as if they had never been.
        """
        known = [end for end in ends if self._has_profile(end)]
        found = []
        for place in range(1, len(known)):
            for window in WINDOWS:
                if place >= window:
                    between = known[place - window + 1 : place]
                    step = self.measure(known[place - window], known[place], window, between)
                    found += [] if step is None else [step]
        return found

    def compare_rows(
        self, before: End, after: End, old: TableProfile, new: TableProfile, *, far: bool = False
    ) -> RowChanges | None:
        """Return how the rows changed by their key; None where they cannot be compared.

        Args:
            far: data that is not here is read from the default remote.

        Raises:
            MissingChunkError: a part of the data is not here, or nowhere.
            What reading it raises.
        """
        limits = DiffLimits(far=far)
        versions = before.version, after.version
        with comparing_versions(self._opened.repository, *versions, limits=limits) as comparison:
            for error in comparison.errors:
                raise error
            for dataset in comparison.diff.datasets:
                rows = dataset.table.rows if dataset.table is not None else None
                if rows is not None:
                    common = {each.name for each in old.columns} & {each.name for each in new.columns}
                    return _count(rows, common)
        return None

    def _has_profile(self, end: End) -> bool:
        """Whether a version has a profile; one that is named is not read for that, unless it can be made."""
        is_named = end.version.manifest.profile is not None
        return (is_named and not self._make) or self.profile(end) is not None

    def _find_profile(self, end: End) -> TableProfile | None:
        version = self._opened.version(end.version, end.commit or None)
        with suppress(DatavError):
            if self._make:
                return version.profile.table
            found = self._opened.profiles.named(version.dataset, version.manifest)
            return found.profile.table if found is not None else None
        return None

    def _name(self, before: End, after: End, window: int, has_rows: bool) -> str:
        rule = self._opened.rules(bytes(after.version.dataset.path))
        means = [
            ALGORITHM,
            before.id,
            after.id,
            window,
            has_rows,
            [list(self._key(end)) for end in (before, after)],
            None if rule is None else [str(each) for each in astuple(rule)],
        ]
        return hashlib.blake2b(json.dumps(means).encode(), digest_size=20).hexdigest()

    def _key(self, end: End) -> tuple[str, ...]:
        table = TableAt(end.version.dataset.path, end.version.manifest)
        return find_key(self._opened.repository, table)

    def _recall(self, name: str) -> tuple[dict[Measured, Move], bool] | None:
        data = self._cache.read(name)
        if data is None:
            return None
        with suppress(ValueError, TypeError, KeyError):
            known = json.loads(bytes(data))
            moves = {Measured(*where): Move(*what) for where, what in known["moves"]}
            return moves, bool(known["rows"])
        return None

    def _remember(self, name: str, moves: Mapping[Measured, Move], has_rows: bool) -> None:
        # A step whose rows could not be compared may be, as soon as its data is here.
        if self._rows and not has_rows and any(not each.window > 1 for each in moves):
            return
        told = {"rows": has_rows, "moves": [[astuple(each), astuple(move)] for each, move in moves.items()]}
        self._cache.write(name, [json.dumps(told).encode()])


def _count(rows: RowDiff, columns: set[str]) -> RowChanges | None:
    if not rows.key or not rows.is_counted or rows.duplicates is not None or rows.unchanged is None:
        return None
    flips = rows.label_flips
    has_flips = flips is not None and flips.refused is None
    return RowChanges(
        before_rows=rows.from_rows or 0,
        removed=rows.removed,
        common=rows.changed + rows.unchanged,
        changed_cells={column: 0 for column in columns if column not in rows.key} | dict(rows.changed_cells),
        label=flips.label if flips is not None and has_flips else None,
        flipped=flips.flipped if flips is not None else 0,
    )
