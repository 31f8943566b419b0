"""Results of a check, for the tests of its drawings."""

from dataclasses import replace

from datav.checks.finding import Checked, CheckResult, Finding, NotChecked

NULLS = Finding(
    path="data/orders.csv",
    rule="not_null",
    severity="error",
    column="price",
    message="price: 12 of 4,000 rows are null, none may be",
    measure="nulls",
    value=12,
    limit=0,
    origin="datav.toml:14",
    examples=("line 3", "line 90"),
    line=14,
)
DRIFT = Finding(
    path="data/orders.csv",
    rule="drift.ks",
    severity="error",
    column="amount",
    message="amount: values moved by 0.41, up to 0.06 is usual",
    measure="ks",
    value=0.41237,
    limit=0.06,
    origin="30 past steps, most at 1a2b3c4d5e",
)
GROWTH = Finding(
    path="data/orders.csv",
    rule="growth",
    severity="warn",
    column=None,
    message="4,000 rows are 1.74 times those before, at most 1.5 may be",
    measure="growth",
    value=1.7391,
    limit=1.5,
    origin="datav.toml:5",
    line=5,
)
MISSED = NotChecked("data/orders.csv", "unique", "id", "its data is not here", 11)

ORDERS = Checked("data/orders.csv", 12, (NULLS, DRIFT, GROWTH), (MISSED,), read_rows=True, is_changed=True)
QUIET = Checked("data/users.csv", 29, (), is_changed=False)

HOSTILE = (
    "\x1b[31m\n::error::no\r]]>&<b><img src=x onerror='window.hacked = 1'>|`@you`\x00\udcff\ufffe\u202e%0A"
)
"""What a name or a cell may hold, to command a terminal, a log, a page or a parser."""


def result(*datasets: Checked, notes: tuple[str, ...] = ()) -> CheckResult:
    return CheckResult("HEAD", "b" * 40, False, "main", "a" * 40, datasets, notes)


def hostile() -> CheckResult:
    """Every text of it is HOSTILE."""
    finding = Finding(
        path=HOSTILE,
        rule=f"sql.{HOSTILE}",
        severity="error",
        column=HOSTILE,
        message=f"{HOSTILE}: {HOSTILE}",
        measure=HOSTILE,
        value=HOSTILE,
        limit=HOSTILE,
        origin=HOSTILE,
        examples=(HOSTILE, HOSTILE),
    )
    missed = NotChecked(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    checked = Checked(HOSTILE, 3, (finding, replace(finding, severity="warn")), (missed,))
    return CheckResult(HOSTILE, None, False, HOSTILE, None, (checked,), (HOSTILE,))
