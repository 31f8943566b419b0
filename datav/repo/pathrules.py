"""What `datav.toml` says of the paths that fit a pattern: which of its rules count for a path."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

from datav.workspace.globs import translate_glob


class PathRules(Protocol):
    """What `datav.toml` says of the paths that fit a pattern."""

    @property
    def glob(self) -> str:
        """As in a `.gitignore`: without a slash any name, else from the root of the repository."""


_Rules = TypeVar("_Rules", bound=PathRules)


def find_rules(rules: Sequence[_Rules], path: bytes) -> _Rules | None:
    """Return the first of `rules` whose pattern fits a path from the root."""
    return next((rule for rule in rules if fits(rule.glob, path)), None)


def find_all_rules(rules: Sequence[_Rules], path: bytes) -> list[_Rules]:
    """Return all of `rules` whose patterns fit a path from the root, in their order."""
    return [rule for rule in rules if fits(rule.glob, path)]


def fits(glob: str, path: bytes) -> bool:
    """Whether the pattern of a rule fits a path from the root."""
    pattern = _pattern(glob)
    return pattern is not None and bool(pattern.fullmatch(path if "/" in glob else path.rpartition(b"/")[2]))


@lru_cache(64)
def _pattern(glob: str) -> re.Pattern[bytes] | None:
    translated = translate_glob(glob.removeprefix("/").encode(), deep=True)
    return None if translated is None else re.compile(translated, re.DOTALL)
