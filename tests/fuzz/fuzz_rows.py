"""Throws random and hostile arguments at datav.core.rows until the time is over.

    python -m tests.fuzz.fuzz_rows [SECONDS] [SEED]

Every answer of the extension, with each instruction set, must be that of the reference: the same
value or the same class of error.  Most worth running under the sanitizers: `.ci/sanitize`.
Prints the arguments of the first difference and exits with 1.
"""

import random
import sys
import time
from array import array
from typing import Any

from datav.core import rows_reference
from tests.fuzz.fuzz_core import answer, make_data, make_items, near, number


def main(seconds: float, seed: int) -> int:
    from datav.core import _rows

    generator = random.Random(seed)
    deadline, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        name, arguments = make_call(generator)
        wanted = call(rows_reference, name, arguments)
        for variant in _rows.variants():
            _rows.use(variant)
            found = call(_rows, name, arguments)
            if found != wanted:
                print(f"seed {seed}, round {rounds}, {variant}: {name}{arguments!r}"[:4000])
                print(f"reference {wanted!r}\nnative    {found!r}"[:4000])
                return 1
        rounds += 1
    print(f"{rounds} calls agree, seed {seed}, variants {', '.join(_rows.variants())}")
    return 0


def call(module: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """What a call returns, or what it makes of its first argument, or the class of its error."""
    if not name.startswith("hash"):
        return answer(getattr(module, name), arguments)
    changed = bytearray(arguments[0])
    return answer(getattr(module, name), (changed, *arguments[1:])) or bytes(changed)


def make_call(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    match r.randrange(9):
        case 0 | 1 | 2:
            width = r.randrange(1, 6)
            columns = make_numbers(r, width)
            arguments = (make_text(r), r.random() < 0.5, make_delimiter(r), r.random() < 0.8, width)
            return "scan_text", (*arguments, columns, make_numbers(r, len(columns) // 4), number(r))
        case 3:
            return "read_text", (make_text(r), make_delimiter(r), r.random() < 0.8, make_numbers(r, 6))
        case 4:
            data = make_text(r)
            return "gather", (data, make_items(r, len(data)), make_items(r, len(data)))
        case 5:
            offset, rows, values = near(r, 20), make_items(r, 2**64 - 1, ordered=False), make_data(r)
            width = r.choice([0, 1, 2, 4, 8, 16, 32, near(r, 40)])
            return "hash_fixed", (rows, values, width, make_validity(r), offset, number(r))
        case 6:
            values, rows = make_data(r), make_items(r, 2**64 - 1, ordered=False)
            offsets, size = make_offsets(r, len(values)), r.choice([4, 8, near(r, 9)])
            return "hash_binary", (rows, offsets, size, values, make_validity(r), near(r, 5), number(r))
        case 7:
            a, b = make_rows(r)
            return "align_rows", (a, b, r.choice([0, 1, 2, 3, 8, 64, near(r, 70)]))
        case _:
            a, b = make_data(r), make_data(r)
            return r.choice(["first_difference", "last_difference"]), r.choice([(a + b, a), (b, a + b)])


def make_text(r: random.Random) -> bytes:
    match r.randrange(4):
        case 0:
            return make_data(r)
        case 1:
            return bytes(r.choices(b'"",\n\r\0ab', k=r.randrange(400)))
        case 2:
            return bytes(r.choices(b'abcdefghijklmnop,,,\n"', k=r.randrange(4000)))
        case _:
            ends = [b"\n"] if r.random() < 0.7 else [b"\n", b"\r\n", b"\r", b"\n\n"]
            cells = [
                b'"x"',
                b'"a""b"',
                b'"' + b"y" * r.randrange(30) + b'"',
                b"z" * r.randrange(40),
                b"",
                b'"\n"',
            ]
            width = r.randrange(1, 5)
            records = [b",".join(r.choices(cells, k=width)) + r.choice(ends) for _ in range(r.randrange(60))]
            text = b"".join(records)
            return text[: near(r, len(text))]


def make_delimiter(r: random.Random) -> int:
    return r.choice([44, 44, 44, -1, 0, 255, near(r, 256)])


def make_numbers(r: random.Random, limit: int) -> bytes:
    """Packed u32 under `limit`, or sometimes not."""
    most = limit if r.random() < 0.97 else limit + 2
    packed = array("I", [r.randrange(most) for _ in range(r.randrange(6))] if most else []).tobytes()
    return packed if r.random() < 0.97 else packed[:-1]


def make_validity(r: random.Random) -> bytes:
    return r.choice([b"", b"", r.randbytes(4), r.randbytes(1)])


def make_offsets(r: random.Random, size: int) -> bytes:
    values = [min(near(r, size), 2**31 - 1) for _ in range(r.randrange(25))]
    kind = r.choice(["i", "q"])
    return array(kind, sorted(values) if r.random() < 0.8 else [v - 1 for v in values]).tobytes()


def make_rows(r: random.Random) -> tuple[bytes, bytes]:
    """Two sequences with much in common."""
    base = [r.randrange(r.choice([2, 2000])) for _ in range(r.randrange(200))]
    other = list(base)
    for _ in range(r.randrange(6)):
        at = r.randrange(len(other) + 1)
        other[at : at + r.randrange(10)] = [r.randrange(2000) for _ in range(r.randrange(10))]
    return array("Q", base).tobytes(), array("Q", other).tobytes()


if __name__ == "__main__":
    sys.exit(
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    )
