"""Tests of the public API of the package and of its imports."""

from __future__ import annotations

import subprocess
import sys

import smaply_metrics_qualtrics_sandbox


def test_the_public_names_exist() -> None:
    """Each name in `__all__` exists, and they are sorted."""
    assert smaply_metrics_qualtrics_sandbox.__all__ == sorted(
        smaply_metrics_qualtrics_sandbox.__all__
    )
    for name in smaply_metrics_qualtrics_sandbox.__all__:
        assert getattr(smaply_metrics_qualtrics_sandbox, name).__name__ == name


def test_it_loads_neither_the_core_nor_the_plugin() -> None:
    """The sandbox and the plugin share no code, so they cannot agree by accident."""
    program = (
        "import sys, smaply_metrics_qualtrics_sandbox, smaply_metrics_qualtrics_sandbox.__main__\n"
        "others = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(name for name in others if name.startswith('smaply_metrics')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['smaply_metrics_qualtrics_sandbox']"
