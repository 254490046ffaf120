"""Logs refreshes: one line for each attempt, and once for each reason to leave them to others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Final

from smaply_metrics_core.context import Clock
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.models.problem import Problem

logger = logging.getLogger(__name__)

MOST_REASONS: Final = 1_000
"""The maximum number of reasons that are remembered; then all are logged again."""


class RefreshTimer:
    """Logs the end of one attempt with its duration."""

    def __init__(self, key: SurveyKey, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        self._begun = clock.monotonic()

    def ended(self, problems: Mapping[str, Problem | None]) -> None:
        """Log the outcome: a warning if a metric has a problem."""
        failed = [problem for problem in problems.values() if problem is not None]
        if not failed:
            logger.info(
                "Refreshed %s in %.1f s; metrics: %d.", self._key, self._seconds(), len(problems)
            )
            return
        kinds = ", ".join(sorted({problem.kind for problem in failed}))
        logger.warning(
            "The refresh of %s failed for %d of %d metrics after %.1f s: %s: %s",
            *(self._key, len(failed), len(problems), self._seconds(), kinds),
            " ".join(failed[0].message.split()),
        )

    def stopped(self) -> None:
        """Log that the process is shutting down."""
        logger.info(
            "The refresh of %s was cancelled after %.1f s by the shutdown; it does not count as an "
            "attempt.",
            *(self._key, self._seconds()),
        )

    def _seconds(self) -> float:
        return self._clock.monotonic() - self._begun


class RefreshLog:
    """Logs the refreshes of a process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reasons: set[str] = set()
        self._lock = threading.Lock()

    def begun(self, key: SurveyKey) -> RefreshTimer:
        """Return the timer of an attempt that begins now."""
        return RefreshTimer(key, self._clock)

    def left(self, key: SurveyKey, error: MetricsError) -> None:
        """Log that this process cannot make an attempt, once for each reason."""
        reason = " ".join(error.message.split())
        with self._lock:
            if len(self._reasons) >= MOST_REASONS:
                self._reasons.clear()
            known = reason in self._reasons
            self._reasons.add(reason)
        if not known:
            logger.warning(
                "This process cannot refresh %s and leaves it to other processes: %s: %s %s",
                *(key, error.kind, reason, error.remedy),
            )
