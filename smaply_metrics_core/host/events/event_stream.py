"""Events as an async iterator."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Collection
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

from smaply_metrics_core.errors import Cancelled
from smaply_metrics_core.host.events.service import Events
from smaply_metrics_core.host.store.events import EventKind, MetricsEvent
from smaply_metrics_core.host.thread_bridge import ThreadBridge

SECONDS: Final = 0.2
"""How often the thread that waits for the loop checks whether the stream has ended."""


async def stream(
    events: Events, quick: ThreadBridge, consumer: str, kinds: Collection[EventKind]
) -> AsyncGenerator[MetricsEvent]:
    """Yield each event until the subscription ends.

    An event counts as processed when the next one is requested.
    """
    loop = asyncio.get_running_loop()
    handed: asyncio.Queue[tuple[MetricsEvent, Future[None]] | None] = asyncio.Queue()
    ended = threading.Event()

    def hand_over(event: MetricsEvent) -> None:
        processed: Future[None] = Future()
        try:
            loop.call_soon_threadsafe(handed.put_nowait, (event, processed))
        except RuntimeError:  # The loop is closed.
            raise Cancelled("The event loop has ended.") from None
        while not ended.is_set():
            with suppress(TimeoutError):
                return processed.result(SECONDS)
        raise Cancelled("The stream has ended.")

    def notify_of_end() -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(handed.put_nowait, None)

    subscription = await quick(events.subscribe)(
        consumer, hand_over, kinds=kinds, cancelled=ended, on_end=notify_of_end
    )
    try:
        while (next_event := await handed.get()) is not None:
            event, processed = next_event
            yield event
            processed.set_result(None)
    finally:
        ended.set()
        await asyncio.to_thread(subscription.close)
