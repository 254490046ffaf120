"""Pytest plugin that reads installed distributions and checks their sources once.

A registry looks for sources in the metadata of all distributions, and checks the hooks of each
source that it loads. Tests open a thousand hosts with a registry of their own, and each read 170
files and checked the same sources, which takes as long as opening its store.
"""

from __future__ import annotations

import sysconfig
from functools import wraps
from importlib.metadata import Distribution, EntryPoint, PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from smaply_metrics_core.sources import loader, registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INSTALLED: Final = Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="session", autouse=True)
def distributions_read_once() -> Iterator[None]:
    """Read and load what is installed in this environment once, and anything else each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PathDistribution, "read_text", _once(PathDistribution.read_text))
        parse = _once(vars(Distribution)["metadata"].fget)
        patch.setattr(PathDistribution, "metadata", property(parse))
        patch.setattr(registry, "load", _once(loader.load))
        yield


def _once(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its results kept for what is installed."""
    results: dict[tuple[object, ...], object] = {}

    @wraps(call)
    def call_once(about: Distribution | EntryPoint, *arguments: object) -> object:
        distribution, name = (
            (about.dist, about.name) if isinstance(about, EntryPoint) else (about, "")
        )
        folder = getattr(distribution, "_path", None)
        if not isinstance(folder, Path) or folder.parent != _INSTALLED:
            return call(about, *arguments)
        key = (folder.name, name, *arguments)
        if key not in results:
            results[key] = call(about, *arguments)
        return results[key]

    return call_once
