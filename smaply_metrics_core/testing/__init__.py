"""The contract tests for authors of sources, and their tools.

Subclass ``SourceContract`` in a test file. Recording and playing cassettes needs the extra
``testing`` of ``smaply-metrics-core``, which is imported only then.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.extras import require_extra

if TYPE_CHECKING:  # Loaded on first use, see below.
    from smaply_metrics_core.testing.clock import ManualClock
    from smaply_metrics_core.testing.fixtures import Canary, ContextFactory
    from smaply_metrics_core.testing.recording.policy import RecordingPolicy
    from smaply_metrics_core.testing.recording.recorder import record
    from smaply_metrics_core.testing.suite.contract import SourceContract

__all__ = [
    "Canary",
    "ContextFactory",
    "ManualClock",
    "RecordingPolicy",
    "SourceContract",
    "record",
]

_MODULES: Final = {
    "Canary": "fixtures",
    "ContextFactory": "fixtures",
    "ManualClock": "clock",
    "RecordingPolicy": "recording.policy",
    "SourceContract": "suite.contract",
    "record": "recording.recorder",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # Any public object.
    """Load a public object on first use: every run of pytest imports the plugin of this package."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "record":
        require_extra("testing", "vcr", "pytest")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
