"""datav.formats.manifest: what is refused, what survives, what a reviewer sees."""

import re
from dataclasses import replace

import pytest

from datav.errors import FormatError
from datav.formats.entry import EMPTY_CONTENT, Content
from datav.formats.frame import MAX_CHUNK
from datav.formats.manifest import (
    MAX_COLUMNS,
    MAX_PROFILE,
    MAX_RECORD,
    MAX_SIDES,
    MAX_SIZE,
    VERSION,
    ColumnInfo,
    ConflictInfo,
    Manifest,
    ManifestConflictError,
    TableInfo,
    encode_manifest,
    keep_users_part,
    limit_columns,
    parse_manifest,
)
from datav.ids import hash_chunk

CONTENT = Content(bytes(hash_chunk(b"id,name\n")), 0, 8)
TABLE = TableInfo(
    "csv", "utf-8", ",", 0, ("id",), (ColumnInfo("id", "empty"), ColumnInfo("name", "empty")), 0, True
)
FILE = Manifest("file", CONTENT, 1, table=TABLE)
TEXT = encode_manifest(FILE).decode()
PROFILE = Content(bytes(hash_chunk(b"a profile")), 0, 9)
PROFILED = replace(FILE, profile=PROFILE)
PROFILED_TEXT = encode_manifest(PROFILED).decode()
RECORD = Content(bytes(hash_chunk(b"a record")), 0, 10)
OTHER = Content(bytes(hash_chunk(b"id,code\n")), 1, 2**40)
CONFLICT = ConflictInfo(RECORD, 2, (EMPTY_CONTENT, OTHER))
CONFLICTED = replace(FILE, conflict=CONFLICT)
CONFLICTED_TEXT = encode_manifest(CONFLICTED).decode()


def parse(text: str) -> Manifest:
    return parse_manifest(text.encode(), "a.csv.datav")


def with_meta(text: str) -> Manifest:
    return replace(FILE, meta=text)


def test_a_reviewer_sees_one_thing_a_line():
    text = encode_manifest(FILE).decode()

    assert text == (
        "# Tracked by datav: the data itself is not in git. `datav checkout` brings it back.\n"
        "datav = 1\n"
        'kind = "file"\n'
        f'id = "{hash_chunk(b"id,name" + bytes([10])).text}"\n'
        "depth = 0\n"
        "bytes = 8\n"
        "files = 1\n"
        "\n"
        "[table]\n"
        'format = "csv"\n'
        'encoding = "utf-8"\n'
        'delimiter = ","\n'
        "rows = 0\n"
        'key = ["id"]\n'
        'types = "sampled"\n'
        "columns = [\n"
        '  { name = "id", type = "empty" },\n'
        '  { name = "name", type = "empty" },\n'
        "]\n"
    )


@pytest.mark.parametrize(
    "meta",
    [
        "[meta]\n",
        "[meta]",
        '[meta]\nsource = "x" # why\n\n\n# a comment\n[meta.units]\nm="m"\n[[meta.by]]\nname = \'A\'\n',
        "# above\n\n# and again\n[meta] # here\n\ta = 1\n\n",
        "\n\n[meta]\r\na = 1\r\n",
        "[ 'meta' . \"x y\" ]\na = 1\n",
        '[meta]\ntext = """\n[meta]\n[table]\n=======\n"""\n',
        "# nothing but a comment\n",
        "[meta]\n" + "日本語 = 1\n".replace("日本語", '"日本語"'),
    ],
)
def test_what_the_user_wrote_survives_to_the_letter(meta):
    once = encode_manifest(with_meta(meta))

    again = parse_manifest(once, "x")

    assert again.meta == meta
    assert encode_manifest(replace(again, files=1)) == once


def test_a_meta_table_without_an_empty_line_before_it_is_the_users_all_the_same():
    assert parse(TEXT + "[meta]\na = 1\n").meta == "[meta]\na = 1\n"
    assert parse(TEXT + "# why\n[meta]\n").meta == "# why\n[meta]\n"
    assert parse(TEXT + "\n\n  \n").meta == ""


