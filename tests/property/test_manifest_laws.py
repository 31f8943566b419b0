"""Laws of datav.formats.manifest: text and value are each other's inverse; any other text is refused."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from datav.errors import FormatError
from datav.formats.entry import EMPTY_CONTENT, Content
from datav.formats.frame import MAX_CHUNK
from datav.formats.manifest import (
    MAX_PROFILE,
    MAX_RECORD,
    MAX_SIDES,
    ColumnInfo,
    ConflictInfo,
    Manifest,
    TableInfo,
    encode_manifest,
    parse_manifest,
)

# Any text but lone surrogates, which no UTF-8 can hold.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
COUNTS = st.integers(0, 2**63 - 1)
WORDS = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,39}", fullmatch=True)
DELIMITERS = st.characters(exclude_characters='"\r\n\0', exclude_categories=["Cs"])
COLUMNS = st.builds(ColumnInfo, TEXTS, TEXTS, st.none() | COUNTS)
TABLES = st.builds(
    TableInfo,
    format=WORDS,
    encoding=st.none() | WORDS,
    delimiter=st.none() | DELIMITERS,
    rows=st.none() | COUNTS,
    key=st.lists(TEXTS, unique=True, max_size=4).map(tuple),
    columns=st.lists(COLUMNS, max_size=5).map(tuple),
    more_columns=COUNTS,
    sampled=st.booleans(),
)
# 32 bytes are never the id of no bytes by chance.
IDS = st.binary(min_size=32, max_size=32)
METAS = st.sampled_from(
    [
        "",
        "[meta]\n",
        "# c\n\n[meta.x]\na = '#'",
        '[meta]\r\na = """\n\n[meta]\n"""\n[[meta.b]]\n',
        "\n\n[meta]\n",
    ]
)
PROFILES = (
    st.none()
    | st.builds(Content, IDS, st.just(0), st.integers(1, MAX_CHUNK))
    | st.builds(Content, IDS, st.integers(1, 13), st.integers(1, MAX_PROFILE))
)
CONTENTS = (
    st.just(EMPTY_CONTENT)
    | st.builds(Content, IDS, st.just(0), st.integers(1, 2**63 - 1))
    | st.builds(Content, IDS, st.integers(1, 13), COUNTS)
)
RECORDS = st.builds(Content, IDS, st.just(0), st.integers(1, MAX_CHUNK)) | st.builds(
    Content, IDS, st.integers(1, 13), st.integers(1, MAX_RECORD)
)
CONFLICTS = st.none() | st.builds(
    ConflictInfo, RECORDS, COUNTS, st.lists(CONTENTS, max_size=MAX_SIDES).map(tuple)
)
FILES = st.builds(
    Manifest,
    kind=st.just("file"),
    content=st.just(EMPTY_CONTENT) | st.builds(Content, IDS, st.integers(0, 13), st.integers(1, 2**63 - 1)),
    files=st.just(1),
    executable=st.booleans(),
    table=st.none() | TABLES,
    meta=METAS,
    profile=PROFILES,
    conflict=CONFLICTS,
)
DIRECTORIES = st.builds(
    Manifest,
    kind=st.just("directory"),
    content=st.builds(Content, IDS, st.integers(1, 13), COUNTS),
    files=COUNTS,
    executable=st.just(False),
    table=st.none(),
    meta=METAS,
    profile=PROFILES,
    conflict=CONFLICTS,
)
MANIFESTS = FILES | DIRECTORIES


@given(MANIFESTS)
def test_parsing_is_the_inverse_of_encoding(manifest):
    assert parse_manifest(encode_manifest(manifest), "x") == manifest


@given(MANIFESTS)
def test_a_manifest_is_toml_to_every_other_reader_too(manifest):
    values = tomllib.loads(encode_manifest(manifest).decode())

    assert values["bytes"] == manifest.content.size
    assert values["datav"] == (3 if manifest.conflict else 2 if manifest.profile else 1)
    sides = values.get("conflict", {}).get("sides", [])
    assert [side["bytes"] for side in sides] == [
        side.size for side in (manifest.conflict.sides if manifest.conflict else ())
    ]
    assert values.get("profile", {}).get("bytes") == (manifest.profile and manifest.profile.size)
    columns = values["table"]["columns"] if manifest.table else []
    assert [c["name"] for c in columns] == [
        c.name for c in (manifest.table.columns if manifest.table else ())
    ]


@given(MANIFESTS, st.data())
def test_a_changed_text_is_refused_or_says_something_that_can_be_written(manifest, data):
    text = bytearray(encode_manifest(manifest))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    try:
        parsed = parse_manifest(bytes(text), "x")
    except FormatError:
        return
    assert parse_manifest(encode_manifest(parsed), "x") == parsed


@given(st.binary(max_size=200) | TEXTS.map(str.encode))
def test_no_text_ends_in_anything_but_a_format_error(data):
    try:
        parse_manifest(data, "x")
    except FormatError:
        pass
