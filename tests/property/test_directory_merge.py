"""Laws of merging directories, and a twin that merges path by path."""

from hypothesis import given, settings
from hypothesis import strategies as st

from datav.formats.conflict import content_of
from datav.formats.entry import Entry, Kind
from datav.store.trees import check_order
from tests.support.threetrees import Merging, content, merge, of, tree

NAMES = ["a", "b", "c", "a/x", "a/y", "b/x", "b/x/z", "c/x", "d"]
FILES = st.tuples(st.sampled_from(["", "1", "2", "3", "4"]), st.sampled_from([Kind.FILE, Kind.EXECUTABLE]))
LINKS = st.tuples(st.sampled_from(["1", "2"]), st.just(Kind.SYMLINK))
EMPTY = st.just(("", Kind.EMPTY_DIRECTORY))


def as_directory(files):
    """Leave out what lies below a file, and empty directories that are not."""
    kept = {}
    for path in sorted(files):
        parents = [path[:at] for at, letter in enumerate(path) if letter == "/"]
        if not any(parent in kept for parent in parents):
            kept[path] = files[path]
    return of({path.encode(): spec for path, spec in kept.items()})


directories = st.dictionaries(
    st.sampled_from(NAMES), st.one_of(FILES, FILES, FILES, LINKS, EMPTY), max_size=7
).map(as_directory)


@st.composite
def three(draw):
    """A directory and two that came of it."""
    base = draw(directories)
    sides = []
    for _ in range(2):
        files = {path.decode(): entry for path, entry in base.items()}
        specs = {path: spec_of(entry) for path, entry in files.items()}
        for path in draw(st.lists(st.sampled_from(NAMES), max_size=4)):
            what = draw(st.sampled_from(["remove", "write", "write", "move", "mode"]))
            if what == "write":
                specs[path] = draw(st.one_of(FILES, LINKS, EMPTY))
            elif path in specs:
                spec = specs.pop(path)
                if what == "move":
                    specs[draw(st.sampled_from(NAMES))] = spec
                elif what == "mode" and spec[1] in (Kind.FILE, Kind.EXECUTABLE):
                    specs[path] = (spec[0], Kind(1 - spec[1]))
        sides.append(as_directory(specs))
    return base, *sides


TEXTS = {content(text): text for text in ["", "1", "2", "3", "4"]}


def spec_of(entry):
    return TEXTS[entry.content], Kind(entry.kind)


def is_table(path):
    return path < b"b"


def decided(found, side):
    return {item.path: side for item in found.conflicts}


@given(base=directories, side=directories)
def test_what_one_side_alone_or_both_did_is_the_result(base, side):
    for ours, theirs in ((base, side), (side, base), (side, side)):
        found, result = merge(base, ours, theirs)

        assert result == side
        assert found.conflicts == ()
        assert found.counts.cells_merged == 0


@settings(max_examples=400)
@given(three())
def test_the_result_is_a_directory_and_names_what_it_does_not_have(versions):
    base, ours, theirs = versions
    merging = Merging(is_table)

    found, result = merge(base, ours, theirs, merging)

    check_order(list(result))
    assert all(entry.path == path for path, entry in result.items())
    assert not {path for path, entry in result.items() if entry.kind == Kind.EMPTY_DIRECTORY} & {
        path[:at] for path in result for at in range(len(path)) if path[at : at + 1] == b"/"
    }
    named = {content_of(side) for item in found.conflicts for side in (item.base, item.ours, item.theirs)}
    merged = {entry.content for asked in merging.asked for entry in asked[2:]}
    kept = {entry.content for entry in result.values()} | named | merged
    opened = tuple(item.path + b"/" for item in found.conflicts)
    old = {entry.content for entry in base.values()}
    for side in (ours, theirs):
        for path, entry in side.items():
            # An empty directory is there as long as something is in it.
            is_empty = entry.kind == Kind.EMPTY_DIRECTORY
            assert is_empty or entry.content in kept | old or path.startswith(opened), path
    assert len(result) == len(ours) + found.counts.added - found.counts.removed
    assert found.counts.conflicts == len(found.conflicts)
    assert len({item.path for item in found.conflicts}) == len(found.conflicts)


