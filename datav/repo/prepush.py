"""What git's pre-push hook does: the data of commits is pushed before they are."""

from collections.abc import Sequence

from datav.errors import UsageError
from datav.git.pushed import PushedRef, manifests_being_pushed
from datav.repo.push import PushResult, push
from datav.repo.repository import Repository
from datav.repo.wanted import in_blobs


def push_before_git(repository: Repository, remote: str, refs: Sequence[PushedRef]) -> PushResult | None:
    """Push what commits name that git is about to push; None when they name nothing new.

    Args:
        remote: git's name of where they go, or a URL.

    Raises:
        UsageError: datav has no remote.
        DataLossError: something is neither here nor on the remote.
        RemoteError: the remote cannot be reached or refuses.
    """
    blobs = manifests_being_pushed(repository.git, remote, refs)
    versions = in_blobs(repository, blobs)
    if not versions:
        return None
    if not repository.settings.remotes:
        raise UsageError(
            "these commits name data, and there is no remote to push it to",
            hint="`datav remote add origin URL` names one",
        )
    return push(repository, versions=versions)
