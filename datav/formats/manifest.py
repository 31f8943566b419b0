"""Manifests: the text file `NAME.datav` that git tracks in place of the dataset `NAME`.

The text is specified in docs/formats/manifest.md, and this module is the only code that knows it.
Pure: bytes in, values out.

A manifest is hostile input: it comes out of git, where anybody may have edited it.  Two things in it
are the user's and survive every rewrite: the key of the table, and everything from `[meta]` on.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from datav.errors import FormatError
from datav.formats.entry import EMPTY_CONTENT, Content
from datav.formats.fields import MAX_INT, Fields, decode_text, parse_toml, quote, refuse, show
from datav.ids import ChunkId, Id, NodeId

VERSION = 3

# A manifest says the lowest version that has all it says: a reader of less would collect what it cannot read.
_FIRST_WITH_PROFILE = 2
_FIRST_WITH_CONFLICT = 3

MAX_SIZE = 2**20
"""A reader takes no more than this into memory, whatever a repository holds."""

MAX_COLUMNS = 1000
"""More are counted, not listed: nobody reviews them."""

MAX_DEPTH = 13
"""Trees have levels 0 to 12 (docs/formats/tree.md); the depth of a content is the level of its root + 1."""

MAX_PROFILE = 16 * 2**20
"""Bytes of a profile.  Most have some dozen KiB; who reads one takes no more than this into memory."""

MAX_RECORD = 64 * 2**20
"""Bytes of a record of conflicts (docs/formats/conflict.md)."""

MAX_SIDES = 6
"""Contents that a conflict names: of three versions, each with a profile at most."""

# The largest chunk, as `datav.formats.frame` has it.  Not from there: that imports what unpacks frames, and
# git has a manifest put into words for every version that it shows.
_MAX_CHUNK = 2**20

# Column names may be of any length; half of the largest manifest is left for [meta] and the rest.
_COLUMNS_BUDGET = MAX_SIZE // 2

_BANNER = "# Tracked by datav: the data itself is not in git. `datav checkout` brings it back."

Kind = Literal["file", "directory"]


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column of a table, as a reviewer wants to see it."""

    name: str
    """As it stands in the data: may be empty, and may occur twice."""
    type: str
    nulls: int | None = None
    """None when no footer states it."""


@dataclass(frozen=True, slots=True)
class TableInfo:
    """What a manifest says of a file that is a table."""

    format: str
    """`csv`, `tsv`, `jsonl`, `parquet` or `arrow`; a reader leaves alone what it does not know."""
    encoding: str | None
    """Of text tables."""
    delimiter: str | None
    """Of text tables with one: a single character."""
    rows: int | None
    """The header not counted; None when it could not be known."""
    key: tuple[str, ...]
    """The columns that identify a row: the user's."""
    columns: tuple[ColumnInfo, ...]
    """In order, at most MAX_COLUMNS."""
    more_columns: int
    """Those not listed."""
    sampled: bool
    """The types are what the first rows show, not what the file states."""


@dataclass(frozen=True, slots=True)
class ConflictInfo:
    """What a merge left to be decided."""

    record: Content
    """A stored file: the record of all conflicts (`datav.formats.conflict`)."""
    open: int
    """Conflicts that nobody has decided yet; may be 0."""
    sides: tuple[Content, ...]
    """What the versions hold that were merged, base, ours and theirs as far as they exist: without them the
    merge cannot be finished.  At most MAX_SIDES."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One version of one dataset."""

    kind: Kind
    content: Content
    """Of a directory: its id is the root of the directory tree, its depth that node's level + 1."""
    files: int
    """Entries of a directory; 1 for a file."""
    executable: bool = False
    table: TableInfo | None = None
    meta: str = ""
    """The user's text at the end to the letter, `[meta]` line and comments included; empty without one."""
    profile: Content | None = None
    """A stored file: the profile of this very content; also of a directory.  None: there is none."""
    conflict: ConflictInfo | None = None
    """The content is that of a merge as far as it goes; None: nothing is to be decided."""

    @property
    def contents(self) -> tuple[Content, ...]:
        """All that this manifest needs in a store, each once: what the dataset holds, then its profile, then
        what its conflict names."""
        found = [self.content] if self.profile is None else [self.content, self.profile]
        if self.conflict is not None:
            found += [self.conflict.record, *self.conflict.sides]
        return tuple(dict.fromkeys(found))


