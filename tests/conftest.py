"""What holds for all tests: no statement leaves open whose rows it is about."""

from tests import tenancy  # noqa: F401  # Listens from here on.
