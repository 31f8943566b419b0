"""Which two versions of a manifest git shows together, when it asks for one after the other.

git's textconv is a command for each version, and of what it prints most is one manifest in words.  So this is
all that is asked for every version, and it imports nothing that compares.  What was found of two versions is
remembered, for whoever pages through a history does so again.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from datav import __version__
from datav.errors import DatavError, StorageError
from datav.git.repository import GitRepository
from datav.git.succession import find_succession, possible_names
from datav.ids import hash_chunk
from datav.relpath import RelPath
from datav.settings import FILE_NAME, PRIVATE_FILE_NAME
from datav.storage.caching import Cache
from datav.storage.durable import make_directories, remove_file, write_atomic

# `git log -p` runs a command for each version there ever was.
_MOST_SHOWN = 50
# Of processes of git: those that are remembered.
_KEPT = 16
# Another one whenever other lines are shown of the same versions.
_SHOWN_HOW = b"1"
_MAX_CACHE = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Former:
    """The version of a manifest that came right before another."""

    path: RelPath
    """Of the manifest."""
    text: bytes
    lines: tuple[str, ...] | None
    """What was shown of both before; None: they have to be compared."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What one process of git has been shown last."""

    name: bytes
    text: bytes
    is_second: bool
    """It was the second of two versions; what comes next is not compared with it."""
    pairs: int
    """How many there were."""


def find_former(git: GitRepository, caller: str, name: bytes, text: bytes) -> Former | None:
    """Return what the same process of git was shown before, if history has `text` right behind it.

    git shows two versions by asking for one after the other, and does not say that they belong together.  So
    what it was shown is remembered.

    Args:
        caller: names the process of git.
        name: the last part of the manifest's path, as far as git tells it: random letters may precede it.
        text: of the manifest.

    Returns:
        None also where this is the first of two, and where datav is not set up.
    """
    if not (git.root / FILE_NAME).exists():
        return None
    place = git.common_dir / "datav" / "textconv" / hash_chunk(caller.encode()).hex()[:32]
    last = _read(place)
    former = None
    if last is not None and _may_precede(last, name, text):
        former = _recall(git, name, last.text, text)
        if former is None:
            path = find_succession(git, name, last.text, text)
            former = Former(path, last.text, None) if path is not None else None
    pairs = last.pairs if last is not None else 0
    _write(place, _Shown(name, text, former is not None, pairs + (former is not None)))
    return former


def remember_lines(
    git: GitRepository, former: Former, name: bytes, text: bytes, lines: Sequence[str]
) -> None:
    """Remember what is shown of two versions, under the settings of now.

    Args:
        name, text: as of `find_former`.
    """
    document = {"path": former.path.hex(), "lines": list(lines)}
    _cache(git).write(_pair_name(git, name, former.text, text), [json.dumps(document).encode()])


def _recall(git: GitRepository, name: bytes, before: bytes, after: bytes) -> Former | None:
    """Return two versions that were shown before; that history has one behind the other was found then."""
    data = _cache(git).read(_pair_name(git, name, before, after))
    if data is None:
        return None
    with suppress(ValueError, KeyError, TypeError, DatavError):
        document = json.loads(bytes(data))
        path, lines = RelPath(bytes.fromhex(document["path"])), tuple(map(str, document["lines"]))
        return Former(path, before, lines)
    return None


def _cache(git: GitRepository) -> Cache:
    return Cache(git.common_dir / "datav" / "cache" / "textconv", _MAX_CACHE)


def _pair_name(git: GitRepository, name: bytes, before: bytes, after: bytes) -> str:
    """Names two versions, and all else that decides what is shown of them."""
    settings = [git.root / FILE_NAME, git.common_dir / "datav" / PRIVATE_FILE_NAME]
    texts = [path.read_bytes() if path.exists() else b"" for path in settings]
    # Without the letters that git may have put in front, which are others each time.
    plain = min(possible_names(name), key=len)
    parts = [__version__.encode(), _SHOWN_HOW, plain, before, after, *texts]
    return hash_chunk(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hex()[:32]


def _may_precede(last: _Shown, name: bytes, text: bytes) -> bool:
    """Whether it is worth asking git."""
    if last.is_second or last.text == text or last.pairs >= _MOST_SHOWN:
        return False
    return not possible_names(last.name).isdisjoint(possible_names(name))


def _read(place: Path) -> _Shown | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads(place.read_bytes())
        name, text = bytes.fromhex(document["name"]), bytes.fromhex(document["text"])
        return _Shown(name, text, document["is_second"] is True, int(document["pairs"]))
    return None


def _write(place: Path, shown: _Shown) -> None:
    """Remember what was shown; where that cannot be, versions are shown and not compared."""
    document = {
        "name": shown.name.hex(),
        "text": shown.text.hex(),
        "is_second": shown.is_second,
        "pairs": shown.pairs,
    }
    with suppress(StorageError, OSError):
        make_directories(place.parent)
        write_atomic(place, json.dumps(document).encode(), sync=False)
        others = sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for old in others[:-_KEPT]:
            remove_file(old)
