#!/usr/bin/env bash
# Checks a commit against another, writes the report and the job summary.  Ends with 0 whatever the check found:
# a comment comes first, then verdict.sh.
#
#   DATAV_HEAD, DATAV_BASE        commits; the base may be empty
#   DATAV_PATHS           one a line; empty: everything
#   DATAV_FETCH           `needed`: nothing is fetched beforehand; `changed`: the data of what differs
#   DATAV_OUT             directory for what is written; default: datav-check in RUNNER_TEMP
#   GITHUB_OUTPUT         gets status, report, junit, sarif
#   GITHUB_STEP_SUMMARY   gets the report
set -euo pipefail

out=${DATAV_OUT:-${RUNNER_TEMP:-${TMPDIR:-/tmp}}/datav-check}
mkdir -p "$out"
rm -f "$out"/check.md "$out"/report.md "$out"/junit.xml "$out"/check.sarif

paths=()
while IFS= read -r path; do
    path=${path%$'\r'}
    [ -z "$path" ] || paths+=("$path")
done <<<"${DATAV_PATHS:-}"

# Reading is lazy: profiles, and of rows what a rule needs, come from the remote when they are asked for.
if [ "${DATAV_FETCH:-needed}" = changed ] && [ -n "$DATAV_BASE" ]; then
    fetch_changed() {
        local commit=$1 filter=$2 manifest manifests=()
        while IFS= read -r -d '' manifest; do
            manifests+=("${manifest%.datav}")
        done < <(git -C "$(git rev-parse --show-toplevel)" diff --no-renames --name-only -z --diff-filter="$filter" \
            "$DATAV_BASE" "$DATAV_HEAD" -- ':(top,glob)**/*.datav')
        [ ${#manifests[@]} -eq 0 ] || datav -C "$(git rev-parse --show-toplevel)" fetch "$commit" -- "${manifests[@]}"
    }
    # What cannot be fetched is told by the check, which may not need it.
    fetch_changed "$DATAV_BASE" DM || echo "::warning::not all data of the base could be fetched"
    fetch_changed "$DATAV_HEAD" AM || echo "::warning::not all data of the head could be fetched"
fi

against=()
[ -z "$DATAV_BASE" ] || against=(--against "$DATAV_BASE")
status=0
datav check "$DATAV_HEAD" ${against[@]+"${against[@]}"} --github --markdown "$out/check.md" \
    --junit "$out/junit.xml" --sarif "$out/check.sarif" -- ${paths[@]+"${paths[@]}"} 2>"$out/errors" || status=$?
cat "$out/errors" >&2

if [ "$status" -le 1 ] && [ -n "$DATAV_BASE" ] &&
    datav report --base "$DATAV_BASE" --head "$DATAV_HEAD" -o "$out/report.md" -- ${paths[@]+"${paths[@]}"}; then
    :
else
    {
        echo '<!-- datav report -->'
        if [ "$status" -gt 1 ]; then
            printf '### The data could not be checked\n\n'
            # Indented, so that nothing in it is Markdown.
            sed 's/^/    /' "$out/errors"
        elif [ -s "$out/check.md" ]; then
            cat "$out/check.md"
        fi
    } >"$out/report.md"
fi

if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    # GitHub drops a summary of more than a MiB.
    head -c 1000000 "$out/report.md" >>"$GITHUB_STEP_SUMMARY"
fi
{
    echo "status=$status"
    echo "report=$out/report.md"
    # Not written where nothing could be checked.
    [ ! -s "$out/junit.xml" ] || echo "junit=$out/junit.xml"
    [ ! -s "$out/check.sarif" ] || echo "sarif=$out/check.sarif"
} >>"$GITHUB_OUTPUT"
