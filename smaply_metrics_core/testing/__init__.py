"""The contract tests for authors of sources, and their tools.

Subclass ``SourceContract`` in a test file. Recording and playing cassettes needs the extra
``testing`` of ``smaply-metrics-core``, which is imported only then.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.public_names import set_public_module

if TYPE_CHECKING:  # Loaded on first use, see below.
    from smaply_metrics_core.bundle.reader import open_bundle
    from smaply_metrics_core.bundle.writer import write_bundle
    from smaply_metrics_core.sources.allow_list import AllowedDestinations
    from smaply_metrics_core.sources.registry import SourceRegistry
    from smaply_metrics_core.sources.session import SourceSession
    from smaply_metrics_core.sources.source import Source
    from smaply_metrics_core.testing.clock import ManualClock
    from smaply_metrics_core.testing.faults.disturbances import (
        break_off,
        content,
        network_error,
        once,
        status,
        truncate,
    )
    from smaply_metrics_core.testing.faults.replay import Disturbance, RecordedResponse
    from smaply_metrics_core.testing.fixtures import Canary, ContextFactory
    from smaply_metrics_core.testing.recording.policy import RecordingPolicy
    from smaply_metrics_core.testing.recording.recorder import Recorded, record
    from smaply_metrics_core.testing.recording.sensitive_data import find_sensitive_data
    from smaply_metrics_core.testing.suite.contract import SourceContract

__all__ = [
    "AllowedDestinations",
    "Canary",
    "ContextFactory",
    "Disturbance",
    "ManualClock",
    "Recorded",
    "RecordedResponse",
    "RecordingPolicy",
    "Source",
    "SourceContract",
    "SourceRegistry",
    "SourceSession",
    "break_off",
    "content",
    "find_sensitive_data",
    "network_error",
    "once",
    "open_bundle",
    "record",
    "status",
    "truncate",
    "write_bundle",
]

_MODULES: Final = {
    "AllowedDestinations": "sources.allow_list",
    "Canary": "testing.fixtures",
    "ContextFactory": "testing.fixtures",
    "Disturbance": "testing.faults.replay",
    "ManualClock": "testing.clock",
    "Recorded": "testing.recording.recorder",
    "RecordedResponse": "testing.faults.replay",
    "RecordingPolicy": "testing.recording.policy",
    "Source": "sources.source",
    "SourceContract": "testing.suite.contract",
    "SourceRegistry": "sources.registry",
    "SourceSession": "sources.session",
    "break_off": "testing.faults.disturbances",
    "content": "testing.faults.disturbances",
    "find_sensitive_data": "testing.recording.sensitive_data",
    "network_error": "testing.faults.disturbances",
    "once": "testing.faults.disturbances",
    "open_bundle": "bundle.reader",
    "record": "testing.recording.recorder",
    "status": "testing.faults.disturbances",
    "truncate": "testing.faults.disturbances",
    "write_bundle": "bundle.writer",
}
"""The module that defines each public object, below ``smaply_metrics_core``."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  # Any public object.
    """Load a public object on first use: every run of pytest imports the plugin of this package."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "record":
        require_extra("testing", "vcr", "pytest")
    found = getattr(import_module(f"smaply_metrics_core.{_MODULES[name]}"), name)
    set_public_module(__name__, [found])
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the lazy names as well."""
    return sorted({*globals(), *__all__})
