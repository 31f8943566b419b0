"""The hooks that git runs for datav, as text: a block of shell in each hook file.  Pure.

A block first runs what else is in its file, so a hook that was there before comes first, may end as it likes,
and what it ends with is what git is told.  Then it finds out in the shell whether datav has anything to do,
because starting Python takes longer than most commands of git: a checkout between two commits that name the
same data never starts it.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Literal

# A block with another number is outdated, and replaced by the next `datav hooks install`.
VERSION = 1

_BEGIN = b"# >>> datav hook %d: `datav hooks remove` takes this block out"
_END = b"# <<< datav hook"
_BLOCK = re.compile(rb"# >>> datav hook (\d+):[^\n]*\n.*?# <<< datav hook[^\n]*(?:\n|\Z)", re.DOTALL)

# What a hook is called that is no shell script, while ours stands in its place.
CHAINED_SUFFIX = ".datav-chained"

_SHELL = re.compile(rb"#![^\n]*?(?:/| )(?:sh|bash|dash|ash|ksh|mksh|zsh)(?:[ \t][^\n]*)?\n")
_MADE = b"#!/bin/sh\n# Made by `datav hooks install`.\n"
# Not executable, it was no hook to git, and is none now.
_CALL_CHAINED = b'if [ -x "$0.datav-chained" ]; then exec "$0.datav-chained" "$@"; fi\n'

Found = Literal["current", "outdated", "called", "none"]

_FRAME = """\
if [ "${{DATAV_REST-}}" = {name} ]; then
unset DATAV_REST
else
{take}datav_status=0
# What else is in this file comes first: it runs once more, without this block.
datav_rest() {{ if [ -x "$0" ]; then "$0" "$@"; else sh "$0" "$@"; fi; }}
DATAV_REST={name}
export DATAV_REST
{feed}datav_rest "$@" || datav_status=$?
unset DATAV_REST
{run}{body}exit "$datav_status"
fi
"""

_TAKE = "datav_stdin=$(cat)\n"
_FEED = '{ [ -z "$datav_stdin" ] || printf \'%s\\n\' "$datav_stdin"; } | '

_FIND = """\
datav_find() {{ command -v datav >/dev/null 2>&1{recorded}; }}
"""
_RUN = """\
datav_run() {{ if command -v datav >/dev/null 2>&1; then datav "$@"{recorded}; fi; }}
"""

_PLACE = """\
datav_place() {
if datav_find; then datav_run git-hook "$@" || :
else echo 'warning: datav is not on the PATH, so the data of this commit was not placed' >&2
echo 'hint: run `datav checkout` where it is; `datav hooks install` there makes hooks find it' >&2; fi
}
# Places data if HEAD has other manifests than a commit that the files on disk may be of.
datav_since() {
for datav_old in $datav_olds; do
case $datav_old in *[!0]*)
git diff-tree --quiet -r "$datav_old" HEAD -- ':(top)*.datav' 2>/dev/null && continue;;
esac
datav_place "$@"
break
done
}
# Whether a manifest was written since data was last placed.
datav_newer() {
datav_stamp=$(git rev-parse --git-dir)/datav/placed
git -c core.quotePath=false ls-files -- ':(top)*.datav' | {
while IFS= read -r datav_file; do
case $datav_file in '"'*) exit 0;; esac
{ [ ! -e "$datav_stamp" ] || [ "$datav_file" -nt "$datav_stamp" ]; } && exit 0
done
exit 1
}
}
"""

_BODIES: Mapping[str, str] = {
    "post-checkout": """\
if [ "${DATAV_HOOKS-}" != 0 ]; then
if [ "$3" = 1 ]; then datav_olds=$1; datav_since post-checkout "$@"
elif datav_newer; then datav_place post-checkout "$@"; fi
fi
""",
    "post-merge": """\
if [ "${DATAV_HOOKS-}" != 0 ]; then
if [ "$1" = 1 ]; then if datav_newer; then datav_place post-merge "$@"; fi
else datav_olds=ORIG_HEAD; datav_since post-merge "$@"; fi
fi
""",
    # What was amended is as the user made it; a rebase put the data of `onto` in place when it began.
    "post-rewrite": """\
if [ "${DATAV_HOOKS-}" != 0 ] && [ "$1" = rebase ]; then
datav_dir=$(git rev-parse --git-dir)
for datav_olds in "$datav_dir/rebase-merge/onto" "$datav_dir/rebase-apply/onto" ''; do
[ -r "$datav_olds" ] && break
done
if [ -n "$datav_olds" ]; then datav_olds=$(cat "$datav_olds"); else datav_olds=ORIG_HEAD; fi
datav_since post-rewrite "$@"
fi
""",
    # For cherry-pick, revert, and a merge that had stopped: any other commit is as the user made it.
    "post-commit": """\
if [ "${DATAV_HOOKS-}" != 0 ]; then
datav_dir=$(git rev-parse --git-dir)
if [ ! -d "$datav_dir/rebase-merge" ] && [ ! -d "$datav_dir/rebase-apply" ]; then
case $(git -c log.showSignature=false log -g -1 --format=%gs) in
'' | 'commit: '* | 'commit (initial)'* | 'commit (amend)'*) ;;
*) datav_olds=HEAD^; datav_since post-commit "$@";;
esac
fi
fi
""",
    # For reset and stash, after which git runs no other hook.  All else has one, and runs it when HEAD is
    # where it shall be: placing takes time, and whoever interrupts it must not interrupt git.
    "post-index-change": """\
