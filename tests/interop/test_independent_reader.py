"""The pages of docs/formats are enough: what datav stores, a reader written from them brings back."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from datav.formats.entry import Content, Entry, Kind
from datav.formats.frame import DELTA, RAW, ZSTD
from datav.formats.manifest import Manifest, encode_manifest
from datav.ids import EMPTY_CHUNK
from datav.store.store import Store
from datav.store.trees import read_directory, read_file_shape
from tests.support.trees import write_entries
from tests.unit.store.files import Bytes, ingest_large, ingest_small
from tests.unit.store.stores import edited, new_store, noise, pool, text

READER = Path(__file__).with_name("independent_reader.py")


def restore(store: Store, manifest: Manifest, target: Path) -> subprocess.CompletedProcess[bytes]:
    path = target.with_suffix(".datav")
    path.write_bytes(encode_manifest(manifest))
    # -I: neither this project nor anything else of the environment can be imported by chance.
    command = [sys.executable, "-I", READER, store.layout.root, path, target]
    return subprocess.run(command, capture_output=True)


def restored(store: Store, manifest: Manifest, target: Path) -> Path:
    done = restore(store, manifest, target)
    assert done.returncode == 0, done.stderr.decode()
    return target


def manifest_of(kind: str, content: Content, files: int, **more) -> Manifest:
    return Manifest(kind=kind, content=content, files=files, **more)


def test_it_does_not_import_datav():
    lines = READER.read_text().splitlines()
    assert not [line for line in lines if "import" in line.split() and "datav" in line and '"""' not in line]


@pytest.mark.parametrize("size", [0, 1, 5000, 2_000_000])
def test_a_file_is_restored(tmp_path, size):
    store = new_store(tmp_path / "store")
    data = text(1, size)
    content = ingest_large(store, Bytes(data)).content

    target = restored(store, manifest_of("file", content, 1), tmp_path / "target")

    assert target.read_bytes() == data


def test_versions_of_a_file_that_are_deltas_of_each_other_are_restored(tmp_path):
    store, rng = new_store(tmp_path / "store"), random.Random(1)
    data, content, versions = text(1, 600_000) + noise(2, 100_000), None, []
    for version in range(5):
        content = ingest_large(store, Bytes(data), old=content).content
        versions.append((data, content))
        for _ in range(3):
            at = rng.randrange(len(data))
            data = data[:at] + b"row %d\n" % version + data[at + rng.randrange(3000) :]

    kinds = set()
    for number, (expected, content) in enumerate(versions):
        assert (
            restored(store, manifest_of("file", content, 1), tmp_path / f"{number}").read_bytes() == expected
        )
        ids = read_file_shape(store.reader, content).chunk_ids
        packed = [ids[at : at + 32] for at in range(0, len(ids), 32)]
        kinds |= {frame.kind for frame in store.reader.read_frames(packed, nodes=False)}
    assert kinds == {RAW, ZSTD, DELTA}


def _write_directory(store: Store, files: dict[bytes, tuple[int, bytes]], old: Content | None) -> Content:
    before = {entry.path: entry.content for entry in read_directory(store.reader, old)[0]} if old else {}
    real = {path: data for path, (kind, data) in sorted(files.items()) if kind != Kind.EMPTY_DIRECTORY}
    contents = dict(
        zip(
            real,
            ingest_small(store, list(real.values()), [before.get(path) for path in real], 50),
            strict=True,
        )
    )
    empty = Content(bytes(EMPTY_CHUNK), 0, 0)
    entries = []
    for path, (kind, _) in sorted(files.items()):
        content = contents.get(path, empty)
        entries.append(Entry(path, kind, content.depth, content.size, content.id))
    shape = read_directory(store.reader, old)[1] if old else None
    with pool() as executor, store.writing(executor) as writer:
        return write_entries(writer, entries, shape)


def test_versions_of_a_directory_are_restored(tmp_path):
    store = new_store(tmp_path / "store")
    files: dict[bytes, tuple[int, bytes]] = {
        b"part-%04d/file-%05d.csv" % (n // 100, n): (Kind.FILE, text(n, 50 + n % 200)) for n in range(3000)
    }
    files |= {
        b"a": (Kind.FILE, b""),
        b"a.b": (Kind.EXECUTABLE, b"#!/bin/sh\n"),
        b"big.bin": (Kind.FILE, noise(1, 300_000)),
        b"bin/link": (Kind.SYMLINK, b"../big.bin"),
        b"bin/\xff\xfe line\n": (Kind.FILE, b"odd name"),
        b"nothing/here": (Kind.EMPTY_DIRECTORY, b""),
    }
    old = None
    for version in range(3):
        old = _write_directory(store, files, old)

        target = restored(store, manifest_of("directory", old, len(files)), tmp_path / f"v{version}")

        assert _snapshot(target) == files
        assert old.depth > 1
        files[b"big.bin"] = (Kind.FILE, edited(files[b"big.bin"][1], 150_000))
        files[b"part-0007/file-00700.csv"] = (Kind.FILE, b"changed %d" % version)
        del files[b"part-0009/file-%05d.csv" % (900 + version)]


def _snapshot(root: Path) -> dict[bytes, tuple[int, bytes]]:
    found: dict[bytes, tuple[int, bytes]] = {}
    top = os.fsencode(root)
    for folder, folders, names in os.walk(top):
        for name in names + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, top)
            if os.path.islink(path):
                found[relative] = (Kind.SYMLINK, os.readlink(path))
            else:
                kind = Kind.EXECUTABLE if os.access(path, os.X_OK) else Kind.FILE
                found[relative] = (kind, Path(os.fsdecode(path)).read_bytes())
        if not names and not folders:
            found[os.path.relpath(folder, top)] = (Kind.EMPTY_DIRECTORY, b"")
    return found


def test_an_executable_file_is_restored(tmp_path):
    store = new_store(tmp_path / "store")
    content = ingest_large(store, Bytes(b"#!/bin/sh\n")).content

    target = restored(store, manifest_of("file", content, 1, executable=True), tmp_path / "target")

    assert os.access(target, os.X_OK)


def test_merged_indexes_and_a_large_fanout_are_as_the_page_says(tmp_path, monkeypatch):
    monkeypatch.setattr("datav.store.merging.MAX_PER_TIER", 2)
    store = new_store(tmp_path / "store")
    data = b""
    for version in range(6):
        data += text(version, 150_000)
        content = ingest_large(store, Bytes(data)).content

    assert restored(store, manifest_of("file", content, 1), tmp_path / "target").read_bytes() == data


def test_damage_is_refused(tmp_path):
    store = new_store(tmp_path / "store")
    content = ingest_large(store, Bytes(text(1, 100_000))).content
    (pack,) = store.layout.packs.iterdir()
    data = bytearray(pack.read_bytes())
    data[5000] ^= 1
    pack.write_bytes(data)

    done = restore(store, manifest_of("file", content, 1), tmp_path / "target")

    assert done.returncode == 1
    assert b"checksum" in done.stderr
    assert not (tmp_path / "target").exists()
