"""Every call that can fail does, one after the other: nothing is left behind, nothing is lost."""

import errno
import os

import pytest

from datav.errors import ChangedWhileReadError, StorageError
from datav.store.ingest import Ingest
from datav.store.store import Store
from tests.unit.store.files import TINY, Bytes, ManyBytes, ingest_large, read_back
from tests.unit.store.stores import (
    ids_of,
    leftovers,
    new_store,
    noise,
    pool,
    put,
    read_all,
    store_chunks,
    text,
)

OLD = [noise(n, 5000) for n in range(5)]
NEW = [noise(n, 5000) for n in range(100, 130)]


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path / "store")
    store_chunks(store, OLD)
    return store


class Failing:
    """Fails one call of several functions of `os`, counted over all of them."""

    def __init__(self, patch, number: int, code: int, names: tuple[str, ...]) -> None:
        self.left = number
        self.code = code
        for name in names:
            if hasattr(os, name):
                patch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, real):
        def call(*args, **kwargs):
            self.left -= 1
            if self.left == 0:
                raise OSError(self.code, os.strerror(self.code))
            return real(*args, **kwargs)

        return call


@pytest.mark.parametrize(("code", "hint"), [(errno.ENOSPC, "free some space"), (errno.EIO, "the disk")])
@pytest.mark.parametrize("name", ["writev", "fsync", "replace"])
def test_a_system_call_that_fails_loses_nothing_and_leaves_nothing(store, code, hint, name):
    hints = []
    for number in range(1, 100):
        # Small packs, so that some are synced while others are written.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("datav.store.packing.TARGET_SIZE", 40_000)
            failing = Failing(patch, number, code, (name,))
            try:
                store_chunks(store, NEW[number - 1 :])
            except StorageError as error:
                hints.append(error.hint or "")
            else:
                assert failing.left > 0
                break
        assert leftovers(store) == []
        assert read_all(Store(store.layout.root), ids_of(OLD)) == OLD
    assert len(hints) >= 2
    assert all(hint in given for given in hints)

    store_chunks(store, NEW)

    assert read_all(Store(store.layout.root), ids_of([*OLD, *NEW])) == [*OLD, *NEW]
    assert leftovers(store) == []


def test_a_pack_that_cannot_be_begun_leaves_nothing(store, monkeypatch):
    def refuse(*_):
        raise StorageError("no memory for the buffer")

    monkeypatch.setattr("datav.storage.direct.StreamWriter.write", refuse)

    with pytest.raises(StorageError):
        store_chunks(store, NEW)
    assert leftovers(store) == []


def test_a_command_that_ignores_a_failed_write_cannot_finish(store, monkeypatch):
    def command():
        with pool() as executor, store.writing(executor) as writer:
            put(writer, NEW[:3])
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("datav.store.packing.PackWriter.append", lambda *_: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    put(writer, NEW[3:6])
            put(writer, NEW[3:9])

    with pytest.raises(StorageError):
        command()

    assert leftovers(store) == []
    assert not any(Store(store.layout.root).lookup.contains(b"".join(ids_of(NEW))))


def test_an_exception_in_the_command_leaves_nothing(store):
    def command():
        with pool() as executor, store.writing(executor) as writer:
            put(writer, NEW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command()

    assert leftovers(store) == []
    assert len(Store(store.layout.root).layout.pack_sizes()) == 1


def test_a_file_that_changes_while_it_is_read_leaves_nothing_running(store, monkeypatch):
    monkeypatch.setattr("datav.store.ingest.BLOCK", 4096)
    data = text(1, 200_000)

    for at in (0, 5000, 150_000, 199_999):
        with pytest.raises(ChangedWhileReadError):
            ingest_large(store, Bytes(data, fail_at=at))
        assert leftovers(store) == []

    assert read_back(store, ingest_large(store, Bytes(data)).content) == data


def test_an_observer_that_fails_leaves_nothing_running(store, monkeypatch):
    monkeypatch.setattr("datav.store.ingest.BLOCK", 4096)
    running = []

    def observe(view, lead):
        running.append(1)
        try:
            if len(running) == 5:
                raise ValueError("cannot look at this")
        finally:
            running.append(-1)

    with pytest.raises(ValueError, match="cannot look"):
        ingest_large(store, Bytes(text(1, 400_000)), observer=observe)

    assert sum(running) == 0
    seen = len(running)
    assert leftovers(store) == []
    assert len(running) == seen


def test_a_consumer_that_stops_early_leaves_nothing_running(store):
    batches = [(ManyBytes([text(n, 3000)]), [None]) for n in range(30)]
    with pool() as executor, store.writing(executor) as writer:
        contents = Ingest(writer, store.reader, TINY, executor).small_files(iter(batches))
        first = next(contents)
        contents.close()

    assert read_back(store, first[0]) == text(0, 3000)
    assert leftovers(store) == []
