"""Runs blocking functions of an event loop on a thread pool of its own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from functools import partial, wraps
from threading import Event
from typing import Any, Final, ParamSpec, TypeVar, cast

from smaply_metrics_core.errors import Cancelled, InputError
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.models.problem import Audience
from smaply_metrics_core.observability.telemetry import capture_context

P = ParamSpec("P")
T = TypeVar("T")

CALLBACKS: Final = ("progress", "on_step")
"""Callback arguments; they are called on the event loop of the caller."""


class ThreadBridge:
    """Turns blocking functions into coroutine functions that run on a bounded thread pool.

    ``progress`` and ``on_step`` are called on the event loop. When the task that awaits a call is
    cancelled, a call that takes ``cancelled`` is cancelled and awaited; any other call runs to its
    end in the background. A call that has not started is dropped.

    Args:
        threads: How many calls run at the same time; further ones wait in a queue.
    """

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise InputError(
                f"The number of threads is not valid: {threads}.",
                remedy="Use 1 or more; the default is 16.",
                audience=Audience.OPERATOR,
            )
        self._threads = threads
        self._closed = False
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._pool = ThreadPoolExecutor(self._threads, "smaply-metrics-host")
        self._stops: set[Event] = set()

    def __call__(self, function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
        """Return a coroutine function with the same arguments, result and errors."""
        stoppable = "cancelled" in inspect.signature(function).parameters

        @wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            given: dict[str, Any] = dict(kwargs)
            loop = asyncio.get_running_loop()
            for name in CALLBACKS:
                if given.get(name) is not None:
                    given[name] = partial(_call_soon, loop, given[name])
            stop: Event | None = None
            if stoppable:
                stop = given["cancelled"] = given.get("cancelled") or Event()
            return await self._run(
                partial(cast("Callable[..., T]", function), *args, **given), stop
            )

        return call

    async def _run(self, work: Callable[[], T], stop: Event | None) -> T:
        if self._closed:
            raise InputError("This host is closed.", remedy="Open a new one.")
        running = self._pool.submit(_in_context, capture_context(), work)
        ending = asyncio.wrap_future(running)
        if stop is not None:
            self._stops.add(stop)
        try:
            await asyncio.wait((ending,))
        except asyncio.CancelledError:
            ending.add_done_callback(_retrieve_exception)
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
            raise Cancelled("The host was closed before this call started.")
        return ending.result()

    def stop(self) -> None:
        """Accept no further calls and cancel those that can be cancelled; called on the loop."""
        self._closed = True
        for stop in self._stops:
            stop.set()

    def close(self) -> None:
        """Block until every call has ended."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _in_context(
    restore_context: Callable[[], AbstractContextManager[None]], work: Callable[[], T]
) -> T:
    with restore_context():
        return work()


async def _end(running: Future[T], ending: asyncio.Future[T]) -> None:
    """Wait until a cancelled call has ended, even when this wait is cancelled too."""
    running.cancel()
    while not ending.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait((ending,))


def _call_soon(
    loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object
) -> None:
    # A call that runs to its end in the background may outlive the loop.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *args)


def _retrieve_exception(ending: asyncio.Future[T]) -> None:
    """Retrieve the exception of an unawaited call, so that asyncio does not log it."""
    if not ending.cancelled():
        ending.exception()
