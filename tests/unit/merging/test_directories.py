"""Three-way merges of directories: what is taken, what follows a rename, what is a conflict."""

import pytest

from datav.errors import UsageError
from datav.formats.conflict import ConflictItem, ConflictRecord, content_of, encode_record, parse_record
from datav.formats.entry import Kind
from datav.merging.directories import FileMerge, merge_directories, write_merged_directory
from datav.merging.result import MergeCounts
from datav.store.treediff import differing_entries
from tests.support.threetrees import Merging, applied, content, merge, not_merged, of, tree
from tests.support.trees import Nodes, write_entries

RUN = Kind.EXECUTABLE
LINK = Kind.SYMLINK
EMPTY = ("", Kind.EMPTY_DIRECTORY)


def only_conflict(found):
    (item,) = found.conflicts
    # What is found is what can be written down.
    record = ConflictRecord({}, (item,))
    assert parse_record(encode_record(record), "here") == record
    return item


def names(item):
    """Which contents a conflict names."""
    return tuple(content_of(side) for side in (item.base, item.ours, item.theirs))


def test_what_one_side_changed_is_taken():
    base = tree(a="1", b="2", c="3", d="4")
    ours = tree(a="1 ours", b="2", c="3", e="5")
    theirs = tree(a="1", b="2 theirs", d="4", f="6")

    found, result = merge(base, ours, theirs)

    assert result == tree(a="1 ours", b="2 theirs", e="5", f="6")
    assert found.conflicts == ()
    assert found.counts == MergeCounts(ours_only=3, theirs_only=3, added=1, removed=1)


def test_what_both_did_is_done_once():
    base = tree(a="1", b="2")
    side = tree(a="1 new", c="3")

    found, result = merge(base, side, side)

    assert result == side
    assert found.changes == {}
    assert found.counts == MergeCounts(same_change=3)


@pytest.mark.parametrize("remover", ["ours", "theirs"])
def test_removed_on_one_side_and_changed_on_the_other_is_a_conflict_that_keeps_ours(remover):
    base, changed, removed = tree(a="1", b="2"), tree(a="1 new", b="2"), tree(b="2")
    sides = (removed, changed) if remover == "ours" else (changed, removed)

    found, result = merge(base, *sides)

    item = only_conflict(found)
    there = (None, content("1 new")) if remover == "ours" else (content("1 new"), None)
    assert names(item) == (content("1"), *there)
    assert (item.kind, item.path) == ("file", b"a")
    assert item.reason == f"removed by {remover}, changed by {'theirs' if remover == 'ours' else 'ours'}"
    assert result == sides[0]


def test_a_file_that_both_changed_is_merged_by_what_is_in_it():
    counts = MergeCounts(theirs_only=2, conflicts=1)
    cell = ConflictItem("cell", 1, 2, 3, key=(("id", 1),), column="n")

    def merge_file(path, base, ours, theirs):
        assert (path, base.content, ours.content, theirs.content) == (b"a", *map(content, ("1", "2", "3")))
        return FileMerge(content("merged"), (cell,), counts)

    found, result = merge(tree(a="1"), tree(a="2"), tree(a="3"), merge_file)

    assert result == tree(a="merged")
    assert [(item.kind, item.path) for item in found.conflicts] == [("cell", b"a")]
    assert found.merged == {b"a": counts}
    assert found.counts == MergeCounts(conflicts=1)


def test_a_file_that_cannot_be_merged_is_a_conflict_with_the_reason():
    found, result = merge(tree(a="1"), tree(a="2"), tree(a="3"))

    item = only_conflict(found)
    assert (names(item), item.reason) == ((content("1"), content("2"), content("3")), "not a table")
    assert result == tree(a="2")


def test_added_on_both_sides_differently_is_merged_without_a_base():
    merging = Merging()

    found, _ = merge({}, tree(a="2"), tree(a="3"), merging)

    assert [asked[:2] for asked in merging.asked] == [(b"a", None)]
    assert not found.conflicts
    assert merge({}, tree(a="2"), tree(a="3"))[0].conflicts[0].base is None


