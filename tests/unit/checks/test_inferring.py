"""Promises that are proposed of tables, without a repository; and as TOML, whatever names and values hold."""

import re
import tomllib
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from datav.checks.history import read_facts, recent_history, scan_patterns
from datav.checks.inferring import MOST_COLUMNS, Surroundings, columns_to_read, infer_promises, tell_rest
from datav.checks.proposals import Proposal, encode_block
from datav.settings import parse_settings
from tests.support.checking import TableSubject, csv_subject, parquet_subject


def table(version: int = 0, *, rows: int = 60, **cells) -> str:
    """A table of CSV; `cells` are functions of the row's number, by the names of columns."""
    lines = [",".join(["id", *cells])]
    lines += [
        ",".join([str(number), *(str(each(number)) for each in cells.values())])
        for number in range(rows + version)
    ]
    return "\n".join(lines) + "\n"


def proposals(*subjects: TableSubject, **around) -> dict[tuple[str | None, str], Proposal]:
    """What is inferred of the versions of a table, the last one at the end."""
    history = recent_history([read_facts(subject) for subject in subjects])
    patterns = scan_patterns(subjects[-1], columns_to_read(history))
    found = infer_promises(history, Surroundings(patterns, **around))
    return {(each.column, each.rule): each for each in found}


def of_versions(number: int, **cells) -> dict[tuple[str | None, str], Proposal]:
    return proposals(*(csv_subject(table(version, **cells)) for version in range(number)))


def test_what_never_was_otherwise_is_promised_and_says_since_when():
    found = of_versions(5, kind=lambda n: "ab"[n % 2], size=lambda n: n / 7)

    assert found[None, "columns"].value == ("id", "kind", "size")
    assert found["id", "type"].value == "integer"
    assert found["id", "unique"].is_active
    assert found["size", "not_null"].reason == "no nulls in 5 versions"
    assert found["size", "type"].value == "number"
    assert found["size", "min"].value == 0
    assert found["kind", "in"] == Proposal("kind", "in", ("a", "b"), "2 values, none new in 5 versions")
    assert found[None, "rows"].value == {"min": 30}


def test_limits_that_a_value_may_reach_one_day_are_only_suggested():
    found = of_versions(5, change=lambda n: n - 30, note=lambda n: f"a note of row {n}")

    assert not found["change", "min"].is_active
    assert found["change", "min"].value < -30
    assert not found["change", "max"].is_active
    assert found["change", "max"].value > 34
    assert found["note", "length"].value == {"max": 40}
    assert not found["note", "length"].is_active
    # Each is there once, but it is no identifier.
    assert not found["note", "unique"].is_active


def test_few_versions_promise_less():
    found = of_versions(1, kind=lambda n: "ab"[n % 2], size=lambda n: n % 7, code=lambda n: f"c{n}")

    assert not found["kind", "in"].is_active
    assert not found["code", "unique"].is_active
    # Whole by chance, who knows.
    assert found["size", "type"].value == "number"
    assert not found[None, "extra_columns"].is_active
    assert (None, "schema_changes") not in found
    assert (None, "growth") not in found
    assert found["kind", "not_null"].reason == "no nulls in 1 version"


def test_few_rows_promise_next_to_nothing():
    found = proposals(csv_subject(table(rows=5, kind=lambda n: "a")))

    assert {rule for _, rule in found} == {"columns", "extra_columns", "type"}


def test_a_table_without_rows_has_columns():
    found = proposals(csv_subject("a,b\n"))

    assert {rule for _, rule in found} == {"columns", "extra_columns"}


def test_ten_versions_with_the_same_columns_bound_growth_and_only_suggest_to_allow_no_others():
    found = of_versions(12, size=lambda n: n)

    assert not found[None, "extra_columns"].is_active
    assert found[None, "extra_columns"].reason == "no others came in 12 versions"
    assert found[None, "growth"].is_active
    assert found[None, "growth"].value == {"min": 0.9, "max": 1.25}
    assert found[None, "schema_changes"].value == "additive"


def test_a_column_that_is_new_is_only_suggested():
    old = [csv_subject(table(version)) for version in range(4)]
    found = proposals(*old, csv_subject(table(4, new=lambda n: n)))

    assert found[None, "columns"].value == ("id",)
    assert "1 newer one" in found[None, "columns"].reason
    assert not any(each.is_active for (column, _), each in found.items() if column == "new")
    assert (None, "extra_columns") not in found


def test_versions_before_the_columns_got_their_names_are_left_out():
    old = [csv_subject(table(version, before=lambda n: n)) for version in range(3)]
    new = [csv_subject(table(version, after=lambda n: n)) for version in range(10)]
    history = recent_history([read_facts(each) for each in (*old, *new)])

    assert (len(history.versions), history.left_out) == (10, 3)
    assert proposals(*old, *new)[None, "columns"].value == ("id", "after")


def test_a_value_that_came_later_makes_a_list_a_suggestion():
    versions = [csv_subject(table(version, kind=lambda n: "ab"[n % 2])) for version in range(5)]
    found = proposals(*versions, csv_subject(table(kind=lambda n: "abc"[n % 3])))

    assert found["kind", "in"].value == ("a", "b", "c")
    assert not found["kind", "in"].is_active
    assert found["kind", "in"].reason == "3 values, 1 of them new in 6 versions"


def test_few_nulls_may_become_twice_as_many():
    found = of_versions(5, size=lambda n: "" if n % 20 == 0 else n)

    assert ("size", "not_null") not in found
    assert found["size", "null_fraction"].value == 0.14
    assert found["size", "null_fraction"].reason == "twice the most: 5 % to 6.6 % in 5 versions"
    assert found["size", "null_fraction"].is_active


