"""datav beside other data-versioning tools, on the shared workloads, in one run.

The harness (workloads, peers, measuring) lives outside of this repository, in a directory given by
DATAV_BENCH (default: ../shared/bench beside the repository).  This script adds datav as one more peer and
passes everything else on:

    python tests/bench/bench_peers.py run --kinds store --workloads W1 --peers datav dvc borg --out out.jsonl
    python tests/bench/bench_peers.py table out.jsonl --base datav

`datav` must be on the PATH.
"""

import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = Path(os.environ.get("DATAV_BENCH", ROOT.parent / "shared" / "bench")).resolve()


def add_datav() -> None:
    """Put datav in the place of the entry that the harness keeps for it."""
    import peers

    datav = peers.Peer(
        "datav",
        needs="datav",
        chunks=True,
        init=peers.GIT + " && datav init -q && git commit -qm init",
        add="datav add -q {target} && git commit -qm {v} && git tag {v}",
        status="datav status -q",
        checkout="datav checkout -q {v}",
        store=".git/datav",
        note="zstd and deltas; checkout changes the tree from v2 to v1 and verifies every chunk",
    )
    peers.PEERS[:] = [peer for peer in peers.PEERS if peer.name != "datav"] + [datav]


if __name__ == "__main__":
    if not (BENCH / "run.py").exists():
        sys.exit(f"no benchmark harness in {BENCH}: say where it is with DATAV_BENCH")
    sys.path.insert(0, str(BENCH))
    add_datav()
    sys.argv[0] = str(BENCH / "run.py")
    runpy.run_path(str(BENCH / "run.py"), run_name="__main__")
