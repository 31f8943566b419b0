import os
import time

import pytest

from datav.errors import UnreadableError
from datav.workspace.ignore import MAX_IGNORE_SIZE, NO_RULES, read_ignore_file, read_ignore_rules


def ignored(text, path, is_directory=False):
    return NO_RULES.below(b"", text).is_ignored_below(path, is_directory=is_directory)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        (b"*.tmp", b"a/b.tmp", True),
        (b"/a", b"b/a", False),
        (b"a/b", b"x/a/b", False),
        (b"**/a/b", b"x/a/b", True),
        (b"a/**/b", b"a/b", True),
        (b"a/**", b"a", False),
        (b"a/**", b"a/x/y", True),
        (b"a/", b"a", False),
        (b"a/", b"a/x", True),
        (b"*\n!keep", b"keep", False),
        (b"!keep\n*", b"keep", True),
        (b"dir/\n!dir/keep", b"dir/keep", True),
        (b"[[:digit:]]", b"7", True),
        (b"\\#x", b"#x", True),
        (b"#x", b"#x", False),
        (b"x ", b"x", True),
        (b"x\\ ", b"x ", True),
        (b"\xef\xbb\xbfx\r\n", b"x", True),
        (b"\xff*", b"\xff\xfe", True),
        (b"a\nb*", b"a\nb", False),
    ],
)
def test_patterns_mean_what_gitignore_says(pattern, path, expected):
    assert ignored(pattern, path) is expected


def test_a_file_without_patterns_changes_nothing():
    assert NO_RULES.below(b"", b"\n# only words\n\n!\n") is NO_RULES
    assert not NO_RULES


def test_a_hostile_pattern_is_no_slower_than_others():
    begin = time.process_time()

    assert not ignored(b"*a" * 60 + b"c\n" + b"**/*a*/" * 30 + b"c", b"/".join([b"a" * 80] * 40))

    # Backtracking would take longer than the age of the universe; this bound only has to tell the two apart.
    assert time.process_time() - begin < 10


def test_a_file_that_is_not_there_has_no_patterns(tmp_path):
    assert read_ignore_file(os.fsencode(tmp_path / "missing")) == b""
    assert not read_ignore_rules(tmp_path, b"data")


def test_a_link_is_no_ignore_file(tmp_path):
    (tmp_path / "secret").write_bytes(b"*")
    os.symlink("secret", tmp_path / ".datavignore")

    assert not read_ignore_rules(tmp_path, b"data")


def test_a_huge_ignore_file_is_refused(tmp_path):
    (tmp_path / ".datavignore").write_bytes(b"x" * (MAX_IGNORE_SIZE + 1))

    with pytest.raises(UnreadableError, match="larger than"):
        read_ignore_rules(tmp_path, b"data")


def test_an_ignore_file_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / ".datavignore").mkdir()

    with pytest.raises(UnreadableError, match="datavignore"):
        read_ignore_rules(tmp_path, b"data")
