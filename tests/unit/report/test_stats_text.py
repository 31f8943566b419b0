"""What the lines about distributions say, and what they say first."""

import pyarrow as pa

from datav.drift.comparing import compare_profiles
from datav.profiles.columns import merge_columns
from datav.profiles.folders import profile_files
from datav.profiles.profile import Profile, TableProfile
from datav.profiles.sketching import sketch_array
from datav.repo.diffstats import StatsDiff, compare_both
from datav.report.stats_text import findings_text, stats_lines
from datav.report.style import PLAIN


def table_of(values, parts: int = 1) -> TableProfile:
    """Return the profile of one column; of several parts its sketch has an error."""
    cells = [pa.array(values[part::parts]) for part in range(parts)]
    return TableProfile(len(values), (merge_columns([next(sketch_array("x", each)) for each in cells]),))


def lines_of(stats: StatsDiff | None) -> list[str]:
    assert stats is not None
    return list(stats_lines(stats, "", PLAIN, 1000, is_full=True))


def test_words_come_before_the_index():
    before = table_of(["pears", "plums"] * 500)
    after = table_of(["pears", "plums"] * 500 + ["figs"] * 250)

    (drift,) = compare_profiles(before, after).columns

    assert {"psi", "category"} <= {finding.measure for finding in drift.findings}
    assert findings_text(drift).startswith("'figs' is new, 20.0 %")


def test_a_graver_index_comes_before_lighter_words():
    # Many values that moved a little each are a lot together.
    before = table_of(list("abcd") * 200 + list("efgh") * 50)
    after = table_of(list("abcd") * 50 + list("efgh") * 200)

    (drift,) = compare_profiles(before, after).columns

    verdicts = {finding.measure: finding.verdict for finding in drift.findings}
    assert (verdicts["psi"], verdicts["category"]) == ("broken", "shifted")
    assert findings_text(drift).startswith("population stability index")
    assert findings_text(drift).endswith("'a' 20.0 % -> 5.0 %")


def test_means_that_differ_by_less_than_their_first_digits_are_told_apart():
    before, after = table_of([2025, 2026] * 500), table_of([2025, 2026, 2026] * 500)

    (row,) = (line for line in lines_of(compare_both(Profile(before), Profile(after))) if "2,025.5" in line)

    assert "2,025.5 -> 2,025.667" in row


def median_in(before, after) -> str:
    """What stands in the table below `median`."""
    lines = lines_of(compare_both(Profile(table_of(before, 3)), Profile(table_of(after, 3))))
    head = next(line for line in lines if "median" in line)
    row = next(line for line in lines if line.startswith("x ") and line != lines[1])
    return row[head.index("median") : head.index("PSI")].strip()


def test_medians_that_are_the_same_within_their_errors_are_one():
    rows = list(range(10_000))

    assert " -> " not in median_in(rows, [row + 2 for row in rows])
    assert " -> " in median_in(rows, [row + 200 for row in rows])


def test_a_number_of_files_that_stayed_is_said_once():
    before, after = (
        Profile(None, profile_files([(b"a.txt", 0, size), (b"b.txt", 0, 10)])) for size in (1000, 3000)
    )

    assert lines_of(compare_both(before, after)) == [".txt  2 files, 1.0 KB -> 3.0 KB"]
