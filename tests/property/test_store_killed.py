"""Commands killed at any instruction: what was finished before is there, and the next one goes on."""

import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from datav.ids import hash_chunk
from datav.storage.leases import collector_lease
from datav.store.store import Store
from tests.unit.store.stores import ids_of, new_store, noise, read_all, store_chunks

ROOT = Path(__file__).resolve().parents[2]
COMMAND = textwrap.dedent("""
    import random, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    import datav.store.merging, datav.store.packing, datav.store.writing
    from datav.store.store import Store
    from tests.unit.store.stores import noise, pool, put

    datav.store.merging.MAX_PER_TIER = 2
    datav.store.packing.TARGET_SIZE = 20_000
    datav.store.writing.CHECKPOINT_FRAMES = 8
    seed = int(sys.argv[3])
    for command in range(1000):
        store = Store(Path(sys.argv[2]))
        pieces = [noise(seed + 100 * command + n, 2000) for n in range(20)]
        with pool() as executor, store.writing(executor) as writer:
            for first in range(0, 20, 5):
                put(writer, pieces[first : first + 5])
                writer.checkpoint_if_due()
        print(command, flush=True)
""")


def test_a_command_that_is_killed_loses_nothing_that_was_finished(tmp_path):
    new_store(tmp_path / "store")
    rng, finished = random.Random(1), []
    for run in range(4):
        seed = 10_000 * run
        command = [sys.executable, "-c", COMMAND, str(ROOT), str(tmp_path / "store"), str(seed)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(rng.randrange(1, 12)):
            done = int(child.stdout.readline())
        # Somewhere in the command after this one.
        child.stdout.read(rng.randrange(2))
        child.send_signal(signal.SIGKILL)
        done = max([done, *map(int, child.communicate()[0].split()[-1:])])
        finished += [noise(seed + 100 * c + n, 2000) for c in range(done + 1) for n in range(20)]

        store = Store(tmp_path / "store")
        assert read_all(store, ids_of(finished)) == finished
        store_chunks(store, [b"one more"])

    with collector_lease(store.layout.locks):
        # Its lease is known to be dead, so nothing keeps a collector away.
        pass
    assert read_all(Store(tmp_path / "store"), [bytes(hash_chunk(b"one more"))]) == [b"one more"]
