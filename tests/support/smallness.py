"""Sizes of datav.tables made so small that a table of some rows has many of everything."""

import pytest

from datav.tables import recordmap, remembering, source, text, textfacts, textpair


def pair_small_files(patch: pytest.MonkeyPatch) -> None:
    """What texts share is looked for; small ones are otherwise read as a whole, whatever they share."""
    patch.setattr(textfacts, "_WORTH_IT", 0)
    patch.setattr(textfacts, "_MOST_SHARE", 2.0)


def shrink_blocks(patch: pytest.MonkeyPatch) -> None:
    """Texts are read in many blocks, and their maps have many entries."""
    patch.setattr(text, "BLOCK", 200)
    patch.setattr(text, "_LOOK_BEHIND", 16)
    patch.setattr(recordmap, "STRIDE", 32)


def shrink_gaps(patch: pytest.MonkeyPatch) -> None:
    """Gaps are read a few at a time, few are kept, and what is remembered is always derived."""
    patch.setattr(textpair, "_GAPS_AT_ONCE", 2)
    patch.setattr(source, "MAX_KEPT", 100)
    patch.setattr(remembering, "_MAX_DERIVED", 10.0)
