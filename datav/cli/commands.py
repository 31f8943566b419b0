"""The list of subcommands, in the order that `datav --help` shows."""

from collections.abc import Callable
from typing import Any

from datav.cli.add import add
from datav.cli.checkout import checkout, restore
from datav.cli.demo import demo
from datav.cli.init import init
from datav.cli.status import status

COMMANDS: dict[str, Callable[..., Any]] = {
    "init": init,
    "add": add,
    "status": status,
    "checkout": checkout,
    "restore": restore,
    "demo": demo,
}