def test_a_manifest_with_the_line_ends_of_windows_says_the_same():
    assert parse(TEXT.replace("\n", "\r\n")) == FILE
    assert parse((TEXT + "\n[meta]\na = 1\n").replace("\n", "\r\n")).meta == "[meta]\r\na = 1\r\n"


@pytest.mark.parametrize(
    "name",
    [
        "",
        'a"b\\c',
        "a\nb\r\tc\0\x1b[31m\x7f\x85",
        "\u202egnp.exe",
        "😀\U000e0041",
        "\ufeffid",
        "[meta]",
        "'''",
        "#",
    ],
)
def test_a_column_may_be_named_anything(name):
    columns = (ColumnInfo(name, "text", 0), ColumnInfo(name, "text", None))
    manifest = replace(FILE, table=replace(TABLE, columns=columns, key=(name,)))

    text = encode_manifest(manifest)

    assert parse_manifest(text, "x") == manifest
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert "\u202e" not in text.decode()


def test_a_lone_surrogate_is_never_written():
    manifest = replace(FILE, table=replace(TABLE, columns=(ColumnInfo("\ud800", "text"),)))

    with pytest.raises(FormatError, match="surrogate"):
        encode_manifest(manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        replace(FILE, files=2),
        replace(FILE, files=-1),
        replace(FILE, content=CONTENT._replace(size=2**63)),
        replace(FILE, content=CONTENT._replace(depth=14)),
        replace(FILE, content=CONTENT._replace(size=0)),
        replace(FILE, content=EMPTY_CONTENT._replace(size=1)),
        replace(FILE, content=CONTENT._replace(id=b"short")),
        replace(FILE, kind="directory"),
        replace(FILE, profile=EMPTY_CONTENT),
        replace(FILE, profile=PROFILE._replace(size=0)),
        replace(FILE, profile=PROFILE._replace(size=MAX_CHUNK + 1)),
        replace(FILE, profile=PROFILE._replace(depth=1, size=MAX_PROFILE + 1)),
        replace(FILE, profile=PROFILE._replace(depth=14)),
        replace(FILE, profile=PROFILE._replace(id=b"short")),
        replace(FILE, conflict=replace(CONFLICT, open=-1)),
        replace(FILE, conflict=replace(CONFLICT, record=EMPTY_CONTENT)),
        replace(FILE, conflict=replace(CONFLICT, record=RECORD._replace(depth=1, size=MAX_RECORD + 1))),
        replace(FILE, conflict=replace(CONFLICT, sides=(OTHER,) * (MAX_SIDES + 1))),
        replace(FILE, conflict=replace(CONFLICT, sides=(OTHER._replace(depth=0, size=0),))),
        replace(FILE, table=replace(TABLE, rows=-1)),
        replace(FILE, table=replace(TABLE, key=("a", "a"))),
        replace(FILE, table=replace(TABLE, delimiter="")),
        replace(FILE, table=replace(TABLE, delimiter="\n")),
        replace(FILE, table=replace(TABLE, format="C S V")),
        replace(FILE, table=replace(TABLE, columns=(ColumnInfo("a", "b"),) * (MAX_COLUMNS + 1))),
        with_meta("[mata]\n"),
        with_meta("a = 1\n"),
        with_meta("\n"),
        with_meta("[meta]\n[table]\n"),
        with_meta("[[meta]]\n"),
        with_meta("[meta]\n" + "#" * MAX_SIZE),
    ],
)
def test_what_could_not_be_read_back_is_never_written(manifest):
    with pytest.raises(FormatError):
        encode_manifest(manifest)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("datav = 1", f"datav = {VERSION + 1}", "written by a newer datav"),
        ("datav = 1", "datav = 0", "`datav` is not between"),
        ("datav = 1", "datav = true", "`datav` is not an integer"),
        ("datav = 1\n", "", "has no `datav`"),
        ('kind = "file"', 'kind = "link"', "neither `file` nor `directory`"),
        ('kind = "file"', "kind = 1", "`kind` is not a string"),
        ('id = "b3:', 'id = "b3:zz', "is not an id"),
        ("depth = 0", "depth = 14", "`depth` is not between 0 and 13"),
        ("depth = 0", "depth = 0.0", "`depth` is not an integer"),
        ("bytes = 8", "bytes = -8", "`bytes` is not between"),
        ("bytes = 8", "bytes = 9223372036854775808", "`bytes` is not between"),
        ("bytes = 8", "bytes = 0x" + "f" * 100_000, "`bytes` is not between"),
        ("bytes = 8", "bytes = " + "9" * 10_000, "is not TOML"),
        ("bytes = 8", "bytes = 0", "whether the file is empty"),
        ("files = 1", "files = 2", "a file has `files = 1`"),
        ("files = 1", 'files = 1\nexecutable = "yes"', "`executable` is not true or false"),
        ("files = 1", "files = 1\nfiles = 1", "is not TOML"),
        ("files = 1", "files = 1\nmeta.x = 1", 'has "meta"'),
        ("files = 1", "files = 1\nprofile = { depth = 0 }", 'has "profile"'),
        ("[table]", "[mata]\n[table]", 'has "mata"'),
        ("[table]", "[[table]]", "`table` is not a table"),
        ("rows = 0", "raws = 0", 'has "table.raws"'),
        ("rows = 0", "rows = 1.5", "`table.rows` is not an integer"),
        ('key = ["id"]', 'key = "id"', "`table.key` is not a list of strings"),
        ('key = ["id"]', "key = [1]", "`table.key` is not a list of strings"),
        ('key = ["id"]', 'key = ["id", "id"]', "names a column twice"),
        ('format = "csv"', 'format = "../csv"', "is not the name of one"),
        ('delimiter = ","', 'delimiter = ",,"', "not a single character"),
        ('types = "sampled"', 'types = "sure"', "`types` is not `sampled`"),
        ('type = "empty" },', 'typ = "empty" },', "has no `table.columns.type`"),
        ('type = "empty" },', 'type = "empty", unit = "m" },', 'has "table.columns.unit"'),
        ("columns = [", "columns = [ 1,", "not a list of tables"),
        ("]\n", "]\nmore_columns = -1\n", "`table.more_columns` is not between"),
        ("files = 1", "files = 1\n" + "a." * 101 + "a = 1", "more than 100 parts"),
        ("files = 1", "files = 1\nx = " + "[" * 100_000, "is not TOML"),
        ("datav = 1", "\0", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(old, new, reason):
    assert old in TEXT

    with pytest.raises(FormatError) as error:
        parse(TEXT.replace(old, new, 1))

    assert reason in str(error.value)
    assert str(error.value).startswith("manifest a.csv.datav: ")
    assert len(str(error.value)) < 400


def test_a_profile_is_one_line_and_makes_it_version_two():
    executable = replace(PROFILED, executable=True)

    lines = encode_manifest(executable).decode().splitlines()

    assert lines[1] == "datav = 2"
    assert lines[6:10] == [
        "files = 1",
        "executable = true",
        f'profile = {{ id = "{hash_chunk(b"a profile").text}", depth = 0, bytes = 9 }}',
        "",
    ]
    assert parse_manifest(encode_manifest(executable), "x") == executable
    assert (FILE.contents, PROFILED.contents) == ((CONTENT,), (CONTENT, PROFILE))


def test_a_directory_may_have_a_profile_that_is_a_tree():
    directory = Manifest(
        "directory", Content(CONTENT.id, 1, 0), 0, profile=Content(PROFILE.id, 2, 16 * 2**20)
    )

    assert parse_manifest(encode_manifest(directory), "x") == directory


def test_version_two_may_be_without_a_profile():
    assert parse(TEXT.replace("datav = 1", "datav = 2")) == FILE


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("datav = 2", "datav = 1", 'has "profile", which is not a field'),
        ("profile = {", "profile = 3 # {", "`profile` is not a table"),
        ("profile = {", "profile = [] # {", "`profile` is not a table"),
        ('profile = { id = "b3:', 'profile = { id = "md5:', "`profile.id`: "),
        ("depth = 0, bytes", "depth = 14, bytes", "`profile.depth` is not between 0 and 13"),
        ("depth = 0, bytes", "depth = -1, bytes", "`profile.depth` is not between 0 and 13"),
        ("depth = 0, bytes", "bytes", "has no `profile.depth`"),
        ("bytes = 9 }", "bytes = 0 }", "`profile.bytes` is not between 1 and"),
        (
            "depth = 0, bytes = 9 }",
            f"depth = 3, bytes = {MAX_PROFILE + 1} }}",
            "is not between 1 and 16777216",
        ),
        ("bytes = 9 }", f"bytes = {MAX_CHUNK + 1} }}", "of its profile do not agree"),
        ("bytes = 9 }", "bytes = true }", "`profile.bytes` is not an integer"),
        ("bytes = 9 }", "bytes = 9, kind = 1 }", 'has "profile.kind"'),
        (hash_chunk(b"a profile").text, hash_chunk(b"").text, "of its profile do not agree"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(old, new, reason):
    assert old in PROFILED_TEXT

    with pytest.raises(FormatError, match=re.escape(reason)):
        parse(PROFILED_TEXT.replace(old, new, 1))


def test_a_conflict_stands_above_the_table_and_makes_it_version_three():
    lines = encode_manifest(CONFLICTED).decode().splitlines()

    assert lines[1] == "datav = 3"
    assert lines[6:16] == [
        "files = 1",
        "",
        "[conflict]",
        "open = 2",
        f'record = {{ id = "{hash_chunk(b"a record").text}", depth = 0, bytes = 10 }}',
        "sides = [",
        f'  {{ id = "{hash_chunk(b"").text}", depth = 0, bytes = 0 }},',
        f'  {{ id = "{hash_chunk(b"id,code" + bytes([10])).text}", depth = 1, bytes = {2**40} }},',
        "]",
        "",
    ]
    assert parse(CONFLICTED_TEXT) == CONFLICTED


def test_a_store_needs_what_finishes_the_merge_each_once():
    ours = replace(CONFLICTED, profile=PROFILE, conflict=replace(CONFLICT, sides=(OTHER, CONTENT, OTHER)))

    assert ours.contents == (CONTENT, PROFILE, RECORD, OTHER)


def test_version_three_may_be_without_a_conflict():
    assert parse(TEXT.replace("datav = 1", "datav = 3")) == FILE


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("datav = 3", "datav = 2", 'has "conflict", which is not a field'),
        ("[conflict]", "[[conflict]]", "`conflict` is not a table"),
        ("open = 2\n", "", "has no `conflict.open`"),
        ("open = 2", "open = true", "`conflict.open` is not an integer"),
        ("open = 2", "open = -1", "`conflict.open` is not between 0 and"),
        ("record = {", "record = [] # {", "`conflict.record` is not a table"),
        ("record = {", "recrod = {", "has no `conflict.record`"),
        ("bytes = 10 }", "bytes = 0 }", "`conflict.record.bytes` is not between 1 and 67108864"),
        ("bytes = 10 }", f"bytes = {MAX_RECORD + 1} }}", "`conflict.record.bytes` is not between"),
        ("bytes = 10 }", f"bytes = {MAX_CHUNK + 1} }}", "of its record of conflicts do not agree"),
        (hash_chunk(b"a record").text, hash_chunk(b"").text, "of its record of conflicts do not agree"),
        ("sides = [", "sides = 3 # [", "is not TOML"),
        ("sides = [", "sides = [ 1,", "`conflict.sides` is not a list of tables"),
        ("sides = [", "sides = [" + "{}," * MAX_SIDES, f"`conflict.sides` has more than {MAX_SIDES}"),
        (f"bytes = {2**40}", "bytes = -1", "`conflict.sides.bytes` is not between"),
        (f"depth = 1, bytes = {2**40}", "depth = 0, bytes = 0", "a side of its conflict do not agree"),
        (f"bytes = {2**40}", f"bytes = {2**40}, kind = 1", 'has "conflict.sides.kind"'),
        ("open = 2", "open = 2\nclosed = 3", 'has "conflict.closed"'),
    ],
)
def test_a_conflict_that_cannot_be_is_refused(old, new, reason):
    assert old in CONFLICTED_TEXT

    with pytest.raises(FormatError, match=re.escape(reason)):
        parse(CONFLICTED_TEXT.replace(old, new, 1))


