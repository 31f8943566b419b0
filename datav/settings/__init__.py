"""`datav.toml`: what a project fixes for everybody who works on it.  Pure: text in, values out.

    datav = 1
    profile = "auto"

    [chunks]
    smallest = 16384
    target = 65536
    largest = 262144

    [remote.origin]
    url = "s3://bucket/path"

    [transfer]
    jobs = 8
    memory = "256MB"

    [table."data/*.csv"]
    key = ["id"]

    [merge."data/*.csv"]
    take = "ours"

    [hooks]
    pre-commit = "add"

    [check."data/*.csv"]
    key_unique = true

    [check."data/*.csv".column.price]
    not_null = true

The private configuration of a clone, `datav/config.toml` in git's common directory, may say more of remotes,
transfers and hooks, and overrides key by key.  Only there may secrets stand: `datav.toml` goes wherever git
goes.

A key that is not known is refused and named: a setting that is silently without effect is worse than an
error.
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from datav.errors import FormatError, UsageError
from datav.settings.hooks import HookSettings, take_hooks
from datav.settings.merge import ColumnRule, MergeSettings, take_merges
from datav.settings.tables import TABLE_FORMATS, TableSettings, take_tables
from datav.settings.toml import (
    FILE_NAME,
    PRIVATE_FILE_NAME,
    UNKNOWN,
    Malformed,
    encode_key,
    encode_text,
    naming_lines,
    parse_toml,
    refuse_rest,
    take_table,
)

if TYPE_CHECKING:
    from datav.settings.checks import CheckSettings

__all__ = [
    "FILE_NAME",
    "PRIVATE_FILE_NAME",
    "TABLE_FORMATS",
    "ChunkSizes",
    "ColumnRule",
    "HookSettings",
    "MergeSettings",
    "PrivateSettings",
    "ProfileSetting",
    "RemoteSettings",
    "Settings",
    "TableSettings",
    "TransferSettings",
    "combine_settings",
    "encode_key",
    "encode_remote",
    "encode_settings",
    "encode_text",
    "find_secret",
    "hide_secrets",
    "is_remote_name",
    "parse_private_settings",
    "parse_settings",
    "parse_size",
]

VERSION = 1

ProfileSetting = Literal["auto", "always", "never"]
_PROFILE_SETTINGS: tuple[ProfileSetting, ...] = ("auto", "always", "never")

_REMOTE_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,99}")
_TEXTS = ("url", "endpoint", "region", "profile")
_FLAGS = ("anonymous", "default")
# No key that may stand in a remote's table has one of these in it.
_SECRET_WORDS = (
    "key",
    "secret",
    "token",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "connection_string",
)
# Names of query parameters that make a URL a key: of presigned S3 and GCS URLs, of Azure's SAS, of tokens.
_SECRET_PARAMETERS = re.compile(r"(?i)(x-(amz|goog)-.*|sig|signature|.*(token|secret|password|key).*)")
_SECRET_HINT = (
    "everybody who has the repository can read it; keep secrets in the environment, in the cloud's own "
    f"configuration files, or in `datav/{PRIVATE_FILE_NAME}` in git's directory"
)

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_SIZE_UNITS = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGT", start=1):
    _SIZE_UNITS |= {f"{_letter}B": 1000**_power, f"{_letter}IB": 1024**_power}
# What one reader and one writer at work need at least.
_LEAST_MEMORY = 16 * 2**20
_MOST_JOBS = 256


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """Bytes; docs/formats/chunking.md says what they mean and bounds them."""

    smallest: int = 16 * 2**10
    target: int = 64 * 2**10
    largest: int = 256 * 2**10


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Where a remote is, and how to get there.  What is shown of it holds no secrets."""

    name: str
    url: str = field(repr=False)
    """With a scheme, or a path: absolute, or relative to the root of the repository."""
    endpoint: str | None = field(default=None, repr=False)
    """URL of the server, where that does not follow from `url`: an S3 server that is not Amazon's."""
    region: str | None = None
    profile: str | None = None
    """Which one of the cloud's own configuration files."""
    anonymous: bool = False
    """Without credentials."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    """Handed to the fsspec file system as they are; from the private configuration, may hold secrets."""

    @property
    def shown(self) -> str:
        """The URL for people, without secrets."""
        return hide_secrets(self.url)


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """How data is moved to and from remotes."""

    jobs: int = 8
    """Requests at a time."""
    memory: int = 256 * 2**20
    """Bytes that all buffers in flight take at most."""
    stall_timeout_s: float = 60.0
    """After so long without a byte a request is given up."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `datav.toml` says; in an open repository, with what the private configuration overrides."""

    chunks: ChunkSizes = ChunkSizes()
    remotes: Mapping[str, RemoteSettings] = field(default_factory=dict)
    """By their names, in the order of the file."""
    default_remote: str | None = None
    """The one marked so, or the only one there is."""
    transfer: TransferSettings = TransferSettings()
    tables: tuple[TableSettings, ...] = ()
    """In the order of the file: of those that fit the first counts."""
    profile: ProfileSetting = "auto"
    """When `add` makes profiles: of what is small enough, of everything, of nothing."""
    merges: tuple[MergeSettings, ...] = ()
    """In the order of the file: of those that fit the first counts."""
    hooks: HookSettings = field(default_factory=HookSettings)
    checks: "tuple[CheckSettings, ...]" = ()
    """In the order of the file: all that fit count."""


