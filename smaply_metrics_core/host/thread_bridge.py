"""Calling blocking functions from an event loop: on threads of its own, so the loop never waits."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial, wraps
from threading import Event
from typing import Any, Final, ParamSpec, TypeVar, cast

from smaply_metrics_core.errors import Cancelled, InputError

P = ParamSpec("P")
T = TypeVar("T")

CALLBACKS: Final = ("progress", "on_step")
"""Arguments that are functions of the caller: they are called on the caller's event loop."""


class ThreadBridge:
    """Turns functions that block into ones to await, which run on a bounded pool of threads.

    ``progress`` and ``on_step`` are called on the event loop. When the task that awaits a call is
    cancelled, a call that takes ``cancelled`` is told to stop and waited for, so that nothing runs
    on unseen; any other one is left to end by itself. A call that has not begun never will.

    Args:
        threads: How many calls run at the same time; further ones wait for their turn.
    """

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise InputError(
                f"{threads} threads can run no call.", remedy="Give 1 or more; 16 by default."
            )
        self._pool = ThreadPoolExecutor(threads, "smaply-metrics-host")
        self._stops: set[Event] = set()
        self._closed = False

    def __call__(self, function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
        """Give the function as one to await, with the same arguments, result and errors."""
        stoppable = "cancelled" in inspect.signature(function).parameters

        @wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            given: dict[str, Any] = dict(kwargs)
            loop = asyncio.get_running_loop()
            for name in CALLBACKS:
                if given.get(name) is not None:
                    given[name] = partial(_tell, loop, given[name])
            stop: Event | None = None
            if stoppable:
                stop = given["cancelled"] = given.get("cancelled") or Event()
            return await self._run(
                partial(cast("Callable[..., T]", function), *args, **given), stop
            )

        return call

    async def _run(self, work: Callable[[], T], stop: Event | None) -> T:
        if self._closed:
            raise InputError("This host is closed.", remedy="Open another one.")
        running = self._pool.submit(work)
        ending = asyncio.wrap_future(running)
        if stop is not None:
            self._stops.add(stop)
        try:
            await asyncio.wait((ending,))
        except asyncio.CancelledError:
            ending.add_done_callback(_drop)
            if stop is not None:
                stop.set()
                await _end(running, ending)
            else:
                running.cancel()
            raise
        finally:
            if stop is not None:
                self._stops.discard(stop)
        if ending.cancelled():
            raise Cancelled("The host was closed before this could begin.")
        return ending.result()

    def stop(self) -> None:
        """Take no further call, and tell those that can be told to stop. Called on the loop."""
        self._closed = True
        for stop in self._stops:
            stop.set()

    def close(self) -> None:
        """Wait for every call to end; blocks."""
        self._pool.shutdown(wait=True, cancel_futures=True)


async def _end(running: Future[T], ending: asyncio.Future[T]) -> None:
    """Wait until a call that was told to stop is over, however often this is cancelled too."""
    running.cancel()
    while not ending.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait((ending,))


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object) -> None:
    # A call that was left to end by itself may outlive the loop: then nobody listens any more.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *args)


def _drop(ending: asyncio.Future[T]) -> None:
    """Take notice of how a call ended that nobody waits for, so that it is not logged as lost."""
    if not ending.cancelled():
        ending.exception()
