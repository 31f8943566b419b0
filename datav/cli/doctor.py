"""datav doctor"""

import shutil
import sys
from typing import Annotated

import typer

from datav.cli.context import terminal


def doctor(
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Set right what `init`, `hooks install` and `add` would; delete and send nothing."
        ),
    ] = False,
    ask_remote: Annotated[
        bool, typer.Option("--remote", help="Try the default remote too, with a small probe.")
    ] = False,
) -> None:
    """Say what is not set up, or in the way, and how to set it right.

    problem: something will not work, or data is not as safe as it seems. warn: it works, and may surprise.
    With -v also what is ok. Also where datav is not set up yet. Exit status: 1 if there is a problem.
    """
    from datav.repo.doctor import Programs, examine
    from datav.repo.doctor import fix as set_right
    from datav.report.doctor import doctor_json, doctor_text

    output = terminal()
    programs = Programs(shutil.which("datav"), sys.executable)
    result = examine(output.here, programs, ask_remote=ask_remote)
    if fix:
        result = set_right(output.here, result, programs, ask_remote=ask_remote)
    output.show(doctor_text(result, output.style, verbose=output.verbose), doctor_json(result))
    if not result.is_well:
        raise typer.Exit(1)
