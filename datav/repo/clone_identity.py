"""Which clone this is: what its roots on a remote are called by.

Made when it is first needed.  A repository that was copied is another clone: what one copy collects, the
other may still need.  A copy shows by the inode of its private directory, which neither a rename nor a mount
under another path or host name changes; only a copied disk image takes it along.
"""

import json
import os
import secrets
import socket

from datav.formats.root import Clone
from datav.repo.repository import Repository
from datav.storage.durable import translating, write_atomic


def clone_identity(repository: Repository) -> Clone:
    """Return this clone's identity; made, durably, if there is none or it is another place's."""
    path = repository.private / "clone.json"
    with translating("look at", repository.private):
        inode = repository.private.stat().st_ino
    # Some network file systems have none.
    place = f"inode {inode}" if inode else f"{socket.gethostname()}:{repository.git.common_dir}"
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError):
        held = None
    label = f"{repository.root.name} on {socket.gethostname()}"
    if isinstance(held, dict) and held.get("place") == place and _is_id(held.get("clone")):
        return Clone(held["clone"], label)
    identity = secrets.token_hex(16)
    with translating("write", path):
        write_atomic(path, json.dumps({"clone": identity, "place": place}).encode() + os.linesep.encode())
    return Clone(identity, label)


def _is_id(text: object) -> bool:
    return isinstance(text, str) and len(text) == 32 and set(text) <= set("0123456789abcdef")