class ManifestConflictError(FormatError):
    """git left conflict markers in a manifest."""

    code = "manifest-conflict"


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the text of `manifest`.

    Raises:
        FormatError: no reader would take the text: too long, a number out of range, a text that is not
            Unicode, a `meta` that is not the tail of a manifest.  Such a manifest is never written.
    """
    head = "\n".join(_head_lines(manifest)) + "\n"
    text = f"{head}\n{manifest.meta}" if manifest.meta else head
    try:
        data = text.encode()
    except UnicodeEncodeError as exc:
        raise FormatError("a manifest cannot hold a text with a lone surrogate") from exc
    if parse_manifest(data, "to be written") != manifest:
        raise FormatError("the manifest to be written would not read back as it is")
    return data


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Return what the text of a manifest says; the inverse of `encode_manifest`.

    Args:
        data: the whole text, hostile.
        where: names it in errors.

    Raises:
        ManifestConflictError: it has the marks of an unfinished git merge.
        FormatError: it is not a manifest, or one that a newer datav wrote.
    """
    where = f"manifest {where}"
    text = _decode(data, where)
    head, meta = _split_meta(text)
    fields = Fields(parse_toml(head, where), where)
    manifest = _read_manifest(fields, _read_version(fields))
    _check_meta(meta, text.count("\n") - meta.count("\n"), where)
    return replace(manifest, meta=meta)


def keep_users_part(new: Manifest, old: Manifest) -> Manifest:
    """Return `new` with what is the user's in `old`: `[meta]`, and the key while there is a table.

    A profile is nobody's but its content's, read as the table that it is: it stays while those do.  A
    conflict is its merge's, and is never carried over.
    """
    table = new.table
    if table is not None and old.table is not None:
        table = replace(table, key=old.table.key)
    is_same = new.content == old.content and table == old.table
    profile = old.profile if new.profile is None and is_same else new.profile
    return replace(new, table=table, meta=old.meta, profile=profile)


def limit_columns(columns: Sequence[ColumnInfo]) -> tuple[tuple[ColumnInfo, ...], int]:
    """Return the columns that a manifest lists, and how many it only counts."""
    room = _COLUMNS_BUDGET
    for i, column in enumerate(columns[:MAX_COLUMNS]):
        room -= len(_column_line(column).encode("utf-8", "surrogatepass"))
        if room < 0:
            return tuple(columns[:i]), len(columns) - i
    return tuple(columns[:MAX_COLUMNS]), max(0, len(columns) - MAX_COLUMNS)


# Writing


def _head_lines(manifest: Manifest) -> Iterable[str]:
    yield _BANNER
    yield f"datav = {_lowest_version(manifest)}"
    yield f"kind = {quote(manifest.kind)}"
    yield f"id = {quote(Id(manifest.content.id).text)}"
    yield f"depth = {manifest.content.depth}"
    yield f"bytes = {manifest.content.size}"
    yield f"files = {manifest.files}"
    if manifest.executable:
        yield "executable = true"
    if manifest.profile is not None:
        yield f"profile = {_inline(manifest.profile)}"
    if manifest.conflict is not None:
        yield ""
        yield from _conflict_lines(manifest.conflict)
    if manifest.table is not None:
        yield ""
        yield from _table_lines(manifest.table)


def _lowest_version(manifest: Manifest) -> int:
    if manifest.conflict is not None:
        return _FIRST_WITH_CONFLICT
    return 1 if manifest.profile is None else _FIRST_WITH_PROFILE


