"""Fuzz datav.formats.manifest: python tests/fuzz/fuzz_manifest.py --seconds 60 [--seed 1]

Every input ends in a FormatError or in a manifest that can be written and read again; none takes long.
"""

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datav.errors import FormatError
from datav.formats.manifest import Manifest, encode_manifest, parse_manifest

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "manifest"

# Pieces of which TOML is made, and what has hurt readers of it.
PIECES = [
    b"[meta]", b"[meta.x]", b"[[meta]]", b"[table]", b"meta", b"\n", b"\r\n", b"\r", b"#", b'"', b"'",
    b'"""', b"'''", b"\\", b"\\u202e", b"\\ud800", b"\0", b"\xff", b"\xef\xbb\xbf", b"=", b"{", b"}",
    b"[", b"]", b",", b".", b"a.", b"<<<<<<< HEAD\n", b"=======\n", b">>>>>>> x\n", b"9" * 20, b"1e999",
    b"nan", b"0x" + b"f" * 40, b"true", b"1979-05-27T07:32:00Z", b"datav = 2", b"datav = 3", b"datav = 4",
    b"id = ", b"rows = ", b"key = []", b"columns = [", b"profile = {", b"depth = ", b"[profile]",
    b"[conflict]", b"open = ", b"record = {", b"sides = [", "😀".encode(),
]  # fmt: skip

SLOW_S = 5.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--seed", type=int, default=time.time_ns())
    args = options.parse_args()
    random_ = random.Random(args.seed)
    corpus = [path.read_bytes() for path in sorted(GOLDEN.glob("*.datav"))]
    end = time.monotonic() + args.seconds
    inputs = accepted = 0
    while time.monotonic() < end:
        data = mutate(random_, random_.choice(corpus))
        try:
            accepted += check(data)
        except BaseException:
            print(f"seed {args.seed}, input {inputs}: {data[:2000]!r}", file=sys.stderr)
            raise
        inputs += 1
    print(f"{inputs} inputs, {accepted} accepted, seed {args.seed}")
    return 0


def mutate(random_: random.Random, data: bytes) -> bytes:
    text = bytearray(data)
    for _ in range(random_.randint(1, 6)):
        at = random_.randrange(len(text) + 1)
        piece = random_.choice(PIECES)
        if random_.random() < 0.02:
            piece *= random_.randrange(30_000)
        elif random_.random() < 0.3:
            start = random_.randrange(len(data))
            piece = data[start : start + random_.randrange(100)]
        text[at : at + random_.choice((0, 0, 1, 3, 40))] = piece
    return bytes(text)


def check(data: bytes) -> bool:
    """Return whether `data` was taken for a manifest."""
    start = time.monotonic()
    outcome = attempt(data)
    assert time.monotonic() - start < SLOW_S, "too slow"
    if isinstance(outcome, FormatError):
        assert len(str(outcome)) < 1000, str(outcome)
        assert str(outcome).isprintable(), str(outcome)
        return False
    # Escapes are longer: what was near the limit of size may grow past it.
    if len(data) < 2**16:
        assert parse_manifest(encode_manifest(outcome), "written") == outcome
    return True


def attempt(data: bytes) -> Manifest | FormatError:
    try:
        return parse_manifest(data, "fuzzed")
    except FormatError as error:
        return error


if __name__ == "__main__":
    sys.exit(main())