@dataclass(frozen=True, slots=True)
class PrivateSettings:
    """What this clone alone says, in `datav/config.toml` of git's common directory."""

    store: str | None = None
    """Path of the store when it does not lie beside this file: another disk, a shared directory."""
    remotes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """For each remote what is said of it: values of RemoteSettings by their names, and `default`."""
    transfer: Mapping[str, Any] = field(default_factory=dict)
    """Values of TransferSettings by their names: those that are said."""
    hooks: Mapping[str, Any] = field(default_factory=dict)
    """Values of HookSettings by their names: those that are said."""


def parse_settings(text: str) -> Settings:
    """Return what the text of `datav.toml` says.

    Raises:
        UsageError: it is no TOML, has a key or a value that means nothing, or holds a secret.
        FormatError: a newer datav wrote it.
    """
    values = parse_toml(text, FILE_NAME)
    with naming_lines(text, FILE_NAME):
        return _settings(values, text)


def _settings(values: dict[str, Any], text: str) -> Settings:
    version = values.pop("datav", None)
    if version != VERSION:
        if isinstance(version, int) and version > VERSION:
            raise FormatError(f"{FILE_NAME} was written for a newer datav", hint="upgrade datav")
        raise UsageError(f"{FILE_NAME} does not begin with `datav = {VERSION}`")
    chunks = take_table(values, "chunks")
    sizes = {}
    for name, default in (("smallest", 16 * 2**10), ("target", 64 * 2**10), ("largest", 256 * 2**10)):
        sizes[name] = chunks.pop(name, default)
        if not isinstance(sizes[name], int) or isinstance(sizes[name], bool):
            raise Malformed(("chunks", name), "is not a number of bytes")
    refuse_rest(chunks, ("chunks",))
    remotes = _take_remotes(values, FILE_NAME)
    transfer = _take_transfer(values)
    tables = take_tables(values)
    profile = _take_profile(values)
    merges = take_merges(values)
    hooks = take_hooks(values)
    checks = _take_checks(values, text)
    refuse_rest(values)
    public = Settings(
        ChunkSizes(**sizes),
        transfer=TransferSettings(**transfer),
        tables=tables,
        profile=profile,
        merges=merges,
        hooks=HookSettings(**hooks),
        checks=checks,
    )
    return _with_remotes(public, remotes, FILE_NAME)


def _take_checks(values: dict[str, Any], text: str) -> "tuple[CheckSettings, ...]":
    if "check" not in values:
        return ()
    # Most commands check nothing, and most projects promise nothing.
    from datav.settings.checkrules import take_checks

    return take_checks(values, text)


