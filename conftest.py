"""Pytest plugins for all test folders."""

import pytest

pytest_plugins = (
    "tests.garbage",
    "tests.hypothesis_profiles",
    "tests.installed_distributions",
    "tests.new_stores",
    "tests.shared_statements",
    "tests.skip_summary",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Require a reason for each test that does not run on every change."""
    for item in items:
        for mark in item.iter_markers("deep"):
            if not mark.kwargs.get("reason"):
                raise pytest.UsageError(f"{item.nodeid}: the mark deep has no reason")
