"""A first set of promises, from what a table is and always was.

Conservative: what is promised was kept by all versions that are known, and a limit that a number may reach
one day is only suggested.  Pure; that the promises are kept is looked at by who has the data.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from datav.checks.history import ENOUGH_VERSIONS, NO_SPACES, PATTERNS, ColumnFacts, History
from datav.checks.promises import MOST_EXAMPLES, counted, listed
from datav.checks.proposals import Proposal
from datav.settings.checks import ColumnType

MOST_COLUMNS = 40
"""So many columns get lines of their own."""

_HALF = re.compile("[\ud800-\udfff]")

# Fewer rows say little of what is not in them.
_FEWEST_ROWS = 30
# Nor do fewer versions of what never changes.
_FEWEST_VERSIONS = 5
# With more of them null, that many more may be.
_MOST_NULLS = 0.2
# Of a category each value is there more than once.
_ROWS_A_VALUE = 5
_LONGEST_VALUE = 40
_LONGEST_IDENTIFIER = 64


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is beside the profiles."""

    patterns: Mapping[str, frozenset[str]]
    """Of columns whose rows were read: which patterns all their values fit."""
    encoding: str | None = None
    """As `[meta]` of the manifest declares it."""
    splits: tuple[str, ...] = ()
    """Other tables that look like the other parts of one data set."""


def infer_promises(history: History, around: Surroundings) -> list[Proposal]:
    """Return what may be promised: of the table, then of its columns in their order.

    Of columns that cannot be named, and of more than MOST_COLUMNS, nothing is.
    """
    found = [*_of_table(history, around)]
    for column in named_columns(history)[:MOST_COLUMNS]:
        facts = history.of(column)
        if facts:
            about = _Column(history, column, facts, around.patterns.get(column, frozenset()))
            is_there = history.is_always_there(column)
            found += [each if is_there else _suggested(each) for each in about.proposals()]
    return found


def named_columns(history: History) -> list[str]:
    """Return the columns that can be named in the settings, in their order."""
    # A name may be half a character pair, in JSON Lines; TOML is UTF-8.
    return [name for name in history.last.columns if name and not _HALF.search(name)]


def columns_to_read(history: History) -> list[str]:
    """Return the columns of which it is worth to know how their texts are written, and no profile tells."""
    return [
        name
        for name in named_columns(history)[:MOST_COLUMNS]
        if (facts := history.last.facts.get(name)) is not None
        and facts.is_text
        and facts.filled >= _FEWEST_ROWS
        and (facts.patterns is None or facts.may_be_unique)
    ]


def _suggested(proposal: Proposal) -> Proposal:
    return Proposal(proposal.column, proposal.rule, proposal.value, proposal.reason, is_active=False)


# Of the table


def _of_table(history: History, around: Surroundings) -> Iterator[Proposal]:
    last, number = history.last, len(history.versions)
    there = tuple(name for name in named_columns(history) if history.is_always_there(name))
    if there:
        new = len(named_columns(history)) - len(there)
        but = f", but for {counted(new, 'newer one')}" if new else ""
        yield Proposal(None, "columns", there, f"{_all(number, 'there')}{but}")
    is_still = all(set(version.columns) == set(last.columns) for version in history.versions)
    if there and len(there) == len(last.columns):
        # Never more than a suggestion: a new column is no bad data, and `schema_changes` allows it.
        came = f"no others came {_in(number)}" if number > 1 else "there are no others in the only version"
        reason = came if is_still else "columns came and went"
        yield Proposal(None, "extra_columns", False, reason, is_active=False)
    if number > 1 and all(
        set(before.columns) <= set(after.columns) for before, after in pairwise(history.versions)
    ):
        is_active = number >= _FEWEST_VERSIONS
        yield Proposal(None, "schema_changes", "additive", f"no column went {_in(number)}", is_active)
    if last.key:
        yield Proposal(None, "key_unique", True, f"the key is {listed(last.key)}, and each is there once")
    yield from _of_size(history)
    if around.encoding is not None:
        yield Proposal(None, "meta", {"encoding": around.encoding}, "[meta] of the manifest says so")
    if around.splits:
        by = "key" if last.key else "row"
        yield Proposal(
            None, "disjoint", {"from": around.splits, "by": by}, "if these are splits of one data set", False
        )


