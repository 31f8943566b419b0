import os

import pytest

from datav.formats.entry import Content
from datav.workspace.scan import STAMP, Found
from datav.workspace.statcache import SETTLED, Row, StatCache, is_racy, write_stat_cache

SECOND = 10**9
NOW = 1_700_000_000 * SECOND + 123_456_789


def stamp(mtime_ns=NOW, ctime_ns=NOW, size=1):
    return STAMP.pack(size, mtime_ns, ctime_ns, 7, 0o100644)


def content(number, depth=0):
    return Content(bytes([number]) * 32, depth, number)


def row(path, number, looked_at_ns=NOW + SECOND):
    return Row(path, stamp(size=number), content(number), looked_at_ns)


def found(path, number):
    return Found(path, 0, number, stamp(size=number))


ROWS = [row(b"a", 1), row(b"a-", 2), row(b"a/b", 3), row(b"\xff", 4)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "stat"
    write_stat_cache(path, content(9, 2), ROWS)
    return path


def test_what_was_written_is_found_again(file):
    cache = StatCache.load(file)

    assert cache.dataset == content(9, 2)
    assert len(cache) == 4
    assert cache.lookup([found(r.path, r.content.size) for r in ROWS]) == [r.content for r in ROWS]


def test_only_the_very_same_stamp_is_believed(file):
    entries = [found(b"a", 1), found(b"a-", 3), found(b"a/b", 3)]

    assert StatCache.load(file).lookup(entries) == [content(1), None, content(3)]


def test_files_come_and_go(file):
    entries = [found(b"A", 1), found(b"a", 1), found(b"a.", 1), found(b"a/b", 3), found(b"b", 1)]

    assert StatCache.load(file).lookup(entries) == [None, content(1), None, content(3), None]


def test_racy_rows_are_kept_without_a_stamp(tmp_path):
    write_stat_cache(tmp_path / "stat", None, [row(b"a", 1, NOW + 1), row(b"b", 2), row(b"c", 3, SETTLED)])

    cache = StatCache.load(tmp_path / "stat")

    assert cache.dataset is None
    assert cache.lookup([found(b"a", 1), found(b"b", 2), found(b"c", 3)]) == [None, content(2), content(3)]


@pytest.mark.parametrize(
    ("mtime_ns", "ctime_ns", "looked_at_ns", "racy"),
    [
        (NOW, NOW, NOW + 19_000_000, True),
        (NOW, NOW, NOW + 20_000_000, False),
        (0, NOW, NOW + 19_000_000, True),
        (NOW, 0, NOW + 19_000_000, True),
        (NOW + SECOND, NOW, NOW + SECOND // 2, True),
        (5 * SECOND, 5 * SECOND, 7 * SECOND, True),
        (5 * SECOND, 5 * SECOND, 7 * SECOND + 20_000_000, False),
        (5 * SECOND, NOW, NOW + 20_000_000, False),
        (NOW, NOW, SETTLED, False),
    ],
)
def test_a_file_may_change_while_the_clock_stands_still(mtime_ns, ctime_ns, looked_at_ns, racy):
    assert is_racy(stamp(mtime_ns, ctime_ns), looked_at_ns) is racy


def test_no_rows_are_a_cache_too(tmp_path):
    write_stat_cache(tmp_path / "stat", None, [])

    assert StatCache.load(tmp_path / "stat").lookup([found(b"a", 1)]) == [None]


def test_whatever_is_wrong_with_the_file_the_cache_is_empty(file):
    data = file.read_bytes()
    damaged = [b"", data[:7], data[:-1], data + b"x", data[:60]]
    damaged += [data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :] for i in range(len(data))]

    for text in damaged:
        file.write_bytes(text)
        assert len(StatCache.load(file)) == 0


def test_a_cache_that_is_not_there_is_empty(tmp_path):
    assert StatCache.load(tmp_path / "missing").lookup([found(b"a", 1)]) == [None]
    assert len(StatCache.load(tmp_path)) == 0


def test_counts_that_lie_are_found_out(tmp_path):
    from xxhash import xxh3_64_intdigest

    for count, size in ((2**63, 0), (1, 2**60), (3, 1)):
        body = count.to_bytes(8, "little") + size.to_bytes(8, "little") + bytes(44) + bytes(100)
        head = b"DATAVSC\n" + (1).to_bytes(4, "little") + bytes(4)
        (tmp_path / "stat").write_bytes(head + xxh3_64_intdigest(body).to_bytes(8, "little") + body)
        assert len(StatCache.load(tmp_path / "stat")) == 0


def test_no_temporary_file_is_left(file):
    assert os.listdir(file.parent) == ["stat"]
