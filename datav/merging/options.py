"""What a merge of tables is told: the key, rules, and what was decided of conflicts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from datav.formats.conflict import ConflictItem, Given, Side, identity
from datav.settings.merge import MergeSettings

Decision = Side | Given


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How three versions of a table are merged."""

    key: tuple[str, ...] = ()
    """Columns that identify a row; none: rows are matched by all of their cells."""
    rules: MergeSettings = field(default_factory=MergeSettings)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """By `identity` of a conflict."""
    path: bytes = b""
    """Of the file in its directory, as conflicts name it."""

    def decided(self, item: ConflictItem) -> Decision | None:
        """Return what is to be done about a conflict: what was decided of it, else what the rule for the
        whole path says."""
        if self.decisions:
            found = self.decisions.get(identity(item))
            if found is not None:
                return found
        return self.rules.take if self.rules.take in ("ours", "theirs") else None
