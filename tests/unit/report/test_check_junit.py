"""What GitLab and Jenkins are told of a check."""

from dataclasses import replace
from xml.etree import ElementTree

from datav.report.check_junit import check_junit
from tests.support.findings import GROWTH, NULLS, ORDERS, QUIET, hostile, result


def suites(text: str) -> list[ElementTree.Element]:
    # As bytes: so the declaration of the encoding is read too.
    return list(ElementTree.fromstring(text.encode()).iter("testsuite"))


def test_every_dataset_is_a_suite_and_every_broken_promise_a_case():
    orders, users = suites(check_junit(result(ORDERS, QUIET)))

    assert [case.get("name") for case in orders] == [
        "price.not_null",
        "amount.drift.ks",
        "growth",
        "id.unique",
        "9 promises kept",
    ]
    assert {name: orders.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": "5",
        "failures": "2",
        "skipped": "1",
    }
    assert [case.get("name") for case in users] == ["29 promises kept"]


def test_a_failure_says_value_limit_and_origin():
    case = suites(check_junit(result(ORDERS)))[0][0]
    failure = case.find("failure")

    assert failure is not None
    assert failure.get("message") == "price: 12 of 4,000 rows are null, none may be"
    assert failure.text is not None
    assert "nulls 12, limit 0 from datav.toml:14; such as line 3, line 90" in failure.text
    assert case.get("file") == "data/orders.csv.datav"


def test_a_warning_fails_nothing():
    case = suites(check_junit(result(replace(ORDERS, findings=(GROWTH,)))))[0][0]

    assert case.find("failure") is None
    assert "warning: 4,000 rows" in (case.findtext("system-out") or "")


def test_what_nobody_looked_at_is_skipped_with_its_reason():
    case = suites(check_junit(result(ORDERS)))[0][3]
    skipped = case.find("skipped")

    assert skipped is not None
    assert skipped.get("message") == "unique not checked: its data is not here"


def test_findings_of_one_promise_are_one_case():
    twice = replace(ORDERS, findings=(NULLS, replace(NULLS, message="price: another")), not_checked=())

    suite = suites(check_junit(result(twice)))[0]

    assert [case.get("name") for case in suite] == ["price.not_null", "11 promises kept"]
    assert "price: another" in (suite[0].findtext("failure") or "")


def test_whatever_is_in_data_the_document_is_xml():
    (suite,) = suites(check_junit(hostile()))

    assert suite.get("failures") == "1"
    assert "<b>" in (suite[0].findtext("failure") or "")