def test_the_mode_and_the_content_are_merged_each_for_itself():
    base, text = tree(a="1", b="1"), tree(a="2", b="2")
    mode = tree(a=("1", RUN), b=("3", RUN))
    merging = Merging()

    _, result = merge(base, text, mode, merging)

    assert result[b"a"] == tree(a=("2", RUN))[b"a"]
    assert result[b"b"].kind == RUN
    assert [asked[0] for asked in merging.asked] == [b"b"]


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (("x", LINK), ("y", LINK), "symbolic links to two targets"),
        (("x", LINK), "y", "not of one kind on both sides"),
        (EMPTY, "y", "not of one kind on both sides"),
        (("x", RUN), "y", "not of one kind on both sides"),
    ],
)
def test_what_is_no_file_on_both_sides_is_a_conflict_as_a_whole(ours, theirs, reason):
    merging = Merging()

    found, result = merge({}, tree(a=ours), tree(a=theirs), merging)

    assert only_conflict(found).reason == reason
    assert result == tree(a=ours)
    assert not merging.asked


def test_a_side_of_a_conflict_says_what_is_no_plain_file():
    found, _ = merge({}, tree(a=("x", LINK)), tree(a=("y", RUN)))

    item = only_conflict(found)
    assert (item.ours["kind"], item.theirs["kind"]) == ("symlink", "executable")


@pytest.mark.parametrize("swapped", [False, True])
def test_a_change_follows_a_rename(swapped):
    base = tree(a="1", b="2")
    sides = [tree(new__a="1", b="2"), tree(a="1 new", b="2")]

    found, result = merge(base, *(reversed(sides) if swapped else sides))

    assert result == tree(new__a="1 new", b="2")
    assert found.conflicts == ()
    assert found.counts.cells_merged == 1


def test_a_rename_that_nothing_meets_counts_once():
    found, result = merge(tree(a="1"), tree(a="1"), tree(b="1"))

    assert result == tree(b="1")
    assert found.counts == MergeCounts(theirs_only=1, added=1, removed=1)


def test_renamed_to_the_same_name_by_both_merges_the_mode():
    found, result = merge(tree(a="1"), tree(b="1"), tree(b=("1", RUN)))

    assert result == tree(b=("1", RUN))
    assert not found.conflicts


def test_renamed_to_two_names_is_a_conflict_that_names_both():
    found, result = merge(tree(a="1"), tree(b="1"), tree(c="1"))

    item = only_conflict(found)
    assert (item.path, item.reason) == (b"a", "renamed to two names")
    assert (item.ours["path"], item.theirs["path"]) == ("b", "c")
    assert "path" not in item.base
    assert result == tree(b="1")


@pytest.mark.parametrize(("side", "expected"), [("ours", "b"), ("theirs", "c"), ("base", "a")])
def test_a_decision_between_two_names_leaves_one_of_them(side, expected):
    found, result = merge(tree(a="1"), tree(b="1"), tree(c="1"), decisions={b"a": side})

    assert result == tree(**{expected: "1"})
    assert not found.conflicts


@pytest.mark.parametrize(("side", "expected"), [("ours", {}), ("theirs", {"b": "1"}), ("base", {"a": "1"})])
def test_removed_by_one_and_renamed_by_the_other_is_a_conflict(side, expected):
    found, result = merge(tree(a="1"), {}, tree(b="1"))
    decided, chosen = merge(tree(a="1"), {}, tree(b="1"), decisions={b"a": side})

    item = only_conflict(found)
    assert (item.path, item.reason, result) == (b"a", "removed by ours, renamed by theirs", {})
    assert chosen == tree(**expected)
    assert not decided.conflicts


def test_a_rename_to_where_the_other_side_added_something_is_a_conflict():
    found, result = merge(tree(a="1"), tree(b="1"), tree(a="1", b="other"))

    item = only_conflict(found)
    assert item.path == b"b"
    assert names(item) == (None, content("1"), content("other"))
    assert result == tree(b="1")


def test_a_rename_that_meets_something_does_not_lose_the_change_that_would_have_followed():
    found, _ = merge(tree(a="1"), tree(b="1"), tree(a="1 new", b="other"))

    assert [(item.path, names(item)[1:]) for item in found.conflicts] == [
        (b"a", (None, content("1 new"))),
        (b"b", (content("1"), content("other"))),
    ]


def test_two_files_renamed_to_one_name_are_a_conflict_there():
    found, result = merge(tree(a="1", b="2"), tree(c="1", b="2"), tree(a="1", c="2"))

    assert names(only_conflict(found)) == (None, content("1"), content("2"))
    assert result == tree(c="1")


def test_an_empty_file_is_no_rename():
    found, result = merge(tree(a=""), tree(b=""), tree(a="1"))

    assert only_conflict(found).path == b"a"
    assert result == tree(b="")


