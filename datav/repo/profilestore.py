"""Profiles as stored objects: bytes into the store, and back from wherever they are.

What the bytes say is for others.  Here a profile is a file that a manifest names (docs/formats/manifest.md),
stored as `add` stores one: so it is collected, pushed, fetched and verified as data is.
"""

from itertools import islice

from datav.errors import FormatError, MissingChunkError
from datav.formats.entry import Content
from datav.formats.manifest import MAX_PROFILE, Manifest
from datav.ids import Buffer, ChunkId
from datav.repo.farreading import Source
from datav.repo.inmemory import store_bytes
from datav.repo.repository import Repository
from datav.store.lazytree import FileTree
from datav.store.reading import Reading
from datav.store.writing import StoreWriter

# Of one chunk a MiB at most, whatever a tree calls it: so this bounds memory too.
_CHUNKS_AT_ONCE = 16


def store_profile(
    repository: Repository, writer: StoreWriter, data: Buffer, *, old: Content | None = None
) -> Content:
    """Store a profile; return what a manifest is to name.

    It is durable and known to others when `writer` has finished, which must be before the manifest is written
    (docs/formats/ordering.md, O3).

    Args:
        writer: of the repository's own store.
        data: 1 byte to MAX_PROFILE.
        old: the profile of the version before; what is near to it is stored as deltas.  One that is not here
            only makes this cost more.

    Raises:
        FormatError: no manifest could name a profile of that size.
        StorageError: the store cannot be written.
    """
    size = memoryview(data).nbytes
    if not 0 < size <= MAX_PROFILE:
        raise FormatError(f"a profile has 1 to {MAX_PROFILE} bytes, and not {size}")
    return store_bytes(repository, writer, data, old=old)


def read_profile(repository: Repository, manifest: Manifest, *, far: bool = True) -> bytes | None:
    """Return the profile of what `manifest` names, every byte of it checked; None where there is none.

    None as well where neither the local store nor the default remote has it any more.  What comes from the
    remote is not stored; `fetch` does that.

    Args:
        far: ask the default remote for what is not here; else nothing is sent anywhere.

    Raises:
        FormatError, IntegrityError: it is damaged, and there is no good copy.
        RemoteError: it is not here, and the remote cannot be reached.
        UsageError: it is not here, and there are remotes, but none is the default.

    Cost: twice MAX_PROFILE of memory at most, whatever is stored; of a remote that was listed about one
    request for a profile of one chunk, and two for a larger one.
    """
    profile = manifest.profile
    if profile is None:
        return None
    if profile.size > MAX_PROFILE:
        raise FormatError(f"a profile of {profile.size} bytes is larger than any can be")
    try:
        return _read_all(Source(repository) if far else repository.store.reader, profile)
    except MissingChunkError:
        return None


def _read_all(reader: Reading, profile: Content) -> bytes:
    pieces = FileTree(reader, profile).pieces(0, profile.size)
    data = bytearray()
    # Never all pieces at once: a hostile tree may cut a few bytes into millions of them.
    while batch := list(islice(pieces, _CHUNKS_AT_ONCE)):
        found = reader.read_many([piece.id for piece in batch], nodes=False)
        for piece, chunk in zip(batch, found, strict=True):
            if len(chunk) != piece.size:
                raise FormatError(f"chunk {ChunkId(piece.id).short} is not as long as its tree says")
            data += chunk
    return bytes(data)
