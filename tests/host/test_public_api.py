"""The host's door: everything that a host app needs, and no second version of any of it."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import smaply_metrics_core
from smaply_metrics_core import errors, host
from smaply_metrics_core.errors import MetricsError


def order(name: str) -> tuple[bool, bool, str]:
    """Sort constants first, then classes, then functions, each by name."""
    return not name.isupper(), name[0].islower(), name


def test_the_door_offers_what_it_says() -> None:
    """`__all__` is sorted, without repetition, and names every public thing in the module."""
    offered = {
        name
        for name, value in vars(host).items()
        if not (name.startswith("_") or isinstance(value, ModuleType))
    }
    offered.remove("set_public_module")
    assert host.__all__ == sorted(offered, key=order)


def test_shared_words_are_the_same_objects_behind_both_doors() -> None:
    """What a source raises or gives, a host catches or shows: there is one class of each."""
    shared = set(host.__all__) & set(smaply_metrics_core.__all__)
    assert {"Definition", "GroupBy", "MetricsError", "Problem", "Questionnaire", "Survey"} < shared
    for name in shared:
        assert getattr(host, name) is getattr(smaply_metrics_core, name), name


def test_a_host_can_catch_every_error() -> None:
    """Each error of the tree stands behind the host's door."""
    tree = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, MetricsError)
    }
    assert {name: getattr(host, name, None) for name in tree} == tree


def test_the_door_opens_without_what_only_some_calls_need() -> None:
    """Importing it loads no data frames, no HTTP client and no command line."""
    code = "import sys, smaply_metrics_core.host; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert {"polars", "httpx", "typer"} & set(done.stdout.split()) == set()
