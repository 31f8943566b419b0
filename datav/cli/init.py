"""datav init"""

from pathlib import Path
from typing import Annotated

import typer

from datav.cli.context import terminal


def init(
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Where the local store shall lie; another disk, say."),
    ] = None,
) -> None:
    """Set datav up in this git repository."""
    from datav.repo.repository import init as initialize

    output = terminal()
    done = initialize(output.here, store=store)
    lines = [f"datav is set up in {done.root}, with its store at {done.store}"]
    if done.staged:
        names = " and ".join(map(str, done.staged))
        is_one = len(done.staged) == 1
        lines.append(f"{names} {'is' if is_one else 'are'} staged: commit {'it' if is_one else 'them'}")
    lines.append(output.style.faint("next: `datav add PATH` puts data under version control"))
    lines.append(
        output.style.faint("next: `datav hooks install` lets git place, check and push data by itself")
    )
    document = {"format": 1, "root": str(done.root), "store": str(done.store)}
    output.show("\n".join(lines), document)
