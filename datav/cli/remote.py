"""datav remote"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datav.cli.context import opened, terminal

if TYPE_CHECKING:
    from datav.repo.remotes import RemotesChanged

_Name = Annotated[str, typer.Argument(metavar="NAME", help="What the remote is called.")]


def remote(context: typer.Context) -> None:
    """Say where data is pushed to and fetched from; without a subcommand, list the remotes."""
    if context.invoked_subcommand is None:
        list_()


def add(
    name: _Name,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="A directory, or a URL: s3://BUCKET/PATH, gs://, az://, sftp://HOST/PATH, https://, file:///.",
        ),
    ],
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="URL", help="Of an S3 server that is not Amazon's.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", metavar="NAME", help="Of the cloud.")] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", metavar="NAME", help="Of the cloud's own configuration files."),
    ] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Use no credentials.")] = False,
    default: Annotated[bool, typer.Option("--default", help="Make it the default remote.")] = False,
    private: Annotated[
        bool, typer.Option("--private", help="For this clone alone: not in datav.toml, not in git.")
    ] = False,
) -> None:
    """Add a remote to datav.toml, and stage that; the first one is the default."""
    from datav.repo.remotes import add_remote
    from datav.report.remotes import added_text
    from datav.settings import RemoteSettings

    settings = RemoteSettings(name, url, endpoint, region, profile, anonymous)
    with opened(terminal()) as repository:
        result = add_remote(repository, settings, private=private, default=default)
    _show(result, added_text)


def list_() -> None:
    """List the remotes."""
    from datav.repo.remotes import list_remotes
    from datav.report.remotes import remotes_json, remotes_text

    output = terminal()
    with opened(output) as repository:
        result = list_remotes(repository)
    output.show(remotes_text(result, output.style), remotes_json(result))


def remove(name: _Name) -> None:
    """Forget a remote; what is stored there stays."""
    from datav.repo.remotes import remove_remote
    from datav.report.remotes import removed_text

    with opened(terminal()) as repository:
        result = remove_remote(repository, name)
    _show(result, removed_text)


def default(name: _Name) -> None:
    """Choose the remote that is meant where none is named."""
    from datav.repo.remotes import choose_default
    from datav.report.remotes import default_text

    with opened(terminal()) as repository:
        result = choose_default(repository, name)
    _show(result, default_text)


def check(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The default remote, if not given.")
    ] = None,
) -> None:
    """Put, list, read and delete a small probe there, and say what is not allowed."""
    from datav.repo.connecting import opened_objects
    from datav.repo.probing import check_remote
    from datav.repo.remotes import find_remote
    from datav.report.remotes import check_json, check_text

    output = terminal()
    with opened(output) as repository:
        settings = find_remote(repository, name)
        with opened_objects(repository, settings) as objects:
            result = check_remote(settings, objects)
    output.show(check_text(result, output.style), check_json(result))
    if not result.is_ok:
        raise typer.Exit(1)


SUBCOMMANDS: dict[str, Callable[..., Any]] = {
    "add": add,
    "list": list_,
    "remove": remove,
    "default": default,
    "check": check,
}


def _show(result: "RemotesChanged", text: "Callable[[RemotesChanged], str]") -> None:
    from datav.report.remotes import changed_json

    terminal().show(text(result), changed_json(result))
