"""Delivers events to one consumer: in order, at least once, by one process at a time."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final, Self, TypeAlias

from smaply_metrics_core.errors import Cancelled, StoreError
from smaply_metrics_core.forking import call_in_children
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import event_consumers
from smaply_metrics_core.host.store.event_consumers import Delivery
from smaply_metrics_core.host.store.event_signal import EventSignal
from smaply_metrics_core.host.store.events import EventKind, MetricsEvent, read_after

logger = logging.getLogger(__name__)

EventCallback: TypeAlias = Callable[[MetricsEvent], object]
"""Receives one event; an exception repeats it later."""

BATCH: Final = 100
"""How many events one statement reads. The position is stored after as many at the latest."""

SAVE_SECONDS: Final = 1.0
"""After how many seconds of deliveries the position is stored."""

BACK_OFF: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""The delays before an event is repeated after its callback has failed, in seconds."""


class EventDelivery:
    """Calls a callback with each event that its consumer has not processed.

    Args:
        runtime: The shared parts of the host.
        consumer: The name of the consumer.
        callback: Receives the events.
        kinds: The kinds of events that it receives; the consumer skips others.
    """

    def __init__(
        self,
        runtime: Runtime,
        consumer: str,
        callback: EventCallback,
        kinds: Collection[EventKind],
    ) -> None:
        self.consumer = consumer
        self._runtime = runtime
        self._callback = callback
        self._kinds = frozenset(kinds)
        self._claim = Delivery(
            consumer,
            secrets.token_hex(8),
            timedelta(seconds=runtime.settings.deadlines.lease),
        )

    def has_pending(self) -> bool | None:
        """Whether there are events to process; ``None`` when the consumer was removed."""
        with self._runtime.store.reading() as db:
            return event_consumers.has_pending(db, self.consumer)

    def deliver(self, stopping: threading.Event) -> int:
        """Deliver all events that are pending, unless another process delivers to the consumer.

        Returns:
            The number of calls of the callback that have succeeded.

        Raises:
            Exception: what the callback raised. The event is delivered again by the next call.
            StoreError: when the store cannot be used.
        """
        with self._runtime.store.writing() as db:
            position = self._claim.claim(db, self._runtime.lease_now())
        if position is None:
            return 0
        done = _Progress(position)
        try:
            self._deliver_from(done, stopping)
        finally:
            with self._runtime.store.writing() as db:
                self._claim.release(db, done.position)
        return done.delivered

    def _deliver_from(self, done: _Progress, stopping: threading.Event) -> None:
        clock = self._runtime.clock
        while not stopping.is_set():
            with self._runtime.store.reading() as db:
                batch = read_after(db, done.position, BATCH)
            if not batch:
                return
            saved_at = clock.monotonic()
            for event_id, event in batch:
                if stopping.is_set():
                    return
                if event is not None and event.kind in self._kinds:
                    self._callback(event)
                    done.delivered += 1
                done.position = event_id
                if clock.monotonic() - saved_at >= SAVE_SECONDS:
                    saved_at = clock.monotonic()
                    if not self._advance(done):
                        return
            if not self._advance(done):
                return

    def _advance(self, done: _Progress) -> bool:
        with self._runtime.store.writing() as db:
            held = self._claim.advance(db, done.position, self._runtime.lease_now())
        if not held:
            logger.warning(
                "The consumer %s took longer than %d s for an event; another process continues.",
                *(self.consumer, self._claim.length.total_seconds()),
            )
        return held


class _Progress:
    """How far a delivery is."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.delivered = 0


class EventSubscription:
    """Delivers events on a thread until it is closed; used as a context manager.

    In a child that is forked it has ended: the thread exists in the parent only.
    """

    def __init__(
        self,
        runtime: Runtime,
        delivery: EventDelivery,
        stopping: threading.Event,
        on_end: Callable[[], object] | None,
    ) -> None:
        self._runtime = runtime
        self._delivery = delivery
        self._on_end = on_end
        self._signal = EventSignal(runtime.store, runtime.clock)
        self._stopping = stopping
        self._thread: threading.Thread | None = threading.Thread(
            target=self._run, name="smaply-metrics-events", daemon=True
        )
        call_in_children(self._leave_to_the_parent)
        self._thread.start()

    def _leave_to_the_parent(self) -> None:
        self._thread = None
        self._stopping = threading.Event()
        self._stopping.set()

    @property
    def is_running(self) -> bool:
        """Whether it still delivers events."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Deliver no further event, without waiting for the end of the current one."""
        self._stopping.set()

    def close(self) -> None:
        """Stop, and wait until the callback has returned; called by it, do not wait."""
        self.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Self:
        """Return the subscription itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _run(self) -> None:
        try:
            self._receive()
        finally:
            self._signal.close()
            if self._on_end is not None:
                self._on_end()

    def _receive(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._signal.listen()
            try:
                pending = self._delivery.has_pending()
                if pending is None:
                    logger.warning(
                        "The consumer %s was removed; its subscription ends.",
                        self._delivery.consumer,
                    )
                    break
                if pending:
                    self._delivery.deliver(self._stopping)
                failures = 0
            except Cancelled:  # By the callback, because the receiver has ended.
                break
            except StoreError:
                logger.warning("Events could not be read; retrying.", exc_info=True)
            except Exception:
                logger.exception(
                    "The consumer %s could not process an event; it is repeated.",
                    self._delivery.consumer,
                )
            else:
                self._signal.wait(self._stopping)
                continue
            self._runtime.clock.wait(BACK_OFF[min(failures, len(BACK_OFF) - 1)], self._stopping)
            failures += 1
