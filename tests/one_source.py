"""The source of a connector's tests, without the search for all installed sources."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint

import httpx

from smaply_metrics_core.context import Clock
from smaply_metrics_core.sources.discovery import installed_entry_points
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.source import Source


def one_source(
    source_id: str,
    clock: Clock | None = None,
    transport: Callable[[], httpx.BaseTransport] | None = None,
) -> Source:
    """Return an installed source from a registry of its own, which has no other source.

    Reading the metadata of every installed source takes longer than most calls of one.
    """
    registry = SourceRegistry(
        clock=clock,
        entry_points=lambda: _entry_points(source_id),
        transport_factory=transport,
    )
    return registry.get(source_id)


@cache
def _entry_points(source_id: str) -> tuple[EntryPoint, ...]:
    return tuple(one for one in installed_entry_points() if one.name == source_id)
