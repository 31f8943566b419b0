"""Crash tests fork, look into /proc and send signals: they are for Linux."""

import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.platform.startswith("linux"):
        return
    skip = pytest.mark.skip(reason="crash tests run on Linux only")
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(skip)
