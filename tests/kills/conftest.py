"""The server of the tests in this folder."""

from tests.host.conftest import postgres  # noqa: F401  # A fixture.
