"""datav verify"""

import secrets
from typing import Annotated

import typer

from datav.cli.context import opened, terminal


def verify(
    sample: Annotated[
        float | None,
        typer.Option("--sample", metavar="P", min=0.0001, max=1, help="Read this share of the chunks only."),
    ] = None,
    remote: Annotated[
        str | None, typer.Option("--remote", metavar="NAME", help="Check this remote, not the local store.")
    ] = None,
) -> None:
    """Check every stored chunk against its id, every index, and that nothing that git can reach is missing.

    Exits with 1 when something is damaged or missing.
    """
    from datav.repo.verify import verify as verify_all
    from datav.repo.verify_remote import verify_remote
    from datav.report.verify import verify_json, verify_text

    output = terminal()
    seed = secrets.randbits(32)
    with opened(output) as repository:
        if remote is not None:
            result = verify_remote(repository, remote, sample=sample, seed=seed)
        else:
            result = verify_all(repository, sample=sample, seed=seed)
    output.show(verify_text(result, output.style, output.elapsed_s), verify_json(result, output.elapsed_s))
    if not result.ok:
        raise typer.Exit(1)
