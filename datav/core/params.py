"""The three sizes that decide how files are cut into chunks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChunkerParams:
    """Sizes of chunks in bytes; fixed for a repository, see docs/formats/chunking.md.

    Raises:
        ValueError: not 1 KiB <= smallest <= target <= largest <= 1 MiB, or target < 4 KiB.
    """

    smallest: int = 16 * 2**10
    target: int = 64 * 2**10
    largest: int = 256 * 2**10

    def __post_init__(self) -> None:
        check_sizes(self.smallest, self.target, self.largest)

    @property
    def hard(self) -> int:
        """The limit on the strength of a candidate before `target`."""
        return min(2**64 - 1, 2**64 * 1024 // self.target)

    @property
    def easy(self) -> int:
        """The limit from `target` on."""
        return min(2**64 - 1, 2**64 * 8192 // self.target)


def check_sizes(smallest: int, target: int, largest: int) -> None:
    """Raise ValueError if chunks cannot have these sizes."""
    if smallest < 2**10:
        raise ValueError("smallest is under 1024")
    if target < 2**12 or target < smallest:
        raise ValueError("target is under 4096 or under smallest")
    if largest < target or largest > 2**20:
        raise ValueError("largest is under target or over 1048576")
