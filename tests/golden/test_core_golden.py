"""Cut points that must never change: two clones that cut differently share nothing."""

import json
from pathlib import Path
from typing import Any

import blake3
import pytest

from datav.core import find_candidates, find_cuts, reference

# Written once, with version 1 of docs/formats/chunking.md.  Never regenerated: if this test
# fails, the chunker is wrong, or it is a new version of the format with a file of its own.
GOLDEN = json.loads(Path(__file__).with_name("core_cuts_v1.json").read_text())


def make_input() -> bytes:
    """Noise, text, numbers and runs, from integer arithmetic alone: 1 MiB and a bit."""
    state, parts = 1, []

    def next_number() -> int:
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return state >> 33

    parts.append(b"".join(next_number().to_bytes(4, "little")[:3] for _ in range(150_000)))
    parts.append(
        b"".join(b"%d,%d,station %d\n" % (k, next_number() % 1000, next_number() % 9) for k in range(15_000))
    )
    parts.append(b"".join((10**6 + k).to_bytes(8, "little") for k in range(10_000)))
    parts.append(bytes(100_000))
    parts.append(bytes(range(256)) * 200)
    parts.append(b"".join((next_number() % 2).to_bytes(1, "little") for _ in range(80_000)))
    return b"".join(parts)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["target"]))
def test_cuts_are_those_of_version_1(case: dict[str, Any]) -> None:
    data = make_input()

    assert blake3.blake3(data).hexdigest() == GOLDEN["blake3"]
    sizes = (case["smallest"], case["target"], case["largest"])
    assert list(memoryview(find_cuts(data, *sizes)).cast("Q")) == case["ends"]
    assert list(memoryview(reference.find_cuts(data, *sizes)).cast("Q")) == case["ends"]


def test_the_worked_example_of_the_format_page_holds() -> None:
    state, data = 0, bytearray()
    for _ in range(12288):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        data.append(state >> 56)

    candidates = list(memoryview(find_candidates(data, 0, 2**62, 2**64 - 1)).cast("Q"))
    ends = list(memoryview(find_cuts(data, 1024, 4096, 16384)).cast("Q"))

    assert data[:4].hex() == "141a9a66"
    assert [(item >> 1, item & 1) for item in candidates] == [(3922, 0), (5156, 0), (6479, 1), (11859, 0)]
    assert ends == [5157, 6480, 11860, 12288]
