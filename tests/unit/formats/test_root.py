"""Roots: what one says is what was put into it, and nothing that a terminal obeys."""

import dataclasses

import pytest
from blake3 import blake3

from datav.errors import FormatError
from datav.formats.entry import Content
from datav.formats.root import RemoteRoot, encode_root, parse_root

CLONE = "5f0e3c2ab87d4f1699d0c4a2b1e0f3d7"
ROOT = RemoteRoot(
    CLONE, "train on laptop", "2026-11-21T13:00:00Z", (), frozenset([Content(b"\1" * 32, 1, 104_857_600)])
)
TIMES = ["2026-11-21T13:00:00Z", "2026-11-21T13:00:00+00:00", "2026-11-21T13:00:00.123456-05:30"]


@pytest.mark.parametrize("time", TIMES)
def test_what_is_written_is_read(time):
    root = dataclasses.replace(ROOT, time=time)

    assert parse_root(*encode_root(root)) == root


@pytest.mark.parametrize(
    "time",
    [
        "",
        "now",
        "2026-11-21T13:00:00Z\x1b[2J",
        "\x1b]0;x\x07",
        "2026-11-21T13:00:00." + "0" * 30 + "Z",
        "\uff12026-11-21T13:00Z",
    ],
)
def test_a_time_that_is_none_is_refused(time):
    data = encode_root(ROOT)[1].replace(ROOT.time.encode(), time.encode())

    with pytest.raises(FormatError, match="a time that is none"):
        parse_root(f"{CLONE}-{blake3(data).hexdigest()}.root", data)
