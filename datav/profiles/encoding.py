"""Profiles and their bytes.

The layout is specified in docs/formats/profile.md, and this module and `packing` are the only code that
knows it.  Pure.  The same profile is the same bytes on any machine, so that it can be named by their hash.

Each dataclass has one table below that says how each of its fields is written: a field that comes new is a
line there, and a line of the specification.
"""

import json
import math
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, NoReturn, get_args

import numpy as np
import pyarrow
from xxhash import xxh3_64_intdigest

from datav.errors import FormatError
from datav.profiles.arrays import I64
from datav.profiles.columns import (
    NO_NUMBERS,
    NO_TEXTS,
    NO_TIMES,
    ColumnSketch,
    Kind,
    Numbers,
    Texts,
    Times,
)
from datav.profiles.distinct import BITS, REGISTERS, Distinct
from datav.profiles.folders import ExtensionProfile, FolderProfile, ImagesProfile
from datav.profiles.frequent import Frequent
from datav.profiles.groups import GroupedColumn, LabelGroups
from datav.profiles.packing import Packer, Unpacked, Wrong
from datav.profiles.profile import Profile, TableProfile
from datav.profiles.ranks import Ranks
from datav.tables.arrays import numbers

MAGIC = b"DATAVPR\n"
VERSION = 1
MAX_SIZE = 16 * 2**20

_START = struct.Struct("<8sIIQ")
_MAX_COUNT = 2**62
_MAX_RANK = 64 - BITS + 1


class _Codec(NamedTuple):
    """How one value is written into the header, and what stands there read.

    Any: what json takes and gives, and dataclasses of all kinds.
    """

    write: Callable[[Any, Packer], Any]
    read: Callable[[Any, Unpacked], Any]


def encode_profile(profile: Profile) -> bytes:
    """Return the bytes of a profile; more than MAX_SIZE is what no reader takes."""
    return _encode("profile", _PROFILE, profile)


def parse_profile(data: bytes, where: str) -> Profile:
    """Return the profile whose bytes these are.

    Args:
        where: names it in errors.

    Raises:
        FormatError: they are none: damaged, hostile, or of a newer version.
    """
    found: Profile = _parse("profile", _PROFILE, data, where)
    return found


def encode_table(table: TableProfile) -> bytes:
    """Return the bytes of the profile of a table, or of a part of one."""
    return _encode("table", _TABLE, table)


def parse_table(data: bytes, where: str) -> TableProfile:
    """Return the profile of a table whose bytes these are; as parse_profile."""
    found: TableProfile = _parse("table", _TABLE, data, where)
    return found


def _encode(name: str, codec: _Codec, value: object) -> bytes:
    packer = Packer()
    told = codec.write(value, packer)
    header = json.dumps(
        {"arrays": packer.elements, name: told},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        # Half of a surrogate pair, of a file name that is not UTF-8, is escaped as JSON does it.
    ).encode("utf-8", "backslashreplace")
    rest = b"".join([header, *packer.blocks])
    return _START.pack(MAGIC, VERSION, len(header), xxh3_64_intdigest(rest)) + rest


def _parse(name: str, codec: _Codec, data: bytes, where: str) -> Any:
    if data[: len(MAGIC)] != MAGIC:
        raise FormatError(f"{where} is not a profile")
    if len(data) < _START.size:
        raise FormatError(f"profile {where} is cut short")
    _, version, length, checksum = _START.unpack_from(data)
    if version != VERSION:
        raise FormatError(
            f"{where} is a profile of version {version}", hint="a newer datav reads it: upgrade"
        )
    rest = memoryview(data)[_START.size :]
    if len(data) > MAX_SIZE or length > len(rest):
        raise FormatError(f"profile {where} has a size that no writer makes")
    if xxh3_64_intdigest(rest) != checksum:
        raise FormatError(f"profile {where} is damaged: its checksum does not match")
    try:
        header = _read_json(bytes(rest[:length]))
        if type(header) is not dict or header.keys() != {"arrays", name}:
            raise Wrong(f"is not the profile of a {'dataset' if name == 'profile' else name}")
        unpacked = Unpacked(header["arrays"], rest[length:])
        found = codec.read(header[name], unpacked)
        unpacked.check_all_taken()
    except Wrong as exc:
        raise FormatError(f"profile {where} {exc}") from exc
    return found


def _read_json(header: bytes) -> Any:
    try:
        return json.loads(header.decode(), parse_constant=_refuse_constant)
    # ValueError: no UTF-8, no JSON, or an integer of thousands of digits.
    except (ValueError, RecursionError) as exc:
        raise Wrong("has a header that is no JSON") from exc


def _refuse_constant(name: str) -> NoReturn:
    raise Wrong(f"has a number that is {name}")


# ---------------------------------------------------------------- values of the header


