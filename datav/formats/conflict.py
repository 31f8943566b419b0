"""Conflict records: what a merge could not decide, and what was decided of it since.

The bytes are specified in docs/formats/conflict.md, and this module is the only code that knows them.
Pure: bytes in, values out.

A record comes out of a store that somebody else may have filled: it is hostile input.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn, get_args

from datav.errors import FormatError, UnsafePathError, UsageError
from datav.formats.entry import Content
from datav.formats.manifest import MAX_DEPTH, MAX_RECORD
from datav.formats.manifest import MAX_SIZE as MAX_MANIFEST
from datav.ids import ChunkId, Id, NodeId
from datav.relpath import check_path

VERSION = 1

MAX_SIZE = MAX_RECORD
"""Bytes of a record.  Who reads one takes no more than this into memory."""

MAX_ITEMS = 200_000
"""More conflicts nobody decides one by one: such a merge is a conflict of the file as a whole."""

MAX_NESTING = 100
"""Objects and lists of JSON inside each other in one line."""

_MAGIC = "datav-conflict"

Side = Literal["base", "ours", "theirs"]
SIDES: tuple[Side, ...] = ("base", "ours", "theirs")

ConflictKind = Literal["cell", "delete_modify", "add_add", "schema", "file", "meta"]


@dataclass(frozen=True, slots=True)
class Given:
    """A decision for a value that is none of the three."""

    text: str | None
    """Of a cell, as a text table would have it; None: null."""


@dataclass(frozen=True, slots=True)
class ConflictItem:
    """One thing that both sides changed, in different ways.  Values are those of JSON, None where there is
    nothing.

    `cell`: of a row that all three have.  `add_add`: a cell of a row that both sides added.
    `delete_modify`: a row that one side removed; `base`, `ours` and `theirs` are whole rows, by column.
    `schema`: a column.  `file`: a file or a dataset as a whole; its sides are `{"id", "depth", "bytes"}`.
    `meta`: the `[meta]` text of a manifest.
    """

    kind: ConflictKind
    base: Any
    ours: Any
    theirs: Any
    path: bytes = b""
    """Of the file in a directory; empty where the dataset is the file."""
    key: tuple[tuple[str, Any], ...] = ()
    """Columns and cells; of a row without a key all cells of the base row."""
    column: str | None = None
    reason: str | None = None
    """Of a file: why it was not merged by what is in it."""
    taken: Side | Given | None = None
    """What was decided; None: nothing yet."""


@dataclass(frozen=True, slots=True)
class ConflictRecord:
    """All conflicts of one merge of one dataset."""

    manifests: Mapping[Side, bytes]
    """The texts of the manifests that were merged; of a side that had none, nothing."""
    items: tuple[ConflictItem, ...] = ()
    """In the order in which people are shown them."""


class TooManyConflictsError(FormatError):
    """A record would be larger than one may be."""

    code = "too-many-conflicts"


def encode_record(record: ConflictRecord) -> bytes:
    """Return the bytes of `record`.

    Raises:
        TooManyConflictsError: more than MAX_ITEMS of them, or more than MAX_SIZE bytes.
        FormatError: no reader would take the bytes, or would read something else: a value that JSON does not
            have (NaN, a tuple, a date), one nested too deep, a path that leaves its root.
    """
    if len(record.items) > MAX_ITEMS:
        raise TooManyConflictsError(f"{len(record.items)} conflicts are more than {MAX_ITEMS}")
    header = _header(record.manifests, len(record.items))
    if _read_header(_parse_line(header, "to be written", 1), "to be written") != (
        dict(record.manifests),
        len(record.items),
    ):
        raise FormatError("the record of conflicts to be written would not read back as it is")
    lines, size = [header], len(header) + 1
    for number, item in enumerate(record.items, 2):
        line = _item_line(item)
        if _parse_item(line, "to be written", number) != item:
            raise FormatError(f"the conflict {identity(item)[:200]} would not read back as it is")
        lines.append(line)
        size += len(line) + 1
        if size > MAX_SIZE:
            raise TooManyConflictsError(f"a record of these conflicts is longer than {MAX_SIZE} bytes")
    return b"\n".join([*lines, b""])


def parse_record(data: bytes, where: str) -> ConflictRecord:
    """Return what the bytes of a record say; the inverse of `encode_record`.

    Args:
        data: all of them, hostile.
        where: names it in errors.

    Raises:
        FormatError: it is no record, is not written as a writer does, or a newer datav wrote it.
    """
    if len(data) > MAX_SIZE:
        _refuse(where, f"is longer than {MAX_SIZE} bytes")
    *lines, rest = data.split(b"\n", MAX_ITEMS + 1)
    if not lines or rest:
        _refuse(where, f"does not end its last line, or has more than {MAX_ITEMS} conflicts")
    manifests, count = _read_header(_parse_line(lines[0], where, 1), where)
    if count != len(lines) - 1:
        _refuse(where, f"says that it has {count} conflicts, and has {len(lines) - 1}")
    if _header(manifests, count) != lines[0]:
        _refuse(where, "has a first line that is not written as it must be")
    return ConflictRecord(
        manifests, tuple(_parse_item(line, where, number) for number, line in enumerate(lines[1:], 2))
    )


def identity(item: ConflictItem) -> str:
    """Return what tells a conflict from the others of its merge: kind, path, key and column, as JSON.

    Merges of the same three versions give the same.  Rows without a key that are equal share one, and so
    what is decided of it.
    """
    parts = [item.kind, _escape(item.path), item.key, item.column]
    return json.dumps(parts, sort_keys=True, separators=(",", ":"))


def split_identity(name: str) -> tuple[ConflictKind, bytes, str]:
    """Return of an `identity` the kind, the path, and what it would be in a dataset that is that file.

    Raises:
        FormatError: it is none.
    """
    try:
        kind, path, key, column = json.loads(name)
    except (ValueError, TypeError, RecursionError) as exc:
        raise FormatError("the name of a conflict is none") from exc
    inside = json.dumps([kind, "", key, column], sort_keys=True, separators=(",", ":"))
    return kind, _unescape(path, "a path", "with that conflict"), inside


def open_items(record: ConflictRecord) -> tuple[ConflictItem, ...]:
    """Return the conflicts that are not decided yet."""
    return tuple(item for item in record.items if item.taken is None)


def with_decisions(record: ConflictRecord, decisions: Mapping[str, Side | Given]) -> ConflictRecord:
    """Return `record` with what was decided of some conflicts, by `identity`; also again.

    Raises:
        UsageError: the record has no such conflict.
    """
    known = [identity(item) for item in record.items] if decisions else []
    unknown = decisions.keys() - set(known)
    if unknown:
        raise UsageError(f"the merge has no conflict {min(unknown)[:200]}")
    items = (
        replace(item, taken=decisions.get(name, item.taken))
        for item, name in zip(record.items, known, strict=True)
    )
    return replace(record, items=tuple(items)) if decisions else record


def describe_content(content: Content) -> dict[str, Any]:
    """Return `content` as a side of a conflict of files has it."""
    return {"id": Id(content.id).text, "depth": content.depth, "bytes": content.size}


def content_of(side: Any) -> Content | None:
    """Return the content that a side of a conflict of files names; the inverse of `describe_content`.

    Raises:
        FormatError: it names none.
    """
    if side is None:
        return None
    depth, size = (side.get(name) if isinstance(side, dict) else None for name in ("depth", "bytes"))
    if type(depth) is not int or type(size) is not int or not (0 <= depth <= MAX_DEPTH and 0 <= size < 2**63):
        raise FormatError("a side of a conflict of files names no content")
    text = side.get("id")
    if type(text) is not str:
        raise FormatError("a side of a conflict of files has no id")
    return Content(bytes((NodeId if depth else ChunkId).parse(text)), depth, size)


# Writing


def _header(manifests: Mapping[Side, bytes], count: int) -> bytes:
    texts = {side: _escape(manifests[side]) for side in SIDES if side in manifests}
    return _line({_MAGIC: VERSION, "items": count, "manifests": texts})


def _item_line(item: ConflictItem) -> bytes:
    values: dict[str, Any] = {"kind": item.kind}
    if item.path:
        values["path"] = _escape(item.path)
    if item.key:
        values["key"] = item.key
    if item.column is not None:
        values["column"] = item.column
    values |= {"base": item.base, "ours": item.ours, "theirs": item.theirs}
    if item.reason is not None:
        values["reason"] = item.reason
    if item.taken is not None:
        values["taken"] = {"given": item.taken.text} if isinstance(item.taken, Given) else item.taken
    return _line(values)


_SURROGATE = re.compile("[\ud800-\udfff]")


def _line(values: Any) -> bytes:
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as exc:
        raise FormatError(f"a record of conflicts cannot hold this: {str(exc)[:200]}") from exc
    # JSON has texts with half of a surrogate pair, UTF-8 has not.
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()


def _escape(raw: bytes) -> str:
    """Return bytes as text: what is not UTF-8, and the percent sign, as `%XX`."""
    text = raw.replace(b"%", b"%25").decode("utf-8", "surrogateescape")
    return _SURROGATE.sub(lambda half: f"%{ord(half[0]) - 0xDC00:02X}", text)


# Reading

_KINDS = frozenset(get_args(ConflictKind))
_FIELDS = frozenset(("kind", "path", "key", "column", "base", "ours", "theirs", "reason", "taken"))
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def _parse_line(line: bytes, where: str, number: int) -> dict[str, Any]:
    # Any: what JSON has; whoever takes a value checks it.
    try:
        text = line.decode()
        if _nesting(text) > MAX_NESTING:
            _refuse(where, f"has JSON in line {number} that is nested more than {MAX_NESTING} deep")
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        # ValueError and not only its subclasses: an integer of too many digits.
        raise FormatError(
            f"record of conflicts {where}: line {number} is not JSON: {str(exc)[:200]}"
        ) from exc
    if not isinstance(values, dict):
        _refuse(where, f"has a line {number} that is no object")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _nesting(text: str) -> int:
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return 0
    depth = deepest = 0
    for char in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if char in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _read_header(values: Mapping[str, Any], where: str) -> tuple[dict[Side, bytes], int]:
    version = values.get(_MAGIC)
    if type(version) is not int or version < 1:
        _refuse(where, f"is none: its first line has no `{_MAGIC}`")
    if version > VERSION:
        _refuse(where, f"was written by a newer datav (this one reads version {VERSION})")
    count, texts = values.get("items"), values.get("manifests")
    if type(count) is not int or not 0 <= count <= MAX_ITEMS:
        _refuse(where, f"does not say how many conflicts it has, 0 to {MAX_ITEMS}")
    if not isinstance(texts, dict) or not texts.keys() <= set(SIDES):
        _refuse(where, "has `manifests` of other sides than base, ours and theirs")
    manifests: dict[Side, bytes] = {}
    for side in SIDES:
        if side in texts:
            manifests[side] = _unescape(texts[side], f"the manifest of {side}", where)
            if len(manifests[side]) > MAX_MANIFEST:
                _refuse(where, f"has a manifest of {side} of more than {MAX_MANIFEST} bytes")
    return manifests, count


def _parse_item(line: bytes, where: str, number: int) -> ConflictItem:
    values = _parse_line(line, where, number)
    where_in = f"{where}, line {number}"
    if not values.keys() <= _FIELDS:
        unknown = min(values.keys() - _FIELDS)
        _refuse(where_in, f"has {unknown[:80]!a}, which is not a field of a conflict")
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        _refuse(where_in, "has a kind of conflict that there is not")
    item = ConflictItem(
        kind=kind,  # type: ignore[arg-type]  # it is one of them, as was just seen
        base=values.get("base"),
        ours=values.get("ours"),
        theirs=values.get("theirs"),
        path=_read_path(values.get("path", ""), where_in),
        key=_read_key(values.get("key", []), where_in),
        column=_read_text(values, "column", where_in),
        reason=_read_text(values, "reason", where_in),
        taken=_read_taken(values.get("taken"), where_in),
    )
    _check_sides(item, where_in)
    # What is left out, what stands twice, the order, spaces, how numbers are written.
    if _item_line(item) != line:
        _refuse(where_in, "is not written as it must be")
    return item


def _check_sides(item: ConflictItem, where: str) -> None:
    for side in (item.base, item.ours, item.theirs):
        if item.kind == "delete_modify" and not (side is None or isinstance(side, dict)):
            _refuse(where, "has a side that is no row")
        if item.kind == "meta" and not (side is None or isinstance(side, str)):
            _refuse(where, "has a side that is no text")
        if item.kind == "file":
            try:
                content_of(side)
            except FormatError as exc:
                raise FormatError(f"record of conflicts {where}: {exc}") from exc


def _read_path(text: Any, where: str) -> bytes:
    path = _unescape(text, "a path", where)
    try:
        if path:
            check_path(path, windows=False)
    except UnsafePathError as exc:
        raise FormatError(f"record of conflicts {where}: {exc}") from exc
    return path


def _read_key(value: Any, where: str) -> tuple[tuple[str, Any], ...]:
    pairs: Iterable[Any] = value if isinstance(value, list) else [None]
    key = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            _refuse(where, "has a key that is not pairs of a column and a cell")
        key.append((pair[0], pair[1]))
    return tuple(key)


def _read_text(values: Mapping[str, Any], name: str, where: str) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        _refuse(where, f"has a `{name}` that is no text")
    return value


def _read_taken(value: Any, where: str) -> Side | Given | None:
    for side in SIDES:
        if value == side:
            return side
    if isinstance(value, dict) and value.keys() == {"given"}:
        text = value["given"]
        if text is None or isinstance(text, str):
            return Given(text)
    if value is not None:
        _refuse(where, "has a decision for something else than a side or a given text")
    return None


def _unescape(text: Any, what: str, where: str) -> bytes:
    try:
        raw: bytes = text.encode()
    except (AttributeError, UnicodeEncodeError):
        _refuse(where, f"has {what} that is no text of UTF-8")
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), raw)


def _refuse(where: str, reason: str) -> NoReturn:
    raise FormatError(f"record of conflicts {where}: {reason}")