@pytest.mark.parametrize("swapped", [False, True])
def test_a_file_here_and_a_directory_there_is_one_conflict(swapped):
    file, folder = tree(a="1"), tree(a__b="2", a__c="3")
    sides = [folder, file] if swapped else [file, folder]

    found, result = merge({}, *sides)
    taken = {side: merge({}, *sides, decisions={b"a": side})[1] for side in ("base", "ours", "theirs")}

    item = only_conflict(found)
    kinds = ["a file in ours, a directory in theirs", "a directory in ours, a file in theirs"]
    assert (item.path, item.reason) == (b"a", kinds[swapped])
    assert result == sides[0]
    assert taken == {"base": {}, "ours": sides[0], "theirs": sides[1]}


def test_a_file_that_became_a_directory_where_the_other_side_left_it_is_no_conflict():
    found, result = merge(tree(a="1", z="1"), tree(a__b="1", a__c="2", z="1"), tree(a="1", z="2"))

    assert result == tree(a__b="1", a__c="2", z="2")
    assert not found.conflicts


def test_a_directory_that_became_a_file_where_the_other_changed_what_was_in_it_is_one_conflict():
    base, ours, theirs = tree(a__b="1", a__c="2"), tree(a="3"), tree(a__b="1 new", a__c="2", a__d="4")

    found, result = merge(base, ours, theirs)

    assert only_conflict(found).path == b"a"
    assert result == ours
    assert merge(base, ours, theirs, decisions={b"a": "theirs"})[1] == theirs
    assert merge(base, ours, theirs, decisions={b"a": "base"})[1] == base


def test_a_file_that_moved_into_a_directory_of_its_own_name_is_not_followed():
    found, result = merge(tree(a="1"), tree(a__b="1"), tree(a="1 new"))

    assert only_conflict(found).reason == "a directory in ours, a file in theirs"
    assert result == tree(a__b="1")


def test_a_directory_that_is_no_longer_empty_has_no_entry():
    base, ours, theirs = tree(a__b="1"), tree(a=EMPTY), tree(a__b="1", a__c="2")

    found, result = merge(base, ours, theirs)

    assert result == tree(a__c="2")
    assert not found.conflicts


def test_an_empty_directory_that_both_fill_holds_both():
    _, result = merge(tree(a=EMPTY), tree(a__b="1"), tree(a__c="2"))

    assert result == tree(a__b="1", a__c="2")


@pytest.mark.parametrize(
    ("rule", "expected"), [("ours", tree(a="2")), ("theirs", tree(a="3", c="5")), ("union", None)]
)
def test_a_rule_decides_by_path(rule, expected):
    base, ours, theirs = tree(a="1", c="4"), tree(a="2"), tree(a="3", c="5")

    found, result = merge(base, ours, theirs, take=lambda path: rule)

    if expected is not None:
        assert (result, found.conflicts, found.counts.cells_merged) == (expected, (), 2)
    else:
        # What one side changed stays; which content of two is right no rule knows.
        assert result == tree(a="2", c="5")
        assert only_conflict(found).path == b"a"


def test_a_decision_goes_before_the_rule_and_before_what_is_in_the_file():
    merging = Merging()

    found, result = merge(
        tree(a="1"),
        tree(a="2"),
        tree(a="3"),
        merging,
        take=lambda path: "ours",
        decisions={b"a": "theirs"},
    )

    assert result == tree(a="3")
    assert (found.conflicts, merging.asked) == ((), [])


def test_decisions_that_make_no_directory_are_refused():
    base, ours, theirs = tree(a="1"), tree(b="1", a__c="2"), {}

    with pytest.raises(UsageError, match="a is both a file and a directory"):
        merge(base, ours, theirs, decisions={b"a": "base"})


def test_the_directory_that_is_written_is_the_one_that_adding_it_would_give():
    base = of({b"d/%04d" % number: f"{number}" for number in range(3000)})
    ours = {path: entry for path, entry in base.items() if path != b"d/0007"} | tree(x="1")
    theirs = base | of({b"d/1500": "new", b"d/9999": "new"})
    nodes = Nodes()
    stored = [write_entries(nodes, [side[path] for path in sorted(side)]) for side in (base, ours, theirs)]
    compared = [differing_entries(nodes, stored[0], side) for side in stored[1:]]

    found = merge_directories(*compared, not_merged)
    written = write_merged_directory(nodes, nodes, stored[1], found.changes)

    result = applied(ours, found.changes)
    assert result == merge(base, ours, theirs)[1]
    assert written == write_entries(Nodes(), list(result.values()))
    assert len(result) == len(ours) + found.counts.added - found.counts.removed
