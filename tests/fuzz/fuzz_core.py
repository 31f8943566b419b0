"""Throws random and hostile arguments at datav.core until the time is over.

    python -m tests.fuzz.fuzz_core [SECONDS] [SEED]

Every answer of the extension, with each instruction set, must be that of the reference: the same
value or the same class of error.  Most worth running under the sanitizers: `.ci/sanitize`.
Prints the arguments of the first difference and exits with 1.
"""

import random
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

from datav.core import reference

NUMBERS = [
    0,
    1,
    2,
    63,
    64,
    511,
    512,
    513,
    1023,
    1024,
    4096,
    2**16,
    2**20,
    2**31,
    2**32,
    2**62,
    2**63,
    2**64 - 1,
]


def main(seconds: float, seed: int) -> int:
    from datav.core import _native

    generator = random.Random(seed)
    deadline, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        name, arguments = make_call(generator)
        wanted = answer(getattr(reference, name), arguments)
        for variant in _native.variants():
            _native.use(variant)
            found = answer(getattr(_native, name), arguments)
            if found != wanted:
                print(f"seed {seed}, round {rounds}, {variant}: {name}{arguments!r}"[:4000])
                print(f"reference {wanted!r}\nnative    {found!r}"[:4000])
                return 1
        rounds += 1
    print(f"{rounds} calls agree, seed {seed}, variants {', '.join(_native.variants())}")
    return 0


def answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        return function(*arguments)
    except (ValueError, TypeError) as error:
        return type(error)


def make_call(r: random.Random) -> tuple[str, tuple[Any, ...]]:
    data = make_data(r)
    size = len(data)
    match r.randrange(9):
        case 0:
            return "find_candidates", (data, near(r, size), number(r), number(r))
        case 1:
            end = near(r, 2 ** r.randrange(1, 22))
            candidates = make_items(r, 2 * end + 2)
            return "select_cuts", (
                candidates,
                near(r, end),
                near(r, end),
                end,
                r.random() < 0.5,
                *make_sizes(r),
            )
        case 2:
            return "find_cuts", (data, *make_sizes(r))
        case 3:
            return "find_cuts_many", (data, make_items(r, size), *make_sizes(r))
        case 4:
            return "count_rows", (
                data,
                near(r, size),
                r.choice([44, 9, 59, 0, near(r, 130)]),
                r.random() < 0.8,
            )
        case 5:
            return "count_rows_exact", (data, r.randrange(6), r.choice([44, near(r, 130)]))
        case 6:
            ids = data[: size // 32 * 32] if r.random() < 0.9 else data
            if r.random() < 0.7:
                ids = b"".join(sorted(ids[k : k + 32] for k in range(0, len(ids), 32)))
            bits = r.randrange(10)
            fanout = [
                r.choice([0, size // 32, r.randrange(2**32)]) for _ in range(2**bits + (r.random() < 0.95))
            ]
            wanted = b"".join(
                r.choice([ids[32 * k : 32 * k + 32], r.randbytes(32)]) for k in range(r.randrange(20))
            )
            return "find_ids", (ids, array("I", fanout).tobytes(), bits, wanted)
        case 7:
            return "incompressible_flags", (data, make_items(r, size))
        case _:
            hashes = make_items(r, 2**64 - 1, ordered=False)
            return "split_entries", (hashes, number(r), near(r, 20), near(r, 200))


def make_data(r: random.Random) -> bytes:
    size = r.choice([r.randrange(200), r.randrange(3000), r.randrange(60_000)])
    match r.randrange(4):
        case 0:
            return r.randbytes(size)
        case 1:
            return bytes(r.choices(b'aaaaaa,\n\r";', k=size))
        case 2:
            period = r.randbytes(r.randrange(1, 300))
            return (period * (size // len(period) + 1))[:size]
        case _:
            half = r.randbytes(size // 2)
            return half + bytes(size - len(half))


def make_items(r: random.Random, limit: int, *, ordered: bool = True) -> bytes:
    values = [min(near(r, limit), 2**64 - 1) for _ in range(r.randrange(12))]
    packed = array("Q", sorted(values) if ordered and r.random() < 0.9 else values).tobytes()
    return packed if r.random() < 0.97 else packed[:-1]


def make_sizes(r: random.Random) -> tuple[int, int, int]:
    if r.random() < 0.05:
        return number(r), number(r), number(r)
    smallest = r.randrange(1024, 9000)
    target = max(4096, smallest + r.randrange(9000))
    return smallest, target, target + r.randrange(20_000)


def near(r: random.Random, size: int) -> int:
    """Mostly 0 to size, sometimes just outside or far off."""
    if r.random() < 0.03:
        return number(r)
    return r.choice([0, size, max(0, size - 1), size // 2, r.randrange(size + 2)])


def number(r: random.Random) -> int:
    return r.choice([r.choice(NUMBERS), r.getrandbits(64), 2**64 >> r.randrange(1, 12)])


if __name__ == "__main__":
    sys.exit(
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    )
