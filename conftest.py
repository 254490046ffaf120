"""Plugins for all folders of tests."""

pytest_plugins = ("tests.skip_summary",)
