"""The blocks of shell in git's hooks, as text."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datav.git.hooks import HOOKS, add_block, calls_chained, chain_block, find_block, is_shell, remove_block
from datav.git.pushed import PushedRef, parse_pushed

names = st.sampled_from(HOOKS)
scripts = st.builds(
    lambda first, rest: first + rest,
    st.sampled_from([b"#!/bin/sh\n", b"#!/usr/bin/env bash\n", b"#!/bin/bash -e\n", b""]),
    st.binary(max_size=200).filter(lambda text: b"\0" not in text and not text.startswith(b"#!")),
)


@given(scripts, names)
def test_what_was_added_is_removed_to_the_byte(script, name):
    assert remove_block(add_block(script, name, "/usr/bin/python")) == script


@given(scripts, names)
def test_adding_twice_is_adding_once(script, name):
    once = add_block(script, name, None)

    assert add_block(once, name, None) == once
    assert find_block(once, name, None) == "current"


@pytest.mark.parametrize("name", HOOKS)
def test_nothing_is_left_of_a_hook_that_was_made(name):
    assert remove_block(add_block(None, name, None)) is None


def test_a_hook_of_the_user_that_has_one_line_alone_is_not_taken_for_ours():
    assert remove_block(add_block(b"#!/bin/sh\n", "pre-push", None)) == b"#!/bin/sh\n"


def test_an_older_block_is_replaced_and_the_rest_is_kept():
    old = add_block(b"#!/bin/sh\necho mine\n", "post-merge", None).replace(b"datav hook 1:", b"datav hook 0:")

    new = add_block(old, "post-merge", None)

    assert find_block(old, "post-merge", None) == "outdated"
    assert new == add_block(b"#!/bin/sh\necho mine\n", "post-merge", None)


def test_a_block_that_notes_another_python_is_outdated():
    assert find_block(add_block(None, "pre-push", "/old/python"), "pre-push", "/new/python") == "outdated"


def test_a_line_that_somebody_wrote_is_seen_and_a_comment_is_not():
    assert find_block(b'datav git-hook pre-push "$@"\n', "pre-push", None) == "called"
    assert find_block(b'datav git-hook pre-push "$@"\n', "pre-commit", None) == "none"
    assert find_block(b'# datav git-hook pre-push "$@"\n', "pre-push", None) == "none"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"#!/bin/sh\n", True),
        (b"#!/usr/bin/env bash\nexec true\n", True),
        (b"#!/bin/zsh -f\n", True),
        (b"echo no first line\n", True),
        (b"#!/usr/bin/env python3\n", False),
        (b"#!/usr/bin/fish\n", False),
        (b"#!/bin/tcsh\n", False),
        (b"#!/bin/sh\r\n", False),
        (b"\x7fELF\0\0", False),
    ],
)
def test_only_shell_scripts_take_a_block(text, expected):
    assert is_shell(text) is expected


def test_a_hook_that_calls_a_renamed_one_is_told_from_others():
    assert calls_chained(chain_block("pre-push", None))
    assert not calls_chained(add_block(None, "pre-push", None))


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "busybox"])
def test_every_shell_can_parse_the_blocks(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    path = tmp_path / "hook"
    # One file: that each block alone is whole follows from all of them.
    path.write_bytes(b"".join(add_block(None, name, "/a b/it's python") for name in HOOKS))

    command = [shell, "sh"] if shell == "busybox" else [shell]
    assert subprocess.run([*command, "-n", str(path)], capture_output=True).stderr == b""


def test_lines_of_a_push_are_read_and_others_passed_over():
    text = f"refs/heads/a {'1' * 40} refs/b {'0' * 40}\nnonsense\n\n(delete) {'0' * 40} refs/x {'2' * 40}\n"

    assert parse_pushed(text) == [PushedRef("1" * 40, "0" * 40), PushedRef("0" * 40, "2" * 40)]
