"""report: what a branch does to data, for whoever has to say yes to it.

Composed of what other verbs find: the comparison of where the branch left the base with its head, the check
of the head, and how much of its data is new.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from datav.checks.finding import CheckResult
from datav.errors import DatavError, UnknownRevisionError
from datav.formats.manifest import Manifest
from datav.git.shallow import find_hidden_parents
from datav.relpath import RelPath
from datav.repo.check import check
from datav.repo.datasets import Dataset
from datav.repo.diff import comparing
from datav.repo.diffends import DatasetVersion, find_ends, read_at
from datav.repo.diffresult import DatasetDiff, Diff
from datav.repo.farreading import Source
from datav.repo.repository import Repository
from datav.store.reading import Reading
from datav.store.treediff import differing_entries, differing_ranges


@dataclass(frozen=True, slots=True)
class DatasetSize:
    """How much data one dataset has, and how much of it is new; bytes, before compression."""

    path: RelPath
    before: int | None
    """None: it was not there."""
    after: int | None
    new: int | None
    """Of those after, what the dataset had not got before: no more than that has to be stored.  None where
    nobody could tell, as its trees are nowhere."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a branch does to data; the rows of its tables can be read while it is open."""

    base: str
    """As it was asked for, like `head`."""
    base_commit: str
    """What `base` names; what is compared, `diff.before`, is where the head left it."""
    head: str
    diff: Diff
    check: CheckResult
    sizes: tuple[DatasetSize, ...]
    """Of the datasets that differ, in the order of these."""
    errors: tuple[DatavError, ...]
    """Why datasets could not be compared, or not checked."""
    notes: tuple[str, ...] = ()
    """What is worth knowing of the whole, beside what the check has to say."""


@contextmanager
def reporting(
    repository: Repository, base: str, head: str, names: Sequence[str] = (), *, now: datetime
) -> Iterator[Report]:
    """Compare a head with where it left its base, and check it.

    Args:
        names: datasets, paths in one, directories above some, globs; by default everything.
        now: for promises about the age of data.

    Raises:
        UnknownRevisionError: git does not know a revision.
        UnknownDatasetError: a name means nothing at either end.
        What checking raises.
    """
    words, notes = _find_words(repository, base, head)
    with comparing(repository, words, names, stats="cheap") as comparison:
        diff = comparison.diff
        outcome = check(repository, head, against=diff.before.commit, names=names, now=now)
        sizes = measure_sizes(repository, diff)
        errors = (*comparison.errors, *outcome.errors)
        commit = repository.git.resolve(base)
        yield Report(base, commit, head, diff, outcome.result, sizes, errors, notes)


def _find_words(repository: Repository, base: str, head: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is compared, as `datav diff` takes it, and what is worth a note about that."""
    left = (f"{base}...{head}",)
    try:
        find_ends(repository, left)
    except UnknownRevisionError as exc:
        before, after = find_ends(repository, (base, head))
        assert after.commit is not None, "revisions are commits"
        # A shallow clone of a merge, as CI has it, knows what it was merged into by the commit alone.
        if before.commit in find_hidden_parents(repository.git.git, after.commit):
            return (base, head), ()
        return (base, head), (f"{exc}: they are compared as they are",)
    return left, ()


def measure_sizes(repository: Repository, diff: Diff) -> tuple[DatasetSize, ...]:
    """Return how much data there is in what two commits do not share.

    Cost: the tree nodes above what is new, none of the data.
    """
    reader = Source(repository)
    before = _manifests(
        repository, diff.before.commit, [each.before_path or each.path for each in diff.datasets]
    )
    after = _manifests(repository, diff.after.commit, [each.path for each in diff.datasets])
    return tuple(_size(reader, each, before, after) for each in diff.datasets)


_Manifests = dict[RelPath, Manifest]


def _manifests(repository: Repository, commit: str | None, paths: Sequence[RelPath]) -> _Manifests:
    assert commit is not None, "both ends are commits"
    versions = read_at(repository, commit, map(Dataset, paths))
    return {
        dataset.path: version.manifest
        for dataset, version in versions.items()
        if isinstance(version, DatasetVersion)
    }


def _size(reader: Reading, diff: DatasetDiff, before: _Manifests, after: _Manifests) -> DatasetSize:
    old, new = before.get(diff.before_path or diff.path), after.get(diff.path)
    sizes = old.content.size if old is not None else None, new.content.size if new is not None else None
    try:
        fresh = _new_bytes(reader, old, new)
    except DatavError:
        # Whatever is wrong with it: the comparison has told, and a size is no reason for none.
        fresh = None
    return DatasetSize(diff.path, *sizes, fresh)


def _new_bytes(reader: Reading, before: Manifest | None, after: Manifest | None) -> int:
    if after is None:
        return 0
    if before is None or before.kind != after.kind:
        return after.content.size
    if before.kind == "file":
        return _new_in_file(reader, before, after)
    total = 0
    for old, new in differing_entries(reader, before.content, after.content):
        if new is not None:
            gaps = differing_ranges(reader, old.content, new.content) if old is not None else None
            total += new.size if gaps is None else sum(gap.after_end - gap.after_start for gap in gaps)
    return total


def _new_in_file(reader: Reading, before: Manifest, after: Manifest) -> int:
    gaps = differing_ranges(reader, before.content, after.content)
    return sum(gap.after_end - gap.after_start for gap in gaps)
