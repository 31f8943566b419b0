"""A merged dataset into the work tree: data on disk, git's index, the manifest.

In an order in which a command that is killed can be given again (docs/formats/ordering.md, O13): the merged
content is durable already, then the data lies on disk, then the index has the manifest, and last the work
tree.
"""

from collections.abc import Sequence
from dataclasses import replace

from datav.errors import MissingChunkError
from datav.formats.manifest import Manifest
from datav.repo.checkout import DatasetPlan, apply_placing, plan_placing
from datav.repo.datasets import (
    Dataset,
    edit_ignore_file,
    ignore_file_of,
    read_manifest_bytes,
    refuse_changed,
    write_manifest_bytes,
)
from datav.repo.partial import partial_contents
from datav.repo.repository import Repository


def plan_merged(repository: Repository, dataset: Dataset, manifest: Manifest) -> list[DatasetPlan] | None:
    """Return how the data comes to disk; None where it stays away: not all of it is here.

    Raises:
        DataLossError: data would be lost that exists nowhere else.
    """
    if manifest.content.id in partial_contents(repository):
        return None
    try:
        return plan_placing(repository, {dataset: replace(manifest, conflict=None)})
    except MissingChunkError:
        return None


def finish_merged(
    repository: Repository,
    dataset: Dataset,
    data: bytes,
    before: bytes | None,
    plans: Sequence[DatasetPlan] | None,
) -> None:
    """Bring the data to disk, and the manifest into the index and the work tree.

    Args:
        data: the text of the manifest, which has no conflict.
        before: the one in the work tree, as the caller read it.
        plans: of `plan_merged`; None: the data on disk stays as it is.

    Raises:
        UsageError: the manifest in the work tree is no longer what the caller read (O8).
    """
    refuse_changed(dataset, read_manifest_bytes(repository, dataset), before, data)
    ignore_file = ignore_file_of(dataset)
    is_edited = edit_ignore_file(repository, dataset, add=True) is not None
    if plans is not None:
        apply_placing(repository, plans)
    with repository.editing():
        # Before the index has it: what another command decided meanwhile stays whole.
        refuse_changed(dataset, read_manifest_bytes(repository, dataset), before, data)
        if is_edited or not repository.git.find_tracked([ignore_file]):
            repository.git.stage([ignore_file])
        repository.git.set_merged({dataset.manifest_path: data})
        write_manifest_bytes(repository, dataset, data, before)
        # So that git knows the file, and need not read it again.
        repository.git.stage([dataset.manifest_path])
