import pytest

from datav.errors import FormatError, UnsafePathError
from datav.formats.entry import EMPTY_CONTENT, Content, Entry, Kind
from datav.workspace.plan import Current, plan_checkout


def want(path, number=1, kind=Kind.FILE):
    return Entry(path, kind, 0, number, bytes([number]) * 32)


def have(path, number=1, kind=Kind.FILE):
    return Current(path, kind, Content(bytes([number]) * 32, 0, number), b"stamp")


def empty(path):
    return Entry(path, Kind.EMPTY_DIRECTORY, 0, 0, EMPTY_CONTENT.id)


def have_empty(path):
    return Current(path, Kind.EMPTY_DIRECTORY, EMPTY_CONTENT, b"stamp")


def test_nothing_to_do_is_an_empty_plan():
    plan = plan_checkout([have(b"a"), have_empty(b"b")], [want(b"a"), empty(b"b")])

    assert plan.is_empty
    assert plan.overwrites == []
    assert plan.bytes_to_write == 0


def test_each_difference_becomes_its_action():
    current = [have(b"changed"), have(b"gone"), have(b"mode"), have(b"same")]
    wanted = [
        want(b"changed", 5), empty(b"dir"), want(b"link", 3, Kind.SYMLINK),
        want(b"mode", 1, Kind.EXECUTABLE), want(b"new/x", 7), want(b"same"),
    ]  # fmt: skip

    plan = plan_checkout(current, wanted)

    assert [(a.entry.path, a.current) for a in plan.write] == [(b"changed", current[0]), (b"new/x", None)]
    assert [a.entry.path for a in plan.link] == [b"link"]
    assert [a.entry.path for a in plan.set_mode] == [b"mode"]
    assert plan.directories == [b"dir", b"new"]
    assert plan.remove == [current[1]]
    assert plan.clear == []
    assert plan.overwrites == [current[0], current[1]]
    assert plan.bytes_to_write == 12


def test_a_content_that_is_not_known_counts_as_another():
    current = Current(b"a", Kind.FILE, None, b"stamp")

    assert plan_checkout([current], [want(b"a")]).overwrites == [current]


@pytest.mark.parametrize(
    ("current", "wanted"),
    [
        (have(b"a"), want(b"a/b")),
        (have(b"a", 1, Kind.SYMLINK), want(b"a/b/c")),
        (have(b"a/b"), want(b"a")),
        (have(b"a/b/c"), empty(b"a")),
        (have(b"a"), empty(b"a")),
        (have_empty(b"a"), want(b"a")),
        (have_empty(b"a"), want(b"a/b")),
    ],
)
def test_what_is_in_the_way_is_cleared_first(current, wanted):
    plan = plan_checkout([current], [wanted])

    assert plan.clear == [current]
    assert plan.remove == []


def test_neighbours_with_a_common_start_are_not_in_the_way():
    plan = plan_checkout([have(b"a-"), have(b"a0")], [want(b"a/b")])

    assert plan.clear == []
    assert [row.path for row in plan.remove] == [b"a-", b"a0"]


def test_a_changed_link_is_an_overwrite():
    current = have(b"a", 1, Kind.SYMLINK)

    assert plan_checkout([current], [want(b"a", 2, Kind.SYMLINK)]).overwrites == [current]


@pytest.mark.parametrize(
    "wanted",
    [
        [want(b"b"), want(b"a")],
        [want(b"a"), want(b"a")],
        [want(b"a"), want(b"a-b"), want(b"a/b")],
        [want(b"a/b"), want(b"a/b/c/d")],
        [want(b"a", 1, 4)],
        [Entry(b"a", Kind.SYMLINK, 0, 0, EMPTY_CONTENT.id)],
        [Entry(b"a", Kind.SYMLINK, 1, 10**9, bytes(32))],
    ],
)
def test_a_list_that_no_tree_can_hold_is_refused(wanted):
    with pytest.raises(FormatError):
        plan_checkout([], wanted)


@pytest.mark.parametrize(
    "path", [b"../a", b"/a", b"a/../b", b"a//b", b".git/hooks/x", b"a/.GIT", b"a\0", b"x/.datav-tmp-1"]
)
def test_a_path_that_must_not_be_written_is_refused(path):
    with pytest.raises(UnsafePathError):
        plan_checkout([], [want(path)])
