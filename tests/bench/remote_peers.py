"""What bench_remotes.py compares: workloads, places, and the commands of each tool."""

from dataclasses import dataclass

WORKLOADS = {
    "W1": "one file of 2 GiB of noise",
    "W2": "a CSV of 12 million rows, 1.5 GB; version 2 has 3,000 scattered row edits",
    "W3": "100,000 files of 1 to 20 KiB (1.07 GB)",
}
# Not imported from workloads.py, whose imports take memory that commands would be charged with.
VERSIONS = {"W1": ("v1",), "W2": ("v1", "v2"), "W3": ("v1",)}
TARGETS = {"W1": "data.bin", "W2": "data.csv", "W3": "tree"}
ONE_FILE = {"W1": "data.bin", "W2": "data.csv", "W3": "one.bin"}
PLACES = {"dir": "a directory", "s3": "a local S3 server"}

# `sh -e` scripts.  They run in the directory `tree`, which holds $TARGET, or in `clone` beside it.
_GIT = "git init -q -b main . && git config gc.auto 0"
_PUT = "import os, s3fs; s3fs.S3FileSystem(endpoint_url=os.environ['ENDPOINT']).put_file"
_GET = "import os, s3fs; s3fs.S3FileSystem(endpoint_url=os.environ['ENDPOINT']).get_file"


@dataclass(frozen=True)
class Peer:
    """The commands of one tool."""

    name: str
    push: str
    pull: str
    """Run in `clone`, with another home."""
    program: str | None = None
    """What must be there; the variable of that name, in capitals, says where."""
    set_up: str = ""
    add: str = ""
    clone: str = ""
    """Makes `clone`, where it is not a mere directory."""
    has_nothing_new: bool = True
    """Whether it knows that there is nothing to do."""
    one_file: bool = False
    """Whether it is given the bytes as one file."""
    only: tuple[tuple[str, str], ...] = ()
    """Workloads and places; without, all."""


DATAV = Peer(
    "datav",
    set_up=_GIT
    + ' && "$PYTHON" -m datav init -q'
    + ' && "$PYTHON" -m datav remote add -q origin "$URL" ${ENDPOINT:+--endpoint "$ENDPOINT"}'
    + " && git add -A . && git commit -qm init",
    add='"$PYTHON" -m datav add -q "$TARGET" && git commit -qm "$VERSION"',
    push='"$PYTHON" -m datav push --json',
    clone='git clone -q tree clone && cd clone && "$PYTHON" -m datav init -q',
    pull='"$PYTHON" -m datav pull --json',
)
DVC = Peer(
    "dvc",
    program="dvc",
    set_up=_GIT
    + ' && "$DVC" init -q && "$DVC" config core.analytics false && "$DVC" config core.check_update false'
    + ' && "$DVC" remote add -q -d place "$URL"'
    + ' && if [ -n "$ENDPOINT" ]; then "$DVC" remote modify -q place endpointurl "$ENDPOINT"; fi'
    + " && git add -A .dvc && git commit -qm init",
    add='"$DVC" add -q "$TARGET" && git add "$TARGET.dvc" .gitignore && git commit -qm "$VERSION"',
    push='"$DVC" push -q',
    clone="git clone -q tree clone",
    pull='"$DVC" pull -q',
)
RESTIC = Peer(
    "restic",
    program="restic",
    set_up='"$RESTIC" init -q',
    push='"$RESTIC" backup -q "$TARGET"',
    pull='"$RESTIC" restore latest -q --target .',
)
CP = Peer(
    "cp",
    push='cp -r "$TARGET" "$URL/$VERSION"',
    pull='cp -r "$URL/$VERSION" "$TARGET"',
    has_nothing_new=False,
    only=(("W3", "dir"),),
)
RAW = Peer(
    "raw",
    push='if [ -z "$ENDPOINT" ]; then cp "$TARGET" "$URL/$VERSION"; else "$PYTHON" -c '
    + f"\"{_PUT}(os.environ['TARGET'], os.environ['URL'] + '/' + os.environ['VERSION'])\"; fi",
    pull='if [ -z "$ENDPOINT" ]; then cp "$URL/$VERSION" "$TARGET"; else "$PYTHON" -c '
    + f"\"{_GET}(os.environ['URL'] + '/' + os.environ['VERSION'], os.environ['TARGET'])\"; fi",
    has_nothing_new=False,
    one_file=True,
)
PEERS = {peer.name: peer for peer in (DATAV, DVC, RESTIC, CP, RAW)}