def _read_integer(told: Any, _: Unpacked, *, most: int) -> int:
    if type(told) is not int or not 0 <= told <= most:
        raise Wrong("has a count that is none")
    return told


def _read_text(told: Any, _: Unpacked) -> str:
    if type(told) is not str:
        raise Wrong("has a text that is none")
    return told


def _read_truth(told: Any, _: Unpacked) -> bool:
    if type(told) is not bool:
        raise Wrong("has a truth value that is none")
    return told


def _read_real(told: Any, _: Unpacked) -> float:
    if type(told) not in (int, float):
        raise Wrong("has a number that is none")
    try:
        number = float(told)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Wrong("has a number that is not finite")
    return number


def _read_kind(told: Any, _: Unpacked) -> Kind:
    if told not in get_args(Kind):
        raise Wrong("has a column of no known kind")
    kind: Kind = told
    return kind


def _optional(codec: _Codec, absent: Callable[[Any], bool], nothing: object) -> _Codec:
    """Write null for what is absent, and read `nothing`."""
    return _Codec(
        lambda value, packer: None if absent(value) else codec.write(value, packer),
        lambda told, unpacked: nothing if told is None else codec.read(told, unpacked),
    )


def _none_or(codec: _Codec) -> _Codec:
    return _optional(codec, lambda value: value is None, None)


def _each(codec: _Codec) -> _Codec:
    """Write a tuple as a list."""

    def read(told: Any, unpacked: Unpacked) -> tuple[Any, ...]:
        if type(told) is not list:
            raise Wrong("has a list that is none")
        return tuple([codec.read(each, unpacked) for each in told])

    return _Codec(lambda values, packer: [codec.write(value, packer) for value in values], read)


def _record(make: type, check: Callable[[Any], None] | None = None, /, **fields: _Codec) -> _Codec:
    """Write a dataclass as an object; what is read is checked."""
    # Sorted as the header is, so that arrays are numbered in the order in which it names them.
    names, in_order = fields.keys(), sorted(fields.items())

    def write(value: Any, packer: Packer) -> dict[str, Any]:
        return {name: codec.write(getattr(value, name), packer) for name, codec in in_order}

    def read(told: Any, unpacked: Unpacked) -> Any:
        if type(told) is not dict or told.keys() != names:
            raise Wrong(f"has other members in a {make.__name__} than a writer makes")
        value = make(**{name: codec.read(told[name], unpacked) for name, codec in in_order})
        if check is not None:
            check(value)
        return value

    return _Codec(write, read)


_COUNT = _Codec(lambda value, _: int(value), partial(_read_integer, most=_MAX_COUNT))
_TEXT = _Codec(lambda value, _: value, _read_text)
_TRUTH = _Codec(lambda value, _: value, _read_truth)
_REAL = _Codec(lambda value, _: float(value), _read_real)
_KIND = _Codec(lambda value, _: value, _read_kind)

# ---------------------------------------------------------------- arrays


def _read_counts(told: Any, unpacked: Unpacked) -> I64:
    counts = unpacked.take_integers(told)
    _need_sum(counts, least=0)
    return counts


def _need_sum(counts: I64, *, least: int) -> int:
    """Return the sum of counts, each of which is at least so much."""
    if not len(counts):
        return 0
    # In floats there is no overflow; up to MAX_ITEMS of them are off by less than is between the two bounds.
    if int(counts.min()) < least or float(counts.sum(dtype=np.float64)) > _MAX_COUNT:
        raise Wrong("has an array of counts that are none")
    return int(counts.sum())


def _write_ranks(ranks: Ranks, packer: Packer) -> dict[str, Any]:
    gaps = ranks.less[1:] - ranks.upto[:-1]
    return {
        "error": int(ranks.error),
        "gaps": packer.add_values(gaps) if gaps.any() else None,
        "own": packer.add_values(ranks.upto - ranks.less),
        "points": packer.add_values(ranks.points, increasing=True),
    }


def _read_ranks(told: Any, unpacked: Unpacked) -> Ranks:
    if type(told) is not dict or told.keys() != {"error", "gaps", "own", "points"}:
        raise Wrong("has other members in Ranks than a writer makes")
    points, own = unpacked.take_values(told["points"]), unpacked.take_integers(told["own"])
    if len(points) != len(own):
        raise Wrong("has ranks of another number of points than it says")
    if len(points) and not (np.isfinite(points[[0, -1]]).all() and (points[1:] > points[:-1]).all()):
        raise Wrong("has points that do not increase")
    upto = np.cumsum(own)
    total = _need_sum(own, least=1)
    if told["gaps"] is not None:
        gaps = unpacked.take_integers(told["gaps"])
        if not len(gaps) or len(gaps) != len(points) - 1:
            raise Wrong("has ranks of another number of gaps than of points")
        if total + _need_sum(gaps, least=0) > _MAX_COUNT:
            raise Wrong("has ranks of too many values")
        upto[1:] += np.cumsum(gaps)
    return Ranks(points, upto - own, upto, _COUNT.read(told["error"], unpacked))


