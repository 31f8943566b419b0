"""Remotes: finding one by its name, and which there are (docs/reference/settings.md).

`datav.toml` names the remotes of a project; the private configuration names those of one clone alone, and
overrides.  Both files are the user's: an edit changes what it must and leaves every other byte.
"""

import dataclasses
import difflib
import os
from dataclasses import dataclass
from pathlib import Path, PurePath

from datav.errors import NotARepositoryError, UsageError
from datav.relpath import RelPath
from datav.repo import settingstext
from datav.repo.repository import Repository, read_settings_text
from datav.settings import (
    FILE_NAME,
    PRIVATE_FILE_NAME,
    RemoteSettings,
    Settings,
    combine_settings,
    encode_remote,
    find_secret,
    hide_secrets,
    is_remote_name,
    parse_private_settings,
    parse_settings,
)
from datav.storage.durable import make_directories, translating, write_atomic

# A directory beside the repository, or beside the one above it, moves with it; what is further is elsewhere.
_MOST_STEPS_UP = 2


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote as it is listed."""

    settings: RemoteSettings
    is_default: bool
    is_private: bool
    """This clone alone knows it."""


@dataclass(frozen=True, slots=True)
class RemotesChanged:
    """What became of the remotes."""

    remote: str
    url: str
    """Without secrets."""
    default: str | None
    """The default remote from now on."""
    written: tuple[str, ...]
    """Names of the files: `datav.toml`, `config.toml` for the private configuration."""
    staged: tuple[str, ...]
    """What git was told of."""


def find_remote(repository: Repository, name: str | None) -> RemoteSettings:
    """Return the settings of a remote.

    Args:
        name: None for the default.

    Raises:
        UsageError: there is none of that name, or none at all, or several and no default.
    """
    remotes = repository.settings.remotes
    if name is None:
        name = repository.settings.default_remote
    if name is None and remotes:
        raise UsageError(
            f"no remote is the default, and there are {len(remotes)}: {', '.join(remotes)}",
            hint="name one, or choose with `datav remote default NAME`",
        )
    if name is None:
        raise UsageError("there is no remote", hint="`datav remote add origin URL` adds one")
    if name not in remotes:
        raise UsageError(f"there is no remote {name}", hint=_suggest(name, list(remotes)))
    return remotes[name]


def list_remotes(repository: Repository) -> tuple[Remote, ...]:
    """Return all remotes, those of the project first."""
    public = _read_public(repository).remotes
    settings = repository.settings
    return tuple(
        Remote(remote, name == settings.default_remote, name not in public)
        for name, remote in settings.remotes.items()
    )


def add_remote(
    repository: Repository, remote: RemoteSettings, *, private: bool = False, default: bool = False
) -> RemotesChanged:
    """Add a remote to `datav.toml`, and give that to git; or to the private configuration.

    Args:
        remote: a path in its URL is as the user typed it, relative to where the user is.

    Raises:
        UsageError: it exists, its name or URL cannot be, or everybody would see a secret.
    """
    _check_name(remote.name)
    if remote.name in repository.settings.remotes:
        raise UsageError(
            f"there is a remote {remote.name} already: {repository.settings.remotes[remote.name].shown}",
            hint=f"choose another name, or `datav remote remove {remote.name}` first",
        )
    _check_texts(remote, private=private)
    remote = dataclasses.replace(remote, url=_stored_url(repository, remote.url))
    file = _private_file(repository) if private else _public_file(repository)
    before = _read(repository)
    text = settingstext.append_table(before.get(file, ""), encode_remote(remote))
    after = {**before, file: text}
    if default:
        after = _with_default(repository, after, remote.name, file)
    return _write(repository, remote, before, after)


def remove_remote(repository: Repository, name: str) -> RemotesChanged:
    """Take a remote out of `datav.toml` and the private configuration; what is stored there stays.

    Raises:
        UsageError: there is none of that name, or the file is written in a way that cannot be edited.
    """
    remote = find_remote(repository, name)
    before = _read(repository)
    after = {file: settingstext.remove_remote(text, name, file.name) for file, text in before.items()}
    return _write(repository, remote, before, after)


def choose_default(repository: Repository, name: str) -> RemotesChanged:
    """Make a remote the default: for everybody, or for this clone where only this clone knows it.

    Raises:
        UsageError: there is none of that name, or the file is written in a way that cannot be edited.
    """
    remote = find_remote(repository, name)
    is_public = name in _read_public(repository).remotes
    file = _public_file(repository) if is_public else _private_file(repository)
    before = _read(repository)
    return _write(repository, remote, before, _with_default(repository, before, name, file))


def _with_default(repository: Repository, texts: dict[Path, str], name: str, file: Path) -> dict[Path, str]:
    """Return the texts of both files after `name` was marked as the default in `file`."""
    marked = {**texts, file: settingstext.mark_default(texts[file], name, file.name)}
    private = _private_file(repository)
    if private in marked and private != file:
        # A mark there would overrule.
        marked[private] = settingstext.mark_default(marked[private], None, private.name)
    return marked


def _suggest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "`datav remote list` lists them" if names else f"`datav remote add {name} URL` adds it"


def _check_name(name: str) -> None:
    if not is_remote_name(name):
        raise UsageError(
            f"a remote cannot be called {name!r}",
            hint="use letters, digits, `-`, `_` and `.`, and do not begin with `-`",
        )


def _check_texts(remote: RemoteSettings, *, private: bool) -> None:
    for what in ("url", "endpoint", "region", "profile"):
        text = getattr(remote, what)
        if text is None:
            continue
        if not text.strip() or not text.isprintable() or not settingstext.is_utf8(text):
            raise UsageError(f"the {what} of a remote is one line of text")
        secret = None if private else find_secret(text)
        if secret is not None:
            raise UsageError(
                f"the {what} holds {secret}, and everybody who has the repository can read {FILE_NAME}",
                hint="keep it in the environment or the cloud's own configuration files, or add `--private`",
            )


def _stored_url(repository: Repository, url: str) -> str:
    """Return `url` as it is stored: a relative path is relative to the root, or absolute where that is far.

    Raises:
        UsageError: it means nothing, or datav cannot go there.
    """
    from datav.storage.opening import KNOWN_SCHEMES, open_objects

    scheme, separator, _ = url.partition("://")
    if separator and scheme.lower() not in KNOWN_SCHEMES:
        known = ", ".join(f"`{name}://`" for name in KNOWN_SCHEMES)
        raise UsageError(
            f"datav does not know the scheme of {hide_secrets(url)}", hint=f"use a path, or one of {known}"
        )
    if not separator or scheme.lower() == "file":
        # Says what is wrong with a path.  A cloud's own packages may be missing here, and are not needed yet.
        open_objects(RemoteSettings("", url), repository.settings.transfer, root=repository.root).close()
    return url if separator or os.path.isabs(url) else _stored_path(repository, url)


def _stored_path(repository: Repository, text: str) -> str:
    path = os.path.normpath(os.path.join(os.path.realpath(repository.here), text))
    try:
        relative = PurePath(os.path.relpath(path, os.path.realpath(repository.root)))
    except ValueError:  # On another drive.
        return path
    if relative.parts.count("..") > _MOST_STEPS_UP:
        return path
    # In front of a name with a colon, which else would be taken for a host.
    return f"./{relative.as_posix()}" if ":" in str(relative) else relative.as_posix()


def _public_file(repository: Repository) -> Path:
    return repository.root / FILE_NAME


def _private_file(repository: Repository) -> Path:
    return repository.private / PRIVATE_FILE_NAME


def _read(repository: Repository) -> dict[Path, str]:
    """Return the texts of those of the two files that there are."""
    files = (_public_file(repository), _private_file(repository))
    texts = ((file, read_settings_text(file)) for file in files)
    return {file: text for file, text in texts if text is not None}


def _read_public(repository: Repository) -> Settings:
    """Return what `datav.toml` says by itself."""
    return _parse_public(repository, _read(repository))


def _parse_public(repository: Repository, texts: dict[Path, str]) -> Settings:
    text = texts.get(_public_file(repository))
    if text is None:
        raise NotARepositoryError(f"datav is not set up in {repository.root}", hint="run `datav init`")
    return parse_settings(text)


def _write(
    repository: Repository, remote: RemoteSettings, before: dict[Path, str], after: dict[Path, str]
) -> RemotesChanged:
    """Write the files that changed, if they still are what was read (O8), and stage `datav.toml`."""
    # Nothing is written that the next command could not read.
    settings = _parse_public(repository, after)
    private = parse_private_settings(after.get(_private_file(repository), ""))
    settings = combine_settings(settings, private)
    changed = tuple(file for file, text in after.items() if text != before.get(file))
    public = _public_file(repository)
    with repository.editing():
        if _read(repository) != before:
            raise UsageError(
                f"{FILE_NAME} or {PRIVATE_FILE_NAME} was changed by somebody else meanwhile",
                hint="look at it, then run the command again",
            )
        repository.claim()
        for file in changed:
            make_directories(file.parent)
            write_atomic(file, after[file].encode())
            if file != public:
                # It may hold a password.
                with translating("change the mode of", file):
                    file.chmod(0o600)
        if public in changed:
            repository.git.stage([RelPath(FILE_NAME.encode())])
    written = tuple(file.name for file in changed)
    staged = (FILE_NAME,) if public in changed else ()
    return RemotesChanged(remote.name, remote.shown, settings.default_remote, written, staged)
