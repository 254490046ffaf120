"""Single-flight: concurrent callers with the same key share one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from threading import Lock
from typing import Generic, TypeVar

from smaply_metrics_core.forking import call_now_and_in_children

V = TypeVar("V")


class SingleFlight(Generic[V]):
    """Runs one call for all concurrent callers with the same key; all get its value or its error.

    Calls with different keys do not wait for each other. Nothing is cached: a caller that arrives
    when no call is running starts a new one.

    Args:
        join_running: What callers get that arrive while a call is running. ``True``: the value of
            the running call. ``False``: the value of the next call, which starts when the running
            one has ended and is shared by all callers that arrived in between. No caller then gets
            a value that was read before its own request, and any number of concurrent callers cost
            two calls.
    """

    def __init__(self, *, join_running: bool) -> None:
        self._join_running = join_running
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._lock = Lock()
        self._running: dict[Hashable, Future[V]] = {}
        self._next: dict[Hashable, Future[V]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, key: Hashable, call: Callable[[], V]) -> V:
        """Run ``call`` on this thread, or wait for the call of another thread with the same key.

        Raises:
            BaseException: whatever the shared call raised.
        """
        flight, before, is_mine = self._enter(key)
        if not is_mine:
            return flight.result()
        try:
            if before is not None:
                wait_for([before])
                self._start_next(key, flight)
            value = call()
        except BaseException as error:
            self._leave(key, flight)
            flight.set_exception(error)
            raise
        self._leave(key, flight)
        flight.set_result(value)
        return value

    async def run_async(self, key: Hashable, call: Callable[[], Awaitable[V]]) -> V:
        """Await ``call``, or the call of another task with the same key.

        The call runs in a task of its own: cancelling one of its callers does not stop it.

        Raises:
            BaseException: whatever the shared call raised.
        """
        flight, before, is_mine = self._enter(key)
        if is_mine:
            task = asyncio.create_task(self._run_task(key, flight, before, call))
            self._tasks.add(task)  # The event loop itself holds only a weak reference.
            task.add_done_callback(self._tasks.discard)
        return await asyncio.wrap_future(flight)

    async def _run_task(
        self,
        key: Hashable,
        flight: Future[V],
        before: Future[V] | None,
        call: Callable[[], Awaitable[V]],
    ) -> None:
        try:
            if before is not None:
                await asyncio.gather(asyncio.wrap_future(before), return_exceptions=True)
                self._start_next(key, flight)
            value = await call()
        except BaseException as error:
            self._leave(key, flight)
            flight.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            self._leave(key, flight)
            flight.set_result(value)

    def _enter(self, key: Hashable) -> tuple[Future[V], Future[V] | None, bool]:
        """Return the call to share, the one that must end first, and whether to run it here."""
        mine: Future[V] = Future()
        mine.set_running_or_notify_cancel()  # From now on, no waiting task can cancel it.
        with self._lock:
            running = self._running.get(key)
            if running is None:
                self._running[key] = mine
                return mine, None, True
            if self._join_running:
                return running, None, False
            flight = self._next.setdefault(key, mine)
            return flight, running, flight is mine

    def _start_next(self, key: Hashable, flight: Future[V]) -> None:
        """Make the next call the running one; later callers share another."""
        with self._lock:
            del self._next[key]
            self._running[key] = flight

    def _leave(self, key: Hashable, flight: Future[V]) -> None:
        """Remove a call that has ended, unless the next one waits for it and replaces it."""
        with self._lock:
            if self._next.get(key) is flight:  # It was interrupted while it waited.
                del self._next[key]
            elif key not in self._next:
                del self._running[key]
