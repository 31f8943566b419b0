"""Whatever the blocks, batches and versions before: files are cut as a serial scan does, and come back."""

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datav.core import find_cuts
from tests.unit.store.files import TINY, Bytes, chunk_sizes, ingest_large, ingest_small, read_back
from tests.unit.store.stores import leftovers, new_store, noise, text


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One store for all examples: what is stored already must not matter."""
    return new_store(tmp_path_factory.mktemp("ingest") / "store")


def serial_sizes(data: bytes) -> list[int]:
    ends = memoryview(find_cuts(data, TINY.smallest, TINY.target, TINY.largest)).cast("Q").tolist()
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


@st.composite
def contents(draw) -> bytes:
    """Noise, rows, runs of one byte and repeats, in any order."""
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        size, seed = draw(st.integers(0, 60_000)), draw(st.integers(0, 50))
        kind = draw(st.sampled_from(["noise", "text", "run", "repeat"]))
        if kind == "noise":
            parts.append(noise(seed, size))
        elif kind == "text":
            parts.append(text(seed, size))
        elif kind == "run":
            parts.append(bytes([seed]) * size)
        else:
            parts.append((noise(seed, 1 + seed * 20) * (size // (1 + seed * 20) + 1))[:size])
    return b"".join(parts)


@st.composite
def edits(draw, data: bytes) -> bytes:
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        removed = draw(st.sampled_from([0, 1, 10, 5000]))
        new = noise(draw(st.integers(0, 9)), draw(st.sampled_from([0, 1, 30, 9000])))
        moved = (
            data[at + removed :] + data[: at // 2]
            if draw(st.booleans()) and at % 5 == 0
            else data[at + removed :]
        )
        data = data[:at] + new + moved
    return data


class Witness:
    """Keeps every byte that it is shown once."""

    def __call__(self, view: memoryview, lead: int) -> bytes:
        return bytes(view[lead:])


@settings(max_examples=40)
@given(
    data=st.data(), block=st.sampled_from([1024, 4096, 4097, 20_000, 4 * 2**20]), workers=st.integers(1, 3)
)
def test_a_large_file_is_cut_as_a_serial_scan_cuts_it_and_comes_back(shared, data, block, workers):
    content = data.draw(contents())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datav.store.ingest.BLOCK", block)
        first = ingest_large(shared, Bytes(content), observer=Witness(), workers=workers)
        changed = data.draw(edits(content))
        second = ingest_large(shared, Bytes(changed), old=first.content, observer=Witness(), workers=workers)

    for done, expected in ((first, content), (second, changed)):
        assert chunk_sizes(shared, done.content) == serial_sizes(expected)
        assert read_back(shared, done.content) == expected
        assert b"".join(done.observed) == expected
    assert leftovers(shared) == []


@settings(max_examples=25)
@given(data=st.data(), batch=st.sampled_from([1, 2, 7, 100]))
def test_small_files_are_cut_as_serial_scans_cut_them_and_come_back(shared, data, batch):
    files = data.draw(st.lists(contents(), max_size=6))
    olds = ingest_small(shared, files, batch=batch)
    changed = [data.draw(edits(file)) for file in files]
    given_olds = [old if data.draw(st.booleans()) else None for old in olds]

    news = ingest_small(shared, changed, given_olds, batch=batch)

    for found, expected in zip([*olds, *news], [*files, *changed], strict=True):
        assert chunk_sizes(shared, found) == serial_sizes(expected)
        assert read_back(shared, found) == expected


@settings(max_examples=15)
@given(content=contents(), block=st.sampled_from([1024, 5000]))
def test_a_file_has_one_name_however_it_is_stored(content, block):
    root = Path(tempfile.mkdtemp())
    try:
        one, two = new_store(root / "one"), new_store(root / "two")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("datav.store.ingest.BLOCK", block)
            large = ingest_large(one, Bytes(content)).content
        (small,) = ingest_small(two, [content])
        assert large == small
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("block", [1024, 4096, 65536])
@pytest.mark.parametrize("difference", [-1, 0, 1])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_files_that_end_at_the_edge_of_a_block_come_back(shared, monkeypatch, block, difference, times):
    monkeypatch.setattr("datav.store.ingest.BLOCK", block)
    for make in (noise, text):
        data = make(9, max(0, block * times + difference))

        done = ingest_large(shared, Bytes(data), observer=Witness())

        assert chunk_sizes(shared, done.content) == serial_sizes(data)
        assert read_back(shared, done.content) == data
        assert b"".join(done.observed) == data


def test_an_edit_in_a_large_file_costs_a_few_hundred_bytes(tmp_path):
    store = new_store(tmp_path / "store")
    data = text(4, 2_000_000)
    content = ingest_large(store, Bytes(data)).content
    rng = random.Random(1)

    sizes = []
    for _ in range(5):
        at = rng.randrange(len(data))
        data = data[:at] + b"one more row\n" + data[at:]
        before = sum(path.stat().st_size for path in store.layout.packs.iterdir())
        content = ingest_large(store, Bytes(data), old=content).content
        sizes.append(sum(path.stat().st_size for path in store.layout.packs.iterdir()) - before)

    assert read_back(store, content) == data
    assert max(sizes) < 3000
