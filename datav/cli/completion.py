"""datav completion: the script by which a shell completes what is typed."""

from typing import Annotated

import typer

from datav.cli.completing import WORD
from datav.cli.terminal import writing_output
from datav.errors import UsageError

# The words go to datav as they stand on the line, and it answers with what may be put in place of the last.
_BASH = """\
# Completion of datav for bash 3.2 or later, and of `git datav` beside git's own completion.
_datav_reply() {
    COMPREPLY=()
    local line
    while IFS= read -r line; do
        COMPREPLY+=("$line$1")
    done < <(command datav @ASK@ bash "${@:2}" 2>/dev/null </dev/null)
}
_datav() {
    local at=$((COMP_CWORD > 0 ? COMP_CWORD : 1))
    _datav_reply "" "${COMP_WORDS[@]:1:at}"
}
_git_datav() {
    # git's completion puts no space behind a word.
    local from=2 at
    for at in "${!words[@]}"; do
        [[ ${words[at]} == datav ]] && from=$((at + 1)) && break
    done
    _datav_reply " " "${words[@]:from:cword - from + 1}"
}
complete -o default -o bashdefault -F _datav datav git-datav
"""
_ZSH = """\
#compdef datav git-datav
# Completion of datav for zsh.
_datav() {
    local -a found
    found=("${(@f)$(command datav @ASK@ zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
    if [[ -n "$found[1]" ]]; then
        _describe -V datav found
    else
        _files
    fi
}
if [[ $funcstack[1] == _datav ]]; then
    _datav "$@"
else
    compdef _datav datav git-datav
fi
"""
_FISH = """\
# Completion of datav for fish.
function __datav_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (command datav @ASK@ fish $words[2..-1] 2>/dev/null </dev/null)
    if count $found >/dev/null
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c datav -f -a '(__datav_complete)'
complete -c git-datav -f -a '(__datav_complete)'
"""
SCRIPTS = {
    name: text.replace("@ASK@", WORD) for name, text in (("bash", _BASH), ("zsh", _ZSH), ("fish", _FISH))
}


def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the script by which a shell completes commands, options, datasets, revisions and remotes.

    bash: `eval "$(datav completion bash)"` in ~/.bashrc. zsh: the same with zsh in ~/.zshrc, behind compinit.
    fish: `datav completion fish > ~/.config/fish/completions/datav.fish`.
    """
    if shell not in SCRIPTS:
        raise UsageError(f"there is no completion for {shell!r}", hint="there is one for bash, zsh and fish")
    # Read by a shell, whatever else was asked for: as a file is that `cat` shows.
    with writing_output():
        print(SCRIPTS[shell], end="")
