"""The bytes of a profile: what is written is read, and what breaks a rule is refused in one line."""

import json
import struct
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow
import pytest
from xxhash import xxh3_64_intdigest

from datav.errors import FormatError
from datav.profiles import encoding
from datav.profiles.encoding import (
    MAX_SIZE,
    VERSION,
    encode_profile,
    encode_table,
    parse_profile,
    parse_table,
)
from datav.profiles.packing import Unpacked, Wrong
from datav.profiles.profile import Profile, TableProfile, merge_tables
from datav.profiles.sketching import sketch_array
from tests.golden import make_profiles
from tests.support.sameness import differences

START = struct.Struct("<8sIIQ")
SAMPLE = TableProfile(304, make_profiles.columns(), make_profiles.groups())
DATASET = Profile(SAMPLE, make_profiles.folder())


def seal(header: bytes, arrays: bytes, version: int = VERSION) -> bytes:
    """Return bytes whose start is right."""
    rest = header + arrays
    return START.pack(encoding.MAGIC, version, len(header), xxh3_64_intdigest(rest)) + rest


def take_apart(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = START.unpack_from(data)[2]
    return json.loads(data[START.size : START.size + length]), data[START.size + length :]


def put_together(header: dict[str, Any], arrays: bytes) -> bytes:
    return seal(json.dumps(header).encode(), arrays)


def numbers_of(values: Any) -> Any:
    (column,) = sketch_array("x", pyarrow.array(values))
    return column


def is_refused(data: bytes) -> str:
    with pytest.raises(FormatError) as error:
        parse_profile(data, "x")
    assert "\n" not in str(error.value)
    return str(error.value)


# ---------------------------------------------------------------- what is written is read


def test_a_profile_is_what_was_written():
    assert differences(parse_profile(encode_profile(DATASET), "x"), DATASET) == []


def test_the_profile_of_a_table_is_what_was_written():
    assert differences(parse_table(encode_table(SAMPLE), "x"), SAMPLE) == []


@pytest.mark.parametrize(
    "profile",
    [Profile(None, None), Profile(TableProfile(0, ())), Profile(None, make_profiles.folder())],
    ids=["nothing", "no columns", "folder"],
)
def test_what_is_not_there_stays_so(profile):
    assert differences(parse_profile(encode_profile(profile), "x"), profile) == []


@pytest.mark.parametrize(
    "values",
    [
        [0.1 * n for n in range(300)],
        [n / 100 for n in range(-500, 500, 3)],
        [1e-9, 123456.789, 5e15],
        [5e-324, 1.7976931348623157e308, -1.0],
        [2.0**53, 2.0**53 + 2, -(2.0**60)],
        [0.5, float("nan"), float("inf"), -0.0],
        [float("nan")] * 3,
        [-(2**63), 2**63 - 1],
        [2**63 - 1] * 400 + list(range(400)),
        [None, None],
        [],
    ],
)
def test_numbers_are_read_bit_for_bit(values):
    table = TableProfile(len(values), (numbers_of(pyarrow.array(values, _kind(values))),))

    assert differences(parse_table(encode_table(table), "x"), table) == []


def _kind(values: list[Any]) -> Any:
    return pyarrow.float64() if any(isinstance(value, float) for value in values) else pyarrow.int64()


def test_a_dataclass_has_no_field_that_is_not_written():
    for codec, value in ((encoding.encode_table, SAMPLE), (encoding.encode_profile, DATASET)):
        header, _ = take_apart(codec(value))
        told = header.get("table", header.get("profile"))
        _same_names(value, told)


def _same_names(value: Any, told: Any) -> None:
    names = {field.name for field in fields(value)}
    # Ranks are written by gaps.
    expected = {"error", "gaps", "own", "points"} if names == {"points", "less", "upto", "error"} else names
    assert set(told) == expected
    for name in names & set(told):
        inner = getattr(value, name)
        if hasattr(inner, "__dataclass_fields__") and told[name] is not None:
            _same_names(inner, told[name])
        elif isinstance(inner, tuple):
            for each, said in zip(inner, told[name], strict=True):
                if hasattr(each, "__dataclass_fields__"):
                    _same_names(each, said)


def test_decimals_take_less_than_floats():
    decimals = TableProfile(0, (numbers_of([n / 100 for n in range(250)]),))
    floats = TableProfile(0, (numbers_of([n / 7 for n in range(250)]),))

    # Points and frequent values, of two bytes and of eight.
    assert len(encode_table(decimals)) < len(encode_table(floats)) - 2 * 250 * 4


# ---------------------------------------------------------------- the specification


def test_the_worked_example_of_the_specification_is_so():
    page = (Path(__file__).parents[3] / "docs" / "formats" / "profile.md").read_text()
    example = page[page.index("## Worked example") :]
    start, header, arrays = (block.split("```")[0] for block in _blocks(example))
    told = bytes.fromhex(start) + header.replace("\n", "").encode()
    told += b"".join(bytes.fromhex(line.split(" ", 1)[1]) for line in arrays.strip().splitlines())
    (column,) = sketch_array("n", pyarrow.array([1, 1, 4, None]))

    assert encode_table(TableProfile(4, (column,))) == told


def _blocks(page: str) -> list[str]:
    return [block.split("\n", 1)[1] for block in page.split("```")[1:6:2]]


def test_the_hashes_are_those_of_the_specification():
    page = (Path(__file__).parents[3] / "docs" / "formats" / "profile.md").read_text()

    for text in ("a", "0123456789abcdefg", ""):
        (found,) = _distinct(pyarrow.array([text])).hashes.tolist()
        assert f"`{found:016x}`" in page
    for one in (pyarrow.array([1]), pyarrow.array([1.0]), pyarrow.array([1], pyarrow.timestamp("us"))):
        assert f"`{_distinct(one).hashes[0]:016x}`" in page


def _distinct(array: Any) -> Any:
    (column,) = sketch_array("x", array)
    return column.distinct


# ---------------------------------------------------------------- what is refused


def test_a_newer_version_is_refused_before_all_else():
    data = START.pack(encoding.MAGIC, 2, 1, 1) + b"whatever"

    with pytest.raises(FormatError) as error:
        parse_profile(data, "x")

    assert str(error.value) == "x is a profile of version 2"
    assert error.value.hint


@pytest.mark.parametrize("length", [0, 7, 8, 23, 24, 30])
def test_what_is_cut_short_is_refused(length):
    is_refused(encode_profile(DATASET)[:length])


def test_a_flipped_bit_is_refused():
    data, rng = encode_profile(DATASET), Random(1)
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        is_refused(bytes(damaged))


def test_what_is_too_large_is_refused():
    assert "size" in is_refused(seal(b"{}", bytes(MAX_SIZE)))


def test_a_table_is_no_dataset():
    assert "is not the profile of a dataset" in is_refused(encode_table(SAMPLE))
    with pytest.raises(FormatError):
        parse_table(encode_profile(DATASET), "x")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"arrays":[],"profile":null}',
        b'{"arrays":[],"profile":{"folder":null,"table":null},"x":1}',
        b'{"arrays":{},"profile":{"folder":null,"table":null}}',
        b'{"arrays":[["int",0,1,0]],"profile":{"folder":null,"table":null}}',
        b'{"arrays":[],"profile":{"folder":null,"table":null,"x":1}}',
        b'{"arrays":[],"profile":{"folder":null}}',
        b'{"arrays":[],"profile":{"folder":null,"table":NaN}}',
        b'{"arrays":[],"profile":' + b"[" * 10**6,
        b'{"arrays":[],"profile":' + b"9" * 10**5 + b"}",
        b'{"arrays":[],"profile":{"folder":null,"table":{"columns":[],"groups":null,"rows":true}}}',
        b'{"arrays":[],"profile":{"folder":null,"table":{"columns":[],"groups":null,"rows":1.0}}}',
        b'{"arrays":[],"profile":{"folder":null,"table":{"columns":[],"groups":null,"rows":-1}}}',
        b'{"arrays":[],"profile":{"folder":null,"table":{"columns":[],"groups":null,"rows":4611686018427387905}}}',
        b'{"arrays":[],"profile":{"folder":null,"table":{"columns":{},"groups":null,"rows":1}}}',
    ],
)
def test_a_header_that_no_writer_makes_is_refused(header):
    is_refused(seal(header, b""))


