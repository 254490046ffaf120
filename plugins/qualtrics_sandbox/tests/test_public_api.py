"""What the package offers, and what importing it loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import smaply_metrics_qualtrics_sandbox


def test_the_surface_is_what_is_named() -> None:
    """Each public name can be had, sorted, and no other."""
    assert smaply_metrics_qualtrics_sandbox.__all__ == sorted(
        smaply_metrics_qualtrics_sandbox.__all__
    )
    for name in smaply_metrics_qualtrics_sandbox.__all__:
        assert getattr(smaply_metrics_qualtrics_sandbox, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        smaply_metrics_qualtrics_sandbox.nothing  # noqa: B018 - the access is the test


def test_importing_it_loads_no_web_server() -> None:
    """Nor anything of the core or of the connector."""
    program = (
        "import sys, smaply_metrics_qualtrics_sandbox\n"
        "heavy = {'starlette', 'uvicorn', 'smaply_metrics_core', 'polars', 'httpx'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_running_it_loads_neither_the_core_nor_the_connector() -> None:
    """The two can't agree by accident."""
    program = (
        "import sys, smaply_metrics_qualtrics_sandbox.server\n"
        "import smaply_metrics_qualtrics_sandbox.generator.survey_files\n"
        "ours = [n for n in sys.modules if n.startswith('smaply_metrics')]\n"
        "print([n for n in ours if not n.startswith('smaply_metrics_qualtrics_sandbox')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