def _take_profile(values: dict[str, Any]) -> ProfileSetting:
    found = values.pop("profile", "auto")
    for setting in _PROFILE_SETTINGS:
        if found == setting:
            return setting
    raise Malformed(
        ("profile",),
        "does not say when profiles are made",
        hint='there are "auto", "always" and "never"',
    )


def parse_private_settings(text: str) -> PrivateSettings:
    """Return what the text of the private configuration says; UsageError if it means nothing."""
    values = parse_toml(text, PRIVATE_FILE_NAME)
    with naming_lines(text, PRIVATE_FILE_NAME):
        return _private_settings(values)


def _private_settings(values: dict[str, Any]) -> PrivateSettings:
    store = values.pop("store", None)
    if store is not None and not isinstance(store, str):
        raise Malformed(("store",), "is not a path")
    remotes = _take_remotes(values, PRIVATE_FILE_NAME)
    transfer = _take_transfer(values)
    hooks = take_hooks(values)
    refuse_rest(values)
    return PrivateSettings(store, remotes, transfer, hooks)


def combine_settings(settings: Settings, private: PrivateSettings) -> Settings:
    """Return `settings` with what `private` overrides, key by key.

    Raises:
        UsageError: a remote has no URL in either.
    """
    own = dataclasses.replace(
        settings,
        transfer=dataclasses.replace(settings.transfer, **private.transfer),
        hooks=dataclasses.replace(settings.hooks, **private.hooks),
    )
    return _with_remotes(own, private.remotes, PRIVATE_FILE_NAME)


def is_remote_name(name: str) -> bool:
    """Whether a remote may be called `name`: it is part of commands, of files' names and of TOML."""
    return _REMOTE_NAME.fullmatch(name) is not None and name not in (".", "..")


def hide_secrets(url: str) -> str:
    """Return `url` without a password and without its query."""
    head, scheme, rest = url.partition("://")
    if not scheme:
        return url
    rest = rest.partition("?")[0]
    host, slash, path = rest.partition("/")
    user, at, place = host.rpartition("@")
    return f"{head}://{user.partition(':')[0]}{at}{place}{slash}{path}"


def find_secret(url: str) -> str | None:
    """Return what in `url` must not be seen by others: `a password`, say; None if nothing must not."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme and parts.password is not None:
        return "a password"
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if _SECRET_PARAMETERS.fullmatch(name):
            return f"a secret (`{name}`)"
    return None


def encode_settings(settings: Settings) -> str:
    """Return the text of a new `datav.toml`, with the chunk sizes alone."""
    c = settings.chunks
    return (
        "# Settings of datav for everybody who works on this repository.\n"
        f"datav = {VERSION}\n"
        "\n"
        "# How files are cut.  Changing this later makes new versions share nothing with old ones.\n"
        "[chunks]\n"
        f"smallest = {c.smallest}\n"
        f"target = {c.target}\n"
        f"largest = {c.largest}\n"
    )


def encode_remote(remote: RemoteSettings, *, is_default: bool = False) -> str:
    """Return the table of a remote, without its options."""
    lines = [f"[remote.{encode_key(remote.name)}]"]
    for key in _TEXTS:
        value = getattr(remote, key)
        if value is not None:
            lines.append(f"{key} = {encode_text(value)}")
    if remote.anonymous:
        lines.append("anonymous = true")
    if is_default:
        lines.append("default = true")
    return "\n".join(lines) + "\n"


def parse_size(value: Any) -> int | None:
    """Return the bytes that `value` says: a number, or a text such as `256MB` or `1.5 GiB`; None if none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    unit = _SIZE_UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        return None
    return int(float(match[1]) * unit)


