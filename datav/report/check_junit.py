"""check, as JUnit XML, in the part of it that GitLab and Jenkins both read.

A dataset is a test suite.  Promises that were broken, or that nobody could look at, are test cases, named
`column.rule`; of those that were kept only the number is known, and they are one more test case.
"""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from datav.checks.finding import Checked, CheckResult, Finding, NotChecked
from datav.relpath import one_line
from datav.report.cells import shown_name
from datav.report.check_words import evidence, full_message, missed, summary
from datav.report.style import count


def check_junit(result: CheckResult) -> str:
    """Return a document of XML; one_line takes out every character that XML has not."""
    root = Element("testsuites", name="datav check")
    suites = [_suite(root, checked) for checked in result.datasets]
    for what in ("tests", "failures", "errors", "skipped"):
        root.set(what, str(sum(int(suite.get(what, "0")) for suite in suites)))
    output = SubElement(SubElement(root, "properties"), "property", name="summary")
    output.set("value", one_line(summary(result)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _suite(root: Element, checked: Checked) -> Element:
    suite = SubElement(root, "testsuite", name=one_line(checked.path))
    for findings in _by_promise(checked.findings):
        _broken(suite, checked, findings)
    for item in checked.not_checked:
        _skipped(suite, checked, item)
    kept = checked.rules + checked.measures - len(list(_by_promise(checked.findings)))
    if kept > 0:
        _case(suite, checked, f"{count(kept, 'promise')} kept")
    failures = sum(case.find("failure") is not None for case in suite)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    suite.set("errors", "0")
    suite.set("skipped", str(len(checked.not_checked)))
    return suite


def _by_promise(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Yield findings of one rule about one column together: two test cases of one name are taken for one."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(_name(finding), []).append(finding)
    yield from found.values()


def _broken(suite: Element, checked: Checked, findings: Sequence[Finding]) -> None:
    case = _case(suite, checked, _name(findings[0]))
    errors = [each for each in findings if each.severity == "error"]
    warnings = [each for each in findings if each.severity == "warn"]
    if errors:
        failure = SubElement(case, "failure", type=one_line(errors[0].rule), message=full_message(errors[0]))
        failure.text = "\n".join(map(_told, errors))
    if warnings:
        SubElement(case, "system-out").text = "\n".join(f"warning: {_told(each)}" for each in warnings)


def _skipped(suite: Element, checked: Checked, item: NotChecked) -> None:
    SubElement(_case(suite, checked, _name(item)), "skipped", message=missed(item))


def _case(suite: Element, checked: Checked, name: str) -> Element:
    path = one_line(checked.path)
    return SubElement(suite, "testcase", classname=path, name=name, file=one_line(checked.manifest), time="0")


def _name(item: Finding | NotChecked) -> str:
    rule = one_line(item.rule)
    return rule if item.column is None else f"{shown_name(item.column)}.{rule}"


def _told(finding: Finding) -> str:
    return f"{full_message(finding)}\n  {evidence(finding)}"
