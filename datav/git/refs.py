"""The names that git has for commits: branches, tags, branches of remotes."""

from datav.git.repository import GitRepository

_PLACES = ("refs/heads", "refs/tags", "refs/remotes")


def list_names(repository: GitRepository) -> list[str]:
    """Return what a user may type for a commit, without commit ids: HEAD, branches, tags.  One process."""
    listed = repository.git.run("for-each-ref", "--format=%(refname:short)", *_PLACES)
    # A name is never without letters that UTF-8 can hold, but by somebody who means it.
    return ["HEAD", *listed.decode("utf-8", "replace").splitlines()]
