"""Profiles as `add` and `profile` make them: remembered, of parts of directories, the same everywhere."""

import shutil
from dataclasses import replace
from random import Random

import pytest

from datav.formats.manifest import encode_manifest
from datav.profiles import chunkmap
from datav.profiles.encoding import encode_profile, parse_profile
from datav.profiles.profile import Profile
from datav.repo import profilefolders, profiling
from datav.repo.farreading import close_connections
from datav.repo.profile import profile, profile_path
from datav.repo.profilefolders import FILE_COST, IMAGE_COST, folder_cost
from datav.repo.profilestore import read_profile
from tests.support.datasets import DatavRepo


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    monkeypatch.setattr(chunkmap, "_TARGET", 2)
    yield
    close_connections()


def some_csv(rows: int, seed: int) -> bytes:
    random = Random(seed)
    lines = [b"id,value,kind"]
    lines += [b"%d,%.3f,%s" % (n, random.gauss(0, 1), random.choice([b"a", b"b"])) for n in range(rows)]
    return b"\n".join(lines) + b"\n"


def stored(repo: DatavRepo, name: str) -> bytes:
    """The profile that the manifest names."""
    with repo.open() as repository:
        data = read_profile(repository, repo.manifest(name), far=False)
    assert data is not None
    return bytes(data)


def forget(repo: DatavRepo) -> None:
    shutil.rmtree(repo.path(".git/datav/cache"), ignore_errors=True)


@pytest.fixture
def profiled(monkeypatch):
    """Paths of files whose tables were read."""
    seen: list[bytes] = []
    real = profiling.Profiler.table

    def table(self, path, *arguments):
        seen.append(path)
        return real(self, path, *arguments)

    monkeypatch.setattr(profiling.Profiler, "table", table)
    return seen


def test_a_history_of_edits_leaves_the_profile_of_its_end(repo):
    random = Random(1)
    lines = some_csv(3000, 1).splitlines(keepends=True)
    repo.write("t.csv", b"".join(lines))
    repo.add("t.csv")
    for _ in range(5):
        at = random.randrange(1, len(lines))
        lines[at:at] = [b"7,7.5,c\n"] * random.randrange(5)
        del lines[random.randrange(1, len(lines)) :][: random.randrange(3)]
        repo.write("t.csv", b"".join(lines))
        repo.add("t.csv")
    by_edits = stored(repo, "t.csv")
    manifest = repo.read("t.csv.datav")
    forget(repo)
    repo.path("t.csv.datav").unlink()

    repo.add("t.csv")

    assert stored(repo, "t.csv") == by_edits
    assert repo.read("t.csv.datav") == manifest


def test_what_profile_makes_is_what_add_stores(repo, monkeypatch):
    repo.write("t.csv", some_csv(2000, 2))
    with monkeypatch.context() as patch:
        patch.setattr("datav.repo.profiledisk.AUTO_SIZE", 1)
        repo.add("t.csv")
    assert repo.manifest("t.csv").profile is None
    with repo.open() as repository:
        made = profile(repository, "t.csv")

    repo.add("t.csv")

    assert (made.origin, made.is_named, made.is_dataset) == ("made", False, True)
    assert stored(repo, "t.csv") == encode_profile(made.profile)


def test_the_store_gives_the_same_profile_as_the_disk(repo):
    data = some_csv(2000, 3)
    repo.write("t.csv", data)
    repo.write("d/a.csv", data)
    repo.write("d/b.csv", some_csv(500, 4))
    repo.add("t.csv", "d")
    repo.commit("data")
    for name in ("t.csv", "d/a.csv", "d"):
        forget(repo)
        with repo.open() as repository:
            here = profile(repository, name)
        forget(repo)
        with repo.open() as repository:
            there = profile(repository, name, "HEAD")
        assert encode_profile(here.profile) == encode_profile(there.profile)


def test_a_file_outside_has_the_same_numbers(repo, tmp_path):
    data = some_csv(2000, 5)
    repo.write("t.csv", data)
    repo.add("t.csv")
    (tmp_path / "loose.csv").write_bytes(data)

    found = profile_path(tmp_path / "loose.csv", "loose.csv")

    with repo.open() as repository:
        table = profile(repository, "t.csv").profile.table
    assert found.profile.table is not None
    assert table is not None
    assert found.profile.table.rows == table.rows == 2000
    for mine, its in zip(found.profile.table.columns, table.columns, strict=True):
        assert (mine.name, mine.count, mine.nulls) == (its.name, its.count, its.nulls)
        assert mine.numbers.mean == pytest.approx(its.numbers.mean)