if [ "${DATAV_HOOKS-}" != 0 ] && [ "$1" = 1 ]; then
if [ -r "/proc/$PPID/cmdline" ]; then datav_words=$(tr '\\0' ' ' <"/proc/$PPID/cmdline")
else datav_words=$(ps -o args= -p "$PPID" 2>/dev/null); fi
case " $datav_words " in
*' --abort '*) datav_words=reset;;
*' checkout '* | *' switch '* | *' merge '* | *' pull '* | *' rebase '*) datav_words=;;
*' cherry-pick '* | *' revert '*) datav_words=;;
*' stash '*) datav_words=stash;;
*' reset '*) datav_words=reset;;
*) datav_words=;;
esac
if [ -n "$datav_words" ]; then
if ! git diff-index --cached --quiet HEAD -- ':(top)*.datav' 2>/dev/null || datav_newer; then
datav_place post-index-change "$1" "$datav_words"; fi
fi
fi
""",
    "pre-commit": """\
if [ "$datav_status" = 0 ] && [ "${DATAV_HOOKS-}" != 0 ]; then
if git ls-files -- ':(top)*.datav' | read -r datav_any; then
if datav_find; then datav_run git-hook pre-commit "$@" || datav_status=$?
else echo 'warning: datav is not on the PATH: nobody looks whether data was edited and not added' >&2; fi
fi
fi
""",
    "pre-push": """\
if [ "$datav_status" = 0 ] && [ "${DATAV_HOOKS-}" != 0 ]; then
datav_commits=$(printf '%s\\n' "$datav_stdin" | {
while read -r datav_local datav_id datav_remote datav_there; do
case $datav_id in *[!0]*) echo "$datav_id";; esac
case $datav_there in *[!0]*) echo "^$datav_there";; esac
done
})
case $datav_commits in [!^]* | *"
"[!^]*)
datav_found=$(printf '%s\\n--\\n:(top)*.datav\\n' "$datav_commits" |
git rev-list -n 1 --full-history --ignore-missing --not --remotes="$1" --not --stdin 2>/dev/null
) || datav_found=?
if [ -n "$datav_found" ]; then
if datav_find; then printf '%s\\n' "$datav_stdin" | datav_run git-hook pre-push "$@" || datav_status=$?
else datav_status=1
echo 'error: datav is not on the PATH, so the data of these commits cannot be pushed before them' >&2
echo 'hint: `datav hooks install` where it is makes hooks find it; `git push --no-verify` skips this' >&2
fi
fi;;
esac
fi
""",
}

HOOKS: tuple[str, ...] = tuple(_BODIES)
"""The hooks there are, by git's names."""

_WITH_STDIN = frozenset({"post-rewrite", "pre-push"})
_PLACING = frozenset({"post-checkout", "post-merge", "post-rewrite", "post-commit", "post-index-change"})


def encode_block(name: str, program: str | None) -> bytes:
    """Return the block of the hook `name`.

    Args:
        program: the Python to run datav with where it is not on the PATH; None for a file that others get,
            too.
    """
    recorded_find = recorded_run = ""
    if program is not None:
        quoted = shlex.quote(program)
        recorded_find = f" || [ -x {quoted} ]"
        # -P: git runs hooks at the top of the work tree, and what lies there is not to be imported.
        recorded_run = f'; elif [ -x {quoted} ]; then {quoted} -P -m datav "$@"'
    has_stdin = name in _WITH_STDIN
    run = _FIND.format(recorded=recorded_find) + _RUN.format(recorded=recorded_run)
    if name in _PLACING:
        run += _PLACE
    text = _FRAME.format(
        name=name,
        take=_TAKE if has_stdin else "",
        feed=_FEED if has_stdin else "",
        run=run,
        body=_BODIES[name],
    )
    return _BEGIN % VERSION + b"\n" + text.encode("utf-8", "surrogateescape") + _END + b"\n"


def is_shell(text: bytes) -> bool:
    """Whether a hook is a shell script, into which a block can be put; what does not say is run as one."""
    return b"\0" not in text and (_SHELL.match(text) is not None or not text.startswith(b"#!"))


def find_block(text: bytes, name: str, program: str | None) -> Found:
    """Say what a hook file has of ours: a block as it would be written now, another one, or a line that
    calls datav, which somebody put there."""
    match = _BLOCK.search(text)
    if match is not None:
        return (
            "current" if match[0].rstrip(b"\n") == encode_block(name, program).rstrip(b"\n") else "outdated"
        )
    return (
        "called"
        if re.search(rb"^[^#\n]*\bdatav git-hook %s\b" % name.encode(), text, re.MULTILINE)
        else "none"
    )


def add_block(text: bytes | None, name: str, program: str | None) -> bytes:
    """Return a hook with the block in it, right behind its first line; an older block is replaced.

    Args:
        text: a shell script; None if there is no such hook.
    """
    block = encode_block(name, program)
    if text is None:
        return _MADE + block
    bare = _BLOCK.sub(b"", text, count=1)
    if not bare.startswith(b"#!"):
        return block + bare
    first, newline, rest = bare.partition(b"\n")
    return first + newline + block + rest


def chain_block(name: str, program: str | None) -> bytes:
    """Return a hook that has the block and calls the one that was renamed."""
    return add_block(None, name, program) + _CALL_CHAINED


def remove_block(text: bytes) -> bytes | None:
    """Return a hook without the block: itself if there is none, None if nothing of anybody's is left."""
    if _BLOCK.search(text) is None:
        return text
    bare = _BLOCK.sub(b"", text, count=1)
    return None if bare == _MADE else bare


def calls_chained(text: bytes) -> bool:
    """Whether a hook calls one that was renamed."""
    return _BLOCK.search(text) is not None and _BLOCK.sub(b"", text, count=1) == _MADE + _CALL_CHAINED
