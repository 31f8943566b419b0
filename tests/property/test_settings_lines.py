"""Where keys stand in TOML: of texts of any layout, whose lines are known because they were counted."""

import json
import random
import tomllib
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from datav.settings.lines import LineFinder

NAMES = st.sampled_from(
    ["a", "b-1", "3", "", "x.y", "a b", "[c]", '"', "'", "#", "é", "a = 1", "\\u0061", "\t"]
)
TEXTS = st.lists(
    st.sampled_from(["[t]", "\n", "a = 1", '"', '""', "'", "#", "\\", "é", ",", "}", "]", "{", "x", " "]),
    max_size=6,
).map("".join)
SCALARS = TEXTS | st.integers(-5, 5) | st.booleans() | st.sampled_from([1.5, -1e30])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=5)
NOISE = ("", "", " ", "\n", " # [no]\n", '\n# """ { \n\t')


class Writer:
    """Writes a document in a layout that is drawn, and notes the line of each key."""

    def __init__(self, choose: Callable[[tuple[Any, ...]], Any]) -> None:
        self.choose = choose
        self.text = ""
        self.lines: dict[tuple[str | int, ...], int] = {}

    def note(self, key: tuple[str | int, ...]) -> None:
        self.lines.setdefault(key, 1 + self.text.count("\n"))

    def noise(self) -> None:
        self.text += self.choose(NOISE)

    def line_noise(self) -> None:
        self.text += self.choose(("", "", "\n", "# [no]\n", "  \n\n", "# it's\n"))

    def table(
        self, key: tuple[str | int, ...], header: list[str], table: dict[str, Any], *, has_header: bool = True
    ) -> None:
        below = {}
        for name, value in table.items():
            is_tables = isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
            if (isinstance(value, dict) or is_tables) and (
                not has_header or self.choose((True, True, False))
            ):
                below[name] = value
            else:
                self.pair(key, [name], value)
                self.line_end()
        for name, value in below.items():
            path = [*header, name]
            if isinstance(value, list):
                for index, item in enumerate(value):
                    self.head((*key, name, index), path, "[[", "]]")
                    self.table((*key, name, index), path, item)
            else:
                # A table of tables alone needs no header of its own.
                is_bare = bool(value) and all(isinstance(item, dict) and item for item in value.values())
                has_own = not is_bare or self.choose((True, False))
                if has_own:
                    self.head((*key, name), path, "[", "]")
                self.table((*key, name), path, value, has_header=has_own)

    def head(self, key: tuple[str | int, ...], path: list[str], start: str, end: str) -> None:
        self.line_noise()
        for size in range(1, len(key) + 1):
            self.note(key[:size])
        self.text += start + ".".join(self.name(name) for name in path) + end
        self.line_end()

    def line_end(self) -> None:
        self.text += self.choose(("\n", " # [no]\n", "\n\n"))

    def pair(self, key: tuple[str | int, ...], names: list[str], value: Any) -> None:
        """Write `names = value`, or, if the value is a table of one name, longer names."""
        key = (*key, names[-1])
        if isinstance(value, dict) and len(value) == 1 and self.choose((True, False)):
            self.note(key)
            ((name, inner),) = value.items()
            self.pair(key, [*names, name], inner)
            return
        self.note(key)
        self.text += self.choose((".", " . ")).join(self.name(name) for name in names) + self.choose(
            ("=", " = ")
        )
        self.value(key, value)

    def name(self, name: str) -> str:
        ways = [json.dumps(name), json.dumps(name, ensure_ascii=False)]
        if "'" not in name:
            ways.append(f"'{name}'")
        if name in ("a", "b-1", "3"):
            ways.append(name)
        return self.choose(tuple(ways))

    def value(self, key: tuple[str | int, ...], value: Any) -> None:
        if isinstance(value, list):
            self.text += "["
            self.noise()
            for index, item in enumerate(value):
                self.note((*key, index))
                self.value((*key, index), item)
                self.noise()
                self.text += "," if index + 1 < len(value) else self.choose(("", ","))
                self.noise()
            self.text += "]"
        elif isinstance(value, dict):
            self.text += self.choose(("{", "{ "))
            for index, (name, item) in enumerate(value.items()):
                self.text += ", " if index else ""
                self.pair(key, [name], item)
            self.text += self.choose(("}", " }"))
        elif isinstance(value, str):
            self.text += self.choose(tuple(spell(value)))
        else:
            self.text += json.dumps(value)


def spell(text: str) -> list[str]:
    """Return the ways to write a text."""
    escaped = text.replace("\\", "\\\\").replace('"""', '""\\"')
    ways = [json.dumps(text), f'"""\n{escaped}"""']
    if "'" not in text and "\n" not in text:
        ways.append(f"'{text}'")
    if "'''" not in text:
        ways.append(f"'''\n{text}'''")
    return ways


@settings(max_examples=200, deadline=None)
@given(document=DOCUMENTS, seed=st.integers(0, 2**32), line_end=st.sampled_from(["\n", "\r\n"]))
def test_every_key_stands_where_it_was_written(document, seed, line_end):
    writer = Writer(random.Random(seed).choice)
    writer.line_noise()
    writer.table((), [], document)
    text = writer.text.replace("\n", line_end)
    assert tomllib.loads(text) == document

    finder = LineFinder(text)

    assert {key: finder.find(key) for key in writer.lines} == writer.lines


@given(text=st.text(st.sampled_from("ab[]{}=.,\"'\\\n# 1")))
def test_what_is_no_toml_has_lines_too(text):
    last = 1 + text.count("\n")

    assert 1 <= LineFinder(text).find(("a", "b")) <= last
