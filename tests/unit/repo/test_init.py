"""init: where the store may lie."""

import pytest

from datav.errors import UsageError
from datav.repo.repository import init
from tests.support.repos import ScratchRepo


def test_a_store_may_lie_in_a_directory_of_its_own(tmp_path):
    repo = ScratchRepo.init(tmp_path / "work")

    done = init(repo.root, store=tmp_path / "x" / ".." / "depot")

    assert done.store == tmp_path / "depot"
    assert (tmp_path / "depot" / "format").exists()


def test_the_private_store_of_another_repository_is_refused(tmp_path):
    other = ScratchRepo.init(tmp_path / "other")
    init(other.root)
    repo = ScratchRepo.init(tmp_path / "work")

    with pytest.raises(UsageError) as error:
        init(repo.root, store=other.root / ".git" / "datav" / "store")

    assert "another repository" in str(error.value)
    assert not (repo.root / "datav.toml").exists()


def test_another_store_is_refused_with_how_to_move_it(tmp_path):
    repo = ScratchRepo.init(tmp_path / "work")
    init(repo.root)

    with pytest.raises(UsageError) as error:
        init(repo.root, store=tmp_path / "depot")

    assert "to move it" in (error.value.hint or "")
    assert not (tmp_path / "depot").exists()


def test_init_again_changes_nothing(tmp_path):
    repo = ScratchRepo.init(tmp_path / "work")
    first = init(repo.root)

    again = init(repo.root)

    assert again.store == first.store
    assert (first.settings_written, again.settings_written) == (True, False)


def test_init_stages_what_one_that_was_killed_has_written(tmp_path):
    repo = ScratchRepo.init(tmp_path / "work")
    init(repo.root)
    repo.git("rm", "-q", "--cached", "-r", ".")

    done = init(repo.root)

    assert [str(path) for path in done.staged] == ["datav.toml", ".gitattributes"]
    assert init(repo.root).staged == ()


def test_init_adds_to_the_attributes_that_there_are(tmp_path):
    repo = ScratchRepo.init(tmp_path / "work")
    repo.write(".gitattributes", b"*.png binary\n")
    repo.commit("attributes")

    done = init(repo.root)

    assert repo.read(".gitattributes").startswith(b"*.png binary\n*.datav diff=datav merge=datav")
    assert b".gitattributes" in done.staged
