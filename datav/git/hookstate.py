"""What git's hooks are not told and need to know: what was rebased onto, what made the last commit."""

from datav.git.repository import GitRepository

_REBASES = ("rebase-merge", "rebase-apply")


def is_rebasing(repository: GitRepository) -> bool:
    """Whether a rebase is under way; also in the hook that ends it."""
    return any((repository.git_dir / name).is_dir() for name in _REBASES)


def rebased_onto(repository: GitRepository) -> str | None:
    """Return the commit that the rebase under way began from; None if there is none."""
    for name in _REBASES:
        try:
            return (repository.git_dir / name / "onto").read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
    return None


def is_plain_commit(repository: GitRepository) -> bool:
    """Whether HEAD was last moved by a commit of what was staged; not a cherry-pick, a revert or a merge."""
    output = repository.git.ask("-c", "log.showSignature=false", "log", "-g", "-1", "--format=%gs")
    subject = output.stdout.decode("utf-8", "replace")
    return not subject.strip() or subject.startswith(("commit: ", "commit (initial)", "commit (amend)"))