def test_many_nulls_say_nothing():
    found = of_versions(5, size=lambda n: "" if n % 3 else n)

    assert ("size", "null_fraction") not in found


def test_a_column_in_which_anything_is_said_has_no_type():
    found = of_versions(5, size=lambda n: "n/a" if n % 9 == 0 else n)

    assert ("size", "type") not in found
    assert ("size", "min") not in found


def test_integers_that_were_fractions_once_are_numbers():
    whole = [csv_subject(table(version, size=lambda n: n)) for version in range(4)]
    found = proposals(csv_subject(table(size=lambda n: n / 2)), *whole)

    assert found["size", "type"].value == "number"


def test_numbers_that_were_negative_once_have_no_sign():
    plain = [csv_subject(table(version, size=lambda n: n)) for version in range(4)]
    found = proposals(csv_subject(table(size=lambda n: n - 1)), *plain)

    assert not found["size", "min"].is_active


def test_how_codes_are_written_is_promised_where_profiles_know_all():
    def code(number):
        return "AB" if number % 2 else f"{chr(65 + number % 26)}X"

    found = of_versions(5, code=code)["code", "matches"]
    pattern = of_versions(5, mail=lambda n: f"a{n}@example.org", rows=400)["mail", "matches"]

    assert (found.value, found.is_active) == ("[A-Z]{2}", True)
    assert re.fullmatch(pattern.value, "a@example.org")
    # Of more than 256 values no earlier version is known to keep it.
    assert not pattern.is_active


def test_the_key_is_promised_and_needs_no_other_promise():
    found = proposals(*(csv_subject(table(version), key=("id",)) for version in range(5)))

    assert found[None, "key_unique"].is_active
    assert ("id", "unique") not in found
    assert ("id", "max") not in found


def test_what_the_manifest_says_and_what_looks_like_splits():
    found = proposals(csv_subject(table()), encoding="utf-8", splits=("test.csv",))

    assert found[None, "meta"].value == {"encoding": "utf-8"}
    assert found[None, "disjoint"].value == {"from": ("test.csv",), "by": "row"}
    assert not found[None, "disjoint"].is_active


def test_types_of_parquet_are_those_that_it_declares():
    columns = {"name": ["a"] * 40, "flag": [True, False] * 20, "half": [0.5] * 40}
    found = proposals(parquet_subject(columns))

    assert [found[name, "type"].value for name in columns] == ["text", "boolean", "number"]


def test_of_many_columns_the_first_get_lines():
    names = [f"c{number}" for number in range(MOST_COLUMNS + 7)]
    text = ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n"
    history = recent_history([read_facts(csv_subject(text))])
    found = infer_promises(history, Surroundings({}))

    assert len({each.column for each in found if each.column}) == MOST_COLUMNS
    assert len(found[0].value) == len(names)
    assert tell_rest(history).startswith("7 more columns without lines, for example: `c40`, `c41`")


# As TOML

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
names = texts.filter(bool)
scalars = (
    texts
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)
values = scalars | st.lists(scalars, min_size=1, max_size=30).map(tuple)
rules = st.sampled_from(["columns", "min", "in", "matches"])
lines = st.builds(Proposal, st.none() | names, rules, values, texts, st.booleans())


def is_quiet(text: str) -> bool:
    """Whether nothing in a text moves a cursor, or what is beside it."""
    return all(char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp") for char in text)


@settings(max_examples=150, deadline=None)
@given(names, st.lists(lines, unique_by=lambda each: (each.column, each.rule)), texts)
def test_any_names_and_values_are_toml_that_says_them(glob, found, more):
    active = [each for each in found if each.is_active]

    text = encode_block(glob, found, ["a heading\nin two", more], more)

    assert is_quiet(text)
    block = tomllib.loads(text).get("check", {}).get(glob, {})
    assert {(None, rule) for rule in block if rule != "column"} | {
        (column, rule) for column, rules in block.get("column", {}).items() for rule in rules
    } == {(each.column, each.rule) for each in active}
    for each in active:
        table = block if each.column is None else block["column"][each.column]
        said = table[each.rule]
        assert said == (list(each.value) if isinstance(each.value, tuple) else each.value)


def test_suggestions_are_settings_once_their_marks_are_gone():
    found = of_versions(
        2, kind=lambda n: "ab"[n % 2], size=lambda n: n - 3, note=lambda n: f"row {n}"
    ).values()
    text = encode_block("t.csv", list(found))

    (all_of_it,) = parse_settings("datav = 1\n" + re.sub(r"(?m)^# ", "", text)).checks

    assert sum(len(each.lines) for each in all_of_it.column_checks) + len(all_of_it.lines) == len(found)


def test_hostile_names_of_columns_stay_in_their_place():
    header = '"a.b","x""y","new\nline","",same,same,"tab\there",ü,"]\n[remote.x]\nurl = 1"'
    row = ",".join(str(number) for number in range(9))
    subject = csv_subject(f"{header}\n" + f"{row}\n" * 40)
    found = list(proposals(subject).values())

    text = encode_block("t.csv", found)
    (rule,) = parse_settings("datav = 1\n" + text).checks

    assert is_quiet(text)
    assert rule.columns == tuple(column.name for column in subject.columns if column.name)
    assert {each.name for each in rule.column_checks} == set(rule.columns)


def test_columns_that_cannot_be_named_are_told_and_not_read():
    subject = TableSubject("t.jsonl", b'{"a\\ud800": "x", "": 1, "b": "y"}\n' * 40)
    history = recent_history([read_facts(subject)])

    assert columns_to_read(history) == []
    assert {each.column for each in proposals(subject).values()} == {None, "b"}
    assert tell_rest(history) == "2 columns that cannot be named here"
