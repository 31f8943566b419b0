"""datav gc"""

from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def gc(
    apply: Annotated[
        bool, typer.Option("--apply", help="Delete what is not needed; without, only say it.")
    ] = False,
    only_user: Annotated[
        bool,
        typer.Option("--only-user", help="No other repository has data in this store, which lies elsewhere."),
    ] = False,
) -> None:
    """Free the space of data that nothing needs: no ref, reflog, stash, work tree or manifest on disk."""
    from datav.repo.collect import collect
    from datav.report.collect import collect_json, collect_text

    output = terminal()
    with opened(output) as repository:
        result = collect(repository, apply=apply, is_only_user=only_user)
    output.show(collect_text(result, output.style), collect_json(result))