@pytest.mark.parametrize(
    "element",
    [
        [],
        "int",
        ["int"],
        ["what", 1],
        ["int", -1, 1, 0],
        ["int", 2**16 + 1, 1, 0],
        ["int", 2**60, 8, 0],
        ["int", True, 1, 0],
        ["int", 1, 3, 0],
        ["int", 1, 0, 0],
        ["int", 1, 1, 2**63],
        ["int", 1, 1, -(2**63) - 1],
        ["int", 1, 1],
        ["int", 1, 1, 0, 0],
        ["int", 1.0, 1, 0],
        ["delta", 0, 1, 0],
        ["scaled", 1, 1, 0, 10],
        ["scaled", 1, 1, 0, -1],
        ["scaled", 1, 1, 2**53, 1],
        ["scaled", 1, 1, 0],
        ["text", 1, 8, 0],
        ["text", 1, 1, -1],
        ["text", 1, 1, 7],
        ["float", 1, 1],
        [["int"], 1, 1, 0],
    ],
    ids=str,
)
def test_an_array_that_no_writer_makes_is_refused(element):
    header, arrays = take_apart(encode_profile(DATASET))
    header["arrays"].append(element)

    is_refused(put_together(header, arrays + b"\1"))


def test_bytes_behind_the_last_array_are_refused():
    header, arrays = take_apart(encode_profile(DATASET))

    assert "behind" in is_refused(put_together(header, arrays + b"\0"))
    assert "cut short" in is_refused(put_together(header, arrays[:-1]))


