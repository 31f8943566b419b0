"""A repository whose data lies on a remote alone, for the tests of reading in place."""

import shutil
from pathlib import Path

from datav.repo.farreading import close_connections
from datav.repo.remotes import add_remote
from datav.settings import RemoteSettings
from tests.support.datasets import DatavRepo


def move_to_remote(repo: DatavRepo, place: Path) -> None:
    """Make what the local store holds a remote in the directory `place`, and leave nothing here or on disk.

    A remote has the layout of a store (docs/formats/remote.md).
    """
    store = repo.path(".git/datav/store")
    place.mkdir(parents=True, exist_ok=True)
    for name in ("format", "packs", "index"):
        shutil.move(store / name, place / name)
    (place / "roots").mkdir()
    shutil.rmtree(store)
    for listed in repo.git("ls-files", "-z", "--", "*.datav").split(b"\0"):
        path = repo.path(listed.removesuffix(b".datav")) if listed else None
        if path is not None and path.is_dir():
            shutil.rmtree(path)
        elif path is not None:
            path.unlink(missing_ok=True)
    with repo.open() as repository:
        add_remote(repository, RemoteSettings("origin", str(place)))
    close_connections()
