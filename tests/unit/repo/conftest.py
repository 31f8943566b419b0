"""A repository with datav set up in it, for the tests of the verbs."""

from pathlib import Path

import pytest

from tests.support.datasets import DatavRepo


@pytest.fixture
def repo(tmp_path: Path) -> DatavRepo:
    """Datav set up with tiny chunks on the branch `main`, one commit, no dataset."""
    repo = DatavRepo.init(tmp_path / "repo")
    assert isinstance(repo, DatavRepo)
    repo.set_up()
    return repo
