"""A remote that lies, met by commands: one clear error, and not a byte outside."""

import subprocess
import sys

import pytest

from datav.formats.manifest import Manifest, encode_manifest
from datav.storage.directory import DirectoryObjects
from tests.cli.conftest import assert_is_error, process_environment
from tests.unit.store.forging import ATTACKS, ROOTS, Forger, put_hostile_root

_COMMANDS = (["cat", "d/x"], ["ls", "d"], ["fetch", "--", "d/x"], ["status"], ["push"])
# Addresses, of which threads take many on a machine with many processors; what is claimed is far more.
_MEMORY = 6 * 2**30


@pytest.fixture
def place(cli, tmp_path):
    """A directory that the default remote of `cli` is."""
    cli.ok("remote", "add", "origin", str(tmp_path / "remote"))
    cli.repo.commit("a remote")
    return DirectoryObjects(tmp_path / "remote")


def _name(cli, content, kind):
    """Commit a manifest that names the content."""
    cli.repo.write("d.datav", encode_manifest(Manifest(kind, content, 1)))
    cli.repo.commit("d")


def _limit_memory():
    # Not to be had on Windows.
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _outside(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_one_error_and_writes_nothing(cli, place, tmp_path, attack):
    content = attack(Forger(place))
    before = _outside(tmp_path)

    for kind in ("file", "directory") if content.depth else ("file",):
        _name(cli, content, kind)
        cli.fails("pull")
        for command in _COMMANDS:
            done = cli(*command)
            assert done.status in (0, 1, 2)
            if done.status == 2:
                assert_is_error(done.err)

    assert _outside(tmp_path) == before
    assert not cli.repo.path("d").exists() or not any(cli.repo.path("d").iterdir())
    assert cli("verify", "--json").json["damaged"] == []


@pytest.mark.parametrize("kind", ROOTS)
def test_hostile_roots_are_no_traceback(cli, place, kind):
    Forger(place)
    put_hostile_root(place, kind)
    cli.repo.write("a.bin", b"a")
    cli.ok("add", "a.bin")
    cli.repo.commit("a")

    cli.ok("push")
    cli.ok("fetch")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_leaves_the_dataset_is_a_link_and_nothing_is_written_through_it(cli, place, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    content = ATTACKS["a path through a link"](Forger(place))
    _name(cli, content, "directory")
    # The link of an earlier checkout, made by hand: the way is open.
    cli.repo.path("d").mkdir()
    cli.repo.path("d/link").symlink_to(outside)

    cli.fails("pull", "--force")

    assert list(outside.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
@pytest.mark.parametrize(
    "name",
    ["nodes that are bombs", "a bomb", "one frame for sixty thousand chunks", "a file that repeats itself"],
)
def test_memory_is_bounded_whatever_is_claimed(cli, place, name):
    content = ATTACKS[name](Forger(place))
    _name(cli, content, "file")

    done = subprocess.run(
        [sys.executable, "-m", "datav", "pull"],
        cwd=cli.repo.root,
        capture_output=True,
        text=True,
        env=process_environment({"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}),
        preexec_fn=_limit_memory,
    )

    assert done.returncode == 2, done.stderr
    assert_is_error(done.stderr)
    assert "not enough memory" not in done.stderr
