"""Where background refreshes run: in a small thread pool of this process."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class SurveyKey(NamedTuple):
    """What is refreshed together: one survey of one account's connection to a source."""

    account: str
    source: str
    survey_id: str


class ThreadRefresher:
    """Runs refreshes on threads, never two of one survey at a time.

    Args:
        refresh: Does one; gets the survey, whether an Editor asked for it, and the event that a
            shutdown sets.
        workers: How many surveys are refreshed at the same time.
    """

    def __init__(
        self, refresh: Callable[[SurveyKey, bool, threading.Event], None], workers: int
    ) -> None:
        self._refresh = refresh
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[SurveyKey, Future[None]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def submit(self, key: SurveyKey, *, forced: bool) -> Future[None]:
        """Start a refresh, or join the one that is on its way for this survey.

        Once closed, nothing is started: what is given has ended.
        """
        with self._lock:
            if self.closed:
                over: Future[None] = Future()
                over.set_result(None)
                return over
            if key in self._running:
                return self._running[key]
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, "smaply-metrics-refresh")
            future = self._pool.submit(self._refresh, key, forced, self._stopping)
            self._running[key] = future
        future.add_done_callback(lambda _: self._forget(key))
        return future

    def pending(self) -> dict[SurveyKey, Future[None]]:
        """Give the refreshes that wait for their turn or run."""
        with self._lock:
            # Who waited for one may look before it is forgotten.
            return {key: future for key, future in self._running.items() if not future.done()}

    @property
    def closed(self) -> bool:
        """Whether it takes nothing more."""
        return self._stopping.is_set()

    def close(self) -> None:
        """Stop what runs, wait for it to end, and take nothing more."""
        with self._lock:
            self._stopping.set()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _forget(self, key: SurveyKey) -> None:
        with self._lock:
            self._running.pop(key, None)
