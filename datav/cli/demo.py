"""datav demo"""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from datav.cli.context import terminal


def demo(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Where to make it; a new one, and kept.")
    ] = None,
) -> None:
    """Show the main job, for real, in a new repository: add, change, compare, go back, byte for byte."""
    import tempfile

    from datav.errors import UsageError
    from datav.storage.durable import make_directories

    output = terminal()
    if directory is None:
        with tempfile.TemporaryDirectory(prefix="datav-demo-") as scratch:
            _play(Path(scratch) / "demo", color=output.color)
        print("\nThat repository is gone again; `datav demo DIR` makes one that stays.")
        return
    place = output.here / directory
    if os.path.lexists(place):
        raise UsageError(f"{directory} exists already", hint="name a directory that does not exist")
    make_directories(place)
    _play(place, color=output.color)
    print(f"\nLook around in {directory}.")


def _play(place: Path, *, color: bool) -> None:
    from datav.repo import demo as material

    git = material.make_repository(place)
    first, second = material.readings(), material.readings(corrected=True)
    (place / "readings.csv").write_bytes(first)
    material.photos(place / "photos")
    _say("A git repository with a table and a folder of pictures that git should not carry.")
    _run(place, "init", color=color)
    _run(place, "add readings.csv photos", color=color)
    _git("commit", "first version")
    before = material.commit(git, "first version")
    _say("Somebody corrects three rows of the table and adds two.")
    (place / "readings.csv").write_bytes(second)
    _run(place, "status", color=color)
    _run(place, "diff --key id", color=color)
    _run(place, "add readings.csv", color=color)
    _git("commit", "corrections")
    after = material.commit(git, "corrections")
    _run(place, "log readings.csv", color=color)
    _say("Back to the first version, and forth again; every byte is compared.")
    for commit, wanted in ((before, first), (after, second)):
        _run(place, f"checkout {commit[:10]}", color=color)
        if (place / "readings.csv").read_bytes() != wanted:
            raise AssertionError("the checkout is not what was added")
        print("readings.csv is byte for byte what was added")
    _run(place, "verify", color=color)
    _run(place, "du --history", color=color)


def _say(text: str) -> None:
    print(f"\n# {text}")


def _git(command: str, message: str) -> None:
    print(f'$ git {command} -m "{message}"')


def _run(place: Path, command: str, *, color: bool) -> None:
    """Show a command as the user would type it, and run it."""
    from datav.cli.main import main

    print(f"$ datav {command}", flush=True)
    status = main(["-C", str(place), *([] if color else ["--no-color"]), *shlex.split(command)])
    if status != 0:
        raise typer.Exit(status)
