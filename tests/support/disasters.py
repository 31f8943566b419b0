"""A repository with thirty quiet commits of real data, and ten disasters that may befall it then.

The data are tables of the shared data (tests/support/shareddata.py), each commit moving some of them to their
real next version, none left out:

    regions.csv               v001 to v030, a version a commit
    sp500-constituents.csv    v009 to v039, a version a commit
    airport-frequencies.csv   v001 to v009, a version every fourth commit, with a label
    covid-countries.csv       a daily feed: the rows of v006 up to a day, one day more each commit

No real table there has times of day, so covid-countries.csv has one constructed column, `reported_at`: the
day, at an hour of the afternoon that the country decides.  All else is as it was published.
"""

import random
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from statistics import pstdev

from tests.support.shareddata import DATA

QUIET_COMMITS = 30

REGIONS = "data/regions.csv"
CONSTITUENTS = "data/sp500-constituents.csv"
FREQUENCIES = "data/airport-frequencies.csv"
COVID = "data/covid-countries.csv"

SETTINGS = f"""\
datav = 1

[table."{REGIONS}"]
key = "id"

[table."{CONSTITUENTS}"]
key = "Symbol"

[table."{FREQUENCIES}"]
key = "id"
label = "type"

[table."{COVID}"]
key = ["Date", "Country"]
"""
"""Nothing is promised of the data, and no limit is set."""

DRIFTING_COMMITS = 8
DRIFT_DEVIATIONS = 0.06
"""By which the mean moves in each of them."""

_FEET = 3.28084
_FIRST_DAY = date(2020, 1, 22)
_FIRST_DAYS = 70
"""Days of the feed before the quiet commits."""

Files = Mapping[str, bytes]
"""Contents by path."""

Rows = list[list[str]]
"""Cells as they are written, quotes included; the names of columns first."""

_CELL = re.compile(r'("(?:[^"]|"")*"|[^,]*)(?:,|$)')


@dataclass(frozen=True)
class Disaster:
    """What happens to one table, and what is to be told of it."""

    name: str
    path: str
    column: str | None
    """Of which it is to be told; None: of the table."""
    cause: str
    """A pattern of what the finding, or its details, say."""
    happen: Callable[[Rows], Rows]

    def apply(self, data: bytes) -> bytes:
        return join_rows(self.happen(split_rows(data)))


def is_there() -> bool:
    """Whether the shared data is on this machine."""
    return all((DATA / name).is_dir() for name in ("regions", "airport-frequencies", "covid-countries"))


def first_versions() -> dict[str, bytes]:
    """Return what is committed before the quiet commits."""
    return {
        REGIONS: _version("regions", 1),
        CONSTITUENTS: _version("sp500-constituents", 9),
        FREQUENCIES: _version("airport-frequencies", 1),
        COVID: _feed(_FIRST_DAYS),
    }


