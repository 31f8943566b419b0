"""Files on the disk for tests of the disk, also where those of other tests lie in memory (.ci/run).

A conftest.py imports `tmp_path_on_disk`, and `tmp_path` is on the disk for all tests beside it.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(name="tmp_path")
def tmp_path_on_disk(tmp_path: Path) -> Iterator[Path]:
    """As pytest's own: a directory for one test.  In memory nothing is written past the page cache."""
    if os.stat(tmp_path).st_dev == os.stat(tempfile.gettempdir()).st_dev:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="datav-test-") as place:
        yield Path(place).resolve()
