"""Fixtures and settings for all tests."""

import os

from hypothesis import HealthCheck, settings

from tests.support.repos import git_repo, isolated_environment

__all__ = ["git_repo", "isolated_environment"]

# No deadline: the first example of a test pays for imports, and a busy machine is no bug.
# A fixture that a test only reads may well be shared by all its examples.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.register_profile("ci", settings.get_profile("dev"), max_examples=300, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