def next_versions(number: int) -> dict[str, bytes]:
    """Return what the quiet commit of a number, from 1 on, brings."""
    found = {CONSTITUENTS: _version("sp500-constituents", 9 + number), COVID: _feed(_FIRST_DAYS + number)}
    if number < QUIET_COMMITS:
        found[REGIONS] = _version("regions", 1 + number)
    if number % 4 == 2:
        found[FREQUENCIES] = _version("airport-frequencies", 2 + number // 4)
    return found


def control_versions() -> dict[str, bytes]:
    """Return what is no disaster: the real next versions, and of what has none its rows in another order."""
    header, *rows = split_rows(_version("regions", 30))
    random.Random(7).shuffle(rows)
    return {
        REGIONS: join_rows([header, *rows]),
        CONSTITUENTS: _version("sp500-constituents", 40),
        FREQUENCIES: _version("airport-frequencies", 10),
        COVID: _feed(_FIRST_DAYS + QUIET_COMMITS + 1),
    }


def drifting_versions(data: bytes, column: str) -> Iterator[bytes]:
    """Yield versions of which each has a mean a bit above that of the one before."""
    header, *rows = split_rows(data)
    place = header.index(column)
    numbers = [float(row[place]) for row in rows]
    step = DRIFT_DEVIATIONS * pstdev(numbers)
    for number in range(1, DRIFTING_COMMITS + 1):
        moved = [
            [*row[:place], f"{float(row[place]) + number * step:.3f}", *row[place + 1 :]] for row in rows
        ]
        yield join_rows([header, *moved])


def split_rows(data: bytes) -> Rows:
    """Return the cells of a CSV without line ends in cells."""
    return [_split(line) for line in data.decode().splitlines()]


def join_rows(rows: Iterable[Sequence[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def _split(line: str) -> list[str]:
    cells, at = [], 0
    while at <= len(line):
        found = _CELL.match(line, at)
        assert found, line
        cells.append(found[1])
        at = found.end() if found.end() > at and line[found.end() - 1] == "," else len(line) + 1
    return cells


def _version(table: str, number: int) -> bytes:
    return (DATA / table / f"v{number:03}.csv").read_bytes()


def _feed(days: int) -> bytes:
    """Return so many days of the feed, in the order of the published table: by country, then day."""
    header, rows = _published()
    last = str(_FIRST_DAY + timedelta(days - 1))
    return join_rows([header, *(row for row in rows if row[0] <= last)])


@cache
def _published() -> tuple[list[str], Rows]:
    header, *rows = split_rows(_version("covid-countries", 6))
    latest = str(_FIRST_DAY + timedelta(_FIRST_DAYS + QUIET_COMMITS + 1))
    return [*header, "reported_at"], [[*row, _reported_at(row)] for row in rows if row[0] <= latest]


def _reported_at(row: Sequence[str]) -> str:
    moment = zlib.crc32(row[1].encode()) % (5 * 60)
    return f"{row[0]} {13 + moment // 60:02}:{moment % 60:02}:00"


def _change(column: str, change: Callable[[str, int], str]) -> Callable[[Rows], Rows]:
    """Return what changes cells of a column, by the number of the row."""

    def happen(rows: Rows) -> Rows:
        header, *others = rows
        place = header.index(column) if column in header else header.index(f'"{column}"')
        return [
            header,
            *(
                [*row[:place], change(row[place], number), *row[place + 1 :]]
                for number, row in enumerate(others)
            ),
        ]

    return happen


def _nulls_times_ten(column: str) -> Callable[[Rows], Rows]:
    def happen(rows: Rows) -> Rows:
        place = rows[0].index(f'"{column}"')
        few = sum(not row[place] for row in rows[1:])
        filled = [number for number, row in enumerate(rows[1:]) if row[place]]
        gone = set(random.Random(1).sample(filled, 9 * few))
        return _change(column, lambda cell, number: "" if number in gone else cell)(rows)

    return happen


def _feet(cell: str, number: int) -> str:
    return f"{float(cell) * _FEET:.5f}"


def _drop(column: str, value: str) -> Callable[[Rows], Rows]:
    def happen(rows: Rows) -> Rows:
        place = rows[0].index(f'"{column}"')
        return [row for row in rows if row[place] != f'"{value}"']

    return happen


def _flip_sign(cell: str, number: int) -> str:
    return cell if zlib.crc32(b"%d" % number) % 2 or float(cell) == 0 else f"-{cell}"


def _five_hours_on(cell: str, number: int) -> str:
    return f"{datetime.fromisoformat(cell) + timedelta(hours=5)}"


def _repeat_day(day: str) -> Callable[[Rows], Rows]:
    return lambda rows: [*rows, *(row for row in rows if row[0] == day)]


def _truncate(cell: str, number: int) -> str:
    text = cell[1:-1].replace('""', '"') if cell.startswith('"') else cell
    return '"' + text[:10].replace('"', '""') + '"'


def _flip_labels(rows: Rows) -> Rows:
    """Give two rows of a hundred another label, drawn as labels are distributed."""
    place = rows[0].index('"type"')
    draw = random.Random(2)
    counts = Counter(row[place] for row in rows[1:])
    chosen = set(draw.sample(range(len(rows) - 1), round(0.02 * (len(rows) - 1))))

    def flip(cell: str, number: int) -> str:
        if number not in chosen:
            return cell
        others = {label: count for label, count in counts.items() if label != cell}
        return draw.choices(list(others), list(others.values()))[0]

    return _change("type", flip)(rows)


def _lose_a_third(rows: Rows) -> Rows:
    return rows[: 1 + 2 * (len(rows) - 1) // 3]


_TWICE = str(_FIRST_DAY + timedelta(60))

DISASTERS = (
    Disaster("nulls times ten", FREQUENCIES, "description", r"nulls", _nulls_times_ten("description")),
    Disaster(
        "metres to feet",
        FREQUENCIES,
        "frequency_mhz",
        r"3\.28.*(feet|metres)",
        _change("frequency_mhz", _feet),
    ),
    Disaster("a category dropped", REGIONS, "continent", r"SA", _drop("continent", "SA")),
    Disaster(
        "signs of half of the rows flipped",
        COVID,
        "Confirmed",
        r"negative|sign|below 0",
        _change("Confirmed", _flip_sign),
    ),
    Disaster(
        "another time zone",
        COVID,
        "reported_at",
        r"\+5: another time zone",
        _change("reported_at", _five_hours_on),
    ),
    Disaster("a day twice", COVID, "Date", rf"{_TWICE}", _repeat_day(_TWICE)),
    Disaster("texts cut off at 10 characters", REGIONS, "name", r"length|10", _change("name", _truncate)),
    Disaster("two labels of a hundred flipped", FREQUENCIES, "type", r"another label", _flip_labels),
    Disaster("a third of the rows lost", FREQUENCIES, None, r"rows are lost", _lose_a_third),
)
"""Nine; the tenth is a mean that drifts slowly (`drifting_versions`)."""