def _of_size(history: History) -> Iterator[Proposal]:
    rows = [version.rows for version in history.versions]
    least = min(rows)
    if least >= _FEWEST_ROWS:
        yield Proposal(
            None,
            "rows",
            {"min": int(_rounded(least / 2, up=False))},
            f"half of the fewest: {_range(least, max(rows))} {_in(len(rows))}",
        )
    factors = [after / before for before, after in pairwise(rows) if before]
    if len(factors) < 2:
        return
    # Changes add up where several versions come at once.
    lost, gained = 1 - min(*factors, 1.0), max(*factors, 1.0) - 1
    bounds = {
        "min": round(max(0.0, math.floor(100 * (1 - max(3 * lost, 0.1))) / 100), 2),
        "max": round(math.ceil(100 * (1 + max(3 * gained, 0.25))) / 100, 2),
    }
    reason = f"{min(factors):.4g} to {max(factors):.4g} times as many {_in(len(factors), 'step')}"
    yield Proposal(None, "growth", bounds, reason, len(rows) >= ENOUGH_VERSIONS)


# Of columns


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the last version, through all that have it."""

    history: History
    name: str
    facts: Sequence[ColumnFacts]
    read_patterns: frozenset[str]
    """Patterns that all values of the last version fit, as far as its rows were read."""

    @property
    def last(self) -> ColumnFacts:
        return self.facts[-1]

    @property
    def number(self) -> int:
        return len(self.facts)

    @property
    def is_identifier(self) -> bool:
        return self.name in self.history.last.key or all(each.may_be_unique for each in self.facts)

    def proposals(self) -> Iterator[Proposal]:
        """Yield what may be promised of it, in the order in which it is written."""
        yield from self._type()
        yield from self._nulls()
        yield from self._unique()
        yield from self._range()
        if category := self._category():
            yield category
            return
        if pattern := self._pattern():
            yield pattern
            return
        yield from self._length()

    def _type(self) -> Iterator[Proposal]:
        types = {each.type for each in self.facts if each.filled}
        found: ColumnType | None = next(iter(types)) if len(types) == 1 else None
        if types == {"integer", "number"}:
            found = "number"
        if found is None:
            return
        if found == "integer" and self.number < _FEWEST_VERSIONS and not self.is_identifier:
            # Whole by chance, who knows.
            yield Proposal(self.name, "type", "number", f"integers {_in(self.number)}, which is not many")
        elif len(types) > 1:
            yield Proposal(self.name, "type", found, f"integers and fractions {_in(self.number)}")
        else:
            yield Proposal(self.name, "type", found, _all(self.number, "of it"))

    def _nulls(self) -> Iterator[Proposal]:
        if self.last.count < _FEWEST_ROWS:
            return
        shares = [each.nulls / each.count for each in self.facts if each.count]
        most = max(shares)
        if not most:
            yield Proposal(self.name, "not_null", True, f"no nulls {_in(self.number)}")
        elif most <= _MOST_NULLS:
            yield Proposal(
                self.name,
                "null_fraction",
                _rounded(2 * most, up=True),
                f"twice the most: {' to '.join(dict.fromkeys(map(_percent, (min(shares), most))))}"
                f" {_in(self.number)}",
                self.number >= _FEWEST_VERSIONS,
            )

    def _unique(self) -> Iterator[Proposal]:
        is_key = self.history.last.key == (self.name,)
        if is_key or self.last.count < _FEWEST_ROWS or not all(each.may_be_unique for each in self.facts):
            return
        lengths = self.last.lengths
        is_code = lengths is None or (lengths[1] <= _LONGEST_IDENTIFIER and NO_SPACES in self.read_patterns)
        reason = f"each value once {_in(self.number)}{'' if is_code else ', maybe by chance'}"
        yield Proposal(self.name, "unique", True, reason, is_code and self.number >= _FEWEST_VERSIONS)

    def _range(self) -> Iterator[Proposal]:
        known = [each for each in self.facts if each.filled]
        if self.is_identifier or self.last.filled < _FEWEST_ROWS:
            return
        ends = [(each.least, each.greatest) for each in known if each.least is not None]
        if not ends or len(ends) < len(known):
            return
        least = min(low for low, _ in ends if low is not None)
        most = max(high for _, high in ends if high is not None)
        seen = f"{_range(least, most)} {_in(self.number)}"
        margin = (most - least) / 2 or abs(most) / 2 or 1
        if not math.isfinite(margin):
            return
        is_whole = all(isinstance(end, int) for each in ends for end in each)
        if least >= 0:
            yield Proposal(self.name, "min", 0, f"{seen}, never negative")
        else:
            low = _limit(least - margin, up=False, is_whole=is_whole)
            yield Proposal(self.name, "min", low, f"{seen}; wider by half its range", False)
        high = _limit(most + margin, up=True, is_whole=is_whole)
        yield Proposal(self.name, "max", high, f"{seen}; wider by half its range", False)

    def _category(self) -> Proposal | None:
        known = [each for each in self.facts if each.filled]
        values = frozenset[str]().union(*(each.values or () for each in known))
        if not values or any(each.values is None for each in known):
            return None
        is_frequent = self.last.filled >= max(_FEWEST_ROWS, _ROWS_A_VALUE * len(values))
        if not is_frequent or max(map(len, values)) > _LONGEST_VALUE:
            return None
        is_still = values == known[0].values
        new = f", {len(values - (known[0].values or frozenset()))} of them new"
        if is_still:
            new = ", none new" if len(known) > 1 else ""
        return Proposal(
            self.name,
            "in",
            tuple(sorted(values)),
            f"{counted(len(values), 'value')}{new} {_in(self.number)}",
            is_still and self.number >= _FEWEST_VERSIONS,
        )

    def _pattern(self) -> Proposal | None:
        if self.last.filled < _FEWEST_ROWS:
            return None
        now = self.last.patterns if self.last.patterns is not None else self.read_patterns
        found = next((name for name in PATTERNS if name in now), None)
        known = [each.patterns for each in self.facts if each.filled]
        if found is None or any(each is not None and found not in each for each in known):
            return None
        is_sure = self.number >= _FEWEST_VERSIONS and all(each is not None for each in known)
        where = _in(self.number) if is_sure else "in this version"
        return Proposal(self.name, "matches", PATTERNS[found], f"all are {found} {where}", is_sure)

    def _length(self) -> Iterator[Proposal]:
        known = [each for each in self.facts if each.filled]
        if self.last.filled < _FEWEST_ROWS or any(each.lengths is None for each in known):
            return
        shortest = min(each.lengths[0] for each in known if each.lengths)
        longest = max(each.lengths[1] for each in known if each.lengths)
        reason = f"{_range(shortest, longest)} characters {_in(self.number)}; twice as long"
        bounds = {"max": int(_rounded(2 * longest, up=True, digits=1))}
        yield Proposal(self.name, "length", bounds, reason, False)


# Words and numbers


def tell_rest(history: History) -> str:
    """Return what is to be said of columns that got no lines; empty: there are none."""
    rest = named_columns(history)[MOST_COLUMNS:]
    unnamed = len(history.last.columns) - len(named_columns(history))
    words = []
    if rest:
        more = "" if len(rest) <= MOST_EXAMPLES else ", for example"
        shown = listed(rest[:MOST_EXAMPLES])
        words.append(f"{counted(len(rest), 'more column')} without lines{more}: {shown}")
    if unnamed:
        words.append(f"{counted(unnamed, 'column')} that cannot be named here")
    return "; ".join(words)


def _in(number: int, noun: str = "version") -> str:
    return f"in {counted(number, noun)}"


def _all(number: int, what: str) -> str:
    if number < 3:
        return "in both versions" if number == 2 else f"all {what} in the only version"
    return f"in all {number:,} versions"


def _range(least: float, most: float) -> str:
    return f"{_shown(least)} to {_shown(most)}" if least != most else f"always {_shown(least)}"


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share else "none"


def _limit(value: float, *, up: bool, is_whole: bool) -> float:
    found = _rounded(value, up=up)
    return int(found) if is_whole or (found.is_integer() and abs(found) < 1e15) else found


def _rounded(value: float, *, up: bool, digits: int = 2) -> float:
    """Return a number of few digits that is not below, or above, another one."""
    if not 1e-300 < abs(value) < 1e300:
        return value
    places = digits - 1 - math.floor(math.log10(abs(value)))
    scaled = value * 10.0**places
    # What is nearly whole is: it was divided by a power of ten.
    whole = math.ceil(scaled - 1e-9) if up else math.floor(scaled + 1e-9)
    # By its text, which says 0.3 and not 0.30000000000000004.
    return float(f"{whole}e{-places}")
