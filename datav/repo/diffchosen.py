"""Which datasets, and which paths in them, the names behind a comparison's revisions mean."""

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from datav.errors import DatavError, UnknownDatasetError
from datav.formats.manifest import Manifest
from datav.git import MANIFEST_SUFFIX
from datav.repo.datasets import Dataset, find_targets
from datav.repo.disk import inside
from datav.repo.repository import Repository
from datav.store.lazytree import find_below, read_below
from datav.store.reading import Reading
from datav.workspace.globs import translate_glob


@dataclass(frozen=True, slots=True)
class Part:
    """What of a dataset is meant."""

    name: str
    """As the user typed it."""
    path: bytes = b""
    """Relative to the dataset, and all below; empty: all of it."""
    pattern: "re.Pattern[bytes] | None" = None
    """Of paths relative to the repository, and all below them; then `path` says nothing."""

    @property
    def is_all(self) -> bool:
        return self.pattern is None and not self.path

    def holds(self, dataset: Dataset, path: bytes) -> bool:
        """Whether what lies at `path`, relative to the dataset, is meant."""
        if self.pattern is None:
            return inside(path, self.path)
        return any(map(self.pattern.fullmatch, _upwards(bytes(dataset.path) + b"/" + path)))


ALL = (Part(""),)
"""All of a dataset."""

Chosen = Mapping[Dataset, tuple[Part, ...]]
"""What is meant of each dataset that is."""


def choose_among(repository: Repository, names: Sequence[str], datasets: Iterable[Dataset]) -> Chosen:
    """Return what `names` mean: datasets, manifests, paths in datasets, directories above, patterns.

    Raises:
        UnknownDatasetError: a name means nothing.
    """
    known = sorted(datasets, key=lambda dataset: dataset.path)
    chosen: dict[Dataset, tuple[Part, ...]] = {}
    for name in names:
        if _is_pattern(repository, name):
            found = list(_matches(repository, name, known))
            if not found:
                raise UnknownDatasetError(f"nothing matches {name}", hint="`datav ls` lists the datasets")
        else:
            targets = find_targets(repository, [name], known)
            found = [(target.dataset, Part(name, target.inside)) for target in targets]
        for dataset, part in found:
            chosen[dataset] = (*chosen.get(dataset, ()), part)
    return chosen


def check_parts(
    repository: Repository, reader: Reading, chosen: Chosen, versions: Mapping[Dataset, Sequence[Manifest]]
) -> None:
    """Raise UnknownDatasetError if a name means a path in datasets that neither end has.

    Args:
        versions: what the manifests of both ends say; a dataset of which that is not known is left out.
    """
    found: dict[str, bool] = {}
    for dataset, parts in chosen.items():
        for part in parts:
            if not found.get(part.name):
                found[part.name] = part.is_all or _is_there(
                    repository, reader, dataset, part, versions.get(dataset)
                )
    for name, is_found in found.items():
        if not is_found:
            (dataset, *_) = (each for each, parts in chosen.items() if any(p.name == name for p in parts))
            raise UnknownDatasetError(
                f"there is no {name}, at neither end",
                hint=f"`datav ls {dataset}` lists what is in the dataset",
            )


def _is_there(
    repository: Repository, reader: Reading, dataset: Dataset, part: Part, versions: Sequence[Manifest] | None
) -> bool:
    if versions is None:
        return True
    if _is_on_disk(repository, dataset, part):
        return True
    try:
        return any(_is_in(reader, dataset, part, manifest) for manifest in versions)
    except DatavError:
        # A tree that is not to be had; the comparison says so if it needs it.
        return True


def _is_on_disk(repository: Repository, dataset: Dataset, part: Part) -> bool:
    root = dataset.path.on(repository.root)
    if part.pattern is None:
        return os.path.lexists(os.path.join(os.fsencode(root), part.path))
    for text in glob.glob(part.name, root_dir=repository.here, recursive=True):
        path = repository.relative(text)
        if path is not None and path.startswith(dataset.path + b"/"):
            return True
    return False


def _is_in(reader: Reading, dataset: Dataset, part: Part, manifest: Manifest) -> bool:
    if manifest.kind != "directory":
        return False
    if part.pattern is None:
        found = find_below(reader, manifest.content, part.path)
        return found.is_folder or found.entry is not None
    return any(part.holds(dataset, entry.path) for entry in read_below(reader, manifest.content))


def _is_pattern(repository: Repository, name: str) -> bool:
    """Whether a name is a pattern that the shell left alone, not that of a file or a dataset."""
    place = repository.here / name
    manifest = f"{place}{os.fsdecode(MANIFEST_SUFFIX)}"
    return (
        "\0" not in name
        and glob.has_magic(name)
        and not any(os.path.lexists(path) for path in (place, manifest))
    )


def _matches(repository: Repository, name: str, known: Sequence[Dataset]) -> Iterator[tuple[Dataset, Part]]:
    path = repository.relative(name)
    assert path is not None, "a pattern is no name of the root"
    translated = translate_glob(bytes(path), deep=True)
    # It may be the very name of a file that is in a dataset and not on disk.
    pattern = re.compile(b"|".join(filter(None, [translated, re.escape(path)])), re.DOTALL)
    for dataset in known:
        paths = [*_upwards(bytes(dataset.path)), bytes(dataset.manifest_path)]
        if any(map(pattern.fullmatch, paths)):
            yield dataset, Part(name)
        elif may_reach_into(bytes(path), dataset):
            yield dataset, Part(name, pattern=pattern)


def may_reach_into(path: bytes, dataset: Dataset) -> bool:
    """Whether a pattern may match paths in a dataset."""
    parts, depth = path.split(b"/"), dataset.path.count(b"/") + 1
    if b"**" in parts[:depth]:
        return True
    above = translate_glob(b"/".join(parts[:depth]), deep=True)
    return (
        len(parts) > depth and above is not None and re.fullmatch(above, dataset.path, re.DOTALL) is not None
    )


def _upwards(path: bytes) -> Iterator[bytes]:
    """Yield a path and the directories above it."""
    while path:
        yield path
        path = path.rpartition(b"/")[0]