@settings(max_examples=400)
@given(three())
def test_swapped_sides_have_the_same_conflicts_and_the_same_result_once_they_are_decided(versions):
    base, ours, theirs = versions
    found, result = merge(base, ours, theirs, Merging(is_table))
    mirrored, other = merge(base, theirs, ours, Merging(is_table))

    assert [(item.path, item.base, item.ours, item.theirs) for item in found.conflicts] == [
        (item.path, item.base, item.theirs, item.ours) for item in mirrored.conflicts
    ]
    if not found.conflicts:
        assert result == other
    for side, opposite in (("ours", "theirs"), ("theirs", "ours")):
        one, chosen = merge(base, ours, theirs, Merging(is_table), decisions=decided(found, side))
        two, reflected = merge(base, theirs, ours, Merging(is_table), decisions=decided(found, opposite))
        assert chosen == reflected
        assert one.conflicts == two.conflicts == ()
        if side == "ours":
            # Which is what an undecided merge holds.
            assert chosen == result


@given(three())
def test_a_rule_for_all_paths_is_a_decision_for_all_paths(versions):
    base, ours, theirs = versions
    found, _ = merge(base, ours, theirs)

    for side in ("ours", "theirs"):
        ruled = merge(base, ours, theirs, take=lambda path, side=side: side)
        assert ruled == merge(base, ours, theirs, decisions=decided(found, side))


@given(directories, directories, directories)
def test_changes_in_different_places_never_meet(base, one, two):
    def places(directory, letters):
        return {path: entry for path, entry in directory.items() if path[:1] in letters}

    ours = places(one, b"ac") | places(base, b"bd")
    theirs = places(base, b"ac") | places(two, b"bd")

    found, result = merge(base, ours, theirs)

    assert found.conflicts == ()
    assert result == dict(sorted((places(one, b"ac") | places(two, b"bd")).items()))


SINGLE = st.dictionaries(st.sampled_from("abcdefgh"), FILES)


def twin(base, ours, theirs):
    """Path by path, where nothing is renamed and there are no directories: the result and the conflicts."""
    result, conflicts = dict(ours), []
    for path in base.keys() | ours.keys() | theirs.keys():
        old, mine, other = (side.get(path) for side in (base, ours, theirs))
        if mine == other or other == old:
            continue
        if mine == old:
            result[path] = other
        elif None in (mine, other):
            conflicts.append(path)
        else:
            parts = []
            for part in ("content", "kind"):
                values = [getattr(entry, part) if entry else None for entry in (old, mine, other)]
                differ = values[1] != values[2] and values[0] not in values[1:]
                parts.append(None if differ else values[2] if values[1] == values[0] else values[1])
            if None in parts:
                conflicts.append(path)
            else:
                result[path] = Entry(path, parts[1], parts[0].depth, parts[0].size, parts[0].id)
    return dict(sorted((p, entry) for p, entry in result.items() if entry is not None)), sorted(conflicts)


@settings(max_examples=200)
@given(SINGLE, SINGLE, SINGLE)
def test_without_renames_and_directories_it_is_a_merge_of_dicts(base, ours, theirs):
    # With its own name in each text no file is another's rename.
    sides = [
        tree(**{name: (name + spec[0], spec[1]) for name, spec in s.items()}) for s in (base, ours, theirs)
    ]

    found, result = merge(*sides)

    assert (result, [item.path for item in found.conflicts]) == twin(*sides)


@given(
    files=st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["keep", "edit", "mode"]), min_size=1),
    moved=st.sets(st.sampled_from("abcdefgh")),
    swapped=st.booleans(),
)
def test_what_one_side_does_to_files_the_other_renames_is_done_at_the_new_names(files, moved, swapped):
    def place(name):
        return f"new__{name.upper()}" if name in moved else name

    specs = {
        "keep": lambda name: (name, Kind.FILE),
        "edit": lambda name: (f"{name} edited", Kind.FILE),
        "mode": lambda name: (name, Kind.EXECUTABLE),
    }
    base = tree(**{name: name for name in files})
    renamed = tree(**{place(name): name for name in files})
    changed = tree(**{name: specs[what](name) for name, what in files.items()})

    found, result = merge(base, *((changed, renamed) if swapped else (renamed, changed)))

    assert result == tree(**{place(name): specs[what](name) for name, what in files.items()})
    assert found.conflicts == ()
