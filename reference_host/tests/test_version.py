"""The package can be imported."""

from __future__ import annotations

from importlib import metadata

import smaply_metrics_host


def test_the_package_says_its_version() -> None:
    """The package and its distribution agree on their version."""
    assert metadata.version("smaply-metrics-host") == smaply_metrics_host.__version__
