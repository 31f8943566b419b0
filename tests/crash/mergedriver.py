"""The merge driver as git runs it: three versions of a manifest in files, of which it changes one."""

import subprocess
from pathlib import Path

from tests.crash.driver import run_datav


def write_versions(root: Path, rev: str, name: str) -> list[str]:
    """Write the manifests of base, HEAD and `rev` as git does for a driver; return the names of the files.

    Nothing of this is counted as a call of the driver's.
    """
    base = _git(root, "merge-base", "HEAD", rev).decode().strip()
    names = []
    for side, commit in (("base", base), ("ours", "HEAD"), ("theirs", rev)):
        names.append(f".merge_file_{rev}_{name}_{side}")
        (root / names[-1]).write_bytes(_git(root, "show", f"{commit}:{name}.datav"))
    return names


def run_merge_driver(rev: str, name: str) -> int:
    """Begin as git does, anew each time, and let the driver merge."""
    return run_datav("git-merge", *write_versions(Path.cwd(), rev, name), f"{name}.datav")


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout
