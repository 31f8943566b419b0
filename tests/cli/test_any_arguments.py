"""Whatever is typed, there is no bug to be seen: an exit status that is promised, an error that is one."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from datav.cli.commands import COMMANDS
from tests.cli.conftest import Cli, assert_is_error, fill
from tests.support.repos import ScratchRepo

WORDS = (
    "a.csv",
    "a.csv.datav",
    "d",
    "d/one",
    "d/sub",
    "d/nothing",
    "nothing",
    "new",
    "new/er",
    ".",
    "..",
    "/",
    "",
    "*",
    "d/*",
    "[",
    "~",
    ".git",
    ".git/config",
    "datav.toml",
    ".gitignore",
    "HEAD",
    "HEAD~1",
    "HEAD^{tree}",
    "HEAD:",
    "HEAD:d",
    "HEAD~1:a.csv",
    "HEAD~9:a.csv",
    ":",
    ":a.csv",
    "@{u}",
    "main",
    "--",
    "-",
    "-x",
    "-n",
    "-n=1",
    "-C",
    "-C=.",
    "-q",
    "-v",
    "-h",
    "--json",
    "--no-color",
    "--version",
    "--help",
    "--dry-run",
    "--force",
    "--keep",
    "--apply",
    "--only-user",
    "--history",
    "--recursive",
    "--rev",
    "--limit",
    "--sample",
    "--store",
    "--exit-code",
    "--no-stage",
    "--no-such-option",
    "--rev=HEAD",
    "--rev=",
    "--sample=0.5",
    "--sample=nan",
    "--limit=99999999999999999999",
    "0",
    "1",
    "-1",
    "1e999",
    "\x1b[31m",
    "\n",
    "\udcff",
    "x" * 300,
    "x/" * 3000,
    "💥",
)

words = st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
# `demo` makes a repository each time.
commands = st.sampled_from([name for name in COMMANDS if name != "demo"])


@settings(max_examples=150)
@given(data=st.data(), command=commands, arguments=st.lists(words, max_size=5))
def test_no_arguments_find_a_bug(tmp_path_factory, data, command, arguments):
    at = data.draw(st.integers(0, min(1, len(arguments))))
    cli = repository_of(tmp_path_factory)

    done = cli(*arguments[:at], command, *arguments[at:])

    assert done.status in (0, 1, 2)
    assert "Traceback" not in done.err
    complaint = [line for line in done.err.splitlines() if not line.startswith("warning: ")]
    if done.status == 2:
        assert_is_error("\n".join(complaint), ends_as_typed=True)
    else:
        assert complaint == []


@settings(max_examples=100)
@given(arguments=st.lists(words, max_size=5))
def test_no_words_at_all_find_a_bug(tmp_path_factory, arguments):
    done = repository_of(tmp_path_factory)(*arguments)

    assert done.status in (0, 1, 2)
    assert "Traceback" not in done.err


_made: list[Cli] = []
_calls = itertools.count()


def repository_of(tmp_path_factory) -> Cli:
    """A repository that examples share, new every so often: some of them leave little behind."""
    if next(_calls) % 25 == 0:
        cli = Cli(ScratchRepo.init(tmp_path_factory.mktemp("any") / "repo"))
        cli.ok("init")
        cli.repo.commit("set up datav")
        fill(cli)
        _made[:] = [cli]
    return _made[0]
