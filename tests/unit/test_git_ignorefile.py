"""datav.git.ignorefile: the managed block of a .gitignore, against git's own reading of it."""

import os
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datav.git.ignorefile import BEGIN, END, add_to_block, encode_name, list_block, remove_from_block

# Bytes that mean something to gitignore, to us, or to somebody's line reader, and a few that do not.
_ALPHABET = [bytes([byte]) for byte in b"ab.#! \\*?[]-^{}~$\t\r\n\"'"] + [b"\xc3\xa4", b"\xff", b"\x85"]
names = (
    st.lists(st.sampled_from(_ALPHABET), min_size=1, max_size=6)
    .map(b"".join)
    .filter(lambda n: n not in (b".", b".."))
)
lines = st.sampled_from(
    [b"*.pyc", b"", b"# mine", b"/data", b"!keep", b"trailing\\ ", END, BEGIN, b"<<<<<<< ours"]
)
user_texts = st.builds(
    lambda parts, ending, last: ending.join(parts) + (ending if last and parts else b""),
    st.lists(lines, max_size=6),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
)


def test_the_block_is_made_sorted_and_marked():
    text = add_to_block(b"*.pyc\n", [b"b.csv", b"a.csv"])

    assert text == b"*.pyc\n" + BEGIN + b"\n/a.csv\n/b.csv\n" + END + b"\n"


def test_the_block_goes_with_its_last_name():
    text = add_to_block(b"*.pyc\n", [b"a.csv"])

    assert remove_from_block(text, [b"a.csv"]) == b"*.pyc\n"


def test_a_last_line_without_an_end_is_ended():
    assert add_to_block(b"*.pyc", [b"a"]).startswith(b"*.pyc\n" + BEGIN)


def test_windows_line_endings_are_kept():
    text = add_to_block(b"*.pyc\r\n", [b"a"])

    assert text == b"*.pyc\r\n" + BEGIN + b"\r\n/a\r\n" + END + b"\r\n"


def test_a_line_that_somebody_put_into_the_block_stays():
    text = BEGIN + b"\n# why\n/b\n" + END + b"\n"

    assert add_to_block(text, [b"a"]) == BEGIN + b"\n# why\n/a\n/b\n" + END + b"\n"
    assert remove_from_block(text, [b"b"]) == BEGIN + b"\n# why\n" + END + b"\n"


def test_a_block_without_its_end_takes_no_lines_of_the_user():
    text = BEGIN + b"\n/a\n*.pyc\n"

    assert add_to_block(text, [b"b"]) == BEGIN + b"\n/a\n/b\n" + END + b"\n*.pyc\n"


@given(user_texts, st.lists(names, max_size=4))
def test_adding_twice_is_adding_once(text, added):
    once = add_to_block(text, added)

    assert add_to_block(once, added) == once
    assert {encode_name(name) for name in added} <= set(list_block(once))


@given(user_texts.filter(lambda t: BEGIN not in t), st.lists(names, min_size=1, max_size=4))
def test_removing_gives_back_what_the_user_wrote(text, added):
    back = remove_from_block(add_to_block(text, added), added)

    assert back == text or (not text.endswith(b"\n") and back.rstrip(b"\r\n") == text)


@given(user_texts, st.lists(names, max_size=4), st.lists(names, max_size=4))
def test_no_line_outside_the_names_is_lost(text, added, removed):
    changed = remove_from_block(add_to_block(text, added), removed)

    ours = {BEGIN, END, *(encode_name(name) for name in removed)}
    before, after = ({line.rstrip(b"\r") for line in whole.split(b"\n")} for whole in (text, changed))
    assert before - ours - {b""} <= after


@pytest.fixture(scope="module")
def ignoring_repo(tmp_path_factory):
    """An empty repository for many .gitignore files in turn."""
    root = tmp_path_factory.mktemp("ignore")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@given(st.sets(names, min_size=1, max_size=8), st.sampled_from([b"", b"# mine", b"# mine\n", b"# mine\r\n"]))
@example({b"a ", b"a", b"a\\ ", b"#", b"!x", b"[a]", b"a*", b"ab", b"\\", b"a\r", b"x\ny", b" "}, b"")
def test_git_ignores_these_names_and_no_others(ignoring_repo, wanted, text):
    others = {
        other for name in wanted for other in (name + b"x", b"x" + name, b"sub/" + name, name + b" ")
    } - wanted
    (ignoring_repo / ".gitignore").write_bytes(add_to_block(text, wanted))

    ignored = _check_ignore(ignoring_repo, wanted | others)

    loose = {name for name in wanted if b"\n" in name or b"\r" in name}
    assert wanted <= ignored
    # `?` stands for a line break, so only a name with one may take others along.
    if not loose:
        assert ignored == wanted


def _check_ignore(root, paths):
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=root,
        input=b"".join(path + b"\0" for path in paths),
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert done.returncode in (0, 1), done.stderr
    return set(done.stdout.split(b"\0")[:-1])
