"""gitignore's patterns as regular expressions over bytes.  Pure.

The rules are those of git's `wildmatch.c`, quirks included: where the manual and git differ, git is right.

Star groups are atomic and lazy: the first place where the text between two stars fits is as good as any
later one.  So a hostile pattern costs about its length times the length of the path, not a power of it.
"""

import re

_SPECIAL = re.compile(rb"[*?\[\\]")

# What `**` stands for, by what follows it: any number of whole parts, one or more, or all that is left.
_PARTS, _SOME_PARTS, _REST = b"(?:[^/]*+/)*?", b"(?:[^/]*+/)+?", b".*"

_CLASSES = {
    b"alnum": rb"[0-9A-Za-z]", b"alpha": rb"[A-Za-z]", b"blank": rb"[ \t]", b"cntrl": rb"[\0-\x1f\x7f]",
    b"digit": rb"[0-9]", b"graph": rb"[!-~]", b"lower": rb"[a-z]", b"print": rb"[ -~]",
    b"punct": rb"[!-/:-@\[-`{-~]", b"space": rb"[ \t\n\v\f\r]", b"upper": rb"[A-Z]",
    b"xdigit": rb"[0-9A-Fa-f]",
}  # fmt: skip


def translate_glob(glob: bytes, *, deep: bool) -> bytes | None:
    """Return a regular expression for all of what `glob` matches, None if it can match nothing.

    Args:
        glob: a pattern without `!`, leading or trailing `/`.
        deep: whether `**` next to slashes spans directories.
    """
    # git compares what comes before the first special character literally and looks at the rest on its own,
    # so in `x/a**/c` the stars are at the start of a part for git, though not for a reader of its manual.
    special = _SPECIAL.search(glob)
    if special is None:
        return re.escape(glob)
    start = special.start()
    groups = _groups(glob[start:], deep)
    if groups is None:
        return None
    regex = re.escape(glob[:start])
    for opener, first, *others in groups[:-1]:
        regex += b"(?>" + opener + first + b"".join(b"(?>[^/]*?" + text + b")" for text in others) + b")"
    opener, first, *others = groups[-1]
    regex += opener + first + b"".join(b"(?>[^/]*?" + text + b")" for text in others[:-1])
    return regex + b"".join(b"[^/]*" + text for text in others[-1:])


def _groups(glob: bytes, deep: bool) -> list[list[bytes]] | None:
    """Split `glob` at each `**` that spans directories; None if it can match nothing.

    A group is what its `**` stands for, the regular expression of the text before the first `*`, then
    that of the text after each `*`.
    """
    groups = [[b"", b""]]
    i = 0
    while i < len(glob):
        char = glob[i : i + 1]
        if char == b"*":
            opener, i = _parse_stars(glob, i, deep)
            if opener is None:
                groups[-1].append(b"")
            else:
                groups.append([opener, b""])
            continue
        if char == b"?":
            text = b"[^/]"
        elif char == b"[":
            members, i = _parse_class(glob, i)
            if not members:
                return None
            text = b"[" + b"".join(b"\\x%02x" % member for member in sorted(members)) + b"]"
        elif char == b"\\":
            i += 1
            if i == len(glob):
                return None
            text = re.escape(glob[i : i + 1])
        else:
            text = re.escape(char)
        groups[-1][-1] += text
        i += 1
    return groups


def _parse_stars(glob: bytes, i: int, deep: bool) -> tuple[bytes | None, int]:
    """Return what the stars at `i` stand for (None: anything within a part) and where the text goes on."""
    end = i
    while glob[end : end + 1] == b"*":
        end += 1
    if not deep or end - i == 1 or (i > 0 and glob[i - 1 : i] != b"/"):
        return None, end
    if end == len(glob):
        return _REST, end
    if glob.startswith(b"/", end):
        return _PARTS, end + 1
    if glob.startswith(b"\\/", end):
        return _SOME_PARTS, end + 2
    return None, end


def _parse_class(glob: bytes, i: int) -> tuple[set[int], int]:
    """Return the bytes that the class at `i` matches, and where it closes; none if it is malformed."""
    nothing: set[int] = set()
    members: set[int] = set()
    i += 1
    negated = glob[i : i + 1] in (b"!", b"^")
    i += negated
    before: int | None = None
    first = True
    while first or glob[i : i + 1] != b"]":
        first = False
        char = glob[i : i + 1]
        low, before = before, None
        if char == b"-" and low is not None and glob[i + 1 : i + 2] not in (b"", b"]"):
            i += 2 if glob[i + 1 : i + 2] == b"\\" else 1
            members.update(range(low, glob[i] + 1) if i < len(glob) else ())
        elif char == b"[" and glob[i + 1 : i + 2] == b":":
            close = glob.find(b"]", i + 2)
            name = glob[i + 2 : close]
            if close < 0 or (name.endswith(b":") and name[:-1] not in _CLASSES):
                return nothing, i
            if name.endswith(b":"):
                members.update(byte for byte in range(256) if re.match(_CLASSES[name[:-1]], bytes([byte])))
                i = close
            else:
                before = glob[i]
                members.add(before)
        else:
            i += char == b"\\"
            if i >= len(glob):
                return nothing, i
            before = glob[i]
            members.add(before)
        i += 1
        if i >= len(glob):
            return nothing, i
    chosen = set(range(1, 256)) - members if negated else members
    return chosen - {0x2F}, i
