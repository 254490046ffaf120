"""Where background refreshes run: by default in a small thread pool of this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

logger = logging.getLogger(__name__)


class SurveyKey(NamedTuple):
    """What is refreshed together: one survey of one account's connection to a source."""

    account: str
    source: str
    survey_id: str


class RefreshExecutor(Protocol):
    """Takes surveys that are due, and sees to it that each is refreshed once, soon, somewhere."""

    @property
    def closed(self) -> bool:
        """Whether it takes nothing more."""
        ...

    def submit(self, key: SurveyKey, *, forced: bool) -> Future[object] | None:
        """Have a survey refreshed, or join what is on its way for it.

        Gives what ends with the refresh; ``None`` when another process makes it, whose traces are
        then found in the store.
        """
        ...

    def pending(self) -> Mapping[SurveyKey, Future[object]]:
        """Give the refreshes that wait for their turn or run in this process."""
        ...

    def close(self) -> None:
        """Take nothing more, and leave nothing of it running in this process."""
        ...


class ThreadRefreshExecutor:
    """Runs refreshes on threads, never two of one survey at a time.

    Args:
        refresh: Does one; gets the survey, whether an Editor asked for it, and the event that a
            shutdown sets.
        workers: How many surveys are refreshed at the same time.
    """

    def __init__(
        self, refresh: Callable[[SurveyKey, bool, threading.Event], object], workers: int
    ) -> None:
        self._refresh = refresh
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[SurveyKey, Future[object]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def submit(self, key: SurveyKey, *, forced: bool) -> Future[object]:
        """Start a refresh, or join the one that is on its way for this survey.

        Once closed, nothing is started: what is given has ended.
        """
        with self._lock:
            if self.closed:
                over: Future[object] = Future()
                over.set_result(None)
                return over
            running = self._running.get(key)
            if running is not None and not running.done():
                return running
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, "smaply-metrics-refresh")
            future = self._pool.submit(self._refresh, key, forced, self._stopping)
            self._running[key] = future
        future.add_done_callback(lambda ended: self._forget(key, ended))
        return future

    def pending(self) -> dict[SurveyKey, Future[object]]:
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

    def _forget(self, key: SurveyKey, ended: Future[object]) -> None:
        error = None if ended.cancelled() else ended.exception()
        if error is not None:  # Told here, as nobody may wait for it.
            logger.error("A refresh of survey %s broke off.", key.survey_id, exc_info=error)
        with self._lock:
            # Whoever waited for it may have started the next one already.
            if self._running.get(key) is ended:
                del self._running[key]
