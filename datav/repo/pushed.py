"""What the default remote is known to have, without asking it."""

from collections.abc import Set

from datav.formats.entry import Content
from datav.formats.root import live_contents, live_roots
from datav.repo.connecting import cache_directory
from datav.repo.repository import Repository
from datav.store.remotecache import RemoteCache, cached_roots


def contents_there(repository: Repository) -> Set[Content] | None:
    """Return the contents that were complete on the default remote when it was last asked.

    None when there is no such remote.
    """
    settings = repository.settings
    if settings.default_remote is None:
        return None
    remote = settings.remotes[settings.default_remote]
    roots = cached_roots(RemoteCache(cache_directory(repository, remote)))
    return live_contents(live_roots(roots).values())
