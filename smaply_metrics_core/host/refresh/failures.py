"""Refreshes of this process whose outcome could not be stored, as while the store is read-only."""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import Future
from typing import NamedTuple

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.host.store.metric_states import Attempt
from smaply_metrics_core.models.problem import Audience, Blame, Problem


class _WatchedRefresh(NamedTuple):
    """A refresh, and the last attempts of its metrics when it was submitted."""

    future: Future[object]
    attempts: Collection[Attempt | None]

    @property
    def error(self) -> BaseException | None:
        """The error that ended it, if it has ended with one."""
        if not self.future.done() or self.future.cancelled():
            return None
        return self.future.exception()


class UnstoredFailures:
    """The last failure of each survey that is not in the store; thread-safe."""

    def __init__(self) -> None:
        self._watched: dict[SurveyKey, _WatchedRefresh] = {}
        self._lock = threading.Lock()

    def watch(
        self, key: SurveyKey, attempts: Collection[Attempt | None], future: Future[object] | None
    ) -> None:
        """Remember a refresh unless it succeeds; ``None`` if another process runs it."""
        with self._lock:
            self._watched.pop(key, None)
            if future is None:
                return
            self._watched[key] = _WatchedRefresh(future, attempts)
        future.add_done_callback(lambda _: self._forget_success(key))

    def find(self, key: SurveyKey, attempt: Attempt | None) -> Problem | None:
        """Return the problem of a metric's survey unless another attempt was stored since."""
        with self._lock:
            watched = self._watched.get(key)
        if watched is None or watched.error is None or attempt not in watched.attempts:
            return None
        return _problem_of(watched.error)

    def _forget_success(self, key: SurveyKey) -> None:
        with self._lock:
            watched = self._watched.get(key)
            if watched is not None and watched.future.done() and watched.error is None:
                del self._watched[key]


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
