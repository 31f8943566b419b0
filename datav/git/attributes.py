"""What git is told so that it shows manifests in words and merges what they name: a line in `.gitattributes`,
settings of the clone.

The first half is pure text.  The settings hold a small shell function each, because git runs them where datav
may not be on the PATH (an editor, another virtual environment), and would show nothing at all then, or take
the failure for a conflict without a word.
"""

from collections.abc import Mapping, Sequence

from datav.git.repository import GitRepository

ATTRIBUTES_FILE = b".gitattributes"
DRIVER = b"datav"
_MANIFESTS = b"*.datav"
# What is set for which files, by the attribute that it is about.  Manifests are the same bytes everywhere;
# and two branches that each keep a dataset out of git have each added a line in the same place.
_WANTED: Mapping[bytes, Mapping[bytes, bytes]] = {
    _MANIFESTS: {b"diff": b"diff=" + DRIVER, b"merge": b"merge=" + DRIVER, b"eol": b"text eol=lf"},
    b".gitignore": {b"merge": b"merge=union"},
}

_IS_THERE = "command -v datav >/dev/null 2>&1"
# Base, ours and theirs as git calls them: %O %A %B.  What git itself would have done to the texts.
_AS_TEXT = 'git merge-file -q -L ours -L base -L theirs -- "$2" "$1" "$3" || return 1'
_SETTINGS = {
    "diff.datav.command": (
        f'f() {{ if {_IS_THERE}; then datav git-diff "$@"; else diff -u -- "$2" "$5" || true; fi; }}; f'
    ),
    "diff.datav.textconv": (
        f'f() {{ if {_IS_THERE}; then datav git-textconv "$1"; else cat -- "$1"; fi; }}; f'
    ),
    "merge.datav.name": "the data that manifests name, by row and cell",
    "merge.datav.driver": (
        f'f() {{ if {_IS_THERE}; then datav git-merge "$@"; else {_AS_TEXT}; fi; }}; f %O %A %B %P'
    ),
    # Of bases that are merged with each other first: the base of both, and no data of nobody's.
    "merge.datav.recursive": "binary",
}


def add_driver(text: bytes) -> bytes:
    """Return a `.gitattributes` that says how manifests are compared and merged; itself if it says so."""
    for pattern, wanted in _WANTED.items():
        missing = dict(wanted)
        for words in map(bytes.split, text.splitlines()):
            if words[:1] == [pattern]:
                for word in words[1:]:
                    for name in _names_set_by(word):
                        missing.pop(name, None)
        if missing:
            text = _with_line(text, pattern, list(wanted.values()), list(missing.values()))
    return text


def _with_line(text: bytes, pattern: bytes, wanted: Sequence[bytes], missing: Sequence[bytes]) -> bytes:
    """Return `text` with what is missing: in the line that an earlier datav wrote, or in one of its own."""
    earlier = b" ".join([pattern, *wanted[: len(wanted) - len(missing)]])
    lines = text.splitlines(keepends=True)
    for number, before in enumerate(lines):
        content = before.rstrip(b"\r\n")
        if content == earlier != pattern and [*wanted[-len(missing) :]] == [*missing]:
            lines[number] = b" ".join([content, *missing]) + before[len(content) :]
            return b"".join(lines)
    ending = b"\r\n" if b"\r\n" in text else b"\n"
    if text and not text.endswith(b"\n"):
        text += ending
    return text + b" ".join([pattern, *missing]) + ending


def _names_set_by(attribute: bytes) -> tuple[bytes, ...]:
    """Of what is wanted, what an attribute is about."""
    name = attribute.lstrip(b"-!").partition(b"=")[0]
    if name == b"binary":
        return (b"diff", b"merge", b"eol")
    return (b"eol",) if name == b"text" else (name,)


def expected_settings() -> Mapping[str, str]:
    """Return the settings that `configure_driver` makes, by name."""
    return _SETTINGS


def configure_driver(repository: GitRepository) -> None:
    """Set what is not set yet in the clone's own configuration.  One process, and one for each setting."""
    present = repository.list_config("(diff|merge).datav.")
    for name, value in _SETTINGS.items():
        if name not in present:
            repository.write_config(name, value)
