"""`datav check --infer`: what is printed, what is written, and what it does not go with."""

import pytest

ROWS = "id,kind\n" + "".join(f"{number},{'ab'[number % 2]}\n" for number in range(40))


@pytest.fixture
def table(data):
    data.repo.write("t.csv", ROWS.encode())
    data.ok("add", "t.csv")
    return data


def test_promises_are_appended_and_kept(table):
    done = table.ok("check", "--infer", "t.csv")

    assert done.lines[0].startswith(
        "t.csv: 5 promises and 3 suggestions, from 1 version; appended to datav.toml"
    )
    assert '[check."t.csv".column.kind]' in table.repo.read("datav.toml").decode()
    assert table.ok("check", "t.csv").lines[0] == "t.csv  ok, 5 promises looked at"


def test_a_second_time_they_are_printed(table):
    table.ok("check", "--infer", "t.csv")
    text = table.repo.read("datav.toml")

    done = table.ok("check", "--infer", "t.csv")

    assert "nothing is written" in done.lines[1]
    assert '[check."t.csv".column.kind]' in done.lines
    assert table.repo.read("datav.toml") == text


def test_as_json_each_proposal_says_what_it_is_from(table):
    (found,) = table.ok("--json", "check", "--infer", "t.csv").json["datasets"]

    assert (found["path"], found["pattern"], found["written"]) == ("t.csv", "t.csv", True)
    assert found["text"] in table.repo.read("datav.toml").decode()
    kind = [each for each in found["proposals"] if each["column"] == "kind" and each["rule"] == "in"]
    assert kind == [
        {
            "column": "kind",
            "rule": "in",
            "value": ["a", "b"],
            "active": False,
            "reason": "2 values in 1 version",
        }
    ]


def test_what_is_no_table_is_an_error(data):
    data.repo.write("notes.bin", b"\0\1")
    data.ok("add", "notes.bin")

    done = data("check", "--infer", "notes.bin")

    assert done.status == 2
    assert done.err.startswith("error: notes.bin has no profile")
    assert "check" not in data.repo.read("datav.toml").decode()


def test_among_others_it_is_told(table):
    table.repo.write("notes.bin", b"\0\1")
    table.ok("add", "notes.bin")

    done = table.ok("check", "--infer", "notes.bin", "t.csv")

    assert done.lines[0].startswith("notes.bin: nothing inferred: ")
    assert done.lines[1].startswith("t.csv: 5 promises")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "of which data"),
        (("t.csv", "--staged"), "paths alone"),
        (("t.csv", "--calibrate"), "paths alone"),
        (("nope",), "nope is no dataset"),
    ],
)
def test_what_it_cannot_be_asked_is_told(table, arguments, words):
    done = table.fails("check", "--infer", *arguments)

    assert words in done.err
