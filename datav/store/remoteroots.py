"""The roots of one clone on a remote: put, put together when they are many, taken back.

A root that was put and not yet looked after (R3) is noted here, in `unsure/`, before it is put.
"""

import contextlib
import dataclasses

from datav.errors import RemoteError
from datav.formats.entry import Content
from datav.formats.root import Clone, RemoteRoot, encode_root, live_contents, live_roots
from datav.storage.durable import remove_file, write_atomic
from datav.store.remote import RemoteStore

# A clone's roots are put together when they are so many.
MAX_ROOTS = 16


def name_contents(remote: RemoteStore, clone: Clone, time: str, contents: set[Content]) -> str:
    """Name contents for a clone (R2); its roots become one when they are many."""
    live = live_roots(remote.roots, clone.id)
    root = RemoteRoot(clone.id, clone.label, time, (), frozenset(contents))
    # Pushed before, at the same time by this clone's clock, and replaced: what replaces it is in the way.
    is_replaced = encode_root(root)[0] in remote.roots
    if len(live) >= MAX_ROOTS or is_replaced:
        all_contents = root.contents | live_contents(live.values())
        root = RemoteRoot(clone.id, clone.label, time, tuple(live), frozenset(all_contents))
    return put_root(remote, root, is_sure=False)


def put_root(remote: RemoteStore, root: RemoteRoot, *, is_sure: bool = True) -> str:
    """Put a root; return its name.

    Args:
        is_sure: all that it names is known to be there, but for what came out of roots that were not sure.
    """
    name, data = encode_root(root)
    unsure = remote.cache.unsure
    if not is_sure or any((unsure / replaced).exists() for replaced in root.replaces):
        # Before the root: who is killed in between must look after it (R3).
        write_atomic(unsure / name, b"", temporary=remote.cache.temporary)
    remote.objects.put(f"roots/{name}", data)
    write_atomic(remote.cache.roots / name, data, temporary=remote.cache.temporary)
    remote.roots[name] = root
    return name


def become_sure(remote: RemoteStore, clone: Clone, sure: set[Content]) -> None:
    """Note which roots name only what is known to be there."""
    live = live_roots(remote.roots, clone.id)
    replaced = {old for root in remote.roots.values() for old in root.replaces}
    for path in remote.cache.unsure.iterdir():
        # What is not listed another push may be about to put.
        if path.name in replaced or (path.name in live and live[path.name].contents <= sure):
            remove_file(path)


def withdraw(remote: RemoteStore, clone: Clone, name: str, gone: set[Content]) -> None:
    """Take back that some contents are needed, which are not there; also what a killed push said of them."""
    sure = remote.sure_roots(clone)
    unsure = {n: root for n, root in live_roots(remote.roots, clone.id).items() if n not in sure}
    root = remote.roots.get(name)
    if root is not None:
        replaces = {*root.replaces, *unsure} - {name}
        contents = live_contents([root, *unsure.values()]) - gone
        root = dataclasses.replace(root, replaces=tuple(sorted(replaces)), contents=frozenset(contents))
        put_root(remote, root, is_sure=False)
        remote.objects.delete(f"roots/{name}")


def drop_merged_roots(remote: RemoteStore, name: str) -> None:
    """Delete the roots that are all in a newer one: nobody loses anything by it."""
    root = remote.roots.get(name)
    if root is None:
        return  # another push of this clone has taken it into its own
    for old in root.replaces:
        held = remote.roots.get(old)
        # What it replaces itself would count again without it: a collection deletes these first.
        if held is not None and held.contents <= root.contents and not remote.roots.keys() & {*held.replaces}:
            # Who may not delete leaves it.
            with contextlib.suppress(RemoteError):
                remote.objects.delete(f"roots/{old}")
