"""Whether one version of a manifest came right after another, anywhere in history."""

from datav.git.process import split_nul
from datav.git.repository import GitRepository
from datav.relpath import RelPath


def find_succession(repository: GitRepository, name: bytes, before: bytes, after: bytes) -> RelPath | None:
    """Return the path at which a file of these contents was replaced by one of those; None if none ever was.

    Looks at all commits that a ref reaches, the index and the work tree.  Merges count as what they did to
    each parent.

    Args:
        name: the last part of the path.
        before, after: contents, all of them.
    """
    git = repository.git
    old, new = (git.run("hash-object", "--stdin", stdin=text).decode().strip() for text in (before, after))
    patterns = [b":(top,glob)**/" + _literal(each) for each in sorted(possible_names(name))]
    head = ["HEAD"] if repository.head() is not None else []
    if head:
        changes = [
            git.run("diff", "--cached", *_OPTIONS, "--", *patterns),
            git.run("diff", *_OPTIONS, "HEAD", "--", *patterns),
        ]
    else:
        changes = []
    changes.append(git.run("diff", *_OPTIONS, "--", *patterns))
    found = _find(b"".join(changes), old, new, repository, after)
    if found is not None:
        return found
    options = ("--format=", "-m", f"--find-object={new}", *_OPTIONS)
    return _find(git.run("log", *options, "--all", *head, "--", *patterns), old, new, repository, after)


def possible_names(name: bytes) -> set[bytes]:
    """Return what a file may be called that git hands to a command under a name.

    Older versions of git put six letters and a `_` in front of it.
    """
    return {name, name[7:]} if name[6:7] == b"_" and name[7:] else {name}


_OPTIONS = ("--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv")


def _find(raw: bytes, old: str, new: str, repository: GitRepository, after: bytes) -> RelPath | None:
    """Read `:MODE MODE OLD NEW LETTER`, then a path, in turns."""
    records = [record for record in split_nul(raw) if record.strip(b"\n")]
    for line, path in zip(records[::2], records[1::2], strict=False):
        fields = line.split()
        if len(fields) < 5 or fields[2].decode() != old:
            continue
        # Of a file in the work tree git has no id.
        is_on_disk = not fields[3].strip(b"0")
        if fields[3].decode() == new or (is_on_disk and _is(repository, RelPath(path), after)):
            return RelPath(path)
    return None


def _is(repository: GitRepository, path: RelPath, content: bytes) -> bool:
    try:
        return path.on(repository.root).read_bytes() == content
    except OSError:
        return False


def _literal(name: bytes) -> bytes:
    return b"".join(b"\\" + bytes([char]) if char in b"*?[\\" else bytes([char]) for char in name)
