"""doctor, the part about storage: settings, remotes, the local store and what commands left behind.

Each check is a function of its own that changes nothing; what it raises, `doctor` turns into a diagnosis.
"""

import os
import time

from datav.relpath import RelPath
from datav.repo.connecting import jobs_of, opened_objects
from datav.repo.datasets import list_datasets
from datav.repo.diagnosis import Diagnosis
from datav.repo.leftovers import find_old_leftovers
from datav.repo.probing import check_remote
from datav.repo.remotes import find_remote
from datav.repo.repository import Repository, store_path
from datav.settings import FILE_NAME
from datav.storage.leases import find_dead
from datav.storage.space import read_space
from datav.store.layout import Layout, open_store

# A checkout writes what it places a second time, so that little is soon full.
_LITTLE_SPACE = 2**30
_LITTLE_SHARE = 0.02
# git holds its lock for as long as it writes its index.
_OLD_LOCK_S = 600.0


def check_settings(repository: Repository) -> Diagnosis:
    """That they can be read is known: they were opened.  Tells what limits they set."""
    name = RelPath(FILE_NAME.encode())
    if not repository.git.find_tracked([name]):
        what = f"{name} is not in git: others do not have these settings"
        return Diagnosis("settings", "problem", what, "run `datav init`, and commit it", is_fixable=True)
    transfer = repository.settings.transfer
    limits = f"{jobs_of(transfer)} transfers at a time, buffers of {transfer.memory >> 20} MiB"
    return Diagnosis("settings", "ok", f"{name} is in order; {limits}")


def check_default_remote(repository: Repository) -> Diagnosis:
    remotes, default = repository.settings.remotes, repository.settings.default_remote
    if not remotes:
        what = "there is no remote: the data is nowhere but here"
        return Diagnosis("remote", "warn", what, "`datav remote add origin URL` adds one")
    if default is None:
        what = f"no remote is the default, and there are {len(remotes)}: {', '.join(remotes)}"
        return Diagnosis("remote", "warn", what, "choose with `datav remote default NAME`")
    return Diagnosis("remote", "ok", f"the default remote is {default}: {remotes[default].shown}")


def check_reachable(repository: Repository) -> Diagnosis:
    """Try the default remote, as `datav remote check` does: puts a small probe there and deletes it."""
    settings = find_remote(repository, None)
    with opened_objects(repository, settings) as objects:
        result = check_remote(settings, objects)
    hint = f"`datav remote check {settings.name}` tells more"
    if result.is_ok:
        return Diagnosis("reachable", "ok", f"{settings.name} lets us do all that is needed")
    if not result.is_known:
        return Diagnosis("reachable", "problem", f"what is at {result.url} this datav cannot read", hint)
    refused = [attempt for attempt in result.attempts if attempt.outcome in ("refused", "failed")]
    # What says most is what went wrong first.
    what = f"{settings.name} does not let us {', '.join(attempt.verb for attempt in refused)}"
    told = next((attempt.message for attempt in refused if attempt.message), None)
    is_needed = any(attempt.needed_for == "everything" for attempt in refused)
    return Diagnosis(
        "reachable", "problem" if is_needed else "warn", what + (f": {told}" if told else ""), hint
    )


def check_store(repository: Repository) -> Diagnosis:
    """Whether the local store is there and can be used; `verify` reads what is in it."""
    path = store_path(repository.private)
    if path == repository.private / "store" and not Layout(path).format_file.exists():
        what = "there is no local store yet: the first command that needs it makes one"
        return Diagnosis("store", "ok", what, "`datav pull` brings the data")
    layout = open_store(path)
    closed = [d for d in (layout.packs, layout.index) if not os.access(d, os.R_OK | os.W_OK | os.X_OK)]
    if closed:
        return Diagnosis(
            "store", "problem", f"we may not read or write in {closed[0]}", "check its owner and permissions"
        )
    packs = layout.pack_sizes()
    if layout.damaged.is_dir() and any(layout.damaged.iterdir()):
        what = f"a repair has put damaged packs aside in {layout.damaged}"
        return Diagnosis("store", "warn", what, "`datav verify` tells whether anything is missing now")
    size_mb = sum(packs.values()) / 1e6
    return Diagnosis("store", "ok", f"the store at {path} has {len(packs):,} packs, {size_mb:,.1f} MB")


def check_stat_caches(repository: Repository) -> Diagnosis:
    directory = repository.stat_directory
    names = sorted(directory.iterdir()) if directory.is_dir() else []
    closed = [path for path in names if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        what = f"we may not use {closed[0]}: `status` reads all data every time"
        return Diagnosis("stat-caches", "warn", what, "check its owner; it may be deleted")
    return Diagnosis("stat-caches", "ok", "what was read once is remembered")


def check_leftovers(repository: Repository) -> Diagnosis:
    found = find_old_leftovers(repository, list_datasets(repository), time.time())
    if found:
        what = f"killed commands have left {len(found):,} temporary files, such as {found[0]}"
        return Diagnosis("leftovers", "warn", what, "`datav gc` removes them")
    return Diagnosis("leftovers", "ok", "no temporary files were left behind")


def check_leases(repository: Repository) -> Diagnosis:
    """Leases of processes that are gone keep nobody out; a lock of git's does."""
    lock = repository.git.git_dir / "index.lock"
    if lock.exists() and time.time() - lock.stat().st_mtime > _OLD_LOCK_S:
        what = f"{lock} is there since over {_OLD_LOCK_S / 60:.0f} minutes: git can stage nothing"
        return Diagnosis("leases", "problem", what, "if no git is at work here, delete it")
    locks = repository.stat_directory.parent / "locks"
    dead = find_dead(locks) + find_dead(Layout(store_path(repository.private)).locks)
    if dead:
        what = f"{len(dead):,} commands were killed here; what they held is free"
        return Diagnosis("leases", "ok", what)
    return Diagnosis("leases", "ok", "no command holds anything that it should not")


def check_space(repository: Repository) -> Diagnosis:
    store = store_path(repository.private)
    places = {"the work tree": repository.root, "the store": store if store.is_dir() else repository.private}
    for name, path in places.items():
        if not path.is_dir():
            continue
        space = read_space(path)
        if space.free < _LITTLE_SPACE or space.free < _LITTLE_SHARE * space.total:
            what = f"the disk of {name} has {space.free / 1e9:.1f} GB free of {space.total / 1e9:,.0f} GB"
            return Diagnosis("space", "warn", what, "`datav gc`, `datav drop` and `datav du` are about space")
    return Diagnosis("space", "ok", f"{read_space(repository.root).free / 1e9:,.0f} GB are free")
