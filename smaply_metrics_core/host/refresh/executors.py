"""Where background refreshes run: by default, in a thread pool of this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.observability.telemetry import capture_context

logger = logging.getLogger(__name__)


class SurveyKey(NamedTuple):
    """The unit of a refresh: one survey of one connection of an account."""

    account: str
    connection_id: str
    survey_id: str

    def __str__(self) -> str:
        """Return the key as one line of a log."""
        return "survey {2} (account {0}, connection {1})".format(
            *(
                "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in part)
                for part in self
            )
        )


class RefreshExecutor(Protocol):
    """Runs or queues the refreshes of surveys, never two of one survey at a time."""

    @property
    def closed(self) -> bool:
        """Whether it accepts no further refreshes."""
        ...

    def submit(self, key: SurveyKey, *, forced: bool) -> Future[object] | None:
        """Start or queue the refresh of a survey, or join the pending one.

        Returns:
            A future that ends with the refresh; ``None`` when another process runs it, which
            records its progress in the store.
        """
        ...

    def pending(self) -> Mapping[SurveyKey, Future[object]]:
        """Return the refreshes that are queued or running in this process."""
        ...

    def close(self) -> None:
        """Accept no further refreshes, and stop those that run in this process."""
        ...


class ThreadRefreshExecutor:
    """Runs refreshes in a thread pool, never two of one survey at a time.

    Args:
        refresh: Refreshes one survey; receives its key, whether an Editor requested it, and the
            event that a shutdown sets.
        workers: How many surveys are refreshed at the same time.
    """

    def __init__(
        self, refresh: Callable[[SurveyKey, bool, threading.Event], object], workers: int
    ) -> None:
        self._refresh = refresh
        self._workers = workers
        self._closed = False
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        # The refreshes of a parent go on there.
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[SurveyKey, Future[object]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def submit(self, key: SurveyKey, *, forced: bool) -> Future[object]:
        """Start the refresh of a survey, or join the pending one.

        Once closed, it starts nothing and returns a future that has ended.
        """
        with self._lock:
            if self.closed:
                ended: Future[object] = Future()
                ended.set_result(None)
                return ended
            running = self._running.get(key)
            if running is not None and not running.done():
                return running
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, "smaply-metrics-refresh")
            future = self._pool.submit(self._run, capture_context(), key, forced)
            self._running[key] = future
        future.add_done_callback(lambda ended: self._forget(key, ended))
        return future

    def _run(
        self,
        restore_context: Callable[[], AbstractContextManager[None]],
        key: SurveyKey,
        forced: bool,  # noqa: FBT001  # The pool passes it by position.
    ) -> object:
        with restore_context():
            return self._refresh(key, forced, self._stopping)

    def pending(self) -> dict[SurveyKey, Future[object]]:
        """Return the refreshes that are queued or running."""
        with self._lock:
            # A refresh may have ended before its callback removed it.
            return {key: future for key, future in self._running.items() if not future.done()}

    @property
    def closed(self) -> bool:
        """Whether it accepts no further refreshes."""
        return self._closed

    def close(self) -> None:
        """Accept no further refreshes, and wait until the running ones have stopped."""
        with self._lock:
            self._closed = True
            self._stopping.set()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _forget(self, key: SurveyKey, ended: Future[object]) -> None:
        error = None if ended.cancelled() else ended.exception()
        if error is not None:  # Logged here, because no caller may be waiting for the future.
            logger.error("The refresh of %s failed.", key, exc_info=error)
        with self._lock:
            # A caller that waited for it may have started the next one.
            if self._running.get(key) is ended:
                del self._running[key]
