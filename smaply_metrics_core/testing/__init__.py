"""The tests that every source has to pass, for authors of sources.

Subclass ``SourceContract`` in a test file. Recorded answers need the extra ``testing`` of
``smaply-metrics-core``, which is imported only where they are played.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smaply_metrics_core.extras import require_extra

if TYPE_CHECKING:
    from smaply_metrics_core.testing.clock import ManualClock
    from smaply_metrics_core.testing.recording.recorder import record
    from smaply_metrics_core.testing.suite.contract import SourceContract

__all__ = ["ManualClock", "SourceContract", "record"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # Whatever has the name.
    """Load on first use: the pytest plugin in this package is loaded by every run of pytest."""
    if name == "ManualClock":
        from smaply_metrics_core.testing import clock

        return clock.ManualClock
    if name == "SourceContract":
        from smaply_metrics_core.testing.suite import contract

        return contract.SourceContract
    if name == "record":
        require_extra("testing", "vcr", "pytest")
        from smaply_metrics_core.testing.recording import recorder

        return recorder.record
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
