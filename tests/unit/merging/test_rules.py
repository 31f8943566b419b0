"""Rules of `datav.toml` that cannot do what they say."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from datav.merging.options import MergeOptions
from datav.merging.tables import merge_tables
from datav.settings.merge import ColumnRule, MergeSettings
from datav.storage.scratch import Scratch
from datav.tables.opening import open_table
from tests.support.profiling import Bytes

VERSIONS = (b"id,n\n1,a\n", b"id,n\n1,b\n", b"id,n\n1,c\n")


def notes_of(rules: MergeSettings) -> list[str]:
    with Scratch() as scratch, ThreadPoolExecutor(1) as executor:
        versions = [open_table("t.csv", Bytes(data), scratch) for data in VERSIONS]
        return merge_tables(*versions, MergeOptions(("id",), rules), scratch=scratch, executor=executor).notes


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (MergeSettings(columns={"n": ColumnRule("max")}, renumber="id"), []),
        (
            MergeSettings(columns={"m": ColumnRule("max")}),
            ["a rule for merging names the column m, which is in no version"],
        ),
        (
            MergeSettings(columns={"n": ColumnRule("newest", "day")}),
            ["a rule for merging names the column day, which is in no version"],
        ),
        (MergeSettings(renumber="n"), ["the column n is to be renumbered, and is not in the key"]),
    ],
)
def test_a_rule_about_a_column_that_is_not_there_is_told(rules, told):
    assert notes_of(rules) == told
