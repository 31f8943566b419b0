#!/usr/bin/env bash
# Finds out which commits are compared, brings them if this clone is shallow, and names the cache.
#
#   DATAV_HEAD            the commit that is checked; empty: the one that is checked out
#   DATAV_BASE            the commit to compare with; empty: what the event says
#   DATAV_HISTORY         how many commits before these are brought where limits have to be learned
#   GITHUB_EVENT_NAME, GITHUB_EVENT_PATH      the event
#   GITHUB_OUTPUT         gets base, head, changed, cache-path, cache-key, cache-prefix
set -euo pipefail

remote=$(git remote | grep -x origin || git remote | head -n 1)

is_here() { git cat-file -e "$1^{commit}" 2>/dev/null; }

# A commit by its id, or a branch or tag: alone, without its history, if it is not here.
resolve() {
    local name=$1
    case $name in "" | -*) echo "::error::\"$name\" is no revision" >&2 && return 2 ;; esac
    if ! is_here "$name" && [ -n "$remote" ] && git fetch --quiet --no-tags --depth=1 "$remote" "$name" >&2; then
        name=FETCH_HEAD
    fi
    git rev-parse --verify --quiet --end-of-options "$name^{commit}" && return
    echo "::error::git knows no commit $name, and cannot fetch it: see fetch-depth of actions/checkout" >&2
    return 2
}

# The parents of a commit, as it says itself: a shallow clone shows none.
parents_of() { git cat-file commit "$1" | sed -n '/^$/q; s/^parent //p'; }

# What stands in the event, by keys: `event pull_request base sha`.
event() {
    [ -s "${GITHUB_EVENT_PATH:-}" ] || return 0
    python3 -c '
import json, sys
value = json.load(open(sys.argv[1], encoding="utf-8"))
for key in sys.argv[2:]:
    value = value.get(key) if isinstance(value, dict) else None
print(value if isinstance(value, str) else "")' "$GITHUB_EVENT_PATH" "$@"
}

# Where a branch left another: deeper and deeper, until both have a commit in common.
fork_point() {
    local deepen=50
    until git merge-base "$1" "$2"; do
        [ "$(git rev-parse --is-shallow-repository)" = true ] || return 1
        if [ "$deepen" -lt 1000 ]; then
            git fetch --quiet --no-tags --deepen=$deepen "$remote" "$1" "$2" >&2 || deepen=1000
        else
            git fetch --quiet --no-tags --unshallow "$remote" >&2 || return 1
        fi
        deepen=$((deepen * 4))
    done
}

base_of_event() {
    local tip before
    case ${GITHUB_EVENT_NAME:-} in
    pull_request | pull_request_target)
        # What is checked out is a merge into the base, whose first parent is what it was merged into.  The base
        # of the event may be older, and the difference to it would have other people's changes.
        if [ "$head" = "${GITHUB_SHA:-}" ] && [ "$(parents_of "$head" | wc -l)" -eq 2 ]; then
            resolve "$(parents_of "$head" | head -n 1)"
            return
        fi
        tip=$(resolve "$(event pull_request base sha)") || return
        fork_point "$tip" "$head" || echo "$tip"
        ;;
    merge_group) resolve "$(event merge_group base_sha)" ;;
    *)
        before=
        [ "${GITHUB_EVENT_NAME:-}" != push ] || before=$(event before)
        case $before in
        "" | *[!0]*) ;;
        # All zeros: the branch is new.
        *) before= ;;
        esac
        if [ -n "$before" ] && resolve "$before" 2>/dev/null; then
            return
        fi
        # The first commit has none.
        before=$(parents_of "$head" | head -n 1)
        [ -z "$before" ] || resolve "$before"
        ;;
    esac
}

head=$(resolve "${DATAV_HEAD:-HEAD}")
if [ -n "${DATAV_BASE:-}" ]; then
    base=$(resolve "$DATAV_BASE")
else
    base=$(base_of_event)
fi

watched=(':(top,glob)**/*.datav' ':(top,glob)**/*.datav.limits' ':(top)datav.toml')
before=${base:-$(git hash-object -t tree /dev/null)}
changed=$(git diff --name-only -z "$before" "$head" -- "${watched[@]}" | tr -cd '\0' | wc -c)

# Limits for drift are learned from history where no file of limits says them.
lacks_limits() {
    local manifest
    while IFS= read -r -d '' manifest; do
        git cat-file -e "$head:${manifest%.datav}.datav.limits" 2>/dev/null || return 0
    done < <(git diff --no-renames --name-only -z --diff-filter=AM "$before" "$head" -- ':(top,glob)**/*.datav')
    return 1
}
history=${DATAV_HISTORY:-0}
case $history in *[!0-9]*) echo "::error::history is a number of commits, not $history" >&2 && exit 2 ;; esac
if [ "$history" -gt 0 ] && [ "$(git rev-parse --is-shallow-repository)" = true ] && lacks_limits; then
    echo "no limits for all that changed: $history commits of history are fetched to learn them from"
    git fetch --quiet --no-tags --deepen="$history" "$remote" "$head" ||
        echo "::notice::the server gives no history of $head: limits are learned from what is here"
fi

private=$(git rev-parse --path-format=absolute --git-common-dir)/datav
manifests=$(git ls-tree -r --full-tree "$head" | { grep -E '\.datav"?$' || true; } | git hash-object --stdin)
# A new one each month: what nobody reads any more goes with the old.
prefix=datav-1-${RUNNER_OS:-any}-$(date -u +%Y-%m)-
{
    echo "base=$base"
    echo "head=$head"
    echo "changed=$((changed))"
    # Not the rest: it is about this clone, its settings and its work tree.
    printf 'cache-path<<END\n%s\n%s\n%s\nEND\n' "$private/store" "$private/remotes" "$private/cache"
    echo "cache-key=$prefix$manifests"
    echo "cache-prefix=$prefix"
} >>"$GITHUB_OUTPUT"
echo "head $head, base ${base:-(none)}, files of datav that differ: $((changed))"
