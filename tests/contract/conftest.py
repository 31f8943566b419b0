"""Servers for all contract tests."""

from tests.support.servers import (
    any_server,
    azure_server,
    directory_server,
    fault_proxy,
    gcs_server,
    http_server,
    s3_server,
    sftp_server,
)

__all__ = [
    "any_server",
    "azure_server",
    "directory_server",
    "fault_proxy",
    "gcs_server",
    "http_server",
    "s3_server",
    "sftp_server",
]
