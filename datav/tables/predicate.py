r"""Conditions on rows: `price > 10 and city in ('Oslo', 'Rome')`.

    condition   = term { "or" term }
    term        = factor { "and" factor }
    factor      = "not" factor | "(" condition ")" | test
    test        = name ( "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
                | name [ "not" ] "in" "(" value { "," value } ")"
                | name [ "not" ] "like" text
                | name "is" [ "not" ] "null"
    name        = letters, digits, "_", "." and "-", but no keyword | "..." | `...`
    value       = number | text | "true" | "false"
    text        = '...' | "..."

What stands in double quotes is a name before an operator and a text behind it; a quote is written twice
inside its own quotes.  Keywords may be written in capitals.  In a text after `like`, `%` stands for any
characters and `_` for one; `\` in front takes their meaning away.

What is null meets nothing but `is null`, also behind `not`: a test of null is neither true nor false, as in
SQL.  A cell of another kind than the value, such as `n/a` beside a number, is different from it (`!=`) and
neither smaller nor larger.  How cells of each type are tested is told in celltests.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NoReturn

from datav.errors import UsageError

if TYPE_CHECKING:
    import pyarrow

    from datav.tables.celltests import Cells

Comparator = Literal["=", "!=", "<", "<=", ">", ">="]
Value = bool | Decimal | str

# A condition is typed by people, or made by their programs of a list of ids; what is deeper is hostile.
_LONGEST = 2**16
_DEEPEST = 100
# Beyond this no number of 64 bits is told apart any more, and to write 1e999999999 out takes a gigabyte.
_LARGEST_EXPONENT = 400
# The matcher of patterns refuses what is much longer.
_LONGEST_PATTERN = 1000

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[\w.\-]+")
_QUOTED_NAME = re.compile(r'"((?:[^"]|"")*)"|`((?:[^`]|``)*)`')
_QUOTED_TEXT = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.\-])", re.ASCII)
_COMPARATOR = re.compile(r"==|=|!=|<>|<=|<|>=|>")
_SAME: dict[str, Comparator] = {
    "==": "=",
    "<>": "!=",
    "=": "=",
    "!=": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "like", "null", "true", "false"})


@dataclass(frozen=True, slots=True)
class Comparison:
    name: str
    comparator: Comparator
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Like:
    name: str
    pattern: str


@dataclass(frozen=True, slots=True)
class IsNull:
    name: str


@dataclass(frozen=True, slots=True)
class Not:
    part: "Node"


@dataclass(frozen=True, slots=True)
class Joined:
    """Two parts or more."""

    word: Literal["and", "or"]
    parts: "tuple[Node, ...]"


Test = Comparison | OneOf | Like | IsNull
Node = Test | Not | Joined


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition that a row meets or does not."""

    text: str
    """As it was written."""
    root: Node

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it speaks of, in that order, each once."""
        return tuple(dict.fromkeys(test.name for test in _tests(self.root)))

    def evaluate(self, table: "pyarrow.Table") -> "pyarrow.BooleanArray":
        """Return which rows of `table` meet the condition: shape (n,), without nulls.

        A column that the table lacks is null in all rows.
        """
        import pyarrow

        from datav.tables.celltests import Cells

        cells = {
            name: Cells(table.column(name) if name in table.column_names else pyarrow.nulls(len(table)))
            for name in self.columns
        }
        return _evaluate(self.root, cells).fill_null(False)


def parse_predicate(text: str) -> Predicate:
    """Return the condition that `text` is.

    Raises:
        UsageError: it is none; the message says where, and what was expected there.
    """
    if len(text) > _LONGEST:
        raise UsageError(f"the condition is longer than {_LONGEST} characters")
    parser = _Parser(text)
    root = parser.condition(0)
    parser.end()
    return Predicate(text, root)


class _Parser:
    """Reads from front to back; `at` is where."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def condition(self, depth: int) -> Node:
        parts = [self._term(depth)]
        while self._keyword("or"):
            parts.append(self._term(depth))
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def end(self) -> None:
        self._skip()
        if self.at < len(self.text):
            self._fail("`and`, `or` or the end")

    def _term(self, depth: int) -> Node:
        parts = [self._factor(depth)]
        while self._keyword("and"):
            parts.append(self._factor(depth))
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def _factor(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise UsageError(f"the condition is nested more than {_DEEPEST} deep")
        if self._keyword("not"):
            return Not(self._factor(depth + 1))
        if self._mark("("):
            inner = self.condition(depth + 1)
            if not self._mark(")"):
                self._fail("`and`, `or` or `)`")
            return inner
        return self._test(self._name())

    def _test(self, name: str) -> Node:
        self._skip()
        if found := _COMPARATOR.match(self.text, self.at):
            self.at = found.end()
            return self._comparison(name, _SAME[found[0]])
        if self._keyword("is"):
            is_not = self._keyword("not")
            if not self._keyword("null"):
                self._fail("`null`" if is_not else "`null` or `not null`")
            return Not(IsNull(name)) if is_not else IsNull(name)
        is_not = self._keyword("not")
        if self._keyword("in"):
            test: Node = OneOf(name, self._values())
        elif self._keyword("like"):
            test = Like(name, self._pattern())
        else:
            self._fail("`in` or `like`" if is_not else "an operator: = != < <= > >=, `in`, `like` or `is`")
        return Not(test) if is_not else test

    def _comparison(self, name: str, comparator: Comparator) -> Comparison:
        self._skip()
        start, value = self.at, self._value()
        if isinstance(value, bool) and comparator not in ("=", "!="):
            self.at = start
            self._fail("a number or a text")
        return Comparison(name, comparator, value)

    def _values(self) -> tuple[Value, ...]:
        if not self._mark("("):
            self._fail("`(`")
        values = [self._value()]
        while self._mark(","):
            values.append(self._value())
        if not self._mark(")"):
            self._fail("`,` or `)`")
        return tuple(values)

    def _pattern(self) -> str:
        self._skip()
        found = _QUOTED_TEXT.match(self.text, self.at)
        if found is None:
            self._fail("a pattern in quotes")
        if found.end() - self.at > _LONGEST_PATTERN:
            raise UsageError(f"the pattern at character {self.at + 1} is longer than {_LONGEST_PATTERN}")
        self.at = found.end()
        return _unquoted(found)

    def _name(self) -> str:
        self._skip()
        if quoted := _QUOTED_NAME.match(self.text, self.at):
            self.at = quoted.end()
            return _unquoted(quoted)
        word = _WORD.match(self.text, self.at)
        if word is None or word[0].lower() in _KEYWORDS:
            self._fail("the name of a column", 'names of other characters are written "in quotes"')
        self.at = word.end()
        return word[0]

    def _value(self) -> Value:
        self._skip()
        if text := _QUOTED_TEXT.match(self.text, self.at):
            self.at = text.end()
            return _unquoted(text)
        if number := _NUMBER.match(self.text, self.at):
            value = Decimal(number[0])
            if len(number[0]) > _LARGEST_EXPONENT or abs(value.adjusted()) > _LARGEST_EXPONENT:
                self._fail("a smaller number")
            self.at = number.end()
            return value
        for word in ("true", "false"):
            if self._keyword(word):
                return word == "true"
        if self._keyword("null"):
            raise UsageError(
                "nothing is equal to null, nor different from it", hint="write `is null` or `is not null`"
            )
        self._fail("a number, a text in quotes, true or false", "texts and dates are written 'in quotes'")

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def _mark(self, mark: str) -> bool:
        self._skip()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def _keyword(self, keyword: str) -> bool:
        self._skip()
        word = _WORD.match(self.text, self.at)
        if word is None or word[0].lower() != keyword:
            return False
        self.at = word.end()
        return True

    def _fail(self, expected: str, hint: str | None = None) -> NoReturn:
        self._skip()
        rest = self.text[self.at :]
        word = _WORD.match(rest)
        found = f"{word[0][:40] if word else rest[0]!r}" if rest else "the end"
        raise UsageError(
            f"the condition {_short(self.text)} cannot be read: at character {self.at + 1} there is {found}"
            f" instead of {expected}",
            hint=hint,
        )


def _unquoted(found: "re.Match[str]") -> str:
    quote = found[0][0]
    return found[0][1:-1].replace(2 * quote, quote)


def _short(text: str) -> str:
    return f"`{text}`" if len(text) <= 80 else f"`{text[:77]}...`"


def _tests(node: Node) -> Iterator[Test]:
    match node:
        case Not(part):
            yield from _tests(part)
        case Joined(_, parts):
            for part in parts:
                yield from _tests(part)
        case _:
            yield node


def _evaluate(node: Node, cells: "dict[str, Cells]") -> "pyarrow.BooleanArray":
    import pyarrow.compute as pc

    match node:
        case Not(part):
            return pc.invert(_evaluate(part, cells))
        case Joined(word, parts):
            join = pc.and_kleene if word == "and" else pc.or_kleene
            result = _evaluate(parts[0], cells)
            for part in parts[1:]:
                result = join(result, _evaluate(part, cells))
            return result
        case Comparison(name, comparator, value):
            return cells[name].compare(comparator, value)
        case OneOf(name, values):
            return cells[name].one_of(values)
        case Like(name, pattern):
            return cells[name].like(pattern)
        case IsNull(name):
            return cells[name].is_null()