def _write_frequent(frequent: Frequent, packer: Packer) -> dict[str, Any]:
    values = frequent.values
    is_text = pyarrow.types.is_large_string(values.type)
    return {
        "counts": packer.add_values(frequent.counts),
        "unseen": int(frequent.unseen),
        "values": packer.add_texts(values) if is_text else packer.add_values(values.to_numpy()),
    }


def _read_frequent(told: Any, unpacked: Unpacked, take: Callable[[object], Any]) -> Frequent:
    if type(told) is not dict or told.keys() != {"counts", "unseen", "values"}:
        raise Wrong("has other members in Frequent than a writer makes")
    values, counts = take(told["values"]), unpacked.take_integers(told["counts"])
    _need_sum(counts, least=1)
    is_text = isinstance(values, pyarrow.Array)
    if len(values) != len(counts) or (counts[1:] > counts[:-1]).any():
        raise Wrong("has frequent values that are not in order")
    if not is_text and not np.isfinite(values).all():
        raise Wrong("has a frequent value that is not finite")
    # As bytes UTF-8 has the order of its characters.
    listed = values.cast(pyarrow.large_binary()).to_pylist() if is_text else values.tolist()
    if len(set(listed)) != len(listed):
        raise Wrong("has a frequent value twice")
    for place in np.flatnonzero(counts[1:] == counts[:-1]).tolist():
        if listed[place] >= listed[place + 1]:
            raise Wrong("has frequent values that are not in order")
    unseen = _COUNT.read(told["unseen"], unpacked)
    return Frequent(values if is_text else numbers(values), counts, unseen)


def _read_registers(told: Any, unpacked: Unpacked) -> Any:
    registers = unpacked.take_bytes(told)
    if len(registers) != REGISTERS or int(registers.max()) > _MAX_RANK:
        raise Wrong("has registers that no hashes make")
    return registers


def _read_hashes(told: Any, unpacked: Unpacked) -> Any:
    hashes = unpacked.take_hashes(told)
    if (hashes[1:] <= hashes[:-1]).any():
        raise Wrong("has hashes that do not increase")
    return hashes


def _check_distinct(distinct: Distinct) -> None:
    if (distinct.hashes is None) == (distinct.registers is None):
        raise Wrong("has different values in two ways, or in none")


_COUNTS = _Codec(lambda values, packer: packer.add_values(values), _read_counts)
_RANKS = _Codec(_write_ranks, _read_ranks)
_LENGTHS = _Codec(_write_ranks, lambda told, unpacked: _need_integers(_read_ranks(told, unpacked)))
_FREQUENT_NUMBERS = _Codec(
    _write_frequent, lambda told, unpacked: _read_frequent(told, unpacked, unpacked.take_values)
)
_FREQUENT_INTEGERS = _Codec(
    _write_frequent, lambda told, unpacked: _read_frequent(told, unpacked, unpacked.take_integers)
)
_FREQUENT_TEXTS = _Codec(
    _write_frequent, lambda told, unpacked: _read_frequent(told, unpacked, unpacked.take_texts)
)
_DISTINCT = _record(
    Distinct,
    _check_distinct,
    hashes=_none_or(_Codec(lambda hashes, packer: packer.add_hashes(hashes), _read_hashes)),
    registers=_none_or(_Codec(lambda registers, packer: packer.add_bytes(registers), _read_registers)),
)


def _need_integers(ranks: Ranks) -> Ranks:
    if ranks.points.dtype != np.int64:
        raise Wrong("has floats where integers are meant")
    return ranks


# ---------------------------------------------------------------- columns


def _check_numbers(numbers: Numbers) -> None:
    finite = numbers.ranks.count
    if max(numbers.zeros + numbers.negatives, int(numbers.frequent.counts.sum())) > finite:
        raise Wrong("counts more numbers than there are")
    if numbers.squares < 0:
        raise Wrong("has a sum of squares below zero")


def _check_times(times: Times) -> None:
    count = times.ranks.count
    if times.hours.shape != (24,) or times.weekdays.shape != (7,):
        raise Wrong("has other hours and weekdays than there are")
    if int(times.hours.sum()) != count or int(times.weekdays.sum()) != count:
        raise Wrong("counts other times than there are")
    if int(times.days.counts.sum()) > count:
        raise Wrong("counts more times than there are")


def _check_texts(texts: Texts) -> None:
    most = max(texts.empty, texts.as_numbers, texts.as_times, int(texts.frequent.counts.sum()))
    if most > texts.count:
        raise Wrong("counts more texts than there are")