def _with_remotes(settings: Settings, tables: Mapping[str, Mapping[str, Any]], name: str) -> Settings:
    """Return `settings` with the remotes of one more file."""
    remotes = dict(settings.remotes)
    default = settings.default_remote
    for remote, table in tables.items():
        values = {key: value for key, value in table.items() if key != "default"}
        if remote in remotes:
            remotes[remote] = dataclasses.replace(remotes[remote], **values)
        elif "url" in values:
            remotes[remote] = RemoteSettings(remote, **values)
        else:
            raise UsageError(
                f"remote {remote} in {name} has no URL", hint=f'add `url = "..."` below `[remote.{remote}]`'
            )
        if table.get("default") is False and default == remote:
            default = None
    marked = [remote for remote, table in tables.items() if table.get("default")]
    if marked:
        (default,) = marked
    elif default is None and len(remotes) == 1:
        (default,) = remotes
    elif default is None and "origin" in remotes and tables.get("origin", {}).get("default") is not False:
        # As with git: adding a second remote must not leave a project without a default.
        default = "origin"
    return dataclasses.replace(settings, remotes=remotes, default_remote=default)


def _take_remotes(values: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Take the tables of all remotes out of a file's `values`."""
    tables = take_table(values, "remote")
    found = {}
    for remote in list(tables):
        if not is_remote_name(remote):
            raise Malformed(
                ("remote", remote),
                "gives a remote a name that it cannot have",
                hint="use letters, digits, `-`, `_` and `.`, and begin with none of `-`",
            )
        found[remote] = _take_remote(take_table(tables, remote, ("remote",)), remote, name)
    marked = [remote for remote, table in found.items() if table.get("default")]
    if len(marked) > 1:
        raise Malformed(
            ("remote", marked[1], "default"), f"is a second default remote: {' and '.join(marked)}"
        )
    return found


def _take_remote(table: dict[str, Any], remote: str, name: str) -> dict[str, Any]:
    above = ("remote", remote)
    taken: dict[str, Any] = {}
    for key in _TEXTS:
        if key in table:
            taken[key] = _checked_text(table.pop(key), (*above, key), name)
    for key in _FLAGS:
        if key in table:
            taken[key] = table.pop(key)
            if not isinstance(taken[key], bool):
                raise Malformed((*above, key), "is neither true nor false")
    if name == PRIVATE_FILE_NAME:
        if "options" in table:
            taken["options"] = take_table(table, "options", above)
        for key in table:
            raise Malformed(
                (*above, key),
                UNKNOWN,
                hint=f"what the file system itself shall be told belongs below `[remote.{remote}.options]`",
            )
    for key in table:
        if key == "options" or any(word in key.lower() for word in _SECRET_WORDS):
            raise Malformed((*above, key), "must not stand in this file", hint=_SECRET_HINT)
    refuse_rest(table, above)
    return taken


def _checked_text(value: Any, key: tuple[str, ...], name: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise Malformed(key, "is not a text of one line")
    secret = find_secret(value) if name == FILE_NAME else None
    if secret is not None:
        raise Malformed(key, f"holds {secret}", hint=_SECRET_HINT)
    return value


def _take_transfer(values: dict[str, Any]) -> dict[str, Any]:
    """Take the table `transfer` out of a file's `values`: what it says, by the names of TransferSettings."""
    table = take_table(values, "transfer")
    taken: dict[str, Any] = {}
    if "jobs" in table:
        jobs = taken["jobs"] = table.pop("jobs")
        if not isinstance(jobs, int) or isinstance(jobs, bool) or not 1 <= jobs <= _MOST_JOBS:
            raise Malformed(("transfer", "jobs"), f"is not a number from 1 to {_MOST_JOBS}")
    if "memory" in table:
        size = parse_size(table.pop("memory"))
        if size is None or size < _LEAST_MEMORY:
            raise Malformed(
                ("transfer", "memory"),
                f"is not a size of at least {_LEAST_MEMORY >> 20} MiB",
                hint='such as "256MB", "1GiB" or a number of bytes',
            )
        taken["memory"] = size
    if "stall_timeout" in table:
        timeout_s = table.pop("stall_timeout")
        is_number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
        if not is_number or not 0 < timeout_s < math.inf:
            raise Malformed(("transfer", "stall_timeout"), "is not a number of seconds above 0")
        taken["stall_timeout_s"] = float(timeout_s)
    refuse_rest(table, ("transfer",))
    return taken
