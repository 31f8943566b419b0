"""Profiles of any bytes, for the tests of what happens to them as stored objects."""

from dataclasses import replace

from datav.formats.entry import Content
from datav.formats.manifest import encode_manifest
from datav.repo.profilestore import store_profile
from tests.support.datasets import DatavRepo


def put_profile(repo: DatavRepo, name: str, data: bytes, *, deltas: bool = True) -> Content:
    """Store a profile, and name it in the manifest of a dataset in the work tree.

    Args:
        deltas: store what is near to the profile before as deltas.
    """
    manifest = repo.manifest(name)
    with repo.open() as repository, repository.store.writing(repository.executor) as writer:
        profile = store_profile(repository, writer, data, old=manifest.profile if deltas else None)
    repo.write(f"{name}.datav", encode_manifest(replace(manifest, profile=profile)))
    return profile
