#!/usr/bin/env bash
# Installs datav in an environment of its own, and puts that on the PATH of the steps that follow.
#
#   DATAV_VERSION         what pip installs; empty: the datav that this script is part of; `installed`: nothing
#   DATAV_EXTRAS          optional parts, by commas
#   RUNNER_TEMP           where the environment is made
#   GITHUB_PATH           the file that adds to the PATH
set -euo pipefail

if [ "${DATAV_VERSION:-}" = installed ]; then
    datav --version
    exit
fi
wanted=${DATAV_VERSION:-$(cd "$(dirname "$0")/../../.." && pwd)}
if [ -n "${DATAV_EXTRAS:-}" ]; then
    case $DATAV_EXTRAS in
    *[!A-Za-z0-9_,-]*) echo "::error::extras are names, by commas: not $DATAV_EXTRAS" >&2 && exit 2 ;;
    esac
    # The extras stand behind the name, and before the version or address.
    case $wanted in
    *" @ "* | datav[=\<\>~!]*) name=${wanted%%[!A-Za-z0-9_.-]*} && wanted="${name}[$DATAV_EXTRAS]${wanted#"$name"}" ;;
    *://*) wanted="datav[$DATAV_EXTRAS] @ $wanted" ;;
    *) wanted="${wanted}[$DATAV_EXTRAS]" ;;
    esac
fi

place=${RUNNER_TEMP:-${TMPDIR:-/tmp}}/datav-environment
python3 -m venv "$place"
bin=$place/bin
"$bin/python" -m pip install --quiet --disable-pip-version-check --no-input -- "$wanted"
"$bin/datav" --version
# datav alone: what `python3` and `pip` are is for the steps that follow to say.
mkdir -p "$place/path"
ln -sf "$bin/datav" "$bin/git-datav" "$place/path/"
echo "$place/path" >>"$GITHUB_PATH"
