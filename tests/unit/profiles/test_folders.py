"""What a tree says of the files of a directory, against a count in plain Python."""

import os
import random
from collections import defaultdict
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from datav.formats.entry import Kind
from datav.profiles import folders
from datav.profiles.folders import MOST_EXTENSIONS, find_extension, profile_files
from tests.support.shareddata import DATA


def files_of(directory: Path) -> list[tuple[bytes, int, int]]:
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    return [
        (os.fsencode(path.relative_to(directory).as_posix()), Kind.FILE, path.stat().st_size)
        for path in found
    ]


def listed(profile) -> list[tuple[str, int, int, int]]:
    return [(each.extension, each.files, each.total, each.empty) for each in profile.extensions]


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        (b"a.png", b".png"),
        (b"A.PNG", b".png"),
        (b"a.tar.gz", b".tar.gz"),
        (b"a.CSV.GZ", b".csv.gz"),
        (b"a.gz", b".gz"),
        (b".csv.gz", b".gz"),
        (b"a.2024.gz", b".gz"),
        (b"a.b.png", b".png"),
        (b"a.7z", b".7z"),
        (b"a", b""),
        (b"", b""),
        (b"a.", b""),
        (b".profile", b""),
        (b"v1.0", b""),
        (b"log.2024-05-01", b""),
        (b"no. of things", b""),
        (b"a.abcdefghijklmno", b".abcdefghijklmno"),
        (b"a.abcdefghijklmnop", b""),
        ("a.größe".encode(), ".größe".encode()),
        (b"a.\xff", b".\xff"),
        (b"a.\n", b""),
    ],
)
def test_an_extension_is_what_says_the_kind_of_a_file(name, extension):
    assert find_extension(name) == extension


def test_a_directory_is_counted_as_plain_python_counts_it():
    chance = random.Random(1)
    endings = [
        ".png",
        ".PNG",
        ".csv.gz",
        ".CSV.GZ",
        ".gz",
        "",
        ".",
        ".x.y",
        ".2024.gz",
        ".tar.GZ",
        ".a b",
        ".1",
    ]
    stems = ["a", ".a", "", "b.c", "x/y", "x.y/z", "x/.csv"]
    entries = [
        (f"{number}/{chance.choice(stems)}{chance.choice(endings)}".encode(), Kind.FILE, chance.randrange(4))
        for number in range(20_000)
    ]
    expected = defaultdict(list)
    for path, _, size in entries:
        expected[find_extension(path.rpartition(b"/")[2])].append(size)

    profile = profile_files(entries)

    assert profile.files == len(entries)
    assert profile.total == sum(size for _, _, size in entries)
    assert profile.empty == sum(size == 0 for _, _, size in entries)
    assert profile.other_files == 0
    assert sorted(listed(profile)) == sorted(
        (ending.decode(), len(sizes), sum(sizes), sizes.count(0)) for ending, sizes in expected.items()
    )
    counts = [(-each.files, each.extension) for each in profile.extensions]
    assert counts == sorted(counts)
    for each in profile.extensions:
        sizes = sorted(expected[each.extension.encode()])
        assert each.sizes.is_exact
        assert each.sizes.points.tolist() == sorted(set(sizes))
        assert np.diff(each.sizes.upto, prepend=0).tolist() == [
            sizes.count(size) for size in sorted(set(sizes))
        ]


def test_links_and_empty_directories_are_not_files():
    entries = [(b"a.txt", Kind.FILE, 3), (b"b", Kind.SYMLINK, 5), (b"c", Kind.EMPTY_DIRECTORY, 0)]

    profile = profile_files([*entries, (b"d.txt", Kind.EXECUTABLE, 0)])

    assert (profile.files, profile.links, profile.total, profile.empty) == (2, 1, 3, 1)
    assert listed(profile) == [(".txt", 2, 3, 1)]


def test_an_empty_directory_has_an_empty_profile():
    profile = profile_files([])

    assert (profile.files, profile.total, profile.extensions, profile.other_files) == (0, 0, (), 0)
    assert (profile.sizes.count, profile.images, profile.no_table) == (0, None, None)


def test_extensions_beyond_the_most_frequent_are_counted_together():
    entries = [
        (b"%d/%d.x%da" % (ending, number, ending), Kind.FILE, 1)
        for ending in range(150)
        for number in range(150 - ending)
    ]

    profile = profile_files(entries)

    assert [each.extension for each in profile.extensions] == [
        f".x{ending}a" for ending in range(MOST_EXTENSIONS)
    ]
    assert profile.other_files == sum(range(1, 51))
    assert profile.files == len(entries)


def test_names_with_endless_many_extensions_are_all_counted():
    entries = [(b"part.h%06d" % number, Kind.FILE, 2) for number in range(100_000)]

    profile = profile_files(iter([*entries, (b"a.h000000", Kind.FILE, 3)]))

    assert (profile.files, profile.total) == (100_001, 200_003)
    assert listed(profile)[0] == (".h000000", 2, 5, 0)
    assert profile.other_files == 100_001 - 2 - (MOST_EXTENSIONS - 1)


def test_files_that_come_in_several_blocks_are_one_directory(monkeypatch):
    monkeypatch.setattr(folders, "_BLOCK", 1000)
    chance = random.Random(2)
    endings = [b"png", b"csv"] * 500 + [b"rare"]
    entries = [
        (b"%d.%s" % (number, chance.choice(endings)), Kind.FILE, int(chance.lognormvariate(8, 2)))
        for number in range(12_345)
    ]

    profile = profile_files(entries)

    sizes = np.sort([size for _, _, size in entries])
    assert profile.total == sizes.sum()
    assert sum(each.files for each in profile.extensions) == profile.files == len(entries)
    assert (profile.sizes.points[0], profile.sizes.points[-1]) == (sizes[0], sizes[-1])
    assert profile.sizes.epsilon < 0.02
    truth = np.searchsorted(sizes, profile.sizes.points, side="right") / len(sizes)
    assert np.abs(profile.sizes.share_upto(profile.sizes.points) - truth).max() <= profile.sizes.epsilon


def test_hostile_sizes_and_names_are_counted():
    entries = [(b"a\x1b[31m.p\x1bg\xff", Kind.FILE, 2**64 - 1), (b"b", Kind.FILE, 2**63 - 1)] * 3

    profile = profile_files(entries)

    assert profile.total == 6 * (2**63 - 1)
    assert [each.extension for each in profile.extensions] == ["", ".p\\x1bg\\xff"]


@pytest.mark.skipif(
    not (DATA / "flags").is_dir(), reason=f"no flags in {DATA}; DATAV_TEST_DATA names a folder"
)
@pytest.mark.parametrize("name", ["flags/v001", "spoken-digits"])
def test_a_real_directory_is_counted_as_the_disk_counts_it(name):
    entries = files_of(DATA / name)
    expected = defaultdict(list)
    for path, _, size in entries:
        expected[PurePosixPath(path.decode()).suffix].append(size)

    profile = profile_files(entries)

    assert len(entries) > 100
    assert {each.extension: (each.files, each.total) for each in profile.extensions} == {
        ending: (len(sizes), sum(sizes)) for ending, sizes in expected.items()
    }
    assert profile.sizes.quantile(0.5) in range(
        *np.percentile([size for *_, size in entries], [48, 52]).astype(int)
    )
