"""Checks that apply to all tests: every database statement is limited to an account."""

from tests import tenancy  # noqa: F401  # The import registers the check.
