"""Pages to look at: realistic ones, hostile ones, large ones."""

import math
import random

from datav.report.html.model import (
    Bars,
    ColumnCard,
    Columns,
    Fact,
    Figure,
    Group,
    Histogram,
    Matrix,
    Page,
    Row,
    Rows,
    Schema,
    SchemaChange,
)

SIDES = ("v1.2 (4f1c2aa)", "working tree")

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    '" onmouseover="window.hacked = 3',
    "' autofocus onfocus='window.hacked = 4",
    "</template><script>window.hacked = 5</script>",
    "</style><script>window.hacked = 6</script><!--",
    "abc\u202egpj.exe",
    "half a \ud800 surrogate",
    "nul \x00, bell \x07, line\nfeed, \u2028 separator",
    "{{constructor.constructor('window.hacked = 7')()}}",
    "datum.x; window.hacked = 8",
    "__proto__",
    "שלום abc",
    "",
    "   ",
    "x" * 300,
)


def bell(center: float, width: float, low: float, high: float, bins: int = 24) -> tuple[float, ...]:
    """Shares of a normal distribution, cut at both ends."""
    step = (high - low) / bins
    heights = [math.exp(-(((low + (n + 0.5) * step - center) / width) ** 2) / 2) for n in range(bins)]
    return tuple(height / sum(heights) for height in heights)


def even_edges(low: float, high: float, bins: int = 24) -> tuple[float, ...]:
    return tuple(low + (high - low) * n / bins for n in range(bins + 1))


def bells(
    low: float, high: float, before: tuple[float, float], after: tuple[float, float] | None
) -> Histogram:
    return Histogram(
        even_edges(low, high), bell(*before, low, high), bell(*after, low, high) if after else None
    )


DAYS = even_edges(1_735_689_600_000, 1_761_955_200_000)

AMOUNT = ColumnCard(
    name="amount",
    type="float64",
    verdict="broken",
    score="PSI 0.94",
    summary="mean 41.8 → 63.2; nulls 0.1 % → 4.0 %",
    facts=(
        Fact("nulls", "0.1 %", "4.0 %", "31 times as many", is_notable=True),
        Fact("mean", "41.8", "63.2", "+51 %", is_notable=True),
        Fact("median", "38.9", "60.1"),
        Fact("5 % to 95 %", "12.1 to 81.0", "24.7 to 109"),
        Fact("least, most", "0.5, 148", "0.5, 4,210"),
    ),
    chart=bells(0, 150, (40, 18), (62, 22)),
    notes=("0.3 % of the values after lie outside the range before.",),
)
COUNTRY = ColumnCard(
    name="country",
    type="text",
    verdict="shifted",
    score="PSI 0.21",
    summary="BR from 3.1 % to 14.2 %; 2 new values",
    facts=(
        Fact("distinct", "18", "20", "2 new, none gone", is_notable=True),
        Fact("nulls", "0 %", "0 %"),
        Fact("most frequent", "DE", "DE"),
    ),
    chart=Bars(
        ("DE", "FR", "United Kingdom of Great Britain", "BR", "PL", "NG", "(14 others)"),
        (0.34, 0.21, 0.18, 0.031, 0.06, 0.0, 0.179),
        (0.29, 0.18, 0.15, 0.142, 0.05, 0.011, 0.177),
    ),
    notes=("New: NG, VN.",),
)
CREATED = ColumnCard(
    name="created_at",
    type="timestamp[ms]",
    verdict="shifted",
    score="PSI 0.14",
    summary="last value 31 days later",
    facts=(
        Fact("first", "2025-01-01", "2025-01-01"),
        Fact("last", "2025-09-30", "2025-10-31", "31 days later", is_notable=True),
        Fact("nulls", "0 %", "0 %"),
    ),
    chart=Histogram(
        DAYS,
        tuple((n + 4) / 330 if n < 20 else 0.0 for n in range(24)),
        tuple((n + 4) / 420 for n in range(24)),
        is_time=True,
    ),
)
AGE = ColumnCard(
    name="age",
    type="int64",
    verdict="stable",
    score="PSI 0.01",
    summary="mean 41.2 → 41.3",
    facts=(
        Fact("nulls", "2.1 %", "2.0 %"),
        Fact("mean", "41.2", "41.3"),
        Fact("least, most", "18, 97", "18, 96"),
    ),
    chart=bells(18, 98, (41, 13), (41.6, 13.3)),
)
REVENUE = ColumnCard(
    name="lifetime_revenue_in_euro_cents",
    type="int64",
    verdict="stable",
    score="PSI 0.02",
    summary="mean 4.1 M → 4.2 M",
    facts=(Fact("nulls", "0 %", "0 %"), Fact("mean", "4,112,904", "4,230,011", "+2.8 %")),
    chart=bells(0, 12_000_000, (4.1e6, 1.9e6), (4.25e6, 1.95e6)),
)
LABEL = ColumnCard(
    name="label",
    type="text",
    verdict="stable",
    score="PSI 0.03",
    summary="fraud 8.1 % → 9.0 %",
    facts=(Fact("distinct", "3", "3"), Fact("nulls", "0 %", "0 %")),
    chart=Bars(("ok", "fraud", "unclear"), (0.87, 0.081, 0.049), (0.86, 0.09, 0.05)),
)
NOTE = ColumnCard(
    name="note",
    type="text",
    verdict="stable",
    score="length 0.04",
    summary="mean length 31 → 32",
    facts=(Fact("nulls", "48 %", "47 %"), Fact("distinct", "about 61,000", "about 66,000")),
)


