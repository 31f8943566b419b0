"""diff and check in a shallow clone: two commits are enough, and what is missing is named."""

import pytest

from datav.errors import ShallowHistoryError, UnknownDatasetError
from datav.repo import check as checking
from datav.repo import diffends
from datav.repo.diff import comparing
from tests.support.datasets import DatavRepo


@pytest.fixture
def clone(tmp_path):
    """The last of three versions of `a.csv`; the data of all is here."""
    origin = DatavRepo.init(tmp_path / "origin")
    assert isinstance(origin, DatavRepo)
    origin.set_up()
    for number in range(3):
        origin.write("a.csv", b"id,n\n1,%d\n" % number)
        origin.add("a.csv")
        origin.commit(f"version {number}")
    origin.git("clone", "-q", "--depth=1", f"file://{origin.root}", str(tmp_path / "clone"))
    (origin.root / ".git/datav").rename(tmp_path / "clone/.git/datav")
    return DatavRepo(tmp_path / "clone"), origin


@pytest.mark.parametrize("words", [["HEAD~1"], ["origin/main~2", "HEAD"], ["HEAD~1..HEAD"], ["1" * 40]])
def test_a_revision_that_is_not_here_is_not_taken_for_a_path(clone, words):
    with clone[0].open() as repository:
        for read in (diffends.read_words, checking.read_words):
            with pytest.raises(ShallowHistoryError, match="is not in this shallow clone"):
                read(repository, words)


def test_a_name_that_means_nothing_is_still_said_to_be_none(clone):
    with clone[0].open() as repository:
        for read in (diffends.read_words, checking.read_words):
            with pytest.raises(UnknownDatasetError, match="is no dataset"):
                read(repository, ["b.csv"])


def test_two_commits_with_nothing_between_them_are_compared(clone):
    repo, origin = clone
    base = origin.rev("HEAD~2")
    repo.git("fetch", "-q", "--depth=1", "origin", base)

    with repo.open() as repository, comparing(repository, [base, "HEAD"]) as comparison:
        [dataset] = comparison.diff.datasets

        assert dataset.path.text == "a.csv"
        assert comparison.errors == ()
        with pytest.raises(ShallowHistoryError, match="where HEAD left"):
            diffends.find_ends(repository, [f"{base}...HEAD"])
