"""What git is told so that it shows manifests in words: a line in `.gitattributes`, settings of the clone.

The first half is pure text.  The settings hold a small shell function each, because git runs them where datav
may not be on the PATH (an editor, another virtual environment), and would show nothing at all then.
"""

from datav.git.repository import GitRepository

ATTRIBUTES_FILE = b".gitattributes"
DRIVER = b"datav"
_LINE = b"*.datav diff=" + DRIVER

_IS_THERE = "command -v datav >/dev/null 2>&1"
_SETTINGS = {
    "diff.datav.command": (
        f'f() {{ if {_IS_THERE}; then datav git-diff "$@"; else diff -u -- "$2" "$5" || true; fi; }}; f'
    ),
    "diff.datav.textconv": (
        f'f() {{ if {_IS_THERE}; then datav git-textconv "$1"; else cat -- "$1"; fi; }}; f'
    ),
}


def add_driver(text: bytes) -> bytes:
    """Return a `.gitattributes` with the line for manifests; itself if it says how to compare them."""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == [b"*.datav"] and any(_is_about_diff(word) for word in words[1:]):
            return text
    ending = b"\r\n" if b"\r\n" in text else b"\n"
    if text and not text.endswith(b"\n"):
        text += ending
    return text + _LINE + ending


def _is_about_diff(attribute: bytes) -> bool:
    return attribute.lstrip(b"-!").partition(b"=")[0] in (b"diff", b"binary")


def configure_driver(repository: GitRepository) -> None:
    """Set what is not set yet in the clone's own configuration.  Two processes, or four."""
    for name, value in _SETTINGS.items():
        if repository.read_config(name) is None:
            repository.write_config(name, value)
