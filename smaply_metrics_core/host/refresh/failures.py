"""Refreshes of this process whose outcome could not be stored, as while the store is read-only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Final, NamedTuple

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.models.problem import Audience, Blame, Problem

MOST: Final = 10_000
"""The maximum number of stored failures; the oldest are dropped first."""


class UnstoredFailure(NamedTuple):
    """Why a refresh failed, and when it was submitted."""

    problem: Problem
    submitted_at: datetime


class UnstoredFailures:
    """The last failure of each survey that is not in the store; thread-safe.

    Args:
        now: Returns the current time, by which attempts are stored.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._failures: dict[SurveyKey, UnstoredFailure] = {}
        self._lock = threading.Lock()

    def watch(
        self, key: SurveyKey, submit: Callable[[], Future[object] | None]
    ) -> Future[object] | None:
        """Submit a refresh, and note its failure when it ends."""
        submitted_at = self._now()
        future = submit()
        if future is None:
            self._note(key, None, submitted_at)
        else:
            future.add_done_callback(
                lambda ended: self._note(
                    key, None if ended.cancelled() else ended.exception(), submitted_at
                )
            )
        return future

    def find(self, key: SurveyKey, attempted_at: datetime | None) -> Problem | None:
        """Return the problem of a survey unless an attempt was stored since."""
        with self._lock:
            failure = self._failures.get(key)
        if failure is None or (attempted_at is not None and attempted_at >= failure.submitted_at):
            return None
        return failure.problem

    def _note(self, key: SurveyKey, error: BaseException | None, submitted_at: datetime) -> None:
        with self._lock:
            self._failures.pop(key, None)
            if error is None:
                return
            if len(self._failures) >= MOST:
                del self._failures[next(iter(self._failures))]
            self._failures[key] = UnstoredFailure(_problem_of(error), submitted_at)


def _problem_of(error: BaseException) -> Problem:
    if isinstance(error, MetricsError):
        return error.to_problem()
    # The text of an unexpected exception may contain a secret; the log has it.
    return Problem(
        kind="bug",
        message=f"The refresh failed with an unexpected error ({type(error).__name__}).",
        remedy="Try again. If it fails again, send the log of this time to support.",
        blame=Blame.PLUGIN,
        audience=Audience.OPERATOR,
    )
