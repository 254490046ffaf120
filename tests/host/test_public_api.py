"""The public module of the host: complete, and without duplicates of shared names."""

from __future__ import annotations

import subprocess
import sys

import smaply_metrics_core
from smaply_metrics_core import errors, host
from smaply_metrics_core.errors import MetricsError


def test_shared_names_are_the_same_objects() -> None:
    """A host catches the class that a source raises: there is only one of each."""
    shared = set(host.__all__) & set(smaply_metrics_core.__all__)
    assert {"Definition", "GroupBy", "MetricsError", "Problem", "Questionnaire", "Survey"} < shared
    for name in shared:
        assert getattr(host, name) is getattr(smaply_metrics_core, name), name


def test_a_host_can_catch_every_error() -> None:
    """The host exports every error of the tree."""
    tree = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, MetricsError)
    }
    assert {name: getattr(host, name, None) for name in tree} == tree


def test_importing_the_host_is_light() -> None:
    """The import loads no data frames, no HTTP client and no command line."""
    code = "import sys, smaply_metrics_core.host; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=180
    )
    assert {"polars", "httpx", "typer"} & set(done.stdout.split()) == set()
