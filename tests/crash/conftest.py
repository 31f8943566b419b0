"""Crash tests fork, look into /proc and send signals: they are for Linux, and for a disk."""

import sys
from pathlib import Path

import pytest

from tests.support.disks import tmp_path_on_disk

__all__ = ["tmp_path_on_disk"]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.platform.startswith("linux"):
        return
    skip = pytest.mark.skip(reason="crash tests run on Linux only")
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(skip)
