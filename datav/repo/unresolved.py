"""Merges that nobody has finished: their manifests are not to be written over by who did not resolve them."""

from datav.errors import UnresolvedConflictError
from datav.formats.manifest import Manifest
from datav.repo.datasets import Dataset
from datav.repo.repository import Repository


def refuse_unresolved(repository: Repository, dataset: Dataset, manifest: Manifest | None) -> None:
    """Raise UnresolvedConflictError if `manifest` has a conflict."""
    if manifest is None or manifest.conflict is None:
        return
    shown, count = repository.shown(dataset.path), manifest.conflict.open
    if not count:
        raise UnresolvedConflictError(
            f"the merge of {dataset} is not finished, though all of its conflicts are decided",
            hint=f"`datav resolve {shown}` finishes it",
        )
    conflicts = "1 conflict" if count == 1 else f"{count:,} conflicts"
    raise UnresolvedConflictError(
        f"{dataset} has {conflicts} that a merge left to be decided",
        hint=f"`datav conflicts {shown}` lists them, `datav resolve {shown} --ours` or `--theirs` decides",
    )