def diff_page() -> Page:
    """What `datav diff --html` may say of one table."""
    chance = random.Random(7)
    return Page(
        title="payments.parquet",
        subtitle="Of the rows 1,204 are new, 31 are gone and 482 are changed; 3 of 8 columns drifted.",
        sides=SIDES,
        facts=(
            Fact("rows", "118,402", "119,575", "+1.0 %"),
            Fact("columns", "9", "9", "1 added, 1 removed, 1 retyped", is_notable=True),
            Fact("size", "18.4 MB", "18.9 MB"),
        ),
        groups=(
            Group(
                "",
                (
                    Columns("Drift by column", (AMOUNT, COUNTRY, CREATED, LABEL, REVENUE, AGE, NOTE)),
                    Schema(
                        "Schema",
                        (
                            SchemaChange("added", "risk_score", after="float64"),
                            SchemaChange("removed", "legacy_id", before="int32"),
                            SchemaChange("retyped", "amount", "int64", "float64", "cents became euros?"),
                            SchemaChange("renamed", "created_at", "created", "created_at", "99 % alike"),
                        ),
                    ),
                    Figure("Class balance: label", LABEL.chart, "Shares of all rows."),
                    Matrix(
                        "Label flips",
                        "from",
                        "to",
                        ("ok", "fraud", "unclear"),
                        ("ok", "fraud", "unclear"),
                        ((0, 61, 12), (18, 0, 4), (31, 9, 0)),
                        note="135 rows with the same key have another label.",
                    ),
                    Matrix(
                        "Label by country",
                        "country",
                        "label",
                        ("DE", "FR", "BR"),
                        ("ok", "fraud", "unclear"),
                        ((31_204, 2_011, 1_480), (19_877, 1_204, 611), (9_410, 4_120, 1_302)),
                        before=((33_871, 1_990, 1_480), (20_410, 1_190, 602), (3_110, 411, 128)),
                    ),
                    Rows(
                        "Changed rows",
                        ("payment_id", "amount", "country", "label", "created_at", "note"),
                        tuple(payment(chance, number) for number in range(400)),
                        keys=1,
                        note="The first 400 of 1,717 rows that differ.",
                    ),
                ),
            ),
        ),
    )


def payment(chance: random.Random, number: int) -> Row:
    """One row that differs."""
    before = (
        f"P{100_000 + number * 37}",
        f"{chance.uniform(1, 150):.2f}",
        chance.choice(("DE", "FR", "GB", "BR")),
        chance.choice(("ok", "fraud", "unclear")),
        f"2025-0{chance.randint(1, 9)}-{chance.randint(10, 28)} 12:{chance.randint(10, 59)}",
        chance.choice((None, "refund asked for by the customer", "second try", "manual review by the desk")),
    )
    if number % 7 == 3:
        return Row(None, before)
    if number % 31 == 5:
        return Row(before, None)
    after = list(before)
    after[1] = f"{float(before[1]) * 1.5:.2f}"
    if number % 3 == 0:
        after[3] = "fraud"
    if number % 5 == 0:
        after[5] = None if before[5] else "added by hand"
    return Row(before, tuple(after))


def profile_page() -> Page:
    """What `datav profile --html` may say of one table."""
    cards = tuple(one_sided(card) for card in (AMOUNT, COUNTRY, CREATED, LABEL, REVENUE, AGE, NOTE))
    return Page(
        title="payments.parquet",
        subtitle="A profile of all rows.",
        facts=(Fact("rows", "118,402"), Fact("columns", "9"), Fact("size", "18.4 MB")),
        groups=(Group("", (Columns("Columns", cards),)),),
    )


