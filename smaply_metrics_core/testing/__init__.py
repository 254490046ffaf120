"""The tests that every source has to pass, for authors of sources.

Subclass ``SourceContract`` in a test file. Recorded answers need the extra ``testing`` of
``smaply-metrics-core``, which is imported only where they are played.
"""

from __future__ import annotations

from smaply_metrics_core.testing.clock import SetClock
from smaply_metrics_core.testing.contract import SourceContract, record

__all__ = ["SetClock", "SourceContract", "record"]
