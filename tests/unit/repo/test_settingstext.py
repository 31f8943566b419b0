"""Edits to settings that leave every other byte."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datav.errors import UsageError
from datav.repo.settingstext import append_table, mark_default, remove_remote, set_store

FILE = "datav.toml"
TEXT = """\
# Ours.
datav = 1   # the version

[chunks] # sizes
smallest = 16384

# The bucket.
[remote.origin]
url = "s3://b"  # eu
default = true

# Another.
[remote."a.b"]
url = "/x"

[transfer]
jobs = 3
# The end.
"""


def with_line_ends(text: str, ending: str) -> str:
    return text.replace("\n", ending)


def test_a_table_is_put_at_the_end():
    assert append_table(TEXT, "[x]\na = 1\n") == f"{TEXT}\n[x]\na = 1\n"


def test_a_table_in_an_empty_file_is_all_there_is():
    assert append_table("", "[x]\n") == "[x]\n"


def test_a_table_behind_a_line_without_an_end_begins_on_its_own():
    assert append_table("a = 1", "[x]\n") == "a = 1\n\n[x]\n"


def test_a_table_takes_the_line_ends_of_the_file():
    assert append_table("a = 1\r\n", "[x]\nb = 2\n") == "a = 1\r\n\r\n[x]\r\nb = 2\r\n"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_removing_what_was_put_there_gives_the_same_bytes(ending):
    before = with_line_ends(TEXT, ending)

    after = remove_remote(append_table(before, '[remote.new]\nurl = "/n"\n'), "new", FILE)

    assert after == before


def test_removing_a_remote_takes_its_tables_and_nothing_else():
    text = TEXT.replace("# Another.", '[remote.origin.options]\nkey = "x"\n\n# Another.')

    after = remove_remote(text, "origin", FILE)

    assert after == TEXT.replace('[remote.origin]\nurl = "s3://b"  # eu\ndefault = true\n\n', "\n")


def test_removing_a_remote_of_which_there_is_nothing_changes_nothing():
    assert remove_remote(TEXT, "other", FILE) == TEXT
    assert remove_remote("", "other", FILE) == ""


@pytest.mark.parametrize(
    "text",
    [
        'remote = {a = {url = "/a"}}\n',
        'remote.a.url = "/a"\n',
        '[remote]\na = {url = "/a"}\n',
        '[remote]\na.url = "/a"\n',
    ],
)
def test_a_remote_that_has_no_table_of_its_own_is_left_to_the_user(text):
    with pytest.raises(UsageError, match="cannot edit") as error:
        remove_remote(text, "a", FILE)

    assert "by hand" in (error.value.hint or "")


def test_another_remote_is_marked_as_the_default():
    after = mark_default(TEXT, "a.b", FILE)

    without = TEXT.replace("default = true\n", "")
    assert after == without.replace('url = "/x"\n', 'url = "/x"\ndefault = true\n')


def test_the_mark_of_the_default_goes():
    assert mark_default(TEXT, None, FILE) == TEXT.replace("default = true\n", "")


def test_marking_the_default_again_changes_nothing():
    assert mark_default(TEXT, "origin", FILE) == TEXT


def test_a_mark_that_said_no_says_yes():
    assert mark_default("[remote.a]\ndefault = false\nurl = 1\n", "a", FILE) == (
        "[remote.a]\ndefault = true\nurl = 1\n"
    )


def test_the_last_line_gets_its_end_before_a_mark():
    assert mark_default("[remote.a]\nurl = 1", "a", FILE) == "[remote.a]\nurl = 1\ndefault = true\n"


@pytest.mark.parametrize(
    "text",
    ['remote.a.url = "/a"\n', '[remote.a]\nurl = """\n[remote.fake]\n"""\n'],
    ids=["dotted", "long text"],
)
def test_a_remote_that_cannot_be_marked_is_left_to_the_user(text):
    with pytest.raises(UsageError, match="cannot edit"):
        mark_default(text, "a", FILE)


def test_the_store_stands_in_front_of_all_tables():
    text = '# mine\n[remote.a]\nurl = "/a"\n'

    assert set_store(text, "/s", "config.toml") == f'store = "/s"\n{text}'


def test_another_store_takes_the_place_of_the_old_one():
    text = '# mine\nstore = "/old"\n\n[remote.a]\nstore = 1\n'

    assert set_store(text, 'C:\\"new"', "config.toml") == text.replace('"/old"', r'"C:\\\"new\""')


def test_a_store_whose_path_is_not_utf_8_cannot_be_written():
    with pytest.raises(UsageError, match="UTF-8"):
        set_store("", "/\udcff", "config.toml")


LINES = (
    "[remote.a]",
    '[remote."b"] # two',
    "[remote.a.options]",
    "[transfer]",
    "[[list]]",
    "default = true",
    "default = false",
    'url = "/x"',
    'text = """',
    '"""',
    "array = [",
    "[1],",
    '["remote"],',
    "]",
    "# a comment",
    "",
    "jobs = 1",
)


@given(lines=st.lists(st.sampled_from(LINES), max_size=14), name=st.sampled_from(["a", "b"]))
def test_an_edit_says_what_it_should_or_is_refused(lines, name):
    text = "\n".join(lines)
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    try:
        after = tomllib.loads(remove_remote(text, name, FILE))
    except UsageError:
        return

    remotes = {key: value for key, value in before.get("remote", {}).items() if key != name}
    assert after == {key: value for key, value in before.items() if key != "remote"} | (
        {"remote": remotes} if remotes else {}
    )
