"""Laws of datav.formats.conflict: bytes and value are each other's inverse, whatever is in conflict."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from datav.formats.conflict import (
    SIDES,
    ConflictItem,
    ConflictRecord,
    Given,
    describe_content,
    encode_record,
    identity,
    open_items,
    parse_record,
    with_decisions,
)
from datav.formats.entry import Content

# Halves of surrogate pairs too, as JSON has them, but no half that follows its other.
TEXTS = st.text(max_size=8) | st.sampled_from(["\ud800", "\udcff%", "\u2028\r\n\x00\x7f", "%25"])
CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
PARTS = st.binary(min_size=1, max_size=5).filter(
    lambda part: not {*b"/\0"} & {*part} and part not in (b".", b"..")
)
PATHS = st.lists(PARTS, max_size=3).map(b"/".join)
CONTENTS = st.builds(
    Content, st.binary(min_size=32, max_size=32), st.integers(0, 13), st.integers(0, 2**63 - 1)
)
SIDES_OF = {
    "cell": CELLS,
    "add_add": CELLS,
    "schema": CELLS,
    "delete_modify": st.none() | st.dictionaries(TEXTS, CELLS, max_size=3),
    "file": st.none() | CONTENTS.map(describe_content),
    "meta": st.none() | TEXTS,
}
ITEMS = st.sampled_from(sorted(SIDES_OF)).flatmap(
    lambda kind: st.builds(
        ConflictItem,
        kind=st.just(kind),
        base=SIDES_OF[kind],
        ours=SIDES_OF[kind],
        theirs=SIDES_OF[kind],
        path=PATHS,
        key=st.lists(st.tuples(TEXTS, CELLS), max_size=3).map(tuple),
        column=st.none() | TEXTS,
        reason=st.none() | TEXTS,
        taken=st.none() | st.sampled_from(SIDES) | st.builds(Given, st.none() | TEXTS),
    )
)
RECORDS = st.builds(
    ConflictRecord,
    st.dictionaries(st.sampled_from(SIDES), st.binary(max_size=20)),
    st.lists(ITEMS, max_size=4).map(tuple),
)


@given(RECORDS)
@settings(max_examples=60)
def test_parsing_is_the_inverse_of_encoding(record):
    data = encode_record(record)

    assert parse_record(data, "x") == record
    assert encode_record(parse_record(data, "x")) == data


@given(RECORDS)
@settings(max_examples=30)
def test_a_record_is_lines_of_json_to_every_other_reader_too(record):
    header, *items = [json.loads(line) for line in encode_record(record).decode().split("\n")[:-1]]

    assert header["items"] == len(items)
    assert [item["ours"] for item in items] == [item.ours for item in record.items]


@given(RECORDS)
@settings(max_examples=30)
def test_what_is_read_again_has_the_identities_that_it_had(record):
    again = parse_record(encode_record(record), "x")

    names = [identity(item) for item in record.items]
    assert [identity(item) for item in again.items] == names
    assert not open_items(with_decisions(again, dict.fromkeys(names, "theirs")))
