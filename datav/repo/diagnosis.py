"""What `doctor` says of one thing that it looked at."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from datav.relpath import RelPath

State = Literal["ok", "warn", "problem"]

# More names than this help nobody; JSON has them all.
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at.

    `warn`: works, and may surprise; `problem`: something will not work, or data is not as safe as it seems.
    """

    name: str
    """Stable, for programs."""
    state: State
    what: str
    hint: str | None = None
    is_fixable: bool = False
    """Whether `doctor --fix` sets it right."""
    paths: tuple[RelPath, ...] = ()
    """What it is about, from the root of the repository."""


def typed(path: RelPath) -> str:
    """`path` as it may stand in a command for a shell."""
    return shlex.quote(str(path))


def named(paths: Sequence[RelPath]) -> str:
    """`a.csv, b.csv, c.csv and 4 more`."""
    first = ", ".join(map(str, paths[:_MOST_NAMED]))
    rest = len(paths) - _MOST_NAMED
    return f"{first} and {rest:,} more" if rest > 0 else first
