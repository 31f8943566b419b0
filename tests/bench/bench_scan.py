"""How close the scan is to the least that such a walk can cost.

    python -m tests.bench.bench_scan DIRECTORY

Prints the best of five of each, warm: a bare `os.scandir` and `stat` walk, the scan, the scan with four
ignore patterns, and the stat cache's write, load and lookup for the same files.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from datav.formats.entry import Content
from datav.progress import SILENT
from datav.workspace.ignore import NO_RULES
from datav.workspace.scan import scan_tree
from datav.workspace.statcache import Row, StatCache, write_stat_cache

PATTERNS = b"*.tmp\n__pycache__/\n/build/**\n!keep.tmp\n"


def walk_bare(root: bytes) -> int:
    count = 0
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    count += 1
    return count


def best(call: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - begin)
        del result
    return min(times)


def main(root: Path) -> None:
    rules = NO_RULES.below(b"", PATTERNS)
    bare = best(lambda: walk_bare(os.fsencode(root)))
    print(f"bare walk           {bare * 1e3:8.1f} ms")
    for name, ignore in (("scan", NO_RULES), ("scan with patterns", rules)):
        taken = best(lambda ignore=ignore: scan_tree(root, ignore, SILENT))
        print(f"{name:<19} {taken * 1e3:8.1f} ms  {taken / bare:.2f} times the bare walk")
    scan = scan_tree(root, NO_RULES, SILENT)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"entries {len(scan.entries)}, peak memory {peak} MiB")
    bench_stat_cache(scan)


def bench_stat_cache(scan) -> None:
    rows = [Row(e.path, e.stamp, Content(os.urandom(32), 0, e.size), scan.looked_at_ns) for e in scan.entries]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "cache"
        print(f"stat cache write    {best(lambda: write_stat_cache(path, None, rows)) * 1e3:8.1f} ms")
        print(f"stat cache load     {best(lambda: StatCache.load(path)) * 1e3:8.1f} ms")
        cache = StatCache.load(path)
        print(f"stat cache lookup   {best(lambda: cache.lookup(scan.entries)) * 1e3:8.1f} ms")
        assert cache.lookup(scan.entries) == [row.content for row in rows]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
