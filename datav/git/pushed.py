"""What git is about to push: the manifests of commits that the other side has not got."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from datav.git.repository import MANIFEST_SUFFIX, GitRepository
from datav.relpath import RelPath


class PushedRef(NamedTuple):
    """A line that git gives the pre-push hook: ids, of zeros alone where there is nothing."""

    local: str
    there: str


def parse_pushed(text: str) -> list[PushedRef]:
    """Read the lines `LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID`; what is none is passed over."""
    words = [line.split() for line in text.splitlines()]
    return [PushedRef(four[1], four[3]) for four in words if len(four) == 4]


def manifests_being_pushed(
    repository: GitRepository, remote: str, refs: Iterable[PushedRef]
) -> list[tuple[str, RelPath]]:
    """Return each manifest, as blob and path, of commits that are pushed and that `remote` lacks.

    Of all commits on the way, also where a merge took nothing from them: they arrive, too.

    Args:
        remote: git's name of it, or a URL; what is known to be there is the branches that were fetched or
            pushed under that name, and the ids in `refs`.
    """
    pushed = list(refs)
    wanted = [ref.local for ref in pushed if ref.local.strip("0")]
    if not wanted:
        return []
    known = [f"^{ref.there}" for ref in pushed if ref.there.strip("0")]
    questions = [*wanted, *known, "--", f":(top)*{MANIFEST_SUFFIX.decode()}"]
    output = repository.git.run(
        *("rev-list", "--objects", "--full-history", "--ignore-missing"),
        *("--not", f"--remotes={remote}", "--not", "--stdin"),
        stdin="".join(f"{line}\n" for line in questions).encode(),
    )
    return list(_parse_objects(output.split(b"\n")))


def _parse_objects(lines: Sequence[bytes]) -> Iterable[tuple[str, RelPath]]:
    """Read `OID SP PATH`; of commits and of the topmost tree there is no path."""
    for line in lines:
        oid, _, path = line.partition(b" ")
        if path.endswith(MANIFEST_SUFFIX) and len(path) > len(MANIFEST_SUFFIX):
            yield oid.decode(), RelPath(path)
