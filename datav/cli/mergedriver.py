"""datav git-merge: what git runs to merge manifests that both sides changed.  People need not.

Exit status: 0 merged; 1 there are conflicts, which the manifest names; 2 not merged: git then has the path
unmerged, with our version in the work tree.  All that is said goes to standard error: what git prints itself
may be read by programs.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

_MOST = 2**20 + 1


def run_merge_driver(arguments: Sequence[str]) -> int:
    """git's merge driver: %O %A %B %P, the files of base, ours and theirs, and the path.

    The merged manifest takes the place of ours, whole or not at all.
    """
    from datav.cli.terminal import complain
    from datav.errors import DatavError

    if len(arguments) != 4:
        complain("`datav git-merge` is what git runs", "`datav merge REV` is for people")
        return 2
    try:
        return _merge(*arguments)
    except DatavError as exc:
        complain(f"{arguments[3]} is not merged: {exc}", exc.hint)
        complain_what_next(arguments[3])
    except KeyboardInterrupt:
        return 130
    except Exception:
        traceback.print_exc()
        complain("this is a bug in datav", "please report it with the lines above")
    return 2


def complain_what_next(path: str) -> None:
    dataset = path.removesuffix(".datav")
    print(f"  then `datav resolve {dataset}` merges it again", file=sys.stderr)


def _merge(base: str, ours: str, theirs: str, path: str) -> int:
    from datav.formats.manifest import encode_manifest
    from datav.relpath import RelPath
    from datav.repo.merging import merge_manifest_texts
    from datav.repo.repository import Repository
    from datav.report.merge_text import merged_lines
    from datav.storage.durable import write_atomic

    texts = [_read(name) for name in (base, ours, theirs)]
    with Repository.open(Path.cwd()) as repository:
        merged = merge_manifest_texts(repository, RelPath.from_text(path), *texts)
    write_atomic(Path(os.path.abspath(ours)), encode_manifest(merged.manifest), sync=False)
    for line in merged_lines(merged):
        print(line, file=sys.stderr)
    return 1 if merged.open else 0


def _read(name: str) -> bytes:
    from datav.errors import UsageError

    try:
        with open(name, "rb") as file:
            return file.read(_MOST)
    except OSError as exc:
        raise UsageError(f"cannot read {name}: {exc.strerror}") from exc
