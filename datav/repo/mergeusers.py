"""What is the user's in three manifests, merged: the mode of a file, the key of a table, `[meta]`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from datav.errors import UsageError
from datav.formats.conflict import ConflictItem, Given, Side, identity
from datav.formats.manifest import Manifest

MergeTexts = Callable[[bytes, bytes, bytes], bytes | None]
"""Three texts, base, ours and theirs, into one; None where they conflict."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class UsersPart:
    """What is the user's in a merged manifest."""

    executable: bool
    key: tuple[str, ...]
    meta: str
    items: tuple[ConflictItem, ...]
    """What is in conflict, decided or not; until it is decided our value stands."""


def merge_users_part(
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    merge_texts: MergeTexts,
    decisions: Mapping[str, Side | Given],
) -> UsersPart:
    """Merge what is the user's, each for itself.

    Args:
        decisions: of conflicts, by identity.

    Raises:
        UsageError: a decision cannot be carried out.
    """
    items: list[ConflictItem] = []
    key = _merge_key(base, ours, theirs, decisions, items)
    meta = _merge_meta(base, ours, theirs, merge_texts, decisions, items)
    before = base.executable if base is not None else ours.executable
    executable = theirs.executable if ours.executable == before else ours.executable
    return UsersPart(executable, key, meta, tuple(items))


def _merge_key(
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    decisions: Mapping[str, Side | Given],
    items: list[ConflictItem],
) -> tuple[str, ...]:
    before, one, other = _key_of(base), _key_of(ours), _key_of(theirs)
    found, is_clear = _pick(before, one, other)
    if is_clear:
        return found
    # Where only one side says that there is one, the other did not say that there is none.
    if before == () and () in (one, other):
        return one or other
    sides = {"base": before, "ours": one, "theirs": other}
    item = ConflictItem(
        "schema", list(before), list(one), list(other), reason="both sides changed the key of the table"
    )
    taken = decisions.get(identity(item))
    if isinstance(taken, Given):
        raise UsageError("of a key one of the three has to be taken", hint="`datav add --key` sets another")
    items.append(_decided(item, taken))
    return sides[taken] if taken is not None else one


def _merge_meta(
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    merge_texts: MergeTexts,
    decisions: Mapping[str, Side | Given],
    items: list[ConflictItem],
) -> str:
    before = base.meta if base is not None else ""
    found, is_clear = _pick(before, ours.meta, theirs.meta)
    if is_clear:
        return found
    merged = merge_texts(before.encode(), ours.meta.encode(), theirs.meta.encode())
    if merged is not None:
        return merged.decode()
    item = ConflictItem("meta", before, ours.meta, theirs.meta)
    taken = decisions.get(identity(item))
    items.append(_decided(item, taken))
    if isinstance(taken, Given):
        return taken.text or ""
    return {"base": before, "ours": ours.meta, "theirs": theirs.meta}[taken or "ours"]


def _pick(base: _T, ours: _T, theirs: _T) -> tuple[_T, bool]:
    """Return what one side alone changed, or both in the same way; else ours, and False."""
    if ours in (base, theirs):
        return theirs, True
    return ours, theirs == base


def _key_of(manifest: Manifest | None) -> tuple[str, ...]:
    return manifest.table.key if manifest is not None and manifest.table is not None else ()


def _decided(item: ConflictItem, taken: Side | Given | None) -> ConflictItem:
    return replace(item, taken=taken)