def _check_column(column: ColumnSketch) -> None:
    present = column.numbers.count + column.times.count + column.texts.count
    if column.nulls + present > column.count:
        raise Wrong("counts more cells than there are")
    hashes = column.distinct.hashes
    if hashes is not None and len(hashes) > column.count - column.nulls:
        raise Wrong("has more different values than cells")


def _is_empty(part: Numbers | Times | Texts) -> bool:
    return not part.count


_NUMBERS = _record(
    Numbers,
    _check_numbers,
    ranks=_RANKS,
    mean=_REAL,
    squares=_REAL,
    zeros=_COUNT,
    negatives=_COUNT,
    nans=_COUNT,
    infinities=_COUNT,
    frequent=_FREQUENT_NUMBERS,
)
_TIMES = _record(
    Times, _check_times, ranks=_LENGTHS, hours=_COUNTS, weekdays=_COUNTS, days=_FREQUENT_INTEGERS
)
_TEXTS = _record(
    Texts,
    _check_texts,
    lengths=_LENGTHS,
    empty=_COUNT,
    as_numbers=_COUNT,
    as_times=_COUNT,
    frequent=_FREQUENT_TEXTS,
)
_COLUMN = _record(
    ColumnSketch,
    _check_column,
    name=_TEXT,
    type=_TEXT,
    count=_COUNT,
    nulls=_COUNT,
    numbers=_optional(_NUMBERS, _is_empty, NO_NUMBERS),
    times=_optional(_TIMES, _is_empty, NO_TIMES),
    texts=_optional(_TEXTS, _is_empty, NO_TEXTS),
    distinct=_DISTINCT,
    kind=_KIND,
)

# ---------------------------------------------------------------- groups


def _check_labels(labels: tuple[str | None, ...]) -> None:
    if len(set(labels)) != len(labels) or None in labels[:-1]:
        raise Wrong("has labels or values that are not different")


def _check_grouped(column: GroupedColumn) -> None:
    _check_labels(column.values)


def _check_groups(groups: LabelGroups) -> None:
    _check_labels(groups.labels)
    if len(groups.counts) != len(groups.labels):
        raise Wrong("has other counts than labels")
    for column in groups.columns:
        if column.counts.shape != (len(groups.labels), len(column.values)):
            raise Wrong("has other counts than labels and values")
        if (column.counts.sum(axis=1) != groups.counts).any():
            raise Wrong("counts other labels by value than alone")


def _read_grouped(told: Any, unpacked: Unpacked) -> GroupedColumn:
    column: GroupedColumn = _GROUPED_FLAT.read(told, unpacked)
    values = len(column.values)
    labels = len(column.counts) // max(values, 1)
    if len(column.counts) != labels * values:
        raise Wrong("has other counts than labels and values")
    return GroupedColumn(column.name, column.values, column.counts.reshape(labels, values))


_LABELS = _each(_none_or(_TEXT))
_GROUPED_FLAT = _record(
    GroupedColumn,
    _check_grouped,
    name=_TEXT,
    values=_LABELS,
    counts=_Codec(lambda values, packer: packer.add_values(values.ravel()), _read_counts),
)
_GROUPED = _Codec(_GROUPED_FLAT.write, _read_grouped)
_GROUPS = _record(
    LabelGroups,
    _check_groups,
    label=_TEXT,
    labels=_LABELS,
    counts=_COUNTS,
    columns=_each(_GROUPED),
    too_many=_each(_TEXT),
)

# ---------------------------------------------------------------- folders

# The sizes that a tree states may add up to more than a count; 2**62 files of 2**63 bytes do not exceed this.
_TOTAL = _Codec(lambda value, _: int(value), partial(_read_integer, most=2**126))
_EXTENSION = _record(
    ExtensionProfile, extension=_TEXT, files=_COUNT, sizes=_LENGTHS, total=_TOTAL, empty=_COUNT
)
_IMAGES = _record(
    ImagesProfile,
    files=_COUNT,
    unreadable=_COUNT,
    examples=_each(_TEXT),
    widths=_LENGTHS,
    heights=_LENGTHS,
    dimensions=_FREQUENT_TEXTS,
    modes=_FREQUENT_TEXTS,
    formats=_FREQUENT_TEXTS,
)
_FOLDER = _record(
    FolderProfile,
    files=_COUNT,
    links=_COUNT,
    total=_TOTAL,
    empty=_COUNT,
    sizes=_LENGTHS,
    extensions=_each(_EXTENSION),
    other_files=_COUNT,
    images=_none_or(_IMAGES),
    images_skipped=_TRUTH,
    tables=_COUNT,
    no_table=_none_or(_TEXT),
)

_TABLE = _record(TableProfile, rows=_COUNT, columns=_each(_COLUMN), groups=_none_or(_GROUPS))
_PROFILE = _record(Profile, table=_none_or(_TABLE), folder=_none_or(_FOLDER), content=_TEXT)
