"""datav complete-words SHELL WORD...: what a shell asks for while a command is typed.  People need not.

The words are those behind `datav` up to the one at the cursor, which is the last and may be empty; the answer
is one candidate a line.  It never fails and never prints an error: that would stand in the prompt.  Where it
has nothing to offer the shell offers files.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from datav.relpath import one_line

WORD = "complete-words"

# What an option without a description of its kind takes.
_REMOTE_OPTIONS = ("--remote", "--from")
_CHOICES = {
    "--format": ("text", "markdown", "json", "html", "csv", "parquet"),
    "SHELL": ("bash", "zsh", "fish"),
}
# They take what is no dataset yet, or no dataset ever: the shell knows files best.
_TAKE_FILES = ("add", "patch")
_WORD_BREAKS = ("=", ":")
_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that may stand at the cursor."""

    word: str
    about: str = ""


def run_completion(arguments: Sequence[str]) -> int:
    """Print the candidates for a shell, and return 0 whatever happens."""
    with suppress(Exception):
        shell, *raw = arguments
        words, kept = join_words(raw) if shell == "bash" else (list(raw), "")
        for line in answer_lines(shell, complete(words, Path.cwd()), kept, raw[-1] if raw else ""):
            print(line)
        sys.stdout.flush()
    return 0


def join_words(raw: Sequence[str]) -> tuple[list[str], str]:
    """Undo what bash does to words: it cuts them at `=` and `:`, and leaves quotes in.

    Returns:
        The words, and what of the last one bash has cut off, so that it must not be in an answer.
    """
    words: list[str] = []
    starts: list[int] = []
    is_open = False
    for word in raw:
        is_break = word in _WORD_BREAKS
        if words and (is_break or is_open):
            # Of `a:b` the last part begins behind `a:`, and so it does of `a:`.
            starts[-1] = len(words[-1]) + (1 if is_break else 0)
            words[-1] += _unquoted(word)
        else:
            words.append(_unquoted(word))
            starts.append(0)
        is_open = is_break
    return words, words[-1][: starts[-1]] if words else ""


def _unquoted(word: str) -> str:
    if word[:1] in ("'", '"'):
        return word[1:].removesuffix(word[0])
    return re.sub(r"\\(.)", r"\1", word)


def answer_lines(shell: str, candidates: Iterable[Candidate], kept: str, typed: str) -> list[str]:
    """Return what to print: for bash words quoted, without what it keeps; else with descriptions."""
    # A name with a line break would be two.
    shown = [found for found in candidates if one_line(found.word) == found.word]
    if shell == "bash":
        is_quoted = typed[:1] in ("'", '"')
        words = [found.word.removeprefix(kept) for found in shown]
        return words if is_quoted else [_SPECIAL.sub(r"\\\g<0>", word) for word in words]
    if shell == "zsh":
        return [f"{found.word.replace(':', chr(92) + ':')}:{one_line(found.about)}" for found in shown]
    return [f"{found.word}\t{one_line(found.about)}" for found in shown]


def complete(words: Sequence[str], here: Path) -> list[Candidate]:
    """Return what may stand in place of the last of `words`, in the order to show."""
    from datav.cli.commands import COMMANDS

    *before, current = words or [""]
    here = here / _directory_of(before)
    command, rest = _find_command(before)
    if command is None:
        if current.startswith("-"):
            return _matching(_options_of(_program([])), current)
        listed = [Candidate(name, _summary(made)) for name, made in COMMANDS.items()]
        return _matching([*listed, Candidate("help", "Say how a command is called.")], current)
    if command == "help":
        return _matching([Candidate(name, _summary(made)) for name, made in COMMANDS.items()], current)
    return _complete_command(command, rest, current, here)


def _complete_command(name: str, before: Sequence[str], current: str, here: Path) -> list[Candidate]:
    program = _program([name])
    command = program.commands[name]
    below = getattr(command, "commands", {})
    chosen = next((word for word in before if word in below), None)
    if below and chosen is None and not current.startswith("-"):
        return _matching([Candidate(n, c.get_short_help_str()) for n, c in below.items()], current)
    if chosen is not None:
        command, before = below[chosen], before[list(before).index(chosen) + 1 :]
    if "--" in before:
        return _arguments(command, name, current, here, only_paths=True)
    options = {text: option for option in command.params for text in option.opts if text.startswith("-")}
    head, equals, value = current.partition("=")
    if equals and head in options:
        return [Candidate(f"{head}={c.word}", c.about) for c in _values(head, options[head], value, here)]
    last = before[-1] if before else ""
    if last in options and not options[last].is_flag:
        return _values(last, options[last], current, here)
    if current.startswith("-"):
        return _matching([*_options_of(command), *_options_of(program)], current)
    return _arguments(command, name, current, here)


