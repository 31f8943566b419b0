"""datav verify"""

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from datav.cli.context import opened, terminal
from datav.errors import UsageError

if TYPE_CHECKING:
    from datav.cli.terminal import Terminal


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="With `--signed`: these datasets, or paths in them, only."),
    ] = None,
    sample: Annotated[
        float | None,
        typer.Option("--sample", metavar="P", min=0.0001, max=1, help="Read this share of the chunks only."),
    ] = None,
    remote: Annotated[
        str | None, typer.Option("--remote", metavar="NAME", help="Check this remote, not the local store.")
    ] = None,
    signed: Annotated[
        str | None,
        typer.Option(
            "--signed",
            metavar="REV",
            help="Check the signature of a commit or tag, git's objects below it, and every byte of data that"
            " they name.",
        ),
    ] = None,
) -> None:
    """Check every stored chunk against its id, every index, and that nothing that git can reach is missing.

    Exits with 1 when something is damaged or missing, or, with `--signed`, a signature is not good.
    """
    output = terminal()
    if signed is not None:
        if sample is not None or remote is not None:
            other = "--sample" if sample is not None else "--remote"
            raise UsageError(
                f"`--signed` reads every byte, from wherever it is; `{other}` does not go with it",
                hint="leave one of the two out",
            )
        _verify_signed(output, signed, names or [])
        return
    if names:
        raise UsageError(
            f"{names[0]}: only `--signed REV` takes paths", hint="`datav verify` reads all of the store"
        )
    from datav.repo.verify import verify as verify_all
    from datav.repo.verify_remote import verify_remote
    from datav.report.verify import verify_json, verify_text

    seed = secrets.randbits(32)
    with opened(output) as repository:
        if remote is not None:
            result = verify_remote(repository, remote, sample=sample, seed=seed)
        else:
            result = verify_all(repository, sample=sample, seed=seed)
    output.show(verify_text(result, output.style, output.elapsed_s), verify_json(result, output.elapsed_s))
    if not result.ok:
        raise typer.Exit(1)


def _verify_signed(output: "Terminal", rev: str, names: list[str]) -> None:
    from datav.repo.signed import verify_signed
    from datav.report.signed import signed_json, signed_text, signed_warning

    with opened(output) as repository:
        result = verify_signed(repository, rev, names)
    output.show(signed_text(result, output.style, output.elapsed_s), signed_json(result, output.elapsed_s))
    warning = signed_warning(result)
    output.warn([warning] if warning is not None else [])
    if not result.ok:
        raise typer.Exit(1)