def change(edit: Callable[[dict[str, Any]], object]) -> bytes:
    """Return a profile whose first column (or what `edit` likes) is another."""
    header, arrays = take_apart(encode_profile(DATASET))
    edit(header)
    return put_together(header, arrays)


def column(header: dict[str, Any], place: int) -> dict[str, Any]:
    return header["profile"]["table"]["columns"][place]


@pytest.mark.parametrize(
    "edit",
    [
        lambda h: column(h, 0).update(kind="what"),
        lambda h: column(h, 0).update(kind=["number"]),
        lambda h: column(h, 0).update(name=None),
        lambda h: column(h, 0).update(nulls=3),
        lambda h: column(h, 0).update(count=8),
        lambda h: column(h, 0).pop("type"),
        lambda h: column(h, 4).update(count=3),
        lambda h: column(h, 0)["distinct"].update(hashes=None),
        lambda h: column(h, 0)["distinct"].update(registers=column(h, 1)["distinct"]["registers"]),
        lambda h: column(h, 0)["distinct"].update(hashes=column(h, 0)["numbers"]["ranks"]["own"]),
        lambda h: column(h, 0)["numbers"].update(zeros=5),
        lambda h: column(h, 0)["numbers"].update(mean=10**400),
        lambda h: column(h, 0)["numbers"].update(mean="1"),
        lambda h: column(h, 0)["numbers"].update(squares=-1),
        lambda h: column(h, 0)["numbers"].update(ranks=None),
        lambda h: column(h, 0)["numbers"]["ranks"].update(points=10**6),
        lambda h: column(h, 0)["numbers"]["ranks"].update(points=-1),
        lambda h: column(h, 0)["numbers"]["ranks"].update(points=True),
        lambda h: column(h, 0)["numbers"]["ranks"].update(points=None),
        lambda h: column(h, 0)["numbers"]["ranks"].update(points=[]),
        lambda h: column(h, 0)["numbers"]["ranks"].update(error=-1),
        lambda h: column(h, 3)["texts"].update(empty=5),
        lambda h: column(h, 3)["texts"].update(as_numbers=5),
        lambda h: h["profile"]["table"]["groups"].update(labels=["a", "a", None]),
        lambda h: h["profile"]["table"]["groups"].update(labels=[None, "a", "b"]),
        lambda h: h["profile"]["table"]["groups"].update(labels=["a", "b"]),
        lambda h: h["profile"]["table"]["groups"].update(labels=["a", "b", 3]),
        lambda h: h["profile"]["table"]["groups"]["columns"][0].update(values=["a", "b"]),
        lambda h: h["profile"]["table"]["groups"]["columns"][0].update(values=[]),
        lambda h: h["profile"]["folder"].update(total=2**127),
        lambda h: h["profile"]["folder"].update(images_skipped=0),
        lambda h: h["profile"]["folder"].update(tables=None),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused(edit):
    assert parse_profile(change(lambda header: None), "x")

    is_refused(change(edit))


def with_array(values: Any, *path: str | int) -> bytes:
    """Return a profile in which the array at a path has other items."""
    header, arrays = take_apart(encode_profile(DATASET))
    owner: Any = header["profile"]["table"]
    for name in path[:-1]:
        owner = owner[name]
    if isinstance(values[0], float):
        header["arrays"].append(["float", len(values)])
        added = np.array(values, "<f8").tobytes()
    else:
        header["arrays"].append(["int", len(values), 8, -(2**63)])
        added = (np.array(values, np.int64).view(np.uint64) + np.uint64(2**63)).astype("<u8").tobytes()
    # The array that stood there goes.
    number = owner[path[-1]]
    assert number is not None
    arrays, header = _without(header, arrays, number)
    owner = header["profile"]["table"]
    for name in path[:-1]:
        owner = owner[name]
    owner[path[-1]] = len(header["arrays"]) - 1
    return put_together(header, arrays + added)


def _without(header: dict[str, Any], arrays: bytes, number: int) -> tuple[bytes, dict[str, Any]]:
    """Make an array one of no items and no bytes, and let nothing but the end name another."""
    sizes = [_size(element) for element in header["arrays"][:-1]]
    start = sum(sizes[:number])
    header = deepcopy(header)
    header["arrays"].pop(number)
    _renumber(header["profile"], number)
    return arrays[:start] + arrays[start + sizes[number] :], header


_ARRAYS = {"hashes", "registers", "points", "own", "gaps", "counts", "values", "hours", "weekdays"}


def _renumber(value: Any, gone: int) -> None:
    if isinstance(value, dict):
        for name, each in value.items():
            if name in _ARRAYS and type(each) is int and each > gone:
                value[name] = each - 1
            _renumber(each, gone)
    elif isinstance(value, list):
        for each in value:
            _renumber(each, gone)


def _size(element: list[Any]) -> int:
    coding, count, *more = element
    if coding in ("float", "hash"):
        return 8 * count
    if coding == "byte":
        return count
    if coding == "text":
        return count * more[0] + more[1]
    return (count - coding.endswith("delta")) * more[0]


RANKS = ("columns", 0, "numbers", "ranks")
FREQUENT = ("columns", 0, "numbers", "frequent")


def test_an_array_with_the_same_items_is_taken():
    table = parse_profile(with_array([-(2**63), -1, 0, 2**63 - 1], *RANKS, "points"), "x").table

    assert differences(table, SAMPLE) == []


@pytest.mark.parametrize(
    ("values", "path", "said"),
    [
        ([-1, -1, 0, 5], (*RANKS, "points"), "points that do not increase"),
        ([4, 3, 2, 1], (*RANKS, "points"), "points that do not increase"),
        ([1, 2, 3], (*RANKS, "points"), "another number of points"),
        ([0.0, 1.0, 2.0, float("inf")], (*RANKS, "points"), "points that do not increase"),
        ([0.0, float("nan"), 2.0, 3.0], (*RANKS, "points"), "points that do not increase"),
        ([1, 2, 0, 4], (*RANKS, "own"), "counts that are none"),
        ([1, 2, -1, 5], (*RANKS, "own"), "counts that are none"),
        ([2**62, 2**62, 2**62, 2**62], (*RANKS, "own"), "counts that are none"),
        ([2**63 - 1, 1, 1, 1], (*RANKS, "own"), "counts that are none"),
        ([0, -1, 3], ("columns", 1, "numbers", "ranks", "gaps"), "counts that are none"),
        ([0, 2**62, 0], ("columns", 1, "numbers", "ranks", "gaps"), "too many values"),
        ([1, 2], ("columns", 1, "numbers", "ranks", "gaps"), "another number of gaps"),
        ([1, 2, 1, 1], (*FREQUENT, "counts"), "not in order"),
        ([5, 2, 1, 0], (*FREQUENT, "counts"), "counts that are none"),
        ([7, 3, 1, 1], (*FREQUENT, "counts"), "more numbers than there are"),
        ([3, 2, 1, 0], (*FREQUENT, "counts"), "counts that are none"),
        ([3, 2, 1], (*FREQUENT, "counts"), "not in order"),
        ([0, -1, -1, 5], (*FREQUENT, "values"), "value twice"),
        ([0, -1, 5, 4], (*FREQUENT, "values"), "not in order"),
        ([0.0, -1.0, 5.0, float("nan")], (*FREQUENT, "values"), "not finite"),
        ([1] * 23, ("columns", 3, "times", "hours"), "hours"),
        ([1] * 24, ("columns", 3, "times", "hours"), "other times"),
        ([8, -1, 0, 0, 0, 0, 0], ("columns", 3, "times", "weekdays"), "counts that are none"),
        ([0.5, 1.5], ("columns", 3, "times", "ranks", "points"), "floats"),
        ([300, 2, 1], ("groups", "counts"), "by value"),
        ([1, 2], ("groups", "counts"), "labels"),
        ([1, 0, 300, 0, 2, 0, 0, 0], ("groups", "columns", 0, "counts"), "labels and values"),
        ([1, 0, 300, 0, 2, 0, 0, 0, 2], ("groups", "columns", 0, "counts"), "by value"),
    ],
    ids=str,
)
def test_an_array_that_breaks_a_rule_is_refused(values, path, said):
    assert said in is_refused(with_array(values, *path))


def test_registers_that_no_hash_makes_are_refused():
    registers = np.zeros(4096, np.uint8)
    for wrong in (registers[:-1], np.append(registers, registers), registers + np.uint8(54)):
        broken = replace(SAMPLE.columns[1].distinct, registers=wrong)
        data = encode_table(TableProfile(1, (replace(SAMPLE.columns[1], distinct=broken),)))
        with pytest.raises(FormatError, match="registers"):
            parse_table(data, "x")


def test_hashes_that_do_not_increase_are_refused():
    for hashes in ([1, 1, 2], [2, 1, 3]):
        broken = replace(SAMPLE.columns[0].distinct, hashes=np.array(hashes, np.uint64))
        data = encode_table(TableProfile(1, (replace(SAMPLE.columns[0], distinct=broken),)))
        with pytest.raises(FormatError, match="hashes"):
            parse_table(data, "x")


def test_text_that_is_not_utf8_is_refused():
    data = encode_table(SAMPLE)
    header, arrays = take_apart(data)
    assert arrays.count("ä\n".encode()) == 1

    with pytest.raises(FormatError, match="UTF-8"):
        parse_table(put_together(header, arrays.replace("ä\n".encode(), b"\xff\xff\n")), "x")


def test_what_is_taken_can_be_written_and_merged():
    """Of headers with one value changed at random: each is refused, or is a profile like any other."""
    header, arrays = take_apart(encode_profile(DATASET))
    rng = Random(5)
    taken = 0
    for _ in range(400):
        changed = deepcopy(header)
        _change_one(rng, changed)
        try:
            profile = parse_profile(put_together(changed, arrays), "x")
        except FormatError:
            continue
        taken += 1
        assert differences(parse_profile(encode_profile(profile), "x"), profile) == []
        if profile.table is not None:
            # Counts may be more than a reader takes, now that there are two of them.
            assert encode_table(merge_tables([profile.table, SAMPLE]))
    assert 10 < taken < 390


def _change_one(rng: Random, value: Any) -> None:
    """Change one value anywhere below."""
    while True:
        places = list(value) if isinstance(value, dict) else range(len(value))
        place = rng.choice(list(places)) if places else None
        if place is None:
            value.append(0)
            return
        inner = value[place]
        if isinstance(inner, dict | list) and rng.random() < 0.95:
            value = inner
            continue
        value[place] = rng.choice(
            [0, 1, -1, 7, 2**31, 2**62, 2**63, 0.5, 1e308, None, "", "x", [], {}, True]
            + ([inner + 1, inner - 1, inner * 2] if type(inner) in (int, float) else [])
        )
        return


def test_an_integer_of_more_than_64_bits_is_refused():
    stored = (1).to_bytes(8, "little")
    assert Unpacked([["int", 1, 8, 2**63 - 2]], memoryview(stored)).take_integers(0).tolist() == [2**63 - 1]

    with pytest.raises(Wrong):
        Unpacked([["int", 1, 8, 2**63 - 1]], memoryview(stored)).take_integers(0)