def _conflict_lines(conflict: ConflictInfo) -> Iterable[str]:
    yield "[conflict]"
    yield f"open = {conflict.open}"
    yield f"record = {_inline(conflict.record)}"
    yield "sides = ["
    yield from (f"  {_inline(side)}," for side in conflict.sides)
    yield "]"


def _inline(content: Content) -> str:
    return f"{{ id = {quote(Id(content.id).text)}, depth = {content.depth}, bytes = {content.size} }}"


def _table_lines(table: TableInfo) -> Iterable[str]:
    yield "[table]"
    yield f"format = {quote(table.format)}"
    if table.encoding is not None:
        yield f"encoding = {quote(table.encoding)}"
    if table.delimiter is not None:
        yield f"delimiter = {quote(table.delimiter)}"
    if table.rows is not None:
        yield f"rows = {table.rows}"
    yield f"key = [{', '.join(quote(name) for name in table.key)}]"
    if table.sampled:
        yield 'types = "sampled"'
    yield "columns = ["
    yield from map(_column_line, table.columns)
    yield "]"
    if table.more_columns:
        yield f"more_columns = {table.more_columns}"


def _column_line(column: ColumnInfo) -> str:
    nulls = "" if column.nulls is None else f", nulls = {column.nulls}"
    return f"  {{ name = {quote(column.name)}, type = {quote(column.type)}{nulls} }},"


# Reading


_META_LINE = re.compile(r"""^[ \t]*\[{1,2}[ \t]*(?:meta|"meta"|'meta')[ \t]*[.\]]""", re.MULTILINE)
_BLANK_OR_COMMENT = re.compile(r"[ \t\r]*(?:#.*)?")
_CONFLICT = (
    re.compile(r"^<{7}(?: |\r?$)", re.MULTILINE),
    re.compile(r"^={7}\r?$", re.MULTILINE),
    re.compile(r"^>{7}(?: |\r?$)", re.MULTILINE),
)


def _decode(data: bytes, where: str) -> str:
    text = decode_text(data, where, MAX_SIZE)
    if _has_conflict(text):
        raise ManifestConflictError(
            f"{where}: has git conflict markers",
            hint="`datav resolve PATH` merges what git could not",
        )
    return text


def _has_conflict(text: str) -> bool:
    # All three, in order: a row of equals signs alone may underline a title in the user's [meta].
    at = 0
    for mark in _CONFLICT:
        found = mark.search(text, at)
        if found is None:
            return False
        at = found.end()
    return True


def _split_meta(text: str) -> tuple[str, str]:
    """Cut after the last line of datav's own part; one empty line between the two belongs to neither.

    Comments right above `[meta]` are the user's, so the cut is not at `[meta]` itself.  A `[meta]` line
    inside a string of several lines cuts there, and then the head is no TOML: datav writes no such string.
    """
    found = _META_LINE.search(text)
    lines = text[: found.start() if found else len(text)].split("\n")
    last = len(lines)
    while last and _BLANK_OR_COMMENT.fullmatch(lines[last - 1]):
        last -= 1
    cut = min(len(text), sum(len(line) + 1 for line in lines[:last]))
    head, tail = text[:cut], text[cut:]
    tail = tail.removeprefix("\r\n") if tail.startswith("\r") else tail.removeprefix("\n")
    return head, tail if tail.strip(" \t\r\n") else ""


def _read_version(fields: Fields) -> int:
    version = fields.integer("datav", low=1)
    if version > VERSION:
        fields.refuse(f"was written by a newer datav (this one reads version {VERSION})")
    return version


def _check_meta(meta: str, lines_above: int, where: str) -> None:
    parsed = parse_toml(meta, where, lines_above)
    others = [name for name in parsed if name != "meta"]
    if others:
        refuse(where, f"[meta] must come last, and {show(others[0])} is behind it")
    if not isinstance(parsed.get("meta", {}), dict):
        refuse(where, "[meta] must be a table")