def _values(text: str, option: Any, current: str, here: Path) -> list[Candidate]:
    """What may be given to an option."""
    if text in _CHOICES:
        return _matching(map(Candidate, _CHOICES[text]), current)
    if text in _REMOTE_OPTIONS:
        return _remotes(current, here)
    return _revisions(current, here) if option.metavar == "REV" else []


def _arguments(
    command: Any, name: str, current: str, here: Path, *, only_paths: bool = False
) -> list[Candidate]:
    """What may be given to a command that is no option: what the names of its arguments say."""
    if name in _TAKE_FILES:
        return []
    takes = " ".join(p.metavar or "" for p in command.params if p.param_type_name == "argument")
    if "SHELL" in takes:
        return _matching(map(Candidate, _CHOICES["SHELL"]), current)
    found: list[Candidate] = []
    if "REV:]" in takes and ":" in current:
        return _paths_of_revision(current, here)
    if "REMOTE" in takes or (name == "remote" and "NAME" in takes and "URL" not in takes):
        found += [] if only_paths else _remotes(current, here)
    if "PATH" in takes or "SOURCE" in takes:
        found += _datasets(current, here)
    if "REV" in takes and "REV:]" not in takes and not only_paths:
        found += _revisions(current, here)
    return found


def _datasets(current: str, here: Path) -> list[Candidate]:
    from datav.repo.completing import known_datasets

    prefix = "./" if current.startswith("./") else ""
    found = _asked(lambda: known_datasets(here))
    return _matching([Candidate(prefix + path, "dataset") for path in found], current)


def _paths_of_revision(current: str, here: Path) -> list[Candidate]:
    from datav.repo.completing import known_datasets

    rev = current.partition(":")[0]
    found = _asked(lambda: known_datasets(here, rev or "HEAD"))
    return _matching([Candidate(f"{rev}:{path}", "dataset") for path in found], current)


def _revisions(current: str, here: Path) -> list[Candidate]:
    from datav.repo.completing import known_revisions

    # `a..b` are two.
    head, dots, last = current.rpartition("..")
    found = _asked(lambda: known_revisions(here))
    return [
        Candidate(head + dots + c.word, c.about)
        for c in _matching([Candidate(n, "revision") for n in found], last)
    ]


def _remotes(current: str, here: Path) -> list[Candidate]:
    from datav.repo.completing import known_remotes

    return _matching([Candidate(name, "remote") for name in _asked(lambda: known_remotes(here))], current)


def _asked(question: Callable[[], list[str]]) -> list[str]:
    """The answer; nothing where there is none: no repository, no git, settings that cannot be read."""
    from datav.errors import DatavError

    try:
        return question()
    except (DatavError, OSError):
        return []


def _matching(candidates: Iterable[Candidate], current: str) -> list[Candidate]:
    unique = {found.word: found for found in candidates if found.word.startswith(current)}
    return list(unique.values())


def _options_of(command: Any) -> list[Candidate]:
    """Long names, and a short one where there is no other; help is on every command."""
    found = []
    for parameter in command.params:
        names = [name for name in parameter.opts if name.startswith("-")]
        long = [name for name in names if name.startswith("--")] or names
        found += [Candidate(name, (parameter.help or "").partition("\n")[0]) for name in long]
    return [*found, Candidate("--help", "Show how it is called.")]


def _summary(command: Callable[..., Any]) -> str:
    return (command.__doc__ or "").partition("\n")[0]


def _program(arguments: list[str]) -> Any:
    from datav.cli.main import build

    return build(arguments)


def _directory_of(words: Sequence[str]) -> str:
    """What `-C` says."""
    places = [after for word, after in pairwise(words) if word == "-C"]
    return places[-1] if places else "."


def _find_command(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The command among the words that stand before the cursor, and what is behind it."""
    from datav.cli.commands import COMMANDS

    for at, word in enumerate(words):
        if (word in COMMANDS or word == "help") and (at == 0 or words[at - 1] != "-C"):
            return word, list(words[at + 1 :])
    return None, []
