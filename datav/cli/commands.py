"""The list of subcommands, in the order that `datav --help` shows."""

from collections.abc import Callable
from typing import Any

from datav.cli.add import add
from datav.cli.blame import blame
from datav.cli.cat import cat
from datav.cli.check import check
from datav.cli.checkout import checkout, restore
from datav.cli.completion import completion
from datav.cli.conflicts import conflicts
from datav.cli.demo import demo
from datav.cli.diff import diff
from datav.cli.doctor import doctor
from datav.cli.drop import drop
from datav.cli.du import du
from datav.cli.fetch import clone, fetch, pull
from datav.cli.gc import gc
from datav.cli.hooks import SUBCOMMANDS as HOOKS_SUBCOMMANDS
from datav.cli.hooks import hooks
from datav.cli.init import init
from datav.cli.log import log
from datav.cli.ls import ls
from datav.cli.merge import merge
from datav.cli.mergefile import merge_file
from datav.cli.mv import mv, rm
from datav.cli.patch import patch
from datav.cli.profile import profile
from datav.cli.push import push
from datav.cli.remote import SUBCOMMANDS as REMOTE_SUBCOMMANDS
from datav.cli.remote import remote
from datav.cli.repair import repair
from datav.cli.report import report
from datav.cli.resolve import resolve
from datav.cli.status import status
from datav.cli.verify import verify

COMMANDS: dict[str, Callable[..., Any]] = {
    "init": init,
    "add": add,
    "status": status,
    "checkout": checkout,
    "restore": restore,
    "diff": diff,
    "patch": patch,
    "merge-file": merge_file,
    "merge": merge,
    "conflicts": conflicts,
    "resolve": resolve,
    "log": log,
    "blame": blame,
    "profile": profile,
    "check": check,
    "report": report,
    "ls": ls,
    "cat": cat,
    "mv": mv,
    "rm": rm,
    "remote": remote,
    "push": push,
    "fetch": fetch,
    "pull": pull,
    "clone": clone,
    "hooks": hooks,
    "du": du,
    "verify": verify,
    "repair": repair,
    "gc": gc,
    "drop": drop,
    "doctor": doctor,
    "completion": completion,
    "demo": demo,
}

# Of a command that has some: its function is called before them, or alone.
SUBCOMMANDS: dict[str, dict[str, Callable[..., Any]]] = {
    "remote": REMOTE_SUBCOMMANDS,
    "hooks": HOOKS_SUBCOMMANDS,
}
