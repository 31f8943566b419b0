"""datav du"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def du(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Datasets; by default all.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Also count every version in git.")] = False,
) -> None:
    """Show how large datasets are, how much of the store they take, and how large the store is."""
    from datav.repo.usage import usage
    from datav.report.usage import usage_json, usage_text

    output = terminal()
    with opened(output) as repository:
        result = usage(repository, paths or [], history=history)
    output.show(usage_text(result, output.style), usage_json(result))
