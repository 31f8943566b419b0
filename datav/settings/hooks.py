"""`[hooks]` of `datav.toml` and of the private configuration: what git's hooks do to the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from datav.settings.toml import Malformed, refuse_rest, take_table

PreCommit = Literal["refuse", "add", "off"]
_PRE_COMMIT: tuple[PreCommit, ...] = ("refuse", "add", "off")
_FLAGS = {"check": "check", "place": "place", "pre-push": "pre_push"}


@dataclass(frozen=True, slots=True)
class HookSettings:
    """What the hooks do that `datav hooks` puts into git."""

    pre_commit: PreCommit = "refuse"
    """With data that was edited and not added: refuse the commit, add the data to it, or do nothing."""
    place: bool = True
    """Whether data is placed after a checkout, a merge or a rewrite."""
    pre_push: bool = True
    """Whether data is pushed before git pushes the commits that name it."""
    check: bool = True
    """Whether a commit is refused whose data breaks a promise."""


def take_hooks(values: dict[str, Any]) -> Mapping[str, Any]:
    """Take the table `hooks` out of a file's `values`: what it says, by the names of HookSettings."""
    table = take_table(values, "hooks")
    taken: dict[str, Any] = {}
    if "pre-commit" in table:
        taken["pre_commit"] = table.pop("pre-commit")
        if taken["pre_commit"] not in _PRE_COMMIT:
            raise Malformed(
                ("hooks", "pre-commit"),
                "does not say what a commit of edited data is to do",
                hint='there are "refuse", "add" and "off"',
            )
    for key, field in _FLAGS.items():
        if key in table:
            taken[field] = table.pop(key)
            if not isinstance(taken[field], bool):
                raise Malformed(("hooks", key), "is neither true nor false")
    refuse_rest(table, ("hooks",))
    return taken
