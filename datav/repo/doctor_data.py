"""doctor, the part about datasets: what git sees of data and of manifests.

Each check is a function of its own that changes nothing; what it raises, `doctor` turns into a diagnosis.
"""

import os
from collections.abc import Sequence

from datav.errors import FormatError
from datav.git import MANIFEST_SUFFIX, inspecting
from datav.relpath import RelPath
from datav.repo.datasets import Dataset, dataset_of_manifest, list_datasets, read_manifest
from datav.repo.diagnosis import Diagnosis, named, typed
from datav.repo.pushed import contents_there
from datav.repo.repository import Repository, store_path
from datav.repo.status import is_pushed
from datav.store.layout import Layout

_ANY_MANIFEST = b"datav-doctor-looks" + MANIFEST_SUFFIX


def find_tracked_data(repository: Repository, datasets: Sequence[Dataset]) -> list[RelPath]:
    """Return the datasets of which git itself keeps the data, or a part of it."""
    paths = {bytes(dataset.path) for dataset in datasets}
    found = set()
    for path in repository.git.list_tracked_under():
        at = len(path)
        while at > 0:
            if path[:at] in paths:
                found.add(RelPath(path[:at]))
                break
            at = path.rfind(b"/", 0, at)
    return sorted(found)


def find_visible_data(repository: Repository, datasets: Sequence[Dataset]) -> list[Dataset]:
    """Return the datasets that no ignore rule keeps out of git, and that are not in it already."""
    ignored = repository.git.find_ignored(dataset.path for dataset in datasets)
    tracked = set(find_tracked_data(repository, datasets))
    return [item for item in datasets if item.path not in ignored and item.path not in tracked]


def check_ignored_data(repository: Repository) -> Diagnosis:
    found = tuple(item.path for item in find_visible_data(repository, list_datasets(repository)))
    if found:
        what = f"no .gitignore keeps data out of git: {named(found)}"
        hint = "`datav add` of these writes the line; until then `git add .` would take the data"
        return Diagnosis("ignored-data", "problem", what, hint, is_fixable=True, paths=found)
    return Diagnosis("ignored-data", "ok", "data is kept out of git")


def check_tracked_data(repository: Repository) -> Diagnosis:
    found = tuple(find_tracked_data(repository, list_datasets(repository)))
    if found:
        what = f"git itself has the data of datasets: {named(found)}"
        hint = f"`git rm -r --cached -- {typed(found[0])}` takes it out of git and leaves the file"
        return Diagnosis("tracked-data", "problem", what, hint, paths=found)
    return Diagnosis("tracked-data", "ok", "no dataset is in git itself")


def check_ignored_manifests(repository: Repository) -> Diagnosis:
    """Whether an ignore rule hides manifests: those that are there, or any that would be."""
    git = repository.git
    manifests = [dataset.manifest_path for dataset in list_datasets(repository)]
    directories = {b"", *(path.rpartition(b"/")[0] for path in manifests)}
    looked_at = [_join(directory, _ANY_MANIFEST) for directory in sorted(directories)]
    looked_at += [*manifests, *_lying_in(repository, directories)]
    found = tuple(sorted(git.find_ignored(dict.fromkeys(looked_at))))
    if not found:
        return Diagnosis("ignored-manifests", "ok", "git sees manifests")
    rule = inspecting.find_rule(git, found[0])
    real = tuple(path for path in found if not path.endswith(_ANY_MANIFEST))
    what = f"a rule of git's ignores manifests{': ' + named(real) if real else ''}"
    hint = f"remove the rule{' at ' + rule if rule else ''}, or put `!*.datav` behind it"
    return Diagnosis("ignored-manifests", "problem", what, hint, paths=real)


def _join(directory: bytes, name: bytes) -> RelPath:
    return RelPath(directory + b"/" + name if directory else name)


def _lying_in(repository: Repository, directories: set[bytes]) -> list[RelPath]:
    """The manifests on disk in these directories, git aside."""
    found = []
    for directory in directories:
        place = os.path.join(os.fsencode(repository.root), directory)
        names = os.listdir(place) if os.path.isdir(place) else []
        found += [_join(directory, name) for name in names if name.endswith(MANIFEST_SUFFIX)]
    return [path for path in found if dataset_of_manifest(path) is not None]


def check_untracked_manifests(repository: Repository) -> Diagnosis:
    tracked = {entry.path for entry in repository.git.list_index()}
    manifests = [dataset.manifest_path for dataset in list_datasets(repository)]
    found = tuple(path for path in manifests if path not in tracked)
    if found:
        what = f"git does not know manifests: {named(found)}"
        hint = f"`git add -- {typed(found[0])}`: nobody else has the dataset without it"
        return Diagnosis("untracked-manifests", "warn", what, hint, paths=found)
    return Diagnosis("untracked-manifests", "ok", f"git has the manifests of {len(manifests):,} datasets")


def check_readable_manifests(repository: Repository) -> Diagnosis:
    found: list[tuple[RelPath, str]] = []
    for dataset in list_datasets(repository):
        try:
            read_manifest(repository, dataset)
        except FormatError as exc:
            found.append((dataset.manifest_path, str(exc)))
    if found:
        paths = tuple(path for path, _ in found)
        what = (
            found[0][1] if len(found) == 1 else f"these are no manifests, or have conflicts: {named(paths)}"
        )
        hint = "after a merge resolve the conflict; else `git checkout -- PATH` brings the committed one back"
        return Diagnosis("readable-manifests", "problem", what, hint, paths=paths)
    return Diagnosis("readable-manifests", "ok", "all manifests can be read")


def check_pushed(repository: Repository) -> Diagnosis:
    """What the default remote was not known to have when it was last asked; for information."""
    there = contents_there(repository)
    if there is None:
        return Diagnosis("pushed", "ok", "there is no default remote to have pushed to")
    if not Layout(store_path(repository.private)).format_file.exists():
        # To ask for a store would make one.
        return Diagnosis("pushed", "ok", "there is no data here to push")
    datasets = list_datasets(repository)
    found = tuple(item.path for item in datasets if is_pushed(repository, item, there) is False)
    if found:
        return Diagnosis("pushed", "warn", f"not pushed: {named(found)}", "run `datav push`", paths=found)
    return Diagnosis("pushed", "ok", "nothing here is known to be missing on the default remote")
