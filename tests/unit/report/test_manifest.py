"""A manifest in words, as git shows it."""

from dataclasses import replace

from datav.formats.entry import Content
from datav.formats.manifest import ConflictInfo, Manifest
from datav.report.manifest import manifest_text

CONTENT = Content(bytes(range(32)), 1, 7)


def test_conflicts_of_a_merge_are_one_line():
    manifest = Manifest("directory", CONTENT, 3)
    conflicted = replace(manifest, conflict=ConflictInfo(CONTENT, 1200, (CONTENT,)))

    more = set(manifest_text(conflicted).splitlines()) - set(manifest_text(manifest).splitlines())

    assert more == {"conflicts: 1,200 to be decided"}
