"""Fixtures and settings for all tests."""

import os

from hypothesis import HealthCheck, settings

from tests.support.repos import git_repo, isolated_environment
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
    "git_repo",
    "http_server",
    "isolated_environment",
    "s3_server",
    "sftp_server",
]

# gcsfs reads it when it is first imported, which any module of tests may do: otherwise it asks over gRPC what
# kind of bucket it has, and is patient for two minutes when the server does not speak that.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

# No deadline: the first example of a test pays for imports, and a busy machine is no bug.
# A fixture that a test only reads may well be shared by all its examples.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.register_profile("ci", settings.get_profile("dev"), max_examples=300, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
