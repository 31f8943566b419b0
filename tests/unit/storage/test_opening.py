"""URLs, paths, and what is said about those that mean nothing."""

import sys
from pathlib import Path

import pytest

from datav.errors import UsageError
from datav.settings import RemoteSettings, TransferSettings
from datav.storage.opening import open_objects

ROOT = Path("/project")


def open_url(url, **more):
    return open_objects(RemoteSettings("origin", url, **more), TransferSettings(), root=ROOT)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/data/store", "/data/store"),
        ("../store", "/store"),
        ("store", "/project/store"),
        ("./a:b", "/project/a:b"),
        ("file:///data/store", "/data/store"),
        ("file://localhost/data/a%20store", "/data/a store"),
        ("FILE:///data", "/data"),
    ],
)
def test_a_directory_is_named_by_a_path_or_a_url(url, shown):
    assert open_url(url).shown == shown


@pytest.mark.parametrize(
    "url", ["", "host:store", "file://data/store", "file:", "s3://", "sftp://host", "gs:///"]
)
def test_what_names_no_place_is_refused(url):
    with pytest.raises(UsageError):
        open_url(url)


def test_a_scheme_that_is_not_known_is_answered_with_those_that_are():
    with pytest.raises(UsageError) as error:
        open_url("ftp://user:secret@host/path")

    assert "secret" not in str(error.value)
    for scheme in ("file", "s3", "gs", "az", "sftp", "https"):
        assert f"{scheme}://" in error.value.hint


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("gs://bucket/path", "gcsfs.core", "gcs"),
        ("az://container/path", "adlfs", "azure"),
        ("abfs://container/path", "adlfs", "azure"),
        ("sftp://host/path", "paramiko", "ssh"),
    ],
)
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch, url, module, extra):
    for name in ("datav.storage.gcs", "datav.storage.azure", "datav.storage.sftp"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(UsageError) as error:
        open_url(url)

    assert f"pip install 'datav[{extra}]'" in error.value.hint


def test_options_that_mean_nothing_are_refused():
    with pytest.raises(UsageError) as error:
        open_url("sftp://host/path", options={"key_file": "x"})

    assert "key_filename" in error.value.hint


def test_a_password_is_not_shown():
    assert open_url("https://user:secret@host/path?token=1").shown == "https://user@host/path"
