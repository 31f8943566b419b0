"""What push, fetch, verify, repair and du say of profiles as stored objects."""

import pytest

from tests.cli.conftest import Cli
from tests.support.datasets import DatavRepo, random_bytes
from tests.support.profiles import put_profile


@pytest.fixture
def profiled(cli, tmp_path) -> Cli:
    """A file, pushed; then its profile, committed and not pushed."""
    cli.repo.write("a.bin", random_bytes(40_000, 1))
    cli.ok("add", "a.bin")
    cli.ok("remote", "add", "origin", str(tmp_path / "remote"))
    cli.repo.commit("data")
    cli.ok("push")
    put_profile(DatavRepo(cli.repo.root), "a.bin", random_bytes(5_000, 2))
    cli.repo.commit("profile")
    return cli


def pack_of_profile(directory):
    """The smaller of two packs."""
    _, path = sorted(directory.iterdir(), key=lambda path: -path.stat().st_size)
    return path


def spoil_profile(directory) -> None:
    path = pack_of_profile(directory)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)


def test_a_push_of_a_profile_alone_says_so(profiled, tmp_path):
    done = profiled.ok("push")

    assert f"pushed 1 profile to origin ({tmp_path / 'remote'}): sent 5" in done.lines[0]
    assert "has 1 version already" in profiled.ok("push").lines[0]
    assert profiled.ok("status").lines[-1] == "1 dataset, clean"


def test_a_clone_brings_the_profile_without_a_word(profiled, tmp_path):
    profiled.ok("push")

    done = profiled.ok("clone", str(profiled.repo.root), str(tmp_path / "copy"))

    assert "profile" not in done.out
    assert "everything is there and sound" in profiled.ok("-C", str(tmp_path / "copy"), "verify").out


def test_a_clone_of_what_lost_its_profile_has_the_data_and_says_what_it_has_not(profiled, tmp_path):
    profiled.ok("push")
    spoil_profile(tmp_path / "remote/packs")

    done = profiled.ok("clone", str(profiled.repo.root), str(tmp_path / "copy"))

    assert "origin could not give 1 profile: `datav verify --remote origin` tells why" in done.out
    assert (tmp_path / "copy/a.bin").read_bytes() == random_bytes(40_000, 1)
    found = profiled.ok("-C", str(tmp_path / "copy"), "verify")
    assert found.lines[-2:] == ["1 profile not in this store", "what is here is sound"]
    assert len(profiled.ok("-C", str(tmp_path / "copy"), "fetch", "--json").json["lost_profiles"]) == 1


def test_a_lost_profile_is_named_by_whoever_misses_it(profiled):
    spoil_profile(profiled.repo.path(".git/datav/store/packs"))

    repaired = profiled("repair")
    pushed = profiled("push")

    assert repaired.status == 1
    assert "lost: 1 chunk of the profile of a.bin of commit " in repaired.out
    assert pushed.status == 0
    assert "1 profile is neither here nor there; the data is not touched by that: a.bin" in pushed.err


def test_a_missing_profile_is_not_called_missing_data(profiled):
    pack_of_profile(profiled.repo.path(".git/datav/store/packs")).unlink()

    done = profiled("verify")

    assert done.status == 1
    assert "missing: 1 chunk of the profile in " in done.out


def test_du_says_what_profiles_take(profiled):
    assert "of what is stored 5.0 KB are profiles" in profiled.ok("du").out
    assert profiled.ok("du", "--json").json["datasets"][0]["profile"] > 5_000
