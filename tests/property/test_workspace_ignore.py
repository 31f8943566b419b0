"""`.datavignore` means what git means: every verdict is held against `git check-ignore`."""

import os
import subprocess
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from datav.workspace.ignore import NO_RULES

PIECES = [
    *(
        "a",
        "b",
        "ab",
        "abc",
        "-",
        ".x",
        "é",
        " ",
        "!",
        "#",
        "\t",
        "*",
        "**",
        "?",
        "/",
        "//",
        "**/",
        "/**",
        "/**/",
    ),
    *(
        "***",
        "a**",
        "**a",
        "*a*",
        "[ab]",
        "[!a]",
        "[^a]",
        "[a-c]",
        "[]a]",
        "[]-a]",
        "[[:alpha:]]",
        "[[:digit:]a]",
    ),
    *(
        "[[:nope:]]",
        "[a",
        "[[:alpha]",
        "[\\]]",
        "[a\\-c]",
        "[!/]",
        "[a-\\c]",
        "[--b]",
        "\\*",
        "\\a",
        "\\",
        "\\ ",
    ),
    *("\\!", "\\#", "\\/"),
]
LINES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
FILES = st.builds(
    lambda lines, end: end.join([*lines, ""]).encode(),
    st.lists(LINES, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
)
PARTS = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "ab",
        "abc",
        "ac",
        "bc",
        "-",
        "]",
        "[",
        "1",
        ".x",
        "é",
        "a b",
        "a ",
        "!a",
        "#a",
        "*",
        "\\",
    ]
)
PATHS = st.lists(PARTS, min_size=1, max_size=5).map("/".join)


def ask_git(files: dict[bytes, bytes], paths: list[bytes]) -> set[bytes]:
    """Return those of `paths` that git leaves out.  A path that ends in `/` is made a directory first."""
    with tempfile.TemporaryDirectory() as place:
        root = os.fsencode(place)
        for directory, text in files.items():
            os.makedirs(os.path.join(root, directory), exist_ok=True)
            with open(os.path.join(root, directory, b".gitignore"), "wb") as file:
                file.write(text)
        for path in paths:
            if path.endswith(b"/"):
                os.makedirs(os.path.join(root, path), exist_ok=True)
        subprocess.run(["git", "init", "-q", "--template=", place], check=True)
        found = subprocess.run(
            ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "--no-index", "-z", "--stdin"],
            cwd=place,
            input=b"".join(path.rstrip(b"/") + b"\0" for path in paths),
            capture_output=True,
            check=False,
        )
    assert found.returncode in (0, 1), found.stderr
    return set(found.stdout.split(b"\0")) - {b""}


@given(FILES, FILES, st.lists(PATHS, min_size=1, max_size=12, unique=True), st.booleans())
@settings(max_examples=100, deadline=None)
def test_rules_agree_with_git(top, nested, paths, directories):
    names = [path.encode() + (b"/" if directories else b"") for path in paths]

    ignored = ask_git({b"": top, b"a": nested}, names)

    outer = NO_RULES.below(b"", top)
    inner = outer.below(b"a/", nested)
    for name in names:
        assert leaves_out(outer, inner, name, directories) == (name.rstrip(b"/") in ignored), name


def leaves_out(outer, inner, name, is_directory):
    """Walk down to `name` as a scan does, with the inner rules below `a`, which is always a directory."""
    parts = name.rstrip(b"/").split(b"/")
    for depth in range(1, len(parts) + 1):
        rules = inner if depth > 1 and parts[0] == b"a" else outer
        inside = depth < len(parts) or is_directory or name == b"a"
        if rules.is_ignored(b"/".join(parts[:depth]), is_directory=inside):
            return True
    return False