def test_one_changed_part_of_a_directory_is_read_alone(repo, profiled):
    for number in range(6):
        repo.write(f"d/{number}.csv", some_csv(100, number))
    repo.add("d")
    assert len(profiled) == 6
    profiled.clear()
    repo.write("d/3.csv", some_csv(120, 9))

    repo.add("d")

    assert profiled == [b"d/3.csv"]
    by_parts = stored(repo, "d")
    forget(repo)
    repo.path("d.datav").unlink()
    repo.add("d")
    assert stored(repo, "d") == by_parts


def test_large_parts_remember_segments_too_and_say_the_same(repo, monkeypatch):
    monkeypatch.setattr(profilefolders, "_LARGE_PART", 1000)
    repo.write("d/a.csv", some_csv(2000, 1))
    repo.write("d/b.csv", some_csv(2000, 2))
    repo.add("d")
    first = parse_profile(stored(repo, "d"), "d").table
    assert first is not None
    assert first.rows == 4000
    repo.write("d/a.csv", some_csv(2000, 1) + b"1,2,c\n")

    repo.add("d")

    edited = stored(repo, "d")
    forget(repo)
    repo.path("d.datav").unlink()
    repo.add("d")
    assert stored(repo, "d") == edited


def test_a_name_or_a_rule_of_its_own_is_a_profile_of_its_own(repo):
    repo.write("a.csv", b"1,2\n3,4\n")
    repo.write("b.csv", b"1,2\n3,4\n")
    text = repo.read("datav.toml").decode()
    repo.write("datav.toml", f'{text}\n[table."b.csv"]\nheader = false\n'.encode())

    repo.add("a.csv", "b.csv")

    for name, rows in (("a.csv", 1), ("b.csv", 2)):
        table = parse_profile(stored(repo, name), name).table
        assert table is not None
        assert table.rows == rows


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_a_damaged_cache_of_profiles_is_as_good_as_none(repo, damage):
    repo.write("t.csv", some_csv(1000, 6))
    repo.add("t.csv")
    expected = stored(repo, "t.csv")
    manifest = repo.read("t.csv.datav")
    for path in repo.path(".git/datav/cache").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            path.write_bytes(data[:-3] + b"abc" if damage is None else damage)
    repo.path("t.csv.datav").unlink()

    repo.add("t.csv")

    assert stored(repo, "t.csv") == expected
    assert repo.read("t.csv.datav") == manifest


@pytest.mark.parametrize("other", ["another table", "no profile at all"])
def test_a_profile_of_other_data_is_passed_over_and_made_again(repo, other):
    repo.write("t.csv", some_csv(1000, 6))
    repo.write("u.csv", some_csv(500, 7))
    repo.add("t.csv", "u.csv")
    wrong = repo.manifest("u.csv").profile if other == "another table" else repo.manifest("u.csv").content
    forged = replace(repo.manifest("t.csv"), profile=wrong)
    repo.write("t.csv.datav", encode_manifest(forged))
    forget(repo)

    with repo.open() as repository:
        found = profile(repository, "t.csv")

    assert (found.origin, found.profile.table.rows) == ("made", 1000)


def test_codes_keep_the_zeros_that_a_few_of_them_begin_with(repo):
    lines = [b"plz,year"] + [b"%05d,%d" % (n * 97, 1990 + n % 30) for n in range(1000)]
    repo.write("t.csv", b"\n".join(lines) + b"\n")
    repo.add("t.csv")

    with repo.open() as repository:
        codes, years = profile(repository, "t.csv").profile.table.columns

    assert (codes.kind, years.kind) == ("text", "number")
    assert codes.texts.as_numbers == 1000


def test_a_cache_that_cannot_be_written_stops_nothing(repo):
    repo.write(".git/datav/cache", b"a file in its place")
    repo.write("t.csv", some_csv(1000, 7))

    repo.add("t.csv")

    assert repo.manifest("t.csv").profile is not None


def test_a_profile_that_no_manifest_could_name_is_not_stored(repo, monkeypatch):
    monkeypatch.setattr("datav.repo.profiledisk.MAX_PROFILE", 100)
    repo.write("t.csv", some_csv(100, 8))

    added = repo.add("t.csv")

    assert added.datasets[0].no_profile == "its profile would take more than 0 MiB"
    assert repo.manifest("t.csv").profile is None


def test_what_a_directory_costs_is_what_is_read_of_it():
    files = [(b"a.csv", 1000), (b"sub/b.parquet", 500), (b"c.png", 10**9), (b"d.bin", 10**9)]

    assert folder_cost(files) == 1500 + IMAGE_COST + 4 * FILE_COST


def test_a_directory_without_tables_has_a_profile_of_its_files(repo):
    repo.write("d/a.bin", b"123")
    repo.write("d/b.bin", b"")
    repo.add("d")

    found = parse_profile(stored(repo, "d"), "d")

    assert isinstance(found, Profile)
    assert found.table is None
    assert found.folder is not None
    assert (found.folder.files, found.folder.total, found.folder.empty) == (2, 3, 1)