def _read_manifest(fields: Fields, version: int) -> Manifest:
    kind = fields.text("kind")
    if kind not in ("file", "directory"):
        fields.refuse("`kind` is neither `file` nor `directory`")
    is_file = kind == "file"
    depth = fields.integer("depth", low=0 if is_file else 1, high=MAX_DEPTH)
    content = Content(fields.id("id", ChunkId if depth == 0 else NodeId), depth, fields.integer("bytes"))
    files = fields.integer("files")
    executable = fields.boolean("executable")
    profile = fields.table("profile") if version >= _FIRST_WITH_PROFILE else None
    conflict = fields.table("conflict") if version >= _FIRST_WITH_CONFLICT else None
    table = fields.table("table")
    if is_file and files != 1:
        fields.refuse("a file has `files = 1`")
    if is_file and (content.size == 0 or content.id == EMPTY_CONTENT.id) and content != EMPTY_CONTENT:
        fields.refuse("`id`, `depth` and `bytes` do not agree on whether the file is empty")
    if not is_file and (executable or table is not None):
        fields.refuse("a directory has neither `executable` nor [table]")
    fields.finish()
    return Manifest(
        "file" if is_file else "directory",
        content,
        files,
        executable,
        None if table is None else _read_table(table),
        profile=None if profile is None else _read_file(profile, "profile", MAX_PROFILE),
        conflict=None if conflict is None else _read_conflict(conflict),
    )


def _read_file(fields: Fields, what: str, largest: int) -> Content:
    """A stored file that is not empty: `what`."""
    content = _read_content(fields, low=1, high=largest)
    if content.id == EMPTY_CONTENT.id or (content.depth == 0 and content.size > _MAX_CHUNK):
        fields.refuse(f"`id`, `depth` and `bytes` of its {what} do not agree")
    return content


def _read_content(fields: Fields, *, low: int = 0, high: int = MAX_INT) -> Content:
    depth = fields.integer("depth", high=MAX_DEPTH)
    size = fields.integer("bytes", low=low, high=high)
    content = Content(fields.id("id", ChunkId if depth == 0 else NodeId), depth, size)
    fields.finish()
    return content


def _read_conflict(fields: Fields) -> ConflictInfo:
    record = fields.table("record")
    if record is None:
        fields.refuse("has no `conflict.record`")
    conflict = ConflictInfo(
        _read_file(record, "record of conflicts", MAX_RECORD),
        fields.integer("open"),
        tuple(_read_side(side) for side in fields.tables("sides", most=MAX_SIDES)),
    )
    fields.finish()
    return conflict


def _read_side(fields: Fields) -> Content:
    """Of a file or a directory: that is not said here."""
    side = _read_content(fields)
    is_nothing = side.id == EMPTY_CONTENT.id or (side.depth == 0 and side.size == 0)
    if is_nothing and side != EMPTY_CONTENT:
        fields.refuse("`id`, `depth` and `bytes` of a side of its conflict do not agree")
    return side


def _read_table(fields: Fields) -> TableInfo:
    types = fields.optional("types", fields.text)
    if types not in (None, "sampled"):
        fields.refuse("`types` is not `sampled`")
    delimiter = fields.optional("delimiter", fields.text)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        fields.refuse("`delimiter` is not a single character that can part cells")
    table = TableInfo(
        format=fields.word("format"),
        encoding=fields.optional("encoding", fields.word),
        delimiter=delimiter,
        rows=fields.optional("rows", fields.integer),
        key=tuple(fields.texts("key")),
        columns=tuple(map(_read_column, fields.tables("columns"))),
        more_columns=fields.optional("more_columns", fields.integer) or 0,
        sampled=types is not None,
    )
    if len(table.columns) > MAX_COLUMNS:
        fields.refuse(f"lists more than {MAX_COLUMNS} columns")
    if len(set(table.key)) != len(table.key):
        fields.refuse("`key` names a column twice")
    fields.finish()
    return table


def _read_column(fields: Fields) -> ColumnInfo:
    column = ColumnInfo(fields.text("name"), fields.text("type"), fields.optional("nulls", fields.integer))
    fields.finish()
    return column