def test_a_conflict_is_not_carried_to_the_next_version():
    assert keep_users_part(FILE, CONFLICTED) == FILE
    assert keep_users_part(CONFLICTED, FILE) == CONFLICTED


def test_text_that_is_no_text_is_refused():
    with pytest.raises(FormatError, match="not UTF-8"):
        parse_manifest(b"datav = 1\n# \xff", "x")
    with pytest.raises(FormatError, match="longer than"):
        parse_manifest(b"#" * (MAX_SIZE + 1), "x")


def test_what_follows_meta_is_named_with_its_line():
    with pytest.raises(FormatError, match='must come last, and "other" is behind it'):
        parse(TEXT + "\n[meta]\n[other]\n")
    with pytest.raises(FormatError, match=f"line {TEXT.count(chr(10)) + 3}"):
        parse(TEXT + "\n[meta]\na = = 1\n")


@pytest.mark.parametrize(
    "text",
    [
        'datav = 1\n<<<<<<< HEAD\nid = "a"\n=======\nid = "b"\n>>>>>>> other\n',
        TEXT.replace(
            "rows = 0\n", "<<<<<<< HEAD\nrows = 0\n||||||| base\nrows = 2\n=======\nrows = 1\n>>>>>>> x\n"
        ),
        TEXT.replace("rows = 0\n", "<<<<<<< HEAD\r\nrows = 0\r\n=======\r\nrows = 1\r\n>>>>>>> x\r\n"),
    ],
)
def test_an_unfinished_merge_is_told_from_damage(text):
    with pytest.raises(ManifestConflictError, match="has git conflict markers") as error:
        parse(text)

    assert error.value.hint


