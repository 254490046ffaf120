"""Reports refreshes: one log record and measurement for each attempt.

A reason why this process makes no attempt is logged once. A record has the fields that
docs/observing.md lists.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Final

from smaply_metrics_core.context import Clock
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host.exchange_totals import ExchangeTotals
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.observability.instruments import (
    EXPORT_SIZE,
    LEASE_WAITS,
    OUTCOME,
    REFRESH_DURATION,
    REFRESHES,
    SOURCE,
)
from smaply_metrics_core.observability.log_events import FieldValue, log_event

logger = logging.getLogger(__name__)

MOST_REASONS: Final = 1_000
"""The maximum number of reasons that are remembered; then all are logged again."""


class RefreshReport:
    """What one attempt did, reported when it ends.

    Args:
        key: The survey.
        source: The source of its connection.
        metrics: The number of its metrics.
        clock: The clock of the duration.
        span: The span of the attempt.

    Attributes:
        totals: The requests to the survey tool.
    """

    def __init__(
        self, key: SurveyKey, source: str, metrics: int, clock: Clock, span: telemetry.Span
    ) -> None:
        self._key = key
        self._source = source
        self._metrics = metrics
        self._clock = clock
        self._span = span
        self._begun = clock.monotonic()
        self._exports = 0
        self.totals = ExchangeTotals()

    def note_export(self) -> None:
        """Note that the source is going to be called for the survey's responses."""
        self._exports += 1

    def ended(self, problems: Mapping[str, Problem | None]) -> None:
        """Report the outcome; the record is a warning if a metric has a problem."""
        failed = [problem for problem in problems.values() if problem is not None]
        if not failed:
            self._report("done", logging.INFO, f"Refreshed {self._survey}.")
            return
        first = failed[0]
        self._report(
            "failed" if len(failed) == len(problems) else "partial",
            logging.WARNING,
            f"The refresh of {self._survey} failed for {len(failed)} of {len(problems)} metrics: "
            f"{' '.join(first.message.split())}",
            failed=len(failed),
            error=",".join(sorted({problem.kind for problem in failed})),
            request_id=first.request_id or self.totals.request_id,
        )

    def stopped(self) -> None:
        """Report that the process is shutting down."""
        self._report(
            "cancelled",
            logging.INFO,
            f"The refresh of {self._survey} was cancelled by the shutdown; it does not count as an "
            "attempt.",
        )

    def left(self, error: MetricsError) -> None:
        """Report that this process could not make the attempt; the reason is logged elsewhere."""
        self._report(
            "left",
            logging.INFO,
            f"The refresh of {self._survey} was left to other processes; it does not count as an "
            "attempt.",
            error=error.kind,
        )

    def crashed(self, error: BaseException) -> None:
        """Report a bug of this release, whose traceback is logged elsewhere."""
        self._report(
            "error",
            logging.WARNING,
            f"The refresh of {self._survey} failed.",
            error=type(error).__name__,
        )

    @property
    def _survey(self) -> str:
        return f"survey {_one_line(self._key.survey_id)}"

    def _report(self, outcome: str, level: int, sentence: str, **more: FieldValue) -> None:
        seconds = round(self._clock.monotonic() - self._begun, 3)
        fields: dict[str, FieldValue] = {
            "outcome": outcome,
            "account": self._key.account,
            "connection": self._key.connection_id,
            "source": self._source,
            "survey": self._key.survey_id,
            "metrics": self._metrics,
            "seconds": seconds,
            "bytes": self.totals.bytes,
            "exports": self._exports,
            "requests": self.totals.requests,
            "request_id": self.totals.request_id,
            **more,
        }
        log_event(logger, level, sentence, fields)
        attributes = {SOURCE: self._source, OUTCOME: outcome}
        telemetry.measure(REFRESHES, 1, attributes)
        telemetry.measure(REFRESH_DURATION, seconds, attributes)
        telemetry.measure(EXPORT_SIZE, self.totals.bytes, {SOURCE: self._source})
        self._span.set(attributes)
        if level >= logging.WARNING:
            self._span.fail(str(more.get("error") or outcome))


class RefreshLog:
    """Reports the refreshes of a process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reasons: set[str] = set()
        self._lock = threading.Lock()

    def begun(
        self, key: SurveyKey, source: str, metrics: int, span: telemetry.Span
    ) -> RefreshReport:
        """Return the report of an attempt that begins now."""
        return RefreshReport(key, source, metrics, self._clock, span)

    @staticmethod
    def busy(source: str) -> None:
        """Count that another process holds the lease."""
        telemetry.measure(LEASE_WAITS, 1, {SOURCE: source})

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


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