def one_sided(card: ColumnCard) -> ColumnCard:
    """A card of a profile."""
    chart = card.chart
    if isinstance(chart, Histogram):
        chart = Histogram(chart.edges, chart.before, is_time=chart.is_time)
    elif isinstance(chart, Bars):
        chart = Bars(chart.labels, chart.before)
    facts = tuple(Fact(fact.label, fact.before) for fact in card.facts)
    first = ", ".join(f"{fact.label} {fact.before}" for fact in facts[:2])
    return ColumnCard(card.name, card.type, summary=first, facts=facts, chart=chart)


def hostile_page() -> Page:
    """Every text is hostile."""
    cards = tuple(
        ColumnCard(
            text,
            text,
            verdict="broken",
            score=text,
            summary=text,
            facts=(Fact(text, text, text, text),),
            chart=Bars(HOSTILE, (1 / len(HOSTILE),) * len(HOSTILE), (0.0,) * len(HOSTILE)),
            notes=(text,),
        )
        for text in HOSTILE
    )
    square = tuple(tuple(range(len(HOSTILE))) for _ in HOSTILE)
    rows = tuple(Row((text,) * len(HOSTILE), tuple(reversed(HOSTILE))) for text in HOSTILE * 8)
    hurt = HOSTILE[0]
    return Page(
        title=hurt,
        subtitle=hurt,
        sides=(HOSTILE[1], HOSTILE[6]),
        facts=(Fact(hurt, hurt, hurt, hurt),),
        notes=HOSTILE,
        groups=tuple(
            Group(
                text,
                (
                    Columns(text, cards, text),
                    Schema(text, (SchemaChange("added", text, text, text, text),), text),
                    Matrix(text, text, text, HOSTILE, HOSTILE, square, square, text),
                    Rows(text, HOSTILE, rows, 1, text),
                    Figure(text, cards[0].chart, text),
                ),
                subtitle=text,
                facts=(Fact(text, text, text, text),),
                notes=HOSTILE,
            )
            for text in HOSTILE[:2]
        ),
    )


def extreme_page() -> Page:
    """Charts at the ends of what a number can be."""
    charts = (
        Histogram((-1.7e308, 0.0, 1.7e308), (0.5, 0.5), (0.0, 1.0)),
        Histogram((0.0, 5e-324), (1.0,), (1.0,)),
        Histogram((1e15, 1e15 + 0.125, 1e15 + 0.25), (0.1, 0.9)),
        Histogram((0.0, 1.0), (0.0,), (0.0,)),
        Histogram(even_edges(0, 1, 2000), (1 / 2000,) * 2000, (1 / 2000,) * 2000),
        Histogram((-9e18, 0.0, 9e18), (0.5, 0.5), (0.0, 1.0), is_time=True),
        Histogram((0.0, 0.001), (1.0,), is_time=True),
        Bars(tuple(f"label {number}" for number in range(300)), (1 / 300,) * 300, (1 / 300,) * 300),
        Bars(("only",), (0.0,), (0.0,)),
    )
    cards = tuple(ColumnCard(f"c{n}", "float64", chart=chart) for n, chart in enumerate(charts))
    return Page("extremes", (Group("", (Columns("Columns", cards),)),), sides=SIDES)


def wide_page(columns: int, rows: int = 200, shown_columns: int = 60) -> Page:
    """A diff of a table with many columns."""
    chance = random.Random(11)
    cards = tuple(
        ColumnCard(
            f"feature_{number:04d}",
            "float64",
            verdict=("broken", "shifted", "stable", "stable")[min(3, number * 20 // columns)],
            score=f"PSI {1 / (number + 1):.3f}",
            summary=f"mean {chance.uniform(0, 9):.2f} → {chance.uniform(0, 9):.2f}",
            facts=AMOUNT.facts,
            chart=bells(0, 10, (chance.uniform(2, 8), 1.5), (chance.uniform(2, 8), 1.5)),
        )
        for number in range(columns)
    )
    names = tuple(card.name for card in cards[:shown_columns])
    changed = tuple(
        Row(tuple(f"{chance.random():.6f}" for _ in names), tuple(f"{chance.random():.6f}" for _ in names))
        for _ in range(rows)
    )
    return Page(
        title="features.parquet",
        sides=SIDES,
        groups=(
            Group("", (Columns("Drift by column", cards), Rows("Changed rows", names, changed, keys=1))),
        ),
    )
