"""`datav.toml`: what a project fixes for everybody who works on it.  Pure: text in, values out.

    datav = 1

    [chunks]
    smallest = 16384
    target = 65536
    largest = 262144

A key that is not known is refused and named: a setting that is silently without effect is worse than an
error.
"""

import tomllib
from dataclasses import dataclass
from typing import Any

from datav.errors import FormatError, UsageError

FILE_NAME = "datav.toml"
VERSION = 1


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """Bytes; docs/formats/chunking.md says what they mean and bounds them."""

    smallest: int = 16 * 2**10
    target: int = 64 * 2**10
    largest: int = 256 * 2**10


@dataclass(frozen=True, slots=True)
class Settings:
    """What `datav.toml` says."""

    chunks: ChunkSizes = ChunkSizes()


@dataclass(frozen=True, slots=True)
class PrivateSettings:
    """What this clone alone says, in `datav/config.toml` of git's common directory."""

    store: str | None = None
    """Path of the store when it does not lie beside this file: another disk, a shared directory."""


def parse_settings(text: str) -> Settings:
    """Return what the text of `datav.toml` says.

    Raises:
        UsageError: it is no TOML, or has a key or a value that means nothing.
        FormatError: a newer datav wrote it.
    """
    values = _parse(text, FILE_NAME)
    version = values.pop("datav", None)
    if version != VERSION:
        if isinstance(version, int) and version > VERSION:
            raise FormatError(f"{FILE_NAME} was written for a newer datav", hint="upgrade datav")
        raise UsageError(f"{FILE_NAME} does not begin with `datav = {VERSION}`")
    chunks = values.pop("chunks", {})
    if not isinstance(chunks, dict):
        raise UsageError(f"`chunks` in {FILE_NAME} is not a table")
    sizes = {}
    for name, default in (("smallest", 16 * 2**10), ("target", 64 * 2**10), ("largest", 256 * 2**10)):
        sizes[name] = chunks.pop(name, default)
        if not isinstance(sizes[name], int) or isinstance(sizes[name], bool):
            raise UsageError(f"`chunks.{name}` in {FILE_NAME} is not a number of bytes")
    _refuse_rest(chunks, FILE_NAME, "chunks.")
    _refuse_rest(values, FILE_NAME, "")
    return Settings(ChunkSizes(**sizes))


def encode_settings(settings: Settings) -> str:
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


def parse_private_settings(text: str) -> PrivateSettings:
    """Return what the text of the private configuration says; UsageError if it means nothing."""
    values = _parse(text, "config.toml")
    store = values.pop("store", None)
    if store is not None and not isinstance(store, str):
        raise UsageError("`store` in config.toml is not a path")
    _refuse_rest(values, "config.toml", "")
    return PrivateSettings(store)


def encode_private_settings(settings: PrivateSettings) -> str:
    if settings.store is None:
        return ""
    escaped = settings.store.replace("\\", "\\\\").replace('"', '\\"')
    return f'store = "{escaped}"\n'


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise UsageError(f"{name} is not valid TOML: {exc}") from exc


def _refuse_rest(values: dict[str, Any], name: str, prefix: str) -> None:
    for key in values:
        raise UsageError(
            f"{name} has a setting `{prefix}{key}` that datav does not know", hint="is it misspelt?"
        )
