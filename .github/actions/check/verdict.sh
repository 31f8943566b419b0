#!/usr/bin/env bash
# Ends as the check did.
#
#   DATAV_STATUS          of `datav check`
#   DATAV_FAIL_ON         `error`; `never`: findings fail nothing
set -euo pipefail

case ${DATAV_FAIL_ON:-error} in
error | never) ;;
*) echo "::error::fail-on is \`error\` or \`never\`" && exit 2 ;;
esac
case ${DATAV_STATUS:-} in
0) echo "the data keeps what is promised of it" ;;
1)
    [ "${DATAV_FAIL_ON:-error}" = never ] && echo "::notice::promises are broken, and fail-on is \`never\`" && exit 0
    echo "::error::the data breaks what is promised of it"
    exit 1
    ;;
*) echo "::error::the data could not be checked" && exit "${DATAV_STATUS:-2}" ;;
esac
