"""A file from anywhere as what a dataset is to hold."""

from dataclasses import replace
from pathlib import Path

from datav.errors import UsageError
from datav.formats.manifest import Manifest, keep_users_part
from datav.repo.datasets import Dataset
from datav.repo.describing import describe_stored
from datav.repo.farreading import Source
from datav.repo.reading import ContentReader, FoundFile
from datav.repo.repository import Repository
from datav.store.ingest import Ingest
from datav.workspace.reading import StableFile


def take_file(repository: Repository, dataset: Dataset, file: Path, before: Manifest) -> Manifest:
    """Store a file; return the manifest of a dataset that holds it, with what is the user's in `before`.

    Raises:
        UsageError: there is no such file.
        ChangedWhileReadError: it did not hold still.
        StorageError: the store cannot be written.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    with repository.store.writing(repository.executor) as writer:
        ingest = Ingest(
            writer, repository.store.reader, repository.chunker, repository.executor, repository.progress
        )
        with StableFile(file) as opened:
            content = ingest.large_file(opened, old=before.content).content
            opened.finish()
    found = FoundFile(None, dataset.path, b"", False, content)
    name = dataset.path.text.rpartition("/")[2]
    table, _ = describe_stored(name, ContentReader(Source(repository), found))
    manifest = Manifest("file", content, 1, before.executable, table)
    return keep_users_part(manifest, replace(before, conflict=None))
