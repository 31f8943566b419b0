"""What is encoded is what is parsed, and the other way round, for every format."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from datav.errors import FormatError, IntegrityError, UnsafePathError
from datav.formats.entry import Kind
from datav.formats.frame import DELTA, NODE, RAW, ZSTD, Codec, frame_header, parse_frame
from datav.formats.index import ABSENT, Place, check_index, encode_index
from datav.formats.pack import PackContents, encode_contents, encode_tail, parse_contents
from datav.formats.tree import (
    MAX_ENTRIES,
    MIN_ENTRIES,
    DirectoryNode,
    FileNode,
    encode_directory_node,
    encode_file_node,
    file_node_ends,
    parse_directory_node,
    parse_file_node,
)
from datav.formats.words import u32_array, u64_array
from datav.ids import EMPTY_CHUNK, PackId
from datav.relpath import check_path

CODEC = Codec()
ids = st.binary(min_size=32, max_size=32)
rows = st.lists(
    st.sampled_from([b"1,2\n", b"abc,defg\n", b"0\n" * 30, bytes(50), bytes(range(256))]), max_size=60
)
contents = st.one_of(st.binary(max_size=3000), rows.map(b"".join))


@given(content=contents, node=st.booleans())
def test_a_frame_gives_its_content_back(content, node):
    flag = NODE if node else 0
    kinds = [(RAW, content)] + ([(ZSTD, CODEC.compress(content))] if content else [])
    for kind, payload in kinds:
        data = frame_header(kind | flag, len(content), payload) + payload
        parsed = parse_frame(data, "x")
        assert (parsed.kind, parsed.is_node, parsed.raw_length) == (kind, node, len(content))
        assert bytes(CODEC.decode(parsed, b"", "x")) == content


@given(pieces=st.lists(contents, min_size=1, max_size=4), data=st.data())
def test_a_delta_gives_its_content_back(pieces, data):
    prefix = b"".join(pieces)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(prefix))] * 2)))
    content = data.draw(
        st.sampled_from(
            [prefix, prefix[:start] + prefix[end:], prefix[start:end], prefix[:end] + prefix[start:]]
        )
    )
    content = content + data.draw(st.binary(max_size=20))
    bases = {bytes([number]) * 32: piece for number, piece in enumerate(pieces)}

    payload = CODEC.encode_delta(bases, content)

    parsed = parse_frame(frame_header(DELTA, len(content), payload) + payload, "x")
    assert parsed.bases == tuple(bases)
    assert CODEC.decode(parsed, prefix, "x") == content


@given(content=contents, other=contents, prefix=contents)
def test_a_delta_with_the_wrong_bases_gives_something_else_or_an_error(content, other, prefix):
    payload = CODEC.encode_delta({bytes(32): prefix}, content)
    parsed = parse_frame(frame_header(DELTA, len(content), payload) + payload, "x")
    try:
        assert len(CODEC.decode(parsed, other, "x")) == len(content)
    except IntegrityError:
        pass


@st.composite
def pack_contents(draw) -> PackContents:
    kinds = draw(
        st.lists(st.sampled_from([RAW, ZSTD, DELTA, RAW | NODE, ZSTD | NODE, DELTA | NODE]), max_size=20)
    )
    return PackContents(
        b"".join(draw(ids) for _ in kinds),
        u32_array([draw(st.integers(0, 2**20)) for _ in kinds]),
        bytes(kinds),
        {
            number: tuple(draw(st.lists(ids, min_size=1, max_size=4)))
            for number, kind in enumerate(kinds)
            if kind & ~NODE == DELTA
        },
    )


@given(some=pack_contents())
def test_the_contents_of_a_pack_come_back(some):
    encoded = encode_contents(some)
    assert parse_contents(encoded, "x") == some
    assert encode_contents(parse_contents(encoded, "x")) == encoded
    assert encode_tail(some)[1].startswith(encoded)


places = st.builds(Place, ids.map(PackId), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))


@given(records=st.lists(st.tuples(ids, places), max_size=150), others=st.lists(ids, max_size=5))
def test_an_index_finds_what_is_in_it_and_nothing_else(records, others):
    packs = {place.pack for _, place in records}
    encoded = encode_index(packs, records)
    index = check_index(encoded, "x")
    expected: dict[bytes, int] = {}
    for identity, place in records:
        expected[identity] = max(place.length, expected.get(identity, 0))

    assert {identity: place.length for identity, place in index.records()} == expected
    assert encode_index(index.packs, index.records()) == encoded
    for identity, position in zip(others, index.find(b"".join(others)), strict=True):
        assert (position == ABSENT) == (identity not in expected)


@given(data=st.data(), level=st.integers(0, 12), count=st.integers(1, 40))
def test_a_file_node_comes_back(data, level, count):
    sizes = data.draw(st.lists(st.integers(1, 2**64 - 1), min_size=count, max_size=count))
    node = FileNode(level, data.draw(st.binary(min_size=32 * count, max_size=32 * count)), u64_array(sizes))
    assert parse_file_node(encode_file_node(node), "x") == node


paths = st.lists(
    st.binary(min_size=1, max_size=12).filter(lambda raw: b"\0" not in raw), max_size=20, unique=True
)


def _is_in_order(some: list[bytes]) -> bool:
    return all(not after.startswith(before + b"/") for before, after in itertools.pairwise(some))


@given(data=st.data(), some=paths)
def test_a_directory_node_comes_back_when_its_paths_are_safe(data, some):
    some.sort()
    sizes = [data.draw(st.integers(0, 2**40)) for _ in some]
    kinds = [data.draw(st.sampled_from(Kind)) if size == 0 else Kind.FILE for size in sizes]
    node = DirectoryNode(
        0,
        some,
        b"".join(data.draw(ids) if size else bytes(EMPTY_CHUNK) for size in sizes),
        u64_array(sizes),
        u64_array([]),
        bytes(kinds),
        bytes(data.draw(st.integers(0, 13)) if size else 0 for size in sizes),
    )
    try:
        for path in some:
            check_path(path)
        is_safe = _is_in_order(some)
    except UnsafePathError:
        is_safe = False
    try:
        found = parse_directory_node(encode_directory_node(node), "x")
    except (FormatError, UnsafePathError):
        assert not is_safe
    else:
        assert is_safe
        assert found == node


@given(marks=st.lists(st.sampled_from([0, 1, 2**64 // 512 - 1, 2**64 // 512, 2**64 - 1]), max_size=300))
def test_nodes_have_the_sizes_that_the_page_allows(marks):
    ends = list(file_node_ends(b"".join(mark.to_bytes(8, "little") + bytes(24) for mark in marks)))
    starts = [0, *ends[:-1]]
    assert ends == sorted(set(ends))
    assert (ends[-1] if ends else 0) == len(marks)
    for start, end in itertools.pairwise([*starts, *ends[-1:]]):
        assert end == len(marks) or MIN_ENTRIES <= end - start <= MAX_ENTRIES
        assert not any(mark < 2**64 // 512 for mark in marks[start + MIN_ENTRIES - 1 : end - 1])
