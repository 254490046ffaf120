"""Finding, checking, holding and guarding sources: nothing that a plugin does escapes from here."""

from __future__ import annotations

from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.sources.settings import SourceSettings
from smaply_metrics_core.sources.source import Source
from smaply_metrics_core.sources.source_state import SourceState, SourceStatus

__all__ = [
    "AllowedDestinations",
    "Source",
    "SourceRegistry",
    "SourceSession",
    "SourceSettings",
    "SourceState",
    "SourceStatus",
]
