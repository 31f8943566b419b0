"""Everything datav asks of git; the only package that starts it.

    process       one git process: bytes in, bytes out, errors in git's own words
    repository    a work tree and what can be asked of it
    history       what lies in commits: logs, and every manifest that history can still reach
    ignorefile    the block of ignored names in a .gitignore; pure text
    attributes    what git is told so that it shows manifests in words
    caller        which git process has started this one
    shallow       what a shallow clone lacks, and the fetch that brings it
    succession    whether one version of a manifest came right after another

Nothing here knows what a manifest says, only which files are manifests.  All but the first two are imported
from where they are, so that a `status` does not load them.
"""

from datav.git.process import Git
from datav.git.repository import (
    MANIFEST_SUFFIX,
    MAX_MANIFEST_SIZE,
    Change,
    GitRepository,
    IndexEntry,
    TreeFile,
)

__all__ = [
    "MANIFEST_SUFFIX",
    "MAX_MANIFEST_SIZE",
    "Change",
    "Git",
    "GitRepository",
    "IndexEntry",
    "TreeFile",
]
