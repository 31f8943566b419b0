"""A few rounds of `tests.crash.remote_rounds`: two clones push to one remote and collect it at once."""

import pytest

from datav.storage import opening
from tests.crash.impatient import PATIENCE
from tests.crash.remote_rounds import begin, find_losses, play_round


@pytest.mark.parametrize(("place", "rounds"), [("directory_server", 2), ("s3_server", 1)])
def test_two_clones_that_push_and_collect_at_once_lose_nothing(request, monkeypatch, tmp_path, place, rounds):
    monkeypatch.setitem(opening.open_objects.__kwdefaults__, "patience", PATIENCE)
    remote = request.getfixturevalue(place).settings()
    clones = begin(tmp_path, remote, 1, with_gc=True)

    for _ in range(rounds):
        play_round(clones)

        assert find_losses(clones, remote, tmp_path) == []