def test_an_empty_file_and_an_empty_directory_have_manifests():
    empty_file = Manifest("file", EMPTY_CONTENT, 1, executable=True)
    empty_directory = Manifest("directory", Content(CONTENT.id, 1, 0), 0)

    for manifest in (empty_file, empty_directory):
        assert parse_manifest(encode_manifest(manifest), "x") == manifest


def test_key_and_meta_are_carried_to_the_next_version():
    old = replace(FILE, meta="[meta]\na = 1\n")
    new = replace(FILE, content=CONTENT._replace(size=9), table=replace(TABLE, key=(), rows=1))

    kept = keep_users_part(new, old)

    assert kept.meta == old.meta
    assert kept.table == replace(TABLE, rows=1)
    assert keep_users_part(replace(new, table=None), old).table is None


def test_a_profile_stays_with_its_content_alone():
    another = PROFILE._replace(size=10)
    renamed = replace(TABLE, columns=(ColumnInfo("x", "empty"), ColumnInfo("name", "empty")))

    assert keep_users_part(FILE, PROFILED) == PROFILED
    assert keep_users_part(replace(FILE, table=replace(TABLE, key=())), PROFILED) == PROFILED
    assert keep_users_part(replace(FILE, profile=another), PROFILED).profile == another
    assert keep_users_part(replace(FILE, content=CONTENT._replace(size=9)), PROFILED).profile is None
    assert keep_users_part(replace(FILE, table=renamed), PROFILED).profile is None
    assert keep_users_part(FILE, replace(PROFILED, content=CONTENT._replace(size=9))).profile is None


def test_more_columns_than_anybody_reads_are_counted():
    columns = [ColumnInfo(str(i), "text") for i in range(MAX_COLUMNS + 3)]

    listed, more = limit_columns(columns)

    assert (listed, more) == (tuple(columns[:MAX_COLUMNS]), 3)


def test_names_that_would_not_fit_are_counted():
    columns = [ColumnInfo("a", "text"), ColumnInfo("\x01" * MAX_SIZE, "text"), ColumnInfo("b", "text")]

    listed, more = limit_columns(columns)

    assert (listed, more) == (tuple(columns[:1]), 2)
    encode_manifest(replace(FILE, table=replace(TABLE, columns=listed, more_columns=more)))
